"""What no export holds: aliases, members, delegates, permissions."""

from __future__ import annotations

from functools import partial
from typing import Any

from workmail_provider.aws import pages
from workmail_provider.errors import ProviderError
from workmail_provider.rules.kinds import EntityType
from workmail_provider.workmail.organization import Organization

_PAGE = 100


def dossier_of(
    organization: Organization, kind: str, entity_id: str
) -> tuple[dict[str, list[Any]], list[str]]:
    """The dossier of a user, group or resource, and notes on what could not be read."""
    wanted = [("aliases", "ListAliases", "EntityId", "Aliases")]
    match kind:
        case EntityType.GROUP:
            wanted.append(("members", "ListGroupMembers", "GroupId", "Members"))
        case EntityType.RESOURCE:
            wanted.append(("delegates", "ListResourceDelegates", "ResourceId", "Delegates"))
    if kind != EntityType.GROUP:
        wanted.append(("permissions", "ListMailboxPermissions", "EntityId", "Permissions"))
    found: dict[str, list[Any]] = {}
    unread: list[str] = []
    for name, operation, parameter, member in wanted:
        try:
            found[name] = [
                _plain(row)
                for row in listed(organization, operation, member, **{parameter: entity_id})
            ]
        except ProviderError as error:
            unread.append(f"its {name} could not be read: {error}")
    return found, unread


def listed(organization: Organization, operation: str, member: str, **parameters: str) -> list[Any]:
    """All entries of a list."""
    list_page = partial(organization.call, operation, MaxResults=_PAGE, **parameters)
    return [row for page in pages(list_page) for row in page.get(member, [])]


def _plain(row: Any) -> Any:
    """A member or delegate by its id, without the dates of the response."""
    match row:
        case {"Id": str(entity_id)}:
            return {"id": entity_id, "name": row.get("Name", ""), "type": row.get("Type", "")}
        case {"GranteeId": str(entity_id)}:
            return {
                "id": entity_id,
                "type": row.get("GranteeType", ""),
                "permissions": sorted(row.get("PermissionValues", [])),
            }
    return row
