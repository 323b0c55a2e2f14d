"""What the function asks of WorkMail about the aliases of an entity."""

from __future__ import annotations

from workmail_provider.errors import Failure, ServiceError
from workmail_provider.lifecycle import Entity
from workmail_provider.workmail import NOT_FOUND, Organization

_LIMIT_REACHED = "LimitExceededException"


class Aliases:
    """The aliases of one entity in WorkMail."""

    def __init__(self, organization: Organization, entity: Entity) -> None:
        self._organization = organization
        self._entity = entity

    def there(self) -> list[str]:
        aliases: list[str] = []
        token: dict[str, str] = {}
        while True:
            try:
                page = self._organization.call(
                    "ListAliases",
                    self._organization.client.list_aliases,
                    EntityId=self._entity.entity_id,
                    **token,
                )
            except ServiceError as error:
                raise self._organization.explained(error, self._entity, "") from error
            aliases += page["Aliases"]
            if not page.get("NextToken"):
                return aliases
            token = {"NextToken": page["NextToken"]}

    def add(self, alias: str) -> None:
        try:
            self._organization.call(
                "CreateAlias",
                self._organization.client.create_alias,
                # Elsewhere the same code is a kind of throttling.
                judged=(_LIMIT_REACHED,),
                EntityId=self._entity.entity_id,
                Alias=alias,
            )
        except ServiceError as error:
            if error.code == _LIMIT_REACHED:
                raise Failure(
                    f"{alias} cannot be added to {self._entity}, which has as many aliases as "
                    f"WorkMail allows: declare fewer, or remove some{error.in_brackets}"
                ) from error
            raise self._organization.explained(error, self._entity, alias) from error

    def remove(self, alias: str) -> None:
        try:
            self._organization.call(
                "DeleteAlias",
                self._organization.client.delete_alias,
                EntityId=self._entity.entity_id,
                Alias=alias,
            )
        except ServiceError as error:
            if error.code == NOT_FOUND:
                return
            raise self._organization.explained(error, self._entity, alias) from error
