"""Every fault at every call: the rules of the lifecycle contract hold whatever fails.

The rules are written from the contract and from what WorkMail and CloudFormation can see; they do
not depend on how the function is made.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import pytest

from tests.faults.entity_events import ENTITY_EVENTS
from tests.faults.events import ENABLED, EVENTS, FUNCTION_SECONDS, Event
from tests.faults.injection import (
    AFTER_WORK,
    ANNOUNCEMENTS,
    CHANGES,
    EVERYWHERE,
    INVOKE,
    OPERATIONS,
    STACK_OPERATIONS,
    WITH_PASSWORD,
    Kind,
    error_shapes,
)
from tests.faults.outcomes import ALL_EVENTS, FOR_EVER, Case, cases, clean, run
from tests.support.harness import NEW_PASSWORD, PASSWORD

# All of them read the same cases, which are run once in a process.
pytestmark = pytest.mark.xdist_group("faults")

WAITED = re.compile(r"\(waited \d+ s for the [a-z ]+\)")
BY_HAND = "stays enabled and should not, deregister it by hand"
ON_WHAT = re.compile(
    r"\b(alice|bob|team|board-room|dora|sales|beamer|projector|new@example.com|"
    r"organization m-[0-9a-f]{32}|cdk-workmail/m-[0-9a-f]{32}|stack (Mail|Root|Other))\b"
)
WHAT_TO_DO = re.compile(
    r"\b(add|allow|change|check|correct|declare|delete again|deploy again|deploy fewer|deregister|"
    r"enable|free|look at|remove|renew|replace|set|store|try again|verify|wait until)\b"
)
# Reads the user of an address in use, for the message only.
USER_OF_ADDRESS = "DescribeEntity"


Check: TypeAlias = Callable[[Case], bool]


def every_case(
    events: Iterable[Event], where: Check = lambda case: True
) -> Callable[[Check], Callable[[], None]]:
    """Makes a test that the decorated function is true of each case where it applies, if any."""

    def decorate(holds: Check) -> Callable[[], None]:
        def test() -> None:
            applicable = [case for event in events for case in cases(event) if where(case)]
            assert applicable, "the rule applies to no case"
            broken = [case for case in applicable if not holds(case)]
            assert not broken, "\n" + "\n".join(map(str, broken[:20]))

        return test

    return decorate


by_event = pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda event: event.title)


def is_delete(case: Case) -> bool:
    return case.event.title.startswith("Delete")


def is_update(case: Case) -> bool:
    return case.event.title.startswith("Update")


def is_for_the_message(case: Case) -> bool:
    """A call that decides nothing: it reads the user of an address, or the stack of an entity."""
    return case.order.operation == USER_OF_ADDRESS or (
        not is_delete(case) and case.order.operation == ANNOUNCEMENTS
    )


def ends_well(case: Case) -> bool:
    """As without the fault."""
    outcome, expected = case.outcome, clean(case.event)
    return (outcome.succeeded, outcome.physical_id, outcome.after) == (
        expected.succeeded,
        expected.physical_id,
        expected.after,
    )


def says_nothing_exists(case: Case) -> bool:
    return case.fault.kind in (Kind.NOT_FOUND, Kind.NO_ORGANIZATION)


def is_success_of_a_delete(case: Case) -> bool:
    """WorkMail says that nothing exists any more: a Delete is done."""
    return is_delete(case) and says_nothing_exists(case) and case.outcome.succeeded


def retained_by_no_stack(case: Case) -> bool:
    """The stack that declares it, or may, does not exist: it is removed."""
    return case.fault.kind is Kind.NO_STACK and not case.outcome.after


def denies_the_enabled(case: Case) -> bool:
    """WorkMail says to the end, and falsely, that nothing can be deregistered."""
    return case.order.operation == "DeregisterFromWorkMail" and (
        says_nothing_exists(case)
        or (case.fault.kind is Kind.STATE and case.order.times is FOR_EVER)
    )


def denies_the_existing(case: Case) -> bool:
    """WorkMail says, falsely, that no entity has the name: then one is created."""
    return (
        case.event in ENTITY_EVENTS
        and case.order.operation.startswith("Describe")
        and case.fault.kind is Kind.NOT_FOUND
        and not case.event.creates
    )


def newly_enabled(case: Case) -> set[str]:
    """An Update of alice's registration may enable alice."""
    enabled = case.outcome.after.keys() - case.outcome.before.keys()
    return enabled - {"alice"} if is_update(case) else enabled


