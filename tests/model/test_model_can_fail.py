"""The model finds each rule of the contract missing: a rule is broken, and a violation is found.

A mutant patches public names only: rules where they are used, and methods of public classes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.deployments import Deployments
from tests.model.entity_deployments import EntityDeployments
from tests.model.entity_oracle import EntityLost
from tests.model.function import PASSWORD
from tests.model.registration_oracle import MailboxLost, MailLost
from tests.support.lambda_fakes import ORGANIZATION_ID, SECRET
from workmail_provider.cloudformation import ownership
from workmail_provider.cloudformation.continuation import Continuation
from workmail_provider.cloudformation.ownership import Ownership
from workmail_provider.cloudformation.request import Invocation, Outcome
from workmail_provider.cloudformation.response import Response
from workmail_provider.cloudformation.stacks import Stack
from workmail_provider.resources import declarations, entity, export, membership, registration
from workmail_provider.resources.entity import EntityResource
from workmail_provider.resources.export import ExportBeforeRemoval
from workmail_provider.resources.membership import MembershipResource
from workmail_provider.resources.registration import RegistrationResource
from workmail_provider.rules import registration as registration_rules
from workmail_provider.rules.aliases import to_remove
from workmail_provider.rules.entities import Entity, EntityState
from workmail_provider.rules.exports import (
    ExportDestination,
    ExportJob,
    ExportState,
    to_join,
    young_enough,
)
from workmail_provider.rules.kinds import EntityKind, EntityType
from workmail_provider.rules.ownership import StackOperation, is_rolled_back
from workmail_provider.rules.physical_ids import RegistrationId
from workmail_provider.workmail.entities import EntityDirectory
from workmail_provider.workmail.exports import ExportJobs
from workmail_provider.workmail.organization import EntityNotFound, Organization

# Some are found in the first dozens, some in the first thousand.
_EXAMPLES = 5000

Break = Callable[[pytest.MonkeyPatch], None]


class WithoutExports(Deployments):
    """With exports, one that was not declared would be found first."""

    exports = (None,)


@dataclass(frozen=True)
class Mutant:
    """A broken rule, the machine that finds it, and the violation that it finds."""

    broken: Break
    machine: type[Deployments]
    violation: type[AssertionError]


MUTANTS: list[Mutant] = []


def found_by(
    machine: type[Deployments], violation: type[AssertionError] = AssertionError
) -> Callable[[Break], Break]:
    def add(broken: Break) -> Break:
        MUTANTS.append(Mutant(broken, machine, violation))
        return broken

    return add


# Registrations.


@found_by(WithoutExports, MailboxLost)
def no_hand_over(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "other_declaration", lambda *_: None)


@found_by(WithoutExports, MailboxLost)
def no_rollback(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "is_rolled_back", lambda *_: False)


@found_by(WithoutExports, MailboxLost)
def the_root_stack_is_not_read(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        ownership,
        "is_rolled_back",
        lambda before, operation: is_rolled_back(before, replace(operation, root_status=None)),
    )


@found_by(WithoutExports, MailboxLost)
def late_deletes_count(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(StackOperation, "is_over", False)


@found_by(WithoutExports, MailboxLost)
def other_stacks_are_not_read(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "announced_stacks", lambda *_: [])


@found_by(WithoutExports, MailboxLost)
def other_stacks_in_progress_are_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "may_become_declaration", lambda *_: False)


@found_by(WithoutExports)
def a_stack_that_no_longer_exists_fails_the_delete(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Stack, "resources_if_exists", Stack.resources)


@found_by(WithoutExports, MailboxLost)
def a_failed_creation_counts_as_complete(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "creation_completed", lambda _: True)


@found_by(WithoutExports)
def a_create_changes_the_address(patch: pytest.MonkeyPatch) -> None:
    _change_operations(patch, rolls_back=True)


@found_by(WithoutExports)
def every_update_enables(patch: pytest.MonkeyPatch) -> None:
    _change_request(patch, RegistrationResource, "update", old_properties={})


@found_by(WithoutExports)
def any_enabled_date_is_later(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "was_enabled_by", lambda *_: False)


@found_by(WithoutExports)
def any_enabled_date_is_earlier(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "was_enabled_by", lambda *_: True)


@found_by(WithoutExports)
def any_id_is_a_registration(patch: pytest.MonkeyPatch) -> None:
    parse = RegistrationId.parse
    patch.setattr(
        RegistrationId,
        "parse",
        lambda physical_id: parse(physical_id) or RegistrationId(ORGANIZATION_ID, "alice"),
    )


@found_by(WithoutExports)
def physical_ids_by_name(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        RegistrationId, "of", lambda found: RegistrationId(found.organization_id, found.name)
    )


@found_by(WithoutExports)
def deregistration_by_name(patch: pytest.MonkeyPatch) -> None:
    deregister = Organization.deregister
    patch.setattr(
        Organization,
        "deregister",
        lambda self, found: deregister(self, replace(found, entity_id=found.name)),
    )


@found_by(WithoutExports)
def no_undo(patch: pytest.MonkeyPatch) -> None:
    no_retry: Any = SimpleNamespace(call=lambda step: None)
    _change_invocation(patch, RegistrationResource, "update", last_retry=no_retry)


@found_by(WithoutExports, MailboxLost)
def an_undo_disables_the_own_entity(patch: pytest.MonkeyPatch) -> None:
    update = RegistrationResource.update

    def update_or_deregister(self: RegistrationResource, invocation: Invocation) -> Outcome:
        try:
            return update(self, invocation)
        except Exception:
            with suppress(EntityNotFound):
                organization, found = _find_own(invocation)
                organization.deregister(found)
            raise

    patch.setattr(RegistrationResource, "update", update_or_deregister)


@found_by(WithoutExports)
def a_failed_create_has_no_id(patch: pytest.MonkeyPatch) -> None:
    _change_invocation(patch, RegistrationResource, "create", set_physical_id=lambda _: None)


@found_by(WithoutExports)
def everything_is_adopted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "is_managed_elsewhere", lambda *_: False)


@found_by(WithoutExports)
def addresses_do_not_matter(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration_rules, "has_primary_address", lambda *_: True)


# Exports.


@found_by(Deployments, MailLost)
def a_running_export_is_complete(patch: pytest.MonkeyPatch) -> None:
    _complete_exports(patch, ExportState.RUNNING)


@found_by(Deployments, MailLost)
def a_failed_export_is_complete(patch: pytest.MonkeyPatch) -> None:
    _complete_exports(patch, ExportState.FAILED, ExportState.CANCELLED)


@found_by(Deployments, MailLost)
def any_age_is_young_enough(patch: pytest.MonkeyPatch) -> None:
    def of_any_age(
        jobs: list[ExportJob], found: Entity, destination: ExportDestination, now: datetime
    ) -> ExportJob | None:
        return young_enough(jobs, found, replace(destination, maximum_age=timedelta(days=7)), now)

    patch.setattr(export, "young_enough", of_any_age)


@found_by(Deployments, MailLost)
def any_bucket_will_do(patch: pytest.MonkeyPatch) -> None:
    def of_any_bucket(jobs: list[ExportJob], destination: ExportDestination) -> list[ExportJob]:
        return [replace(job, bucket=destination.bucket) for job in jobs]

    patch.setattr(
        export,
        "to_join",
        lambda jobs, found, there, text: to_join(of_any_bucket(jobs, there), found, there, text),
    )
    patch.setattr(
        export,
        "young_enough",
        lambda jobs, found, there, now: young_enough(of_any_bucket(jobs, there), found, there, now),
    )


@found_by(Deployments)
def what_is_retained_is_exported(patch: pytest.MonkeyPatch) -> None:
    delete = RegistrationResource.delete

    def export_and_delete(self: RegistrationResource, invocation: Invocation) -> Outcome:
        destination = declarations.export_destination(invocation.request.properties)
        is_one = RegistrationId.parse(invocation.request.physical_resource_id)
        with suppress(EntityNotFound):
            if destination and is_one:
                organization, found = _find_own(invocation)
                if found.state is EntityState.ENABLED and found.entity_type is EntityType.USER:
                    now = invocation.utc_now()
                    ExportBeforeRemoval(
                        invocation, organization, destination, found, began_at=now
                    ).run()
        return delete(self, invocation)

    patch.setattr(RegistrationResource, "delete", export_and_delete)


@found_by(Deployments)
def groups_have_mailboxes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "has_mail_to_export", lambda _, operation: not operation.rolls_back)


@found_by(Deployments)
def what_a_failed_operation_enabled_is_exported(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        registration,
        "has_mail_to_export",
        lambda found, _: found.entity_type is not EntityType.GROUP,
    )


@found_by(Deployments, MailLost)
def an_export_before_the_last_use_counts(patch: pytest.MonkeyPatch) -> None:
    never = datetime.min.replace(tzinfo=UTC)
    for name, choose in (("to_join", to_join), ("young_enough", young_enough)):
        patch.setattr(export, name, _with_enabled_date(choose, never))


@found_by(Deployments, MailboxLost)
def the_stack_is_not_read_again_after_an_export(patch: pytest.MonkeyPatch) -> None:
    exported: list[Invocation] = []

    class RememberedExport(ExportBeforeRemoval):
        def __init__(self, invocation: Invocation, *given: Any, **named: Any) -> None:
            super().__init__(invocation, *given, **named)
            self.invocation = invocation

        def run(self) -> ExportJob:
            job = super().run()
            exported.append(self.invocation)
            return job

    class UnreadOwnership(Ownership):
        def __init__(self, invocation: Invocation, *given: Any) -> None:
            super().__init__(invocation, *given)
            self.invocation = invocation

        def reason_to_retain(self) -> str | None:
            return None if self.invocation in exported else super().reason_to_retain()

    patch.setattr(registration, "ExportBeforeRemoval", RememberedExport)
    patch.setattr(registration, "Ownership", UnreadOwnership)


@found_by(Deployments)
def the_hour_does_not_end(patch: pytest.MonkeyPatch) -> None:
    of = Continuation.of
    never = datetime.max.replace(tzinfo=UTC)
    patch.setattr(Continuation, "of", lambda *given: replace(of(*given), until=never))


@found_by(Deployments)
def a_job_for_each_delivery(patch: pytest.MonkeyPatch) -> None:
    start, numbers = ExportJobs.start, count()

    def start_another(self: ExportJobs, *given: Any) -> str:
        found, destination, folder, _, description = given
        return start(self, found, destination, folder, f"delivery-{next(numbers)}", description)

    patch.setattr(ExportJobs, "start", start_another)
    patch.setattr(export, "to_join", lambda *_: None)


@found_by(Deployments)
def a_request_that_continues_is_responded_to(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Response, "hand_off", lambda self, invoke: invoke())


@found_by(Deployments)
def a_job_describes_the_response_url(patch: pytest.MonkeyPatch) -> None:
    start = ExportJobs.start

    def describe(self: ExportJobs, *given: Any) -> str:
        found, destination, folder, token, description = given
        return start(self, found, destination, folder, token, f"{description} {SECRET}")

    patch.setattr(ExportJobs, "start", describe)


# Users, groups and resources.


@found_by(EntityDeployments, EntityLost)
def enabled_entities_are_deleted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(entity, "EntityState", SimpleNamespace(ENABLED=None))


# Also where the Delete waits for the deregistration of an entity that it should retain.
@found_by(EntityDeployments)
def deleted_though_handed_over(patch: pytest.MonkeyPatch) -> None:
    _ignore_reason(patch, "handed over")


@found_by(EntityDeployments)
def deleted_in_a_rollback(patch: pytest.MonkeyPatch) -> None:
    _ignore_reason(patch, "it existed before")


@found_by(EntityDeployments)
def deleted_late(patch: pytest.MonkeyPatch) -> None:
    _ignore_reason(patch, "the stack is")


@found_by(EntityDeployments)
def deleted_though_declared_elsewhere(patch: pytest.MonkeyPatch) -> None:
    _ignore_reason(patch, "declared by")


@found_by(EntityDeployments)
def adopted_by_address(patch: pytest.MonkeyPatch) -> None:
    class ByAddress(EntityDirectory):
        def __init__(self, organization: Organization, kind: EntityKind, name: str) -> None:
            super().__init__(organization, kind, name)
            self.name = name

        def describe(self, entity_id: str) -> Entity | None:
            found = super().describe(entity_id)
            return replace(found, name=self.name) if found and entity_id == self.name else found

    patch.setattr(entity, "EntityDirectory", ByAddress)


@found_by(EntityDeployments)
def a_new_name_replaces(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(EntityResource, "update", EntityResource.create)


@found_by(EntityDeployments)
def an_update_contains_the_password(patch: pytest.MonkeyPatch) -> None:
    update = EntityDirectory.update
    patch.setattr(
        EntityDirectory,
        "update",
        lambda self, found, sent: update(self, found, {**sent, "Initials": PASSWORD}),
    )


# Members, passwords and aliases.


@found_by(EntityDeployments)
def no_member_is_removed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(EntityDirectory, "disassociate", lambda *_: None)


@found_by(EntityDeployments)
def members_declared_by_name_are_removed(patch: pytest.MonkeyPatch) -> None:
    find = EntityDirectory.find_any_kind

    def find_name(self: EntityDirectory, name_or_id: str) -> Entity | None:
        found = find(self, name_or_id)
        return found and replace(found, entity_id=name_or_id.upper())

    patch.setattr(EntityDirectory, "find_any_kind", find_name)


@found_by(EntityDeployments)
def members_are_removed_with_their_declaration(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MembershipResource, "delete", MembershipResource.update)


@found_by(EntityDeployments)
def a_create_removes_members(patch: pytest.MonkeyPatch) -> None:
    _change_request(patch, MembershipResource, "create", request_type="Update")


@found_by(EntityDeployments)
def a_create_removes_aliases(patch: pytest.MonkeyPatch) -> None:
    _change_request(patch, RegistrationResource, "create", request_type="Update")


@found_by(EntityDeployments)
def late_updates_remove(patch: pytest.MonkeyPatch) -> None:
    _change_operations(patch, is_over=False)


@found_by(EntityDeployments)
def rollbacks_remove(patch: pytest.MonkeyPatch) -> None:
    _change_operations(patch, is_over=False, rolls_back=False)


@found_by(EntityDeployments)
def each_update_resets_the_password(patch: pytest.MonkeyPatch) -> None:
    update = EntityResource.update

    def reset(self: EntityResource, invocation: Invocation) -> Outcome:
        request = invocation.request
        if "PasswordSecretArn" in request.properties:
            wanted = {**request.properties, "ResetPassword": "again"}
            request = replace(request, properties=wanted, old_properties={})
        return update(self, replace(invocation, request=request))

    patch.setattr(EntityResource, "update", reset)


@found_by(EntityDeployments)
def no_password_is_reset(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(EntityDirectory, "reset_password", lambda *_: None)


@found_by(EntityDeployments)
def no_alias_is_added(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "to_add", lambda *_: [])


@found_by(EntityDeployments)
def no_alias_is_removed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "to_remove", lambda *_, **__: [])


@found_by(EntityDeployments)
def undeclared_aliases_are_removed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        registration,
        "to_remove",
        lambda *given, remove_others: to_remove(*given, remove_others=True),
    )


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.broken.__name__)
def test_a_broken_rule_is_found(monkeypatch: pytest.MonkeyPatch, mutant: Mutant) -> None:
    mutant.broken(monkeypatch)
    with pytest.raises(mutant.violation):
        run_state_machine_as_test(
            mutant.machine,
            settings=settings(
                settings.get_profile("model"),
                max_examples=_EXAMPLES,
                stateful_step_count=30,
                phases=[Phase.generate],
                report_multiple_bugs=False,
            ),
        )


# What several mutants do.


def _change_invocation(
    patch: pytest.MonkeyPatch, resource: type[RegistrationResource], request: str, **changes: Any
) -> None:
    perform = getattr(resource, request)
    patch.setattr(
        resource, request, lambda self, invocation: perform(self, replace(invocation, **changes))
    )


def _change_request(
    patch: pytest.MonkeyPatch, resource: type[Any], operation: str, **changes: Any
) -> None:
    perform = getattr(resource, operation)

    def change(self: Any, invocation: Invocation) -> Outcome:
        request = replace(invocation.request, **changes)
        return cast(Outcome, perform(self, replace(invocation, request=request)))

    patch.setattr(resource, operation, change)


def _with_enabled_date(choose: Callable[..., ExportJob | None], at: datetime) -> Any:
    return lambda jobs, found, *others: choose(jobs, replace(found, enabled_date=at), *others)


def _find_own(invocation: Invocation) -> tuple[Organization, Entity]:
    """The entity that the event's physical id names."""
    own = RegistrationId.parse(invocation.request.physical_resource_id)
    assert own
    client = invocation.clients("workmail", None)
    organization = Organization(client, own.organization_id, invocation.retry)
    return organization, organization.find(own.entity_id)


