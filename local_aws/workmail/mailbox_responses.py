"""The operations that read about a mailbox."""

from __future__ import annotations

from .exceptions import entity_not_found
from .mailboxes import Mailbox
from .requests import Members, Operation, Request, page

_QUOTA_MB = 51200


def get_mailbox_details(request: Request) -> Members:
    mailbox = _mailbox(request, "UserId")
    size = sum(len(file.content) for file in mailbox.files)
    return {"MailboxQuota": _QUOTA_MB, "MailboxSize": size / 1e6}


def list_mailbox_permissions(request: Request) -> Members:
    organization = request.organization()
    rows = [
        {
            "GranteeId": grantee_id,
            "GranteeType": organization.entity(grantee_id).kind,
            "PermissionValues": values,
        }
        for grantee_id, values in _mailbox(request, "EntityId").permissions.items()
    ]
    return page(request, "Permissions", rows)


MAILBOX_OPERATIONS: dict[str, Operation] = {
    "GetMailboxDetails": get_mailbox_details,
    "ListMailboxPermissions": list_mailbox_permissions,
}


def _mailbox(request: Request, parameter: str) -> Mailbox:
    identifier = request.parameters[parameter]
    entity = request.organization().visible_entity(identifier, request.moment.now)
    if entity.mailbox is None:
        raise entity_not_found(identifier)
    return entity.mailbox
