"""What must hold of users, groups and resources, beside all that of registrations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_aws.workmail import Behaviour, Entity
from tests.model.alias_oracle import ALIAS_CHANGES, AliasOracle
from tests.model.cloudformation import Event
from tests.model.function import PASSWORD, Run, found, may_remove
from tests.model.member_oracle import MEMBER_CHANGES, MemberOracle
from tests.model.registration_oracle import (
    SETTLES_WITHIN,
    RegistrationOracle,
    failed_creations,
)
from tests.model.templates import Declared, DeclaredEntity, DeclaredMembers
from tests.support.lambda_fakes import ORGANIZATION_ID
from workmail_provider.cloudformation.response import NEVER_CREATED

_CREATIONS = ("CreateUser", "CreateGroup", "CreateResource")
_DELETIONS = {"DeleteUser": "UserId", "DeleteGroup": "GroupId", "DeleteResource": "ResourceId"}
_UPDATES = ("UpdateUser", "UpdateGroup", "UpdateResource")
_CHANGES = (*_CREATIONS, *_DELETIONS, *_UPDATES, "ResetPassword")
_WITH_PASSWORD = ("CreateUser", "ResetPassword")


class EntityLost(AssertionError):
    """A user, group or resource was deleted that must stay."""


class EntityOracle(RegistrationOracle):
    """What the model knows of users and groups; registrations are judged as everywhere."""

    def __init__(self, *given: Any, behaviour: Behaviour, **named: Any) -> None:
        super().__init__(*given, behaviour=behaviour, **named)
        self._aliases = AliasOracle(self._organization, self.seen)
        self._members = MemberOracle(self._organization, behaviour, self.seen)
        # By request: the ids of what was created for it.
        self._created: dict[Event, list[str]] = {}

    def reason_to_retain_entity(self, event: Event) -> str | None:
        """Why an entity that a Delete is about must not be deleted, or None.

        As with registrations; but what existed before an operation cannot be distinguished, so all
        of it is retained.
        """
        if event.is_late:
            return "late"
        other = self.reason_of_others(event, event.physical_id or "")
        if other:
            return other
        if failed_creations(event.stack):
            return "failed creation"
        return "rolled back" if event.rolls_back else None

    # Each call.

    def before_call(self, run: Run, operation: str, parameters: Mapping[str, str]) -> None:
        super().before_call(run, operation, parameters)
        if PASSWORD in str(parameters) and operation not in _WITH_PASSWORD:
            self.violate(f"{operation} was sent a password: {run.event}")
        why = self._violation(run, operation, parameters)
        if why:
            self.violate(f"{operation} with {parameters}: {why}: {run.event}")
        if operation in _DELETIONS:
            self._judge_deletion(run, parameters[_DELETIONS[operation]])

    def _violation(self, run: Run, operation: str, parameters: Mapping[str, Any]) -> str | None:
        """Why aliases, members, a password or a new entity must not be changed so, or None."""
        event, declared = run.event, run.event.declared
        if operation in ALIAS_CHANGES:
            return self._aliases.violation(run, operation, parameters)
        if operation in MEMBER_CHANGES or (
            isinstance(declared, DeclaredMembers) and operation in _CHANGES
        ):
            return self._members.violation(run, operation, parameters)
        # What changes between the look at the stack and the call cannot be known.
        if operation == "ResetPassword" and not (
            _declares_new_password(event)
            and (run.was_interrupted or may_remove(event, in_rollbacks=False))
        ):
            return "no other password is declared, or not any more"
        if operation in _CREATIONS and (
            event.request_type == "Delete"
            or not isinstance(declared, DeclaredEntity)
            or parameters["Name"] != declared.name
        ):
            return "it is not declared"
        return None

    def _judge_deletion(self, run: Run, entity_id: str) -> None:
        event = run.event
        entity = self._organization.entities.get(entity_id)
        if entity is None or event.physical_id != _physical_id(entity):
            self.violate(f"{entity_id} is not what {event} is about")
            return
        why = self.reason_to_retain_entity(event)
        if event.request_type != "Delete":
            why = "not removed"
        elif why == "late" and run.was_interrupted:
            # The operation has ended since the look: the same event, delivered twice, failed.
            why = None
        if event.declared.retained:
            why = "retained"
        # What WorkMail does not show, or what happens after the last look, cannot be known.
        is_known = not run.was_interrupted and found(entity, self._time.now).is_settled
        if entity.state == "ENABLED" and is_known:
            why = "enabled"
        if why and entity.state != "DELETED":
            self._violations.append(EntityLost(f"{entity.name} must stay: {why}: {event}"))

    def after_call(
        self, run: Run, operation: str, entity_id: str, response: Mapping[str, str]
    ) -> None:
        super().after_call(run, operation, entity_id, response)
        if operation in (*ALIAS_CHANGES, *_DELETIONS):
            self.changed_elsewhere(f"{ORGANIZATION_ID}/{entity_id}")
        if operation in (*ALIAS_CHANGES, *MEMBER_CHANGES, *_DELETIONS, *_CREATIONS):
            self.seen[operation] += 1
        if operation in _CREATIONS:
            created = self._created.setdefault(run.event, [])
            before = [self._organization.entities[id] for id in created]
            # One that has been renamed since is no second one of that name.
            if any(e.state != "DELETED" and e.name == run.event.declared.name for e in before):
                self.violate(f"a second {run.event.declared.name} is created: {run.event}")
            created.append(next(iter(response.values())))

    # After each event.

    def check(self, run: Run) -> None:
        super().check(run)
        assert not any(PASSWORD in body.decode() for body in run.bodies)

    def _check_result(self, run: Run) -> None:
        declared = run.event.declared
        if not isinstance(declared, DeclaredEntity):
            super()._check_result(run)
        elif run.event.request_type == "Delete":
            self._check_deletion(run)
        elif not self._check_rename(run, declared):
            self._check_entity(run, declared)

    def _ids_of_failed_create(self, run: Run) -> set[str]:
        if not isinstance(run.event.declared, DeclaredEntity):
            return super()._ids_of_failed_create(run)
        created = self._created.get(run.event, ())
        return {NEVER_CREATED, *(_physical_id(self._organization.entities[id]) for id in created)}

    def _check_convergence(self, run: Run) -> None:
        if isinstance(run.event.declared, DeclaredMembers):
            self._members.check(run, run.event.declared)
        else:
            super()._check_convergence(run)

    def _check_aliases(self, run: Run, entity: Entity) -> None:
        self._aliases.check(run, entity)

    def _must_succeed(self, run: Run, entity: Entity | None) -> bool:
        is_declared = entity is not None and run.event.request_type != "Delete"
        if entity and is_declared and self._aliases.may_fail(run, entity):
            return False
        return super()._must_succeed(run, entity)

    def _assert_is_declared(self, entity: Entity, declared: Declared, where: str) -> None:
        super()._assert_is_declared(entity, declared, where)
        self._aliases.check_declared(declared.aliases, entity, where)

    def _check_deletion(self, run: Run) -> None:
        event, entity = run.event, self._own(run.event)
        if entity is None:
            assert run.calls == [], f"{event} called WorkMail"
            assert run.has_succeeded
            return
        if run.was_interrupted:
            return
        before, why = run.found[entity.entity_id], self.reason_to_retain_entity(event)
        if not run.has_succeeded:
            self.seen["Delete of an entity failed"] += 1
            must_succeed = run.faults.are_temporary and self._settle_delay <= SETTLES_WITHIN
            must_succeed = must_succeed and not self.may_be_declared_soon(event)
            is_deletable = before.is_settled and (why or before.state != "ENABLED")
            self.require_reason(run, not (must_succeed and is_deletable))
        elif before.state != "DELETED" and before.is_settled:
            self.seen[f"entity retained, {why}" if why else "entity deleted"] += 1
            may_retain = (
                self.other_rows(event, event.physical_id or "")
                or entity.visible_from > run.began_at
            )
            assert why or may_retain or entity.state == "DELETED", f"{event} retained it"

    def _check_rename(self, run: Run, declared: DeclaredEntity) -> bool:
        """WorkMail renames resources only; whether this is the rename of another entity."""
        own = self._own(run.event)
        if (
            own is None
            or declared.kind == "RESOURCE"
            or own.name.casefold() == declared.name.casefold()
            or run.found[own.entity_id].state == "DELETED"
            or not run.found[own.entity_id].is_settled
            or run.was_interrupted
        ):
            return False
        self.seen["a name was changed"] += 1
        assert not run.has_succeeded, f"{run.event} renamed {own.name}"
        assert not run.asked(*_CHANGES), f"refused, and changed all the same: {run.event}"
        return True

    def _check_entity(self, run: Run, declared: DeclaredEntity) -> None:
        event, own = run.event, self._own(run.event)
        is_refused = self._must_refuse_entity(run, declared)
        if not run.has_succeeded:
            self.seen[f"{event.request_type} of an entity failed"] += 1
            if is_refused:
                self.seen["refused an entity"] += 1
                assert not run.asked(*_CHANGES), f"refused, and changed all the same: {event}"
            else:
                self.require_reason(run, not self._must_converge(run, declared))
            return
        if run.was_interrupted or self._settle_delay:
            return
        if own is not None and own.state == "DELETED" and event.rolls_back:
            return
        assert not is_refused, f"{event} has to be refused"
        named = [one for one in self._named(declared) if one.state != "DELETED"]
        assert named, f"{event} succeeded, and no entity exists"
        entity = named[0]
        assert run.response["PhysicalResourceId"] == _physical_id(entity)
        if run.asked("UpdateResource") and event.request_type == "Update" and entity is own:
            self.seen["a resource was changed in place"] += 1
        if declared.kind != "GROUP":
            shown = getattr(entity, "description", None)
            if declared.kind == "USER":
                shown = getattr(entity, "attributes", {}).get("DisplayName")
            assert shown == declared.display_name, f"{event}: it is {shown}"
        self._check_password(run, entity)
        self.seen["as declared, an entity"] += 1

    def _check_password(self, run: Run, entity: Entity) -> None:
        """It is reset if that is declared; a new user has the password of the secret anyway."""
        reset = set(run.asked("ResetPassword"))
        if not _declares_new_password(run.event) or not may_remove(run.event, in_rollbacks=False):
            assert not reset, f"{run.event} reset the password of {reset}"
        elif not run.asked("CreateUser"):
            self.seen["password reset"] += 1
            assert reset == {entity.entity_id}, f"{run.event} reset that of {reset}"

    def _must_refuse_entity(self, run: Run, declared: DeclaredEntity) -> bool:
        """It exists and is managed elsewhere, and adopt_existing is False."""
        event, own = run.event, self._own(run.event)
        if declared.adopt_existing or run.was_interrupted or not run.was_waited_for:
            return False
        if event.request_type == "Update" and own and run.found[own.entity_id].state != "DELETED":
            # It keeps its own entity, whichever other one has the name.
            return False
        return any(
            run.found[entity.entity_id].state != "DELETED"
            and run.found[entity.entity_id].is_settled
            and entity.kind == declared.kind
            and _physical_id(entity) != event.physical_id
            and not any(
                stack is event.stack for stack, _, _ in self.other_rows(event, _physical_id(entity))
            )
            and entity.visible_from <= run.began_at
            for entity in self._named(declared)
            if entity.entity_id in run.found
        )

    def _must_converge(self, run: Run, declared: DeclaredEntity) -> bool:
        """Nothing prevents it: the name is free, or its entity may be adopted."""
        if (
            not run.faults.are_temporary
            or not run.was_waited_for
            or run.was_interrupted
            or self._settle_delay
            or not declared.adopt_existing
        ):
            return False
        own = self._own(run.event)
        if run.event.request_type == "Update" and own and own.state == "DELETED":
            # Where WorkMail does not show deleted entities, it may also be hidden.
            return False
        existing = [
            entity
            for entity in self._named(declared)
            if entity.entity_id in run.found and run.found[entity.entity_id].state != "DELETED"
        ]
        if declared.kind == "RESOURCE" and own and any(entity is not own for entity in existing):
            # It has another name by now, and another entity has this one.
            return False
        # One that was created a moment ago shows in time.
        shows_by = run.began_at + SETTLES_WITHIN
        return all(e.kind == declared.kind and e.visible_from <= shows_by for e in existing)

    def _own(self, event: Event) -> Entity | None:
        """The entity that the event's physical id names."""
        entity = self._organization.entities.get((event.physical_id or "").rpartition("/")[2])
        return entity if entity and _physical_id(entity) == event.physical_id else None

    def _named(self, declared: DeclaredEntity) -> list[Entity]:
        name = declared.name.casefold()
        return [one for one in self._organization.entities.values() if one.name.casefold() == name]


def _declares_new_password(event: Event) -> bool:
    """Whether an Update has another text than before."""
    now, before = event.declared, event.old
    return (
        isinstance(now, DeclaredEntity)
        and isinstance(before, DeclaredEntity)
        and now.reset_password not in (None, before.reset_password)
    )


def _physical_id(entity: Entity) -> str:
    return f"{ORGANIZATION_ID}/{entity.kind.lower()}/{entity.entity_id}"
