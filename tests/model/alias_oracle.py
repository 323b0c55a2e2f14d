"""What must hold of aliases, decided from the truth in the local WorkMail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from local_aws.workmail import Entity, Organization
from tests.model.cloudformation import Event
from tests.model.function import Run, may_remove

ALIAS_CHANGES = ("CreateAlias", "DeleteAlias")


class AliasOracle:
    """Which aliases a registration may add and remove, and which it leaves."""

    def __init__(self, organization: Organization, seen: Counter[str]) -> None:
        self._organization = organization
        self._seen = seen

    def violation(self, run: Run, operation: str, parameters: Mapping[str, str]) -> str | None:
        """Why this call must not be made, or None."""
        event, alias = run.event, parameters["Alias"].casefold()
        declared = _lower(event.declared.aliases)
        entity = self._organization.entities.get(parameters["EntityId"])
        if event.request_type == "Delete" or event.declared.aliases is None:
            return "nobody declared aliases"
        known = self._organization.known([event.declared.entity_id])
        if entity is None or (entity not in known and not run.was_interrupted):
            return "the aliases of somebody else"
        if operation == "CreateAlias":
            return None if alias in declared else f"nobody declared {alias}"
        if alias in declared:
            return f"{alias} is declared"
        if alias not in self._declared_before(event) and not event.declared.remove_other_aliases:
            return f"{alias} never was declared"
        if not may_remove(event, in_rollbacks=False) and not run.was_interrupted:
            return f"{alias} is taken away in a rollback, or late"
        return None

    def note(self, run: Run, operation: str) -> None:
        self._seen["alias added" if operation == "CreateAlias" else "alias removed"] += 1

    def stands_in_the_way(self, run: Run, entity: Entity) -> bool:
        """Whether an event may fail for its aliases."""
        declared = run.event.declared.aliases
        if declared is None:
            return False
        owners = [self._organization.owner_of(alias) for alias in declared]
        # Somebody may have disabled it, and WorkMail does not show that.
        is_settled = run.found[entity.entity_id].is_settled
        return not is_settled or any(owner not in (None, entity) for owner in owners)

    def check(self, run: Run, entity: Entity) -> None:
        """After a success: those that are declared are there, and no other has gone."""
        event = run.event
        if event.declared.aliases is None:
            return
        declared, there = _lower(event.declared.aliases), entity.addresses
        self.check_declared(event.declared.aliases, entity, str(event))
        before = _lower(run.found[entity.entity_id].aliases)
        left = self._declared_before(event)
        others_too = event.declared.remove_other_aliases
        undeclared = before - declared - {event.declared.email.casefold()}
        leaving = undeclared if others_too else undeclared & left
        if may_remove(event, in_rollbacks=False):
            assert not leaving & there, f"{event} left {leaving & there}"
        elif leaving:
            self._seen["aliases left in a rollback"] += 1
            assert leaving <= there, f"{event} removed {leaving - there}"
        assert undeclared - leaving <= there, f"{event} removed {undeclared - leaving - there}"

    def check_declared(self, declared: Iterable[str] | None, entity: Entity, where: str) -> None:
        missing = _lower(declared) - entity.addresses
        assert not missing, f"{where}: {entity.name} lacks {missing}"

    def _declared_before(self, event: Event) -> set[str]:
        return _lower(event.old.aliases) if event.old else set()


def _lower(aliases: Iterable[str] | None) -> set[str]:
    return {alias.casefold() for alias in aliases or ()}
