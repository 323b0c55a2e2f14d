"""Stacks that are created, changed and deleted in every order, while all else happens too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from local_aws.workmail import (
    Behaviour,
    Drop,
    Entity,
    Failure,
    WorkMail,
    WorkMailError,
)
from tests.model.cloudformation import (
    CloudFormation,
    Event,
    Operation,
    Plan,
    Response,
    Stack,
    StackTemplate,
)
from tests.model.function import CallFault, Delivery, Function, Run, RunFaults, Time
from tests.model.registration_oracle import RegistrationOracle
from tests.model.templates import SERVICE_TIMEOUT, Declared, Export
from tests.support.lambda_fakes import ORGANIZATION_ID
from tests.support.s3 import S3

T = TypeVar("T")

NAMES = ("alice", "bob", "team", "room")
# The kinds of the entities that are not users.
KINDS = {"team": "GROUP", "sales": "GROUP", "room": "RESOURCE", "blue-room": "RESOURCE"}
LOGICAL_IDS = tuple("ABCDEF")
# Where a stack declares: itself, and two nested stacks.
OWN, INNER, SECOND = "", "Inner", "Second"
# Lambda keeps an event so long, and CloudFormation waits so long: nothing arrives after both.
_LATEST = 2 * SERVICE_TIMEOUT
_REMEMBERED = 6
# How long the delivery of a continuation may last that does not count as late.
_SOON = 60.0
MINUTE = 60.0
HOUR = 60 * MINUTE
ARCHIVE = "mail-archive"
ELSEWHERE = "elsewhere"
# Half of all registrations declare none.
EXPORTS = (Export(ARCHIVE, 24 * HOUR), None, Export(ARCHIVE, HOUR), None, Export(ELSEWHERE, HOUR))
_GONE = (None, "DELETE_COMPLETE", "ROLLBACK_COMPLETE")
_STUCK = ("ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")


@dataclass(frozen=True)
class Edit:
    """One change of a template; the numbers choose among what exists."""

    kind: str
    which: int
    what: int
    # The stack itself, or which one of those nested in it.
    where: int = 0


@dataclass(frozen=True)
class ManualChange:
    """What an administrator does in WorkMail's console."""

    name: str
    action: str
    address: int


@dataclass(frozen=True)
class Interruption:
    """What happens in the middle of a run; `change` is made if it is a manual change."""

    kind: str
    change: ManualChange


