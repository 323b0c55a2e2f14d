"""Mailboxes: the mail of a user or a resource, and the archive that an export makes of it."""

from __future__ import annotations

import io
import uuid
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
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
    # What others may do in it, by their ids.
    permissions: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def provisioned(cls, address: str, now: float) -> Self:
        """A new mailbox with a welcome, two mails and a calendar item for this address."""
        mailbox = cls(str(uuid.uuid4()), provisioned_at=now)
        for subject, text in _FIRST_MAILS:
            mailbox._file("eml", _mail(address, subject, text, now))
        mailbox._file("ics", _event(address, now))
        return mailbox

    def is_kept(self, now: float) -> bool:
        return self.deprovisioned_at is None or now - self.deprovisioned_at < MAILBOX_KEPT_SECONDS

    def deliver(self, message: EmailMessage) -> None:
        """Keep a message; one whose content is text/calendar becomes a calendar item."""
        if message.get_content_type() == "text/calendar":
            self._file("ics", message.get_content().encode())
        else:
            self._file("eml", bytes(message))

    def archive(self) -> bytes:
        """A zip of the files, the same bytes for the same mail."""
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w") as archive:
            for file in tuple(self.files):
                archive.writestr(zipfile.ZipInfo(file.name), file.content, zipfile.ZIP_DEFLATED)
        return written.getvalue()

    def _file(self, suffix: str, content: bytes) -> None:
        self.files.append(MimeFile(f"{len(self.files) + 1:04}.{suffix}", content))


_FIRST_MAILS = (
    ("Welcome", "Your mailbox is ready."),
    ("Minutes of Monday", "We agreed to keep every mail."),
    ("Lunch on Friday?", "At noon, as usual."),
)


def _mail(address: str, subject: str, text: str, now: float) -> bytes:
    # Written by hand: EmailMessage takes a hundred times as long, at every registration.
    lines = [
        "From: Postmaster <postmaster@local-workmail.example>",
        f"To: {address}",
        f"Date: {format_datetime(datetime.fromtimestamp(now, UTC))}",
        f"Subject: {subject}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        text,
        "",
    ]
    return "\r\n".join(lines).encode()


def _event(address: str, now: float) -> bytes:
    time = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//local_aws//WorkMail//EN",
        "BEGIN:VEVENT",
        f"UID:first-day-of-{address}",
        f"DTSTAMP:{time}",
        f"DTSTART:{time}",
        "SUMMARY:First day",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(lines).encode()
