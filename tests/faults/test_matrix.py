"""Every event, at every call, with every fault: each is covered, and ends in an allowed way."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import TypeAlias

import pytest

from tests.faults.events import Event
from tests.faults.injection import (
    AFTER_WORK,
    CHANGES,
    EVERYWHERE,
    INVOKE,
    OPERATIONS,
    STACK_OPERATIONS,
    Kind,
    error_shapes,
)
from tests.faults.outcomes import ALL_EVENTS, FOR_EVER, Case, all_cases, cases, clean

CHANGING = {*CHANGES, INVOKE, "StartMailboxExportJob"}


class Ends(StrEnum):
    """How an event ends with a fault, compared with its end without one."""

    SAME = "the same"
    LATER = "the same, later"
    SUCCESS = "another success"
    FAILURE = "failure"
    LATE_FAILURE = "failure, later"


SAME, LATER, SUCCESS, FAILURE, LATE_FAILURE = Ends
Ways: TypeAlias = set[Ends]

# By kind of event and fault: the allowed ends if the fault occurs once, and if it never ends.
# Each of them occurs.
ALLOWED: dict[tuple[str, str], tuple[Ways, Ways]] = {
    ("create or update", Kind.SETTLES): ({LATER}, {LATE_FAILURE}),
    ("create or update", Kind.STATE): ({LATER}, {LATE_FAILURE}),
    # No read shows that a password was reset.
    ("create or update", "after the work"): ({LATER}, {LATER, LATE_FAILURE}),
    # Whether an id is a user, a group or a resource is found by asking for each.
    ("create or update", Kind.NOT_FOUND): ({SAME, LATER}, {SAME, LATE_FAILURE}),
    ("create or update", Kind.NO_ORGANIZATION): ({FAILURE}, {FAILURE}),
    ("create or update", Kind.FINAL): ({FAILURE}, {FAILURE}),
    ("create or update", Kind.REMOVED): ({SUCCESS}, {SUCCESS}),
    ("delete", Kind.SETTLES): ({LATER}, {LATE_FAILURE}),
    ("delete", Kind.STATE): ({LATER}, {LATE_FAILURE}),
    ("delete", "after the work"): ({LATER}, {LATER}),
    ("delete", Kind.NOT_FOUND): ({SAME, SUCCESS}, {SAME, SUCCESS}),
    ("delete", Kind.NO_ORGANIZATION): ({SAME, SUCCESS}, {SAME, SUCCESS}),
    # A deleted organization may also report that its state is wrong.
    ("delete", Kind.FINAL): ({SAME, FAILURE}, {SAME, FAILURE}),
    # What is waited for while the export runs costs no time.
    # Nothing retains the entity then.
    ("delete", Kind.NO_STACK): ({SUCCESS}, {SUCCESS}),
    ("delete with an export", Kind.SETTLES): ({SAME, LATER}, {FAILURE, LATE_FAILURE}),
    ("delete with an export", Kind.STATE): ({LATER}, {LATE_FAILURE}),
    ("delete with an export", "after the work"): ({SAME, LATER}, {LATER, FAILURE, LATE_FAILURE}),
    ("delete with an export", Kind.NOT_FOUND): ({SAME, SUCCESS}, {SAME, SUCCESS}),
    ("delete with an export", Kind.NO_ORGANIZATION): ({SAME, SUCCESS}, {SAME, SUCCESS}),
    ("delete with an export", Kind.FINAL): ({FAILURE}, {FAILURE}),
    ("delete with an export", Kind.IN_ITS_TIME): ({SAME, LATER}, {LATER, LATE_FAILURE}),
}


def test_every_operation_of_the_function_meets_faults() -> None:
    met = {case.order.operation for case in all_cases()}
    assert met == {*OPERATIONS.values(), *STACK_OPERATIONS}


@pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda event: event.title)
def test_every_call_meets_every_documented_fault_once_and_for_ever(event: Event) -> None:
    met: dict[tuple[str, bool], set[str]] = defaultdict(set)
    for case in cases(event):
        met[case.order.operation, case.order.times is FOR_EVER].add(case.fault.name)
        # The order was carried out.
        assert any(
            (call.operation, call.occurrence) == (case.order.operation, case.order.occurrence)
            for call in case.outcome.calls
        ), case
    for operation in {call.operation for call in clean(event).calls}:
        expected = {shape.name for shape in error_shapes(operation)}
        expected |= {fault.name for fault in EVERYWHERE}
        if operation in STACK_OPERATIONS:
            expected |= {"ValidationError", "no such stack"}
        if operation in CHANGING:
            expected |= {fault.name for fault in AFTER_WORK}
        assert expected <= met[operation, False] & met[operation, True], operation


def test_every_event_with_a_fault_ends_in_an_allowed_way() -> None:
    found: dict[tuple[str, str], tuple[Ways, Ways]] = defaultdict(lambda: (set(), set()))
    for case in all_cases():
        if case.event.succeeds:
            found[row(case)][case.order.times is FOR_EVER].add(ends(case))
    assert found == ALLOWED


def test_an_event_that_fails_without_a_fault_fails_with_each() -> None:
    """A Delete succeeds all the same if the entity is not there, or the stack that it waits for."""
    failing = [case for case in all_cases() if not case.event.succeeds]
    assert failing
    for case in failing:
        not_there = case.fault.kind in (Kind.NOT_FOUND, Kind.NO_ORGANIZATION, Kind.NO_STACK)
        assert case.outcome.succeeded == (not_there and case.event.title.startswith("Delete")), case


def row(case: Case) -> tuple[str, str]:
    event = "delete" if case.event.title.startswith("Delete") else "create or update"
    if case.event.exports:
        event = "delete with an export"
    return event, "after the work" if case.fault in AFTER_WORK else case.fault.kind


def ends(case: Case) -> Ends:
    outcome, expected = case.outcome, clean(case.event)
    later = outcome.took > expected.took
    if (outcome.succeeded, outcome.physical_id, outcome.after) == (
        expected.succeeded,
        expected.physical_id,
        expected.after,
    ):
        return LATER if later else SAME
    if outcome.succeeded:
        return SUCCESS
    return LATE_FAILURE if later else FAILURE