SMALL = st.integers(0, 3)
EDITS = st.builds(
    Edit,
    st.sampled_from(
        ["add", "rename", "remove", "twice", *["move"] * 3, "swap", "rewrite"]
        + ["address", "retain", "adopt"]
        + ["snapshot"] * 2
        + ["nest", "share"]
    ),
    SMALL,
    SMALL,
    st.sampled_from([0, 0, 0, 1, 2]),
)
EXPORT_CHANGES = ("export", "export", "export elsewhere", "cancel export")
CHANGES = st.builds(
    ManualChange,
    st.sampled_from(NAMES),
    st.sampled_from(
        ["enable", "enable", "disable", "address", "delete", "create", *EXPORT_CHANGES]
    ),
    SMALL,
)
INTERRUPTIONS = st.builds(
    Interruption,
    st.sampled_from(["cancel"] * 5 + ["duplicate fails"] * 3 + ["change", "duplicate", "other"]),
    CHANGES,
)
# The duration of a new export job: within an invocation, some of them, the hour, some hours.
JOB_SECONDS = st.sampled_from(
    [0.2, 5.0, *[MINUTE, 5 * MINUTE] * 2, 20 * MINUTE, 40 * MINUTE, 70 * MINUTE, 5 * HOUR]
)
PLANS = st.builds(
    Plan,
    fails_at=st.sampled_from([None, None, None, 0, 1, 2, 3]),
    backwards=st.booleans(),
    together=st.booleans(),
    no_rollback=st.sampled_from([False, False, True]),
)
CALL_FAULTS = st.builds(
    CallFault,
    st.sampled_from(
        [
            Failure("ThrottlingException"),
            Failure("TooManyRequestsException", 429),
            Failure("InternalFailure", 500),
            Failure("InternalFailure", 500, after_work=True),
            Failure("ServiceUnavailable", 503, after_work=True),
            Failure("AccessDeniedException"),
            Drop(),
            Drop(after_work=True),
        ]
    ),
    operation=st.sampled_from(
        [None, "RegisterToWorkMail", "DeregisterFromWorkMail", "UpdatePrimaryEmailAddress"] * 2
        + ["ListMailboxExportJobs", "StartMailboxExportJob", "DescribeMailboxExportJob"]
        + ["InvokeFunction"]
    ),
    times=st.sampled_from([1, 2, 3, None, None]),
)
FAULTS = st.builds(
    RunFaults,
    calls=st.lists(CALL_FAULTS, min_size=1, max_size=2).map(tuple),
    stack_error=st.sampled_from([None, None, None, "AccessDenied", "ValidationError"]),
)
CRASHES = st.builds(
    RunFaults,
    calls=st.lists(CALL_FAULTS, max_size=1).map(tuple),
    ends_at=SMALL,
    ends_in_error=st.booleans(),
)
BEHAVIOURS = st.builds(
    Behaviour,
    **dict.fromkeys(
        (
            "register_enabled_same_address_fails",
            "register_enabled_other_address_fails",
            "deregister_disabled_fails",
            "deleted_entity_vanishes",
            "email_remains",
            "enabled_date_remains",
            "address_stays_reserved",
            "disabled_mailbox_can_be_exported",
            "disabled_can_be_associated",
        ),
        st.booleans(),
    ),
    failed_export_can_be_repeated=st.sampled_from([True, True, False]),
    repeated_alias_error=st.sampled_from([None, "EmailAddressInUseException"]),
    visible_after=st.sampled_from([0.0, 30.0]),
    settle_delay=st.sampled_from([0.0] * 5 + [5.0] + [40.0] * 3 + [400.0]),
)


