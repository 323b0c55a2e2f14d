"""A model of CloudFormation, as far as a custom resource sees it.

A stack operation is a sequence of events. The driver of the model delivers the pending event and
responds to it, when and as often as it chooses; the operation continues from the response.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.model.templates import Declared, DeclaredEntity, Template
from tests.support.lambda_fakes import event

T = TypeVar("T")

_CLEAN_UP_TRIES = 3


@dataclass(frozen=True)
class StackTemplate:
    """The declarations of a stack, and those of its nested stacks by their names."""

    declared: Template
    nested: Mapping[str, Template] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What happens to a stack operation from outside.

    `fails_at`: before which event another resource fails; at the end if there are fewer.
    `backwards` and `together`: the order of independent resources, and of their deletions.
    `no_rollback`: a failure leaves the stack in CREATE_FAILED or UPDATE_FAILED.
    `announces`: the template has a parameter that announces the stack; older templates have none.
    """

    fails_at: int | None = None
    no_rollback: bool = False
    announces: bool = True
    backwards: bool = False
    together: bool = False


@dataclass
class Row:
    """One row of a stack's list of resources."""

    declared: Declared
    physical_id: str
    status: str

    @property
    def entity_id(self) -> str:
        return self.physical_id.rpartition("/")[2]

    @property
    def is_deleted(self) -> bool:
        return self.status in ("DELETE_IN_PROGRESS", "DELETE_COMPLETE")


@dataclass(eq=False)
class Stack:
    """A stack; a nested one has a `root`."""

    name: str
    number: int
    root: Stack | None = None
    # Newest last.
    statuses: list[str] = field(default_factory=list)
    creation_time: float = 0.0
    last_updated_time: float | None = None
    deletion_time: float | None = None
    rows: dict[str, Row] = field(default_factory=dict)
    nested: dict[str, Stack] = field(default_factory=dict)
    operation: Operation | None = None
    is_announced: bool = False
    # What operations without rollback have changed since the stack was last complete.
    unfinished: Change | None = None

    @property
    def status(self) -> str | None:
        return self.statuses[-1] if self.statuses else None

    @status.setter
    def status(self, status: str) -> None:
        self.statuses.append(status)

    @property
    def stack_id(self) -> str:
        return (
            f"arn:aws:cloudformation:us-east-1:000000000000:stack/{self.name}/"
            f"{self.number:08d}-2222-3333-4444-5555"
        )

    @property
    def template(self) -> dict[str, Declared]:
        return {logical_id: row.declared for logical_id, row in self.rows.items()}

    def keeps(self, logical_id: str) -> bool:
        """Whether the resource is meant to exist when the operation in progress has ended."""
        if self.operation and self.operation.is_in_progress:
            return logical_id in self.operation.kept(self)
        return True


@dataclass(frozen=True)
class Response:
    """What CloudFormation reads in a response."""

    succeeded: bool
    physical_id: str


@dataclass(frozen=True, eq=False)
class Event:
    """One request to the function. `old` are the properties that an Update changes."""

    operation: Operation
    stack: Stack
    request_type: str
    logical_id: str
    declared: Declared
    physical_id: str | None
    old: Declared | None
    request_id: str
    sent_at: float

    @property
    def is_waited_for(self) -> bool:
        return self.operation.pending is self

    @property
    def is_late(self) -> bool:
        """Whether no operation moves the event's stack.

        None reaches a nested stack whose deletion failed, until one deletes it again.
        """
        return not self.operation_now.is_in_progress or self.stack.status in (
            "DELETE_COMPLETE",
            "DELETE_FAILED",
        )

    @property
    def operation_now(self) -> Operation:
        """The last operation of the event's stack, which is not the event's own if it is late."""
        assert self.stack.operation
        return self.stack.operation

    @property
    def rolls_back(self) -> bool:
        """Whether the stack, or its root, rolls back; another one nested there may begin first."""
        statuses = [one.status or "" for one in (self.stack, self.stack.root) if one]
        return any("ROLLBACK" in one and one.endswith("_IN_PROGRESS") for one in statuses)

    @property
    def given_up_at(self) -> float:
        """When CloudFormation stops waiting for a response."""
        return self.sent_at + self.declared.service_timeout

    @property
    def message(self) -> dict[str, Any]:
        return event(
            self.request_type,
            ResourceType=self.declared.resource_type,
            StackId=self.stack.stack_id,
            RequestId=self.request_id,
            LogicalResourceId=self.logical_id,
            PhysicalResourceId=self.physical_id,
            ResourceProperties=self.declared.properties,
            OldResourceProperties=self.old.properties if self.old else None,
        )

    def __str__(self) -> str:
        target = self.physical_id.rpartition("/")[2] if self.physical_id else "-"
        return (
            f"{self.request_type} {self.stack.name}/{self.logical_id} on {target}, "
            f"declared {self.declared}"
        )


