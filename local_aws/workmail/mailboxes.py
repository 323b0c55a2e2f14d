"""Mailboxes: the mail of a user or a resource, and the archive that an export makes of it."""

from __future__ import annotations

import io
import uuid
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Self

MAILBOX_KEPT_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class MimeFile:
    """One message (.eml) or calendar item (.ics) under the name that it has in an export."""

    name: str
    content: bytes


@dataclass
class Mailbox:
    """The mail of one user or resource; a new `mailbox_id` means that the old mail is lost."""

    mailbox_id: str
    provisioned_at: float
    deprovisioned_at: float | None = None
    files: list[MimeFile] = field(default_factory=list)
    quota_mb: int = 51_200
    # Grantee's id -> FULL_ACCESS, SEND_AS, SEND_ON_BEHALF.
    permissions: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def provisioned(cls, address: str, now: float) -> Self:
        """A new mailbox with one mail and one calendar item for this address."""
        time = datetime.fromtimestamp(now, UTC)
        mail = _MAIL.format(address=address, date=format_datetime(time))
        event = _EVENT.format(address=address, time=f"{time:%Y%m%dT%H%M%SZ}")
        texts = {"0001.eml": mail, "0002.ics": event}
        files = [
            MimeFile(name, text.replace("\n", "\r\n").encode()) for name, text in texts.items()
        ]
        return cls(str(uuid.uuid4()), provisioned_at=now, files=files)

    def is_kept(self, now: float) -> bool:
        return self.deprovisioned_at is None or now - self.deprovisioned_at < MAILBOX_KEPT_SECONDS

    def archive(self) -> bytes:
        """A zip of the files, the same bytes for the same mail."""
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w") as archive:
            for file in self.files:
                archive.writestr(zipfile.ZipInfo(file.name), file.content, zipfile.ZIP_DEFLATED)
        return written.getvalue()


# Plain texts: EmailMessage takes a hundred times as long, at every registration.
_MAIL = """\
From: Postmaster <postmaster@local-workmail.example>
To: {address}
Date: {date}
Subject: Welcome
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii

Your mailbox is ready.
"""
_EVENT = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//local_aws//WorkMail//EN
BEGIN:VEVENT
UID:first-day-of-{address}
DTSTAMP:{time}
DTSTART:{time}
SUMMARY:First day
END:VEVENT
END:VCALENDAR
"""
