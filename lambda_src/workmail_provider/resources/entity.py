"""`Custom::WorkMailUser`, `Custom::WorkMailGroup` and `Custom::WorkMailResource`."""

from __future__ import annotations

from enum import Enum, auto

from workmail_provider.aws import call
from workmail_provider.budgets import (
    ENTITY_DEREGISTERED,
    ENTITY_VISIBLE,
    SERVICE_RECOVERED,
    STATE_CHANGED,
)
from workmail_provider.cloudformation.ownership import Ownership, stack_operation
from workmail_provider.cloudformation.request import Invocation, Outcome
from workmail_provider.errors import NotReady, RequestFailed, ServiceError
from workmail_provider.resources import declarations
from workmail_provider.resources.organization import organization
from workmail_provider.rules.entities import (
    Entity,
    EntityDeclaration,
    EntityState,
    attributes_at_creation,
    changes,
    exists,
    new_name,
)
from workmail_provider.rules.kinds import EntityKind
from workmail_provider.rules.physical_ids import EntityPhysicalId
from workmail_provider.workmail.entities import EntityDirectory
from workmail_provider.workmail.organization import OrganizationGone


class EntityResource:
    """The requests of one of the types. Create and Update are one operation."""

    def __init__(self, kind: EntityKind) -> None:
        self._kind = kind

    def create(self, invocation: Invocation) -> Outcome:
        return self._converge(invocation, own=None)

    def update(self, invocation: Invocation) -> Outcome:
        own = EntityPhysicalId.parse(self._kind, invocation.request.physical_resource_id)
        return self._converge(invocation, own)

    def delete(self, invocation: Invocation) -> Outcome:
        physical_resource_id = invocation.request.physical_resource_id or ""
        own = EntityPhysicalId.parse(self._kind, physical_resource_id)
        if own is None:
            invocation.log.info(
                "ignore", f"{physical_resource_id!r} is not the id of a {self._kind.word}"
            )
        else:
            _Deletion(invocation, self._kind, own).run()
        return Outcome(physical_resource_id)

    def _converge(self, invocation: Invocation, own: EntityPhysicalId | None) -> Outcome:
        declared = declarations.entity(invocation.request.properties)
        converged = _Convergence(invocation, self._kind, declared, own).run()
        return Outcome(
            str(converged),
            {
                "OrganizationId": converged.organization_id,
                self._kind.id_name: converged.entity_id,
                "Name": declared.name,
            },
        )


def _ownership(invocation: Invocation, kind: EntityKind, entity: Entity) -> Ownership:
    # WorkMail does not say when an entity was created, so it counts as existing before.
    return Ownership(invocation, EntityPhysicalId.of(kind, entity), lambda at: True)


class _Missing(Enum):
    """Which entity was not found."""

    # The one that the event's physical id names.
    OWN = auto()
    # One with the declared name.
    DECLARED = auto()


