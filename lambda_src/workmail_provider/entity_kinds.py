"""Users, groups and resources: what WorkMail calls things for each, and what is declared of one.

Nothing here calls AWS.
https://docs.aws.amazon.com/workmail/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workmail_provider.errors import Failure
from workmail_provider.lifecycle import Entity, EntityState, EntityType
from workmail_provider.properties import (
    boolean,
    structure,
    text,
    text_if_any,
    texts_if_any,
)

_BOOKING_OPTIONS = "BookingOptions"
_HIDDEN = "HiddenFromGlobalAddressList"


@dataclass(frozen=True)
class People:
    """The members of a group, or the delegates of a resource."""

    declared_as: str
    word: str
    # The last part of physical ids.
    plural: str
    list_operation: str
    associate_operation: str
    disassociate_operation: str
    parameter: str


@dataclass(frozen=True)
class Kind:
    """One kind of entity, in WorkMail's words."""

    entity_type: EntityType
    # Part of physical ids and of sentences.
    word: str
    id_name: str
    create_operation: str
    update_operation: str
    delete_operation: str
    created_with: frozenset[str]
    updated_with: frozenset[str]
    can_be_renamed: bool = False


_OF_A_NEW_USER = frozenset(
    {"DisplayName", "Role", "FirstName", "LastName", _HIDDEN, "IdentityProviderUserId"}
)
USER = Kind(
    entity_type=EntityType.USER,
    word="user",
    id_name="UserId",
    create_operation="CreateUser",
    update_operation="UpdateUser",
    delete_operation="DeleteUser",
    created_with=_OF_A_NEW_USER,
    updated_with=_OF_A_NEW_USER
    | {
        "Initials",
        "Telephone",
        "Street",
        "JobTitle",
        "City",
        "Company",
        "ZipCode",
        "Department",
        "Country",
        "Office",
    },
)
GROUP = Kind(
    entity_type=EntityType.GROUP,
    word="group",
    id_name="GroupId",
    create_operation="CreateGroup",
    update_operation="UpdateGroup",
    delete_operation="DeleteGroup",
    created_with=frozenset({_HIDDEN}),
    updated_with=frozenset({_HIDDEN}),
)
RESOURCE = Kind(
    entity_type=EntityType.RESOURCE,
    word="resource",
    id_name="ResourceId",
    create_operation="CreateResource",
    update_operation="UpdateResource",
    delete_operation="DeleteResource",
    created_with=frozenset({"Type", "Description", _HIDDEN}),
    updated_with=frozenset({"Type", "Description", _HIDDEN, _BOOKING_OPTIONS}),
    can_be_renamed=True,
)
MEMBERS = People(
    declared_as="Members",
    word="member",
    plural="members",
    list_operation="ListGroupMembers",
    associate_operation="AssociateMemberToGroup",
    disassociate_operation="DisassociateMemberFromGroup",
    parameter="MemberId",
)
DELEGATES = People(
    declared_as="Delegates",
    word="delegate",
    plural="delegates",
    list_operation="ListResourceDelegates",
    associate_operation="AssociateDelegateToResource",
    disassociate_operation="DisassociateDelegateFromResource",
    parameter="EntityId",
)


@dataclass(frozen=True)
class PhysicalId:
    """`<organization id>/<user, group or resource>/<canonical entity id>`."""

    organization_id: str
    word: str
    entity_id: str

    @classmethod
    def parse(cls, kind: Kind, physical_resource_id: str | None) -> PhysicalId | None:
        """The parts of a physical id, or None when it is not one of this kind."""
        pattern = rf"(m-[0-9a-f]{{32}})/{kind.word}/([a-zA-Z0-9._%+@-]{{1,256}})"
        match = re.fullmatch(pattern, physical_resource_id or "")
        return cls(match[1], kind.word, match[2]) if match else None

    @classmethod
    def of(cls, kind: Kind, entity: Entity) -> PhysicalId:
        return cls(entity.organization_id, kind.word, entity.entity_id)

    def __str__(self) -> str:
        return f"{self.organization_id}/{self.word}/{self.entity_id}"


