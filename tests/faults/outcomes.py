"""Every fault at every call of every event, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.faults.entity_events import ENTITY_EVENTS, NEW_PASSWORD, PASSWORD
from tests.faults.events import DELETED, EVENTS, Event, Request, States
from tests.faults.injection import (
    ACCESS_DENIED,
    DELETIONS,
    WITH_PASSWORD,
    Fault,
    FaultyWorld,
    Made,
    Order,
    faults_of,
)
from tests.support.harness import FunctionHarness
from tests.support.lambda_fakes import ORGANIZATION_ID
from workmail_provider.cloudformation.response import NEVER_CREATED

ONCE = 1
# Access that is denied passes within the minutes in which IAM propagates, not with the next call.
UNTIL_IT_PASSES = 5
FOR_EVER = None
ALL_EVENTS = (*EVENTS, *ENTITY_EVENTS)


@dataclass(frozen=True)
class Outcome:
    """What one event came to, as CloudFormation and WorkMail see it.

    `seconds` is how long the function waited of its own accord; `lost` are the names of those
    who were enabled before and whose mailbox was given up.
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
    calls: tuple[Made, ...]
    # How many answers there were, of which the first counts; how many jobs, and whose mailboxes
    # were exported completely before anybody was deregistered.
    answers: int
    jobs: int
    exported: frozenset[str]
    # Who is deleted now or was asked to be, whose ids there are that were not before, whether the
    # function was given the id of what it created, and whether a password was told to anybody else
    # than WorkMail.
    deleted: frozenset[str]
    made: tuple[str, ...]
    knew_what_it_made: bool
    betrayed: bool


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
    """The event when nothing goes wrong."""
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


def all_cases() -> Iterator[Case]:
    for event in ALL_EVENTS:
        yield from cases(event)


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
    world = FaultyWorld(order)
    request = event.prepare(world)
    before, mailboxes = event.observe(world), _mailboxes(world)
    there = {id: entity.state for id, entity in world.organization.entities.items()}
    began = world.now
    answer = _send(world, event, request)
    sentence, _, log_place = answer["Reason"].partition(" [log group ")
    kept = _mailboxes(world)
    names = {entity.entity_id: entity.name for entity in world.organization.entities.values()}
    return Outcome(
        succeeded=answer["Status"] == "SUCCESS",
        physical_id=_id(world, answer["PhysicalResourceId"], request),
        sentence=_without_ids(world, sentence),
        log_place=log_place,
        seconds=world.now - began - world.silence,
        took=world.now - began,
        before=before,
        after=event.observe(world),
        deregister_sent=frozenset(
            names[call.entity_id]
            for call in world.made
            if call.operation == "DeregisterFromWorkMail"
        ),
        register_sent=any(call.operation == "RegisterToWorkMail" for call in world.made),
        lost=frozenset(name for name, mailbox in mailboxes.items() if kept.get(name) != mailbox),
        calls=tuple(world.made),
        answers=len(world.bodies),
        jobs=len(world.workmail.exports.jobs),
        exported=frozenset(names[entity_id] for entity_id in _exported(world)),
        deleted=frozenset(
            entity.name
            for id, entity in world.organization.entities.items()
            if (entity.state == DELETED and there.get(id) != DELETED)
            or any(call.operation in DELETIONS and call.entity_id == id for call in world.made)
        ),
        made=tuple(name for id, name in names.items() if id not in there),
        knew_what_it_made=bool(world.known_ids),
        betrayed=not world.told_password <= set(WITH_PASSWORD)
        or any(
            password.encode() in body
            for body in world.bodies
            for password in (PASSWORD, NEW_PASSWORD)
        ),
    )


def _send(world: FunctionHarness, event: Event, request: Request) -> dict[str, Any]:
    """The first answer; all that the function calls itself with is delivered."""
    sent = world.request(
        request.request_type,
        request.physical_id,
        resource_type=request.resource_type,
        before=request.before,
        **request.properties,
    )
    world.queue.append(sent)
    while world.queue:
        world.invoke(event.seconds)
    answer: dict[str, Any] = json.loads(world.bodies[0])
    return answer


def _exported(world: FunctionHarness) -> Iterator[str]:
    deregistered = [
        call.at for call in world.workmail.calls if call.operation == "DeregisterFromWorkMail"
    ]
    first = min(deregistered, default=world.now)
    for job in world.workmail.exports.jobs:
        if job.state == "COMPLETED" and job.end_time is not None and job.end_time <= first:
            yield job.entity_id


def _mailboxes(world: FunctionHarness) -> dict[str, str]:
    """The mailboxes in use, by the names of those who have them."""
    return {
        entity.name: entity.mailbox.mailbox_id
        for entity in world.organization.entities.values()
        if entity.mailbox and entity.mailbox.deprovisioned_at is None
    }


def _id(world: FunctionHarness, physical_id: str, request: Request) -> str:
    """Whose id that is: the event's own before anybody's canonical one."""
    if physical_id == request.physical_id:
        return "the event's"
    if physical_id == NEVER_CREATED:
        return "the marker"
    for entity in world.organization.entities.values():
        own = f"{ORGANIZATION_ID}/{entity.kind.lower()}/{entity.entity_id}"
        people = (f"{own}/members", f"{own}/delegates")
        if physical_id in (world.registration_id(entity), own, *people):
            return f"canonical: {entity.name}"
    return physical_id


def _without_ids(world: FunctionHarness, sentence: str) -> str:
    """The sentence with ids that differ from run to run put in words, of the same length."""
    for entity in world.organization.entities.values():
        sentence = sentence.replace(
            entity.entity_id, f"{entity.name}'s id".ljust(len(entity.entity_id), ".")
        )
    for job in world.workmail.exports.jobs:
        sentence = sentence.replace(job.job_id, "job's id".ljust(len(job.job_id), "."))
    return sentence
