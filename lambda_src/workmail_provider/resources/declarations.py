"""What the properties of each custom resource type declare.

Each function raises RequestFailed for a property that is missing or wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from workmail_provider.cloudformation.properties import (
    boolean,
    optional_text,
    optional_texts,
    seconds,
    structure,
    text,
)
from workmail_provider.errors import RequestFailed
from workmail_provider.rules.entities import EntityDeclaration, MemberListDeclaration
from workmail_provider.rules.exports import ExportDestination
from workmail_provider.rules.kinds import BOOKING_OPTIONS, HIDDEN, EntityKind, MemberListKind
from workmail_provider.rules.registration import RegistrationDeclaration
from workmail_provider.rules.removals import RosterDeclaration

Properties = Mapping[str, Any]


def organization_region(properties: Properties) -> str | None:
    return optional_text(properties, "OrganizationRegion")


def registration(properties: Properties) -> RegistrationDeclaration:
    # Parsed, so that a mistake fails the deployment and not the later Delete.
    export_destination(properties)
    return RegistrationDeclaration(
        organization_id=text(properties, "OrganizationId"),
        entity_id=text(properties, "EntityId"),
        email=text(properties, "Email"),
        adopt_existing=boolean(properties, "AdoptExisting", "true"),
        aliases=aliases(properties),
        remove_other_aliases=boolean(properties, "RemoveOtherAliases", "false"),
        user_attributes=structure(properties, "UserAttributes"),
    )


def aliases(properties: Properties) -> tuple[str, ...] | None:
    return optional_texts(properties, "Aliases")


def export_destination(properties: Properties) -> ExportDestination | None:
    """None when the mailbox is not exported before it is deregistered."""
    if "MailboxExport" not in properties:
        return None
    declared = structure(properties, "MailboxExport")
    return ExportDestination(
        role_arn=text(declared, "RoleArn"),
        key_arn=text(declared, "KmsKeyArn"),
        bucket=text(declared, "BucketName"),
        prefix=text(declared, "Prefix"),
        maximum_age=timedelta(seconds=seconds(declared, "MaximumAge")),
    )


def entity(properties: Properties) -> EntityDeclaration:
    attributes: dict[str, Any] = dict(structure(properties, "Attributes"))
    if HIDDEN in attributes:
        attributes[HIDDEN] = boolean(attributes, HIDDEN, "false")
    return EntityDeclaration(
        organization_id=text(properties, "OrganizationId"),
        name=text(properties, "Name"),
        adopt_existing=boolean(properties, "AdoptExisting", "true"),
        attributes=attributes,
        password_secret_arn=optional_text(properties, "PasswordSecretArn"),
        reset_password=optional_text(properties, "ResetPassword"),
    )


def member_list(
    kind: EntityKind, list_kind: MemberListKind, properties: Properties
) -> MemberListDeclaration:
    options = structure(properties, BOOKING_OPTIONS)
    return MemberListDeclaration(
        organization_id=text(properties, "OrganizationId"),
        entity_id=text(properties, kind.id_name),
        members=optional_texts(properties, list_kind.declared_as),
        booking_options={name: boolean(options, name, "false") for name in options},
    )


def roster(properties: Properties) -> RosterDeclaration:
    maximum = text(properties, "MaximumRemovals")
    if not re.fullmatch(r"\d+|\d+(\.\d+)?%", maximum):
        raise RequestFailed(
            f"MaximumRemovals is {maximum!r}, must be a number or a share such as 25%: correct it"
        )
    return RosterDeclaration(
        organization_id=text(properties, "OrganizationId"),
        entries=optional_texts(properties, "Entries") or (),
        retained=optional_texts(properties, "Retained") or (),
        maximum_removals=maximum,
    )
