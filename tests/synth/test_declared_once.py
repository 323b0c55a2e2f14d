from __future__ import annotations

import pytest
from aws_cdk import Annotations as Noted
from aws_cdk import App, CfnParameter, NestedStack, Stack
from aws_cdk.assertions import Annotations, Match
from constructs import Construct

from tests.synth.roster import OTHER_ORGANIZATION, new_stack, register

END_OF_SUPPORT = "@cdk-workmail/end-of-support"


def test_an_entity_is_declared_once_in_a_stack() -> None:
    stack = new_stack()
    register(stack, "Alice", entity_id="alice")
    with pytest.raises(ValueError, match=r"^Mail/Team/A: entity_id .*'ALICE', which Mail/Alice "):
        register(Construct(stack, "Team"), "A", entity_id="ALICE")


def test_an_address_is_declared_once_in_a_stack() -> None:
    stack = new_stack()
    register(stack, "Alice")
    with pytest.raises(
        ValueError, match=r"^Mail/Bob: email .*'Alice@Example.com', which Mail/Alice "
    ):
        register(stack, "Bob", organization_id=OTHER_ORGANIZATION, email="Alice@Example.com")


def test_an_entity_of_another_organization_is_another_entity() -> None:
    stack = new_stack()
    register(stack, "Alice", entity_id="alice")
    register(stack, "Other", entity_id="alice", organization_id=OTHER_ORGANIZATION)


def test_tokens_are_not_compared() -> None:
    stack = new_stack()
    name = CfnParameter(stack, "Name").value_as_string
    for id in ("Alice", "Bob"):
        register(stack, id, entity_id=name, email=f"{name}@example.com")


def test_each_stack_declares_for_itself() -> None:
    app = App()
    stack = Stack(app, "Mail")
    for scope in (stack, NestedStack(stack, "Nested"), Stack(app, "Other")):
        register(scope, "Alice")


@pytest.mark.parametrize("count", [1, 3])
def test_a_stack_warns_once_of_the_end_of_support(count: int) -> None:
    stack = new_stack()
    for number in range(count):
        register(stack, f"Member{number}")
    found = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    assert [(warning.id, END_OF_SUPPORT in str(warning.entry.data)) for warning in found] == [
        ("/Mail", True)
    ]
    assert "March 31, 2027" in str(found[0].entry.data)


def test_the_warning_can_be_acknowledged_before_and_after() -> None:
    before, after = new_stack(), new_stack()
    Noted.of(before).acknowledge_warning(END_OF_SUPPORT, "we leave in January")
    register(before)
    register(after)
    Noted.of(after).acknowledge_warning(END_OF_SUPPORT)
    for stack in (before, after):
        Annotations.from_stack(stack).has_no_warning("*", Match.any_value())