class Deployments(RuleBasedStateMachine):
    """Two stacks, of which one may declare most in nested stacks, and four entities.

    A step is one rule; most of them deliver one event to the function. Manual changes wait for no
    event, and what Lambda delivers late or twice waits for no operation. What the function invokes
    itself with comes before anything else of its request; when that is lost, or was with the
    process that died, CloudFormation waits in vain.
    """

    exports: ClassVar[tuple[Export | None, ...]] = EXPORTS
    oracle_type: ClassVar[type[RegistrationOracle]] = RegistrationOracle
    steps: ClassVar[int] = 0
    seen: ClassVar[Counter[str]] = Counter()

    @initialize(
        rollback_moves_time=st.booleans(),
        retry_deletes_failed=st.booleans(),
        clean_up_deletes_current=st.booleans(),
        announces=st.sampled_from([True, True, True, False]),
        hides_enabled_date=st.sampled_from([False, False, False, True]),
        is_nested=st.sampled_from([True, True, False]),
        behaviour=BEHAVIOURS,
        job_seconds=JOB_SECONDS,
        enabled=st.sets(st.sampled_from(NAMES)),
        first=st.integers(0, 1),
        edits=st.lists(EDITS, min_size=2, max_size=4),
    )
    def begin(
        self,
        rollback_moves_time: bool,
        retry_deletes_failed: bool,
        clean_up_deletes_current: bool,
        announces: bool,
        hides_enabled_date: bool,
        is_nested: bool,
        behaviour: Behaviour,
        job_seconds: float,
        enabled: set[str],
        first: int,
        edits: list[Edit],
    ) -> None:
        self.time = Time()
        self.s3 = S3()
        self.workmail = WorkMail(
            behaviour=behaviour, clock=self.time.read, destination=self.s3.write_exports
        )
        self.organization = self.workmail.add_organization(
            "acme", organization_id=ORGANIZATION_ID, domain="example.com"
        )
        self.organization.new_id = self.new_id
        self.workmail.exports.duration = job_seconds
        # Entities and export jobs so far: their ids are the same in each run.
        self.numbered = 0
        self.account = CloudFormation(
            self.time.read, rollback_moves_time, retry_deletes_failed, clean_up_deletes_current
        )
        self.oracle = self.oracle_type(
            self.organization,
            self.workmail.exports,
            self.account,
            self.time,
            behaviour=behaviour,
            hides_enabled_date=hides_enabled_date,
        )
        for name in NAMES:
            self.make_entity(name)
        for name in sorted(enabled):
            self.change_by_hand(ManualChange(name, "enable", 0))
        self.time.advance(86400)
        self.homes = {
            "Mail": (INNER, SECOND, OWN) if is_nested else (OWN, INNER),
            "Other": (OWN,),
        }
        # The library of the first deployment may have no announcements yet.
        self.announces = announces
        self.current = {name: self.account.new_stack(name) for name in ("Mail", "Other")}
        self.delivered: list[Delivery] = []
        # What the function has invoked itself with, and has not received yet.
        self.waiting: list[Delivery] = []
        # Requests that a process has received and did not die over.
        self.received: set[Event] = set()
        # Requests that need no response in time: lost, late, with faults, or with a process dead.
        self.excused: set[Event] = set()
        self.function = Function(
            self.time,
            self.workmail,
            self.s3,
            self.account,
            hides_enabled_date=hides_enabled_date,
            before_call=self.oracle.before_call,
            after_call=self.oracle.after_call,
            after_sleep=self.expire,
        )
        self.deploy(first, self.at_first(edits), Plan(), undisturbed=True)
        self.announces = True

    def at_first(self, edits: list[Edit]) -> list[Edit]:
        """What the first stack is made of."""
        return edits

    # Deployments.

    @precondition(lambda self: self.deployable)
    @rule(
        which=SMALL,
        edits=st.lists(EDITS, min_size=1, max_size=3),
        plan=PLANS,
        alone=st.booleans(),
        undisturbed=st.booleans(),
    )
    def deploy(
        self,
        which: int,
        edits: list[Edit],
        plan: Plan,
        alone: bool = False,
        undisturbed: bool = False,
    ) -> None:
        """Creates or updates a stack; `alone` updates its nested stack by itself.

        `undisturbed` from beginning to end, with nothing in between.
        """
        self.step()
        stack = self.renewed(choose(self.deployable, which))
        templates = self.templates(stack)
        for edit in edits:
            self.edit_stack(templates, edit)
        inner = stack.nested.get(INNER)
        if alone and inner and templates[INNER] and not stack.unfinished:
            alone_plan = replace(plan, no_rollback=False)
            self.operate(inner, "update", StackTemplate(templates[INNER]), alone_plan)
        else:
            self.update(stack, templates, Plan() if undisturbed else plan)
        if undisturbed:
            self.finish()

    def update(self, stack: Stack, templates: dict[str, dict[str, Declared]], plan: Plan) -> None:
        if not any(templates.values()):
            self.edit(next(iter(templates.values())), Edit("add", 0, 0))
        nested = {name: template for name, template in templates.items() if name and template}
        kind = "update" if stack.status else "create"
        self.operate(stack, kind, StackTemplate(templates[OWN], nested), plan)

    def templates(self, stack: Stack) -> dict[str, dict[str, Declared]]:
        """What the stack declares, by where, in the order that `where` chooses from."""
        return {
            home: (stack.nested[home].template if home in stack.nested else {})
            if home
            else stack.template
            for home in self.homes[stack.name]
        }

    def renewed(self, stack: Stack) -> Stack:
        """The stack, or one that can be created in place of one that was deleted."""
        if stack.status not in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
            return stack
        if stack.status != "DELETE_COMPLETE":
            stack.status = "DELETE_COMPLETE"
        new = self.current[stack.name] = self.account.new_stack(stack.name)
        return new

    @precondition(lambda self: len(self.deployable) == len(self.current))
    @rule(
        which=SMALL,
        edit=st.builds(Edit, st.sampled_from(["nest", "nest", "share"]), SMALL, SMALL, SMALL),
        plan=PLANS,
        source_first=st.booleans(),
        at_once=st.booleans(),
        at=SMALL,
    )
    def move_between_stacks(
        self, which: int, edit: Edit, plan: Plan, source_first: bool, at_once: bool, at: int
    ) -> None:
        """Moves or copies declarations to the other stack, in either order of deployment.

        At once, an event of one stack is interrupted by one of the other.
        """
        self.step()
        stacks = [self.renewed(stack) for stack in self.current.values()]
        source, target = stacks if which % 2 else stacks[::-1]
        templates = {source: self.templates(source), target: self.templates(target)}
        self.nest(
            choose(list(templates[source].values()), edit.where),
            choose(list(templates[target].values()), edit.what),
            edit,
        )
        for stack in (source, target) if source_first else (target, source):
            self.update(stack, templates[stack], plan)
            if not at_once:
                self.finish()
        pending = source.operation.pending if source.operation else None
        if at_once and pending:
            other = Interruption("other", ManualChange("", "", 0))
            self.proceed(pending, RunFaults(interrupted_at=at), other)

    @precondition(lambda self: self.deletable)
    @rule(which=SMALL, plan=PLANS, only_nested=st.booleans(), undisturbed=st.booleans())
    def destroy(self, which: int, plan: Plan, only_nested: bool, undisturbed: bool) -> None:
        """Deletes a stack, also one with a failed rollback, or removes its nested stack."""
        self.step()
        stack = choose(self.deletable, which)
        is_update = only_nested and stack.nested and stack in self.deployable
        self.operate(stack, "update" if is_update else "delete", StackTemplate({}), plan)
        if undisturbed:
            self.finish()

    @precondition(lambda self: self.paused)
    @rule(which=SMALL, skips=st.booleans())
    def continue_rollback(self, which: int, skips: bool) -> None:
        self.step()
        self.oracle.seen["skipped"] += skips
        operation = choose(self.paused, which)
        operation.resume(skips=skips)
        self.check_at_rest(operation)

    @precondition(lambda self: self.unfinished)
    @rule(which=SMALL, plan=PLANS)
    def roll_back(self, which: int, plan: Plan) -> None:
        """Rolls back operations that failed without a rollback."""
        self.step()
        self.oracle.seen["rolled back later"] += 1
        self.operate(choose(self.unfinished, which), "rollback", StackTemplate({}), plan)

    # What happens to WorkMail.

    @rule(
        seconds=st.sampled_from([1.0, MINUTE, SERVICE_TIMEOUT] * 3 + [HOUR, 3 * HOUR, 25 * HOUR]),
        change=CHANGES,
        job_seconds=JOB_SECONDS,
        fails=st.sampled_from([False, False, True]),
    )
    def drift(self, seconds: float, change: ManualChange, job_seconds: float, fails: bool) -> None:
        """New export jobs last so long, and the next one fails."""
        self.step()
        self.change_by_hand(change)
        self.pass_time(seconds)
        self.workmail.exports.duration = job_seconds
        if fails:
            self.workmail.exports.fail_next("The role may not write to the bucket.")

    # What Lambda does with events.

    @precondition(lambda self: self.pending)
    @rule(which=SMALL, times=st.integers(1, 3))
    def deliver(self, which: int, times: int) -> None:
        self.step()
        for _ in range(times):
            if self.pending:
                self.proceed(choose(self.pending, which))

    @precondition(lambda self: self.pending)
    @rule(which=SMALL)
    def deliver_twice(self, which: int) -> None:
        """Lambda delivers at least once."""
        self.step()
        delivery = self.next_delivery(choose(self.pending, which))
        if delivery:
            self.run(delivery)
            self.run(delivery)

    @precondition(lambda self: self.waiting)
    @rule(which=SMALL, seconds=st.sampled_from([5.0, MINUTE, 5 * MINUTE, 20 * MINUTE, HOUR]))
    def deliver_continuation_late(self, which: int, seconds: float) -> None:
        """Also when CloudFormation no longer waits for it."""
        self.step()
        delivery = choose(self.waiting, which)
        self.time.advance(seconds)
        self.run(delivery)

    @precondition(lambda self: self.pending)
    @rule(
        which=SMALL,
        faults=st.one_of(FAULTS, FAULTS, CRASHES),
        times=st.sampled_from([1, 1, 3]),
        change=st.one_of(st.none(), st.none(), CHANGES),
    )
    def deliver_with_faults(
        self, which: int, faults: RunFaults, times: int, change: ManualChange | None
    ) -> None:
        """The entity may have been changed a moment before, so that it does not show."""
        self.step()
        event = choose(self.pending, which)
        if change:
            self.change_by_hand(replace(change, name=event.declared.name))
        for _ in range(times):
            if event.operation.pending:
                self.proceed(event.operation.pending, faults)

    @precondition(lambda self: self.pending)
    @rule(
        which=SMALL,
        at=st.sampled_from([0, 1, 2, 0, 1, 2, 3, 4, 6]),
        interruption=INTERRUPTIONS,
    )
    def deliver_interrupted(self, which: int, at: int, interruption: Interruption) -> None:
        self.step()
        self.proceed(choose(self.pending, which), RunFaults(interrupted_at=at), interruption)

    @precondition(lambda self: self.repeatable)
    @rule(which=st.integers(0, _REMEMBERED - 1))
    def deliver_again(self, which: int) -> None:
        """A duplicate, or a late one."""
        delivery = choose(self.repeatable, which)
        self.step()
        self.oracle.seen["delivered again"] += not delivery.event.is_waited_for
        self.run(delivery)

    @precondition(lambda self: self.pending)
    @rule(which=SMALL)
    def lose(self, which: int) -> None:
        """An event has no response in time; it may still be delivered late."""
        self.step()
        self.give_up(choose(self.pending, which))

    def teardown(self) -> None:
        """Everything ends, undisturbed, and then all is as declared."""
        if hasattr(self, "function"):
            self.finish()
            type(self).seen.update(self.oracle.seen)

    # Stacks.

    @property
    def pending(self) -> list[Event]:
        operations = dict.fromkeys(stack.operation for stack in self.account.stacks.values())
        return [one.pending for one in operations if one and one.pending]

    @property
    def paused(self) -> list[Operation]:
        """The failed rollbacks that can be continued."""
        operations = dict.fromkeys(stack.operation for stack in self.account.stacks.values())
        return [one for one in operations if one and one.is_paused and one.stack.operation is one]

    @property
    def resting(self) -> list[Stack]:
        """The stacks that no operation moves, and those that their root has forgotten."""
        moving = {
            one
            for stack in self.account.stacks.values()
            if stack.operation and stack.operation.is_in_progress
            for one in (stack, stack.root)
        }
        forgotten = [
            stack
            for stack in self.account.stacks.values()
            if stack.root and stack not in stack.root.nested.values()
        ]
        return [stack for stack in (*self.current.values(), *forgotten) if stack not in moving]

    @property
    def deletable(self) -> list[Stack]:
        return [stack for stack in self.resting if stack.status not in _GONE]

    @property
    def deployable(self) -> list[Stack]:
        return [
            stack
            for stack in self.resting
            if stack in self.current.values()
            and not any(one.status in _STUCK for one in (stack, *stack.nested.values()))
        ]

    @property
    def unfinished(self) -> list[Stack]:
        return [stack for stack in self.deployable if stack.unfinished]

    @property
    def repeatable(self) -> list[Delivery]:
        return [one for one in self.delivered if self.time.now - one.queued_at <= _LATEST]

    def operate(self, stack: Stack, kind: str, template: StackTemplate, plan: Plan) -> None:
        declared = [template.declared, *template.nested.values()]
        note(f"{kind} {stack.name}: {[f'{k}: {v}' for one in declared for k, v in one.items()]}")
        plan = replace(plan, announces=self.announces)
        if stack.unfinished and kind == "update":
            # CloudFormation refuses others.
            plan = replace(plan, no_rollback=True)
        operation = Operation(self.account, stack, kind, template, plan)
        self.time.advance(1.0)
        self.check_at_rest(operation)

    def check_at_rest(self, operation: Operation) -> None:
        if operation.is_paused:
            self.oracle.seen["ended UPDATE_ROLLBACK_FAILED"] += 1
        if not operation.is_over:
            return
        self.oracle.seen["forgotten"] += operation.forgotten
        for stack in operation.stacks:
            self.oracle.seen[f"ended {stack.status}"] += 1
            if stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
                self.oracle.check_at_rest(stack)

    def respond(self, event: Event, response: Response | None) -> None:
        event.operation.respond(response)
        self.check_at_rest(event.operation)

    # Deliveries and time.

    def step(self) -> None:
        type(self).steps += 1
        self.time.advance(1.0)

    def pass_time(self, seconds: float) -> None:
        self.time.advance(seconds)
        self.expire()

    def finish(self) -> None:
        while self.pending:
            self.proceed(self.pending[0])

    def proceed(
        self,
        event: Event,
        faults: RunFaults | None = None,
        interruption: Interruption | None = None,
    ) -> None:
        """Delivers what is next of a request; if nothing is, CloudFormation waits in vain."""
        delivery = self.next_delivery(event)
        if delivery:
            self.run(delivery, faults, interruption)
        else:
            self.give_up(event)

    def next_delivery(self, event: Event) -> Delivery | None:
        """Of two that wait, the first; a request that no process received is delivered again."""
        for delivery in self.waiting:
            if delivery.event is event:
                return delivery
        return None if event in self.received else Delivery(event, event.message, event.sent_at)

    def run(
        self,
        delivery: Delivery,
        faults: RunFaults | None = None,
        interruption: Interruption | None = None,
    ) -> None:
        self.expire()
        event = delivery.event
        self.remember(delivery)
        self.waiting = [other for other in self.waiting if other is not delivery]
        soon = _SOON if delivery.is_continuation else SERVICE_TIMEOUT
        if self.time.now - delivery.queued_at > soon or faults:
            self.excused.add(event)
        if delivery.is_continuation:
            self.oracle.seen["continued" if event.is_waited_for else "continued too late"] += 1

        def interrupt(operation: str) -> None:
            assert interruption
            self.interrupt(delivery, interruption, operation)

        run = self.function.run(delivery, faults or RunFaults(), self.oracle.found(), interrupt)
        note(f"{event}: {run}")
        self.oracle.check(run)
        self.record(run)
        if event.is_waited_for and run.bodies:
            physical_id = run.response["PhysicalResourceId"]
            self.respond(event, Response(run.has_succeeded, physical_id))

    def record(self, run: Run) -> None:
        event = run.event
        if not run.was_killed:
            self.received.add(event)
        elif run.delivery.is_continuation:
            self.oracle.seen["continuation killed"] += 1
        # However often a response of Lambda was lost: two are as good as more.
        for message in run.invoked[:2]:
            self.waiting.append(Delivery(event, message, self.time.now, is_continuation=True))

    def remember(self, delivery: Delivery) -> None:
        known = [(one.event, one.is_continuation, one.queued_at) for one in self.delivered]
        if (delivery.event, delivery.is_continuation, delivery.queued_at) not in known:
            self.delivered = [*self.delivered, delivery][-_REMEMBERED:]

    def expire(self) -> None:
        """CloudFormation gives up on requests with exports; on others, when they are lost."""
        for event in self.pending:
            if not event.declared.export or self.time.now < event.given_up_at:
                continue
            waited = [self.time.now - one.queued_at for one in self.waiting if one.event is event]
            if event in self.received - self.excused and max(waited, default=0.0) <= _SOON:
                raise AssertionError(f"{event} had no response in time")
            self.oracle.seen["given up"] += 1
            self.respond(event, None)

    def give_up(self, event: Event) -> None:
        """There is no response in time; what Lambda has of the request may still come."""
        self.excused.add(event)
        if event not in self.received:
            self.remember(Delivery(event, event.message, event.sent_at))
        self.pass_time(max(0.0, event.given_up_at - self.time.now))
        if event.is_waited_for:
            self.respond(event, None)

    def interrupt(self, delivery: Delivery, interruption: Interruption, operation: str) -> None:
        event = delivery.event
        others = [other for other in self.pending if other is not event]
        if interruption.kind == "change":
            self.change_by_hand(interruption.change)
        elif interruption.kind == "duplicate":
            self.run(delivery)
        # What happens between the last look and the call that follows it cannot be known.
        elif interruption.kind == "duplicate fails" and operation != "DeregisterFromWorkMail":
            self.run(delivery, RunFaults(stack_error="ValidationError"))
        elif interruption.kind == "cancel" and event.operation.can_be_cancelled:
            self.oracle.seen["cancelled"] += 1
            event.operation.cancel()
            if event.operation.pending:
                self.proceed(event.operation.pending)
        elif interruption.kind == "other" and others:
            self.proceed(others[0])

    # Entities.

    def new_id(self) -> str:
        self.numbered += 1
        return f"{self.numbered:08d}-1234-1234-1234-123456789012"

    def known(self, name: str) -> Entity | None:
        return next(iter(self.organization.known([name])), None)

    def make_entity(self, name: str) -> None:
        kind = KINDS.get(name)
        if kind == "GROUP":
            self.organization.add_group(name)
        elif kind == "RESOURCE":
            self.organization.add_resource(name)
        else:
            self.organization.add_user(name)
        entity = self.organization.entity(name)
        entity.visible_from = self.time.now + self.workmail.behaviour.visible_after

    def change_by_hand(self, change: ManualChange) -> None:
        entity, action = self.known(change.name), change.action
        if action == "create":
            if entity is None:
                self.make_entity(change.name)
            return
        if entity is None:
            return
        if "export" in action:
            self.export_by_hand(action, entity.entity_id)
            return
        email = addresses(change.name)[change.address]
        if action == "enable":
            self.call("RegisterToWorkMail", EntityId=entity.entity_id, Email=email)
        elif action == "address":
            self.call("UpdatePrimaryEmailAddress", EntityId=entity.entity_id, Email=email)
        else:
            self.call("DeregisterFromWorkMail", EntityId=entity.entity_id)
        if action == "delete":
            entity.delete()
        self.oracle.changed_elsewhere(f"{ORGANIZATION_ID}/{entity.entity_id}")

    def call(self, operation: str, **parameters: str) -> None:
        """What WorkMail refuses does not happen."""
        with suppress(WorkMailError):
            self.workmail.perform(operation, {"OrganizationId": ORGANIZATION_ID, **parameters})

    def export_by_hand(self, action: str, entity_id: str) -> None:
        """Starts a job, or cancels those of the mailbox."""
        self.numbered += 1
        token = f"by-hand-{self.numbered}"
        if action == "cancel export":
            for job in self.workmail.exports.jobs:
                if job.entity_id == entity_id:
                    self.call("CancelMailboxExportJob", JobId=job.job_id, ClientToken=token)
            return
        bucket = ARCHIVE if action == "export" else ELSEWHERE
        declared = Export(bucket, 0.0).properties
        self.call(
            "StartMailboxExportJob",
            ClientToken=token,
            EntityId=entity_id,
            RoleArn=declared["RoleArn"],
            KmsKeyArn=declared["KmsKeyArn"],
            S3BucketName=bucket,
            S3Prefix=f"workmail/{ORGANIZATION_ID}/by-hand",
        )

    # Templates.

    def edit_stack(self, templates: dict[str, dict[str, Declared]], edit: Edit) -> None:
        homes = list(templates.values())
        if edit.kind in ("nest", "share"):
            self.nest(choose(homes, edit.where), choose(homes, edit.where + 1), edit)
        else:
            self.edit(choose(homes, edit.where), edit)

    def nest(self, source: dict[str, Declared], target: dict[str, Declared], edit: Edit) -> None:
        """Moves an entity or a registration to another stack, with what refers to it, or copies."""
        movable = [id for id, one in source.items() if not getattr(one, "of", "")]
        if source is target or not movable:
            return
        logical_id = choose(movable, edit.which)
        moved = {
            id: one
            for id, one in source.items()
            if id == logical_id or getattr(one, "of", "") == logical_id
        }
        free = [id for id in LOGICAL_IDS if id not in target]
        if logical_id in LOGICAL_IDS and free:
            moved = {logical_id: source[logical_id]}
            target[free[0]] = source[logical_id]
        elif moved.keys() & target.keys():
            return
        else:
            target |= moved
        for id in moved if edit.kind == "nest" else ():
            del source[id]

    def edit(self, template: dict[str, Declared], edit: Edit) -> None:
        declared_names = {declared.name for declared in template.values()}
        names = [name for name in NAMES if name not in declared_names]
        free = [logical_id for logical_id in LOGICAL_IDS if logical_id not in template]
        if edit.kind == "add":
            if names and free:
                export = choose(self.exports, edit.what)
                template[free[0]] = registration(choose(names, edit.which), export=export)
            return
        if not template:
            return
        logical_id = choose(list(template), edit.which)
        declared = template[logical_id]
        if edit.kind == "remove":
            del template[logical_id]
        elif edit.kind == "rename" and free:
            template[choose(free, edit.what)] = template.pop(logical_id)
        elif edit.kind == "twice" and free:
            template[free[0]] = replace(declared, entity_id=self.spelled(declared.name, edit.what))
        elif edit.kind == "move" and names:
            name = choose(names, edit.what)
            template[logical_id] = replace(
                declared, name=name, entity_id=name, email=addresses(name)[0]
            )
        elif edit.kind == "swap":
            other_id = choose(list(template), edit.what)
            template[logical_id], template[other_id] = template[other_id], declared
        else:
            template[logical_id] = replace(declared, **self.changes(declared, edit))

    def changes(self, declared: Declared, edit: Edit) -> dict[str, Any]:
        if edit.kind == "address":
            return {"email": addresses(declared.name)[edit.what]}
        if edit.kind == "rewrite":
            return {"entity_id": self.spelled(declared.name, edit.what)}
        if edit.kind == "retain":
            return {"retained": not declared.retained}
        if edit.kind == "adopt":
            return {"adopt_existing": not declared.adopt_existing}
        others = [export for export in self.exports if export != declared.export]
        return {"export": choose(others, edit.what)} if edit.kind == "snapshot" and others else {}

    def spelled(self, name: str, how: int) -> str:
        entity = self.known(name)
        return [name, name.upper(), entity.entity_id if entity else name, name.title()][how]


def registration(name: str, **declared: Any) -> Declared:
    return Declared(name, name, addresses(name)[0], **declared)


def choose(things: Sequence[T], which: int) -> T:
    return things[which % len(things)]


def addresses(name: str) -> tuple[str, str, str, str]:
    """Two addresses of an entity, one of them in another case, and one that all declare."""
    return (
        f"{name}@example.com",
        f"{name.title()}@Example.COM",
        f"{name}.new@example.com",
        "shared@example.com",
    )
