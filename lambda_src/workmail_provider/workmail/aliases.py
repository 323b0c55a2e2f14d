"""The calls about the aliases of an entity."""

from __future__ import annotations

from functools import partial
from typing import Any

from workmail_provider.aws import pages
from workmail_provider.errors import RequestFailed, ServiceError
from workmail_provider.rules.entities import Entity
from workmail_provider.workmail.organization import NOT_FOUND, Organization

_LIMIT_REACHED = "LimitExceededException"


class Aliases:
    """The aliases of one entity."""

    def __init__(self, organization: Organization, entity: Entity) -> None:
        self._organization = organization
        self._entity = entity

    def list(self) -> list[str]:
        try:
            return [
                alias
                for page in pages(partial(self._call, "ListAliases"))
                for alias in page["Aliases"]
            ]
        except ServiceError as error:
            raise self._organization.explained(error, self._entity, "") from error

    def add(self, alias: str) -> None:
        try:
            # Of other operations the same code means throttling.
            self._call("CreateAlias", final_codes=(_LIMIT_REACHED,), Alias=alias)
        except ServiceError as error:
            if error.code == _LIMIT_REACHED:
                raise RequestFailed(
                    f"{alias} cannot be added to {self._entity}, which has as many aliases as "
                    f"WorkMail allows: declare fewer, or remove some{error.detail}"
                ) from error
            raise self._organization.explained(error, self._entity, alias) from error

    def remove(self, alias: str) -> None:
        try:
            self._call("DeleteAlias", Alias=alias)
        except ServiceError as error:
            if error.code == NOT_FOUND:
                return
            raise self._organization.explained(error, self._entity, alias) from error

    def _call(self, operation: str, **parameters: Any) -> Any:
        return self._organization.call(operation, EntityId=self._entity.entity_id, **parameters)
