"""What must hold of aliases, decided from the truth in the local WorkMail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from local_aws.workmail import Entity, Organization
from tests.model.function import Run, may_remove
from tests.support.lambda_fakes import ORGANIZATION_ID

ALIAS_CHANGES = ("CreateAlias", "DeleteAlias")


class AliasOracle:
    """Which aliases may be added and removed, and which must exist in the end."""

    def __init__(self, organization: Organization, seen: Counter[str]) -> None:
        self._organization = organization
        self._seen = seen

    def violation(self, run: Run, operation: str, parameters: Mapping[str, str]) -> str | None:
        """Why this call must not be made, or None."""
        event, alias = run.event, parameters["Alias"].casefold()
        declared = _lower(event.declared.aliases)
        entity = self._organization.entities.get(parameters["EntityId"])
        if event.request_type == "Delete" or event.declared.aliases is None:
            return "no aliases are declared"
        known = self._organization.known([event.declared.entity_id])
        if entity is None or (entity not in known and not run.was_interrupted):
            return "the aliases of another entity"
        if operation == "CreateAlias":
            return None if alias in declared else f"{alias} is not declared"
        if alias in declared:
            return f"{alias} is declared"
        if not event.declared.remove_other_aliases and alias not in _declared_before(run):
            return f"{alias} was never declared"
        if event.request_type == "Create" and not run.was_interrupted:
            return f"{alias} is removed by a Create"
        if not may_remove(event, in_rollbacks=False) and not run.was_interrupted:
            return f"{alias} is removed in a rollback, or late"
        return None

    def may_fail(self, run: Run, entity: Entity) -> bool:
        """Whether an event may fail for its aliases."""
        declared = run.event.declared.aliases
        if declared is None:
            return False
        owners = [self._organization.owner_of(alias) for alias in declared]
        # Only an Update of the same entity removes undeclared aliases.
        is_own = run.event.physical_id == f"{ORGANIZATION_ID}/{entity.entity_id}"
        if run.event.declared.remove_other_aliases and not is_own:
            return True
        # It may be disabled, and WorkMail does not show that.
        is_settled = run.found[entity.entity_id].is_settled
        return not is_settled or any(owner not in (None, entity) for owner in owners)

    def check(self, run: Run, entity: Entity) -> None:
        """After a success: those that are declared exist, and no others were removed."""
        event, existing = run.event, entity.addresses
        if event.declared.aliases is None:
            return
        before = _lower(run.found[entity.entity_id].aliases)
        undeclared = before - _lower(event.declared.aliases) - {event.declared.email.casefold()}
        removed = undeclared
        if not event.declared.remove_other_aliases:
            removed = undeclared & _declared_before(run)
        if may_remove(event, in_rollbacks=False):
            assert not removed & existing, f"{event} retained {removed & existing}"
        else:
            assert removed <= existing, f"{event} removed {removed - existing}"
        lost = undeclared - removed - existing
        assert not lost, f"{event} removed {lost}"

    def check_declared(self, declared: Iterable[str] | None, entity: Entity, where: str) -> None:
        missing = _lower(declared) - entity.addresses
        assert not missing, f"{where}: {entity.name} lacks {missing}"


def _declared_before(run: Run) -> set[str]:
    return _lower(run.event.old.aliases) if run.event.old else set()


def _lower(aliases: Iterable[str] | None) -> set[str]:
    return {alias.casefold() for alias in aliases or ()}
