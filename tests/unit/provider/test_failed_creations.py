"""A stack whose creation failed, and whose rollback failed or was off, and that is then deleted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.harness import (
    GROUP,
    RESOURCE,
    USER,
    EntityHarness,
    FunctionHarness,
    Stack,
    failed,
    succeeded,
)

# The statuses of the stack itself, newest first.
DELETED = ("DELETE_IN_PROGRESS",)
CREATED = (*DELETED, "CREATE_COMPLETE", "CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS")
ROLLBACK_FAILED = (*DELETED, "ROLLBACK_FAILED", "ROLLBACK_IN_PROGRESS", "CREATE_IN_PROGRESS")
ROLLED_BACK = (*DELETED, "ROLLBACK_COMPLETE", "ROLLBACK_IN_PROGRESS", "CREATE_IN_PROGRESS")
ROLLBACK_OFF = (*DELETED, "CREATE_FAILED", "CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS")
DELETED_TWICE = (*DELETED, "DELETE_FAILED", *ROLLBACK_FAILED)
TOO_OLD = (*DELETED, "DELETE_FAILED", "DELETE_IN_PROGRESS")


@pytest.fixture
def harness() -> EntityHarness:
    """A stack that began a minute ago, is deleted; alice was enabled."""
    harness = EntityHarness()
    harness.enable("alice", "alice@example.com")
    harness.stack = Stack("DELETE_IN_PROGRESS", creation_time=harness.now - 60)
    return harness


def delete(harness: FunctionHarness) -> dict[str, Any]:
    return harness.send("Delete", harness.registration_id(harness.alice))


@pytest.mark.parametrize(
    ("events", "state"),
    [
        (CREATED, "DISABLED"),
        (ROLLBACK_FAILED, "ENABLED"),
        (ROLLED_BACK, "ENABLED"),
        (ROLLBACK_OFF, "ENABLED"),
        (DELETED_TWICE, "ENABLED"),
        ((*DELETED, "IMPORT_COMPLETE", *ROLLBACK_OFF), "DISABLED"),
    ],
)
def test_what_a_failed_creation_found_enabled_stays_enabled(
    harness: EntityHarness, events: tuple[str, ...], state: str
) -> None:
    """Resources that were complete do not make a complete stack."""
    harness.stack.events = events
    succeeded(delete(harness))
    assert harness.alice.state == state


@pytest.mark.parametrize("events", [ROLLBACK_FAILED, TOO_OLD])
def test_what_it_enabled_is_disabled_without_a_look_at_the_events(
    harness: EntityHarness, events: tuple[str, ...]
) -> None:
    harness.enable("bob", "bob@example.com", ago=30)
    harness.stack.events = events
    succeeded(harness.send("Delete", harness.registration_id(harness.bob)))
    assert harness.bob.state == "DISABLED"
    assert "DescribeStackEvents" not in harness.stack_calls


def test_events_that_do_not_reach_back_to_the_creation_fail_the_delete(
    harness: EntityHarness,
) -> None:
    harness.stack.events = TOO_OLD
    assert failed(delete(harness)).startswith(
        "the events of stack Mail do not say whether its creation succeeded, so nothing was "
        "changed: update the stack once, then delete it again"
    )
    assert harness.alice.state == "ENABLED"


@pytest.mark.parametrize("events", [ROLLBACK_FAILED, ROLLBACK_OFF])
def test_an_update_time_does_not_say_that_the_creation_succeeded(
    harness: EntityHarness, events: tuple[str, ...]
) -> None:
    """A change set that creates a stack sets it."""
    harness.stack.last_updated_time = harness.now - 55
    harness.stack.events = events
    succeeded(delete(harness))
    assert harness.alice.state == "ENABLED"


def test_one_process_reads_once_that_a_stack_was_complete(harness: EntityHarness) -> None:
    harness.enable("bob", "bob@example.com")
    harness.stack.events = CREATED
    succeeded(delete(harness))
    harness.stack_calls.clear()
    succeeded(harness.send("Delete", harness.registration_id(harness.bob)))
    assert harness.bob.state == "DISABLED"
    assert "DescribeStackEvents" not in harness.stack_calls


def test_only_a_deletion_of_the_stack_needs_events(harness: EntityHarness) -> None:
    """Not an update of a nested stack on its own, whose root was never updated."""
    root = Stack("CREATE_COMPLETE", harness.now - 60, events=TOO_OLD)
    updated = harness.now - 30
    harness.stack = Stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", harness.now - 60, updated, root)
    succeeded(delete(harness))
    assert harness.alice.state == "DISABLED"


@pytest.mark.parametrize(
    ("root_events", "is_root_updated", "events", "state"),
    [
        (ROLLBACK_FAILED, False, CREATED, "ENABLED"),
        (CREATED, False, CREATED, "DISABLED"),
        # An update of the root added the nested stack.
        (CREATED, True, ROLLBACK_FAILED, "ENABLED"),
        (CREATED, True, CREATED, "DISABLED"),
        (ROLLBACK_OFF, True, CREATED, "ENABLED"),
        (CREATED, True, TOO_OLD, "DISABLED"),
    ],
)
def test_a_nested_stack_is_complete_only_if_its_root_is(
    harness: EntityHarness,
    root_events: tuple[str, ...],
    is_root_updated: bool,
    events: tuple[str, ...],
    state: str,
) -> None:
    updated = harness.now - 60 if is_root_updated else None
    root = Stack("DELETE_IN_PROGRESS", harness.now - 60, updated, events=root_events)
    harness.stack.root = root
    harness.stack.events = events
    succeeded(delete(harness))
    assert harness.alice.state == state


@pytest.mark.parametrize("kind", [USER, GROUP, RESOURCE])
@pytest.mark.parametrize(("events", "exists"), [(CREATED, False), (ROLLBACK_OFF, True)])
def test_no_entity_is_deleted_after_a_failed_creation(
    harness: EntityHarness, kind: str, events: tuple[str, ...], exists: bool
) -> None:
    """WorkMail does not say whether it was created then or found."""
    own = succeeded(harness.declare(kind))
    harness.stack.events = events
    succeeded(harness.delete(kind, own))
    assert harness.exists(harness.names[kind]) == exists
