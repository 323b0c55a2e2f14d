"""What the function asks of WorkMail about users, groups, resources, and who belongs to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore import xform_name

from workmail_provider.budgets import ENTITY_VISIBLE, STATE_CHANGED
from workmail_provider.entity_kinds import Kind, People
from workmail_provider.errors import Failure, ProviderError, ServiceError, Unsettled
from workmail_provider.lifecycle import Entity, EntityState
from workmail_provider.workmail import (
    EntityNotFound,
    Organization,
    unexpected,
)


class EntityDirectory:
    """The entities of one kind in one organization, for a resource that declares `name`."""

    def __init__(self, organization: Organization, kind: Kind, name: str) -> None:
        self._organization = organization
        self._kind = kind
        self._name = name

    def describe(self, entity_id: str) -> Entity | None:
        return self._organization.describe(self._kind.entity_type, entity_id)

    def create(self, attributes: Mapping[str, Any]) -> str:
        """The id of the new entity. Raises Unsettled if one of the name is there by now."""
        try:
            answer = self._perform(self._kind.create_operation, Name=self._name, **attributes)
        except ServiceError as error:
            if error.code == "NameAvailabilityException" and self._is_there():
                raise Unsettled(
                    ENTITY_VISIBLE, f"{self._what()} was not there and is now: deploy again"
                ) from error
            raise self._explained(error, self._name) from error
        return str(answer[self._kind.id_name])

    def update(self, entity: Entity, attributes: Mapping[str, Any]) -> None:
        self._on(entity, self._kind.update_operation, **attributes)

    def delete(self, entity: Entity) -> None:
        self._on(entity, self._kind.delete_operation)

    def reset_password(self, entity: Entity, password: str) -> None:
        self._on(entity, "ResetPassword", Password=password)

    def associate(self, entity: Entity, people: People, person_id: str) -> None:
        self._on(entity, people.associate_operation, **{people.parameter: person_id})

    def disassociate(self, entity: Entity, people: People, person_id: str) -> None:
        """Who is not there any more belongs to nothing, also where WorkMail still lists the id."""
        try:
            self._on(entity, people.disassociate_operation, **{people.parameter: person_id})
        except Unsettled as error:
            if error.budget is not ENTITY_VISIBLE or self.anybody(person_id):
                raise

    def people(self, entity: Entity, people: People) -> set[str]:
        """The ids of the members or delegates that are there; a deleted one does not count."""
        found: set[str] = set()
        token: dict[str, str] = {}
        while True:
            page = self._on(entity, people.list_operation, **token)
            for person in page.get(people.declared_as, []):
                if person.get("State") != EntityState.DELETED:
                    found.add(person["Id"])
            if not page.get("NextToken"):
                return found
            token = {"NextToken": page["NextToken"]}

    def anybody(self, name_or_id: str) -> Entity | None:
        """Who has this name or id, of whatever kind; None if nobody shows by it."""
        try:
            return self._organization.find(name_or_id)
        except EntityNotFound:
            return None

    def _on(self, entity: Entity, operation: str, **parameters: Any) -> Any:
        try:
            return self._perform(operation, **{self._kind.id_name: entity.entity_id}, **parameters)
        except ServiceError as error:
            raise self._explained(error, entity.name) from error

    def _perform(self, operation: str, **parameters: Any) -> Any:
        method = getattr(self._organization.client, xform_name(operation))
        try:
            return self._organization.call(operation, method, **parameters)
        except ServiceError as error:
            if "Password" not in parameters:
                raise
            # WorkMail's own words may quote it.
            raise ServiceError(error.operation, error.code, "") from None

    def _explained(self, error: ServiceError, name: str) -> ProviderError:
        what = f"{self._kind.word} {name} of {self._organization.name}"
        match error.code:
            case "NameAvailabilityException":
                return self._name_taken()
            case "ReservedNameException":
                # The declared name, which a resource that is to be renamed has not yet.
                return Failure(
                    f"the name of {self._what()} is reserved by WorkMail: declare another"
                )
            case "InvalidPasswordException":
                return Failure(
                    f"WorkMail does not accept the password of {what}: put one into its secret "
                    "that the organization's password policy allows"
                )
            case "InvalidConfigurationException":
                return Failure(
                    f"{what} must accept requests by itself or have a delegate: declare either"
                    f"{error.in_brackets}"
                )
            case "UnsupportedOperationException":
                return Failure(f"the directory is read-only: change {what} there")
            case "EntityNotFoundException":
                return Unsettled(ENTITY_VISIBLE, f"{what}, or who it names, is not there: check it")
            case "EntityStateException":
                return Unsettled(
                    STATE_CHANGED,
                    # Without the organization there is room for which of them it is.
                    f"WorkMail refuses to change {self._kind.word} {name} in its state: look "
                    f"whether it, and who it names, is enabled{error.in_brackets}",
                )
        return Failure(unexpected(error, what))

    def _name_taken(self) -> ProviderError:
        """By another kind, by somebody who does not show yet, or by one deleted a moment ago."""
        holder = self._holder()
        if holder:
            return Failure(f"the name of {self._what()} is taken by {holder}: declare another")
        return Unsettled(
            ENTITY_VISIBLE,
            f"the name of {self._what()} is taken, nobody shows by it: declare another",
        )

    def _is_there(self) -> bool:
        holder = self._holder()
        return holder is not None and holder.entity_type is self._kind.entity_type

    def _holder(self) -> Entity | None:
        """Who has the declared name, of whatever kind; not who has it as an address or an id."""
        try:
            holder = self.anybody(self._name)
        except ProviderError:
            return None
        return holder if holder and holder.name.casefold() == self._name.casefold() else None

    def _what(self) -> str:
        return f"{self._kind.word} {self._name} of {self._organization.name}"
