"""`Custom::WorkMailRemovalGuard`: an update that removes too many entries of a roster fails.

CloudFormation removes resources after every update has succeeded, so nothing is removed then.
"""

from __future__ import annotations

from functools import partial

from workmail_provider.cloudformation.ownership import declared_outside, stack_operation
from workmail_provider.cloudformation.request import Invocation, Outcome
from workmail_provider.errors import RequestFailed
from workmail_provider.resources import declarations
from workmail_provider.rules.entities import Entity
from workmail_provider.rules.kinds import EntityType
from workmail_provider.rules.removals import (
    RosterDeclaration,
    allowed_removals,
    removed_entries,
)
from workmail_provider.workmail.organization import EntityNotFound, Organization

_REGISTRATION = "registration"
_SHOWN = 10


class RemovalGuardResource:
    """The requests of the type. Creations, rollbacks and deletions pass."""

    def create(self, invocation: Invocation) -> Outcome:
        declared = declarations.roster(invocation.request.properties)
        return Outcome(f"{declared.organization_id}/removal-guard/{invocation.request.logical_id}")

    def update(self, invocation: Invocation) -> Outcome:
        request = invocation.request
        declared = declarations.roster(request.properties)
        before = declarations.roster(request.old_properties)
        removed = removed_entries(before, declared)
        allowed = allowed_removals(declared.maximum_removals, len(before.entries))
        if len(removed) > allowed and not stack_operation(invocation).rolls_back:
            removed = self._not_moved(invocation, before, removed)
            if len(removed) > allowed:
                raise _refused(removed, len(before.entries), allowed)
        return Outcome(request.physical_resource_id or "")

    def delete(self, invocation: Invocation) -> Outcome:
        invocation.log.info("done", "a deletion is not guarded")
        return Outcome(invocation.request.physical_resource_id or "")

    def _not_moved(
        self, invocation: Invocation, roster: RosterDeclaration, removed: list[str]
    ) -> list[str]:
        """Those that no other stack declares."""
        elsewhere = declared_outside(invocation, roster.organization_id)
        if not elsewhere:
            return removed
        organization = Organization(
            invocation.clients("workmail", roster.region), roster.organization_id, invocation.retry
        )
        return [
            entry
            for entry in removed
            if invocation.retry.call(partial(_physical_id, organization, entry)) not in elsewhere
        ]


def _physical_id(organization: Organization, entry: str) -> str | None:
    word, _, name = entry.partition("/")
    try:
        entity = _find(organization, word, name)
    except EntityNotFound:
        return None
    if entity is None:
        return None
    between = "" if word == _REGISTRATION else f"{word}/"
    return f"{organization.organization_id}/{between}{entity.entity_id}"


def _find(organization: Organization, word: str, name: str) -> Entity | None:
    if word == _REGISTRATION:
        return organization.find(name)
    return organization.describe(EntityType(word.upper()), name)


def _refused(removed: list[str], entries: int, allowed: int) -> RequestFailed:
    names = ", ".join(entry.partition("/")[2] for entry in removed[:_SHOWN])
    return RequestFailed(
        f"{len(removed)} of {entries} entries would be removed, maximum_removals allows {allowed}: "
        f"restore them, or set it to {len(removed)} for one deployment ({names})"
    )
