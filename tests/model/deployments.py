"""Stacks that are created, changed and deleted in every order, while all else happens too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from local_aws.workmail import (
    Behaviour,
    Drop,
    ExportOrder,
    Failure,
    Mailbox,
    WorkMail,
    WorkMailError,
)
from tests.model.cloudformation import (
    SERVICE_TIMEOUT,
    Response,
    Declared,
    Engine,
    Event,
    Export,
    Operation,
    Plan,
    Rules,
    Stack,
    Template,
)
from tests.model.function import Delivery, Function, Mishap, Run, Time, Trouble
from tests.model.invariants import Books
from tests.support.lambda_fakes import ORGANIZATION_ID

T = TypeVar("T")

NAMES = ("alice", "bob", "team", "room")
LOGICAL_IDS = tuple("ABCDEF")
# Lambda keeps an event so long, CloudFormation waits so long: what comes later than both is not.
_LATEST = 2 * SERVICE_TIMEOUT
_REMEMBERED = 6
# How long a delivery may take that is not called late: of the function's own call, of a request.
_SOON = 60.0
_SOON_FOR_A_REQUEST = SERVICE_TIMEOUT

MINUTE = 60.0
HOUR = 60 * MINUTE
ARCHIVE = "mail-archive"
ELSEWHERE = "elsewhere"
# What declarations of SNAPSHOT there are; half of all registrations have none.
EXPORTS = (Export(ARCHIVE, 24 * HOUR), None, Export(ARCHIVE, HOUR), None, Export(ELSEWHERE, HOUR))

SMALL = st.integers(0, 3)


@dataclass(frozen=True)
class Edit:
    """One change of a template; the numbers choose among what is there."""

    kind: str
    which: int
    what: int


@dataclass(frozen=True)
class ByHand:
    """What somebody does in WorkMail's console."""

    name: str
    action: str
    address: int


@dataclass(frozen=True)
class Interruption:
    """What happens in the middle of a run: a hand, a duplicate, a cancellation, another stack."""

    kind: str
    hand: ByHand


REGISTRATION_EDITS = ("add", "rename", "remove", "twice")
ENTITY_EDITS = ("move", "move", "move", "swap", "rewrite")
PROPERTY_EDITS = ("address", "retain", "adopt", "snapshot", "snapshot")
EDITS = st.builds(
    Edit, st.sampled_from(REGISTRATION_EDITS + ENTITY_EDITS + PROPERTY_EDITS), SMALL, SMALL
)
EXPORTING_HANDS = ("export", "export", "export elsewhere", "cancel export")
HANDS = st.builds(
    ByHand,
    st.sampled_from(NAMES),
    st.sampled_from(
        ["enable", "enable", "disable", "address", "delete", "create", *EXPORTING_HANDS]
    ),
    SMALL,
)
INTERRUPTIONS = st.builds(
    Interruption,
    st.sampled_from(["cancel"] * 5 + ["duplicate fails"] * 3 + ["hand", "duplicate", "other"]),
    HANDS,
)
# How long a job takes that starts now: within an invocation, some of them, the hour, some hours.
JOB_SECONDS = st.sampled_from(
    [0.2, 5.0, *[MINUTE, 5 * MINUTE] * 2, 20 * MINUTE, 40 * MINUTE, 70 * MINUTE, 5 * HOUR]
)
PLANS = st.builds(
    Plan,
    sibling_fails_at=st.sampled_from([None, None, None, 0, 1, 2, 3]),
    root_fails=st.booleans(),
    root_too=st.booleans(),
    alone=st.booleans(),
    backwards=st.booleans(),
    together=st.booleans(),
)
_FAULTS = st.sampled_from(
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
)
_OPERATIONS = st.sampled_from(
    [None, "RegisterToWorkMail", "DeregisterFromWorkMail", "UpdatePrimaryEmailAddress"] * 2
    + ["ListMailboxExportJobs", "StartMailboxExportJob", "DescribeMailboxExportJob"]
    + ["InvokeFunction"]
)
TROUBLES = st.builds(
    Trouble, _FAULTS, operation=_OPERATIONS, times=st.sampled_from([1, 2, 3, None, None])
)
TROUBLED = st.builds(
    Mishap,
    troubles=st.lists(TROUBLES, min_size=1, max_size=2).map(tuple),
    stack_error=st.sampled_from([None, None, None, "AccessDenied", "ValidationError"]),
)
ENDING = st.builds(
    Mishap,
    troubles=st.lists(TROUBLES, max_size=1).map(tuple),
    ends_at=SMALL,
    ends_in_error=st.booleans(),
)
BEHAVIOURS = st.builds(
    Behaviour,
    register_enabled_same_address_fails=st.booleans(),
    register_enabled_other_address_fails=st.booleans(),
    deregister_disabled_fails=st.booleans(),
    deleted_entity_vanishes=st.booleans(),
    email_remains=st.booleans(),
    enabled_date_remains=st.booleans(),
    address_stays_reserved=st.booleans(),
    disabled_mailbox_can_be_exported=st.booleans(),
    failed_export_can_be_repeated=st.sampled_from([True, True, False]),
    disabled_can_be_associated=st.booleans(),
    repeated_alias_error=st.sampled_from([None, "EmailAddressInUseException"]),
    visible_after=st.sampled_from([0.0, 30.0]),
    settle_delay=st.sampled_from([0.0] * 5 + [5.0] + [40.0] * 3 + [400.0]),
)


