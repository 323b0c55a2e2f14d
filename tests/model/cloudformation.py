"""A model of CloudFormation, as far as a custom resource sees it: on AWS and as MiniStack plays it.

A stack operation is a sequence of events. Whoever drives the model delivers the pending event and
answers it, when and as often as that pleases; the operation goes on from the answer.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any, ClassVar

from tests.support.lambda_fakes import ORGANIZATION_ID, REGISTRATION, event

# The longest that CloudFormation waits for an answer, in seconds: the construct's defaults, without
# an export and with one.
SERVICE_TIMEOUT = 630.0
EXPORT_SERVICE_TIMEOUT = 3600.0
_CLEAN_UP_TRIES = 3
PASSWORD_SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:password-AbCdEf"


class Engine(Enum):
    """Whose CloudFormation it is."""

    AWS = "AWS"
    MINISTACK = "MiniStack"


@dataclass(frozen=True)
class Rules:
    """What does not change while a model runs.

    `rollback_moves_time`: whether a rollback moves LastUpdatedTime, which AWS does not say.
    """

    engine: Engine = Engine.AWS
    rollback_moves_time: bool = False


@dataclass(frozen=True)
class Export:
    """What SNAPSHOT declares: the bucket, and how old an export may be in place of a new one."""

    bucket: str
    maximum_age: float

    @property
    def properties(self) -> dict[str, str]:
        return {
            "RoleArn": "arn:aws:iam::000000000000:role/export",
            "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-5555",
            "BucketName": self.bucket,
            "Prefix": "workmail",
            "MaximumAge": f"{self.maximum_age:.0f}",
        }


@dataclass(frozen=True)
class Declared:
    """One registration in a template; `name` is the entity's own, however `entity_id` is written.

    `retained` is both DeletionPolicy and UpdateReplacePolicy; `export` is SNAPSHOT.
    """

    name: str
    entity_id: str
    email: str
    adopt_existing: bool = True
    retained: bool = False
    export: Export | None = None
    # None: nothing is declared of them.
    aliases: tuple[str, ...] | None = None
    remove_other_aliases: bool = False

    # What depends on others comes after them, and leaves before them.
    rank: ClassVar[int] = 1

    def __str__(self) -> str:
        """What is not as it is by default."""
        told = [
            f"{one.name}={getattr(self, one.name)}"
            for one in fields(self)
            if one.name != "name" and getattr(self, one.name) != one.default
        ]
        return f"{self.name}({', '.join(told)})"

    def resolved(self, rows: Mapping[str, Row]) -> Declared:
        """With each reference to another resource replaced by what that is."""
        return self

    @property
    def type_of_resource(self) -> str:
        return REGISTRATION

    @property
    def service_timeout(self) -> float:
        return EXPORT_SERVICE_TIMEOUT if self.export else SERVICE_TIMEOUT

    @property
    def _common_properties(self) -> dict[str, Any]:
        return {
            "ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:provider",
            "ServiceTimeout": f"{self.service_timeout:.0f}",
            "OrganizationId": ORGANIZATION_ID,
        }

    @property
    def properties(self) -> dict[str, Any]:
        declared: dict[str, Any] = {
            **self._common_properties,
            "EntityId": self.entity_id,
            "Email": self.email,
            "AdoptExisting": "true" if self.adopt_existing else "false",
        }
        if self.export:
            declared["MailboxExport"] = self.export.properties
        if self.aliases is not None:
            declared["Aliases"] = list(self.aliases)
            declared["RemoveOtherAliases"] = "true" if self.remove_other_aliases else "false"
        return declared


@dataclass(frozen=True)
class DeclaredByReference(Declared):
    """A registration of what another resource of the template makes."""

    of: str = ""

    def resolved(self, rows: Mapping[str, Row]) -> Declared:
        return replace(self, entity_id=rows[self.of].entity_id)


@dataclass(frozen=True)
class DeclaredEntity(Declared):
    """A user, group or resource; a registration's own members mean nothing here."""

    kind: str = "USER"
    # Of a resource its description; groups have nothing of the kind.
    display_name: str = ""
    # Of a user.
    reset_password: str | None = None

    rank: ClassVar[int] = 0

    @property
    def type_of_resource(self) -> str:
        return f"Custom::WorkMail{self.kind.title()}"

    @property
    def properties(self) -> dict[str, Any]:
        declared: dict[str, Any] = {
            **self._common_properties,
            "Name": self.name,
            "AdoptExisting": "true" if self.adopt_existing else "false",
        }
        if self.kind == "USER":
            declared["Attributes"] = {"DisplayName": self.display_name}
            declared["PasswordSecretArn"] = PASSWORD_SECRET
            if self.reset_password:
                declared["ResetPassword"] = self.reset_password
        if self.kind == "RESOURCE":
            declared["Attributes"] = {"Type": "ROOM", "Description": self.display_name}
        return declared