@by_event
def test_without_a_fault_each_event_ends_as_the_contract_says(event: Event) -> None:
    outcome = clean(event)
    assert (outcome.succeeded, outcome.after) == (event.succeeds, event.ends)


def test_every_operation_of_the_function_meets_faults() -> None:
    met = {case.order.operation for event in ALL_EVENTS for case in cases(event)}
    assert met == {*OPERATIONS.values(), *STACK_OPERATIONS}


@by_event
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
        if operation in {*CHANGES, INVOKE, "StartMailboxExportJob"}:
            expected |= {fault.name for fault in AFTER_WORK}
        assert expected <= met[operation, False] & met[operation, True], operation


@every_case(ALL_EVENTS)
def test_no_other_mailbox_is_given_up_and_no_other_entity_deleted(case: Case) -> bool:
    """Than those that the request removes; and none that is enabled is deleted."""
    outcome, event = case.outcome, case.event
    return (
        outcome.deregister_sent | outcome.lost <= event.may_deregister
        and outcome.deleted <= event.may_delete
        and all(outcome.before.get(name, ("", None))[0] != ENABLED for name in outcome.deleted)
    )


@every_case(EVENTS, where=lambda case: not retained_by_no_stack(case))
def test_an_entity_ends_as_it_was_or_as_declared(case: Case) -> bool:
    outcome, event = case.outcome, case.event
    # Registered, and it may still come to read so.
    pending = {event.subject: (ENABLED, f"{event.subject}@example.com")}
    return all(
        outcome.after.get(name)
        in (outcome.before.get(name), event.ends.get(name), pending.get(name))
        for name in outcome.before.keys() | outcome.after.keys()
    )


@every_case(ALL_EVENTS)
def test_an_entity_is_created_once_and_only_where_one_is_declared(case: Case) -> bool:
    """However often the creation was sent because no response said that it was done."""
    return case.outcome.created in ((), (case.event.subject,) if case.event.creates else ())


@every_case(EVENTS)
def test_a_declared_export_is_completed_before_the_mailbox_is_deregistered(case: Case) -> bool:
    """By one job, and without a declaration by none."""
    outcome = case.outcome
    if not case.event.exports:
        return outcome.jobs == 0
    return outcome.jobs <= 1 and outcome.deregister_sent | outcome.lost <= outcome.exported


@every_case(
    ALL_EVENTS,
    where=lambda case: (
        is_delete(case)
        and case.order.operation in (*STACK_OPERATIONS, ANNOUNCEMENTS)
        and (case.order.times is FOR_EVER or case.fault.kind is Kind.FINAL)
        and case.fault.kind is not Kind.NO_STACK
    ),
)
def test_a_delete_that_cannot_read_a_stack_fails_and_changes_nothing(case: Case) -> bool:
    outcome = case.outcome
    changed = outcome.deregister_sent | outcome.lost | outcome.deleted
    return not outcome.succeeded and not changed


@every_case(
    ALL_EVENTS,
    where=lambda case: (
        next((call.operation for call in case.outcome.calls if call.operation in CHANGES), None)
        == case.order.operation
        != "DeregisterFromWorkMail"
        and case.order.occurrence == 1
        and case.order.times is FOR_EVER
        and case.fault not in AFTER_WORK
    ),
)
def test_a_first_change_that_was_refused_is_not_made(case: Case) -> bool:
    return case.outcome.after == case.outcome.before


