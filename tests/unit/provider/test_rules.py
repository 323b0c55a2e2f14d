"""Rules at their boundaries, where no test of a resource type comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.harness import service_model
from tests.support.lambda_fakes import ORGANIZATION_ID
from workmail_provider.rules.aliases import to_remove
from workmail_provider.rules.entities import Entity, EntityState
from workmail_provider.rules.kinds import GROUP, RESOURCE, USER, EntityKind, EntityType
from workmail_provider.rules.ownership import StackOperation, StackResource, other_declaration
from workmail_provider.rules.physical_ids import EntityPhysicalId, RegistrationId
from workmail_provider.rules.registration import was_enabled_before, was_surely_enabled_before

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ALICE = Entity(
    ORGANIZATION_ID, "id", EntityType.USER, "alice", EntityState.ENABLED, "alice@example.com", NOW
)


@pytest.mark.parametrize("kind", [USER, GROUP, RESOURCE], ids=lambda kind: kind.word)
def test_every_attribute_of_the_api_is_one_of_its_kind(kind: EntityKind) -> None:
    def members(operation: str) -> set[str]:
        shape = service_model().operation_model(operation).input_shape
        assert shape
        return set(shape.members) - {"OrganizationId", kind.id_name, "Name", "Password", "Email"}

    assert kind.created_with == members(kind.create_operation)
    assert kind.updated_with == members(kind.update_operation)


@pytest.mark.parametrize(
    ("status", "root_status", "deletes", "rolls_back", "is_over"),
    [
        ("UPDATE_IN_PROGRESS", None, False, False, False),
        ("DELETE_IN_PROGRESS", None, True, False, False),
        ("DELETE_FAILED", None, False, False, True),
        ("DELETE_COMPLETE", "UPDATE_IN_PROGRESS", False, False, True),
        ("DELETE_FAILED", "UPDATE_IN_PROGRESS", False, False, True),
        ("DELETE_IN_PROGRESS", "UPDATE_IN_PROGRESS", True, False, False),
        ("ROLLBACK_IN_PROGRESS", None, False, True, False),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None, False, True, False),
        ("UPDATE_ROLLBACK_COMPLETE", None, False, False, True),
        ("ROLLBACK_FAILED", None, False, False, True),
        ("CREATE_COMPLETE", "UPDATE_IN_PROGRESS", False, False, False),
        ("CREATE_COMPLETE", "ROLLBACK_IN_PROGRESS", False, True, False),
        ("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", False, False, False),
    ],
)
def test_an_operation_is_what_its_statuses_say(
    status: str, root_status: str | None, deletes: bool, rolls_back: bool, is_over: bool
) -> None:
    operation = StackOperation(status, root_status, NOW)
    found = (operation.deletes_stack, operation.rolls_back, operation.is_over)
    assert found == (deletes, rolls_back, is_over)


def test_a_resource_is_no_other_declaration_of_itself() -> None:
    own = StackResource("Alice", "id", "UPDATE_COMPLETE", "Custom::WorkMailUser")
    assert other_declaration("id", "Alice", [own]) is None
    assert other_declaration("id", "Alice", [own, replace(own, logical_id="Bob")]) == "Bob"


@pytest.mark.parametrize(
    ("at", "before", "surely"),
    [
        (NOW, False, False),
        (NOW + SECOND, True, False),
        (NOW + 2 * SECOND, True, False),
        (NOW + 3 * SECOND, True, True),
    ],
)
def test_enabled_by_means_before_and_surely_means_two_seconds_before(
    at: datetime, before: bool, surely: bool
) -> None:
    assert was_enabled_before(ALICE, at) is before
    assert was_surely_enabled_before(ALICE, at) is surely


def test_a_disabled_entity_and_one_without_a_date_were_not_surely_enabled() -> None:
    later = NOW + timedelta(hours=1)
    assert not was_surely_enabled_before(replace(ALICE, state=EntityState.DISABLED), later)
    assert not was_surely_enabled_before(replace(ALICE, enabled_date=None), later)


def test_a_primary_address_in_another_case_is_not_removed() -> None:
    primary = "alice@EXAMPLE.com"
    assert to_remove(["Alice@example.com"], [], [], primary, remove_others=True) == []


@pytest.mark.parametrize(
    "text", ["", "m-1/id", f"{ORGANIZATION_ID}/id/members", f"{ORGANIZATION_ID}/a b", "x"]
)
def test_an_id_of_another_form_is_not_parsed(text: str) -> None:
    assert RegistrationId.parse(text) is None
    assert EntityPhysicalId.parse(USER, text) is None


def test_ids_are_parsed_as_they_are_written() -> None:
    registration, user = RegistrationId.of(ALICE), EntityPhysicalId.of(USER, ALICE)
    assert RegistrationId.parse(str(registration)) == registration
    assert EntityPhysicalId.parse(USER, str(user)) == user
    assert EntityPhysicalId.parse(GROUP, str(user)) is None
    assert EntityPhysicalId.parse(USER, f"{user}/members") is None
