"""The calls about users, groups and resources, and about their members and delegates."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from workmail_provider.aws import pages
from workmail_provider.budgets import ENTITY_VISIBLE, STATE_CHANGED
from workmail_provider.errors import NotReady, ProviderError, RequestFailed, ServiceError
from workmail_provider.rules.entities import Entity, EntityState
from workmail_provider.rules.kinds import EntityKind, MemberListKind
from workmail_provider.workmail.organization import EntityNotFound, Organization, unexpected


class EntityDirectory:
    """The entities of one kind in one organization, for a resource that declares `name`."""

    def __init__(self, organization: Organization, kind: EntityKind, name: str) -> None:
        self._organization = organization
        self._kind = kind
        self._name = name

    def describe(self, entity_id: str) -> Entity | None:
        return self._organization.describe(self._kind.entity_type, entity_id)

    def create(self, attributes: Mapping[str, Any]) -> str:
        """The id of the new entity. Raises NotReady if one of that name was just created."""
        try:
            created = self._call(self._kind.create_operation, Name=self._name, **attributes)
        except ServiceError as error:
            if error.code != "NameAvailabilityException":
                raise self._explained(error, self._name) from error
            user = self._user_of_name()
            if user and user.entity_type is self._kind.entity_type:
                raise NotReady(
                    ENTITY_VISIBLE, f"{self._declared} was created in the meantime: deploy again"
                ) from error
            raise self._name_in_use(user) from error
        return str(created[self._kind.id_name])

    def update(self, entity: Entity, attributes: Mapping[str, Any]) -> None:
        self._call_on(entity, self._kind.update_operation, **attributes)

    def delete(self, entity: Entity) -> None:
        self._call_on(entity, self._kind.delete_operation)

    def reset_password(self, entity: Entity, password: str) -> None:
        self._call_on(entity, "ResetPassword", Password=password)

    def associate(self, entity: Entity, list_kind: MemberListKind, member_id: str) -> None:
        self._call_on(entity, list_kind.associate_operation, **{list_kind.parameter: member_id})

    def disassociate(self, entity: Entity, list_kind: MemberListKind, member_id: str) -> None:
        """An entity that does not exist is not a member, even if WorkMail lists its id."""
        try:
            self._call_on(
                entity, list_kind.disassociate_operation, **{list_kind.parameter: member_id}
            )
        except NotReady as error:
            if error.budget is not ENTITY_VISIBLE or self.find_any_kind(member_id):
                raise

    def members(self, entity: Entity, list_kind: MemberListKind) -> set[str]:
        """The ids of the members or delegates that are not deleted."""
        return {
            member["Id"]
            for page in pages(partial(self._call_on, entity, list_kind.list_operation))
            for member in page.get(list_kind.declared_as, [])
            if member.get("State") != EntityState.DELETED
        }

    def find_any_kind(self, name_or_id: str) -> Entity | None:
        """The user, group or resource with this name or id."""
        try:
            return self._organization.find(name_or_id)
        except EntityNotFound:
            return None

    def _call_on(self, entity: Entity, operation: str, **parameters: Any) -> Any:
        try:
            return self._call(operation, **{self._kind.id_name: entity.entity_id}, **parameters)
        except ServiceError as error:
            raise self._explained(error, entity.name) from error

    def _call(self, operation: str, **parameters: Any) -> Any:
        try:
            return self._organization.call(operation, **parameters)
        except ServiceError as error:
            if "Password" not in parameters:
                raise
            # WorkMail's message may quote it.
            raise ServiceError(error.operation, error.code, "") from None

    def _explained(self, error: ServiceError, name: str) -> ProviderError:
        entity = f"{self._kind.word} {name} of {self._organization.name}"
        match error.code:
            case "NameAvailabilityException":
                return self._name_in_use(self._user_of_name())
            case "ReservedNameException":
                # The declared name: a resource that is to be renamed has another one.
                return RequestFailed(
                    f"the name of {self._declared} is reserved by WorkMail: declare another"
                )
            case "InvalidPasswordException":
                return RequestFailed(
                    f"WorkMail refuses the password of {entity}: store one in its secret that the "
                    "organization's password policy allows"
                )
            case "InvalidConfigurationException":
                return RequestFailed(
                    f"{entity} must accept requests automatically or have a delegate: declare "
                    f"either{error.detail}"
                )
            case "UnsupportedOperationException":
                return RequestFailed(f"the directory is read-only: change {entity} there")
            case "EntityNotFoundException":
                return NotReady(
                    ENTITY_VISIBLE, f"{entity}, or its declared member, was not found: check both"
                )
            case "EntityStateException":
                return NotReady(
                    STATE_CHANGED,
                    # Short: WorkMail's message says which of the entities it is.
                    f"WorkMail does not change {self._kind.word} {name} in its state: enable it "
                    f"and its declared members{error.detail}",
                )
        return RequestFailed(unexpected(error, entity))

    def _name_in_use(self, user: Entity | None) -> ProviderError:
        """None is an entity that WorkMail does not show yet, or not any more."""
        if user:
            return RequestFailed(
                f"the name of {self._declared} is in use by {user}: declare another"
            )
        return NotReady(
            ENTITY_VISIBLE,
            f"the name of {self._declared} is already in use, but no matching entity was found: "
            "declare another",
        )

    def _user_of_name(self) -> Entity | None:
        """The entity with the declared name, not one with it as an address or an id."""
        try:
            found = self.find_any_kind(self._name)
        except ProviderError:
            return None
        return found if found and found.name.casefold() == self._name.casefold() else None

    @property
    def _declared(self) -> str:
        return f"{self._kind.word} {self._name} of {self._organization.name}"