class Deployments(RuleBasedStateMachine):
    """Two stacks, of which one may be nested, and four entities.

    A step is one rule; most of them deliver one event to the function. What a person does by hand
    waits for no event, and what Lambda delivers late or twice waits for no operation. What the
    function calls itself with comes before anything else of its request; when that is lost, or was
    with the process that died, CloudFormation waits in vain.
    """

    books_of_a_kind: ClassVar[type[Books]] = Books
    steps: ClassVar[int] = 0
    seen: ClassVar[Counter[str]] = Counter()

    @initialize(
        engine=st.sampled_from(Engine),
        rollback_moves_time=st.booleans(),
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
        engine: Engine,
        rollback_moves_time: bool,
        hides_enabled_date: bool,
        is_nested: bool,
        behaviour: Behaviour,
        job_seconds: float,
        enabled: set[str],
        first: int,
        edits: list[Edit],
    ) -> None:
        self.time = Time()
        self.workmail = WorkMail(behaviour=behaviour, clock=self.time.read)
        self.organization = self.workmail.add_organization(
            "acme", organization_id=ORGANIZATION_ID, domain="example.com"
        )
        self.organization.new_id = self.new_id
        self.workmail.exports.duration = job_seconds
        self.made = 0
        self.ordered = 0
        for name in NAMES:
            self.make_entity(name)
        for name in sorted(enabled):
            self.do_by_hand(ByHand(name, "enable", 0))
        self.time.pass_by(86400)
        self.rules_of_game = Rules(engine, rollback_moves_time)
        self.books = self.books_of_a_kind(
            self.organization,
            self.workmail.exports,
            self.time,
            behaviour=behaviour,
            rollback_moves_time=rollback_moves_time,
            hides_enabled_date=hides_enabled_date,
        )
        root = Stack("Root", 0, status="CREATE_COMPLETE", creation_time=self.time.now - 3600)
        self.stacks = {root.stack_id: root}
        self.current = {
            "Mail": self.make_stack("Mail", root if is_nested else None),
            "Other": self.make_stack("Other", None),
        }
        self.delivered: list[Delivery] = []
        # What the function called itself with, and did not get yet.
        self.waiting: list[Delivery] = []
        # Requests that a process has had and did not die over.
        self.taken: set[Event] = set()
        # Requests that need not be answered in time: lost, late, troubled, or with a process dead.
        self.excused: set[Event] = set()
        self.function = Function(
            self.time,
            self.workmail,
            self.stacks,
            hides_enabled_date=hides_enabled_date,
            before_call=self.books.before_call,
            after_call=self.books.after_call,
            after_sleep=self.expire,
        )
        self.deploy_in_peace(first, self.at_first(edits))

    def at_first(self, edits: list[Edit]) -> list[Edit]:
        """What the first stack is made of."""
        return edits

    # What people do.

    @precondition(lambda self: self.deployable)
    @rule(which=SMALL, edits=st.lists(EDITS, min_size=1, max_size=3), plan=PLANS)
    def deploy(self, which: int, edits: list[Edit], plan: Plan) -> None:
        """Creates or updates a stack."""
        self.step()
        stack = choose(self.deployable, which)
        if stack.status in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
            stack.status = "DELETE_COMPLETE"
            stack = self.current[stack.name] = self.make_stack(stack.name, stack.root)
        self.operate(stack, *self.planned(stack, edits), plan)

    @precondition(lambda self: self.deployable)
    @rule(which=SMALL, edits=st.lists(EDITS, min_size=1, max_size=3))
    def deploy_in_peace(self, which: int, edits: list[Edit]) -> None:
        """The same from beginning to end, with nothing in between."""
        self.deploy(which, edits, Plan())
        self.finish()

    @precondition(lambda self: self.deletable)
    @rule(which=SMALL, plan=PLANS)
    def destroy(self, which: int, plan: Plan) -> None:
        """Deletes a stack; a rollback that failed is given up with it."""
        self.step()
        self.operate(choose(self.deletable, which), "delete", {}, plan)

    @precondition(lambda self: self.deployable)
    @rule(which=SMALL, edit=st.builds(Edit, st.just("move"), SMALL, SMALL))
    def move_without_an_answer(self, which: int, edit: Edit) -> None:
        """WorkMail enables who is declared now, and does not say so, however often it is asked."""
        self.deploy(which, [edit], Plan())
        stack = choose(list(self.current.values()), which)
        silence = Trouble(Drop(after_work=True), operation="RegisterToWorkMail", times=None)
        if stack.pending:
            self.go_on(stack.pending, Mishap(troubles=(silence,)))

    @precondition(lambda self: self.deletable)
    @rule(which=SMALL)
    def destroy_in_peace(self, which: int) -> None:
        self.destroy(which, Plan())
        self.finish()

    @precondition(lambda self: self.paused)
    @rule(which=SMALL)
    def continue_rollback(self, which: int) -> None:
        self.step()
        stack = choose(self.paused, which)
        assert stack.operation
        stack.operation.resume()

    @rule(seconds=st.sampled_from([1.0, 60.0, SERVICE_TIMEOUT]), hand=HANDS)
    def drift(self, seconds: float, hand: ByHand) -> None:
        self.step()
        self.time.pass_by(seconds)
        self.expire()
        self.do_by_hand(hand)

    @rule(
        hand=st.builds(ByHand, st.sampled_from(NAMES), st.sampled_from(EXPORTING_HANDS), SMALL),
        hours=st.sampled_from([3, 1, 20, 25]),
    )
    def export_and_let_hours_pass(self, hand: ByHand, hours: int) -> None:
        self.step()
        self.do_by_hand(hand)
        self.time.pass_by(hours * HOUR)
        self.expire()

    @rule(
        seconds=JOB_SECONDS,
        others=st.sampled_from([0, 0, 0, 9, 10]),
        fails=st.sampled_from([False, False, True]),
    )
    def change_exports(self, seconds: float, others: int, fails: bool) -> None:
        """Jobs that start from now on take so long, others run beside them, the next one fails."""
        self.step()
        for _ in range(others):
            self.export_another_mailbox()
        self.workmail.exports.duration = seconds
        if fails:
            self.workmail.exports.fail_next("The role may not write to the bucket.")

    # What Lambda does with events.

    @precondition(lambda self: self.pending)
    @rule(which=SMALL, times=st.integers(1, 3))
    def deliver(self, which: int, times: int) -> None:
        self.step()
        for _ in range(times):
            if self.pending:
                self.go_on(choose(self.pending, which))

    @precondition(lambda self: self.pending)
    @rule(which=SMALL)
    def deliver_twice(self, which: int) -> None:
        """Lambda delivers at least once."""
        self.step()
        delivery = self.next_delivery(choose(self.pending, which))
        if delivery:
            self.run(delivery, Mishap())
            self.run(delivery, Mishap())

    @precondition(lambda self: self.waiting)
    @rule(which=SMALL, ends_at=st.sampled_from([0, 1, None]))
    def break_off(self, which: int, ends_at: int | None) -> None:
        """What the function called itself with is lost, or dies at one of its calls."""
        self.step()
        delivery = choose(self.waiting, which)
        self.excused.add(delivery.event)
        if ends_at is None:
            self.books.seen["lost between"] += 1
            self.waiting = [other for other in self.waiting if other is not delivery]
        else:
            self.run(delivery, Mishap(ends_at=ends_at))

    @precondition(lambda self: self.waiting)
    @rule(which=SMALL, seconds=st.sampled_from([5.0, MINUTE, 5 * MINUTE, 20 * MINUTE, HOUR]))
    def deliver_late(self, which: int, seconds: float) -> None:
        """What the function called itself with, also when nobody waits for it any more."""
        self.step()
        delivery = choose(self.waiting, which)
        self.time.pass_by(seconds)
        self.run(delivery, Mishap())

    @precondition(lambda self: self.pending)
    @rule(
        which=SMALL,
        mishap=TROUBLED,
        times=st.sampled_from([1, 1, 3]),
        hand=st.one_of(st.none(), st.none(), HANDS),
    )
    def deliver_with_trouble(
        self, which: int, mishap: Mishap, times: int, hand: ByHand | None
    ) -> None:
        """Somebody may have meddled with the entity a moment before, so that it does not show."""
        self.step()
        event = choose(self.pending, which)
        if hand:
            self.do_by_hand(replace(hand, name=event.declared.name))
        stack = event.stack
        for _ in range(times):
            if stack.pending:
                self.go_on(stack.pending, mishap)

    @precondition(lambda self: self.pending)
    @rule(which=SMALL, mishap=ENDING)
    def deliver_and_crash(self, which: int, mishap: Mishap) -> None:
        self.step()
        self.go_on(choose(self.pending, which), mishap)

    @precondition(lambda self: self.pending)
    @rule(
        which=SMALL,
        at=st.sampled_from([0, 1, 2, 0, 1, 2, 3, 4, 6]),
        interruption=INTERRUPTIONS,
    )
    def deliver_interrupted(self, which: int, at: int, interruption: Interruption) -> None:
        self.step()
        self.go_on(choose(self.pending, which), Mishap(interrupted_at=at), interruption)

    @precondition(lambda self: self.repeatable)
    @rule(which=st.integers(0, _REMEMBERED - 1))
    def deliver_again(self, which: int) -> None:
        """A duplicate, or a late one."""
        self.step()
        delivery = choose(self.repeatable, which)
        if not delivery.event.is_waited_for:
            self.books.seen["delivered again"] += 1
        self.run(delivery, Mishap())

    @precondition(lambda self: self.pending)
    @rule(which=SMALL)
    def lose(self, which: int) -> None:
        """An event is not answered in time; it may still be delivered late."""
        self.step()
        self.give_up(choose(self.pending, which))

    def teardown(self) -> None:
        """Everything ends, undisturbed, and then all is as declared."""
        if not hasattr(self, "current"):
            return
        self.finish()
        type(self).seen.update(self.books.seen)

    # How it is done.

    def step(self) -> None:
        type(self).steps += 1
        self.time.pass_by(1.0)

    @property
    def pending(self) -> list[Event]:
        return [stack.pending for stack in self.current.values() if stack.pending]

    @property
    def paused(self) -> list[Stack]:
        """The stacks whose rollback failed."""
        stacks = self.current.values()
        return [stack for stack in stacks if stack.operation and stack.operation.is_paused]

    @property
    def deletable(self) -> list[Stack]:
        gone = (None, "DELETE_COMPLETE", "ROLLBACK_COMPLETE")
        stacks = self.current.values()
        return [stack for stack in stacks if not stack.is_moving and stack.status not in gone]

    @property
    def deployable(self) -> list[Stack]:
        stuck = ("ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")
        stacks = self.current.values()
        return [stack for stack in stacks if not stack.is_moving and stack.status not in stuck]

    @property
    def repeatable(self) -> list[Delivery]:
        return [one for one in self.delivered if self.time.now - one.queued_at <= _LATEST]

    def finish(self) -> None:
        for stack in self.current.values():
            while stack.pending:
                self.go_on(stack.pending)

    def operate(self, stack: Stack, kind: str, template: Template, plan: Plan) -> None:
        note(f"{kind} {stack.name}: {', '.join(f'{k}: {v}' for k, v in template.items())}")
        self.stacks[stack.stack_id] = stack
        Operation(stack, kind, template, plan, self.rules_of_game, self.time.read)
        self.time.pass_by(1.0)
        self.check_at_rest(stack)

    def go_on(
        self,
        event: Event,
        mishap: Mishap | None = None,
        interruption: Interruption | None = None,
    ) -> None:
        """Delivers what is next of a request; if nothing is, CloudFormation waits in vain."""
        delivery = self.next_delivery(event)
        if delivery:
            self.run(delivery, mishap or Mishap(), interruption)
        else:
            self.give_up(event)

    def next_delivery(self, event: Event) -> Delivery | None:
        """Of two that wait, the first; a request that no process took is delivered once more."""
        for delivery in self.waiting:
            if delivery.event is event:
                return delivery
        return None if event in self.taken else Delivery(event, event.message, event.sent_at)

    def run(
        self, delivery: Delivery, mishap: Mishap, interruption: Interruption | None = None
    ) -> Run:
        self.expire()
        event = delivery.event
        self.remember(delivery)
        self.waiting = [other for other in self.waiting if other is not delivery]
        soon = _SOON if delivery.is_continuation else _SOON_FOR_A_REQUEST
        if self.time.now - delivery.queued_at > soon or not mishap.is_none:
            self.excused.add(event)
        if delivery.is_continuation:
            self.books.seen["continued" if event.is_waited_for else "continued too late"] += 1

        def interrupt(operation: str) -> None:
            assert interruption
            self.interrupt(delivery, interruption, operation)

        run = self.function.run(delivery, mishap, self.books.found(), interrupt)
        note(f"{event}: {run}")
        self.books.check(run)
        self.note_taken(run)
        if event.is_waited_for and run.bodies:
            said = run.answer
            self.answer(event, Response(said["Status"] == "SUCCESS", said["PhysicalResourceId"]))
        return run

    def note_taken(self, run: Run) -> None:
        event = run.event
        if not run.was_killed:
            self.taken.add(event)
        elif run.delivery.is_continuation:
            self.books.seen["killed between"] += 1
        # However often an answer of Lambda was lost: two are as good as more.
        for message in run.invoked[:2]:
            self.waiting.append(Delivery(event, message, self.time.now, is_continuation=True))

    def expire(self) -> None:
        """CloudFormation gives up on requests under SNAPSHOT; on others, when they are lost."""
        for stack in self.current.values():
            event = stack.pending
            while event and event.declared.export and self.time.now >= event.given_up_at:
                waited = [self.time.now - one.queued_at for one in self.waiting_of(event)]
                if event in self.taken - self.excused and max(waited, default=0.0) <= _SOON:
                    raise AssertionError(f"{event} was not answered in time")
                self.books.seen["given up"] += 1
                self.answer(event, None)
                event = stack.pending

    def waiting_of(self, event: Event) -> list[Delivery]:
        return [delivery for delivery in self.waiting if delivery.event is event]

    def give_up(self, event: Event) -> None:
        """Nothing answers in time; what Lambda has of the request may still come."""
        self.excused.add(event)
        if event not in self.taken:
            self.remember(Delivery(event, event.message, event.sent_at))
        self.time.pass_by(max(0.0, event.given_up_at - self.time.now))
        self.expire()
        if event.is_waited_for:
            self.answer(event, None)

    def interrupt(self, delivery: Delivery, interruption: Interruption, operation: str) -> None:
        event = delivery.event
        others = [other for other in self.pending if other is not event]
        if interruption.kind == "hand":
            self.do_by_hand(interruption.hand)
        elif interruption.kind == "duplicate":
            self.run(delivery, Mishap())
        # Between the last look and the call that follows it, nobody can know.
        elif interruption.kind == "duplicate fails" and operation != "DeregisterFromWorkMail":
            self.run(delivery, Mishap(stack_error="ValidationError"))
        elif interruption.kind == "cancel" and event.operation.can_be_cancelled:
            self.books.seen["cancelled"] += 1
            event.operation.cancel()
            if event.stack.pending:
                self.go_on(event.stack.pending)
        elif interruption.kind == "other" and others:
            self.go_on(others[0])

    def answer(self, event: Event, answer: Response | None) -> None:
        event.operation.answer(answer)
        self.check_at_rest(event.stack)

    def check_at_rest(self, stack: Stack) -> None:
        operation = stack.operation
        if operation and operation.is_over:
            self.books.seen[f"ended {stack.status}"] += 1
            self.books.seen["forgotten"] += operation.forgotten
            if stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
                self.books.check_at_rest(stack)

    def remember(self, delivery: Delivery) -> None:
        known = [(one.event, one.is_continuation, one.queued_at) for one in self.delivered]
        if (delivery.event, delivery.is_continuation, delivery.queued_at) not in known:
            self.delivered = [*self.delivered, delivery][-_REMEMBERED:]

    def make_stack(self, name: str, root: Stack | None) -> Stack:
        return Stack(name, len(self.stacks), root)

    # Entities and templates.

    def new_id(self) -> str:
        """The same in each run."""
        self.made += 1
        return f"{self.made:08d}-1234-1234-1234-123456789012"

    def make_entity(self, name: str) -> None:
        if name == "team":
            self.organization.add_group(name)
        elif name == "room":
            self.organization.add_resource(name)
        else:
            self.organization.add_user(name)
        entity = self.organization.entity(name)
        entity.visible_from = self.time.now + self.workmail.behaviour.visible_after

    def do_by_hand(self, hand: ByHand) -> None:
        entity = next(iter(self.organization.known([hand.name])), None)
        if entity is None:
            if hand.action == "create":
                self.make_entity(hand.name)
            return
        if "export" in hand.action:
            self.export_by_hand(hand, entity.entity_id)
            return
        operation = {
            "enable": "RegisterToWorkMail",
            "address": "UpdatePrimaryEmailAddress",
        }.get(hand.action, "DeregisterFromWorkMail")
        parameters = {"OrganizationId": ORGANIZATION_ID, "EntityId": entity.entity_id}
        if operation != "DeregisterFromWorkMail":
            parameters["Email"] = addresses(hand.name)[hand.address]
        if hand.action == "create":
            return
        with suppress(WorkMailError):
            self.workmail.perform(operation, parameters)
        if hand.action == "delete":
            entity.delete()
        if hasattr(self, "books"):
            self.books.disturb(f"{ORGANIZATION_ID}/{entity.entity_id}")
            self.books.seen["changed by hand"] += 1

    def export_by_hand(self, hand: ByHand, entity_id: str) -> None:
        """Starts a job, or cancels those of the mailbox."""
        self.ordered += 1
        with suppress(WorkMailError):
            if hand.action == "cancel export":
                for job in self.workmail.exports.jobs:
                    if job.entity_id == entity_id:
                        parameters = {"OrganizationId": ORGANIZATION_ID, "JobId": job.job_id}
                        self.workmail.perform(
                            "CancelMailboxExportJob",
                            {**parameters, "ClientToken": f"cancelled-{self.ordered}"},
                        )
                return
            bucket = ARCHIVE if hand.action == "export" else ELSEWHERE
            declared = Export(bucket, 0.0).properties
            self.workmail.perform(
                "StartMailboxExportJob",
                {
                    "ClientToken": f"by-hand-{self.ordered}",
                    "OrganizationId": ORGANIZATION_ID,
                    "EntityId": entity_id,
                    "RoleArn": declared["RoleArn"],
                    "KmsKeyArn": declared["KmsKeyArn"],
                    "S3BucketName": bucket,
                    "S3Prefix": "by-hand",
                },
            )

    def export_another_mailbox(self) -> None:
        """Of somebody whom no stack knows."""
        self.ordered += 1
        declared = Export(ARCHIVE, 0.0).properties
        order = ExportOrder(
            organization_id=ORGANIZATION_ID,
            organization_arn="",
            entity_id=f"another-{self.ordered}",
            client_token=f"another-{self.ordered}",
            role_arn=declared["RoleArn"],
            kms_key_arn=declared["KmsKeyArn"],
            s3_bucket_name=ARCHIVE,
            s3_prefix="by-hand",
        )
        with suppress(WorkMailError):
            mailbox = Mailbox("another", self.time.now)
            self.workmail.exports.start(order, mailbox, self.workmail.behaviour)

    def planned(self, stack: Stack, edits: list[Edit]) -> tuple[str, Template]:
        template = stack.template
        for edit in edits:
            self.edit(template, edit)
        if not template:
            self.edit(template, Edit("add", 0, 0))
        return ("update" if stack.status else "create"), template

    def edit(self, template: dict[str, Declared], edit: Edit) -> None:
        taken = {declared.name for declared in template.values()}
        names = [name for name in NAMES if name not in taken]
        free = [logical_id for logical_id in LOGICAL_IDS if logical_id not in template]
        if edit.kind == "add":
            if names and free:
                name = names[edit.which % len(names)]
                export = EXPORTS[edit.what]
                template[free[0]] = Declared(name, name, addresses(name)[0], export=export)
            return
        if not template:
            return
        logical_ids = list(template)
        logical_id = logical_ids[edit.which % len(logical_ids)]
        declared = template[logical_id]
        if edit.kind == "remove":
            del template[logical_id]
        elif edit.kind == "rename" and free:
            template[free[edit.what % len(free)]] = template.pop(logical_id)
        elif edit.kind == "twice" and free:
            template[free[0]] = replace(declared, entity_id=self.spelled(declared.name, edit.what))
        elif edit.kind == "move" and names:
            name = names[edit.what % len(names)]
            template[logical_id] = replace(
                declared, name=name, entity_id=name, email=addresses(name)[0]
            )
        elif edit.kind == "swap":
            other_id = logical_ids[edit.what % len(logical_ids)]
            template[logical_id], template[other_id] = template[other_id], declared
        else:
            template[logical_id] = self.changed(declared, edit)

    def changed(self, declared: Declared, edit: Edit) -> Declared:
        if edit.kind == "address":
            return replace(declared, email=addresses(declared.name)[edit.what])
        if edit.kind == "rewrite":
            return replace(declared, entity_id=self.spelled(declared.name, edit.what))
        if edit.kind == "retain":
            return replace(declared, retained=not declared.retained)
        if edit.kind == "snapshot":
            others = [export for export in EXPORTS if export != declared.export]
            return replace(declared, export=others[edit.what % len(others)]) if others else declared
        if edit.kind == "adopt":
            return replace(declared, adopt_existing=not declared.adopt_existing)
        return declared

    def spelled(self, name: str, how: int) -> str:
        entity = next(iter(self.organization.known([name])), None)
        return [name, name.upper(), entity.entity_id if entity else name, name.title()][how]


def choose(things: Sequence[T], which: int) -> T:
    return things[which % len(things)]


def addresses(name: str) -> tuple[str, str, str, str]:
    """Two addresses of an entity, one of them in another case, and one that all want."""
    return (
        f"{name}@example.com",
        f"{name.title()}@Example.COM",
        f"{name}.new@example.com",
        "shared@example.com",
    )
