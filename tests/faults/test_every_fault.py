"""Every fault at every call: the rules of the lifecycle contract hold whatever fails.

The rules are written from the contract and from what WorkMail and CloudFormation can see; they do
not depend on how the function is made.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.faults.entity_events import ENTITY_EVENTS
from tests.faults.events import ENABLED, EVENTS, FUNCTION_SECONDS, Event
from tests.faults.injection import (
    AFTER_WORK,
    ANNOUNCEMENTS,
    CHANGES,
    INVOKE,
    STACK_OPERATIONS,
    WITH_PASSWORD,
    Kind,
)
from tests.faults.outcomes import ALL_EVENTS, FOR_EVER, Case, cases, clean, run
from tests.support.harness import NEW_PASSWORD, PASSWORD

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


def title(event: Event) -> str:
    return event.title


def no_case_of(
    events: Iterable[Event],
) -> Callable[[Callable[[Case], bool]], Callable[[Event], None]]:
    """Makes a test, for each event, that the decorated function is true of no case."""

    def decorate(breaks: Callable[[Case], bool]) -> Callable[[Event], None]:
        @pytest.mark.parametrize("event", events, ids=title)
        def test(event: Event) -> None:
            found = [case for case in cases(event) if breaks(case)]
            assert not found, "\n" + "\n".join(map(str, found[:20]))

        return test

    return decorate


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


@pytest.mark.parametrize("event", ALL_EVENTS, ids=title)
def test_without_a_fault_each_event_ends_as_the_contract_says(event: Event) -> None:
    outcome = clean(event)
    assert (outcome.succeeded, outcome.after) == (event.succeeds, event.ends)


@no_case_of(ALL_EVENTS)
def test_no_other_mailbox_is_given_up_and_no_other_entity_deleted(case: Case) -> bool:
    """Than those that the request removes; and none that is enabled is deleted."""
    outcome, event = case.outcome, case.event
    return (
        not outcome.deregister_sent | outcome.lost <= event.may_deregister
        or not outcome.deleted <= event.may_delete
        or any(outcome.before.get(name, ("", None))[0] == ENABLED for name in outcome.deleted)
    )


@no_case_of(EVENTS)
def test_an_entity_ends_as_it_was_or_as_declared(case: Case) -> bool:
    outcome, event = case.outcome, case.event
    # Registered, and it may still come to read so.
    pending = {event.subject: (ENABLED, f"{event.subject}@example.com")}
    return any(
        outcome.after.get(name)
        not in (outcome.before.get(name), event.ends.get(name), pending.get(name))
        for name in outcome.before.keys() | outcome.after.keys()
        if not retained_by_no_stack(case)
    )


@no_case_of(ALL_EVENTS)
def test_an_entity_is_created_once_and_only_where_one_is_declared(case: Case) -> bool:
    """However often the creation was sent because no response said that it was done."""
    declared = (case.event.subject,) if case.event.creates else ()
    return case.outcome.created not in ((), declared)


@no_case_of(EVENTS)
def test_a_declared_export_is_completed_before_the_mailbox_is_deregistered(case: Case) -> bool:
    """By one job, and without a declaration by none."""
    outcome = case.outcome
    return outcome.jobs > case.event.exports or (
        case.event.exports and not outcome.deregister_sent | outcome.lost <= outcome.exported
    )


@no_case_of(ALL_EVENTS)
def test_a_delete_that_cannot_read_a_stack_fails_and_changes_nothing(case: Case) -> bool:
    outcome = case.outcome
    return (
        is_delete(case)
        and case.order.operation in (*STACK_OPERATIONS, ANNOUNCEMENTS)
        and (case.order.times is FOR_EVER or case.fault.kind is Kind.FINAL)
        and case.fault.kind is not Kind.NO_STACK
        and bool(outcome.succeeded or outcome.deregister_sent or outcome.lost or outcome.deleted)
    )


@no_case_of(ALL_EVENTS)
def test_a_first_change_that_was_refused_is_not_made(case: Case) -> bool:
    operations = [call.operation for call in case.outcome.calls if call.operation in CHANGES]
    return (
        operations[:1] == [case.order.operation]
        and case.order.occurrence == 1
        and case.order.times is FOR_EVER
        and case.fault not in AFTER_WORK
        and "DeregisterFromWorkMail" not in operations
        and case.outcome.after != case.outcome.before
    )


@no_case_of(EVENTS)
def test_what_a_failed_request_enabled_is_disabled_or_named(case: Case) -> bool:
    """An Update names it in the message, a Create by its physical id."""
    outcome = case.outcome
    enabled = outcome.after.keys() - outcome.before.keys()
    if is_update(case):
        named = BY_HAND in outcome.sentence and outcome.sentence.startswith("user bob ")
        return (
            not outcome.succeeded
            and bool(enabled - {"alice"})
            and not named
            and not denies_the_enabled(case)
        )
    return not outcome.succeeded and any(
        outcome.physical_id != f"canonical: {name}" for name in enabled
    )


@no_case_of(ALL_EVENTS)
def test_a_success_is_as_declared(case: Case) -> bool:
    return (
        case.outcome.succeeded
        and case.outcome.after != case.event.ends
        and case.fault.kind is not Kind.REMOVED
        and not retained_by_no_stack(case)
        and not is_success_of_a_delete(case)
    )


@no_case_of(ALL_EVENTS)
def test_a_fault_that_passes_is_waited_for(case: Case) -> bool:
    return (
        case.order.times is not FOR_EVER
        and case.fault.kind in (Kind.SETTLES, Kind.STATE)
        and not ends_well(case)
    )


@no_case_of(ALL_EVENTS)
def test_a_create_or_update_waits_for_an_entity_to_appear(case: Case) -> bool:
    return (
        case.order.times is not FOR_EVER
        and case.fault.kind is Kind.NOT_FOUND
        and not is_delete(case)
        and not ends_well(case)
        and not denies_the_enabled(case)
        and not denies_the_existing(case)
    )


@no_case_of(ALL_EVENTS)
def test_a_delete_of_what_does_not_exist_succeeds(case: Case) -> bool:
    return is_delete(case) and says_nothing_exists(case) and not case.outcome.succeeded


@no_case_of(ALL_EVENTS)
def test_a_fault_that_does_not_pass_fails_in_time(case: Case) -> bool:
    outcome = case.outcome
    fails_in_time = (
        not outcome.succeeded
        and outcome.seconds > 0
        and outcome.took < case.event.waits
        and (WAITED.search(outcome.sentence) is not None or BY_HAND in outcome.sentence)
    )
    # The work was done, or this call ends so without the fault too.
    is_no_failure = ends_well(case) and (
        case.fault in AFTER_WORK or case.fault.kind is Kind.NOT_FOUND
    )
    return (
        case.order.times is FOR_EVER
        and case.fault.kind in (Kind.SETTLES, Kind.STATE, Kind.NOT_FOUND)
        and not is_for_the_message(case)
        and not is_success_of_a_delete(case)
        and not denies_the_existing(case)
        and not is_no_failure
        and not fails_in_time
    )


@no_case_of(EVENTS)
def test_a_fault_of_an_export_is_waited_for_until_the_hour_ends(case: Case) -> bool:
    outcome = case.outcome
    return (
        case.fault.kind is Kind.IN_ITS_TIME
        and not ends_well(case)
        and not (
            case.order.times is FOR_EVER
            and outcome.after == outcome.before
            and outcome.took < case.event.waits
            and "delete again to continue" in outcome.sentence
        )
    )


@no_case_of(ALL_EVENTS)
def test_each_wait_has_its_own_end(case: Case) -> bool:
    """Two minutes, three for the service itself, eight for throttling; never the whole time."""
    throttled = ("ThrottlingException", "TooManyRequestsException", "HTTP 429 without a code")
    longest = 480 if case.fault.name in throttled else 180
    return (
        case.event.seconds == FUNCTION_SECONDS
        and clean(case.event).took == 0
        # The first call and the last may each have been silent for a while.
        and case.outcome.took > longest + 2 * case.fault.seconds
    )


@no_case_of(ALL_EVENTS)
def test_a_final_error_fails_at_once(case: Case) -> bool:
    """Once or for ever is the same: the call is not repeated."""
    outcome = case.outcome
    return (
        case.fault.kind in (Kind.FINAL, Kind.NO_ORGANIZATION)
        and not is_for_the_message(case)
        and not is_success_of_a_delete(case)
        and not (case.event.deleted and outcome.succeeded)
        and (outcome.succeeded or outcome.seconds > clean(case.event).seconds)
    )


@no_case_of(ALL_EVENTS)
def test_each_request_has_one_response_over_all_its_invocations(case: Case) -> bool:
    """But if Lambda accepted an event without saying so: then the first response counts."""
    lost = case.order.operation == INVOKE and case.fault in AFTER_WORK
    return case.outcome.responses != 1 and not lost


@no_case_of(ALL_EVENTS)
def test_physical_ids_follow_the_contract(case: Case) -> bool:
    """A failed Update or Delete has the event's, a Create that changed nothing the marker."""
    outcome, event = case.outcome, case.event
    is_own = event in ENTITY_EVENTS or event.subject == "alice"
    expected = "the marker"
    if is_delete(case) or (is_update(case) and (is_own or not outcome.succeeded)):
        expected = "the event's"
    elif outcome.succeeded or outcome.register_sent or outcome.knew_what_it_created:
        expected = f"canonical: {event.subject}"
    return outcome.physical_id != expected


