"""What must hold, decided from the model's own books and from the truth in the local WorkMail.

Nothing here asks the code under test, or what it was shown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from local_aws.workmail import Behaviour, Entity, Exports, Organization
from tests.model.cloudformation import Declared, Event, Row, Stack
from tests.model.export_oracle import ExportOracle
from tests.model.function import CHANGING, FUNCTION_TIMEOUT, Found, Run, Time, found
from tests.support.lambda_fakes import ORGANIZATION_ID, SECRET
from workmail_provider.cloudformation.response import NEVER_CREATED

_LONGEST_BODY = 4096
_LONGEST_PHYSICAL_ID = 1024
# The budget in which what was asked for has to show, in seconds.
_SETTLES_WITHIN = 100.0
_MAY_STAY_ENABLED = "stays enabled and should not"


class MailboxLost(AssertionError):
    """DeregisterFromWorkMail was sent for an entity that a member still wants enabled."""


class MailLost(AssertionError):
    """DeregisterFromWorkMail was sent under SNAPSHOT for a mailbox that was not exported."""


class RegistrationOracle:
    """What the model knows of registrations, and the checks against it.

    `seen` counts what happened, so that a run can show that it met what it is there for.
    """

    def __init__(
        self,
        organization: Organization,
        exports: Exports,
        time: Time,
        *,
        behaviour: Behaviour,
        rollback_moves_time: bool,
        hides_enabled_date: bool,
    ) -> None:
        self.seen: Counter[str] = Counter()
        self._organization = organization
        self._exports = ExportOracle(exports, time)
        self._time = time
        self._settle_delay = behaviour.settle_delay
        self._hides_enabled_date = hides_enabled_date
        self._rollback_moves_time = rollback_moves_time
        # Raised when the run is over: inside it the function would catch them.
        self._violations: list[AssertionError] = []
        # (stack id, logical id, physical id) that the function enabled or took over.
        self._made: set[tuple[str, str, str]] = set()
        # (stack id, logical id, physical id, address) that nothing has disturbed since.
        self._as_declared: set[tuple[str, str, str, str]] = set()

    # No mailbox is lost.

    def why_wanted(self, event: Event, entity: Entity) -> str | None:
        """Why a member still wants an entity enabled that a Delete is about, or None.

        - The operation that sent the Delete is over, and no other moves the stack or its root:
          nobody has asked for the removal any more.
        - This logical id of this stack never enabled the entity and never took it over.
        - Another resource of the stack has it, and stays: it was renamed, moved or swapped.
        - The operation rolls back, and the entity was enabled before it began: before the root's,
          if the stack moves with its root.

        The limits, where the contract protects nothing:

        - Another stack's registration of the entity. The last of two stacks to remove it, and as
          well the first, disables it; so does a stack that is rolled back, if the other enabled
          the entity after this operation began.
        - What somebody enables by change during an operation is taken for what the operation enabled.
        - A stack whose rollback failed and that is deleted then disables what it lists.
        - A Delete that comes while a later operation moves the stack is taken for that operation's,
          and then the same logical id does not speak for the entity.
        - A Create or an Update that comes late does what it says: it may enable an entity that the
          stack has given up, or give it an earlier address. It disables none.
        """
        stack = event.stack
        operation = stack.operation
        if operation is None or not operation.is_in_progress:
            return "late"
        physical_id = _physical_id(entity)
        if (stack.stack_id, event.logical_id, physical_id) not in self._made:
            return "not ours"
        if not operation.removes_whole_stack and any(
            row.physical_id == physical_id
            and logical_id != event.logical_id
            and not row.is_deleted
            and not self._is_removed(event, logical_id)
            for logical_id, row in stack.rows.items()
        ):
            return "handed over"
        enabled_at = entity.registration.enabled_at or 0.0
        if operation.rolls_back and enabled_at < operation.began_at:
            return "rolled back"
        return None

    def before_call(self, run: Run, operation: str, parameters: Mapping[str, str]) -> None:
        """Judges each WorkMail call before it is performed.

        An undo deregisters without an export, whatever its Update declares: it gives up only what
        this very invocation enabled a moment ago, and leaves the mail as it was before.
        """
        if SECRET in str(parameters):
            self.violate(f"{operation} was told the response URL: {run.event}")
        if operation == "StartMailboxExportJob":
            self._judge_export(run, parameters)
        if operation not in CHANGING:
            return
        event, entity_id = run.event, parameters["EntityId"]
        entity = self._organization.entities.get(entity_id)
        if entity is None:
            self.violate(f"{operation} was sent for {entity_id}, which is no canonical id")
        elif operation == "DeregisterFromWorkMail":
            why = self._why_not_deregister(run, entity)
            if why and entity.state == "ENABLED":
                self._violations.append(MailboxLost(f"{entity.name} is wanted: {why}: {event}"))
            lack = self._exports.lack(run, entity)
            if lack and entity.state == "ENABLED":
                self._violations.append(MailLost(f"{entity.name}: {lack}: {event}"))
        else:
            self._made.add((event.stack.stack_id, event.logical_id, _physical_id(entity)))
            if event.request_type == "Delete" or parameters["Email"] != event.declared.email:
                self.violate(f"{operation} with {parameters}, which nobody declared: {event}")

    def violate(self, message: str) -> None:
        self._violations.append(AssertionError(message))

    def _judge_export(self, run: Run, parameters: Mapping[str, str]) -> None:
        """No job for what is to stay, or has no mailbox (any more)."""
        event, entity_id = run.event, parameters["EntityId"]
        entity = self._organization.entities.get(entity_id)
        declared = event.declared.export
        if event.request_type != "Delete" or declared is None:
            self.violate(f"nobody declared an export: {event}")
        elif entity is None or _physical_id(entity) != event.physical_id:
            self.violate(f"{entity_id} is exported, and is not what the Delete is about: {event}")
        elif parameters["S3BucketName"] != declared.bucket:
            self.violate(f"the export goes to {parameters['S3BucketName']}: {event}")
        elif entity.kind == "GROUP":
            self.violate(f"a group has no mailbox: {event}")
        # What changes between a look at the stack or the entity and the call, nobody can know, and
        # what WorkMail did not show then.
        elif run.found[entity_id].is_settled and not run.was_interrupted:
            why = self.why_wanted(event, entity) if entity.state == "ENABLED" else entity.state
            if why:
                self.violate(f"{entity.name} is exported, and is {why}: {event}")

    def _why_not_deregister(self, run: Run, entity: Entity) -> str | None:
        event, physical_id = run.event, _physical_id(entity)
        if event.request_type == "Delete":
            if physical_id != event.physical_id:
                return f"the Delete is about {event.physical_id}"
            return self.why_wanted(event, entity)
        if event.request_type == "Create":
            return "a Create deregisters nothing"
        if physical_id == event.physical_id:
            return "an Update never deregisters its own entity"
        before = run.found.get(entity.entity_id)
        # What WorkMail does not show yet, nobody can know.
        is_shown = found(entity, self._time.now).is_settled
        can_be_told = before is not None and (before.is_settled or not self._hides_enabled_date)
        is_shown = is_shown and can_be_told
        if before and before.state == "ENABLED" and is_shown and not run.was_interrupted:
            return "the Update did not enable it"
        return None

    def _is_removed(self, event: Event, logical_id: str) -> bool:
        """Whether the operation in progress is going to delete this resource as well."""
        operation = event.stack.operation
        return operation is not None and operation.removes(logical_id)

    # Bookkeeping.

    def after_call(
        self, run: Run, operation: str, entity_id: str, answer: Mapping[str, str]
    ) -> None:
        """Notes what a WorkMail call has changed."""
        if operation == "StartMailboxExportJob":
            self.seen["export asked for"] += 1
            jobs = self._exports.note_job(run.event, answer["JobId"])
            if len(jobs) > 1:
                self.violate(f"one request, and jobs {sorted(jobs)}: {run.event}")
        if operation not in CHANGING:
            return
        physical_id = f"{ORGANIZATION_ID}/{entity_id}"
        if run.event.request_type != "Delete":
            self.disturb(physical_id)
            return
        # A Delete must not disturb what other resources of its stack declare.
        self._as_declared = {
            made
            for made in self._as_declared
            if made[2] != physical_id
            or (made[0] == run.event.stack.stack_id and made[1] != run.event.logical_id)
        }

    def disturb(self, physical_id: str) -> None:
        """Something other than its registration has changed an entity, or may have."""
        self._as_declared = {made for made in self._as_declared if made[2] != physical_id}

    def found(self) -> dict[str, Found]:
        """The truth about all entities."""
        now = self._time.now
        return {id: found(entity, now) for id, entity in self._organization.entities.items()}

    def entity(self, declared: Declared) -> Entity | None:
        return next(iter(self._organization.known([declared.entity_id])), None)

    # After each event.

    def check(self, run: Run) -> None:
        """Raises AssertionError for whatever this run did that it must not have done."""
        if self._violations:
            raise self._violations[0]
        assert run.seconds <= FUNCTION_TIMEOUT, f"{run.event} took {run.seconds:.0f} s"
        self.seen[run.event.request_type] += 1
        if run.was_killed:
            self.seen["killed"] += 1
            assert run.bodies == []
            return
        if run.invoked:
            self._check_going_on(run)
            if not run.bodies:
                return
        self._check_answer(run)
        if run.event.request_type == "Delete":
            self._check_delete(run)
        else:
            self._check_convergence(run)

    def _check_going_on(self, run: Run) -> None:
        """The next invocation gets the event, and nothing else of the response URL."""
        event = run.event
        self.seen["went on"] += 1
        assert event.request_type == "Delete" and event.declared.export, f"{event} goes on"
        assert not run.asked(*CHANGING), f"{event} changes something and goes on"
        for payload in run.invoked:
            added = {name: payload[name] for name in payload if name not in event.message}
            assert payload == {**event.message, **added}
            assert SECRET not in json.dumps(added)
        # Lambda can take an event and answer with an error all the same.
        took = any(call_fault.fault.after_work for call_fault in run.faults.calls)
        assert took or (len(run.invoked) == 1 and not run.bodies), f"{event} goes on twice"

    def _check_answer(self, run: Run) -> None:
        event = run.event
        assert len(run.bodies) == 1, f"{event} was answered {len(run.bodies)} times"
        assert len(run.bodies[0]) <= _LONGEST_BODY
        assert SECRET not in run.bodies[0].decode()
        answer = json.loads(run.bodies[0])
        assert answer["Status"] in ("SUCCESS", "FAILED")
        assert answer["Reason"] or answer["Status"] == "SUCCESS"
        assert 0 < len(answer["PhysicalResourceId"]) <= _LONGEST_PHYSICAL_ID
        for name in ("StackId", "RequestId", "LogicalResourceId"):
            assert answer[name] == event.message[name]
        if event.request_type == "Create" and answer["Status"] == "FAILED":
            registered = run.asked("RegisterToWorkMail")
            expected = f"{ORGANIZATION_ID}/{registered[-1]}" if registered else NEVER_CREATED
            assert answer["PhysicalResourceId"] == expected, answer
        elif event.request_type == "Delete" or answer["Status"] == "FAILED":
            assert answer["PhysicalResourceId"] == event.physical_id, answer

    def _check_convergence(self, run: Run) -> None:
        event, answer = run.event, run.answer
        entity = self.entity(event.declared)
        is_refused = entity is not None and self._must_refuse(run, entity)
        if answer["Status"] == "FAILED":
            self.seen[f"{event.request_type} failed"] += 1
            self._check_no_stranger(run, answer["Reason"])
            if is_refused:
                self.seen["refused"] += 1
                assert not run.asked(*CHANGING), f"refused, and changed all the same: {event}"
            elif self._must_succeed(run, entity):
                raise AssertionError(f"{event} has no reason to fail: {answer['Reason']}")
            return
        if entity and run.was_waited_for:
            self._made.add((event.stack.stack_id, event.logical_id, _physical_id(entity)))
        if run.was_interrupted:
            return
        assert entity, f"{event} succeeded on an entity that is not there"
        assert not is_refused, f"{event} has to be refused"
        physical_id = _physical_id(entity)
        assert answer["PhysicalResourceId"] == physical_id
        if not found(entity, self._time.now).is_settled:
            return
        self._assert_is_declared(entity, event.declared, str(event))
        self.disturb(physical_id)
        if run.was_waited_for:
            key = (event.stack.stack_id, event.logical_id, physical_id)
            self._as_declared.add((*key, event.declared.email))

    def _check_no_stranger(self, run: Run, reason: str) -> None:
        """A failed Update leaves no stranger enabled."""
        if run.event.request_type != "Update" or run.was_interrupted:
            return
        for entity_id in set(run.asked("RegisterToWorkMail")):
            entity = self._organization.entities[entity_id]
            is_own = _physical_id(entity) == run.event.physical_id
            if is_own or run.found[entity_id].state == "ENABLED":
                continue
            if run.asked("DeregisterFromWorkMail"):
                self.seen["undone"] += 1
            assert entity.state != "ENABLED" or _MAY_STAY_ENABLED in reason, (
                f"{run.event} failed and left {entity.name} enabled: {reason}"
            )

    def _check_delete(self, run: Run) -> None:
        event = run.event
        assert event.physical_id
        entity = self._organization.entities.get(event.physical_id.rpartition("/")[2])
        if entity is None or _physical_id(entity) != event.physical_id:
            self.seen["an id that is not ours"] += 1
            assert run.calls == [], f"{event} asked WorkMail for something"
            assert run.answer["Status"] == "SUCCESS"
            return
        if run.was_interrupted:
            return
        before = run.found[entity.entity_id]
        if run.answer["Status"] == "FAILED":
            self.seen["Delete failed"] += 1
            assert not self._must_succeed(run, entity), f"{event} failed: {run.answer['Reason']}"
            return
        if run.asked("DeregisterFromWorkMail") and self._exports.is_required(event, entity):
            self.seen[self._exports.check_data(run, entity)] += 1
            self.seen["exported"] += 1
        if before.state == "ENABLED":
            why = self.why_wanted(event, entity)
            self.seen[f"left, {why}" if why else "deregistered"] += 1
            if not why and not self._may_leave(run, entity):
                assert entity.state != "ENABLED", f"{event} left {entity.name} enabled"

    def _may_leave(self, run: Run, entity: Entity) -> bool:
        """Where one enabled too many is the safe end of what the function cannot know."""
        event, physical_id = run.event, _physical_id(entity)
        operation = event.stack.operation
        is_listed_elsewhere = any(
            row.physical_id == physical_id and name != event.logical_id
            for name, row in event.stack.rows.items()
        )
        is_dated_back = (
            operation is not None
            and operation.rolls_back
            and (self._rollback_moves_time or self._hides_enabled_date)
        )
        return not run.found[entity.entity_id].is_settled or is_listed_elsewhere or is_dated_back

    # What an event has to end in.

    def _must_refuse(self, run: Run, entity: Entity) -> bool:
        """Enabled by somebody else, and adopt_existing is False."""
        event, before = run.event, run.found.get(entity.entity_id)
        operation = event.stack.operation
        physical_id = _physical_id(entity)
        if (
            event.declared.adopt_existing
            or not run.was_waited_for
            or run.was_interrupted
            or operation is None
            or operation.rolls_back
            or before is None
            or before.state != "ENABLED"
            or not before.is_settled
            or physical_id == event.physical_id
        ):
            return False
        is_held = any(
            row.physical_id == physical_id and name != event.logical_id and not row.is_deleted
            for name, row in event.stack.rows.items()
        )
        enabled_at = before.enabled_at or 0.0
        return not is_held and (enabled_at < operation.began_at or self._hides_enabled_date)

    def _must_succeed(self, run: Run, entity: Entity | None) -> bool:
        """Nothing stands in the way of this event that does not settle by itself."""
        event = run.event
        if not run.faults.passes or self._settle_delay > _SETTLES_WITHIN:
            return False
        if event.request_type == "Delete":
            return entity is None or not self._exports.explain_failure(run, entity)
        if entity is None or entity.state == "DELETED" or not run.was_waited_for:
            return False
        # Enabled or disabled by somebody else, and WorkMail does not show it yet.
        if not run.found[entity.entity_id].is_settled and not event.declared.adopt_existing:
            return False
        return self._organization.owner_of(event.declared.email) in (None, entity)

    # At rest.

    def check_at_rest(self, stack: Stack) -> None:
        """What is declared is what is there, unless somebody else has changed it since."""
        for logical_id, row in stack.rows.items():
            if not self._is_undisturbed(stack, logical_id, row):
                continue
            entity = self._organization.entities[row.physical_id.rpartition("/")[2]]
            self._assert_is_declared(entity, row.declared, f"{stack.name}/{logical_id} at rest")
            self.seen["at rest as declared"] += 1

    def _is_undisturbed(self, stack: Stack, logical_id: str, row: Row) -> bool:
        key = (stack.stack_id, logical_id, row.physical_id, row.declared.email)
        return key in self._as_declared

    def _assert_is_declared(self, entity: Entity, declared: Declared, where: str) -> None:
        assert entity.state == "ENABLED", f"{where}: {entity.name} is {entity.state}"
        email = entity.registration.email or ""
        assert email.casefold() == declared.email.casefold(), f"{where}: {email} is its address"


def _physical_id(entity: Entity) -> str:
    return f"{ORGANIZATION_ID}/{entity.entity_id}"
