"""What must hold of members and delegates, decided from the truth in the local WorkMail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from local_aws.workmail import Behaviour, Entity, Group, Organization, Resource
from tests.model.cloudformation import DeclaredMembers
from tests.model.function import Run, may_remove
from tests.support.lambda_fakes import ORGANIZATION_ID

MEMBER_CHANGES = {
    "AssociateMemberToGroup": ("GROUP", "MemberId"),
    "DisassociateMemberFromGroup": ("GROUP", "MemberId"),
    "AssociateDelegateToResource": ("RESOURCE", "EntityId"),
    "DisassociateDelegateFromResource": ("RESOURCE", "EntityId"),
}
# The budget in which somebody new has to show, in seconds.
_SHOWS_WITHIN = 100.0


class MemberOracle:
    """Who may be added and removed, and who has to be there in the end."""

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
            return "nobody declared members"
        kind, parameter = MEMBER_CHANGES.get(operation, ("RESOURCE", ""))
        id_name = "GroupId" if kind == "GROUP" else "ResourceId"
        if declared.kind != kind or parameters[id_name] != declared.entity_id:
            return "it is of another entity"
        if operation == "UpdateResource":
            return self._why_no_update(declared, parameters)
        if run.was_interrupted:
            # In between, a name can have come to mean somebody else.
            return None
        is_wanted = parameters[parameter] in self._wanted(declared)
        if operation.startswith("Associate"):
            return None if is_wanted else f"nobody declared {parameters[parameter]}"
        if is_wanted or declared.members is None:
            return f"{parameters[parameter]} is declared"
        if not may_remove(event, in_rollbacks=True):
            return f"{parameters[parameter]} is taken away late"
        return None

    def note(self, operation: str) -> None:
        self._seen["associated" if operation.startswith("Associate") else "disassociated"] += 1

    def check(self, run: Run, declared: DeclaredMembers) -> None:
        """After a Create or an Update."""
        event, answer = run.event, run.answer
        owner = self._organization.entities[declared.entity_id]
        assert isinstance(owner, Group | Resource)
        if answer["Status"] == "FAILED":
            self._seen[f"{event.request_type} of members failed"] += 1
            assert not self._must_succeed(run, declared, owner), (
                f"{event} has no reason to fail: {answer['Reason']}"
            )
            return
        plural = "members" if declared.kind == "GROUP" else "delegates"
        assert answer["PhysicalResourceId"] == (
            f"{ORGANIZATION_ID}/{owner.kind.lower()}/{owner.entity_id}/{plural}"
        )
        if run.was_interrupted:
            return
        if owner.state == "DELETED":
            operation = event.stack.operation
            assert operation and operation.rolls_back, f"{event} succeeded on what is deleted"
            return
        self._check_members(run, declared, owner)
        if declared.accepts_requests is not None:
            assert isinstance(owner, Resource)
            accepts = owner.booking_options["AutoAcceptRequests"]
            assert accepts is declared.accepts_requests, f"{event}: it accepts is {accepts}"

    def _check_members(self, run: Run, declared: DeclaredMembers, owner: Group | Resource) -> None:
        before, there = set(run.found[owner.entity_id].members), self._living(owner)
        if declared.members is None:
            assert there == before & there, f"{run.event} changed whom nobody declared"
            return
        wanted = self._wanted(declared)
        assert wanted <= there, f"{run.event} lacks {wanted - there}"
        if may_remove(run.event, in_rollbacks=True):
            assert there == wanted, f"{run.event} has {there - wanted} too many"
            self._seen["as declared, members"] += 1
        else:
            assert there >= before & there

    def _must_succeed(self, run: Run, declared: DeclaredMembers, owner: Group | Resource) -> bool:
        """All are there, and WorkMail takes them as they are."""
        is_calm = run.faults.passes and run.was_waited_for and not run.was_interrupted
        members = self._organization.known(declared.members or ())
        operation = run.event.stack.operation
        if operation and operation.rolls_back:
            # It can end without who is gone.
            members = [one for one in members if one.state != "DELETED"]
            if owner.state == "DELETED":
                return is_calm
        elif len(members) < len(declared.members or ()):
            return False
        if not is_calm:
            return False
        if any(
            one.state == "DELETED" or one.visible_from > run.began_at + _SHOWS_WITHIN
            for one in (owner, *members)
        ):
            return False
        if any(one is owner or one.kind == "RESOURCE" for one in members):
            return False
        added = [one for one in members if one.entity_id not in owner.associated]
        are_enabled = all(one.state == "ENABLED" for one in (owner, *added))
        if added and not are_enabled and not self._behaviour.disabled_can_be_associated:
            return False
        remain = members if declared.members is not None else self._living(owner)
        return bool(remain) or declared.accepts_requests is not False

    def _why_no_update(
        self, declared: DeclaredMembers, parameters: Mapping[str, Any]
    ) -> str | None:
        resource = self._organization.entities[declared.entity_id]
        assert isinstance(resource, Resource)
        if declared.accepts_requests is None:
            return "nobody declared booking options"
        if parameters.get("Name", resource.name) != resource.name:
            return "its delegates do not rename a resource"
        return None

    def _wanted(self, declared: DeclaredMembers) -> set[str]:
        members = self._organization.known(declared.members or ())
        return {one.entity_id for one in members if one.state != "DELETED"}

    def _living(self, owner: Group | Resource) -> set[str]:
        entities: dict[str, Entity] = self._organization.entities
        return {id for id in owner.associated if entities[id].state != "DELETED"}
