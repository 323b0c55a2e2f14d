"""A local Amazon WorkMail: in memory, with switches and faults, with and without HTTP."""

from __future__ import annotations

from .behaviour import Behaviour
from .calls import Call, Calls
from .entities import Entity, Group, Mailbox, Resource, User
from .exceptions import NoAnswer, WorkMailError
from .faults import Drop, Failure, Faults, Stall
from .models import MailDomain, Organization
from .server import WorkMailServer
from .service import WorkMail

__all__ = [
    "Behaviour",
    "Call",
    "Calls",
    "Drop",
    "Entity",
    "Failure",
    "Faults",
    "Group",
    "MailDomain",
    "Mailbox",
    "NoAnswer",
    "Organization",
    "Resource",
    "Stall",
    "User",
    "WorkMail",
    "WorkMailError",
    "WorkMailServer",
]
