"""The outcome of every event with every fault at every call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.faults.entity_events import ENTITY_EVENTS
from tests.faults.events import DELETED, EVENTS, Event, Request, States
from tests.faults.injection import (
    ACCESS_DENIED,
    DELETIONS,
    WITH_PASSWORD,
    Call,
    Fault,
    FaultyHarness,
    Order,
    faults_of,
)
from tests.support.harness import NEW_PASSWORD, PASSWORD, FunctionHarness
from tests.support.lambda_fakes import ORGANIZATION_ID
from workmail_provider.cloudformation.response import NEVER_CREATED

ONCE = 1
# Access that is denied passes within the minutes in which IAM propagates, not with the next call.
UNTIL_IT_PASSES = 5
FOR_EVER = None
ALL_EVENTS = (*EVENTS, *ENTITY_EVENTS)


@dataclass(frozen=True)
class Outcome:
    """The outcome of one event, as CloudFormation and WorkMail see it.

    `seconds` is how long the function waited of its own accord; `lost` are the names of the
    entities that were enabled before and whose mailbox was given up.
    """

    succeeded: bool
    physical_id: str
    sentence: str
    log_place: str
    seconds: float
    took: float
    before: States
    after: States
    deregister_sent: frozenset[str]
    register_sent: bool
    lost: frozenset[str]
    calls: tuple[Call, ...]
    # The number of responses, of which the first counts; of jobs; and the entities whose mailboxes
    # were exported completely before any was deregistered.
    responses: int
    jobs: int
    exported: frozenset[str]
    # The entities that were deleted or asked to be, and those that are new; whether the function
    # received the id of what it created; whether it sent a password elsewhere than to WorkMail.
    deleted: frozenset[str]
    created: tuple[str, ...]
    knew_what_it_created: bool
    leaked_password: bool


@dataclass(frozen=True)
class Case:
    """One event with one fault at one of its calls."""

    event: Event
    order: Order
    outcome: Outcome

    @property
    def fault(self) -> Fault:
        return self.order.fault

    def __str__(self) -> str:
        often = {ONCE: "once", FOR_EVER: "for ever"}.get(self.order.times, "until it passes")
        return (
            f"{self.event.title} / {self.order.operation} {self.order.occurrence} / "
            f"{self.fault.name} {often}: {'SUCCESS' if self.outcome.succeeded else 'FAILED'} "
            f"{self.outcome.physical_id} after {self.outcome.seconds:.0f} s, "
            f"{dict(self.outcome.after)}, {self.outcome.sentence!r}"
        )


@cache
def clean(event: Event) -> Outcome:
    """The outcome without a fault."""
    return run(event, None)


@cache
def cases(event: Event) -> tuple[Case, ...]:
    """The event with each fault at each of its calls, in the order of the calls."""
    return tuple(
        Case(event, order, run(event, order))
        for operation, occurrence in _calls(event)
        for fault in faults_of(operation)
        for times in (_passing(fault), FOR_EVER)
        for order in (Order(operation, occurrence, fault, times),)
    )


def _passing(fault: Fault) -> int:
    return UNTIL_IT_PASSES if fault is ACCESS_DENIED else ONCE


def _calls(event: Event) -> list[tuple[str, int]]:
    """The calls of the clean run; of many reads while waiting the first, the second, the last."""
    made = [(call.operation, call.occurrence) for call in clean(event).calls]
    last = dict(made)
    return [
        (operation, occurrence)
        for operation, occurrence in made
        if occurrence <= 2 or occurrence == last[operation]
    ]


def run(event: Event, order: Order | None) -> Outcome:
    harness = FaultyHarness(order)
    request = event.prepare(harness)
    before, mailboxes = event.observe(harness), _mailboxes(harness)
    existed = {id: entity.state for id, entity in harness.organization.entities.items()}
    began = harness.now
    response = _send(harness, event, request)
    sentence, _, log_place = response["Reason"].partition(" [log group ")
    kept = _mailboxes(harness)
    names = {entity.entity_id: entity.name for entity in harness.organization.entities.values()}
    return Outcome(
        succeeded=response["Status"] == "SUCCESS",
        physical_id=_id(harness, response["PhysicalResourceId"], request),
        sentence=_without_ids(harness, sentence),
        log_place=log_place,
        seconds=harness.now - began - harness.silence,
        took=harness.now - began,
        before=before,
        after=event.observe(harness),
        deregister_sent=frozenset(
            names[call.entity_id]
            for call in harness.all_calls
            if call.operation == "DeregisterFromWorkMail"
        ),
        register_sent=any(call.operation == "RegisterToWorkMail" for call in harness.all_calls),
        lost=frozenset(name for name, mailbox in mailboxes.items() if kept.get(name) != mailbox),
        calls=tuple(harness.all_calls),
        responses=len(harness.bodies),
        jobs=len(harness.workmail.exports.jobs),
        exported=frozenset(names[entity_id] for entity_id in _exported(harness)),
        deleted=frozenset(
            entity.name
            for id, entity in harness.organization.entities.items()
            if (entity.state == DELETED and existed.get(id) != DELETED)
            or any(
                call.operation in DELETIONS and call.entity_id == id for call in harness.all_calls
            )
        ),
        created=tuple(name for id, name in names.items() if id not in existed),
        knew_what_it_created=bool(harness.known_ids),
        leaked_password=not harness.received_password <= set(WITH_PASSWORD)
        or any(
            password.encode() in body
            for body in harness.bodies
            for password in (PASSWORD, NEW_PASSWORD)
        ),
    )


def _send(harness: FunctionHarness, event: Event, request: Request) -> dict[str, Any]:
    """The first response; every event that the function invokes itself with is delivered."""
    sent = harness.request(
        request.request_type,
        request.physical_id,
        resource_type=request.resource_type,
        before=request.before,
        **request.properties,
    )
    harness.queue.append(sent)
    while harness.queue:
        harness.invoke(event.seconds)
    response: dict[str, Any] = json.loads(harness.bodies[0])
    return response


def _exported(harness: FunctionHarness) -> Iterator[str]:
    deregistered = [
        call.at for call in harness.workmail.calls if call.operation == "DeregisterFromWorkMail"
    ]
    first = min(deregistered, default=harness.now)
    for job in harness.workmail.exports.jobs:
        if job.state == "COMPLETED" and job.end_time is not None and job.end_time <= first:
            yield job.entity_id


def _mailboxes(harness: FunctionHarness) -> dict[str, str]:
    """The mailboxes in use, by the names of their entities."""
    return {
        entity.name: entity.mailbox.mailbox_id
        for entity in harness.organization.entities.values()
        if entity.mailbox and entity.mailbox.deprovisioned_at is None
    }


def _id(harness: FunctionHarness, physical_id: str, request: Request) -> str:
    """What the id is: the event's own, else the marker or a canonical one."""
    if physical_id == request.physical_id:
        return "the event's"
    if physical_id == NEVER_CREATED:
        return "the marker"
    for entity in harness.organization.entities.values():
        own = f"{ORGANIZATION_ID}/{entity.kind.lower()}/{entity.entity_id}"
        lists = (f"{own}/members", f"{own}/delegates")
        if physical_id in (harness.registration_id(entity), own, *lists):
            return f"canonical: {entity.name}"
    return physical_id


def _without_ids(harness: FunctionHarness, sentence: str) -> str:
    """The message with words of the same length for the ids, which differ from run to run."""
    for entity in harness.organization.entities.values():
        sentence = sentence.replace(
            entity.entity_id, f"{entity.name}'s id".ljust(len(entity.entity_id), ".")
        )
    for job in harness.workmail.exports.jobs:
        sentence = sentence.replace(job.job_id, "job's id".ljust(len(job.job_id), "."))
    return sentence
