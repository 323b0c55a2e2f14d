"""The IAM actions of each declaration.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonworkmail.html
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Permission:
    """Actions on an organization that are granted together, in a policy of their own."""

    id: str
    actions: tuple[str, ...]
    # Needed by removals of what was declared with it, and by nothing else.
    is_for_removal: bool = False


REGISTRATION = Permission(
    "Organization",
    (
        "workmail:RegisterToWorkMail",
        "workmail:DeregisterFromWorkMail",
        "workmail:UpdatePrimaryEmailAddress",
        "workmail:DescribeUser",
        "workmail:DescribeGroup",
        "workmail:DescribeResource",
        "workmail:DescribeEntity",
        "workmail:DescribeOrganization",
    ),
)
ALIASES = Permission(
    "Aliases", ("workmail:ListAliases", "workmail:CreateAlias", "workmail:DeleteAlias")
)
USER = Permission(
    "User",
    (
        "workmail:CreateUser",
        "workmail:UpdateUser",
        "workmail:DescribeUser",
        "workmail:DescribeGroup",
        "workmail:DescribeResource",
        "workmail:DescribeOrganization",
    ),
)
USER_PASSWORD = Permission("UserPassword", ("workmail:ResetPassword",))
USER_DELETION = Permission("UserDeletion", ("workmail:DeleteUser",), is_for_removal=True)
GROUP = Permission(
    "Group",
    (
        "workmail:CreateGroup",
        "workmail:UpdateGroup",
        "workmail:DescribeGroup",
        "workmail:DescribeUser",
        "workmail:DescribeResource",
        "workmail:DescribeOrganization",
    ),
)
GROUP_MEMBERS = Permission(
    "GroupMembers",
    (
        "workmail:ListGroupMembers",
        "workmail:AssociateMemberToGroup",
        "workmail:DisassociateMemberFromGroup",
    ),
)
GROUP_DELETION = Permission("GroupDeletion", ("workmail:DeleteGroup",), is_for_removal=True)
RESOURCE = Permission(
    "Resource",
    (
        "workmail:CreateResource",
        "workmail:UpdateResource",
        "workmail:DescribeResource",
        "workmail:DescribeUser",
        "workmail:DescribeGroup",
        "workmail:DescribeOrganization",
    ),
)
RESOURCE_DELEGATES = Permission(
    "ResourceDelegates",
    (
        "workmail:ListResourceDelegates",
        "workmail:AssociateDelegateToResource",
        "workmail:DisassociateDelegateFromResource",
    ),
)
RESOURCE_DELETION = Permission(
    "ResourceDeletion", ("workmail:DeleteResource",), is_for_removal=True
)
