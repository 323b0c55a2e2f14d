"""`Custom::WorkMailRegistration`: an entity of an organization is enabled under an address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from workmail_provider.budgets import ENTITY_VISIBLE, SERVICE_RECOVERED, STATE_CHANGED
from workmail_provider.errors import Failure, ProviderError, Unsettled
from workmail_provider.invocation import Invocation, Outcome
from workmail_provider.lifecycle import (
    Destination,
    Entity,
    EntityState,
    EntityType,
    Registration,
    RegistrationId,
    StackOperation,
    Step,
    enabled_before,
    enabled_earlier,
    next_step,
)
from workmail_provider.ownership import Ownership, stack_operation
from workmail_provider.properties import boolean, structure, text, text_if_any, texts_if_any
from workmail_provider.workmail import (
    EntityNotFound,
    NoLongerEnabled,
    Organization,
    OrganizationGone,
    not_found_sentence,
)

if TYPE_CHECKING:
    from workmail_provider.export_job import ExportJob

RESOURCE_TYPE = "Custom::WorkMailRegistration"


class WorkMailRegistration:
    """The requests of the type. Create and Update are one operation."""

    def create(self, invocation: Invocation) -> Outcome:
        declared = parse(invocation.request.properties)
        return _outcome(_Convergence(invocation, declared, own=None).run())

    def update(self, invocation: Invocation) -> Outcome:
        declared = parse(invocation.request.properties)
        own = RegistrationId.parse(invocation.request.physical_resource_id)
        convergence = _Convergence(invocation, declared, own)
        try:
            return _outcome(convergence.run())
        except Exception as error:
            convergence.undo(error)
            raise

    def delete(self, invocation: Invocation) -> Outcome:
        physical_resource_id = invocation.request.physical_resource_id or ""
        registration_id = RegistrationId.parse(physical_resource_id)
        if registration_id is None:
            invocation.journal.decision(
                "pass over", f"{physical_resource_id!r} is not the id of a registration"
            )
            return Outcome(physical_resource_id)
        exported = _Deregistration(invocation, registration_id).run()
        return Outcome(physical_resource_id, exported)


def parse(properties: Mapping[str, Any]) -> Registration:
    """What a request's properties declare. Raises Failure for what is missing or wrong."""
    return Registration(
        organization_id=text(properties, "OrganizationId"),
        entity_id=text(properties, "EntityId"),
        email=text(properties, "Email"),
        region=text_if_any(properties, "OrganizationRegion"),
        adopt_existing=boolean(properties, "AdoptExisting", "true"),
        export=destination(properties),
        aliases=texts_if_any(properties, "Aliases"),
        remove_other_aliases=boolean(properties, "RemoveOtherAliases", "false"),
    )


def destination(properties: Mapping[str, Any]) -> Destination | None:
    """Where the mailbox is exported to before it is deregistered, None for nowhere.

    Raises Failure for a declaration that is incomplete.
    """
    if "MailboxExport" not in properties:
        return None
    declared = structure(properties, "MailboxExport")
    maximum_age = text(declared, "MaximumAge")
    if not maximum_age.isdecimal():
        raise Failure(f"MaximumAge is {maximum_age!r}, and must be a number of seconds: correct it")
    return Destination(
        role_arn=text(declared, "RoleArn"),
        key_arn=text(declared, "KmsKeyArn"),
        bucket=text(declared, "BucketName"),
        prefix=text(declared, "Prefix"),
        maximum_age=timedelta(seconds=int(maximum_age)),
    )


def _outcome(entity: Entity) -> Outcome:
    return Outcome(
        str(RegistrationId.of(entity)),
        {
            "OrganizationId": entity.organization_id,
            "EntityId": entity.entity_id,
            "EntityType": entity.entity_type,
            "Email": entity.email or "",
        },
    )


def _exported_to(job: ExportJob) -> dict[str, str]:
    return {"ExportJobId": job.job_id, "ExportedTo": job.location}


def _ownership(invocation: Invocation, entity: Entity) -> Ownership:
    return Ownership(
        invocation,
        str(RegistrationId.of(entity)),
        lambda operation: enabled_before(entity, operation),
    )