def _complete_exports(patch: pytest.MonkeyPatch, *states: ExportState) -> None:
    find = ExportJobs.find

    def find_complete(self: ExportJobs, job_id: str) -> ExportJob | None:
        job = find(self, job_id)
        return replace(job, state=ExportState.COMPLETED) if job and job.state in states else job

    patch.setattr(ExportJobs, "find", find_complete)


def _ignore_reason(patch: pytest.MonkeyPatch, begins: str) -> None:
    """Of the reasons to retain an entity, ignores those that begin so."""

    class IgnoringOwnership(Ownership):
        def reason_to_retain(self) -> str | None:
            reason = super().reason_to_retain()
            return None if reason and reason.startswith(begins) else reason

    patch.setattr(entity, "Ownership", IgnoringOwnership)


def _change_operations(patch: pytest.MonkeyPatch, **changed: bool) -> None:
    """As Creates and Updates see it; Deletes read the stack themselves."""
    stack_operation = ownership.stack_operation

    def change(invocation: Invocation) -> SimpleNamespace:
        real = stack_operation(invocation)
        seen = {"is_over": real.is_over, "rolls_back": real.rolls_back, **changed}
        return SimpleNamespace(status=real.status, **seen)

    for module in (entity, membership, registration):
        patch.setattr(module, "stack_operation", change)
