"""What no export contains: aliases, members, delegates, permissions."""

from __future__ import annotations

from functools import partial
from typing import Any

from workmail_provider.aws import pages
from workmail_provider.budgets import PERMISSION_PROPAGATED
from workmail_provider.errors import BudgetSpent, NotReady, ProviderError
from workmail_provider.rules.kinds import EntityType
from workmail_provider.workmail.organization import Organization

_PAGE = 100


def dossier_of(
    organization: Organization, entity_type: str, entity_id: str, *, is_repeated: bool = True
) -> tuple[dict[str, list[Any]], list[str]]:
    """The dossier of a user, group or resource, and notes on what could not be read.

    Raises the error of a list that can be read later, if that `is_repeated`.
    """
    wanted = [("aliases", "ListAliases", "EntityId", "Aliases")]
    match entity_type:
        case EntityType.GROUP:
            wanted.append(("members", "ListGroupMembers", "GroupId", "Members"))
        case EntityType.RESOURCE:
            wanted.append(("delegates", "ListResourceDelegates", "ResourceId", "Delegates"))
    if entity_type != EntityType.GROUP:
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
            if is_repeated and may_pass(error):
                raise
            unread.append(f"its {name} could not be read: {error}")
    return found, unread


def may_pass(error: ProviderError) -> bool:
    """Whether a later call can succeed; a missing permission is not waited for."""
    return isinstance(error, NotReady | BudgetSpent) and (error.budget is not PERMISSION_PROPAGATED)


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
