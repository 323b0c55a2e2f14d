"""What an `OrganizationExport` declares, as its function receives it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from workmail_provider.rules.exports import ExportDestination


@dataclass(frozen=True)
class Settings:
    organization_id: str
    region: str | None
    destination: ExportDestination
    # Names or ids of mailboxes, as patterns of fnmatch; no include means all.
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    # Whether every file of each zip is read and its checksum compared.
    check_contents: bool

    @classmethod
    def parse(cls, text: str) -> Settings:
        given = json.loads(text)
        return cls(
            organization_id=given["OrganizationId"],
            region=given.get("OrganizationRegion"),
            destination=ExportDestination(
                role_arn=given["RoleArn"],
                key_arn=given["KmsKeyArn"],
                bucket=given["BucketName"],
                prefix=given["Prefix"],
                maximum_age=timedelta(seconds=given["MaximumAge"]),
            ),
            include=tuple(given["Include"]),
            exclude=tuple(given["Exclude"]),
            check_contents=given["CheckContents"],
        )

    @property
    def folder(self) -> str:
        """Where everything of the organization is in the bucket."""
        return f"{self.destination.prefix}/{self.organization_id}"
