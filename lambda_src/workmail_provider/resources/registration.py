"""`Custom::WorkMailRegistration`: an entity is enabled, and this is its primary address."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from enum import Enum, auto

from workmail_provider.budgets import ENTITY_VISIBLE, SERVICE_RECOVERED, STATE_CHANGED
from workmail_provider.cloudformation.ownership import Ownership, restores, stack_operation
from workmail_provider.cloudformation.request import Invocation, Outcome
from workmail_provider.cloudformation.response import NEVER_CREATED
from workmail_provider.errors import BudgetSpent, NotReady, ProviderError, RequestFailed, shown
from workmail_provider.resources import declarations
from workmail_provider.resources.export import ExportBeforeRemoval
from workmail_provider.resources.organization import organization
from workmail_provider.rules.aliases import to_add, to_remove
from workmail_provider.rules.entities import Entity, EntityState, changes
from workmail_provider.rules.exports import ExportJob, is_outdated
from workmail_provider.rules.kinds import USER, EntityType
from workmail_provider.rules.physical_ids import RegistrationId
from workmail_provider.rules.registration import (
    RegistrationDeclaration,
    Step,
    has_mail_to_export,
    next_step,
    was_enabled_before,
    was_surely_enabled_before,
)
from workmail_provider.workmail.aliases import Aliases
from workmail_provider.workmail.entities import EntityDirectory
from workmail_provider.workmail.organization import (
    EntityNotFound,
    NoLongerEnabled,
    OrganizationGone,
    not_found_message,
)


class RegistrationResource:
    """The requests of the type. Create and Update are one operation."""

    def create(self, invocation: Invocation) -> Outcome:
        declared = declarations.registration(invocation.request.properties)
        return _outcome(_Convergence(invocation, declared, own=None).run())

    def update(self, invocation: Invocation) -> Outcome:
        declared = declarations.registration(invocation.request.properties)
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
            invocation.log.info("ignore", f"{physical_resource_id!r} is not a registration's id")
            return Outcome(physical_resource_id)
        exported = _Deregistration(invocation, registration_id).run()
        if exported is None:
            return Outcome(physical_resource_id)
        data = {"ExportJobId": exported.job_id, "ExportedTo": exported.location}
        return Outcome(physical_resource_id, data)


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


def _ownership(invocation: Invocation, entity: Entity) -> Ownership:
    return Ownership(
        invocation, RegistrationId.of(entity), lambda at: was_enabled_before(entity, at)
    )


class _Convergence:
    """Finds the entity, compares it and changes the difference, until it is as declared."""

    def __init__(
        self, invocation: Invocation, declared: RegistrationDeclaration, own: RegistrationId | None
    ) -> None:
        self._invocation = invocation
        self._declared = declared
        self._own = own
        self._organization = organization(invocation, declared.organization_id)
        self._began_at = invocation.utc_now()
        self._entity: Entity | None = None
        self._registered = False
        self._may_have_registered = False

    def run(self) -> Entity:
        """The entity once it is as declared."""
        self._organization.check_values(self._declared.entity_id, self._declared.email)
        retry = self._invocation.retry
        converged = None
        while converged is None:
            converged = retry.call(self._find_and_act)
        entity = converged
        if entity.state is not EntityState.ENABLED:
            return replace(entity, email=self._declared.email)
        if self._declared.user_attributes and entity.entity_type is EntityType.USER:
            retry.call(lambda: self._update_attributes(entity))
        if self._declared.aliases is not None:
            retry.call(lambda: self._change_aliases(entity))
        return entity

    def undo(self, failure: Exception) -> None:
        """A failed Update disables what this invocation enabled, unless a stack declares it.

        It never disables the entity that the event's own physical id names.
        """
        entity = self._entity
        if entity is None or not self._may_have_registered or self._is_own(entity):
            return
        self._log("undo", f"the update failed: {failure}", entity)
        try:
            self._invocation.last_retry.call(lambda: self._deregister_again(entity))
        except ProviderError as error:
            if not self._had_nothing_to_undo(error, entity):
                raise RequestFailed(
                    f"{entity} stays enabled and should not, deregister it by hand unless another "
                    f"stack declares it: {failure}"
                ) from error

    def _find_and_act(self) -> Entity | None:
        """The entity if it is as declared, None after a change: then it is found again."""
        entity = self._find()
        step = next_step(entity, self._declared.email)
        if step is Step.UPDATE_ADDRESS or was_surely_enabled_before(entity, self._began_at):
            # Enabled under another address, or earlier: not by this invocation.
            self._may_have_registered = False
        if step is not Step.REGISTER:
            self._refuse_managed_elsewhere(entity)
        if step is Step.NONE:
            if self._registered:
                # Another address may have shown in between.
                self._invocation.set_physical_id(str(RegistrationId.of(entity)))
            self._log("done", "as declared" if self._registered else "already as declared", entity)
            return entity
        if step is Step.UPDATE_ADDRESS:
            self._refuse_address_of_found(entity)
            self._update_address(entity)
            # It is enabled and WorkMail accepted the address: there is nothing to wait for.
            return replace(entity, email=self._declared.email)
        if self._registered:
            raise NotReady(
                STATE_CHANGED,
                f"{entity} of organization {entity.organization_id} still reads {entity.state}: "
                "look at it in WorkMail, then deploy again",
            )
        if self._is_own(entity) and not self._email_or_revision_changed():
            self._log("retain", "it was disabled outside this stack, and stays disabled", entity)
            return entity
        self._register(entity)
        self._registered = True
        return None

    def _find(self) -> Entity:
        try:
            if self._entity is None:
                self._entity = self._organization.find(self._declared.entity_id)
            else:
                self._entity = self._organization.find_again(self._entity)
        except EntityNotFound as error:
            raise NotReady(
                ENTITY_VISIBLE,
                not_found_message(self._declared.entity_id, self._declared.organization_id),
            ) from error
        return self._entity

    def _refuse_managed_elsewhere(self, entity: Entity) -> None:
        if self._declared.adopt_existing or self._may_have_registered or self._is_own(entity):
            return
        ownership = _ownership(self._invocation, entity)
        if ownership.is_managed_elsewhere():
            # Not enabled by this invocation: a Delete must not disable it.
            self._invocation.set_physical_id(NEVER_CREATED)
            raise RequestFailed(
                f"{entity} is already enabled, {ownership.manager()}, and adopt_existing is False: "
                "set it to True to adopt the entity"
            )

    def _refuse_address_of_found(self, entity: Entity) -> None:
        if self._may_change_found(entity):
            return
        message = (
            f"{entity} is enabled with address {entity.email}, declared is {self._declared.email}: "
            "declare the address it has, and change it in a second deployment"
        )
        # Not enabled by this invocation: a Delete must not disable it.
        self._invocation.set_physical_id(NEVER_CREATED)
        if not self._registered:
            raise RequestFailed(message)
        raise NotReady(STATE_CHANGED, message)

    def _may_change_found(self, entity: Entity) -> bool:
        """Whether an address or alias that was found may be replaced or removed.

        In an Update of this very entity, which a rollback can undo, and in that rollback.
        """
        return self._is_own(entity) or restores(self._invocation)

    def _email_or_revision_changed(self) -> bool:
        """Whether this Update changes what the registration declares, not only an option."""
        before = self._invocation.request.old_properties
        return str(
            before.get("Email", "")
        ).casefold() != self._declared.email.casefold() or before.get(
            "Revision"
        ) != self._invocation.request.properties.get("Revision")

    def _update_address(self, entity: Entity) -> None:
        email = self._declared.email
        why = f"its address is {entity.email}, declared is {email}"
        self._log(Step.UPDATE_ADDRESS, why, entity)
        self._organization.update_primary_email_address(entity, email)

    def _register(self, entity: Entity) -> None:
        email = self._declared.email
        self._log(Step.REGISTER, f"it reads {entity.state}, declared is {email}", entity)
        self._invocation.set_physical_id(str(RegistrationId.of(entity)))
        refused = False
        try:
            self._organization.register(entity, email)
        except ProviderError as error:
            refused = not _outcome_is_unknown(error)
            raise
        finally:
            self._may_have_registered |= not refused

    def _update_attributes(self, entity: Entity) -> None:
        found = self._organization.find_again(entity)
        differing = changes(USER, found, self._declared.user_attributes)
        if differing:
            self._log("update", "its attributes are not as declared", entity)
            EntityDirectory(self._organization, USER, entity.name).update(entity, differing)

    def _change_aliases(self, entity: Entity) -> None:
        declared = self._declared.aliases or ()
        aliases = Aliases(self._organization, entity)
        current = aliases.list()
        removed = to_remove(
            current,
            declared,
            declarations.aliases(self._invocation.request.old_properties) or (),
            entity.email or "",
            remove_others=self._declared.remove_other_aliases,
        )
        if removed and not self._may_change_found(entity):
            self._refuse_aliases_of_found(entity, removed)
        for alias in to_add([*current, entity.email or ""], declared):
            self._log("add alias", alias, entity)
            aliases.add(alias)
        if not removed:
            return
        operation = stack_operation(self._invocation)
        # What the update that failed declared may have existed before it.
        if operation.rolls_back:
            self._log("retain aliases", f"the stack is {operation.status}", entity)
            return
        for alias in removed:
            self._log("remove alias", alias, entity)
            aliases.remove(alias)

    def _refuse_aliases_of_found(self, entity: Entity, others: list[str]) -> None:
        raise RequestFailed(
            f"{entity} has {len(others)} aliases that are not declared ({shown(others)}): declare "
            "them, and remove them in a second deployment"
        )

    def _deregister_again(self, entity: Entity) -> None:
        """Acts without finding first, because the registration may not show yet.

        Another stack can have adopted the entity since it was enabled, and so can this very Update,
        delivered twice.
        """
        retry = self._invocation.last_retry
        declaration = _ownership(replace(self._invocation, retry=retry), entity).declaration()
        if declaration:
            self._log("retain", declaration, entity)
            return
        with suppress(EntityNotFound, OrganizationGone):
            self._organization.with_retry(retry).deregister(entity)

    def _had_nothing_to_undo(self, error: ProviderError, entity: Entity) -> bool:
        """Whether WorkMail refused until the end, and shows the entity as disabled then.

        An earlier refusal can also come from a registration that has not settled.
        """
        if not isinstance(error, BudgetSpent) or error.budget is not STATE_CHANGED:
            return False
        try:
            return self._organization.find_again(entity).state is not EntityState.ENABLED
        except (EntityNotFound, OrganizationGone):
            return True
        except ProviderError:
            return False

    def _is_own(self, entity: Entity) -> bool:
        return RegistrationId.of(entity) == self._own

    def _log(self, action: str, why: str, entity: Entity) -> None:
        self._invocation.log.info(
            action,
            why,
            organization_id=entity.organization_id,
            entity_id=entity.entity_id,
            email=self._declared.email,
        )


def _outcome_is_unknown(error: ProviderError) -> bool:
    """After no response or a broken one, WorkMail may have done what it was asked."""
    return isinstance(error, NotReady) and error.budget is SERVICE_RECOVERED


class _Progress(Enum):
    """What one look at an entity that is to be disabled led to."""

    DONE = auto()
    EXPORT_NEEDED = auto()
    DEREGISTERED = auto()


class _Deregistration:
    """Disables an entity, unless a rule retains it."""

    def __init__(self, invocation: Invocation, registration_id: RegistrationId) -> None:
        self._invocation = invocation
        self._id = registration_id
        self._organization = organization(invocation, registration_id.organization_id)
        self._export: ExportBeforeRemoval | None = None
        self._exported: ExportJob | None = None
        self._deregistered = False
        self._log = invocation.log.on(
            organization_id=registration_id.organization_id, entity_id=registration_id.entity_id
        ).info

    def run(self) -> ExportJob | None:
        """The export that was made before, if one was declared.

        Raises ContinueLater when that takes longer than this invocation.
        """
        try:
            self._run()
        except EntityNotFound:
            self._log("done", "the entity does not exist")
        except NoLongerEnabled:
            self._log("done", "it was deregistered in the meantime")
        except OrganizationGone as error:
            self._log("done", str(error))
        return self._exported

    def _run(self) -> None:
        progress = None
        while progress is not _Progress.DONE:
            progress = self._invocation.retry.call(self._find_and_act)
            if progress is _Progress.EXPORT_NEEDED and self._export:
                # That takes up to hours: everything is found again.
                self._exported = self._export.run()

    def _find_and_act(self) -> _Progress:
        entity = self._organization.find(self._id.entity_id)
        if entity.state is not EntityState.ENABLED:
            self._log("done", f"it reads {entity.state}")
            return _Progress.DONE
        if self._deregistered:
            raise NotReady(
                STATE_CHANGED,
                f"{entity} of organization {entity.organization_id} still reads ENABLED: look "
                "at it in WorkMail, then delete again",
            )
        ownership = _ownership(self._invocation, entity)
        reason = ownership.reason_to_retain()
        if reason:
            self._log("retain", reason)
            return _Progress.DONE
        operation = ownership.operation
        destination = declarations.export_destination(self._invocation.request.properties)
        needs_export = destination and not self._exported and has_mail_to_export(entity, operation)
        if destination and needs_export:
            self._export = ExportBeforeRemoval(
                self._invocation,
                self._organization,
                destination,
                entity,
                began_at=operation.deletion_began_at or operation.began_at,
            )
            return _Progress.EXPORT_NEEDED
        if self._exported and is_outdated(self._exported, entity):
            raise RequestFailed(
                f"{entity} was enabled again after its export began, it stays enabled: delete "
                "again 24 hours after that, then it is exported again"
            )
        self._log("deregister", "the registration was removed")
        self._organization.deregister(entity)
        self._deregistered = True
        return _Progress.DEREGISTERED
