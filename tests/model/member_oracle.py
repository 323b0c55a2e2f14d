"""What must hold of members and delegates, decided from the truth in the local WorkMail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from local_aws.workmail import Behaviour, Group, Organization, Resource
from tests.model.function import Run, may_remove
from tests.model.templates import DeclaredMembers
from tests.support.lambda_fakes import ORGANIZATION_ID

MEMBER_CHANGES = {
    "AssociateMemberToGroup": ("GROUP", "MemberId"),
    "DisassociateMemberFromGroup": ("GROUP", "MemberId"),
    "AssociateDelegateToResource": ("RESOURCE", "EntityId"),
    "DisassociateDelegateFromResource": ("RESOURCE", "EntityId"),
}
# The budget in which a new entity has to show, in seconds.
_SHOWS_WITHIN = 100.0


class MemberOracle:
    """Which members may be added and removed, and which must exist in the end."""

    def __init__(
        self, organization: Organization, behaviour: Behaviour, seen: Counter[str]
    ) -> None:
        self._organization = organization
        self._behaviour = behaviour
        self._seen = seen

    def violation(self, run: Run, operation: str, parameters: Mapping[str, Any]) -> str | None:
        """Why this call must not be made, or None."""
        event, declared = run.event, run.event.declared
        if not isinstance(declared, DeclaredMembers) or event.request_type == "Delete":
            return "no members are declared"
        kind, parameter = MEMBER_CHANGES.get(operation, ("RESOURCE", ""))
        id_name = "GroupId" if kind == "GROUP" else "ResourceId"
        if declared.kind != kind or parameters[id_name] != declared.entity_id:
            return "it is of another entity"
        if operation == "UpdateResource":
            resource = self._organization.entities[declared.entity_id]
            if declared.accepts_requests is None:
                return "no booking options are declared"
            is_renamed = parameters.get("Name", resource.name) != resource.name
            return "its delegates do not rename a resource" if is_renamed else None
        if run.was_interrupted:
            # In between, a name can have come to mean another entity.
            return None
        member_id = parameters[parameter]
        is_declared = member_id in self._declared_ids(declared)
        if operation.startswith("Associate"):
            return None if is_declared else f"{member_id} is not declared"
        if is_declared or declared.members is None:
            return f"{member_id} is declared"
        if event.request_type == "Create":
            return f"{member_id} is removed by a Create"
        return None if may_remove(event, in_rollbacks=True) else f"{member_id} is removed late"

    def check(self, run: Run, declared: DeclaredMembers) -> None:
        """After a Create or an Update."""
        event = run.event
        owner = self._organization.entities[declared.entity_id]
        assert isinstance(owner, Group | Resource)
        if not run.has_succeeded:
            self._seen[f"{event.request_type} of members failed"] += 1
            assert not self._must_succeed(run, declared, owner), (
                f"{event} has no reason to fail: {run.response['Reason']}"
            )
            return
        plural = "members" if declared.kind == "GROUP" else "delegates"
        assert run.response["PhysicalResourceId"] == (
            f"{ORGANIZATION_ID}/{owner.kind.lower()}/{owner.entity_id}/{plural}"
        )
        if run.was_interrupted:
            return
        if owner.state == "DELETED":
            assert event.rolls_back, f"{event} succeeded on a deleted entity"
            return
        self._check_members(run, declared, owner)
        if declared.accepts_requests is not None:
            assert isinstance(owner, Resource)
            accepts = owner.booking_options["AutoAcceptRequests"]
            assert accepts is declared.accepts_requests, f"{event}: it accepts is {accepts}"

    def _check_members(self, run: Run, declared: DeclaredMembers, owner: Group | Resource) -> None:
        existing = self._existing(owner)
        before = set(run.found[owner.entity_id].members) & existing
        if declared.members is None:
            assert existing == before, f"{run.event} changed undeclared members"
            return
        expected = self._declared_ids(declared)
        assert expected <= existing, f"{run.event} lacks {expected - existing}"
        if may_remove(run.event, in_rollbacks=True):
            assert existing == expected, f"{run.event} retained {existing - expected}"
            self._seen["as declared, members"] += 1
        else:
            assert existing >= before

    def _must_succeed(self, run: Run, declared: DeclaredMembers, owner: Group | Resource) -> bool:
        """All exist, and WorkMail accepts them as they are."""
        if not run.faults.are_temporary or not run.was_waited_for or run.was_interrupted:
            return False
        members = self._organization.known(declared.members or ())
        if run.event.rolls_back:
            # It can end without those that are deleted.
            members = [one for one in members if one.state != "DELETED"]
            if owner.state == "DELETED":
                return True
        elif len(members) < len(declared.members or ()):
            return False
        if any(
            one.state == "DELETED" or one.visible_from > run.began_at + _SHOWS_WITHIN
            for one in (owner, *members)
        ) or any(one is owner or one.kind == "RESOURCE" for one in members):
            return False
        # The list of delegates does not say which of them are deleted.
        undeclared = set(owner.associated) - {one.entity_id for one in members}
        if run.event.request_type == "Create" and declared.members is not None and undeclared:
            return False
        added = [one for one in members if one.entity_id not in owner.associated]
        are_enabled = all(one.state == "ENABLED" for one in (owner, *added))
        if added and not are_enabled and not self._behaviour.disabled_can_be_associated:
            return False
        remaining = members if declared.members is not None else self._existing(owner)
        return bool(remaining) or declared.accepts_requests is not False

    def _declared_ids(self, declared: DeclaredMembers) -> set[str]:
        members = self._organization.known(declared.members or ())
        return {one.entity_id for one in members if one.state != "DELETED"}

    def _existing(self, owner: Group | Resource) -> set[str]:
        entities = self._organization.entities
        return {id for id in owner.associated if entities[id].state != "DELETED"}