@dataclass(frozen=True)
class Declared:
    """What a template declares of an entity; what it leaves out is left as it is."""

    organization_id: str
    region: str | None
    name: str
    adopt_existing: bool
    attributes: Mapping[str, Any]
    password_secret_arn: str | None
    reset_password: str | None

    @classmethod
    def parse(cls, kind: Kind, properties: Mapping[str, Any]) -> Declared:
        """Raises Failure for what is missing or wrong."""
        attributes: dict[str, Any] = dict(structure(properties, "Attributes"))
        if _HIDDEN in attributes:
            attributes[_HIDDEN] = boolean(attributes, _HIDDEN, "false")
        return cls(
            organization_id=text(properties, "OrganizationId"),
            region=text_if_any(properties, "OrganizationRegion"),
            name=text(properties, "Name"),
            adopt_existing=boolean(properties, "AdoptExisting", "true"),
            attributes=attributes,
            password_secret_arn=text_if_any(properties, "PasswordSecretArn"),
            reset_password=text_if_any(properties, "ResetPassword"),
        )

    def at_creation(self, kind: Kind) -> dict[str, Any]:
        """The attributes that the kind is created with; the others follow.

        None has an empty text at first, and not every Create takes one.
        """
        return {
            name: value
            for name, value in self.attributes.items()
            if name in kind.created_with and value != ""
        }


def exists(entity: Entity | None) -> bool:
    return entity is not None and entity.state is not EntityState.DELETED


@dataclass(frozen=True)
class DeclaredPeople:
    """Who a template declares as members of a group or delegates of a resource: these, no others.

    The options for bookings come with the delegates, because a resource that does not accept
    requests by itself needs a delegate first.
    """

    organization_id: str
    region: str | None
    entity_id: str
    people: tuple[str, ...] | None
    booking_options: Mapping[str, bool]

    @classmethod
    def parse(cls, kind: Kind, people: People, properties: Mapping[str, Any]) -> DeclaredPeople:
        """Raises Failure for what is missing or wrong."""
        options = structure(properties, _BOOKING_OPTIONS)
        return cls(
            organization_id=text(properties, "OrganizationId"),
            region=text_if_any(properties, "OrganizationRegion"),
            entity_id=text(properties, kind.id_name),
            people=texts_if_any(properties, people.declared_as),
            booking_options={name: boolean(options, name, "false") for name in options},
        )


def renaming(kind: Kind, found: Entity, declared: Declared) -> dict[str, str]:
    """The new name, if there is one. Raises Failure where WorkMail knows no renaming."""
    if found.name.casefold() == declared.name.casefold():
        return {}
    if not kind.can_be_renamed:
        raise Failure(
            f"{found} cannot be renamed to {declared.name}, WorkMail does not rename a "
            f"{kind.word}: declare the old name, or another construct for another {kind.word}"
        )
    return {"Name": declared.name}


def changes(
    kind: Kind, found: Entity, declared: Mapping[str, Any], new_name: Mapping[str, str]
) -> dict[str, Any]:
    """What an Update sends for the entity to be as declared; nothing if it is.

    All that is there goes with it, since AWS does not say whether an Update clears what it leaves
    out.
    """
    there = {name: _described(found, name) for name in kind.updated_with}
    wanted = {name: _merged(there.get(name), value) for name, value in declared.items()}
    as_declared = all((there.get(name) or type(value)()) == value for name, value in wanted.items())
    if as_declared and not new_name:
        return {}
    sent = {**there, **wanted, **new_name}
    return {name: value for name, value in sent.items() if value is not None}


def _described(found: Entity, name: str) -> Any:
    return found.described.get("UserRole" if name == "Role" else name)


def _merged(there: Any, declared: Any) -> Any:
    return {**(there or {}), **declared} if isinstance(declared, Mapping) else declared