class ResourceFailed(Exception):
    """A resource of the stack failed: one of the model's, or another."""


@dataclass
class _Removed:
    """A physical resource that the clean-up deletes."""

    logical_id: str
    physical_id: str
    declared: Declared


class Change:
    """What an operation changes in one stack."""

    def __init__(self, stack: Stack, template: StackTemplate, began_at: float) -> None:
        self.stack = stack
        self.template = template
        self.began_at = began_at
        # A rollback deletes it.
        self.is_new = stack.status is None
        self.was_announced = stack.is_announced
        self.before = {
            name: Row(row.declared, row.physical_id, "") for name, row in stack.rows.items()
        }
        self.updated: list[str] = []
        self.replaced: list[_Removed] = []
        unfinished = stack.unfinished
        if unfinished:
            self.began_at, self.is_new = unfinished.began_at, unfinished.is_new
            self.was_announced, self.before = unfinished.was_announced, unfinished.before
            self.updated, self.replaced = unfinished.updated, unfinished.replaced
        self.declared_before = {name: row.declared for name, row in self.before.items()}
        # What an Update of the rollback replaced.
        self.replaced_back: list[_Removed] = []
        self.nested: list[Change] = []


_Events = Generator[Event, "Response | None", None]


@dataclass
class CloudFormation:
    """The stacks of an account, by their ids.

    What AWS does not document: `rollback_moves_time`, whether the rollback of an update moves
    LastUpdatedTime; `retry_deletes_failed`, whether the next update deletes what a failed Create
    named when its repetition names something else; `clean_up_deletes_current`, whether the clean-up
    deletes what a failed update replaced when it is the current resource again.
    """

    now: Callable[[], float]
    rollback_moves_time: bool = False
    retry_deletes_failed: bool = False
    clean_up_deletes_current: bool = False
    stacks: dict[str, Stack] = field(default_factory=dict)

    def new_stack(self, name: str, root: Stack | None = None) -> Stack:
        stack = Stack(name, len(self.stacks), root)
        self.stacks[stack.stack_id] = stack
        return stack


