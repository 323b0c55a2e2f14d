"""Every fault at every call: the rules of the lifecycle contract hold whatever fails.

The rules are written from the contract and from what WorkMail and CloudFormation can see; they do
not depend on how the function is made.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator

import pytest

from tests.faults.entity_events import ENTITY_EVENTS
from tests.faults.events import ENABLED, EVENTS, FUNCTION_SECONDS, Event
from tests.faults.injection import (
    AFTER_WORK,
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
    r"organization m-[0-9a-f]{32}|stack (Mail|Root))\b"
)
WHAT_TO_DO = re.compile(
    r"\b(add|allow|change|check|correct|declare|delete again|deploy again|deploy fewer|deregister|"
    r"enable|free|look at|remove|renew|replace|set|store|try again|verify|wait until)\b"
)
# Reads the user of an address in use, for the message only.
BEST_EFFORT = "DescribeEntity"

every_event = pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda event: event.title)
every_registration = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.title)
every_entity_event = pytest.mark.parametrize("event", ENTITY_EVENTS, ids=lambda event: event.title)


def no_case(event: Event, breaks: Callable[[Case], bool]) -> None:
    """No case of the event breaks the rule."""
    found = [case for case in cases(event) if breaks(case)]
    assert not found, "\n" + "\n".join(map(str, found[:20]))


def is_delete(event: Event) -> bool:
    return event.title.startswith("Delete")


def is_update(event: Event) -> bool:
    return event.title.startswith("Update")


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
    return is_delete(case.event) and says_nothing_exists(case) and case.outcome.succeeded


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


def is_final(case: Case) -> bool:
    return case.fault.kind in (Kind.FINAL, Kind.NO_ORGANIZATION)


@every_event
def test_without_a_fault_each_event_ends_as_the_contract_says(event: Event) -> None:
    outcome = clean(event)
    assert (outcome.succeeded, outcome.after) == (event.succeeds, event.ends)


class TestNothingIsLost:
    @every_event
    def test_no_other_mailbox_is_given_up_and_no_other_entity_deleted(self, event: Event) -> None:
        """Than those that the request removes; and none that is enabled is deleted."""
        no_case(
            event,
            lambda case: (
                not case.outcome.deregister_sent | case.outcome.lost <= event.may_deregister
                or not case.outcome.deleted <= event.may_delete
                or any(
                    case.outcome.before.get(name, ("", None))[0] == ENABLED
                    for name in case.outcome.deleted
                )
            ),
        )

    @every_registration
    def test_an_entity_ends_as_it_was_or_as_declared(self, event: Event) -> None:
        # Registered, and it may still come to read so.
        pending = {event.subject: (ENABLED, f"{event.subject}@example.com")}
        no_case(
            event,
            lambda case: any(
                case.outcome.after.get(name)
                not in (case.outcome.before.get(name), event.ends.get(name), pending.get(name))
                for name in case.outcome.before.keys() | case.outcome.after.keys()
            ),
        )

    @every_event
    def test_an_entity_is_created_once_and_only_where_one_is_declared(self, event: Event) -> None:
        """However often the creation was sent because no response said that it was done."""
        declared = ((), (event.subject,)) if event.creates else ((),)
        no_case(event, lambda case: case.outcome.created not in declared)

    @every_registration
    def test_a_declared_export_is_completed_before_the_mailbox_is_deregistered(
        self, event: Event
    ) -> None:
        """By one job, and without a declaration by none."""
        no_case(
            event,
            lambda case: (
                case.outcome.jobs > event.exports
                or (
                    event.exports
                    and not case.outcome.deregister_sent | case.outcome.lost
                    <= case.outcome.exported
                )
            ),
        )

    @every_event
    def test_a_delete_that_cannot_read_its_stack_fails_and_changes_nothing(
        self, event: Event
    ) -> None:
        no_case(
            event,
            lambda case: (
                is_delete(event)
                and case.order.operation in STACK_OPERATIONS
                and (case.order.times is FOR_EVER or case.fault.kind is Kind.FINAL)
                and bool(
                    case.outcome.succeeded
                    or case.outcome.deregister_sent
                    or case.outcome.lost
                    or case.outcome.deleted
                )
            ),
        )

    @every_event
    def test_a_first_change_that_was_refused_is_not_made(self, event: Event) -> None:
        def is_first_change(case: Case) -> bool:
            operations = [call.operation for call in case.outcome.calls]
            changes = [operation for operation in operations if operation in CHANGES]
            return (
                changes[:1] == [case.order.operation]
                and case.order.occurrence == 1
                and "DeregisterFromWorkMail" not in changes
            )

        no_case(
            event,
            lambda case: (
                is_first_change(case)
                and case.order.times is FOR_EVER
                and case.fault not in AFTER_WORK
                and case.outcome.after != case.outcome.before
            ),
        )

    @every_registration
    def test_what_a_failed_request_enabled_is_disabled_or_named(self, event: Event) -> None:
        """An Update names it in the message, a Create by its physical id."""

        def is_named(case: Case, name: str) -> bool:
            if is_update(event):
                message = case.outcome.sentence
                return message.startswith(f"user {name} ") and BY_HAND in message
            return case.outcome.physical_id == f"canonical: {name}"

        no_case(
            event,
            lambda case: (
                not case.outcome.succeeded
                and not denies_the_enabled(case)
                and any(
                    not is_named(case, name)
                    for name in case.outcome.after.keys() - case.outcome.before.keys()
                    if not (is_update(event) and name == "alice")
                )
            ),
        )


class TestConverging:
    @every_event
    def test_a_success_is_as_declared(self, event: Event) -> None:
        no_case(
            event,
            lambda case: (
                case.outcome.succeeded
                and case.outcome.after != event.ends
                and case.fault.kind is not Kind.REMOVED
                and not is_success_of_a_delete(case)
            ),
        )

    @every_event
    def test_a_fault_that_passes_is_waited_for(self, event: Event) -> None:
        """One that is not found is by Create and Update: it may show later."""
        waited_for = {Kind.SETTLES, Kind.STATE} | (set() if is_delete(event) else {Kind.NOT_FOUND})
        no_case(
            event,
            lambda case: (
                case.order.times is not FOR_EVER
                and case.fault.kind in waited_for
                and not ends_well(case)
                and not (case.fault.kind is Kind.NOT_FOUND and denies_the_enabled(case))
                and not denies_the_existing(case)
            ),
        )

    @every_event
    def test_a_delete_of_what_does_not_exist_succeeds(self, event: Event) -> None:
        no_case(
            event,
            lambda case: (
                is_delete(event) and says_nothing_exists(case) and not case.outcome.succeeded
            ),
        )

    @every_event
    def test_a_fault_that_does_not_pass_fails_in_time(self, event: Event) -> None:
        def fails_in_time(case: Case) -> bool:
            message = case.outcome.sentence
            return (
                not case.outcome.succeeded
                and case.outcome.seconds > 0
                and case.outcome.took < event.waits
                and (WAITED.search(message) is not None or BY_HAND in message)
            )

        def is_no_failure(case: Case) -> bool:
            """The work was done, or this call ends so without the fault too."""
            return ends_well(case) and (
                case.fault in AFTER_WORK or case.fault.kind is Kind.NOT_FOUND
            )

        no_case(
            event,
            lambda case: (
                case.order.times is FOR_EVER
                and case.fault.kind in (Kind.SETTLES, Kind.STATE, Kind.NOT_FOUND)
                and case.order.operation != BEST_EFFORT
                and not is_success_of_a_delete(case)
                and not denies_the_existing(case)
                and not is_no_failure(case)
                and not fails_in_time(case)
            ),
        )

    @every_event
    def test_a_fault_that_passes_in_its_time_is_waited_for_until_the_hour_ends(
        self, event: Event
    ) -> None:
        no_case(
            event,
            lambda case: (
                case.fault.kind is Kind.IN_ITS_TIME
                and not ends_well(case)
                and not (
                    case.order.times is FOR_EVER
                    and case.outcome.after == case.outcome.before
                    and case.outcome.took < event.waits
                    and "delete again to continue" in case.outcome.sentence
                )
            ),
        )

    @every_event
    def test_each_wait_has_its_own_end(self, event: Event) -> None:
        """Two minutes, three for the service itself, eight for throttling; never the whole time."""
        throttled = ("ThrottlingException", "TooManyRequestsException", "HTTP 429 without a code")
        longest = dict.fromkeys(throttled, 480)
        no_case(
            event,
            lambda case: (
                event.seconds == FUNCTION_SECONDS
                and clean(event).took == 0
                # The first call and the last may each have been silent for a while.
                and case.outcome.took > longest.get(case.fault.name, 180) + 2 * case.fault.seconds
            ),
        )

    @every_event
    def test_a_final_error_fails_at_once(self, event: Event) -> None:
        """Once or for ever is the same: the call is not repeated."""
        no_case(
            event,
            lambda case: (
                is_final(case)
                and case.order.operation != BEST_EFFORT
                and not is_success_of_a_delete(case)
                and not (event.deleted and case.outcome.succeeded)
                and (case.outcome.succeeded or case.outcome.seconds > clean(event).seconds)
            ),
        )


class TestResponding:
    @every_event
    def test_each_request_has_one_response_over_all_its_invocations(self, event: Event) -> None:
        """But if Lambda accepted an event without saying so: then the first response counts."""
        no_case(
            event,
            lambda case: (
                case.outcome.responses != 1
                and not (case.order.operation == INVOKE and case.fault in AFTER_WORK)
            ),
        )

    @every_event
    def test_physical_ids_follow_the_contract(self, event: Event) -> None:
        """A failed Update or Delete has the event's, a Create that changed nothing the marker."""

        def expected(case: Case) -> str:
            outcome = case.outcome
            is_own = event in ENTITY_EVENTS or event.subject == "alice"
            if is_delete(event) or (is_update(event) and (is_own or not outcome.succeeded)):
                return "the event's"
            if outcome.succeeded or outcome.register_sent or outcome.knew_what_it_created:
                return f"canonical: {event.subject}"
            return "the marker"

        no_case(event, lambda case: case.outcome.physical_id != expected(case))

    @every_event
    def test_each_reason_says_on_what_and_what_to_do_in_one_line(self, event: Event) -> None:
        """With at most 240 characters before the log, and no gap for a value that is missing."""

        def is_good(case: Case) -> bool:
            message = case.outcome.sentence
            if case.outcome.succeeded:
                return message == ""
            # What the function could not call is itself.
            is_about = case.order.operation == INVOKE or ON_WHAT.search(message) is not None
            return (
                is_about
                and WHAT_TO_DO.search(message) is not None
                and len(message) <= 240
                and re.search(r"\n|\(\)|  ", message) is None
                and "log stream stream]" in case.outcome.log_place
            )

        no_case(event, lambda case: not is_good(case))

    @every_event
    def test_no_reason_is_cut_before_its_end(self, event: Event) -> None:
        """But one with two failures, whose beginning says what to do."""
        no_case(
            event,
            lambda case: (
                case.outcome.sentence.endswith("...")
                and BY_HAND not in case.outcome.sentence
                and case.order.operation != INVOKE
                and not denies_the_existing(case)
            ),
        )

    @every_event
    def test_the_user_of_an_address_is_named_if_it_can_be_read_and_changes_nothing(
        self, event: Event
    ) -> None:
        no_case(
            event,
            lambda case: (
                case.order.operation == BEST_EFFORT
                and not (ends_well(case) and "is in use by" in case.outcome.sentence)
            ),
        )


class TestPasswords:
    @every_entity_event
    def test_a_password_is_sent_to_workmail_only(self, event: Event) -> None:
        no_case(event, lambda case: case.outcome.leaked_password)

    @pytest.fixture
    def with_logs(self) -> Iterator[None]:
        before = logging.root.manager.disable
        logging.disable(logging.NOTSET)
        yield
        logging.disable(before)

    @pytest.mark.usefixtures("with_logs")
    def test_a_password_is_in_no_log(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Not even where WorkMail's message quotes it."""
        for event in ENTITY_EVENTS:
            for case in cases(event):
                if case.order.operation in (*WITH_PASSWORD, "GetSecretValue"):
                    run(case.event, case.order)
        written = capsys.readouterr()
        assert "dora" in written.out + written.err
        assert PASSWORD not in written.out + written.err
        assert NEW_PASSWORD not in written.out + written.err
