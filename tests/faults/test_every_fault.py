"""Whatever goes wrong at whichever call: what came of it, rule by rule of the lifecycle contract.

The rules are written from the contract and from what WorkMail and CloudFormation can see; they
know nothing of how the function is made.
"""

from __future__ import annotations

import re

import pytest

from tests.faults.entity_events import ENTITY_EVENTS
from tests.faults.events import ENABLED, EVENTS, FUNCTION_SECONDS, Event
from tests.faults.injection import AFTER_WORK, CHANGES, INVOKE, Kind
from tests.faults.outcomes import ALL_EVENTS, FOR_EVER, Case, cases, clean

WAITED = re.compile(r"\(waited \d+ s for the [a-z ]+\)")
BY_HAND = "stays enabled and should not, deregister it by hand"
WHAT_TO_DO = re.compile(
    r"\b(add|allow|change|check|correct|declare|delete again|deploy again|deploy fewer|deregister|"
    r"free|look at|renew|remove its registration|replace|store|set|try again|verify|wait until)\b"
)
# Who has an address is told where it can be read; nothing else depends on it.
BEST_EFFORT = "DescribeEntity"

every_event = pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda event: event.title)
every_registration = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.title)


def is_delete(event: Event) -> bool:
    return event.title.startswith("Delete")


def is_update(event: Event) -> bool:
    return event.title.startswith("Update")


def ends_well(case: Case) -> bool:
    """As if nothing had gone wrong."""
    outcome, expected = case.outcome, clean(case.event)
    return (outcome.succeeded, outcome.physical_id, outcome.after) == (
        expected.succeeded,
        expected.physical_id,
        expected.after,
    )


def first_change(case: Case) -> str | None:
    changes = (call.operation for call in case.outcome.calls if call.operation in CHANGES)
    return next(changes, None)


def is_success_of_a_delete(case: Case) -> bool:
    """WorkMail says that there is nothing any more: a Delete is done."""
    return (
        is_delete(case.event)
        and case.fault.kind in (Kind.NOT_THERE, Kind.NO_ORGANIZATION)
        and case.outcome.succeeded
    )


def denies_the_stranger(case: Case) -> bool:
    """WorkMail says to the end, and falsely, that there is nobody who could be deregistered."""
    return case.order.operation == "DeregisterFromWorkMail" and (
        case.fault.kind in (Kind.NOT_THERE, Kind.NO_ORGANIZATION)
        or (case.fault.kind is Kind.STATE and case.order.times is FOR_EVER)
    )


def denies_who_is_there(case: Case) -> bool:
    """WorkMail says, falsely, that there is nobody of that name: then somebody is created."""
    return (
        case.event in ENTITY_EVENTS
        and case.order.operation.startswith("Describe")
        and case.fault.kind is Kind.NOT_THERE
        and not case.event.makes
    )


def none(cases: list[Case]) -> None:
    assert not cases, "\n" + "\n".join(map(str, cases[:20]))


def test_without_faults_each_event_ends_as_the_contract_says() -> None:
    for event in ALL_EVENTS:
        outcome = clean(event)
        assert outcome.succeeded == event.succeeds, event.title
        assert outcome.after == event.ends, event.title


@every_event
def test_no_mailbox_is_given_up_that_is_to_stay(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            if not case.outcome.deregister_sent | case.outcome.lost <= event.may_deregister
        ]
    )


@every_registration
def test_an_entity_ends_as_it_was_or_as_is_declared(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            for name in case.outcome.before.keys() | case.outcome.after.keys()
            if case.outcome.after.get(name)
            not in (
                case.outcome.before.get(name),
                event.ends.get(name),
                # What was asked for and may still come; the rule on strangers has the rest.
                (ENABLED, f"{event.subject}@example.com") if name == event.subject else None,
            )
        ]
    )


@every_event
def test_what_succeeds_is_so(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            if case.outcome.succeeded
            and case.outcome.after != event.ends
            and case.fault.kind is not Kind.GONE
            and not is_success_of_a_delete(case)
        ]
    )


@every_event
def test_what_settles_by_itself_is_waited_for(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            if case.order.times is not FOR_EVER
            and case.fault.kind in (Kind.SETTLES, Kind.STATE)
            and not ends_well(case)
        ]
    )


@every_event
def test_create_and_update_wait_for_an_entity_to_appear(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            if case.order.times is not FOR_EVER
            and case.fault.kind is Kind.NOT_THERE
            and not is_delete(event)
            and not ends_well(case)
            and not denies_the_stranger(case)
            and not denies_who_is_there(case)
        ]
    )


@every_event
def test_what_never_settles_fails_in_time(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            if case.order.times is FOR_EVER
            and case.fault.kind in (Kind.SETTLES, Kind.STATE, Kind.NOT_THERE)
            and case.order.operation != BEST_EFFORT
            and not is_success_of_a_delete(case)
            and not denies_who_is_there(case)
            # The work was done, or the fault is what this call says anyway.
            and not (
                (case.fault in AFTER_WORK or case.fault.kind is Kind.NOT_THERE) and ends_well(case)
            )
            and not (
                not case.outcome.succeeded
                and case.outcome.seconds > 0
                and case.outcome.took < event.waits
                and (WAITED.search(case.outcome.sentence) or BY_HAND in case.outcome.sentence)
            )
        ]
    )


@every_event
def test_what_passes_in_its_time_is_waited_for_until_the_hour_ends(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            if case.fault.kind is Kind.IN_ITS_TIME
            and not ends_well(case)
            and not (
                case.order.times is FOR_EVER
                and case.outcome.after == case.outcome.before
                and case.outcome.took < event.waits
                and "delete again to continue" in case.outcome.sentence
            )
        ]
    )


