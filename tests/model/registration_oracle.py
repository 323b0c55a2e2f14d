"""What must hold of registrations, decided from the model and from the truth in the local WorkMail.

Nothing here asks the code under test, or what it was shown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from local_aws.workmail import Behaviour, Entity, Exports, Organization
from tests.model.cloudformation import CloudFormation, Event, Row, Stack
from tests.model.export_oracle import ExportOracle
from tests.model.function import CHANGING, FUNCTION_TIMEOUT, Found, Run, Time, found
from tests.model.templates import Declared
from tests.support.lambda_fakes import ORGANIZATION_ID, SECRET
from workmail_provider.cloudformation.response import NEVER_CREATED

# The budget in which a change has to show, in seconds.
SETTLES_WITHIN = 100.0
_LONGEST_BODY = 4096
_LONGEST_PHYSICAL_ID = 1024
_READS = ("Describe", "List")
_MAY_STAY_ENABLED = "stays enabled and should not"


class MailboxLost(AssertionError):
    """DeregisterFromWorkMail was sent for an entity that must stay enabled."""


class MailLost(AssertionError):
    """DeregisterFromWorkMail was sent for a mailbox that had to be exported first."""


class RegistrationOracle:
    """What the model knows of registrations, and the checks against it.

    `seen` counts what happened, so that a run can show that it met what it is there for.
    """

    def __init__(
        self,
        organization: Organization,
        exports: Exports,
        account: CloudFormation,
        time: Time,
        *,
        behaviour: Behaviour,
        hides_enabled_date: bool,
    ) -> None:
        self.seen: Counter[str] = Counter()
        self._organization = organization
        self._exports = ExportOracle(exports, time, hides_enabled_date=hides_enabled_date)
        self._account = account
        self._time = time
        self._settle_delay = behaviour.settle_delay
        self._hides_enabled_date = hides_enabled_date
        # Raised when the run is over: inside it the function would catch them.
        self._violations: list[AssertionError] = []
        # (stack id, logical id, physical id) that the function enabled or adopted.
        self._adopted: set[tuple[str, str, str]] = set()
        # (stack id, logical id, physical id, address) that nothing has changed since.
        self._as_declared: set[tuple[str, str, str, str]] = set()

    # No mailbox is lost.

    def reason_to_retain(self, event: Event, entity: Entity) -> str | None:
        """Why an entity that a Delete is about must stay enabled, or None.

        - No operation moves the stack or its root, or none that reaches a forgotten nested stack.
        - This logical id of this stack never enabled the entity and never adopted it.
        - Another resource of the stack, or of one that announces itself, has it and stays: it was
          renamed, moved or swapped, or is declared twice.
        - The operation rolls back, and the entity was enabled before it began: before the root's,
          if the stack moves with its root.
        - The stack is deleted, its creation failed, it was never updated, and the entity was
          enabled before the creation began.

        The limits, where the contract protects nothing:

        - The registration of a stack that does not announce itself.
        - What is enabled by hand during an operation counts as enabled by the operation.
        - A Delete that comes while a later operation moves the stack counts as that operation's,
          and then the same logical id does not speak for the entity.
        - A Create that comes late does what it declares: it may enable an entity that the stack has
          given up. It disables none.
        """
        if event.is_late:
            return "late"
        physical_id = _physical_id(entity)
        if (event.stack.stack_id, event.logical_id, physical_id) not in self._adopted:
            return "not ours"
        other = self.reason_of_others(event, physical_id)
        if other:
            return other
        enabled_at = entity.registration.enabled_at or 0.0
        if event.rolls_back and enabled_at < event.operation_now.began_at:
            return "rolled back"
        failed = failed_creations(event.stack)
        existed = any(enabled_at < stack.creation_time for stack in failed)
        return "failed creation" if existed else None

    def reason_of_others(self, event: Event, physical_id: str) -> str | None:
        own = event.stack.rows.get(event.logical_id)
        is_current = own and own.physical_id == physical_id and not own.is_deleted
        if is_current and event.stack.keeps(event.logical_id):
            return "current again"
        for stack, name, row in self.other_rows(event, physical_id):
            if not row.is_deleted and stack.keeps(name):
                return "handed over" if stack is event.stack else "declared elsewhere"
        return None

    def other_rows(self, event: Event, physical_id: str) -> list[tuple[Stack, str, Row]]:
        """Other resources with this physical id, in this stack and in those that are announced."""
        return [
            (stack, name, row)
            for stack in self._account.stacks.values()
            if stack.is_announced or stack is event.stack
            for name, row in stack.rows.items()
            if row.physical_id == physical_id
            and (stack is not event.stack or name != event.logical_id)
        ]

    def is_listed(self, event: Event, physical_id: str) -> bool:
        """Whether any resource has this physical id, that of the event included."""
        own = event.stack.rows.get(event.logical_id)
        is_own = own is not None and own.physical_id == physical_id
        return is_own or bool(self.other_rows(event, physical_id))

    def may_be_declared_soon(self, event: Event) -> bool:
        """Whether a Delete may fail because another stack is being deployed."""
        return any(
            row.declared.resource_type == event.declared.resource_type
            and row.status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
            for stack in self._account.stacks.values()
            if stack.is_announced and stack is not event.stack
            for row in stack.rows.values()
        )

    def before_call(self, run: Run, operation: str, parameters: Mapping[str, str]) -> None:
        """Judges each WorkMail call before it is performed.

        An undo deregisters without an export, whatever its Update declares: it gives up only what
        this very invocation enabled a moment ago, and the mail is as it was before.
        """
        if SECRET in str(parameters):
            self.violate(f"{operation} was sent the response URL: {run.event}")
        if operation == "StartMailboxExportJob":
            self._judge_export(run, parameters)
        self._judge_lateness(run, operation)
        if operation not in CHANGING:
            return
        event, entity_id = run.event, parameters["EntityId"]
        entity = self._organization.entities.get(entity_id)
        if entity is None:
            self.violate(f"{operation} was sent for {entity_id}, which is no canonical id")
        elif operation == "DeregisterFromWorkMail":
            why = self._why_not_deregister(run, entity)
            if why and entity.state == "ENABLED":
                self._violations.append(MailboxLost(f"{entity.name} must stay: {why}: {event}"))
            lack = self._exports.lack(run, entity)
            if lack and entity.state == "ENABLED":
                self._violations.append(MailLost(f"{entity.name}: {lack}: {event}"))
        else:
            self._adopted.add((event.stack.stack_id, event.logical_id, _physical_id(entity)))
            if event.request_type == "Delete" or parameters["Email"] != event.declared.email:
                self.violate(f"{operation} with undeclared {parameters}: {event}")
            if not run.was_interrupted:
                self._judge_change(run, operation, entity)

    def _judge_lateness(self, run: Run, operation: str) -> None:
        """A late Update only reads: a later one may have declared something else."""
        is_late_update = run.event.request_type == "Update" and run.event.is_late
        if is_late_update and not run.was_interrupted and not operation.startswith(_READS):
            self.violate(f"{operation} comes late: {run.event}")

    def _judge_change(self, run: Run, operation: str, entity: Entity) -> None:
        """Only an Update changes an address, and none enables what was disabled outside."""
        event = run.event
        is_own = _physical_id(entity) == event.physical_id
        if operation == "UpdatePrimaryEmailAddress":
            if not is_own and not (event.rolls_back and event.request_type == "Update"):
                self.violate(f"{entity.name} has another address: {event}")
        elif is_own and not _email_changed(event):
            self.violate(f"{entity.name} was disabled outside: {event}")

    def violate(self, message: str) -> None:
        self._violations.append(AssertionError(message))

    def _judge_export(self, run: Run, parameters: Mapping[str, str]) -> None:
        """No job for an entity that is retained, or has no mailbox (any more)."""
        event, entity_id = run.event, parameters["EntityId"]
        entity = self._organization.entities.get(entity_id)
        declared = event.declared.export
        if event.request_type != "Delete" or declared is None:
            self.violate(f"no export is declared: {event}")
        elif entity is None or _physical_id(entity) != event.physical_id:
            self.violate(f"{entity_id} is exported, and is not what the Delete is about: {event}")
        elif parameters["S3BucketName"] != declared.bucket:
            self.violate(f"the export is sent to {parameters['S3BucketName']}: {event}")
        elif not self._exports.is_required(event, entity) and not run.was_interrupted:
            self.violate(f"a group, or what a failed operation enabled, is exported: {event}")
        # What changes between a look at the stack or the entity and the call cannot be known, and
        # neither can what WorkMail did not show then.
        elif run.found[entity_id].is_settled and not run.was_interrupted:
            is_enabled = entity.state == "ENABLED"
            why = self.reason_to_retain(event, entity) if is_enabled else entity.state
            if why:
                self.violate(f"{entity.name} is exported, and is {why}: {event}")

    def _why_not_deregister(self, run: Run, entity: Entity) -> str | None:
        event, physical_id = run.event, _physical_id(entity)
        if event.request_type == "Delete":
            if physical_id != event.physical_id:
                return f"the Delete is about {event.physical_id}"
            return self.reason_to_retain(event, entity)
        if event.request_type == "Create":
            return "a Create deregisters nothing"
        if physical_id == event.physical_id:
            return "an Update never deregisters its own entity"
        # What happens between a look at the stacks and the call cannot be known.
        declared = self.reason_of_others(event, physical_id)
        if declared and run.faults.interrupted_at != len(run.calls):
            return declared
        before = run.found.get(entity.entity_id)
        # What WorkMail does not show yet cannot be known.
        is_known = (
            before is not None
            and (before.is_settled or not self._hides_enabled_date)
            and found(entity, self._time.now).is_settled
        )
        if before and before.state == "ENABLED" and is_known and not run.was_interrupted:
            return "the Update did not enable it"
        return None

    # What changes.

    def after_call(
        self, run: Run, operation: str, entity_id: str, response: Mapping[str, str]
    ) -> None:
        """Records what a WorkMail call has changed."""
        event = run.event
        if operation == "StartMailboxExportJob":
            self.seen["export requested"] += 1
            jobs = self._exports.record_job(event, response["JobId"])
            if len(jobs) > 1:
                self.violate(f"one request, and jobs {sorted(jobs)}: {event}")
        if operation not in CHANGING:
            return
        physical_id = f"{ORGANIZATION_ID}/{entity_id}"
        # A Delete must not change what other resources of its stack declare.
        self._as_declared = {
            key
            for key in self._as_declared
            if key[2] != physical_id
            or (
                event.request_type == "Delete"
                and key[0] == event.stack.stack_id
                and key[1] != event.logical_id
            )
        }

    def changed_elsewhere(self, physical_id: str) -> None:
        """Something other than its registration has changed an entity, or may have."""
        self._as_declared = {key for key in self._as_declared if key[2] != physical_id}

    def found(self) -> dict[str, Found]:
        """The truth about all entities."""
        now = self._time.now
        return {id: found(entity, now) for id, entity in self._organization.entities.items()}

    # After each event.

    def check(self, run: Run) -> None:
        """Raises AssertionError for whatever this run did that it must not have done."""
        if self._violations:
            raise self._violations[0]
        assert run.seconds <= FUNCTION_TIMEOUT, f"{run.event} took {run.seconds:.0f} s"
        if run.was_killed:
            self.seen["killed"] += 1
            assert run.bodies == []
            return
        if run.invoked:
            self._check_continuation(run)
            if not run.bodies:
                return
        self._check_response(run)
        self._check_result(run)

    def _check_result(self, run: Run) -> None:
        if run.event.request_type == "Delete":
            self._check_delete(run)
        else:
            self._check_convergence(run)

    def _check_continuation(self, run: Run) -> None:
        """The next invocation receives the event, and nothing else has the response URL."""
        event = run.event
        self.seen["continued later"] += 1
        assert event.request_type == "Delete" and event.declared.export, f"{event} continues"
        assert not run.asked(*CHANGING), f"{event} changes something and continues"
        for payload in run.invoked:
            added = {name: payload[name] for name in payload if name not in event.message}
            assert payload == {**event.message, **added}
            assert SECRET not in json.dumps(added)
        # Lambda can accept an event and respond with an error all the same.
        accepted = any(fault.fault.after_work for fault in run.faults.calls)
        assert accepted or (len(run.invoked) == 1 and not run.bodies), f"{event} continues twice"

    def _check_response(self, run: Run) -> None:
        event = run.event
        assert len(run.bodies) == 1, f"{event} has {len(run.bodies)} responses"
        assert len(run.bodies[0]) <= _LONGEST_BODY
        assert SECRET not in run.bodies[0].decode()
        response = run.response
        assert response["Status"] in ("SUCCESS", "FAILED")
        assert response["Reason"] or run.has_succeeded
        for name in ("StackId", "RequestId", "LogicalResourceId"):
            assert response[name] == event.message[name]
        physical_id = response["PhysicalResourceId"]
        assert 0 < len(physical_id) <= _LONGEST_PHYSICAL_ID
        if event.request_type == "Create" and not run.has_succeeded:
            assert physical_id in self._ids_of_failed_create(run), response
        elif event.request_type == "Delete" or not run.has_succeeded:
            assert physical_id == event.physical_id, response

    def _ids_of_failed_create(self, run: Run) -> set[str]:
        registered = run.asked("RegisterToWorkMail")
        if not registered:
            return {NEVER_CREATED}
        entity = self._organization.entities[registered[-1]]
        email, enabled_at = entity.registration.email or "", entity.registration.enabled_at or 0.0
        if not run.event.declared.adopt_existing and enabled_at < run.began_at:
            # Not by this Create, if it has seen that.
            return {NEVER_CREATED, _physical_id(entity)}
        # Enabled with another address meanwhile: not by this Create.
        if entity.state != "ENABLED" or email.casefold() == run.event.declared.email.casefold():
            return {_physical_id(entity)}
        is_shown = not run.faults.calls and found(entity, self._time.now).is_settled
        if is_shown and run.event.declared.aliases is None:
            return {NEVER_CREATED}
        return {NEVER_CREATED, _physical_id(entity)}

    def _check_convergence(self, run: Run) -> None:
        event = run.event
        entity = next(iter(self._organization.known([event.declared.entity_id])), None)
        is_refused = entity is not None and (
            self._must_refuse(run, entity) or self._must_refuse_address(run, entity)
        )
        if not run.has_succeeded:
            self.seen[f"{event.request_type} failed"] += 1
            self._check_undo(run)
            if is_refused:
                self.seen["refused"] += 1
                assert not run.asked(*CHANGING), f"refused, and changed all the same: {event}"
            else:
                self.require_reason(run, not self._must_succeed(run, entity))
            return
        physical_id = _physical_id(entity) if entity else ""
        key = (event.stack.stack_id, event.logical_id, physical_id)
        if entity and run.was_waited_for:
            self._adopted.add(key)
        if run.was_interrupted:
            return
        assert entity, f"{event} succeeded on an entity that does not exist"
        assert not is_refused, f"{event} has to be refused"
        assert run.response["PhysicalResourceId"] == physical_id
        if not found(entity, self._time.now).is_settled:
            return
        if physical_id == event.physical_id and not _email_changed(event):
            before = run.found[entity.entity_id]
            if before.state != "ENABLED" or not before.is_settled:
                self.seen["stays disabled"] += 1
                return
        self._assert_is_declared(entity, event.declared, str(event))
        self.changed_elsewhere(physical_id)
        if run.was_waited_for:
            self._as_declared.add((*key, event.declared.email))
        self._check_aliases(run, entity)

    def _check_aliases(self, run: Run, entity: Entity) -> None:
        """Aliases are declared in the other machine only."""

    def require_reason(self, run: Run, may_fail: bool) -> None:
        assert may_fail, f"{run.event} has no reason to fail: {run.response['Reason']}"

    def _check_undo(self, run: Run) -> None:
        """A failed Update leaves no other entity enabled, unless a stack declares it."""
        if run.event.request_type != "Update" or run.was_interrupted:
            return
        reason = run.response["Reason"]
        for entity_id in set(run.asked("RegisterToWorkMail")):
            entity = self._organization.entities[entity_id]
            is_own = _physical_id(entity) == run.event.physical_id
            if is_own or run.found[entity_id].state == "ENABLED":
                continue
            if self.is_listed(run.event, _physical_id(entity)):
                continue
            self.seen["undone"] += bool(run.asked("DeregisterFromWorkMail"))
            assert entity.state != "ENABLED" or _MAY_STAY_ENABLED in reason, (
                f"{run.event} failed and {entity.name} is still enabled: {reason}"
            )

    def _check_delete(self, run: Run) -> None:
        event = run.event
        assert event.physical_id
        entity = self._organization.entities.get(event.physical_id.rpartition("/")[2])
        if entity is None or _physical_id(entity) != event.physical_id:
            self.seen["an id that is not ours"] += 1
            assert run.calls == [], f"{event} called WorkMail"
            assert run.has_succeeded
            return
        if run.was_interrupted:
            return
        if not run.has_succeeded:
            self.seen["Delete failed"] += 1
            self.require_reason(run, not self._must_succeed(run, entity))
            return
        if run.asked("DeregisterFromWorkMail") and self._exports.is_required(event, entity):
            self.seen[self._exports.check_data(run, entity)] += 1
            self.seen["exported"] += 1
        if run.found[entity.entity_id].state == "ENABLED":
            is_retained = entity.state == "ENABLED"
            why = is_retained and self.reason_to_retain(event, entity)
            self.seen[f"retained, {why}" if is_retained else "deregistered"] += 1
            may_retain = why or self._may_retain(run, entity)
            assert may_retain or not is_retained, f"{event} retained {entity.name}"

    def _may_retain(self, run: Run, entity: Entity) -> bool:
        """Where one enabled too many is the safe end of what the function cannot know."""
        event = run.event
        is_dated_back = event.rolls_back and (
            self._account.rollback_moves_time or event.operation_now.kind == "rollback"
        )
        is_undated = self._hides_enabled_date and bool(
            event.rolls_back or failed_creations(event.stack)
        )
        is_listed = any(self.other_rows(event, _physical_id(entity)))
        is_settled = run.found[entity.entity_id].is_settled
        return is_dated_back or is_undated or is_listed or not is_settled

    # What an event has to end in.

    def _must_refuse(self, run: Run, entity: Entity) -> bool:
        """Enabled and managed elsewhere, and adopt_existing is False."""
        event, before = run.event, run.found.get(entity.entity_id)
        physical_id = _physical_id(entity)
        if (
            event.declared.adopt_existing
            or not run.was_waited_for
            or run.was_interrupted
            or event.rolls_back
            or before is None
            or before.state != "ENABLED"
            or not before.is_settled
            or physical_id == event.physical_id
            or any(
                stack is event.stack and not row.is_deleted
                for stack, _, row in self.other_rows(event, physical_id)
            )
        ):
            return False
        began_at = event.operation_now.began_at
        return (before.enabled_at or 0.0) < began_at or self._hides_enabled_date

    def _must_refuse_address(self, run: Run, entity: Entity) -> bool:
        """Enabled with another address than declared, and not the resource's own."""
        event, before = run.event, run.found.get(entity.entity_id)
        return (
            before is not None
            and before.state == "ENABLED"
            and before.is_settled
            and (before.email or "").casefold() != event.declared.email.casefold()
            and _physical_id(entity) != event.physical_id
            and run.was_waited_for
            and not run.was_interrupted
            and not event.rolls_back
        )

    def _must_succeed(self, run: Run, entity: Entity | None) -> bool:
        """Nothing prevents this event that does not settle by itself."""
        event = run.event
        if not run.faults.are_temporary or self._settle_delay > SETTLES_WITHIN:
            return False
        if event.request_type == "Delete":
            return not self.may_be_declared_soon(event) and (
                entity is None or not self._exports.explain_failure(run, entity)
            )
        if entity is None or entity.state == "DELETED" or not run.was_waited_for:
            return False
        # An earlier operation without rollback may have enabled it, or seen it enabled.
        stacks = [one for one in (event.stack, event.stack.root) if one]
        updated_at = max(one.last_updated_time or 0.0 for one in stacks)
        if not event.declared.adopt_existing and updated_at > event.operation_now.began_at:
            return False
        # Enabled or disabled elsewhere, and WorkMail does not show it yet.
        is_own = _physical_id(entity) == event.physical_id
        if not run.found[entity.entity_id].is_settled and not (
            is_own and event.declared.adopt_existing
        ):
            return False
        return self._organization.owner_of(event.declared.email) in (None, entity)

    # At rest.

    def check_at_rest(self, stack: Stack) -> None:
        """What is declared exists, unless something else has changed it since."""
        for logical_id, row in stack.rows.items():
            key = (stack.stack_id, logical_id, row.physical_id, row.declared.email)
            if key in self._as_declared:
                entity = self._organization.entities[row.entity_id]
                self._assert_is_declared(entity, row.declared, f"{stack.name}/{logical_id} at rest")
                self.seen["at rest as declared"] += 1

    def _assert_is_declared(self, entity: Entity, declared: Declared, where: str) -> None:
        assert entity.state == "ENABLED", f"{where}: {entity.name} is {entity.state}"
        email = entity.registration.email or ""
        assert email.casefold() == declared.email.casefold(), f"{where}: {email} is its address"


def _email_changed(event: Event) -> bool:
    """Whether an Update changes the address."""
    return event.old is None or event.old.email.casefold() != event.declared.email.casefold()


def failed_creations(stack: Stack) -> list[Stack]:
    """The stack and its root, if it is deleted and they were never complete."""
    if stack.status != "DELETE_IN_PROGRESS":
        return []
    return [
        created
        for created in (stack.root, stack)
        if created and not {"CREATE_COMPLETE", "UPDATE_COMPLETE"} & {*created.statuses}
    ]


def _physical_id(entity: Entity) -> str:
    return f"{ORGANIZATION_ID}/{entity.entity_id}"
