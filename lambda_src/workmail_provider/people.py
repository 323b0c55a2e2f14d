"""Members of groups and delegates of resources: they are those that are declared, and no others."""

from __future__ import annotations

from workmail_provider.budgets import ENTITY_VISIBLE
from workmail_provider.entity_kinds import (
    DeclaredPeople,
    Kind,
    People,
    PhysicalId,
    changes,
    exists,
)
from workmail_provider.errors import Failure, Unsettled
from workmail_provider.invocation import Invocation, Outcome
from workmail_provider.lifecycle import Entity
from workmail_provider.ownership import stack_operation
from workmail_provider.workmail import Organization
from workmail_provider.workmail_entities import EntityDirectory


class PeopleResource:
    """The requests of the type for a group's members or a resource's delegates.

    They are a resource of their own because an entity may have to be enabled before it can have
    any, and a registration needs the entity first. Removed, they stay as they are.
    """

    def __init__(self, kind: Kind, people: People) -> None:
        self._kind = kind
        self._people = people

    def create(self, invocation: Invocation) -> Outcome:
        declared = DeclaredPeople.parse(self._kind, self._people, invocation.request.properties)
        convergence = _Convergence(invocation, self._kind, self._people, declared)
        return Outcome(invocation.patience.persist(convergence.run))

    def update(self, invocation: Invocation) -> Outcome:
        return self.create(invocation)

    def delete(self, invocation: Invocation) -> Outcome:
        invocation.journal.decision("leave", f"the {self._people.plural} stay as they are")
        return Outcome(invocation.request.physical_resource_id or "")


class _Convergence:
    """Reads who is there, and adds and removes until it is who is declared."""

    def __init__(
        self, invocation: Invocation, kind: Kind, people: People, declared: DeclaredPeople
    ) -> None:
        self._invocation = invocation
        self._kind = kind
        self._people = people
        self._declared = declared
        organization = Organization(
            invocation.clients("workmail", declared.region), declared.organization_id
        )
        self._directory = EntityDirectory(organization, kind, declared.entity_id)

    def run(self) -> str:
        """The physical id."""
        entity = self._directory.describe(self._declared.entity_id)
        if entity is None or not exists(entity):
            self._pass_over_in_a_rollback(entity, f"{self._kind.word} {self._declared.entity_id}")
            return self._invocation.request.physical_resource_id or ""
        if self._declared.people is not None:
            self._converge_people(entity, self._declared.people)
        options = {"BookingOptions": self._declared.booking_options}
        differing = changes(self._kind, entity, options, {})
        if differing:
            self._record("update", "its booking options are not as declared")
            self._directory.update(entity, differing)
        self._record("done", "as declared")
        return f"{PhysicalId.of(self._kind, entity)}/{self._people.plural}"

    def _converge_people(self, entity: Entity, declared: tuple[str, ...]) -> None:
        there = self._directory.people(entity, self._people)
        wanted = set(filter(None, map(self._person_id, declared)))
        for person_id in sorted(wanted - there):
            self._record("associate", f"{person_id} is declared as {self._people.word}")
            self._directory.associate(entity, self._people, person_id)
        # Also whom WorkMail does not find, and a rollback passes over.
        undeclared = sorted(there - wanted - set(declared))
        if undeclared and stack_operation(self._invocation).is_over:
            self._record("leave", "nobody waits for this any more: what it declares may be old")
            return
        for person_id in undeclared:
            self._record("disassociate", f"{person_id} is no declared {self._people.word}")
            self._directory.disassociate(entity, self._people, person_id)

    def _person_id(self, name_or_id: str) -> str | None:
        person = self._directory.anybody(name_or_id)
        if person is None or not exists(person):
            self._pass_over_in_a_rollback(person, f"{self._people.word} {name_or_id}")
            return None
        return person.entity_id

    def _pass_over_in_a_rollback(self, found: Entity | None, named: str) -> None:
        """A rollback has to be able to end without what is gone; otherwise it is an error."""
        if stack_operation(self._invocation).rolls_back:
            self._record("pass over", f"{named} is not there any more, and the stack rolls back")
        elif found:
            raise Failure(
                f"{named} is deleted from organization {found.organization_id}: declare one that "
                "exists"
            )
        else:
            raise Unsettled(
                ENTITY_VISIBLE,
                f"{named} is not in organization {self._declared.organization_id}: create it "
                "first, or correct the declaration",
            )

    def _record(self, action: str, why: str) -> None:
        self._invocation.journal.decision(
            action,
            why,
            organization_id=self._declared.organization_id,
            entity_id=self._declared.entity_id,
        )
