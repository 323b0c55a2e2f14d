"""The aliases of a registered entity: those that are declared are there."""

from __future__ import annotations

from collections.abc import Collection

from workmail_provider.errors import Failure, ServiceError
from workmail_provider.lifecycle import Entity
from workmail_provider.workmail import NOT_FOUND, Organization

_LIMIT_REACHED = "LimitExceededException"


def to_add(there: Collection[str], declared: Collection[str]) -> list[str]:
    known = {alias.casefold() for alias in there}
    return sorted({alias.casefold() for alias in declared} - known)


def to_remove(
    there: Collection[str],
    declared: Collection[str],
    declared_before: Collection[str],
    primary: str,
    *,
    others_too: bool,
) -> list[str]:
    """Those that left the declaration; with `others_too` also those that were never in it.

    What an address change left behind was never declared as an alias.
    """
    stay = {alias.casefold() for alias in declared} | {primary.casefold()}
    before = {alias.casefold() for alias in declared_before}
    return sorted(
        alias
        for alias in there
        if alias.casefold() not in stay and (others_too or alias.casefold() in before)
    )


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
                    f"WorkMail allows: declare fewer ({error.message})"
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
