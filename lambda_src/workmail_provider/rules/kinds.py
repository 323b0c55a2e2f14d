"""Users, groups and resources in the terms of the WorkMail API.

https://docs.aws.amazon.com/workmail/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

BOOKING_OPTIONS = "BookingOptions"
HIDDEN = "HiddenFromGlobalAddressList"


class EntityType(StrEnum):
    """The types of entity, as the API spells them."""

    USER = "USER"
    GROUP = "GROUP"
    RESOURCE = "RESOURCE"


@dataclass(frozen=True)
class EntityKind:
    """The operations and attributes of one type of entity."""

    entity_type: EntityType
    # Part of physical ids and messages.
    word: str
    id_name: str
    create_operation: str
    update_operation: str
    delete_operation: str
    created_with: frozenset[str]
    updated_with: frozenset[str]
    can_be_renamed: bool = False


@dataclass(frozen=True)
class MemberListKind:
    """The operations on the members of a group or the delegates of a resource."""

    declared_as: str
    word: str
    # The last part of physical ids.
    plural: str
    list_operation: str
    associate_operation: str
    disassociate_operation: str
    parameter: str


_OF_A_NEW_USER = frozenset(
    {"DisplayName", "Role", "FirstName", "LastName", HIDDEN, "IdentityProviderUserId"}
)
USER = EntityKind(
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
GROUP = EntityKind(
    entity_type=EntityType.GROUP,
    word="group",
    id_name="GroupId",
    create_operation="CreateGroup",
    update_operation="UpdateGroup",
    delete_operation="DeleteGroup",
    created_with=frozenset({HIDDEN}),
    updated_with=frozenset({HIDDEN}),
)
RESOURCE = EntityKind(
    entity_type=EntityType.RESOURCE,
    word="resource",
    id_name="ResourceId",
    create_operation="CreateResource",
    update_operation="UpdateResource",
    delete_operation="DeleteResource",
    created_with=frozenset({"Type", "Description", HIDDEN}),
    updated_with=frozenset({"Type", "Description", HIDDEN, BOOKING_OPTIONS}),
    can_be_renamed=True,
)
MEMBERS = MemberListKind(
    declared_as="Members",
    word="member",
    plural="members",
    list_operation="ListGroupMembers",
    associate_operation="AssociateMemberToGroup",
    disassociate_operation="DisassociateMemberFromGroup",
    parameter="MemberId",
)
DELEGATES = MemberListKind(
    declared_as="Delegates",
    word="delegate",
    plural="delegates",
    list_operation="ListResourceDelegates",
    associate_operation="AssociateDelegateToResource",
    disassociate_operation="DisassociateDelegateFromResource",
    parameter="EntityId",
)
