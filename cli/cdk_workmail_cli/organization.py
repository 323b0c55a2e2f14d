"""What WorkMail shows of one organization: listed first, and then one call for each detail."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from cdk_workmail_cli.aws import CallRefused, Service, listed

_NOT_FOUND = "EntityNotFoundException"
_NOT_IN_THIS_STATE = "EntityStateException"
_ENTITY_ID = re.compile(r"[a-zA-Z0-9._%+@-]{1,256}")


class Kind(StrEnum):
    """The kinds of entity."""

    USER = "user"
    GROUP = "group"
    RESOURCE = "resource"


@dataclass(frozen=True)
class Api:
    """The operations and names of one kind."""

    list_operation: str
    list_member: str
    describe_operation: str
    id_name: str
    associated_operation: str | None
    associated_member: str


API = {
    Kind.USER: Api("ListUsers", "Users", "DescribeUser", "UserId", None, ""),
    Kind.GROUP: Api(
        "ListGroups", "Groups", "DescribeGroup", "GroupId", "ListGroupMembers", "Members"
    ),
    Kind.RESOURCE: Api(
        "ListResources",
        "Resources",
        "DescribeResource",
        "ResourceId",
        "ListResourceDelegates",
        "Delegates",
    ),
}
LISTED_ATTRIBUTES = {
    Kind.USER: {"DisplayName", "Role", "IdentityProviderUserId"},
    Kind.GROUP: set[str](),
    Kind.RESOURCE: {"Type", "Description"},
}
"""The attributes that a list shows, so that nothing has to be described for them."""


@dataclass(frozen=True)
class Entity:
    """A user, group or resource as a list shows it."""

    kind: Kind
    entity_id: str
    name: str
    state: str
    email: str | None
    listed: Mapping[str, Any]

    @property
    def is_enabled(self) -> bool:
        return self.state == "ENABLED"

    @property
    def exists(self) -> bool:
        return self.state != "DELETED"

    @property
    def is_system_user(self) -> bool:
        return self.listed.get("UserRole") in ("SYSTEM_USER", "RESOURCE")

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Organization:
    """Reads one organization. Lists are read once; nothing is ever changed."""

    def __init__(
        self, service: Service, organization_id: str, progress: Callable[[str, int], None]
    ) -> None:
        self.organization_id = organization_id
        self.region = service.region
        self._service = service
        self._progress = progress
        self._details = 0
        self._domains: dict[str, bool | None] = {}

    @cached_property
    def entities(self) -> tuple[Entity, ...]:
        found: list[Entity] = []
        for kind, api in API.items():
            for row in listed(
                self._service,
                api.list_operation,
                api.list_member,
                OrganizationId=self.organization_id,
            ):
                found.append(
                    Entity(
                        kind,
                        row["Id"],
                        row.get("Name", row["Id"]),
                        row.get("State", "DISABLED"),
                        row.get("Email"),
                        row,
                    )
                )
                self._progress("listed", len(found))
        return tuple(found)

    def find(self, identifier: str) -> Entity | None:
        """The entity with this id, else the existing one with this name or primary address."""
        wanted = identifier.casefold()
        return (
            self._by_id.get(identifier) or self._by_name.get(wanted) or self._by_address.get(wanted)
        )

    def named(self, name: str) -> Entity | None:
        """The existing entity of any kind with this name, ignoring case."""
        return self._by_name.get(name.casefold())

    def meant(self, identifier: str, kind: Kind | None) -> Entity | None:
        """The entity of this kind and name, or without a kind any entity."""
        if kind is None:
            return self.find(identifier)
        named = self.named(identifier)
        return named if named and named.kind is kind else None

    def identifier(self, entity: Entity) -> str:
        """How a file names the entity: by its name where that is enough, else by its id."""
        is_plain = _ENTITY_ID.fullmatch(entity.name) and self.find(entity.name) is entity
        return entity.name if is_plain else entity.entity_id

    def owner(self, address: str) -> Entity | None:
        """The enabled entity that has the primary address."""
        return self._by_address.get(address.casefold())

    def owner_of_alias(self, address: str) -> Entity | None:
        """The entity that has the address in whatever way; costs a call."""
        try:
            found = self._call("DescribeEntity", Email=address)
        except CallRefused as error:
            if error.code == _NOT_FOUND:
                return None
            raise
        return self._by_id.get(found["EntityId"])

    def is_domain_verified(self, domain: str) -> bool | None:
        """Whether addresses of the domain can be given; None if the organization lacks it."""
        domain = domain.casefold()
        if domain in self._domains_in_use:
            return True
        if domain not in self._domains:
            try:
                found = self._call("GetMailDomain", DomainName=domain)
                self._domains[domain] = found.get("OwnershipVerificationStatus") == "VERIFIED"
            except CallRefused as error:
                if error.code != "MailDomainNotFoundException":
                    raise
                self._domains[domain] = None
        return self._domains[domain]

    def described(self, entity: Entity) -> Mapping[str, Any]:
        """All that WorkMail shows of the entity."""
        api = API[entity.kind]
        return self._call(api.describe_operation, **{api.id_name: entity.entity_id})

    def aliases(self, entity: Entity) -> list[str]:
        """The addresses besides the primary one; none while WorkMail lists none for its state."""
        listed_aliases = self._list("ListAliases", "Aliases", EntityId=entity.entity_id)
        primary = (entity.email or "").casefold()
        return [alias for alias in listed_aliases if alias.casefold() != primary]

    def associated(self, entity: Entity) -> list[Entity]:
        """The members of a group or the delegates of a resource that exist."""
        api = API[entity.kind]
        if api.associated_operation is None:
            return []
        rows = self._list(
            api.associated_operation, api.associated_member, **{api.id_name: entity.entity_id}
        )
        found = (self._by_id.get(row["Id"]) for row in rows)
        return [entity for entity in found if entity and entity.exists]

    def detail(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """One call about the organization. Raises CallRefused."""
        return self._call(operation, **parameters)

    def details(self, operation: str, member: str, **parameters: Any) -> list[Any]:
        """One list of the organization. Raises CallRefused."""
        return list(
            self._service.pages(
                operation, member, OrganizationId=self.organization_id, **parameters
            )
        )

    def _list(self, operation: str, member: str, **parameters: Any) -> list[Any]:
        try:
            rows = listed(
                self._service,
                operation,
                member,
                OrganizationId=self.organization_id,
                **parameters,
            )
        except CallRefused as error:
            if error.code != _NOT_IN_THIS_STATE:
                raise
            rows = []
        self._count()
        return rows

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        response = self._service.call(operation, OrganizationId=self.organization_id, **parameters)
        self._count()
        return response

    def _count(self) -> None:
        self._details += 1
        self._progress("details read", self._details)

    @cached_property
    def _domains_in_use(self) -> set[str]:
        """The domains of primary addresses, which were verified: they cost no call each."""
        return {address.rpartition("@")[2] for address in self._by_address}

    @cached_property
    def _by_id(self) -> dict[str, Entity]:
        return {entity.entity_id: entity for entity in self.entities}

    @cached_property
    def _by_name(self) -> dict[str, Entity]:
        return _first(lambda entity: entity.name if entity.exists else None, self.entities)

    @cached_property
    def _by_address(self) -> dict[str, Entity]:
        # WorkMail may still show the address of a disabled entity, which it no longer has.
        return _first(lambda entity: entity.email if entity.is_enabled else None, self.entities)


def _first(key: Callable[[Entity], str | None], entities: tuple[Entity, ...]) -> dict[str, Entity]:
    found: dict[str, Entity] = {}
    for entity in entities:
        value = key(entity)
        if value:
            found.setdefault(value.casefold(), entity)
    return found
