"""An entity and an address are declared once, and each stack warns once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Annotations as Noted
from aws_cdk import App, CfnParameter, NestedStack, Stack
from aws_cdk.assertions import Annotations, Match
from constructs import Construct

from tests.synth.roster import (
    OTHER_ORGANIZATION,
    REGISTRATION,
    declare_group,
    declare_resource,
    declare_user,
    new_stack,
    register,
    resources,
)

END_OF_SUPPORT = "@cdk-workmail/end-of-support"
DECLARED_IN_TWO_STACKS = "@cdk-workmail/declared-in-two-stacks"
Enable = Callable[[Construct, str], None]


def by_name(scope: Construct, email: str) -> None:
    register(scope, "Plain", entity_id="ALICE", email=email)


def as_user(scope: Construct, email: str) -> None:
    declare_user(scope, "User", name="alice").enable(email=email)


def as_group(scope: Construct, email: str) -> None:
    declare_group(scope, "Group", name="alice").enable(email=email)


def as_resource(scope: Construct, email: str) -> None:
    declare_resource(scope, "Room", name="alice").enable(email=email)


def by_id(scope: Construct, email: str) -> None:
    user = declare_user(scope, "WithId", name="Alice")
    register(scope, "ById", entity_id=user.user_id, email=email)


PAIRS = pytest.mark.parametrize(
    ("first", "second", "path"),
    [
        (by_name, by_name, "Plain"),
        (as_user, by_name, "User/Registration"),
        (as_group, by_name, "Group/Registration"),
        (as_resource, by_name, "Room/Registration"),
        (by_name, as_user, "Plain"),
        (by_id, by_name, "ById"),
    ],
)


def warnings(stack: Stack) -> list[str]:
    found = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    return [str(each.entry.data) for each in found if "in another stack" in str(each.entry.data)]


@PAIRS
def test_an_entity_is_enabled_once_in_a_stack(first: Enable, second: Enable, path: str) -> None:
    stack = new_stack()
    first(stack, "a@example.com")
    with pytest.raises(ValueError, match=rf"(?i)entity_id must .*'alice', which Mail/{path} "):
        second(Construct(stack, "Team"), "b@example.com")


@PAIRS
def test_an_entity_in_two_stacks_of_an_app_is_a_warning_that_can_be_acknowledged(
    first: Enable, second: Enable, path: str
) -> None:
    app = App()
    one, other = Stack(app, "One"), Stack(app, "Other")
    first(one, "a@example.com")
    second(other, "b@example.com")
    assert warnings(one) == []
    (warning,) = warnings(other)
    assert f"is declared by One/{path} too" in warning
    Noted.of(other).acknowledge_warning(DECLARED_IN_TWO_STACKS)
    assert warnings(other) == []


def test_a_user_without_a_mailbox_can_be_registered_by_name() -> None:
    stack = new_stack()
    declare_user(stack, "Alice")
    register(stack, "Mailbox", entity_id="alice")
    assert len(resources(stack, REGISTRATION)) == 1


@pytest.mark.parametrize(
    ("first", "second", "field"),
    [
        ({}, {"email": "Alice@Example.com"}, "email"),
        ({"aliases": ["info@example.com"]}, {"aliases": ["Info@example.com"]}, "aliases"),
        ({"aliases": ["info@example.com"]}, {"email": "info@example.com"}, "email"),
        ({"email": "info@example.com"}, {"aliases": ["info@example.com"]}, "aliases"),
    ],
)
def test_an_address_is_declared_once_in_a_stack_whatever_the_organization(
    first: dict[str, Any], second: dict[str, Any], field: str
) -> None:
    stack = new_stack()
    register(stack, "Alice", **first)
    with pytest.raises(
        ValueError, match=rf"^Mail/Bob: {field} must be declared once .* which Mail/Alice declares$"
    ):
        register(stack, "Bob", organization_id=OTHER_ORGANIZATION, **second)


def test_other_organizations_tokens_and_apps_are_not_compared() -> None:
    stack = new_stack()
    name = CfnParameter(stack, "Name").value_as_string
    register(stack, "Alice")
    register(stack, "Other", entity_id="alice", organization_id=OTHER_ORGANIZATION)
    for id in ("Bob", "Carol"):
        register(stack, id, entity_id=name, email=f"{name}@example.com")
    elsewhere = new_stack()
    register(elsewhere, "Alice")
    assert len(resources(stack, REGISTRATION)) == 4
    assert warnings(stack) == warnings(elsewhere) == []


def test_a_nested_stack_is_another_stack() -> None:
    stack = new_stack()
    nested = NestedStack(stack, "Nested")
    for scope in (stack, nested):
        register(scope, "Alice")
    assert len(warnings(stack)) == 1


@pytest.mark.parametrize("count", [1, 3])
def test_a_stack_warns_once_of_the_end_of_support(count: int) -> None:
    stack = new_stack()
    for number in range(count):
        declare_user(stack, f"Member{number}")
        register(stack, f"Registered{number}")
    (found,) = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    assert found.id == "/Mail"
    assert END_OF_SUPPORT in str(found.entry.data)
    assert "March 31, 2027" in str(found.entry.data)


def test_the_warning_can_be_acknowledged_before_and_after() -> None:
    before, after = new_stack(), new_stack()
    Noted.of(before).acknowledge_warning(END_OF_SUPPORT, "we leave in January")
    register(before)
    register(after)
    Noted.of(after).acknowledge_warning(END_OF_SUPPORT)
    for stack in (before, after):
        Annotations.from_stack(stack).has_no_warning("*", Match.any_value())