class Operation:
    """One operation on a stack and the stacks nested in it, from its beginning to its end.

    `pending` is the event that CloudFormation waits for. `is_paused` is UPDATE_ROLLBACK_FAILED: the
    rollback can be continued, or the stack deleted.
    """

    def __init__(
        self, account: CloudFormation, stack: Stack, kind: str, template: StackTemplate, plan: Plan
    ) -> None:
        self.stack = stack
        self.kind = kind
        self.plan = plan
        self._account = account
        self._change = Change(stack, template, account.now())
        self._started_at = account.now()
        # Of several operations without rollback, when the first began.
        self.began_at = self._change.began_at
        self.rolls_back = kind == "rollback"
        # Whether a continued rollback skips the resources that failed.
        self.skips = False
        self.is_paused = False
        self.is_over = False
        # How many resources a clean-up could not delete.
        self.forgotten = 0
        self.pending: Event | None = None
        self._sent = 0
        # The changes so far, and the stacks that are or will be deleted.
        self._changes: dict[Stack, Change] = {}
        self._deleted: set[Stack] = set()
        for nested in account.stacks.values():
            if nested.root is stack and nested.status != "DELETE_COMPLETE":
                nested.operation = self
                declared = StackTemplate(template.nested.get(nested.name, {}))
                if nested not in stack.nested.values():
                    # Forgotten: this operation does not reach it.
                    declared = StackTemplate(nested.template)
                self._changes[nested] = Change(nested, declared, account.now())
                if stack.unfinished and nested in [one.stack for one in stack.unfinished.nested]:
                    self._change.nested.append(self._changes[nested])
        self._begin(self._change)
        self._events: _Events = {
            "create": self._create,
            "update": self._update,
            "delete": self._delete,
            "rollback": self._roll_back,
        }[kind]()
        self._proceed(lambda: next(self._events))

    @property
    def is_in_progress(self) -> bool:
        return not (self.is_over or self.is_paused)

    @property
    def stacks(self) -> list[Stack]:
        """The stack and those nested in it."""
        return list(self._changes)

    def kept(self, stack: Stack) -> Collection[str]:
        """The logical ids that are meant to be in the stack when the operation has ended."""
        change = self._changes[stack]
        if stack in self._deleted or (self.rolls_back and change.is_new):
            return ()
        return change.before if self.rolls_back else change.template.declared

    def respond(self, response: Response | None) -> None:
        """Continues from a response; None is that none came within the service timeout."""
        self._proceed(lambda: self._events.send(response))

    def cancel(self) -> None:
        """Another resource fails while the pending event is being worked on."""
        self._proceed(lambda: self._events.throw(ResourceFailed()))

    def resume(self, *, skips: bool = False) -> None:
        """Continues the rollback of an update, and skips the resources that failed."""
        self.is_paused, self.skips = False, skips
        self._proceed(lambda: next(self._events))

    @property
    def can_be_cancelled(self) -> bool:
        return (
            self.pending is not None
            and self.pending.request_type != "Delete"
            and not self.rolls_back
        )

    def _proceed(self, proceed: Callable[[], Event]) -> None:
        self.pending = None
        try:
            self.pending = proceed()
        except StopIteration:
            self.is_over = True
            for stack, change in self._changes.items():
                is_failed = self.stack.status in ("CREATE_FAILED", "UPDATE_FAILED")
                stack.unfinished = change if is_failed else None
                for logical_id, row in list(stack.rows.items()):
                    if row.status == "DELETE_COMPLETE":
                        del stack.rows[logical_id]

    # The operations.

    def _create(self) -> _Events:
        try:
            yield from self._create_stack(self._change)
        except ResourceFailed:
            return

    def _update(self) -> _Events:
        try:
            yield from self._update_stack(self._change)
            self._fail_at_the_end()
        except ResourceFailed:
            if self.plan.no_rollback:
                self.stack.status = "UPDATE_FAILED"
                for nested in self._change.nested:
                    if nested.stack.status == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
                        nested.stack.status = "UPDATE_COMPLETE"
            else:
                yield from self._roll_back_update()
        else:
            yield from self._clean_up(self._change)

    def _roll_back(self) -> _Events:
        """To the state before the operations without rollback that failed."""
        if self._change.is_new:
            yield from self._roll_back_creation(self.stack)
        else:
            yield from self._roll_back_update()

    def _delete(self) -> _Events:
        yield from self._delete_stack(self.stack)

    # One stack.

    def _begin(self, change: Change) -> None:
        stack = change.stack
        stack.operation = self
        self._changes[stack] = change
        if stack.status is None:
            stack.creation_time, stack.last_updated_time = self._account.now(), None
            stack.status = "CREATE_IN_PROGRESS"
        elif self.kind == "update":
            stack.last_updated_time = self._account.now()
            stack.status = "UPDATE_IN_PROGRESS"

    def _create_stack(self, change: Change) -> _Events:
        stack = change.stack
        try:
            yield from self._converge(change)
            if stack is self.stack:
                self._fail_at_the_end()
        except ResourceFailed:
            if self.plan.no_rollback:
                stack.status = "CREATE_FAILED"
            else:
                yield from self._roll_back_creation(stack)
            raise
        stack.status = "CREATE_COMPLETE"

    def _roll_back_creation(self, stack: Stack) -> _Events:
        self.rolls_back = True
        stack.status = "ROLLBACK_IN_PROGRESS"
        yield from self._delete_resources(stack)
        stack.status = "ROLLBACK_FAILED" if _is_left(stack) else "ROLLBACK_COMPLETE"

    def _update_stack(self, change: Change) -> _Events:
        try:
            yield from self._converge(change)
        except ResourceFailed:
            if self.plan.no_rollback:
                change.stack.status = "UPDATE_FAILED"
            raise
        if change.stack is not self.stack:
            change.stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"

    def _converge(self, change: Change) -> _Events:
        """Creates and updates what the template declares; all of that depends on the parameter."""
        if change.template.declared and self.plan.announces:
            change.stack.is_announced = True
        for part in self._in_order([self._converge_resources, self._converge_nested]):
            yield from part(change)
        self._fail_as_planned()

    def _converge_resources(self, change: Change) -> _Events:
        stack = change.stack
        items = self._in_order(change.template.declared.items())
        for logical_id, unresolved in sorted(items, key=lambda item: item[1].rank):
            declared = _resolved(unresolved, stack)
            row = stack.rows.get(logical_id)
            if row is None or row.status == "CREATE_FAILED":
                yield from self._create_one(change, logical_id, declared)
            elif row.status == "UPDATE_FAILED" or row.declared.properties != declared.properties:
                yield from self._update_one(change, logical_id, row, declared)
            else:
                row.declared = declared

    def _converge_nested(self, change: Change) -> _Events:
        for name, template in self._in_order(change.template.nested.items()):
            stack = change.stack.nested.get(name)
            if stack is None:
                stack = change.stack.nested[name] = self._account.new_stack(name, change.stack)
                self._changes[stack] = Change(stack, StackTemplate(template), self._account.now())
            nested = self._changes[stack]
            if nested not in change.nested:
                change.nested.append(nested)
            is_created = stack.status is None
            self._begin(nested)
            yield from self._create_stack(nested) if is_created else self._update_stack(nested)

    def _clean_up(self, change: Change) -> _Events:
        """Deletes what the update has replaced or removed."""
        stack, template = change.stack, change.template
        stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        # What a failed update replaced may be the current resource again.
        replaced = [
            one
            for one in change.replaced
            if self._account.clean_up_deletes_current
            or one.physical_id != stack.rows[one.logical_id].physical_id
        ]
        yield from self._delete_replaced(stack, replaced)
        removed = [name for name in stack.rows if name not in template.declared]
        yield from self._delete_rows(stack, removed, tries=_CLEAN_UP_TRIES)
        if not template.declared:
            stack.is_announced = False
        for nested in change.nested:
            if nested.stack.status == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
                yield from self._clean_up(nested)
        for name in [name for name in stack.nested if name not in template.nested]:
            yield from self._delete_nested(stack, name)
        stack.status = "UPDATE_COMPLETE"

    def _delete_stack(self, stack: Stack) -> _Events:
        self._deleted.add(stack)
        stack.status = "DELETE_IN_PROGRESS"
        stack.deletion_time = self._account.now()
        yield from self._delete_resources(stack)
        stack.status = "DELETE_FAILED" if _is_left(stack) else "DELETE_COMPLETE"

    def _delete_resources(self, stack: Stack) -> _Events:
        yield from self._delete_rows(stack, list(stack.rows), tries=1)
        for name in self._in_order(stack.nested):
            yield from self._delete_nested(stack, name, tries=1)
        if not _is_left(stack):
            stack.is_announced = False

    def _delete_nested(self, stack: Stack, name: str, tries: int = _CLEAN_UP_TRIES) -> _Events:
        nested = stack.nested[name]
        for _ in range(tries):
            if nested.status != "DELETE_COMPLETE":
                yield from self._delete_stack(nested)
        if nested.status == "DELETE_COMPLETE" or tries > 1:
            self.forgotten += nested.status != "DELETE_COMPLETE"
            del stack.nested[name]

    # Rollbacks of updates.

    def _roll_back_update(self) -> _Events:
        self._begin_rollback()
        changes = [self._change, *(nested for nested in self._change.nested if not nested.is_new)]
        for change in changes:
            change.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
            for logical_id, before in change.before.items():
                if logical_id not in change.updated:
                    change.stack.rows[logical_id].declared = before.declared
        for change in changes:
            yield from self._update_back(change)
        for change in changes:
            change.stack.status = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
        for change in changes:
            stack = change.stack
            yield from self._delete_replaced(stack, change.replaced_back)
            created = [name for name in stack.rows if name not in change.before]
            yield from self._delete_rows(stack, created, tries=_CLEAN_UP_TRIES)
            stack.is_announced &= change.was_announced
        for nested in self._change.nested:
            if nested.is_new:
                yield from self._delete_nested(self.stack, nested.stack.name)
        for change in changes:
            change.stack.status = "UPDATE_ROLLBACK_COMPLETE"

    def _update_back(self, change: Change) -> _Events:
        """Sends Update with the old properties to each resource that an Update was sent to."""
        stack = change.stack
        to_do = self._in_order(change.updated)
        while True:
            failed = []
            for logical_id in to_do:
                row, before = stack.rows[logical_id], change.before[logical_id]
                row.status = "UPDATE_IN_PROGRESS"
                response = yield self._event(
                    stack, "Update", logical_id, before.declared, row.physical_id, row.declared
                )
                if response is None or not response.succeeded:
                    row.status = "UPDATE_FAILED"
                    failed.append(logical_id)
                    continue
                if response.physical_id != row.physical_id:
                    change.replaced_back.append(_Removed(logical_id, row.physical_id, row.declared))
                row.declared, row.physical_id = before.declared, response.physical_id
                row.status = "UPDATE_COMPLETE"
            if not failed:
                return
            to_do = failed
            self.skips = False
            stack.status = self.stack.status = "UPDATE_ROLLBACK_FAILED"
            self.is_paused = True
            # Nothing is pending until the rollback is continued.
            yield None  # type: ignore[misc]
            stack.status = self.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
            if self.skips:
                for logical_id in failed:
                    row = stack.rows[logical_id]
                    row.declared, row.status = change.before[logical_id].declared, "UPDATE_COMPLETE"
                return

    def _begin_rollback(self) -> None:
        if self._account.rollback_moves_time:
            for stack in (self.stack, *(nested.stack for nested in self._change.nested)):
                if stack.last_updated_time is not None:
                    stack.last_updated_time = self._account.now()
        self.rolls_back = True

    # One resource.

    def _create_one(self, change: Change, logical_id: str, declared: Declared) -> _Events:
        self._fail_as_planned()
        stack = change.stack
        failed = stack.rows.get(logical_id)
        row = stack.rows[logical_id] = Row(declared, "", "CREATE_IN_PROGRESS")
        invented_id = f"{stack.name}-{logical_id}-1ABCDEFGHIJKL"
        try:
            response = yield self._event(stack, "Create", logical_id, declared, None)
        except ResourceFailed:
            row.physical_id, row.status = invented_id, "CREATE_FAILED"
            raise
        row.physical_id = response.physical_id if response else invented_id
        if response is None or not response.succeeded:
            row.status = "CREATE_FAILED"
            raise ResourceFailed
        row.status = "CREATE_COMPLETE"
        if failed and failed.physical_id != row.physical_id and self._account.retry_deletes_failed:
            change.replaced.append(_Removed(logical_id, failed.physical_id, failed.declared))

    def _update_one(self, change: Change, logical_id: str, row: Row, declared: Declared) -> _Events:
        self._fail_as_planned()
        # What an operation without rollback has created is not updated back but deleted.
        if logical_id in change.before and logical_id not in change.updated:
            change.updated.append(logical_id)
        row.status = "UPDATE_IN_PROGRESS"
        try:
            response = yield self._event(
                change.stack, "Update", logical_id, declared, row.physical_id, row.declared
            )
        except ResourceFailed:
            row.status = "UPDATE_FAILED"
            raise
        if response is None or not response.succeeded:
            row.status = "UPDATE_FAILED"
            raise ResourceFailed
        if response.physical_id != row.physical_id:
            change.replaced.append(_Removed(logical_id, row.physical_id, row.declared))
        row.declared, row.physical_id = declared, response.physical_id
        row.status = "UPDATE_COMPLETE"

    def _delete_rows(self, stack: Stack, logical_ids: Iterable[str], tries: int) -> _Events:
        """Deletes resources; a clean-up tries more than once, and forgets what stays."""
        rows = stack.rows
        names = sorted(self._in_order(logical_ids), key=lambda name: -rows[name].declared.rank)
        for name in names:
            if rows[name].declared.retained:
                del rows[name]
        names = [name for name in names if name in rows and rows[name].status != "DELETE_COMPLETE"]
        for name in names if self.plan.together else ():
            rows[name].status = "DELETE_IN_PROGRESS"
        for name in names:
            row = rows[name]
            row.status = "DELETE_IN_PROGRESS"
            removed = _Removed(name, row.physical_id, row.declared)
            is_deleted = yield from self._delete_one(stack, removed, tries)
            if is_deleted:
                row.status = "DELETE_COMPLETE"
            elif tries > 1:
                self.forgotten += 1
                del rows[name]
            else:
                row.status = "DELETE_FAILED"

    def _delete_replaced(self, stack: Stack, replaced: list[_Removed]) -> _Events:
        for removed in sorted(self._in_order(replaced), key=lambda one: -one.declared.rank):
            if not removed.declared.retained:
                is_deleted = yield from self._delete_one(stack, removed, _CLEAN_UP_TRIES)
                self.forgotten += not is_deleted

    def _delete_one(
        self, stack: Stack, removed: _Removed, tries: int
    ) -> Generator[Event, Response | None, bool]:
        for _ in range(tries):
            response = yield self._event(
                stack, "Delete", removed.logical_id, removed.declared, removed.physical_id
            )
            if response is not None and response.succeeded:
                return True
        return False

    def _event(
        self,
        stack: Stack,
        request_type: str,
        logical_id: str,
        declared: Declared,
        physical_id: str | None,
        old: Declared | None = None,
    ) -> Event:
        self._sent += 1
        return Event(
            operation=self,
            stack=stack,
            request_type=request_type,
            logical_id=logical_id,
            declared=declared,
            physical_id=physical_id,
            old=old,
            request_id=f"request-{self._started_at:.0f}-{self._sent}",
            sent_at=self._account.now(),
        )

    # The plan.

    def _fail_as_planned(self) -> None:
        if self.plan.fails_at is not None and self.plan.fails_at <= self._sent:
            raise ResourceFailed

    def _fail_at_the_end(self) -> None:
        if self.plan.fails_at is not None:
            raise ResourceFailed

    def _in_order(self, things: Iterable[T]) -> list[T]:
        ordered = list(things)
        return ordered[::-1] if self.plan.backwards else ordered


def _is_left(stack: Stack) -> bool:
    return bool(stack.nested) or any(row.status == "DELETE_FAILED" for row in stack.rows.values())


def _resolved(declared: Declared, stack: Stack) -> Declared:
    ids = {logical_id: row.entity_id for logical_id, row in stack.rows.items()}
    names = {
        row.declared.name: row.entity_id
        for row in stack.rows.values()
        if isinstance(row.declared, DeclaredEntity) and row.physical_id
    }
    return declared.resolved(ids, names)
