"""What cannot be declared, for the day when the organization is left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cdk_workmail_cli.aws import CallRefused
from cdk_workmail_cli.organization import Entity, Kind, Organization

# What AWS says of one entity alone; any other refusal is the same for all.
_OF_THE_ENTITY = {
    "EntityNotFoundException",
    "EntityStateException",
    "InvalidParameterException",
    "UnsupportedOperationException",
}
_OF_THE_ORGANIZATION = (
    ("access_control_rules", "ListAccessControlRules", "Rules"),
    ("mobile_device_access_rules", "ListMobileDeviceAccessRules", "Rules"),
    ("availability_configurations", "ListAvailabilityConfigurations", "AvailabilityConfigurations"),
    ("impersonation_roles", "ListImpersonationRoles", "Roles"),
)
_UNREADABLE = (
    "WorkMail has no API for inbox rules, forwarding, signatures and folders: ask each user"
)


class Dossier:
    """Collects the details, and what could not be read with the reason."""

    def __init__(self, organization: Organization) -> None:
        self._organization = organization
        self._refused: set[str] = set()
        self._not_read: dict[str, str] = {}

    def read(self, undeclared: list[dict[str, str]]) -> dict[str, Any]:
        """The whole dossier."""
        organization = self._organization
        mailboxes = {
            organization.identifier(entity): self._mailbox(entity)
            for entity in sorted(organization.entities, key=lambda e: e.name.casefold())
            if entity.exists and entity.kind is not Kind.GROUP and not entity.is_system_user
        }
        found: dict[str, Any] = {
            "organization_id": organization.organization_id,
            "organization": self._one("DescribeOrganization"),
            "domains": self._domains(),
            "default_retention_policy": self._one("GetDefaultRetentionPolicy"),
        }
        for name, operation, member in _OF_THE_ORGANIZATION:
            found[name] = self._list(operation, member)
        return {
            **{name: value for name, value in found.items() if value},
            "not_declared": undeclared,
            "mailboxes": mailboxes,
            "not_read": {**self._not_read, "rules and forwarding": _UNREADABLE},
        }

    @staticmethod
    def text(dossier: dict[str, Any]) -> str:
        return json.dumps(dossier, indent=2, ensure_ascii=False, sort_keys=True, default=str) + "\n"

    def _mailbox(self, entity: Entity) -> dict[str, Any]:
        found: dict[str, Any] = {"kind": str(entity.kind), "state": entity.state}
        if not entity.is_enabled:
            return found
        found["email"] = entity.email
        if entity.kind is Kind.USER:
            details = self._one("GetMailboxDetails", UserId=entity.entity_id)
            if details:
                found["quota_mb"] = details.get("MailboxQuota")
                found["size_mb"] = details.get("MailboxSize")
        permissions = self._list("ListMailboxPermissions", "Permissions", EntityId=entity.entity_id)
        if permissions:
            found["permissions"] = sorted(map(self._permission, permissions), key=str)
        return found

    def _permission(self, row: dict[str, Any]) -> dict[str, Any]:
        grantee = self._organization.find(row["GranteeId"])
        return {
            "grantee": self._organization.identifier(grantee) if grantee else row["GranteeId"],
            "grantee_type": row["GranteeType"],
            "permissions": sorted(row["PermissionValues"]),
        }

    def _domains(self) -> dict[str, Any]:
        return {
            row["DomainName"]: self._one("GetMailDomain", DomainName=row["DomainName"])
            for row in self._list("ListMailDomains", "MailDomains")
        }

    def _one(self, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation in self._refused:
            return {}
        try:
            response = self._organization.detail(operation, **parameters)
        except CallRefused as error:
            self._note(operation, error, parameters)
            return {}
        return {name: value for name, value in response.items() if name != "ResponseMetadata"}

    def _list(self, operation: str, member: str, **parameters: Any) -> list[Any]:
        if operation in self._refused:
            return []
        try:
            return self._organization.details(operation, member, **parameters)
        except CallRefused as error:
            self._note(operation, error, parameters)
            return []

    def _note(self, operation: str, error: CallRefused, parameters: Mapping[str, Any]) -> None:
        if error.code in _OF_THE_ENTITY:
            self._not_read[" of ".join((operation, *parameters.values()))] = str(error)
        else:
            self._refused.add(operation)
            self._not_read[operation] = str(error)