@every_registration
def test_under_snapshot_a_mailbox_stays_or_was_exported_before(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            if event.exports
            and not case.outcome.deregister_sent | case.outcome.lost <= case.outcome.exported
        ]
    )


@every_event
def test_no_fault_makes_a_second_job_or_one_that_nobody_declared(event: Event) -> None:
    none([case for case in cases(event) if case.outcome.jobs > event.exports])


@every_event
def test_each_request_is_answered_once_over_all_its_invocations(event: Event) -> None:
    """But where Lambda took an event without saying so: then the first answer counts."""
    none(
        [
            case
            for case in cases(event)
            if case.outcome.answers != 1
            and not (case.order.operation == INVOKE and case.fault in AFTER_WORK)
        ]
    )


@every_event
def test_each_wait_has_its_own_end(event: Event) -> None:
    """Two minutes, three for the service itself, eight for throttling; never the whole time."""
    throttled = ("ThrottlingException", "TooManyRequestsException", "HTTP 429 without a code")
    longest = dict.fromkeys(throttled, 480)
    none(
        [
            case
            for case in cases(event)
            if event.seconds == FUNCTION_SECONDS
            and clean(event).took == 0
            # The first call and the last may each have been silent for a while.
            and case.outcome.took > longest.get(case.fault.name, 180) + 2 * case.fault.seconds
        ]
    )


@every_event
def test_a_final_error_fails_at_once(event: Event) -> None:
    """Once or for ever is the same: it is not asked a second time."""
    none(
        [
            case
            for case in cases(event)
            if case.fault.kind in (Kind.FINAL, Kind.NO_ORGANIZATION)
            and case.order.operation != BEST_EFFORT
            and not is_success_of_a_delete(case)
            and not (event.gone and case.outcome.succeeded)
            and (case.outcome.succeeded or case.outcome.seconds > clean(event).seconds)
        ]
    )


@every_event
def test_who_has_an_address_is_told_if_it_can_be_read_and_changes_nothing(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            if case.order.operation == BEST_EFFORT
            and not (ends_well(case) and "is in use by" in case.outcome.sentence)
        ]
    )


@every_event
def test_a_delete_that_cannot_decide_fails_and_touches_nothing(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            if is_delete(event)
            and case.order.operation in ("DescribeStacks", "ListStackResources")
            and (case.order.times is FOR_EVER or case.fault.kind is Kind.FINAL)
            and (
                case.outcome.succeeded
                or case.outcome.deregister_sent
                or case.outcome.lost
                or case.outcome.deleted
            )
        ]
    )


@every_event
def test_a_delete_of_what_is_gone_succeeds(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            if is_delete(event)
            and case.fault.kind in (Kind.NOT_THERE, Kind.NO_ORGANIZATION)
            and not case.outcome.succeeded
        ]
    )


@every_registration
def test_physical_ids_follow_the_contract(event: Event) -> None:
    """An Update or Delete that failed has the event's, a Create that never asked the marker."""

    def expected(case: Case) -> str:
        if is_delete(event) or (is_update(event) and not case.outcome.succeeded):
            return "the event's"
        if case.outcome.succeeded or (not is_update(event) and case.outcome.register_sent):
            own = is_update(event) and event.subject == "alice"
            return "the event's" if own else f"canonical: {event.subject}"
        return "the marker"

    none([case for case in cases(event) if case.outcome.physical_id != expected(case)])


@every_registration
def test_a_failed_update_leaves_no_stranger_enabled_or_names_who(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            if is_update(event) and not case.outcome.succeeded
            for name in case.outcome.after.keys() - case.outcome.before.keys() - {"alice"}
            if not (
                case.outcome.sentence.startswith(f"user {name} ")
                and BY_HAND in case.outcome.sentence
            )
            and not denies_the_stranger(case)
        ]
    )


@every_registration
def test_a_failed_create_that_enabled_somebody_can_be_cleaned_up(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            if event.title.startswith("Create") and not case.outcome.succeeded
            for name in case.outcome.after.keys() - case.outcome.before.keys()
            if case.outcome.physical_id != f"canonical: {name}"
        ]
    )


@every_event
def test_a_change_that_was_denied_or_refused_is_not_made(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            if case.order.operation == first_change(case)
            and case.order.occurrence == 1
            and case.order.times is FOR_EVER
            and case.fault not in AFTER_WORK
            and case.outcome.after != case.outcome.before
            and "DeregisterFromWorkMail" not in {call.operation for call in case.outcome.calls}
        ]
    )


@every_event
def test_each_reason_is_one_line_of_240_characters_before_the_log(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            if len(case.outcome.sentence) > 240
            or "\n" in case.outcome.sentence
            or (case.outcome.log_place != "" and "log stream stream]" not in case.outcome.log_place)
            or case.outcome.succeeded != (case.outcome.sentence == "")
        ]
    )


@every_event
def test_each_reason_says_on_what_and_what_to_do(event: Event) -> None:
    on_what = re.compile(
        r"\b(alice|bob|team|board-room|dora|sales|beamer|projector|new@example.com|"
        r"organization m-[0-9a-f]{32}|stack (Mail|Root))\b"
    )
    none(
        [
            case
            for case in cases(event)
            if not case.outcome.succeeded
            and not (
                # What the function could not call is itself.
                (case.order.operation == INVOKE or on_what.search(case.outcome.sentence))
                and WHAT_TO_DO.search(case.outcome.sentence)
            )
        ]
    )


@every_event
def test_no_reason_is_cut_before_its_end(event: Event) -> None:
    """But for the one that tells of two failures, whose beginning says what to do."""
    none(
        [
            case
            for case in cases(event)
            if case.outcome.sentence.endswith("...")
            and BY_HAND not in case.outcome.sentence
            and case.order.operation != INVOKE
            and not denies_who_is_there(case)
        ]
    )
