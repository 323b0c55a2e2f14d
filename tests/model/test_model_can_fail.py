"""The model finds each rule of the contract missing: a rule is broken, and a violation is found.

A mutant patches public names only: rules where they are used, and methods of public classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model import sequences
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
from workmail_provider.cloudformation.response import NEVER_CREATED, Response
from workmail_provider.cloudformation.stacks import Stack
from workmail_provider.resources import entity, registration
from workmail_provider.resources.entity import EntityResource
from workmail_provider.resources.membership import MembershipResource
from workmail_provider.resources.registration import RegistrationResource
from workmail_provider.rules import exports
from workmail_provider.rules import registration as registration_rules
from workmail_provider.rules.aliases import to_remove
from workmail_provider.rules.entities import Entity
from workmail_provider.rules.exports import (
    ExportJob,
    ExportState,
    young_enough,
)
from workmail_provider.rules.kinds import EntityKind, EntityType
from workmail_provider.rules.ownership import StackOperation, is_rolled_back
from workmail_provider.rules.physical_ids import RegistrationId
from workmail_provider.workmail.entities import EntityDirectory
from workmail_provider.workmail.exports import ExportJobs
from workmail_provider.workmail.organization import Organization

# Random steps find each of theirs in the first dozens or hundreds.
_EXAMPLES = 2000

Break = Callable[[pytest.MonkeyPatch], None]


class WithoutExports(Deployments):
    """With exports, one that was not declared would be found first."""

    exports = (None,)


@dataclass(frozen=True)
class Mutant:
    """A broken rule, the steps that find it, at random or in sequence, and what they find."""

    broken: Break
    steps: type[Deployments] | sequences.Sequence
    violation: type[AssertionError]


MUTANTS: list[Mutant] = []


def found_by(
    steps: type[Deployments] | sequences.Sequence, violation: type[AssertionError] = AssertionError
) -> Callable[[Break], Break]:
    def add(broken: Break) -> Break:
        MUTANTS.append(Mutant(broken, steps, violation))
        return broken

    return add


# Registrations.


@found_by(sequences.a_construct_is_renamed, MailboxLost)
def no_hand_over(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "other_declaration", lambda *_: None)


@found_by(sequences.another_stack_declares_it_before_an_update_fails, MailboxLost)
def an_undo_asks_no_stack(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ownership, "declaration", lambda _: None)


@found_by(sequences.a_root_rolls_back_a_new_nested_stack, MailboxLost)
def no_rollback(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "is_rolled_back", lambda *_: False)


@found_by(sequences.a_root_rolls_back_a_new_nested_stack, MailboxLost)
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


@found_by(sequences.another_stack_declares_it_in_the_middle_of_a_delete, MailboxLost)
def other_stacks_in_progress_are_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "may_become_declaration", lambda *_: False)


@found_by(WithoutExports)
def a_stack_that_no_longer_exists_fails_the_delete(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Stack, "resources_if_exists", Stack.resources)


@found_by(sequences.a_failed_creation_is_deleted, MailboxLost)
def a_failed_creation_counts_as_complete(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "creation_completed", lambda _: True)


@found_by(sequences.a_replaced_entity_is_declared_again, MailboxLost)
def what_is_declared_again_is_disabled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "is_declared_again", lambda *_: False)


@found_by(sequences.a_delete_of_a_forgotten_stack_comes_late, MailboxLost)
def a_forgotten_stack_takes_part(patch: pytest.MonkeyPatch) -> None:
    is_over = StackOperation.is_over
    patch.setattr(
        StackOperation,
        "is_over",
        property(lambda self: self.status != "DELETE_FAILED" and is_over.__get__(self)),
    )


@found_by(sequences.a_create_finds_another_address_late)
def a_create_has_the_id_of_another_address(patch: pytest.MonkeyPatch) -> None:
    create = RegistrationResource.create

    def keep_id(self: RegistrationResource, invocation: Invocation) -> Outcome:
        def set_other(physical_id: str) -> None:
            if physical_id != NEVER_CREATED:
                invocation.set_physical_id(physical_id)

        return create(self, replace(invocation, set_physical_id=set_other))

    patch.setattr(RegistrationResource, "create", keep_id)


@found_by(WithoutExports)
def a_create_changes_the_address(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "restores", lambda invocation: True)


@found_by(sequences.what_was_disabled_outside_stays_disabled)
def every_update_enables(patch: pytest.MonkeyPatch) -> None:
    _change_request(patch, RegistrationResource, "update", old_properties={})


@found_by(sequences.a_failed_creation_is_deleted, MailboxLost)
def any_enabled_date_is_later(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "was_enabled_before", lambda *_: False)


@found_by(sequences.a_create_fails_after_it_has_enabled_an_entity)
def any_enabled_date_is_earlier(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "was_enabled_before", lambda *_: True)


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


@found_by(sequences.an_update_fails_after_it_has_enabled_another_entity)
def no_undo(patch: pytest.MonkeyPatch) -> None:
    no_retry: Any = SimpleNamespace(call=lambda step: None)
    _change_invocation(patch, RegistrationResource, "update", last_retry=no_retry)


@found_by(sequences.an_update_fails_after_it_has_enabled_its_own_entity, MailboxLost)
def an_undo_disables_the_own_entity(patch: pytest.MonkeyPatch) -> None:
    _change_request(patch, RegistrationResource, "update", physical_resource_id=None)
    # Its own row would retain it.
    patch.setattr(Ownership, "declaration", lambda _: None)


@found_by(sequences.a_create_fails_after_it_has_enabled_an_entity)
def a_failed_create_has_no_id(patch: pytest.MonkeyPatch) -> None:
    _change_invocation(patch, RegistrationResource, "create", set_physical_id=lambda _: None)


@found_by(sequences.what_is_enabled_elsewhere_is_refused)
def everything_is_adopted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "is_managed_elsewhere", lambda *_: False)


@found_by(WithoutExports)
def addresses_do_not_matter(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration_rules, "has_primary_address", lambda *_: True)


# Exports.


# The object that is not in the bucket keeps the mailbox, but the Delete should have waited.
@found_by(Deployments, AssertionError)
def a_running_export_is_complete(patch: pytest.MonkeyPatch) -> None:
    _complete_exports(patch, ExportState.RUNNING)


@found_by(sequences.an_old_export_exists, MailLost)
def any_age_is_young_enough(patch: pytest.MonkeyPatch) -> None:
    week = timedelta(days=7)
    patch.setattr(
        exports,
        "young_enough",
        lambda jobs, found, there, now: young_enough(
            jobs, found, replace(there, maximum_age=week), now
        ),
    )


@found_by(sequences.a_construct_with_an_export_is_renamed)
def what_is_retained_is_exported(patch: pytest.MonkeyPatch) -> None:
    _ignore_reasons(patch, registration, lambda invocation, _: not invocation.remembered)


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


@found_by(sequences.an_export_from_before_the_last_use_exists, MailLost)
def an_export_before_the_last_use_counts(patch: pytest.MonkeyPatch) -> None:
    _change_jobs(patch, started_at=datetime(9000, 1, 1, tzinfo=UTC))


@found_by(sequences.a_mailbox_is_enabled_again_during_its_export, MailLost)
def an_export_before_the_last_use_is_its_own(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "is_outdated", lambda *_: False)


@found_by(sequences.another_stack_declares_it_during_its_export, MailboxLost)
def the_stack_is_not_read_again_after_an_export(patch: pytest.MonkeyPatch) -> None:
    _ignore_reasons(patch, registration, lambda invocation, _: bool(invocation.remembered))


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
    patch.setattr(exports, "to_join", lambda *_: None)


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
@found_by(sequences.the_construct_of_a_user_is_renamed, EntityLost)
def deleted_though_handed_over(patch: pytest.MonkeyPatch) -> None:
    _ignore_reasons(patch, entity, lambda _, reason: reason.startswith("handed over"))


@found_by(EntityDeployments)
def deleted_in_a_rollback(patch: pytest.MonkeyPatch) -> None:
    _ignore_reasons(patch, entity, lambda _, reason: reason.startswith("it existed before"))


@found_by(EntityDeployments)
def deleted_late(patch: pytest.MonkeyPatch) -> None:
    _ignore_reasons(patch, entity, lambda _, reason: reason.startswith("the stack is"))


@found_by(sequences.another_stack_declares_a_user, EntityLost)
def deleted_though_declared_elsewhere(patch: pytest.MonkeyPatch) -> None:
    _ignore_reasons(patch, entity, lambda _, reason: reason.startswith("declared by"))


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


@found_by(sequences.a_user_has_another_name)
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


@found_by(sequences.a_member_is_removed)
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


@found_by(sequences.a_member_is_found_that_is_not_declared)
def a_create_removes_members(patch: pytest.MonkeyPatch) -> None:
    own = f"{ORGANIZATION_ID}/group/{_id(5)}/members"
    _change_request(patch, MembershipResource, "create", physical_resource_id=own)


@found_by(sequences.an_alias_is_found_that_is_not_declared)
def a_create_removes_aliases(patch: pytest.MonkeyPatch) -> None:
    own = f"{ORGANIZATION_ID}/{_id(2)}"
    patch.setattr(RegistrationResource, "create", RegistrationResource.update)
    _change_request(patch, RegistrationResource, "create", physical_resource_id=own)


@found_by(sequences.an_update_that_removes_an_alias_comes_late)
def late_updates_change(patch: pytest.MonkeyPatch) -> None:
    _change_operations(patch, is_over=False)


@found_by(EntityDeployments)
def rollbacks_remove(patch: pytest.MonkeyPatch) -> None:
    _change_operations(patch, is_over=False, rolls_back=False)


@found_by(sequences.a_password_is_reset)
def each_update_resets_the_password(patch: pytest.MonkeyPatch) -> None:
    _change_request(patch, EntityResource, "update", old_properties={})


@found_by(sequences.a_password_is_reset)
def no_password_is_reset(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(EntityDirectory, "reset_password", lambda *_: None)


@found_by(sequences.an_alias_is_removed)
def no_alias_is_added(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "to_add", lambda *_: [])


@found_by(sequences.an_alias_is_removed)
def no_alias_is_removed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "to_remove", lambda *_, **__: [])


@found_by(sequences.an_alias_from_outside_is_kept)
def undeclared_aliases_are_removed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        registration,
        "to_remove",
        lambda *given, remove_others: to_remove(*given, remove_others=True),
    )


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.broken.__name__)
def test_a_broken_rule_is_found(monkeypatch: pytest.MonkeyPatch, mutant: Mutant) -> None:
    mutant.broken(monkeypatch)
    random_steps = settings(
        settings.get_profile("model"),
        max_examples=_EXAMPLES,
        stateful_step_count=30,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    with pytest.raises(mutant.violation):
        if isinstance(mutant.steps, sequences.Sequence):
            mutant.steps.play()
        else:
            run_state_machine_as_test(mutant.steps, settings=random_steps)


# What several mutants do.


def _id(number: int) -> str:
    """Of the entity that the machine has made so."""
    return f"{number:08d}-1234-1234-1234-123456789012"


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


def _change_jobs(patch: pytest.MonkeyPatch, **changes: Any) -> None:
    """In the list of jobs."""
    of_last_week = ExportJobs.of_last_week
    patch.setattr(
        ExportJobs,
        "of_last_week",
        lambda self: [replace(job, **changes) for job in of_last_week(self)],
    )


def _complete_exports(patch: pytest.MonkeyPatch, *states: ExportState) -> None:
    find = ExportJobs.find

    def find_complete(self: ExportJobs, job_id: str) -> ExportJob | None:
        job = find(self, job_id)
        return replace(job, state=ExportState.COMPLETED) if job and job.state in states else job

    patch.setattr(ExportJobs, "find", find_complete)


def _ignore_reasons(
    patch: pytest.MonkeyPatch, resource: ModuleType, ignores: Callable[[Invocation, str], bool]
) -> None:
    """Ignores some of the reasons to retain an entity."""

    class IgnoringOwnership(Ownership):
        def __init__(self, invocation: Invocation, *given: Any) -> None:
            super().__init__(invocation, *given)
            self.invocation = invocation

        def reason_to_retain(self) -> str | None:
            reason = super().reason_to_retain()
            return None if reason and ignores(self.invocation, reason) else reason

    patch.setattr(resource, "Ownership", IgnoringOwnership)


def _change_operations(patch: pytest.MonkeyPatch, **changed: bool) -> None:
    """As Creates and Updates see it; Deletes read the stack themselves."""
    stack_operation = ownership.stack_operation

    def change(invocation: Invocation) -> SimpleNamespace:
        real = stack_operation(invocation)
        seen = {"is_over": real.is_over, "rolls_back": real.rolls_back, **changed}
        return SimpleNamespace(status=real.status, **seen)

    for module in (entity, ownership, registration):
        patch.setattr(module, "stack_operation", change)
