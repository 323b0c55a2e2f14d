"""`Custom::WorkMailGroupMembers` and `Custom::WorkMailResourceDelegates`."""

from __future__ import annotations

from workmail_provider.budgets import ENTITY_VISIBLE
from workmail_provider.cloudformation.ownership import restores
from workmail_provider.cloudformation.request import Invocation, Outcome
from workmail_provider.errors import NotReady, RequestFailed, shown
from workmail_provider.resources import declarations
from workmail_provider.resources.organization import organization
from workmail_provider.rules.entities import Entity, MemberListDeclaration, changes, exists
from workmail_provider.rules.kinds import BOOKING_OPTIONS, EntityKind, MemberListKind
from workmail_provider.rules.physical_ids import EntityPhysicalId
from workmail_provider.workmail.entities import EntityDirectory


class MembershipResource:
    """The requests of the type for a group's members or a resource's delegates.

    They are a resource of their own because an entity may have to be enabled before it can have
    any, and a registration needs the entity first. A Delete retains them.
    """

    def __init__(self, kind: EntityKind, list_kind: MemberListKind) -> None:
        self._kind = kind
        self._list_kind = list_kind

    def create(self, invocation: Invocation) -> Outcome:
        properties = invocation.request.properties
        declared = declarations.member_list(self._kind, self._list_kind, properties)
        convergence = _Convergence(invocation, self._kind, self._list_kind, declared)
        return Outcome(invocation.retry.call(convergence.run))

    def update(self, invocation: Invocation) -> Outcome:
        return self.create(invocation)

    def delete(self, invocation: Invocation) -> Outcome:
        invocation.log.info("retain", f"the {self._list_kind.plural} are not removed")
        return Outcome(invocation.request.physical_resource_id or "")


class _Convergence:
    """Finds the members, and adds and removes until they are as declared."""

    def __init__(
        self,
        invocation: Invocation,
        kind: EntityKind,
        list_kind: MemberListKind,
        declared: MemberListDeclaration,
    ) -> None:
        self._invocation = invocation
        self._log = invocation.log.on(
            organization_id=declared.organization_id, entity_id=declared.entity_id
        ).info
        self._kind = kind
        self._list_kind = list_kind
        self._declared = declared
        self._directory = EntityDirectory(
            organization(invocation, declared.organization_id), kind, declared.entity_id
        )
        self._member_ids: dict[str, str] = {}

    def run(self) -> str:
        """The physical id."""
        entity = self._directory.describe(self._declared.entity_id)
        if entity is None or not exists(entity):
            self._ignore_in_rollback(entity, f"{self._kind.word} {self._declared.entity_id}")
            return self._invocation.request.physical_resource_id or ""
        undeclared = self._add_members(entity)
        # In between: a resource accepts requests by itself, or has a delegate.
        options = {BOOKING_OPTIONS: self._declared.booking_options}
        differing = changes(self._kind, entity, options)
        if differing:
            self._log("update", "its booking options are not as declared")
            self._directory.update(entity, differing)
        self._remove_members(entity, undeclared)
        self._log("done", "as declared")
        return self._physical_id(entity)

    def _add_members(self, entity: Entity) -> list[str]:
        """The members that are not declared."""
        declared = self._declared.members
        if declared is None:
            return []
        current = self._directory.members(entity, self._list_kind)
        wanted = set(filter(None, map(self._member_id, declared)))
        # A rollback retains declared members that WorkMail does not find.
        undeclared = sorted(current - wanted - set(declared))
        if undeclared and not self._may_change_found(entity):
            self._refuse_members_of_found(entity, undeclared)
        for member_id in sorted(wanted - current):
            self._log("associate", f"{member_id} is a declared {self._list_kind.word}")
            self._directory.associate(entity, self._list_kind, member_id)
        return undeclared

    def _remove_members(self, entity: Entity, undeclared: list[str]) -> None:
        for member_id in undeclared:
            self._log("disassociate", f"{member_id} is not a declared {self._list_kind.word}")
            self._directory.disassociate(entity, self._list_kind, member_id)

    def _refuse_members_of_found(self, entity: Entity, undeclared: list[str]) -> None:
        raise RequestFailed(
            f"{entity} has {len(undeclared)} {self._list_kind.plural} that are not declared "
            f"({shown(undeclared)}): declare them, and remove them in a second deployment"
        )

    def _may_change_found(self, entity: Entity) -> bool:
        """Only an Update of this very list removes members: a rollback restores them."""
        is_own = self._physical_id(entity) == self._invocation.request.physical_resource_id
        return is_own or restores(self._invocation)

    def _physical_id(self, entity: Entity) -> str:
        return f"{EntityPhysicalId.of(self._kind, entity)}/{self._list_kind.plural}"

    def _member_id(self, name_or_id: str) -> str | None:
        if name_or_id in self._member_ids:
            return self._member_ids[name_or_id]
        member = self._directory.find_any_kind(name_or_id)
        if member is None or not exists(member):
            self._ignore_in_rollback(member, f"{self._list_kind.word} {name_or_id}")
            return None
        self._member_ids[name_or_id] = member.entity_id
        return member.entity_id

    def _ignore_in_rollback(self, found: Entity | None, name: str) -> None:
        """A rollback ends without an entity that no longer exists; otherwise it is an error."""
        if restores(self._invocation):
            self._log("ignore", f"{name} no longer exists, and the stack rolls back")
        elif found:
            raise RequestFailed(
                f"{name} is deleted from organization {found.organization_id}: declare one that "
                "exists"
            )
        else:
            raise NotReady(
                ENTITY_VISIBLE,
                f"{name} is not in organization {self._declared.organization_id}: create it "
                "first, or correct the declaration",
            )