@dataclass(frozen=True)
class DeclaredMembers(Declared):
    """Who are the members of a group, or the delegates of a resource, that the template makes.

    `members` are names. Of whom the template makes, the property has the id. `accepts_requests`
    is a booking option.
    """

    of: str = ""
    kind: str = "GROUP"
    members: tuple[str, ...] | None = ()
    accepts_requests: bool | None = None

    rank: ClassVar[int] = 2

    def resolved(self, rows: Mapping[str, Row]) -> DeclaredMembers:
        made = {
            row.declared.name: row.entity_id
            for row in rows.values()
            if isinstance(row.declared, DeclaredEntity) and row.physical_id
        }
        members = self.members and tuple(made.get(name, name) for name in self.members)
        return replace(self, entity_id=rows[self.of].entity_id, members=members)

    @property
    def type_of_resource(self) -> str:
        whose = "GroupMembers" if self.kind == "GROUP" else "ResourceDelegates"
        return f"Custom::WorkMail{whose}"

    @property
    def properties(self) -> dict[str, Any]:
        id_name = "GroupId" if self.kind == "GROUP" else "ResourceId"
        declared = {**self._common_properties, id_name: self.entity_id}
        if self.members is not None:
            declared["Members" if self.kind == "GROUP" else "Delegates"] = list(self.members)
        if self.accepts_requests is not None:
            accepts = "true" if self.accepts_requests else "false"
            declared["BookingOptions"] = {"AutoAcceptRequests": accepts}
        return declared


Template = Mapping[str, Declared]


@dataclass
class Row:
    """One row of the stack's list of resources."""

    declared: Declared
    physical_id: str
    status: str

    @property
    def entity_id(self) -> str:
        return self.physical_id.rpartition("/")[2]

    @property
    def is_deleted(self) -> bool:
        return self.status in ("DELETE_IN_PROGRESS", "DELETE_COMPLETE")


@dataclass(frozen=True)
class Response:
    """What CloudFormation understands of an answer."""

    succeeded: bool
    physical_id: str