class _Convergence:
    """Reads, compares and asks for the difference, until what is declared is what is there."""

    def __init__(
        self, invocation: Invocation, declared: Registration, own: RegistrationId | None
    ) -> None:
        self._invocation = invocation
        self._declared = declared
        self._own = own
        self._organization = Organization(
            invocation.clients("workmail", declared.region), declared.organization_id
        )
        self._began_at = invocation.utc_now()
        self._entity: Entity | None = None
        self._asked: set[Step] = set()
        self._may_have_registered = False

    def run(self) -> Entity:
        self._organization.check_literals(self._declared.entity_id, self._declared.email)
        entity = self._invocation.patience.persist(self._converge)
        if self._declared.aliases is not None:
            self._invocation.patience.persist(lambda: self._converge_aliases(entity))
        return entity

    def undo(self, failure: Exception) -> None:
        """A failed Update leaves no stranger enabled.

        Only what this invocation enabled is disabled again, and never the entity that the event's
        own physical id names.
        """
        entity = self._entity
        if entity is None or not self._may_have_registered or self._is_own(entity):
            return
        self._record("undo", f"the update failed: {failure}", entity)
        try:
            self._invocation.last_patience.persist(lambda: self._deregister_again(entity))
        except ProviderError as error:
            if not self._had_nothing_to_undo(error, entity):
                raise Failure(
                    f"{entity} stays enabled and should not, deregister it by hand: {failure}"
                ) from error

    def _converge(self) -> Entity:
        while True:
            entity = self._read()
            step = next_step(entity, self._declared)
            if step is Step.UPDATE_ADDRESS or enabled_earlier(entity, self._began_at):
                # Under an address that was not asked for, or sooner: by somebody else, and it did
                # not show.
                self._may_have_registered = False
            if step is not Step.REGISTER:
                self._refuse_somebody_elses(entity)
            if step is Step.NONE:
                why = "as declared" if self._asked else "it was as declared already"
                self._record("done", why, entity)
                return entity
            if step in self._asked:
                email = f" with address {entity.email}" if entity.email else ""
                raise Unsettled(
                    STATE_CHANGED,
                    f"{entity} of organization {entity.organization_id} still reads {entity.state}"
                    f"{email}: look at it in WorkMail, then deploy again",
                )
            self._ask(step, entity)
            if step is Step.UPDATE_ADDRESS:
                # Only enabling has to show; this one was enabled, and WorkMail took the address.
                return replace(entity, email=self._declared.email)
            self._asked.add(step)

    def _converge_aliases(self, entity: Entity) -> None:
        # Few registrations declare any, and the others start without it.
        from workmail_provider.aliases import to_add, to_remove
        from workmail_provider.workmail_aliases import Aliases

        declared = self._declared.aliases or ()
        aliases = Aliases(self._organization, entity)
        there = aliases.there()
        for alias in to_add([*there, entity.email or ""], declared):
            self._record("add alias", alias, entity)
            aliases.add(alias)
        removed = to_remove(
            there,
            declared,
            texts_if_any(self._invocation.request.old_properties, "Aliases") or (),
            entity.email or "",
            others_too=self._declared.remove_other_aliases,
        )
        if not removed:
            return
        operation = stack_operation(self._invocation)
        # What a rolled-back update declared was perhaps there before it.
        if operation.rolls_back or operation.is_over:
            self._record("leave aliases", f"the stack is {operation.status}", entity)
            return
        for alias in removed:
            self._record("remove alias", alias, entity)
            aliases.remove(alias)

    def _read(self) -> Entity:
        try:
            if self._entity is None:
                self._entity = self._organization.find(self._declared.entity_id)
            else:
                self._entity = self._organization.read_again(self._entity)
        except EntityNotFound as error:
            raise Unsettled(
                ENTITY_VISIBLE,
                not_found_sentence(self._declared.entity_id, self._declared.organization_id),
            ) from error
        return self._entity

    def _refuse_somebody_elses(self, entity: Entity) -> None:
        if self._declared.adopt_existing or self._may_have_registered or self._is_own(entity):
            return
        if _ownership(self._invocation, entity).is_somebody_elses():
            raise Failure(
                f"{entity} of organization {entity.organization_id} is enabled already, not by "
                "this stack, and adopt_existing is False: set it to True to take it over"
            )

    def _ask(self, step: Step, entity: Entity) -> None:
        email = self._declared.email
        if step is Step.UPDATE_ADDRESS:
            self._record(step, f"its address is {entity.email}, declared is {email}", entity)
            self._organization.update_primary_email_address(entity, email)
            return
        self._record(step, f"it reads {entity.state}, declared is {email}", entity)
        self._invocation.claim(str(RegistrationId.of(entity)))
        had_registered, self._may_have_registered = self._may_have_registered, True
        try:
            self._organization.register(entity, email)
        except ProviderError as error:
            # After no answer, a broken one or a crash, WorkMail may have done it all the same.
            if not isinstance(error, Unsettled) or error.budget is not SERVICE_RECOVERED:
                self._may_have_registered = had_registered
            raise

    def _deregister_again(self, entity: Entity) -> None:
        """Asks without reading first: what was asked for a moment ago may not show yet."""
        with suppress(EntityNotFound, OrganizationGone):
            self._organization.deregister(entity)

    def _had_nothing_to_undo(self, error: ProviderError, entity: Entity) -> bool:
        """Whether WorkMail refused until the end, and to the end shows the entity as disabled.

        Sooner than that a refusal can also come from a registration that is under way.
        """
        refused = error.__cause__
        if not isinstance(refused, Unsettled) or refused.budget is not STATE_CHANGED:
            return False
        try:
            return self._organization.read_again(entity).state is not EntityState.ENABLED
        except ProviderError as unreadable:
            return isinstance(unreadable, EntityNotFound | OrganizationGone)

    def _is_own(self, entity: Entity) -> bool:
        return RegistrationId.of(entity) == self._own

    def _record(self, action: str, why: str, entity: Entity) -> None:
        self._invocation.journal.decision(
            action,
            why,
            organization_id=entity.organization_id,
            entity_id=entity.entity_id,
            email=self._declared.email,
        )


