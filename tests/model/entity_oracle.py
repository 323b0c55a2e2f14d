"""What must hold of users, groups and resources, beside all that of registrations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from local_aws.workmail import Behaviour, Entity
from tests.model.alias_oracle import ALIAS_CHANGES, AliasOracle
from tests.model.cloudformation import Declared, DeclaredEntity, DeclaredMembers, Event
from tests.model.function import FUNCTION_TIMEOUT, PASSWORD, Run, found, may_remove
from tests.model.member_oracle import MEMBER_CHANGES, MemberOracle
from tests.model.registration_oracle import RegistrationOracle
from tests.support.lambda_fakes import ORGANIZATION_ID, SECRET
from workmail_provider.cloudformation.response import NEVER_CREATED

_CREATIONS = ("CreateUser", "CreateGroup", "CreateResource")
_DELETIONS = ("DeleteUser", "DeleteGroup", "DeleteResource")
_UPDATES = ("UpdateUser", "UpdateGroup", "UpdateResource")
_CHANGES = (*_CREATIONS, *_DELETIONS, *_UPDATES, "ResetPassword")
_WITH_PASSWORD = ("CreateUser", "ResetPassword")
_SETTLES_WITHIN = 100.0


class EntityLost(AssertionError):
    """A user, group or resource was deleted that a member still wants."""


class EntityOracle(RegistrationOracle):
    """What the model knows of users and groups; registrations are judged as everywhere."""

    def __init__(self, *given: Any, behaviour: Behaviour, **named: Any) -> None:
        super().__init__(*given, behaviour=behaviour, **named)
        self._aliases = AliasOracle(self._organization, self.seen)
        self._people = MemberOracle(self._organization, behaviour, self.seen)
        # By request: the ids of what was created for it.
        self._created: dict[Event, list[str]] = {}

    def why_retained(self, event: Event, entity: Entity) -> str | None:
        """Why a member still wants an entity that a Delete is about, or None.

        As with registrations; but what was there before a rollback cannot be told from what was
        not, so all of it is kept.
        """
        operation = event.stack.operation
        if operation is None or not operation.is_in_progress:
            return "late"
        if not operation.removes_whole_stack and any(
            row.physical_id == event.physical_id
            and name != event.logical_id
            and not row.is_deleted
            and not operation.removes(name)
            for name, row in event.stack.rows.items()
        ):
            return "handed over"
        return "rolled back" if operation.rolls_back else None

    def before_call(self, run: Run, operation: str, parameters: Mapping[str, str]) -> None:
        super().before_call(run, operation, parameters)
        if PASSWORD in str(parameters) and operation not in _WITH_PASSWORD:
            self.violate(f"{operation} was told a password: {run.event}")
        why = self._why_not(run, operation, parameters)
        if why:
            self.violate(f"{operation} with {parameters}: {why}: {run.event}")
        if operation in _DELETIONS:
            self._judge_deletion(run, str(next(iter(set(parameters.values()) - {ORGANIZATION_ID}))))
        if operation in _CREATIONS:
            declared = run.event.declared
            if not isinstance(declared, DeclaredEntity) or parameters["Name"] != declared.name:
                self.violate(f"nobody declared {parameters['Name']}: {run.event}")
            if run.event.request_type == "Delete":
                self.violate(f"a Delete creates: {run.event}")

    def _why_not(self, run: Run, operation: str, parameters: Mapping[str, Any]) -> str | None:
        """Why aliases, members or a password must not be changed so, or None."""
        if operation in ALIAS_CHANGES:
            return self._aliases.violation(run, operation, parameters)
        is_of_people = isinstance(run.event.declared, DeclaredMembers)
        if operation in MEMBER_CHANGES or (is_of_people and operation in _CHANGES):
            return self._people.violation(run, operation, parameters)
        # What changes between the look at the stack and the call, nobody can know.
        if operation == "ResetPassword" and not (
            self._asks_for_password(run.event)
            and (run.was_interrupted or may_remove(run.event, in_rollbacks=False))
        ):
            return "nobody asked for another password, or not any more"
        return None

    def _asks_for_password(self, event: Event) -> bool:
        """An Update has another text than before."""
        now, before = event.declared, event.old
        return (
            isinstance(now, DeclaredEntity)
            and isinstance(before, DeclaredEntity)
            and now.reset_password not in (None, before.reset_password)
        )

    def _judge_deletion(self, run: Run, entity_id: str) -> None:
        event = run.event
        entity = self._organization.entities.get(entity_id)
        if entity is None or event.physical_id != own_id(entity):
            self.violate(f"{entity_id} is not what {event} is about")
            return
        why = "not removed" if event.request_type != "Delete" else self.why_retained(event, entity)
        if why == "late" and run.was_interrupted:
            # The operation has ended since the look: the same event, delivered twice, failed.
            why = None
        if event.declared.retained:
            why = "retained"
        # What WorkMail does not show, or what happens after the last look, nobody can know.
        if entity.state == "ENABLED" and self._is_known(run, entity):
            why = "enabled"
        if why and entity.state != "DELETED":
            self._violations.append(EntityLost(f"{entity.name} is wanted: {why}: {event}"))

    def _is_known(self, run: Run, entity: Entity) -> bool:
        return not run.was_interrupted and found(entity, self._time.now).is_settled

    def after_call(
        self, run: Run, operation: str, entity_id: str, answer: Mapping[str, str]
    ) -> None:
        super().after_call(run, operation, entity_id, answer)
        if operation in ALIAS_CHANGES:
            self._aliases.note(run, operation)
            self.disturb(f"{ORGANIZATION_ID}/{entity_id}")
        if operation in MEMBER_CHANGES:
            self._people.note(operation)
        if operation in _DELETIONS:
            self.seen["deleted"] += 1
            self.disturb(f"{ORGANIZATION_ID}/{entity_id}")
        if operation in _CREATIONS:
            self.seen["created"] += 1
            made = self._created.setdefault(run.event, [])
            before = [self._organization.entities[id] for id in made]
            # One that has been renamed since is no second one of that name.
            if any(e.state != "DELETED" and e.name == run.event.declared.name for e in before):
                self.violate(f"a second {run.event.declared.name} is created: {run.event}")
            made.append(next(iter(answer.values())))

    def check(self, run: Run) -> None:
        if not isinstance(run.event.declared, DeclaredEntity):
            super().check(run)
            return
        if self._violations:
            raise self._violations[0]
        assert run.seconds <= FUNCTION_TIMEOUT, f"{run.event} took {run.seconds:.0f} s"
        self.seen[f"{run.event.request_type} of an entity"] += 1
        if run.was_killed:
            assert run.bodies == []
            return
        self._check_entity_answer(run)
        if run.event.request_type == "Delete":
            self._check_deletion(run)
        else:
            self._check_entity(run, run.event.declared)

    def _check_convergence(self, run: Run) -> None:
        declared = run.event.declared
        if isinstance(declared, DeclaredMembers):
            self._people.check(run, declared)
            return
        super()._check_convergence(run)
        entity = self.entity(declared)
        if entity and run.answer["Status"] == "SUCCESS" and not run.was_interrupted:
            self._aliases.check(run, entity)

    def _must_succeed(self, run: Run, entity: Entity | None) -> bool:
        is_declared = entity is not None and run.event.request_type != "Delete"
        if entity and is_declared and self._aliases.stands_in_the_way(run, entity):
            return False
        return super()._must_succeed(run, entity)

    def _assert_is_declared(self, entity: Entity, declared: Declared, where: str) -> None:
        super()._assert_is_declared(entity, declared, where)
        self._aliases.check_declared(declared.aliases, entity, where)

    def _check_entity_answer(self, run: Run) -> None:
        event = run.event
        assert len(run.bodies) == 1, f"{event} was answered {len(run.bodies)} times"
        body = run.bodies[0].decode()
        assert SECRET not in body
        assert PASSWORD not in body
        answer = json.loads(body)
        for name in ("StackId", "RequestId", "LogicalResourceId"):
            assert answer[name] == event.message[name]
        if event.request_type == "Delete" or (
            event.request_type == "Update" and answer["Status"] == "FAILED"
        ):
            assert answer["PhysicalResourceId"] == event.physical_id, answer
        elif answer["Status"] == "FAILED":
            made = {own_id(self._organization.entities[id]) for id in self._created.get(event, ())}
            assert answer["PhysicalResourceId"] in {NEVER_CREATED, *made}, answer

    def _check_deletion(self, run: Run) -> None:
        event = run.event
        entity = self._owned(event)
        if entity is None:
            assert run.calls == [], f"{event} asked WorkMail for something"
            assert run.answer["Status"] == "SUCCESS"
            return
        if run.was_interrupted:
            return
        before, why = run.found[entity.entity_id], self.why_retained(event, entity)
        if run.answer["Status"] == "FAILED":
            self.seen["Delete of an entity failed"] += 1
            must = run.faults.passes and self._settle_delay <= _SETTLES_WITHIN
            assert not (must and before.is_settled and (why or before.state != "ENABLED")), (
                f"{event} failed: {run.answer['Reason']}"
            )
            return
        if before.state != "DELETED" and before.is_settled:
            self.seen[f"kept, {why}" if why else "removed"] += 1
            is_listed = any(
                row.physical_id == event.physical_id and name != event.logical_id
                for name, row in event.stack.rows.items()
            )
            visible = entity.visible_from <= run.began_at
            assert why or is_listed or not visible or entity.state == "DELETED", f"{event} kept it"

    def _check_entity(self, run: Run, declared: DeclaredEntity) -> None:
        event, answer = run.event, run.answer
        own = self._owned(event)
        if (
            own is not None
            and declared.kind != "RESOURCE"
            and own.name.casefold() != declared.name.casefold()
            and run.found[own.entity_id].state != "DELETED"
            and run.found[own.entity_id].is_settled
            and not run.was_interrupted
        ):
            self.seen["a name was changed"] += 1
            assert answer["Status"] == "FAILED", f"{event} renamed {own.name}"
            assert not run.asked(*_CHANGES), f"refused, and changed all the same: {event}"
            return
        entity = self._named(declared)
        if answer["Status"] == "FAILED":
            self.seen[f"{event.request_type} of an entity failed"] += 1
            if self._must_refuse_entity(run):
                self.seen["refused an entity"] += 1
                assert not run.asked(*_CHANGES), f"refused, and changed all the same: {event}"
            elif self._must_be_made(run, declared):
                raise AssertionError(f"{event} has no reason to fail: {answer['Reason']}")
            return
        if run.was_interrupted or self._settle_delay:
            return
        operation = event.stack.operation
        if own is not None and own.state == "DELETED" and operation and operation.rolls_back:
            self.seen["a rollback without what was deleted"] += 1
            return
        assert not self._must_refuse_entity(run), f"{event} has to be refused"
        assert entity, f"{event} succeeded, and nobody is there"
        assert answer["PhysicalResourceId"] == own_id(entity)
        if run.asked("UpdateResource") and event.request_type == "Update" and entity is own:
            self.seen["a resource was changed in place"] += 1
        if declared.kind != "GROUP":
            shown = (
                getattr(entity, "attributes", {}).get("DisplayName")
                if declared.kind == "USER"
                else getattr(entity, "description", None)
            )
            assert shown == declared.display_name, f"{event}: it is {shown}"
        self._check_password(run, entity)
        self.seen["as declared, an entity"] += 1

    def _check_password(self, run: Run, entity: Entity) -> None:
        """It is reset if that was asked for; who is new has the password of the secret anyway."""
        was_reset = set(run.asked("ResetPassword"))
        if not self._asks_for_password(run.event):
            assert not was_reset, f"{run.event} reset the password of {was_reset}"
        elif not may_remove(run.event, in_rollbacks=False):
            self.seen["no password reset in a rollback"] += 1
            assert not was_reset, f"{run.event} reset the password of {was_reset}"
        elif not run.asked("CreateUser"):
            self.seen["password reset"] += 1
            assert was_reset == {entity.entity_id}, f"{run.event} reset that of {was_reset}"

    def _must_refuse_entity(self, run: Run) -> bool:
        """Made by somebody else, and adopt_existing is False."""
        event, own = run.event, self._owned(run.event)
        if event.declared.adopt_existing or run.was_interrupted or not run.was_waited_for:
            return False
        if event.request_type == "Update" and own and run.found[own.entity_id].state != "DELETED":
            # It keeps its own, and a name that somebody else has is no other matter.
            return False
        names = {
            id: self._organization.entities[id]
            for id, before in run.found.items()
            if before.state != "DELETED" and before.is_settled
        }
        kind = getattr(event.declared, "kind", None)
        there = [
            entity
            for entity in names.values()
            if entity.name.casefold() == event.declared.name.casefold() and entity.kind == kind
        ]
        return any(
            own_id(entity) != event.physical_id
            and not any(
                row.physical_id == own_id(entity)
                for name, row in event.stack.rows.items()
                if name != event.logical_id
            )
            and entity.visible_from <= run.began_at
            for entity in there
        )

    def _must_be_made(self, run: Run, declared: DeclaredEntity) -> bool:
        """Nothing stands in the way: the name is free, or there is one who may be taken over."""
        is_calm = run.faults.passes and run.was_waited_for and not run.was_interrupted
        if not is_calm or self._settle_delay or not declared.adopt_existing:
            return False
        own = self._owned(run.event)
        if run.event.request_type == "Update" and own and own.state == "DELETED":
            # Where WorkMail does not show who was deleted, that cannot be told from who is hidden.
            return False
        there = [
            entity
            for entity in self._organization.entities.values()
            if entity.name.casefold() == declared.name.casefold() and entity.entity_id in run.found
            if run.found[entity.entity_id].state != "DELETED"
        ]
        if declared.kind == "RESOURCE" and own and any(entity is not own for entity in there):
            # It has another name by now, and somebody else has this one.
            return False
        # One that was made a moment ago, by change or by a creation nobody heard of, shows in time.
        shows_by = run.began_at + _SETTLES_WITHIN
        return all(e.kind == declared.kind and e.visible_from <= shows_by for e in there)

    def _owned(self, event: Event) -> Entity | None:
        entity = self._organization.entities.get((event.physical_id or "").rpartition("/")[2])
        return entity if entity and own_id(entity) == event.physical_id else None

    def _named(self, declared: DeclaredEntity) -> Entity | None:
        return next(
            (
                entity
                for entity in self._organization.entities.values()
                if entity.name.casefold() == declared.name.casefold() and entity.state != "DELETED"
            ),
            None,
        )


def own_id(entity: Entity) -> str:
    return f"{ORGANIZATION_ID}/{entity.kind.lower()}/{entity.entity_id}"