@every_case(
    EVENTS,
    where=lambda case: (
        not case.outcome.succeeded
        and bool(newly_enabled(case))
        and not (is_update(case) and denies_the_enabled(case))
    ),
)
def test_what_a_failed_request_enabled_is_disabled_or_named(case: Case) -> bool:
    """An Update names it in the message, a Create by its physical id."""
    outcome = case.outcome
    if is_update(case):
        return BY_HAND in outcome.sentence and outcome.sentence.startswith("user bob ")
    return all(outcome.physical_id == f"canonical: {name}" for name in newly_enabled(case))


@every_case(
    ALL_EVENTS,
    where=lambda case: (
        case.outcome.succeeded
        and case.fault.kind is not Kind.REMOVED
        and not retained_by_no_stack(case)
        and not is_success_of_a_delete(case)
    ),
)
def test_a_success_is_as_declared(case: Case) -> bool:
    return case.event.succeeds and case.outcome.after == case.event.ends


@every_case(
    ALL_EVENTS,
    where=lambda case: (
        case.order.times is not FOR_EVER and case.fault.kind in (Kind.SETTLES, Kind.STATE)
    ),
)
def test_a_fault_that_passes_is_waited_for(case: Case) -> bool:
    return ends_well(case)


@every_case(
    ALL_EVENTS,
    where=lambda case: (
        case.order.times is not FOR_EVER
        and case.fault.kind is Kind.NOT_FOUND
        and not is_delete(case)
        and not denies_the_enabled(case)
        and not denies_the_existing(case)
    ),
)
def test_a_create_or_update_waits_for_an_entity_to_appear(case: Case) -> bool:
    return ends_well(case)


@every_case(ALL_EVENTS, where=lambda case: is_delete(case) and says_nothing_exists(case))
def test_a_delete_of_what_does_not_exist_succeeds(case: Case) -> bool:
    return case.outcome.succeeded


@every_case(ALL_EVENTS, where=lambda case: case.fault.kind in (Kind.NO_STACK, Kind.REMOVED))
def test_a_stack_or_an_alias_that_does_not_exist_is_no_failure(case: Case) -> bool:
    return case.outcome.succeeded


@every_case(
    ALL_EVENTS,
    where=lambda case: (
        case.order.times is FOR_EVER
        and case.fault.kind in (Kind.SETTLES, Kind.STATE, Kind.NOT_FOUND)
        and not is_for_the_message(case)
        and not is_success_of_a_delete(case)
        and not denies_the_existing(case)
        # The work was done, or this call ends so without the fault too.
        and not (
            ends_well(case) and (case.fault in AFTER_WORK or case.fault.kind is Kind.NOT_FOUND)
        )
    ),
)
def test_a_fault_that_does_not_pass_fails_in_time(case: Case) -> bool:
    outcome = case.outcome
    return (
        not outcome.succeeded
        and outcome.seconds > 0
        and outcome.took < case.event.waits
        and (WAITED.search(outcome.sentence) is not None or BY_HAND in outcome.sentence)
    )


@every_case(EVENTS, where=lambda case: case.fault.kind is Kind.IN_ITS_TIME)
def test_a_fault_of_an_export_is_waited_for_until_the_hour_ends(case: Case) -> bool:
    outcome = case.outcome
    return ends_well(case) or (
        case.order.times is FOR_EVER
        and outcome.after == outcome.before
        and outcome.took < case.event.waits
        and "delete again to continue" in outcome.sentence
    )


@every_case(
    ALL_EVENTS,
    where=lambda case: case.event.seconds == FUNCTION_SECONDS and clean(case.event).took == 0,
)
def test_each_wait_has_its_own_end(case: Case) -> bool:
    """Two minutes, three for the service itself, eight for throttling; never the whole time."""
    throttled = ("ThrottlingException", "TooManyRequestsException", "HTTP 429 without a code")
    longest = 480 if case.fault.name in throttled else 180
    # The first call and the last may each have been silent for a while.
    return case.outcome.took <= longest + 2 * case.fault.seconds


