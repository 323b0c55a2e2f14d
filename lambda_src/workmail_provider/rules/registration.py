"""What a registration declares, and the step from what is found to what is declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from workmail_provider.errors import RequestFailed
from workmail_provider.rules.entities import Entity, EntityState
from workmail_provider.rules.kinds import EntityType
from workmail_provider.rules.ownership import StackOperation

_CLOCKS_DIFFER = timedelta(seconds=2)


@dataclass(frozen=True)
class RegistrationDeclaration:
    """What a template declares: this entity is enabled, and this is its primary address."""

    organization_id: str
    entity_id: str
    email: str
    adopt_existing: bool
    # None: aliases are not managed.
    aliases: tuple[str, ...] | None
    remove_other_aliases: bool
    # Of a user, those that CreateUser does not accept: UpdateUser may need an enabled user.
    user_attributes: Mapping[str, Any]


class Step(StrEnum):
    """The next change on the way to what is declared."""

    REGISTER = "register"
    UPDATE_ADDRESS = "update primary address"
    NONE = "nothing"


def next_step(found: Entity, email: str) -> Step:
    """Create and Update are one operation: compare what is found with what is declared.

    Raises RequestFailed for a deleted entity.
    """
    if found.state is EntityState.DELETED:
        raise RequestFailed(
            f"{found} is deleted from organization {found.organization_id} and cannot be enabled: "
            "declare an entity that exists"
        )
    if found.state is EntityState.DISABLED:
        return Step.REGISTER
    return Step.NONE if has_primary_address(found, email) else Step.UPDATE_ADDRESS


def has_primary_address(found: Entity, email: str) -> bool:
    """Addresses are compared without regard to case."""
    return (found.email or "").casefold() == email.casefold()


def was_enabled_before(found: Entity, at: datetime) -> bool:
    """Whether the entity was enabled before this time.

    An unknown date counts as before: the safe side leaves the entity as it is.
    """
    return found.enabled_date is None or found.enabled_date < at


def was_surely_enabled_before(found: Entity, at: datetime) -> bool:
    """Whether the entity was enabled before this time, by more than clocks differ."""
    if found.state is not EntityState.ENABLED or found.enabled_date is None:
        return False
    return found.enabled_date < at - _CLOCKS_DIFFER


def has_mail_to_export(entity: Entity, operation: StackOperation) -> bool:
    """Whether a mailbox is exported before it is disabled.

    A group has no mailbox. What a failed operation enabled itself has no mail to keep, and its
    export would stand in for a later one.
    """
    return entity.entity_type is not EntityType.GROUP and not operation.rolls_back