@dataclass(frozen=True, eq=False)
class Event:
    """One request to the function. `old` are the properties that an Update changes."""

    operation: Operation
    request_type: str
    logical_id: str
    declared: Declared
    physical_id: str | None
    old: Declared | None
    request_id: str
    sent_at: float

    @property
    def stack(self) -> Stack:
        return self.operation.stack

    @property
    def is_waited_for(self) -> bool:
        return self.operation.pending is self

    @property
    def given_up_at(self) -> float:
        """When CloudFormation stops waiting for an answer."""
        return self.sent_at + self.declared.service_timeout

    @property
    def message(self) -> dict[str, Any]:
        return event(
            self.request_type,
            ResourceType=self.declared.type_of_resource,
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


@dataclass
class Stack:
    """A stack; a nested one has a `root`, which has no registrations of its own."""

    name: str
    number: int
    root: Stack | None = None
    status: str | None = None
    creation_time: float = 0.0
    last_updated_time: float | None = None
    deletion_time: float | None = None
    rows: dict[str, Row] = field(default_factory=dict)
    operation: Operation | None = None

    @property
    def stack_id(self) -> str:
        return (
            f"arn:aws:cloudformation:us-east-1:000000000000:stack/{self.name}/"
            f"{self.number:08d}-2222-3333-4444-5555"
        )

    @property
    def template(self) -> dict[str, Declared]:
        return {logical_id: row.declared for logical_id, row in self.rows.items()}

    @property
    def is_moving(self) -> bool:
        return self.operation is not None and self.operation.is_in_progress

    @property
    def pending(self) -> Event | None:
        return self.operation.pending if self.operation else None


@dataclass(frozen=True)
class Plan:
    """What happens to a stack operation from outside.

    `sibling_fails_at`: before which event another resource fails; at the end if there are fewer.
    `root_fails`: the root stack fails after its nested stack succeeded.
    `root_too`: the root is created or deleted with its nested stack, not just updated.
    `alone`: a nested stack is updated by itself.
    """

    sibling_fails_at: int | None = None
    root_fails: bool = False
    root_too: bool = False
    alone: bool = False
    backwards: bool = False
    together: bool = False


class ResourceFailed(Exception):
    """A resource of the stack failed: one of ours, a sibling, or one of the root's."""


@dataclass
class _Removed:
    """A physical thing that the clean-up deletes."""

    logical_id: str
    physical_id: str
    declared: Declared


_Events = Generator[Event, "Response | None", None]


class Operation:
    """One operation on a stack, from its beginning to its end.

    `pending` is the event whose answer CloudFormation waits for. `is_paused` is
    UPDATE_ROLLBACK_FAILED: a member can continue it or delete the stack.
    """

    def __init__(
        self,
        stack: Stack,
        kind: str,
        template: Template,
        plan: Plan,
        rules: Rules,
        now: Callable[[], float],
    ) -> None:
        self.stack = stack
        self.kind = kind
        self.plan = plan
        self.began_at = now()
        self.rolls_back = False
        self.is_paused = False
        self.is_over = False
        # How many resources a clean-up could not delete.
        self.forgotten = 0
        self.pending: Event | None = None
        self._rules = rules
        self._now = now
        self._template = template
        self._sent = 0
        self._updated: list[str] = []
        self._replaced: list[_Removed] = []
        self._before = {name: Row(r.declared, r.physical_id, "") for name, r in stack.rows.items()}
        self._moves_root = stack.root is not None and not (plan.alone and kind == "update")
        self._root_failed = False
        self._begin_times()
        stack.operation = self
        self._events: _Events = {
            "create": self._create,
            "update": self._update,
            "delete": self._delete,
        }[kind]()
        self._proceed(lambda: next(self._events))

    @property
    def is_in_progress(self) -> bool:
        return not (self.is_over or self.is_paused)

    @property
    def removes_whole_stack(self) -> bool:
        return self.kind == "delete" or (self.kind == "create" and self.rolls_back)

    def removes(self, logical_id: str) -> bool:
        """Whether the resource is not to be there any more when the operation has ended."""
        stays = self._before if self.rolls_back else self._template
        return self.removes_whole_stack or logical_id not in stays

    def answer(self, answer: Response | None) -> None:
        """Goes on from an answer; None is that none came within the service timeout."""
        self._proceed(lambda: self._events.send(answer))

    def cancel(self) -> None:
        """A sibling fails while the pending event is being worked on."""
        self._proceed(lambda: self._events.throw(ResourceFailed()))

    def resume(self) -> None:
        """A member continues the rollback of an update."""
        self.is_paused = False
        self._proceed(lambda: next(self._events))

    @property
    def can_be_cancelled(self) -> bool:
        return (
            self._rules.engine is Engine.AWS
            and self.pending is not None
            and self.pending.request_type != "Delete"
            and not self.rolls_back
        )

    def _proceed(self, proceed: Callable[[], Event]) -> None:
        self.pending = None
        try:
            self.pending = proceed()
        except StopIteration:
            self.is_over = True
            for logical_id, row in list(self.stack.rows.items()):
                if row.status == "DELETE_COMPLETE":
                    del self.stack.rows[logical_id]

    # The three operations.

    def _create(self) -> _Events:
        self._set_status("CREATE_IN_PROGRESS")
        try:
            for logical_id, declared in self._dependent_last(self._template):
                yield from self._create_one(logical_id, declared.resolved(self.stack.rows))
            self._fail_at_the_end()
        except ResourceFailed:
            yield from self._roll_back_creation()
        else:
            self._set_status("CREATE_COMPLETE")

    def _update(self) -> _Events:
        self._set_status("UPDATE_IN_PROGRESS")
        try:
            for logical_id, unresolved in self._dependent_last(self._template):
                declared = unresolved.resolved(self.stack.rows)
                row = self.stack.rows.get(logical_id)
                if row is None:
                    yield from self._create_one(logical_id, declared)
                elif row.declared.properties != declared.properties:
                    yield from self._update_one(logical_id, row, declared)
                else:
                    row.declared = declared
            self._fail_at_the_end()
        except ResourceFailed:
            yield from self._roll_back_update()
            return
        if self._rules.engine is Engine.AWS:
            self._set_status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        for leaving in self._dependent_first(self._in_order(self._replaced)):
            if not leaving.declared.retained:
                yield from self._clean_up(leaving)
        removed = [name for name in self.stack.rows if name not in self._template]
        yield from self._delete_rows(removed, tries=_CLEAN_UP_TRIES)
        self._set_status("UPDATE_COMPLETE")

    def _delete(self) -> _Events:
        self._set_status("DELETE_IN_PROGRESS")
        yield from self._delete_rows(list(self.stack.rows), tries=1)
        is_left = any(row.status == "DELETE_FAILED" for row in self.stack.rows.values())
        self._set_status("DELETE_FAILED" if is_left else "DELETE_COMPLETE")

    # Going back.

    def _roll_back_creation(self) -> _Events:
        self._begin_rollback()
        self._set_status("ROLLBACK_IN_PROGRESS")
        if self._rules.engine is Engine.MINISTACK:
            self._drop_failed_creates()
        yield from self._delete_rows(list(self.stack.rows), tries=1)
        is_left = any(row.status == "DELETE_FAILED" for row in self.stack.rows.values())
        self._set_status("ROLLBACK_FAILED" if is_left else "ROLLBACK_COMPLETE")

    def _roll_back_update(self) -> _Events:
        self._begin_rollback()
        created = [name for name in self.stack.rows if name not in self._before]
        for logical_id, before in self._before.items():
            if logical_id not in self._updated:
                self.stack.rows[logical_id].declared = before.declared
        if self._rules.engine is Engine.MINISTACK:
            self._drop_failed_creates()
            replaced = {leaving.logical_id for leaving in self._replaced}
            self._updated = [name for name in self._updated if name not in replaced]
        leaving: list[_Removed] = []
        yield from self._update_back(leaving)
        if self._rules.engine is Engine.MINISTACK:
            for old in self._replaced:
                row = self.stack.rows[old.logical_id]
                leaving.append(_Removed(old.logical_id, row.physical_id, row.declared))
        self._set_status("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        for thing in self._dependent_first(self._in_order(leaving)):
            if not thing.declared.retained:
                yield from self._clean_up(thing)
        created = [name for name in created if name in self.stack.rows]
        yield from self._delete_rows(created, tries=_CLEAN_UP_TRIES, forgets=True)
        if self._rules.engine is Engine.MINISTACK:
            for logical_id, row in self._before.items():
                kept = self.stack.rows[logical_id]
                kept.declared, kept.physical_id = row.declared, row.physical_id
        self._set_status("UPDATE_ROLLBACK_COMPLETE")

    def _update_back(self, leaving: list[_Removed]) -> _Events:
        """Sends Update with the old properties to each resource that an Update was sent to."""
        to_do = self._in_order(self._updated)
        while True:
            self._set_status("UPDATE_ROLLBACK_IN_PROGRESS")
            failed = []
            for logical_id in to_do:
                row, before = self.stack.rows[logical_id], self._before[logical_id]
                row.status = "UPDATE_IN_PROGRESS"
                answer = yield self._event(
                    "Update", logical_id, before.declared, row.physical_id, row.declared
                )
                if answer is None or not answer.succeeded:
                    row.status = "UPDATE_FAILED"
                    failed.append(logical_id)
                    continue
                if answer.physical_id != row.physical_id:
                    leaving.append(_Removed(logical_id, row.physical_id, row.declared))
                row.declared, row.physical_id = before.declared, answer.physical_id
                row.status = "UPDATE_COMPLETE"
            if not failed:
                return
            to_do = failed
            self._set_status("UPDATE_ROLLBACK_FAILED")
            self.is_paused = True
            # Nothing is pending until a member continues.
            yield None  # type: ignore[misc]

    def _begin_rollback(self) -> None:
        self.rolls_back = True
        if self._rules.rollback_moves_time:
            for stack in self._moved_stacks():
                stack.last_updated_time = self._now()

    def _drop_failed_creates(self) -> None:
        """MiniStack sends no Delete after a Create that failed."""
        for logical_id, row in list(self.stack.rows.items()):
            if row.status == "CREATE_FAILED":
                del self.stack.rows[logical_id]

    # One resource.

    def _create_one(self, logical_id: str, declared: Declared) -> _Events:
        self._fail_before_this_event()
        row = self.stack.rows[logical_id] = Row(declared, "", "CREATE_IN_PROGRESS")
        try:
            answer = yield self._event("Create", logical_id, declared, None)
        except ResourceFailed:
            row.physical_id, row.status = self._invented_id(logical_id), "CREATE_FAILED"
            raise
        row.physical_id = answer.physical_id if answer else self._invented_id(logical_id)
        if answer is None or not answer.succeeded:
            row.status = "CREATE_FAILED"
            raise ResourceFailed
        row.status = "CREATE_COMPLETE"

    def _update_one(self, logical_id: str, row: Row, declared: Declared) -> _Events:
        self._fail_before_this_event()
        self._updated.append(logical_id)
        row.status = "UPDATE_IN_PROGRESS"
        try:
            answer = yield self._event(
                "Update", logical_id, declared, row.physical_id, row.declared
            )
        except ResourceFailed:
            row.status = "UPDATE_FAILED"
            raise
        if answer is None or not answer.succeeded:
            row.status = "UPDATE_FAILED"
            raise ResourceFailed
        if answer.physical_id != row.physical_id:
            self._replaced.append(_Removed(logical_id, row.physical_id, row.declared))
        row.declared, row.physical_id = declared, answer.physical_id
        row.status = "UPDATE_COMPLETE"

    def _delete_rows(self, logical_ids: list[str], tries: int, forgets: bool = False) -> _Events:
        """Deletes resources; in a clean-up one that cannot be deleted is forgotten in the end.

        MiniStack keeps on listing what an update removed as complete, and tries once.
        """
        is_clean_up = tries > 1
        is_ministack = self._rules.engine is Engine.MINISTACK
        names = self._in_order(logical_ids)
        names.sort(key=lambda name: -self.stack.rows[name].declared.rank)
        leaving = [(name, self.stack.rows[name]) for name in names]
        for logical_id, row in leaving:
            if row.declared.retained:
                del self.stack.rows[logical_id]
            elif self.plan.together and not (is_clean_up and is_ministack):
                row.status = "DELETE_IN_PROGRESS"
        for logical_id, row in leaving:
            if row.declared.retained:
                continue
            if not (is_clean_up and is_ministack):
                row.status = "DELETE_IN_PROGRESS"
            thing = _Removed(logical_id, row.physical_id, row.declared)
            is_deleted = yield from self._delete_one(thing, 1 if is_ministack else tries)
            if is_deleted:
                row.status = "DELETE_COMPLETE"
            elif forgets or (is_clean_up and not is_ministack):
                self.forgotten += 1
                del self.stack.rows[logical_id]
            else:
                row.status = "DELETE_FAILED"

    def _clean_up(self, leaving: _Removed) -> _Events:
        tries = 1 if self._rules.engine is Engine.MINISTACK else _CLEAN_UP_TRIES
        is_deleted = yield from self._delete_one(leaving, tries)
        self.forgotten += not is_deleted

    def _delete_one(self, leaving: _Removed, tries: int) -> Generator[Event, Response | None, bool]:
        for _ in range(tries):
            answer = yield self._event(
                "Delete", leaving.logical_id, leaving.declared, leaving.physical_id
            )
            if answer is not None and answer.succeeded:
                return True
        return False

    def _event(
        self,
        request_type: str,
        logical_id: str,
        declared: Declared,
        physical_id: str | None,
        old: Declared | None = None,
    ) -> Event:
        self._sent += 1
        return Event(
            operation=self,
            request_type=request_type,
            logical_id=logical_id,
            declared=declared,
            physical_id=physical_id,
            old=old,
            request_id=f"request-{self.began_at:.0f}-{self._sent}",
            sent_at=self._now(),
        )

    def _invented_id(self, logical_id: str) -> str:
        return f"{self.stack.name}-{logical_id}-1ABCDEFGHIJKL"

    # What happens outside of the registrations.

    def _fail_before_this_event(self) -> None:
        if self.plan.sibling_fails_at is not None and self.plan.sibling_fails_at <= self._sent:
            raise ResourceFailed

    def _fail_at_the_end(self) -> None:
        if self.plan.sibling_fails_at is not None:
            raise ResourceFailed
        # MiniStack's nested stacks have cleaned up by then, and are updated once more.
        can_fail = self.kind == "create" or self._rules.engine is Engine.AWS
        if self._moves_root and self.plan.root_fails and can_fail:
            self._root_failed = True
            raise ResourceFailed

    def _in_order(self, things: Any) -> list[Any]:
        ordered = list(things)
        return ordered[::-1] if self.plan.backwards else ordered

    def _dependent_last(self, template: Template) -> list[tuple[str, Declared]]:
        return sorted(self._in_order(template.items()), key=lambda item: item[1].rank)

    def _dependent_first(self, leaving: list[_Removed]) -> list[_Removed]:
        return sorted(leaving, key=lambda one: -one.declared.rank)

    # Status and times.

    def _moved_stacks(self) -> Iterator[Stack]:
        yield self.stack
        if self.stack.root and self._moves_root:
            yield self.stack.root

    def _begin_times(self) -> None:
        if self.kind == "delete":
            self.stack.deletion_time = self.began_at
        for stack in self._moved_stacks():
            is_new = self.kind == "create" and (stack is self.stack or self.plan.root_too)
            if is_new:
                stack.creation_time, stack.last_updated_time = self.began_at, None
            elif self.kind == "update" or stack is not self.stack:
                stack.last_updated_time = self.began_at

    def _set_status(self, status: str) -> None:
        stack, root = self.stack, self.stack.root
        if root is None or not self._moves_root:
            stack.status = status
            return
        root.status = self._root_status(status)
        if not self._root_failed or self.kind != "create":
            is_hidden = status == "DELETE_IN_PROGRESS" and self._rules.engine is Engine.MINISTACK
            stack.status = stack.status if is_hidden else status
        elif status == "ROLLBACK_IN_PROGRESS":
            on_aws = self._rules.engine is Engine.AWS
            stack.status = "DELETE_IN_PROGRESS" if on_aws else "CREATE_COMPLETE"
        else:
            stack.status = {"ROLLBACK_COMPLETE": "DELETE_COMPLETE"}.get(status, "DELETE_FAILED")

    def _root_status(self, status: str) -> str:
        """Where the root stack is while its nested stack is there."""
        if self.plan.root_too and self.kind != "update":
            if status.startswith("ROLLBACK") and not self._root_failed:
                return "CREATE_IN_PROGRESS" if status.endswith("PROGRESS") else status
            return status
        return {
            "CREATE_IN_PROGRESS": "UPDATE_IN_PROGRESS",
            "CREATE_COMPLETE": "UPDATE_COMPLETE",
            "ROLLBACK_IN_PROGRESS": (
                "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
                if self._root_failed
                else "UPDATE_IN_PROGRESS"
            ),
            "ROLLBACK_COMPLETE": "UPDATE_ROLLBACK_COMPLETE",
            "ROLLBACK_FAILED": "UPDATE_ROLLBACK_COMPLETE",
            "DELETE_IN_PROGRESS": "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "DELETE_COMPLETE": "UPDATE_COMPLETE",
            "DELETE_FAILED": "UPDATE_COMPLETE",
        }.get(status, status)
