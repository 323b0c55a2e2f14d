"""An update of a roster that removes too many entries fails before anything is removed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.harness import (
    FunctionHarness,
    client_error,
    failed,
    stack_id,
    succeeded,
)
from tests.support.lambda_fakes import ORGANIZATION_ID
from workmail_provider.rules.removals import allowed_removals

GUARD = "Custom::WorkMailRemovalGuard"
OWN = f"{ORGANIZATION_ID}/removal-guard/Guard"
NAMES = [f"user{number:02}" for number in range(20)]


def registrations(*names: str) -> list[str]:
    return [f"registration/{name}" for name in names]


class GuardHarness(FunctionHarness):
    """A roster of twenty users."""

    def __init__(self) -> None:
        super().__init__()
        for name in NAMES:
            self.organization.add_user(name)

    def update(
        self,
        entries: list[str],
        *,
        before: list[str] | None = None,
        maximum: str = "25%",
        retained: list[str] | None = None,
        organization_id: str = ORGANIZATION_ID,
    ) -> dict[str, Any]:
        declared: dict[str, Any] = {
            "OrganizationId": organization_id,
            "Entries": entries,
            "Retained": retained or [],
            "MaximumRemovals": maximum,
        }
        old = {
            "OrganizationId": ORGANIZATION_ID,
            "Entries": registrations(*NAMES) if before is None else before,
            "MaximumRemovals": "25%",
        }
        return self.send(
            "Update", OWN, logical_id="Guard", resource_type=GUARD, before=old, **declared
        )

    def id_of(self, name: str, between: str = "") -> str:
        return f"{ORGANIZATION_ID}/{between}{self.organization.entity(name).entity_id}"


@pytest.fixture
def harness() -> GuardHarness:
    return GuardHarness()


def test_a_quarter_may_be_removed_and_not_one_more(harness: GuardHarness) -> None:
    assert succeeded(harness.update(registrations(*NAMES[5:]))) == OWN
    assert "would be removed" in failed(harness.update(registrations(*NAMES[6:])))


def test_the_message_says_how_many_names_the_first_ten_and_how_to_allow_it(
    harness: GuardHarness,
) -> None:
    message = failed(harness.update(registrations(*NAMES[8:]))).partition(" [")[0]
    assert message == (
        "8 of 20 entries would be removed, and maximum_removals allows 5: restore them, or set it "
        "to 8 for one deployment (user00, user01, user02, user03, user04, user05, user06, user07)"
    )
    message = failed(harness.update([])).partition(" [")[0]
    assert message.endswith("(" + ", ".join(NAMES[:10]) + ", ...)")
    assert len(message) <= 240


def test_long_names_leave_the_way_to_allow_it_in_the_message(harness: GuardHarness) -> None:
    long = [f"{'x' * 60}{number}" for number in range(12)]
    message = failed(harness.update([], before=registrations(*long))).partition(" [")[0]
    assert f"set it to 12 for one deployment ({long[0]}, ...)" in message
    assert len(message) <= 240


def test_what_the_message_says_allows_it(harness: GuardHarness) -> None:
    succeeded(harness.update(registrations(*NAMES[8:]), maximum="8"))
    failed(harness.update(registrations(*NAMES[8:]), maximum="7"))
    succeeded(harness.update([], maximum="100%"))
    failed(harness.update(registrations(*NAMES[1:]), maximum="0"))


@pytest.mark.parametrize(
    ("maximum", "entities", "allowed"),
    [("25%", 10, 2), ("25%", 9, 9), ("12.5%", 80, 10), ("0%", 50, 0), ("3", 2, 3), ("0", 5, 0)],
)
def test_a_share_counts_once_ten_are_there(maximum: str, entities: int, allowed: int) -> None:
    assert allowed_removals(maximum, entities) == allowed


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"])
def test_rollbacks_pass_also_from_properties_that_the_guard_refuses(
    harness: GuardHarness, status: str
) -> None:
    harness.stack.status = status
    assert succeeded(harness.update([])) == OWN
    harness.stack.status = "UPDATE_IN_PROGRESS"
    harness.stack.root = type(harness.stack)(status, harness.now - 9, harness.now - 9)
    assert succeeded(harness.update([])) == OWN


def test_the_creation_and_the_deletion_of_the_stack_pass(harness: GuardHarness) -> None:
    declared: dict[str, Any] = {
        "OrganizationId": ORGANIZATION_ID,
        "Entries": [],
        "MaximumRemovals": "0",
    }
    created = harness.send("Create", None, logical_id="Guard", resource_type=GUARD, **declared)
    assert succeeded(created) == OWN
    harness.stack.status = "DELETE_IN_PROGRESS"
    deleted = harness.send("Delete", OWN, logical_id="Guard", resource_type=GUARD, **declared)
    assert succeeded(deleted) == OWN
    assert harness.operations == []


def test_entries_that_are_retained_from_now_on_do_not_count(harness: GuardHarness) -> None:
    retained = registrations(*NAMES[:10])
    succeeded(harness.update(registrations(*NAMES[10:]), retained=retained))
    failed(harness.update(registrations(*NAMES[10:]), retained=retained[:4]))


def test_entries_that_another_stack_declares_do_not_count(harness: GuardHarness) -> None:
    harness.another_stack(
        "Receiving",
        **{name: (harness.id_of(name), "CREATE_COMPLETE") for name in NAMES[:8]},
        Failing=(harness.id_of(NAMES[8]), "DELETE_IN_PROGRESS"),
    )
    succeeded(harness.update(registrations(*NAMES[8:])))
    # Five of these are declared nowhere, one is being deleted.
    succeeded(harness.update(registrations(*NAMES[9:13], *NAMES[17:])))
    assert "6 of 20" in failed(harness.update(registrations(*NAMES[9:13], *NAMES[18:])))


def test_entities_of_all_kinds_are_found_in_other_stacks(harness: GuardHarness) -> None:
    own = ["registration/team", "group/team", "user/user00", "resource/board-room"]
    harness.another_stack(
        "Receiving",
        Team=(harness.id_of("team"), "CREATE_COMPLETE"),
        TheTeam=(harness.id_of("team", "group/"), "CREATE_COMPLETE"),
        User=(harness.id_of("user00", "user/"), "CREATE_COMPLETE"),
        Room=(harness.id_of("board-room", "resource/"), "CREATE_COMPLETE"),
    )
    succeeded(harness.update([], before=own, maximum="0"))
    del harness.other_stacks["Receiving"].resources["TheTeam"]
    assert "1 of 3 entries" in failed(harness.update([], before=own, maximum="0"))


def test_a_nested_stack_of_this_one_is_no_other_stack(harness: GuardHarness) -> None:
    harness.another_stack("Nested", Alice=(harness.id_of("user00"), "UPDATE_COMPLETE"))
    harness.stack.resource_type = "AWS::CloudFormation::Stack"
    harness.stack.resources["Nested"] = (stack_id("Nested"), "UPDATE_COMPLETE")
    failed(harness.update(registrations(*NAMES[1:]), maximum="0"))


def test_an_entity_that_is_disabled_and_deleted_counts_once(harness: GuardHarness) -> None:
    both = [entry for name in NAMES for entry in (f"registration/{name}", f"user/{name}")]
    succeeded(harness.update(both[10:], before=both))
    assert "6 of 20 entries" in failed(harness.update(both[12:], before=both))


def test_an_entry_rewritten_as_its_id_or_in_another_case_does_not_count(
    harness: GuardHarness,
) -> None:
    ids = [harness.organization.entity(name).entity_id for name in NAMES[:10]]
    succeeded(harness.update(registrations(*ids, *NAMES[10:]), maximum="0"))
    succeeded(harness.update(registrations(*map(str.upper, NAMES)), maximum="0"))
    assert "1 of 20" in failed(harness.update(registrations(*ids[1:], *NAMES[10:]), maximum="0"))


def test_the_file_of_another_organization_is_refused(harness: GuardHarness) -> None:
    everything = registrations(*NAMES)
    message = failed(
        harness.update(everything, maximum="100%", organization_id=harness.another_organization())
    )
    assert f"the roster is of organization {ORGANIZATION_ID}" in message


def test_an_update_that_cannot_be_judged_fails(harness: GuardHarness) -> None:
    harness.announcement_errors = [client_error("GetParametersByPath", "ValidationException", "no")]
    assert "could not be read, so nothing was changed" in failed(harness.update([]))
