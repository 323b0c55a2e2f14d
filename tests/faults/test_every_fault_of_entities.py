"""Whatever goes wrong: nobody is deleted who is to stay, made twice, or has a password told."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest

from tests.faults.entity_events import ENTITY_EVENTS, NEW_PASSWORD, PASSWORD
from tests.faults.events import ENABLED, Event
from tests.faults.outcomes import (
    Case,
    cases,
    run,
)
from tests.faults.test_every_fault import WHAT_TO_DO, every_event, is_delete, is_update, none

every_entity_event = pytest.mark.parametrize("event", ENTITY_EVENTS, ids=lambda event: event.title)


@every_event
def test_nobody_is_deleted_but_whose_removal_is_asked_for(event: Event) -> None:
    none([case for case in cases(event) if not case.outcome.deleted <= event.may_delete])


@every_event
def test_nobody_enabled_is_deleted(event: Event) -> None:
    none(
        [
            case
            for case in cases(event)
            for name in case.outcome.deleted
            if case.outcome.before.get(name, ("", None))[0] == ENABLED
        ]
    )


@every_event
def test_one_is_made_at_most_and_only_where_one_is_declared(event: Event) -> None:
    """However often the creation was sent because nobody said that it had been done."""
    declared = [event.subject] if event.makes else []
    none([case for case in cases(event) if case.outcome.made not in ((), tuple(declared))])


@every_event
def test_a_password_is_told_to_nobody_but_workmail(event: Event) -> None:
    none([case for case in cases(event) if case.outcome.betrayed])


@pytest.fixture
def with_logs() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.NOTSET)
    yield
    logging.disable(before)


@pytest.mark.usefixtures("with_logs")
def test_a_password_is_in_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even where WorkMail's own words quote it."""
    with_password = ("CreateUser", "ResetPassword", "GetSecretValue")
    found = [case for event in ENTITY_EVENTS for case in cases(event)]
    for case in found:
        if case.order.operation in with_password:
            run(case.event, case.order)
    told = capsys.readouterr()
    assert "dora" in told.out + told.err
    assert PASSWORD not in told.out + told.err
    assert NEW_PASSWORD not in told.out + told.err


@every_entity_event
def test_a_failed_create_names_what_it_made_from_when_it_knows(event: Event) -> None:
    """And before that, or having made nothing, the marker."""

    def expected(case: Case) -> str:
        if is_delete(event) or is_update(event):
            return "the event's"
        if case.outcome.succeeded or case.outcome.knew_what_it_made:
            return f"canonical: {event.subject}"
        return "the marker"

    none([case for case in cases(event) if case.outcome.physical_id != expected(case)])


def test_a_resource_that_does_not_show_while_it_is_renamed_is_not_made_again() -> None:
    """The answer has another id then, and CloudFormation deletes the resource that was meant."""
    found = [case for event in ENTITY_EVENTS for case in cases(event)]
    renamings = [case for case in found if case.event.title == "Update that renames a resource"]
    assert renamings
    none([case for case in renamings if case.outcome.made])


def test_who_was_made_and_does_not_show_is_told_with_what_to_do() -> None:
    found = [case for event in ENTITY_EVENTS for case in cases(event)]
    told = [case for case in found if "does not show" in case.outcome.sentence]
    assert told
    assert all(WHAT_TO_DO.search(case.outcome.sentence) for case in told)


def test_no_reason_has_a_gap() -> None:
    """`look at it ()` of a ResetPassword, `does not accept  for alice` of a ListAliases."""
    found = [case for event in ENTITY_EVENTS for case in cases(event)]
    assert not [str(case) for case in found if re.search(r"\(\)|  ", case.outcome.sentence)]