@no_case_of(ALL_EVENTS)
def test_each_reason_says_on_what_and_what_to_do_in_one_line(case: Case) -> bool:
    """With at most 240 characters before the log, and no gap for a value that is missing."""
    message = case.outcome.sentence
    if case.outcome.succeeded:
        return message != ""
    # What the function could not call is itself.
    is_about = case.order.operation == INVOKE or ON_WHAT.search(message) is not None
    return (
        not is_about
        or WHAT_TO_DO.search(message) is None
        or len(message) > 240
        or re.search(r"\n|\(\)|  ", message) is not None
        or "log stream stream]" not in case.outcome.log_place
    )


@no_case_of(ALL_EVENTS)
def test_no_reason_is_cut_before_its_end(case: Case) -> bool:
    """But one with two failures, and then it begins with what to do."""
    return (
        case.outcome.sentence.endswith("...")
        and BY_HAND not in case.outcome.sentence
        and case.order.operation != INVOKE
        and not denies_the_existing(case)
    )


@no_case_of(ALL_EVENTS)
def test_the_user_of_an_address_is_named_and_reading_it_changes_nothing(case: Case) -> bool:
    return case.order.operation == USER_OF_ADDRESS and not (
        ends_well(case) and "is in use by" in case.outcome.sentence
    )


@no_case_of(ENTITY_EVENTS)
def test_a_password_is_sent_to_workmail_only(case: Case) -> bool:
    return case.outcome.leaked_password


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
