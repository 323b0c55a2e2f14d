"""The model finds each rule of the contract missing: a rule is broken, and a violation is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model import deployments
from tests.model.deployments import Deployments
from tests.model.function import PASSWORD
from tests.model.invariants import MailboxLost, MailLost
from tests.model.team_invariants import EntityLost
from tests.model.teams import Teams
from tests.support.lambda_fakes import ORGANIZATION_ID, SECRET
from workmail_provider import (
    aliases,
    entities,
    export,
    export_job,
    lifecycle,
    ownership,
    people,
    registration,
    workmail,
    workmail_entities,
)
from workmail_provider.cloudformation.response import Response
from workmail_provider.cloudformation.continuation import Continuation
from workmail_provider.rules.entities import exists
from workmail_provider.export import MailboxExport
from workmail_provider.rules.exports import ExportJob, ExportState
from workmail_provider.cloudformation.request import Invocation
from workmail_provider.lifecycle import (
    Destination,
    Entity,
    EntityState,
    RegistrationId,
    StackOperation,
)
from workmail_provider.cloudformation.ownership import Ownership
from workmail_provider.cloudformation.custom_resource import CustomResource

# Some are found in the first dozens, some in the first thousand.
_EXAMPLES = 5000

Break = Callable[[pytest.MonkeyPatch], None]


def no_hand_over(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "other_holder", lambda *_: None)


def no_rollback(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "is_rolled_back", lambda *_: False)


def the_root_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    is_rolled_back = lifecycle.is_rolled_back
    patch.setattr(
        ownership,
        "is_rolled_back",
        lambda was_before, operation: is_rolled_back(
            was_before, replace(operation, root_status=None)
        ),
    )


def any_enabled_date_is_later(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "enabled_before", lambda *_: False)


def any_enabled_date_is_earlier(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "enabled_before", lambda *_: True)


def any_id_is_ours(patch: pytest.MonkeyPatch) -> None:
    parse = RegistrationId.parse
    patch.setattr(
        RegistrationId,
        "parse",
        lambda physical_id: parse(physical_id) or RegistrationId(ORGANIZATION_ID, "alice"),
    )


def ids_by_name(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        RegistrationId, "of", lambda entity: RegistrationId(entity.organization_id, entity.name)
    )


def deregistration_by_name(patch: pytest.MonkeyPatch) -> None:
    deregister = workmail.Organization.deregister

    def by_name(self: workmail.Organization, entity: Entity) -> None:
        deregister(self, replace(entity, entity_id=entity.name))

    patch.setattr(workmail.Organization, "deregister", by_name)


def no_undo(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration._Convergence, "undo", lambda *_: None)


def undo_of_its_own(patch: pytest.MonkeyPatch) -> None:
    undo = registration._Convergence.undo

    def undo_all(self: registration._Convergence, failure: Exception) -> None:
        self._own, self._may_have_registered = None, True
        undo(self, failure)

    patch.setattr(registration._Convergence, "undo", undo_all)


def late_deletes_count(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(StackOperation, "is_over", False)


def no_claim(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CustomResource, "_claim", lambda *_: None)


def everything_is_adopted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "belongs_to_somebody_else", lambda *_: False)


def addresses_do_not_matter(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lifecycle, "has_primary_address", lambda *_: True)


def exports_are_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MailboxExport, "_wait_for", lambda self, job, entity: _completed(job))


def a_failed_export_is_one(patch: pytest.MonkeyPatch) -> None:
    wait_for = MailboxExport._wait_for

    def wait_and_take(self: MailboxExport, job: ExportJob, entity: Entity) -> ExportJob:
        return _completed(wait_for(self, job, entity))

    patch.setattr(MailboxExport, "_wait_for", wait_and_take)


def _completed(job: ExportJob) -> ExportJob:
    return replace(job, state=ExportState.COMPLETED)


def any_age_is_young_enough(patch: pytest.MonkeyPatch) -> None:
    young_enough = export_job.young_enough

    def of_any_age(
        jobs: list[ExportJob], entity_id: str, destination: Destination, now: datetime
    ) -> ExportJob | None:
        patient = replace(destination, maximum_age=timedelta(days=7))
        return young_enough(jobs, entity_id, patient, now)

    patch.setattr(export, "young_enough", of_any_age)


def any_bucket_will_do(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(export_job, "_is_of", lambda job, entity_id, _: job.entity_id == entity_id)


def what_stays_is_exported(patch: pytest.MonkeyPatch) -> None:
    exported = _remember_exports(patch)
    ownership_of = registration._ownership

    def of_all_that_is_exported(invocation: Invocation, entity: Entity) -> Ownership:
        made = ownership_of(invocation, entity)
        declared = "MailboxExport" in invocation.request.properties
        if declared and entity.entity_type != "GROUP" and invocation not in exported:
            made.reason_to_leave = lambda: None  # type: ignore[method-assign]
        return made

    patch.setattr(registration, "_ownership", of_all_that_is_exported)


def _remember_exports(patch: pytest.MonkeyPatch) -> list[Invocation]:
    exported: list[Invocation] = []
    run = MailboxExport.run

    def run_and_remember(self: MailboxExport, entity: Entity, began_at: datetime) -> ExportJob:
        job = run(self, entity, began_at)
        exported.append(self._invocation)
        return job

    patch.setattr(MailboxExport, "run", run_and_remember)
    return exported


def groups_have_mailboxes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "EntityType", SimpleNamespace(GROUP=None))


def no_second_look(patch: pytest.MonkeyPatch) -> None:
    exported = _remember_exports(patch)
    reason_to_leave = Ownership.reason_to_leave

    def before_the_export(self: Ownership) -> str | None:
        return None if self._invocation in exported else reason_to_leave(self)

    patch.setattr(Ownership, "reason_to_leave", before_the_export)


def the_hour_does_not_end(patch: pytest.MonkeyPatch) -> None:
    of = Continuation.of

    def without_end(event: Any, now: datetime, seconds_left: float) -> Continuation:
        return replace(of(event, now, seconds_left), until=datetime.max.replace(tzinfo=UTC))

    patch.setattr(Continuation, "of", without_end)


def a_job_for_each_delivery(patch: pytest.MonkeyPatch) -> None:
    begin, numbers = MailboxExport._begin, count()

    def begin_anew(self: MailboxExport, entity: Entity, began_at: datetime) -> ExportJob:
        self._token = f"delivery-{next(numbers)}"
        return begin(self, entity, began_at)

    patch.setattr(MailboxExport, "_begin", begin_anew)
    patch.setattr(export, "to_join", lambda *_: None)


def going_on_is_not_the_end(patch: pytest.MonkeyPatch) -> None:
    def answer_too(self: Any, invoke: Callable[[], None]) -> None:
        invoke()

    patch.setattr(Response, "leave_to_another", answer_too)


def the_job_is_told_the_response_url(patch: pytest.MonkeyPatch) -> None:
    init = MailboxExport.__init__

    def tell(self: MailboxExport, *given: Any) -> None:
        init(self, *given)
        self._description += f" answered to {SECRET}"

    patch.setattr(MailboxExport, "__init__", tell)


def what_is_enabled_is_deleted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        entities, "EntityState", SimpleNamespace(ENABLED=None, DELETED=EntityState.DELETED)
    )


def no_reason_counts(begins: str) -> Break:
    """Of the reasons to keep a user or group, those that begin so."""

    class Careless(Ownership):
        def reason_to_leave(self) -> str | None:
            reason = super().reason_to_leave()
            return None if reason and reason.startswith(begins) else reason

    return lambda patch: patch.setattr(entities, "Ownership", Careless)


def anybody_with_the_address_is_adopted(patch: pytest.MonkeyPatch) -> None:
    find = entities._Convergence._find

    def find_by_address(self: entities._Convergence) -> Entity | None:
        found = find(self) or self._directory.describe(self._declared.name)
        return found if exists(found) else None

    patch.setattr(entities._Convergence, "_find", find_by_address)


def a_name_is_changed_by_replacement(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(entities.EntityResource, "update", entities.EntityResource.create)


def an_update_tells_the_password(patch: pytest.MonkeyPatch) -> None:
    update = workmail_entities.EntityDirectory.update

    def tell(
        self: workmail_entities.EntityDirectory, entity: Entity, attributes: Mapping[str, Any]
    ) -> None:
        update(self, entity, {**attributes, "Initials": PASSWORD})

    patch.setattr(workmail_entities.EntityDirectory, "update", tell)


def nobody_leaves(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(workmail_entities.EntityDirectory, "disassociate", lambda *_: None)


def who_is_declared_by_name_leaves(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(people._Convergence, "_person_id", lambda self, name: name.upper())


def people_leave_with_their_declaration(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(people.PeopleResource, "delete", people.PeopleResource.update)


def things_are_taken_away_late(patch: pytest.MonkeyPatch) -> None:
    _every_operation(patch, is_over=False)


def a_rollback_goes_forward(patch: pytest.MonkeyPatch) -> None:
    _every_operation(patch, is_over=False, rolls_back=False)


def _every_operation(patch: pytest.MonkeyPatch, **pretended: bool) -> None:
    """As Updates see it; Deletes look for themselves."""

    def pretend(invocation: Invocation) -> Any:
        operation = ownership.stack_operation(invocation)
        real = {"is_over": operation.is_over, "rolls_back": operation.rolls_back}
        return SimpleNamespace(status=operation.status, **{**real, **pretended})

    patch.setattr(entities, "stack_operation", pretend)
    patch.setattr(people, "stack_operation", pretend)
    patch.setattr(registration, "stack_operation", pretend)


def each_update_resets_the_password(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        entities._Convergence,
        "_asks_for_another_password",
        lambda self: self._declared.password_secret_arn and self._own and not self._created_id,
    )


def no_password_is_reset(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(entities._Convergence, "_asks_for_another_password", lambda _: False)


def no_alias_is_added(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(aliases, "to_add", lambda *_: [])


def no_alias_is_removed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(aliases, "to_remove", lambda *_, **__: [])


def every_other_alias_is_removed(patch: pytest.MonkeyPatch) -> None:
    to_remove = aliases.to_remove
    patch.setattr(
        aliases, "to_remove", lambda *given, others_too: to_remove(*given, others_too=True)
    )


@pytest.mark.parametrize(
    "broken",
    [
        nobody_leaves,
        who_is_declared_by_name_leaves,
        people_leave_with_their_declaration,
        things_are_taken_away_late,
        a_rollback_goes_forward,
        each_update_resets_the_password,
        no_password_is_reset,
        no_alias_is_added,
        no_alias_is_removed,
        every_other_alias_is_removed,
    ],
)
def test_a_broken_rule_of_people_passwords_and_aliases_is_found(
    monkeypatch: pytest.MonkeyPatch, broken: Break
) -> None:
    broken(monkeypatch)
    with pytest.raises(AssertionError):
        play(Teams)


@pytest.mark.parametrize(
    ("broken", "violation"),
    [
        (what_is_enabled_is_deleted, EntityLost),
        # Also where the Delete waits for one to be deregistered that it should leave.
        (no_reason_counts("handed over"), AssertionError),
        (no_reason_counts("it was there before"), AssertionError),
        (no_reason_counts("the stack is"), AssertionError),
        (anybody_with_the_address_is_adopted, AssertionError),
        (a_name_is_changed_by_replacement, AssertionError),
        (an_update_tells_the_password, AssertionError),
    ],
    ids=[
        "deletes what is enabled",
        "deletes what is handed over",
        "deletes in a rollback",
        "deletes late",
        "adopts by the address",
        "replaces for a new name",
        "tells the password",
    ],
)
def test_a_broken_rule_of_users_and_groups_is_found(
    monkeypatch: pytest.MonkeyPatch, broken: Break, violation: type[AssertionError]
) -> None:
    broken(monkeypatch)
    with pytest.raises(violation):
        play(Teams)


@pytest.mark.parametrize(
    ("broken", "violation"),
    [
        (no_hand_over, MailboxLost),
        (no_rollback, MailboxLost),
        (the_root_is_not_looked_at, MailboxLost),
        (any_enabled_date_is_later, AssertionError),
        (late_deletes_count, MailboxLost),
        (undo_of_its_own, MailboxLost),
        (any_enabled_date_is_earlier, AssertionError),
        (any_id_is_ours, AssertionError),
        (ids_by_name, AssertionError),
        (deregistration_by_name, AssertionError),
        (no_undo, AssertionError),
        (no_claim, AssertionError),
        (everything_is_adopted, AssertionError),
        (addresses_do_not_matter, AssertionError),
    ],
)
def test_a_broken_rule_is_found(
    monkeypatch: pytest.MonkeyPatch, broken: Break, violation: type[AssertionError]
) -> None:
    # Under SNAPSHOT an export that nobody asked for would be found first.
    monkeypatch.setattr(deployments, "EXPORTS", (None,) * len(deployments.EXPORTS))
    broken(monkeypatch)
    with pytest.raises(violation):
        play()


@pytest.mark.parametrize(
    ("broken", "violation"),
    [
        (exports_are_not_waited_for, MailLost),
        (a_failed_export_is_one, MailLost),
        (any_age_is_young_enough, MailLost),
        (any_bucket_will_do, MailLost),
        (what_stays_is_exported, AssertionError),
        (groups_have_mailboxes, AssertionError),
        (no_second_look, MailboxLost),
        (the_hour_does_not_end, AssertionError),
        (a_job_for_each_delivery, AssertionError),
        (going_on_is_not_the_end, AssertionError),
        (the_job_is_told_the_response_url, AssertionError),
    ],
)
def test_a_broken_rule_of_exports_is_found(
    monkeypatch: pytest.MonkeyPatch, broken: Break, violation: type[AssertionError]
) -> None:
    broken(monkeypatch)
    with pytest.raises(violation):
        play()


def play(machine: type[Deployments] = Deployments) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            settings.get_profile("model"),
            max_examples=_EXAMPLES,
            stateful_step_count=30,
            phases=[Phase.generate],
            report_multiple_bugs=False,
        ),
    )
