"""A local Amazon WorkMail: in memory, with switches and faults, with and without HTTP."""

from __future__ import annotations

from .behaviour import Behaviour
from .entities import Entity, Group, Resource, User
from .exceptions import NoResponse, WorkMailError
from .exports import Destination, ExportFailed, ExportJob, ExportOrder, Exports, Write
from .faults import Drop, Failure, Faults, Stall
from .mailboxes import Mailbox, MimeFile
from .models import MailDomain, Organization
from .server import WorkMailServer
from .service import Call, Calls, WorkMail

__all__ = [
    "Behaviour",
    "Call",
    "Calls",
    "Destination",
    "Drop",
    "Entity",
    "ExportFailed",
    "ExportJob",
    "ExportOrder",
    "Exports",
    "Failure",
    "Faults",
    "Group",
    "MailDomain",
    "Mailbox",
    "MimeFile",
    "NoResponse",
    "Organization",
    "Resource",
    "Stall",
    "User",
    "WorkMail",
    "WorkMailError",
    "WorkMailServer",
    "Write",
]
