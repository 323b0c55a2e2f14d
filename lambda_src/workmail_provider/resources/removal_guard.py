"""`Custom::WorkMailRemovalGuard`: an update that removes too many entries of a roster fails.

CloudFormation removes resources after every update has succeeded, so nothing is removed then.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from workmail_provider.cloudformation.ownership import declared_outside, stack_operation
from workmail_provider.cloudformation.request import Invocation, Outcome
from workmail_provider.errors import RequestFailed
from workmail_provider.resources import declarations
from workmail_provider.resources.organization import organization
from workmail_provider.rules.kinds import EntityType
from workmail_provider.rules.physical_ids import EntityPhysicalId, RegistrationId
from workmail_provider.rules.removals import (
    RosterDeclaration,
    added_entries,
    allowed_removals,
    entity_names,
    removed_entries,
)
from workmail_provider.workmail.organization import EntityNotFound

_REGISTRATION = "registration"
_SHOWN = 10
_LONGEST_NAMES = 100  # characters, of the 240 that a message can have


class RemovalGuardResource:
    """The requests of the type. Creations, rollbacks and deletions pass."""

    def create(self, invocation: Invocation) -> Outcome:
        declared = declarations.roster(invocation.request.properties)
        return Outcome(f"{declared.organization_id}/removal-guard/{invocation.request.logical_id}")

    def update(self, invocation: Invocation) -> Outcome:
        request = invocation.request
        if stack_operation(invocation).rolls_back:
            invocation.log.info("done", "a rollback is not guarded")
        else:
            before = declarations.roster(request.old_properties)
            self._check(invocation, before, declarations.roster(request.properties))
        return Outcome(request.physical_resource_id or "")

    def delete(self, invocation: Invocation) -> Outcome:
        invocation.log.info("done", "a deletion is not guarded")
        return Outcome(invocation.request.physical_resource_id or "")

    def _check(
        self, invocation: Invocation, before: RosterDeclaration, now: RosterDeclaration
    ) -> None:
        """Raises RequestFailed for an update that would remove too many."""
        if now.organization_id != before.organization_id:
            raise RequestFailed(
                f"the roster is of organization {before.organization_id}, so nothing was changed: "
                "declare that of another organization with another construct id"
            )
        entities = len(entity_names(before.entries))
        allowed = allowed_removals(now.maximum_removals, entities)
        removed = removed_entries(before, now)
        if len(entity_names(removed)) <= allowed:
            return
        removed = _Lookup(invocation, now).not_declared(removed, added_entries(before, now))
        names = entity_names(removed)
        if len(names) > allowed:
            raise RequestFailed(
                f"{len(names)} of {entities} entries would be removed, and maximum_removals allows "
                f"{allowed}: restore them, or set it to {len(names)} for one deployment "
                f"({_shown(names)})"
            )


class _Lookup:
    """What WorkMail and the other stacks say of entries that the roster no longer has."""

    def __init__(self, invocation: Invocation, roster: RosterDeclaration) -> None:
        self._invocation = invocation
        self._organization = organization(invocation, roster.organization_id)

    def not_declared(self, removed: list[str], added: list[str]) -> list[str]:
        """Those that neither another stack declares nor this one by another name or id."""
        declared = declared_outside(self._invocation, self._organization.organization_id)
        declared |= self._physical_ids(added)
        if not declared:
            return removed
        return [entry for entry in removed if self._physical_ids([entry]).isdisjoint(declared)]

    def _physical_ids(self, entries: Iterable[str]) -> set[str]:
        """Those of the entries that exist."""
        call = self._invocation.retry.call
        return {*filter(None, (call(partial(self._physical_id, entry)) for entry in entries))}

    def _physical_id(self, entry: str) -> str | None:
        word, _, name = entry.partition("/")
        if word == _REGISTRATION:
            with suppress(EntityNotFound):
                return str(RegistrationId.of(self._organization.find(name)))
            return None
        entity = self._organization.describe(EntityType(word.upper()), name)
        if entity is None:
            return None
        return str(EntityPhysicalId(entity.organization_id, word, entity.entity_id))


def _shown(names: list[str]) -> str:
    """The first ten, as far as the message has room for them."""
    shown = ", ".join(names[:_SHOWN])
    if len(shown) > _LONGEST_NAMES:
        shown = shown[:_LONGEST_NAMES].rpartition(", ")[0]
    return shown if shown == ", ".join(names) else f"{shown}, ..."