@every_case(
    ALL_EVENTS,
    where=lambda case: (
        case.fault.kind in (Kind.FINAL, Kind.NO_ORGANIZATION)
        and not is_for_the_message(case)
        and not is_success_of_a_delete(case)
        and not (case.event.deleted and case.outcome.succeeded)
    ),
)
def test_a_final_error_fails_at_once(case: Case) -> bool:
    """Once or for ever is the same: the call is not repeated."""
    return not case.outcome.succeeded and case.outcome.seconds <= clean(case.event).seconds


@every_case(
    ALL_EVENTS,
    # Lambda accepted an event without saying so: then the first response counts.
    where=lambda case: not (case.order.operation == INVOKE and case.fault in AFTER_WORK),
)
def test_each_request_has_one_response_over_all_its_invocations(case: Case) -> bool:
    return case.outcome.responses == 1


@every_case(ALL_EVENTS)
def test_physical_ids_follow_the_contract(case: Case) -> bool:
    """A failed Update or Delete has the event's, a Create that changed nothing the marker."""
    outcome, event = case.outcome, case.event
    is_own = event in ENTITY_EVENTS or event.subject == "alice"
    expected = "the marker"
    if is_delete(case) or (is_update(case) and (is_own or not outcome.succeeded)):
        expected = "the event's"
    elif outcome.succeeded or outcome.register_sent or outcome.knew_what_it_created:
        expected = f"canonical: {event.subject}"
    return outcome.physical_id == expected


@every_case(ALL_EVENTS, where=lambda case: not case.outcome.succeeded)
def test_each_reason_says_on_what_and_what_to_do_in_one_line(case: Case) -> bool:
    """With at most 240 characters before the log, and no gap for a value that is missing."""
    message = case.outcome.sentence
    return (
        # What the function could not call is itself.
        (case.order.operation == INVOKE or ON_WHAT.search(message) is not None)
        and WHAT_TO_DO.search(message) is not None
        and len(message) <= 240
        and re.search(r"\n|\(\)|  ", message) is None
        and "log stream stream]" in case.outcome.log_place
    )


@every_case(ALL_EVENTS, where=lambda case: case.outcome.succeeded)
def test_a_success_has_no_reason(case: Case) -> bool:
    return case.outcome.sentence == ""


@every_case(
    ALL_EVENTS,
    where=lambda case: (
        not case.outcome.succeeded
        and case.order.operation != INVOKE
        and not denies_the_existing(case)
    ),
)
def test_no_reason_is_cut_before_its_end(case: Case) -> bool:
    """But one with two failures, and then it begins with what to do."""
    return not case.outcome.sentence.endswith("...") or BY_HAND in case.outcome.sentence


@every_case(ALL_EVENTS, where=lambda case: case.order.operation == USER_OF_ADDRESS)
def test_the_user_of_an_address_is_named_and_reading_it_changes_nothing(case: Case) -> bool:
    return ends_well(case) and "is in use by" in case.outcome.sentence


@every_case(ENTITY_EVENTS)
def test_a_password_is_sent_to_workmail_only(case: Case) -> bool:
    return not case.outcome.leaked_password


@pytest.fixture
def with_logs() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.NOTSET)
    yield
    logging.disable(before)


@pytest.mark.usefixtures("with_logs")
def test_a_password_is_in_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even where WorkMail's message quotes it."""
    for case in (case for event in ENTITY_EVENTS for case in cases(event)):
        if case.order.operation in (*WITH_PASSWORD, "GetSecretValue"):
            run(case.event, case.order)
    written = capsys.readouterr()
    assert "dora" in written.out + written.err
    assert PASSWORD not in written.out + written.err
    assert NEW_PASSWORD not in written.out + written.err