class _Deregistration:
    """Disables an entity, unless a rule says that it is to stay as it is."""

    def __init__(self, invocation: Invocation, registration_id: RegistrationId) -> None:
        self._invocation = invocation
        self._id = registration_id
        self._organization = Organization(
            invocation.clients(
                "workmail", text_if_any(invocation.request.properties, "OrganizationRegion")
            ),
            registration_id.organization_id,
        )
        self._exported: ExportJob | None = None
        self._asked = False

    def run(self) -> dict[str, str]:
        """What there is to tell about an export.

        Raises Unfinished when that takes longer than this invocation may.
        """
        try:
            while True:
                export = self._invocation.patience.anew().persist(self._deregister)
                if export is None:
                    break
                # That takes up to hours, and then everything has to be looked at again.
                self._exported = export()
        except EntityNotFound:
            self._record("done", "the entity is gone")
        except NoLongerEnabled:
            self._record("done", "it was deregistered meanwhile")
        except OrganizationGone as error:
            self._record("done", str(error))
        return _exported_to(self._exported) if self._exported else {}

    def _deregister(self) -> Callable[[], ExportJob] | None:
        """Deregisters the entity, or gives the export that has to come before."""
        while True:
            entity = self._organization.find(self._id.entity_id)
            if entity.state is not EntityState.ENABLED:
                self._record("done", f"it reads {entity.state}")
                return None
            if self._asked:
                raise Unsettled(
                    STATE_CHANGED,
                    f"{entity} of organization {entity.organization_id} still reads ENABLED: look "
                    "at it in WorkMail, then delete again",
                )
            ownership = _ownership(self._invocation, entity)
            reason = ownership.reason_to_leave()
            if reason:
                self._record("leave enabled", reason)
                return None
            export = self._export_of(entity, ownership.operation)
            if export:
                return export
            self._record("deregister", "the registration was removed")
            self._organization.deregister(entity)
            self._asked = True

    def _export_of(
        self, entity: Entity, operation: StackOperation
    ) -> Callable[[], ExportJob] | None:
        """What has to be done before the entity may be deregistered; a group has no mailbox."""
        declared = destination(self._invocation.request.properties)
        if declared is None or self._exported or entity.entity_type is EntityType.GROUP:
            return None
        # Few requests come this far, and the others start without it.
        from workmail_provider.export import MailboxExport

        export = MailboxExport(self._invocation, self._organization, declared)
        return lambda: export.run(entity, operation.deletion_began_at or operation.began_at)

    def _record(self, action: str, why: str) -> None:
        self._invocation.journal.decision(
            action, why, organization_id=self._id.organization_id, entity_id=self._id.entity_id
        )