class _Convergence:
    """Finds the entity, compares it and changes the difference, until it is as declared."""

    def __init__(
        self,
        invocation: Invocation,
        kind: EntityKind,
        declared: EntityDeclaration,
        own: EntityPhysicalId | None,
    ) -> None:
        self._invocation = invocation
        self._kind = kind
        self._declared = declared
        # An entity of another organization is replaced.
        is_here = own and own.organization_id == declared.organization_id
        self._own = own if is_here else None
        self._directory = EntityDirectory(
            organization(invocation, declared.organization_id), kind, declared.name
        )
        self._created_id: str | None = None
        self._may_have_created = False

    def run(self) -> EntityPhysicalId:
        """The id of the entity that is as declared."""
        converged = None
        while converged is None:
            converged = self._invocation.retry.call(self._find_and_act)
        return converged

    def _find_and_act(self) -> EntityPhysicalId | None:
        """The entity's id if it is as declared, None after its creation: then it is found."""
        entity = self._find()
        if entity is _Missing.OWN:
            return self._without_own()
        if entity is _Missing.DECLARED:
            self._create()
            return None
        physical_id = EntityPhysicalId.of(self._kind, entity)
        if self._may_have_created:
            self._invocation.set_physical_id(str(physical_id))
        self._refuse_managed_elsewhere(entity)
        renaming = new_name(self._kind, entity, self._declared.name)
        differing = changes(self._kind, entity, self._declared.attributes, renaming)
        if differing:
            self._log("update", "it is not as declared", entity)
            self._directory.update(entity, differing)
        if self._declares_new_password():
            self._reset_password(entity)
        self._log("done", "as declared", entity)
        return physical_id

    def _find(self) -> Entity | _Missing:
        """The entity created here, else the resource's own, else the one with the name."""
        if self._created_id:
            return self._find_created(self._created_id)
        if self._own:
            entity = self._directory.describe(self._own.entity_id)
            if entity is None:
                return _Missing.OWN
            if exists(entity):
                return entity
        entity = self._directory.describe(self._declared.name)
        # Describe finds by id and address too.
        if entity and exists(entity) and entity.name.casefold() == self._declared.name.casefold():
            return entity
        return _Missing.DECLARED

    def _find_created(self, entity_id: str) -> Entity:
        entity = self._directory.describe(entity_id)
        if entity is None or not exists(entity):
            raise NotReady(
                ENTITY_VISIBLE,
                f"{self._name} was created and does not show: look at it in WorkMail, then "
                "deploy again",
            )
        return entity

    def _without_own(self) -> EntityPhysicalId:
        """A rollback ends without an entity that no longer exists; an Update fails.

        A new entity would have another id, and CloudFormation would then delete this one.
        """
        assert self._own
        if stack_operation(self._invocation).rolls_back:
            self._invocation.log.info(
                "ignore", f"{self._own} no longer exists, and the stack rolls back"
            )
            return self._own
        raise NotReady(
            ENTITY_VISIBLE,
            f"{self._name} (id {self._own.entity_id}) no longer exists: if it was deleted, "
            "replace its construct by one with another id",
        )

    def _refuse_managed_elsewhere(self, entity: Entity) -> None:
        is_ours = self._may_have_created or EntityPhysicalId.of(self._kind, entity) == self._own
        if self._declared.adopt_existing or is_ours:
            return
        ownership = _ownership(self._invocation, self._kind, entity)
        if ownership.is_managed_elsewhere():
            raise RequestFailed(
                f"{entity} already exists, {ownership.manager()}, and adopt_existing is False: set "
                "it to True to adopt the entity"
            )

    def _create(self) -> None:
        attributes = attributes_at_creation(self._kind, self._declared.attributes)
        if self._declared.password_secret_arn:
            attributes["Password"] = self._password()
        organization_id = self._declared.organization_id
        self._invocation.log.info(
            "create", f"{self._name} does not exist", organization_id=organization_id
        )
        try:
            self._created_id = self._directory.create(attributes)
        except NotReady as error:
            # After no response or a broken one, WorkMail may have created it.
            self._may_have_created |= error.budget is SERVICE_RECOVERED
            raise
        self._may_have_created = True
        own = EntityPhysicalId(organization_id, self._kind.word, self._created_id)
        self._invocation.set_physical_id(str(own))

    def _declares_new_password(self) -> bool:
        """Whether the template's text has changed. A created entity has the new password."""
        before = self._invocation.request.old_properties.get("ResetPassword")
        wanted = self._declared.reset_password
        is_update = self._invocation.request.request_type == "Update"
        return is_update and self._created_id is None and wanted not in (None, before)

    def _reset_password(self, entity: Entity) -> None:
        operation = stack_operation(self._invocation)
        if operation.rolls_back:
            self._log("retain password", f"the stack is {operation.status}", entity)
            return
        self._log("reset password", "ResetPassword has changed", entity)
        self._directory.reset_password(entity, self._password())

    def _password(self) -> str:
        arn = self._declared.password_secret_arn
        if not arn:
            raise RequestFailed(f"{self._name} has no password secret: declare PasswordSecretArn")
        client = self._invocation.clients("secretsmanager", None)
        try:
            secret = call(
                self._invocation.retry,
                "secretsmanager",
                client,
                "GetSecretValue",
                arn,
                SecretId=arn,
            )
        except ServiceError as error:
            raise RequestFailed(
                f"the password of {self._name} could not be read from {arn}: look at the secret "
                f"({error.code})"
            ) from error
        password = secret.get("SecretString")
        if not password:
            raise RequestFailed(f"{arn} has no text: store the password of {self._name} in it")
        return str(password)

    @property
    def _name(self) -> str:
        return f"{self._kind.word} {self._declared.name}"

    def _log(self, action: str, why: str, entity: Entity) -> None:
        self._invocation.log.info(
            action, why, organization_id=entity.organization_id, entity_id=entity.entity_id
        )


class _Deletion:
    """Deletes an entity, unless a rule retains it."""

    def __init__(self, invocation: Invocation, kind: EntityKind, own: EntityPhysicalId) -> None:
        self._invocation = invocation
        self._kind = kind
        self._id = own
        self._directory = EntityDirectory(
            organization(invocation, own.organization_id), kind, own.entity_id
        )
        self._log = invocation.log.on(
            organization_id=own.organization_id, entity_id=own.entity_id
        ).info
        self._deleted = False

    def run(self) -> None:
        try:
            while not self._invocation.retry.call(self._find_and_act):
                pass
        except OrganizationGone as error:
            self._log("done", str(error))

    def _find_and_act(self) -> bool:
        """Whether nothing is left to do; False after the deletion: then it is found again."""
        entity = self._directory.describe(self._id.entity_id)
        if entity is None or not exists(entity):
            self._log("done", "it does not exist")
            return True
        if self._deleted:
            raise NotReady(
                STATE_CHANGED, f"{entity} still reads {entity.state}: look at it in WorkMail"
            )
        reason = _ownership(self._invocation, self._kind, entity).reason_to_retain()
        if reason:
            self._log("retain", reason)
            return True
        if entity.state is EntityState.ENABLED:
            raise NotReady(
                ENTITY_DEREGISTERED,
                f"{entity} is enabled, and enabled entities cannot be deleted: remove its "
                "registration or disable it in WorkMail, then delete again",
            )
        self._log("delete", "it was removed from the stack")
        self._directory.delete(entity)
        self._deleted = True
        return False
