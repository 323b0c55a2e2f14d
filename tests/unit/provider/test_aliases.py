"""The aliases of a registration, against the local WorkMail."""

from __future__ import annotations

from typing import Any

import pytest

from local_aws.workmail import Behaviour, Failure
from tests.support.harness import FunctionHarness, failed, succeeded
from workmail_provider.cloudformation.response import NEVER_CREATED

A: dict[str, Any] = {"Aliases": ["a@example.com"]}


class AliasHarness(FunctionHarness):
    """Alice is enabled and has an alias; `declare` updates her registration."""

    def __init__(self) -> None:
        super().__init__()
        self.enable("alice", "alice@example.com")
        self.alice.aliases = ["a@example.com"]
        self.own = self.registration_id(self.alice)

    def declare(
        self, *aliases: str, before: dict[str, Any] | None = None, **changes: Any
    ) -> dict[str, Any]:
        return self.send(
            "Update",
            self.own,
            before=A if before is None else before,
            Aliases=[*aliases],
            **changes,
        )


@pytest.fixture
def harness() -> AliasHarness:
    return AliasHarness()


def test_a_new_registration_has_the_declared_aliases() -> None:
    harness = FunctionHarness()
    succeeded(harness.send("Create", Aliases=["b@example.com", "a@example.com"]))
    assert sorted(harness.alice.aliases) == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize("alias", ["a@example.com", "A@Example.com"])
def test_aliases_as_declared_are_only_read(harness: AliasHarness, alias: str) -> None:
    succeeded(harness.declare(alias))
    assert harness.operations == ["DescribeUser", "ListAliases"]
    assert harness.stack_calls == []


def test_aliases_are_compared_without_regard_to_case(harness: AliasHarness) -> None:
    harness.alice.aliases = ["A@example.com", "B@example.com", "C@example.com"]
    before = {"Aliases": ["a@example.com", "b@EXAMPLE.com", "D@example.com"]}
    succeeded(harness.declare("a@example.COM", before=before))
    assert harness.alice.aliases == ["A@example.com", "C@example.com"]
    assert harness.workmail.calls.of("CreateAlias") == []


def test_aliases_of_every_page_are_removed(harness: AliasHarness) -> None:
    harness.alice.aliases = [f"{number}@example.com" for number in range(101)]
    succeeded(harness.declare(RemoveOtherAliases="true"))
    assert harness.alice.aliases == []


def test_undeclared_aliases_are_not_managed(harness: AliasHarness) -> None:
    succeeded(harness.send("Update", harness.own, before=A))
    assert harness.operations == ["DescribeUser"]


def test_only_an_alias_that_was_declared_before_is_removed(harness: AliasHarness) -> None:
    harness.alice.aliases = ["a@example.com", "b@example.com", "other@example.com"]
    before = {"Aliases": ["a@example.com", "b@example.com"]}
    succeeded(harness.declare("b@example.com", before=before))
    assert harness.alice.aliases == ["b@example.com", "other@example.com"]


@pytest.mark.parametrize("remove_others", ["false", "true"])
def test_a_former_primary_address_is_kept_unless_other_aliases_are_removed(
    harness: AliasHarness, remove_others: str
) -> None:
    changed = {"Email": "alice.liddell@example.com", "RemoveOtherAliases": remove_others}
    for before in (A, {**A, **changed}):
        succeeded(harness.declare("a@example.com", before=before, **changed))
    kept = ["alice@example.com"] if remove_others == "false" else []
    assert sorted(harness.alice.aliases) == ["a@example.com", *kept]


@pytest.mark.parametrize("email", ["alice@example.com", "Alice@Example.com"])
def test_the_primary_address_is_neither_added_nor_removed_as_an_alias(
    harness: AliasHarness, email: str
) -> None:
    harness.workmail.behaviour = Behaviour(
        primary_is_listed_as_alias=True, repeated_alias_error="EmailAddressInUseException"
    )
    for aliases in (["a@example.com"], ["a@example.com", "ALICE@example.com"]):
        succeeded(harness.declare(*aliases, Email=email, RemoveOtherAliases="true"))
    assert harness.workmail.calls.of("DeleteAlias") == []


def test_a_declared_primary_address_is_not_added_as_an_alias(harness: AliasHarness) -> None:
    harness.workmail.behaviour = Behaviour(repeated_alias_error="EmailAddressInUseException")
    succeeded(harness.declare("a@example.com", "Alice@example.com"))
    assert harness.workmail.calls.of("CreateAlias") == []


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_only_an_update_of_the_same_entity_removes_aliases(
    harness: AliasHarness, request_type: str
) -> None:
    """A Create, or an Update that moves to another entity, could not be rolled back."""
    harness.alice.aliases = [f"{number}@example.com" for number in range(3)]
    before = None if request_type == "Create" else harness.registration_id(harness.bob)
    given: dict[str, Any] = {**A, "RemoveOtherAliases": "true"}
    response = harness.send(request_type, before, **given)
    assert failed(response).startswith(
        f"user alice (id {harness.alice.entity_id}) has 3 aliases that are not declared "
        "(0@example.com, 1@example.com, ...): declare them, and remove them in a second deployment"
    )
    assert response["PhysicalResourceId"] == (before or NEVER_CREATED)
    assert set(harness.operations) == {"DescribeUser", "ListAliases"}
    succeeded(harness.send(request_type, before, **A))
    assert "a@example.com" in harness.alice.aliases


def test_a_create_that_comes_again_in_a_rollback_removes_no_alias(harness: AliasHarness) -> None:
    harness.alice.aliases = ["0@example.com"]
    harness.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    assert "has 1 aliases that are" in failed(
        harness.send("Create", RemoveOtherAliases="true", **A)
    )
    assert harness.alice.aliases == ["0@example.com"]


def test_a_rollback_removes_no_alias(harness: AliasHarness) -> None:
    harness.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    succeeded(harness.declare())
    assert harness.alice.aliases == ["a@example.com"]


def test_renaming_a_construct_keeps_the_aliases(harness: AliasHarness) -> None:
    assert succeeded(harness.send("Create", logical_id="Renamed", **A)) == harness.own
    harness.stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    harness.stack.resources["Renamed"] = (harness.own, "CREATE_COMPLETE")
    succeeded(harness.send("Delete", harness.own, **A))
    assert harness.alice.aliases == ["a@example.com"]
    assert harness.alice.state == "ENABLED"


def test_an_alias_of_another_user_fails_and_names_the_user(harness: AliasHarness) -> None:
    harness.enable("bob", "bob@example.com")
    reason = failed(harness.declare("a@example.com", "bob@example.com"))
    assert f"bob@example.com is in use by user bob (id {harness.bob.entity_id})" in reason


def test_too_many_aliases_fail_at_once(harness: AliasHarness) -> None:
    harness.workmail.faults.add("CreateAlias", Failure("LimitExceededException"))
    began = harness.now
    assert "declare fewer" in failed(harness.declare("a@example.com", "b@example.com"))
    assert harness.now - began < 1
