"""The rules: what a registration does in every event, decided from what was read.

Nothing here calls AWS. Each rule is one function, and says which decision it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from workmail_provider.errors import Failure

_CLOCKS_DIFFER = timedelta(seconds=2)
_REGISTRATION_ID = re.compile(r"(m-[0-9a-f]{32})/([a-zA-Z0-9._%+@-]{1,256})")


class EntityType(StrEnum):
    """The kinds of entity, in WorkMail's words."""

    USER = "USER"
    GROUP = "GROUP"
    RESOURCE = "RESOURCE"


class EntityState(StrEnum):
    """The states of an entity, in WorkMail's words; DISABLED is also one never registered."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"
    DELETED = "DELETED"


@dataclass(frozen=True)
class Entity:
    """A user, group or resource as WorkMail describes it; `entity_id` is the canonical one."""

    organization_id: str
    entity_id: str
    entity_type: EntityType
    name: str
    state: EntityState
    email: str | None
    enabled_date: datetime | None
    # All that WorkMail tells of it, by WorkMail's own names.
    described: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{self.entity_type.lower()} {self.name} (id {self.entity_id})"


@dataclass(frozen=True)
class Destination:
    """Where a declared export writes to, and how old one may be that is used again."""

    role_arn: str
    key_arn: str
    bucket: str
    prefix: str
    maximum_age: timedelta

    def folder(self, organization_id: str, entity_id: str, at: datetime) -> str:
        """The S3 prefix of one export: it tells organization, entity and time (UTC)."""
        # What an entity's id may have and an S3 prefix of WorkMail's may not.
        entity = re.sub(r"[^A-Za-z0-9!_.*'()-]", "_", entity_id)
        return f"{self.prefix}/{organization_id}/{entity}/{at:%Y%m%dT%H%M%SZ}"


@dataclass(frozen=True)
class Registration:
    """What a template declares: this entity is enabled, and this is its primary address."""

    organization_id: str
    entity_id: str
    email: str
    region: str | None
    adopt_existing: bool
    # Checked with the rest when it is declared, so that a mistake does not wait for the Delete.
    export: Destination | None
    # None: they are left as they are.
    aliases: tuple[str, ...] | None = None
    remove_other_aliases: bool = False


@dataclass(frozen=True)
class RegistrationId:
    """The physical id: `<organization id>/<canonical entity id>`."""

    organization_id: str
    entity_id: str

    @classmethod
    def parse(cls, physical_resource_id: str | None) -> RegistrationId | None:
        """The parts of a physical id, or None when it is not one of ours."""
        match = _REGISTRATION_ID.fullmatch(physical_resource_id or "")
        return cls(match[1], match[2]) if match else None

    @classmethod
    def of(cls, entity: Entity) -> RegistrationId:
        return cls(entity.organization_id, entity.entity_id)

    def __str__(self) -> str:
        return f"{self.organization_id}/{self.entity_id}"


@dataclass(frozen=True)
class StackOperation:
    """What the stack of a request is going through.

    `status` is the stack's own; `root_status` is that of the root stack above it, or None for a
    stack that is not nested. `began_at` is when the operation began that either is going through;
    a deletion does not move it.
    """

    status: str
    root_status: str | None
    began_at: datetime
    deletion_began_at: datetime | None = None

    @property
    def deletes_stack(self) -> bool:
        return self.status == "DELETE_IN_PROGRESS"

    @property
    def rolls_back(self) -> bool:
        return any(_is_rolling_back(status) for status in (self.status, self.root_status))

    @property
    def is_over(self) -> bool:
        # A nested stack that is gone does not come back with its root's next operation.
        return self.status == "DELETE_COMPLETE" or not any(
            _is_in_progress(status) for status in (self.status, self.root_status)
        )


@dataclass(frozen=True)
class StackResource:
    """One row of the stack's list of resources."""

    logical_id: str
    physical_id: str
    status: str


class Step(StrEnum):
    """What brings an entity nearer to what is declared."""

    REGISTER = "register"
    UPDATE_ADDRESS = "update primary address"
    NONE = "nothing"


def next_step(found: Entity, declared: Registration) -> Step:
    """Create and Update are one operation: compare what is there with what is declared.

    Raises Failure for a deleted entity.
    """
    if found.state is EntityState.DELETED:
        raise Failure(
            f"{found} is deleted from organization {found.organization_id} and cannot be enabled: "
            "declare an entity that exists"
        )
    if found.state is EntityState.DISABLED:
        return Step.REGISTER
    return Step.NONE if has_primary_address(found, declared.email) else Step.UPDATE_ADDRESS


def has_primary_address(found: Entity, email: str) -> bool:
    """Addresses are compared without regard to case."""
    return (found.email or "").casefold() == email.casefold()


def enabled_before(found: Entity, operation: StackOperation) -> bool:
    """Whether the entity was enabled already when the stack operation began.

    A missing date counts as before: what is not known to be ours is left alone.
    """
    return found.enabled_date is None or found.enabled_date < operation.began_at


def enabled_earlier(found: Entity, at: datetime) -> bool:
    """Whether the entity was enabled before this time, and by more than clocks differ."""
    if found.state is not EntityState.ENABLED or found.enabled_date is None:
        return False
    return found.enabled_date < at - _CLOCKS_DIFFER


def other_holder(
    physical_id: str, logical_id: str, resources: Iterable[StackResource]
) -> str | None:
    """The logical id of another resource of the stack that has the same physical id."""
    for resource in resources:
        if (
            resource.physical_id == physical_id
            and resource.logical_id != logical_id
            and not resource.status.startswith(("DELETE_IN_PROGRESS", "DELETE_COMPLETE"))
        ):
            return resource.logical_id
    return None


def belongs_to_somebody_else(
    physical_id: str,
    logical_id: str,
    was_before: bool,
    operation: StackOperation,
    resources: Iterable[StackResource],
) -> bool:
    """It was there before this stack operation began, and no other resource of this stack has it.

    While the stack rolls back, what is declared is what it held before: not somebody else's.
    """
    return (
        not operation.rolls_back
        and was_before
        and other_holder(physical_id, logical_id, resources) is None
    )


def is_rolled_back(was_before: bool, operation: StackOperation) -> bool:
    """A failed deployment leaves what it found."""
    return operation.rolls_back and was_before


def _is_in_progress(status: str | None) -> bool:
    return status is not None and status.endswith("_IN_PROGRESS")


def _is_rolling_back(status: str | None) -> bool:
    return _is_in_progress(status) and "ROLLBACK" in (status or "")
