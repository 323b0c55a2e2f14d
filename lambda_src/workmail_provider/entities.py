"""Users, groups and resources: they are there as they are declared.

The same contract as a registration's: what is there is read and compared, and only the difference
is asked for; nothing is deleted that was handed over or is rolled back.
"""

from __future__ import annotations

from workmail_provider.aws import call
from workmail_provider.budgets import (
    ENTITY_DEREGISTERED,
    ENTITY_VISIBLE,
    SERVICE_RECOVERED,
    STATE_CHANGED,
)
from workmail_provider.entity_kinds import (
    Declared,
    Kind,
    PhysicalId,
    changes,
    exists,
    renaming,
)
from workmail_provider.errors import Failure, ProviderError, ServiceError, Unsettled
from workmail_provider.invocation import Invocation, Outcome
from workmail_provider.lifecycle import Entity, EntityState
from workmail_provider.ownership import Ownership, stack_operation
from workmail_provider.properties import text_if_any
from workmail_provider.workmail import (
    Organization,
    OrganizationGone,
)
from workmail_provider.workmail_entities import EntityDirectory


class EntityResource:
    """The requests of one of the types. Create and Update are one operation."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def create(self, invocation: Invocation) -> Outcome:
        return self._converge(invocation, own=None)

    def update(self, invocation: Invocation) -> Outcome:
        own = PhysicalId.parse(self._kind, invocation.request.physical_resource_id)
        return self._converge(invocation, own)

    def delete(self, invocation: Invocation) -> Outcome:
        physical_resource_id = invocation.request.physical_resource_id or ""
        own = PhysicalId.parse(self._kind, physical_resource_id)
        if own is None:
            invocation.journal.decision(
                "pass over", f"{physical_resource_id!r} is not the id of a {self._kind.word}"
            )
        else:
            _Deletion(invocation, self._kind, own).run()
        return Outcome(physical_resource_id)

    def _converge(self, invocation: Invocation, own: PhysicalId | None) -> Outcome:
        declared = Declared.parse(self._kind, invocation.request.properties)
        reached = _Convergence(invocation, self._kind, declared, own).run()
        return Outcome(
            str(reached),
            {
                "OrganizationId": reached.organization_id,
                self._kind.id_name: reached.entity_id,
                "Name": declared.name,
            },
        )


def _ownership(invocation: Invocation, kind: Kind, entity: Entity) -> Ownership:
    # WorkMail does not tell when an entity was created: it counts as there before.
    return Ownership(invocation, str(PhysicalId.of(kind, entity)), lambda operation: True)


class _OwnNotFound(ProviderError):
    """WorkMail does not find the entity that the event's physical id names."""

    def __init__(self, own: PhysicalId) -> None:
        super().__init__(f"{own} is not found")
        self.own = own


