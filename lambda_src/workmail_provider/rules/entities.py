"""The entities of an organization, and how one that is found differs from its declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from workmail_provider.errors import RequestFailed
from workmail_provider.rules.kinds import EntityKind, EntityType


class EntityState(StrEnum):
    """The states of an entity, as the API spells them; one never registered is DISABLED."""

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
    # The whole response, by the API's own names.
    described: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{self.entity_type.lower()} {self.name} (id {self.entity_id})"


@dataclass(frozen=True)
class EntityDeclaration:
    """A user, group or resource as a template declares it; what is left out is not managed."""

    organization_id: str
    name: str
    adopt_existing: bool
    attributes: Mapping[str, Any]
    password_secret_arn: str | None
    reset_password: str | None


@dataclass(frozen=True)
class MemberListDeclaration:
    """The members of a group or the delegates of a resource, complete; None is not managed.

    The booking options come with the delegates, because a resource that does not accept requests
    automatically needs a delegate first.
    """

    organization_id: str
    entity_id: str
    members: tuple[str, ...] | None
    booking_options: Mapping[str, bool]


def exists(entity: Entity | None) -> bool:
    return entity is not None and entity.state is not EntityState.DELETED


def attributes_at_creation(kind: EntityKind, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Those that the kind's Create accepts. An Update sets the others.

    Empty texts are left out: a new entity has none, and not every Create accepts one.
    """
    return {
        name: value
        for name, value in attributes.items()
        if name in kind.created_with and value != ""
    }


def new_name(kind: EntityKind, found: Entity, declared: str) -> dict[str, str]:
    """The parameter that renames the entity, if it must be renamed.

    Raises RequestFailed where WorkMail cannot rename.
    """
    if found.name.casefold() == declared.casefold():
        return {}
    if not kind.can_be_renamed:
        raise RequestFailed(
            f"{found} cannot be renamed to {declared}, because WorkMail does not rename a "
            f"{kind.word}: declare the old name, or a new construct for a new {kind.word}"
        )
    return {"Name": declared}


def changes(
    kind: EntityKind,
    found: Entity,
    declared: Mapping[str, Any],
    renaming: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The parameters of the Update that makes the entity as declared, empty if it is.

    They include every current attribute: AWS does not document whether an Update clears what it
    leaves out.
    """
    current = {name: _described(found, name) for name in kind.updated_with}
    wanted = {name: _merged(current.get(name), value) for name, value in declared.items()}
    is_as_declared = all(
        (current.get(name) or type(value)()) == value for name, value in wanted.items()
    )
    if is_as_declared and not renaming:
        return {}
    sent = {**current, **wanted, **(renaming or {})}
    return {name: value for name, value in sent.items() if value is not None}


def _described(found: Entity, name: str) -> Any:
    return found.described.get("UserRole" if name == "Role" else name)


def _merged(current: Any, declared: Any) -> Any:
    return {**(current or {}), **declared} if isinstance(declared, Mapping) else declared
