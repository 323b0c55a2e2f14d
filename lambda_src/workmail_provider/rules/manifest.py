"""The manifest of exports: one line for each export of a mailbox, an object of its own.

A line is never changed: its name has the run that wrote it, so that two runs do not overwrite
each other's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from workmail_provider.rules.exports import as_path_part

_FOLDER = "_manifest"


class Verdict(StrEnum):
    """What is known of an export."""

    VERIFIED = "VERIFIED"
    # In the bucket, with a size. A removal needs no more, and may not read mail.
    EXPORTED = "EXPORTED"
    FAILED = "FAILED"
    # Disabled or deleted before it was exported.
    GONE = "GONE"


@dataclass(frozen=True)
class ManifestLine:
    """One export of one mailbox; times are UTC as ISO 8601."""

    organization_id: str
    entity_id: str
    name: str
    kind: str
    email: str
    run: str
    attempt: int
    recorded_at: str
    verdict: Verdict
    reason: str
    job_id: str = ""
    started_at: str = ""
    ended_at: str = ""
    bucket: str = ""
    key: str = ""
    version_id: str = ""
    # In bytes.
    size: int = 0
    # Files in the zip.
    entries: int | None = None
    # Whether each of them was read and compared with its checksum.
    contents_checked: bool = False
    # What WorkMail's output log says, where one was found.
    output_log: Mapping[str, Any] = field(default_factory=dict)
    aliases: Sequence[str] = ()
    delegates: Sequence[str] = ()
    permissions: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()

    @classmethod
    def parse(cls, text: bytes) -> ManifestLine:
        fields = json.loads(text)
        return cls(**{**fields, "verdict": Verdict(fields["verdict"])})

    def name_below(self, prefix: str) -> str:
        """The key of the object."""
        folder = manifest_folder(prefix, self.organization_id)
        source = f"{self.run}.{self.attempt}.{self.verdict.lower()}"
        return f"{folder}{as_path_part(self.entity_id)}/{source}.json"

    def __bytes__(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False).encode()


def manifest_folder(prefix: str, organization_id: str) -> str:
    """Where the lines of an organization are."""
    return f"{prefix}/{organization_id}/{_FOLDER}/"


def iso(moment: datetime | None) -> str:
    """The moment as a line has it: in seconds, of UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else ""