class _Convergence:
    """Reads, compares and asks for the difference."""

    def __init__(
        self, invocation: Invocation, kind: Kind, declared: Declared, own: PhysicalId | None
    ) -> None:
        self._invocation = invocation
        self._kind = kind
        self._declared = declared
        self._own = own
        self._directory = EntityDirectory(
            Organization(invocation.clients("workmail", declared.region), declared.organization_id),
            kind,
            declared.name,
        )
        self._created_id: str | None = None
        self._may_have_created = False

    def run(self) -> PhysicalId:
        """Which entity is as declared now."""
        return self._invocation.patience.persist(self._converge)

    def _converge(self) -> PhysicalId:
        try:
            entity = self._find()
            while entity is None:
                self._create()
                entity = self._find()
        except _OwnNotFound as missing:
            return self._without_our_own(missing)
        if self._may_have_created:
            self._invocation.claim(str(PhysicalId.of(self._kind, entity)))
        self._refuse_somebody_elses(entity)
        new_name = renaming(self._kind, entity, self._declared)
        differing = changes(self._kind, entity, self._declared.attributes, new_name)
        if differing:
            self._record("update", "it is not as declared", entity)
            self._directory.update(entity, differing)
        if self._asks_for_another_password():
            self._reset_password(entity)
        self._record("done", "as declared", entity)
        return PhysicalId.of(self._kind, entity)

    def _without_our_own(self, missing: _OwnNotFound) -> PhysicalId:
        """A rollback has nothing to put back then, and has to be able to end.

        Otherwise: another one would have another id, and CloudFormation would delete this one.
        """
        own = missing.own
        if stack_operation(self._invocation).rolls_back:
            self._invocation.journal.decision(
                "leave", f"{own} is not there any more, and the stack rolls back"
            )
            return own
        raise Unsettled(
            ENTITY_VISIBLE,
            f"{self._named()} (id {own.entity_id}) is not there any more: if it was deleted, "
            "declare another construct for another one",
        )

    def _find(self) -> Entity | None:
        """The entity that was created here, else the one that is ours, else the one so named."""
        if self._created_id:
            entity = self._directory.describe(self._created_id)
            if not exists(entity):
                raise Unsettled(
                    ENTITY_VISIBLE,
                    f"{self._named()} was created and does not show: look at it in WorkMail, then "
                    "deploy again",
                )
            return entity
        if self._own and self._own.organization_id == self._declared.organization_id:
            entity = self._directory.describe(self._own.entity_id)
            if exists(entity):
                return entity
            if entity is None:
                raise _OwnNotFound(self._own)
        entity = self._directory.describe(self._declared.name)
        # Describe finds by id and address too.
        if entity and exists(entity) and entity.name.casefold() == self._declared.name.casefold():
            return entity
        return None

    def _refuse_somebody_elses(self, entity: Entity) -> None:
        is_ours = self._may_have_created or PhysicalId.of(self._kind, entity) == self._own
        if self._declared.adopt_existing or is_ours:
            return
        if _ownership(self._invocation, self._kind, entity).is_somebody_elses():
            raise Failure(
                f"{entity} of organization {entity.organization_id} is there already, not by this "
                "stack, and adopt_existing is False: set it to True to take it over"
            )

    def _create(self) -> None:
        attributes = self._declared.at_creation(self._kind)
        if self._declared.password_secret_arn:
            attributes["Password"] = self._password()
        self._invocation.journal.decision(
            "create",
            f"{self._named()} is not there",
            organization_id=self._declared.organization_id,
        )
        try:
            self._created_id = self._directory.create(attributes)
        except Unsettled as error:
            # After no answer or a broken one, WorkMail may have created it all the same.
            self._may_have_created |= error.budget is SERVICE_RECOVERED
            raise
        self._may_have_created = True
        own = PhysicalId(self._declared.organization_id, self._kind.word, self._created_id)
        self._invocation.claim(str(own))

    def _asks_for_another_password(self) -> bool:
        """Whether the template's text has changed. After a creation the password is new anyway."""
        before = self._invocation.request.old_properties.get("ResetPassword")
        wanted = self._declared.reset_password
        is_update = self._invocation.request.request_type == "Update"
        return is_update and self._created_id is None and wanted not in (None, before)

    def _reset_password(self, entity: Entity) -> None:
        operation = stack_operation(self._invocation)
        if operation.rolls_back or operation.is_over:
            self._record("keep password", f"the stack is {operation.status}", entity)
            return
        self._record("reset password", "ResetPassword has changed", entity)
        self._directory.reset_password(entity, self._password())

    def _password(self) -> str:
        arn = self._declared.password_secret_arn
        if not arn:
            raise Failure(f"{self._named()} has no password secret: declare PasswordSecretArn")
        client = self._invocation.clients("secretsmanager", None)
        try:
            answer = call(
                "secretsmanager", "GetSecretValue", client.get_secret_value, arn, SecretId=arn
            )
        except ServiceError as error:
            raise Failure(
                f"the password of {self._named()} could not be read from {arn}: look at the secret "
                f"({error.code})"
            ) from error
        password = answer.get("SecretString")
        if not password:
            raise Failure(f"{arn} holds no text: put the password of {self._named()} into it")
        return str(password)

    def _named(self) -> str:
        return f"{self._kind.word} {self._declared.name}"

    def _record(self, action: str, why: str, entity: Entity) -> None:
        self._invocation.journal.decision(
            action, why, organization_id=entity.organization_id, entity_id=entity.entity_id
        )


class _Deletion:
    """Deletes an entity, unless a rule says that it is to stay."""

    def __init__(self, invocation: Invocation, kind: Kind, own: PhysicalId) -> None:
        self._invocation = invocation
        self._kind = kind
        self._id = own
        region = text_if_any(invocation.request.properties, "OrganizationRegion")
        organization = Organization(invocation.clients("workmail", region), own.organization_id)
        self._directory = EntityDirectory(organization, kind, own.entity_id)
        self._asked = False

    def run(self) -> None:
        try:
            self._record(*self._invocation.patience.persist(self._delete))
        except OrganizationGone as error:
            self._record("done", str(error))

    def _delete(self) -> tuple[str, str]:
        """What was done in the end, and why."""
        while True:
            entity = self._directory.describe(self._id.entity_id)
            if entity is None or entity.state is EntityState.DELETED:
                return "done", "it is gone"
            if self._asked:
                raise Unsettled(
                    STATE_CHANGED, f"{entity} still reads {entity.state}: look at it in WorkMail"
                )
            reason = _ownership(self._invocation, self._kind, entity).reason_to_leave()
            if reason:
                return "leave", reason
            if entity.state is EntityState.ENABLED:
                raise Unsettled(
                    ENTITY_DEREGISTERED,
                    f"{entity} is enabled, and what is enabled is not deleted: remove its "
                    "registration or disable it in WorkMail, then delete again",
                )
            self._record("delete", "it was removed")
            self._directory.delete(entity)
            self._asked = True

    def _record(self, action: str, why: str) -> None:
        self._invocation.journal.decision(
            action, why, organization_id=self._id.organization_id, entity_id=self._id.entity_id
        )
