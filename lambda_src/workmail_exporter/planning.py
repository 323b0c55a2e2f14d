"""Which mailboxes a pass exports, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatch
from typing import Any

from workmail_exporter.bucket import ManifestBucket, encryption
from workmail_exporter.dossier import listed
from workmail_exporter.settings import Settings
from workmail_provider.errors import ProviderError
from workmail_provider.rules.entities import EntityState
from workmail_provider.rules.exports import BETWEEN_EXPORTS, ExportState
from workmail_provider.rules.kinds import EntityType
from workmail_provider.rules.manifest import ManifestLine, Verdict, iso
from workmail_provider.workmail.exports import ExportJobs
from workmail_provider.workmail.organization import Organization

INVENTORY = "mailboxes.json"
_PASSES = 3
# WorkMail keeps the mailbox of a disabled entity for so long.
_KEPT = timedelta(days=30)
_SYSTEM_USER = "SYSTEM_USER"


class Planner:
    """Plans the passes of one run."""

    def __init__(
        self,
        settings: Settings,
        organization: Organization,
        bucket: ManifestBucket,
        now: datetime,
        since: str,
    ) -> None:
        self._settings = settings
        self._organization = organization
        self._bucket = bucket
        self._now = now
        self._since = since

    def plan(self, run: str, number: int) -> dict[str, Any]:
        """Writes the mailboxes of a pass to the bucket; `count` 0 is the end of the passes.

        The first pass lists the organization. The others repeat what failed.
        """
        if number == 1:
            inventory = self._inventory()
            self._bucket.put_json(self._bucket.run_key(run, INVENTORY), inventory)
            exported = [each for each in inventory["mailboxes"] if not each["verified_by"]]
        else:
            inventory = self._bucket.read_json(self._bucket.run_key(run, INVENTORY))
            exported = self._failed(run, inventory["mailboxes"]) if number <= _PASSES else []
        items = [
            {
                **{name: each[name] for name in ("entity_id", "name", "kind", "email", "rejected")},
                "run": run,
                "attempt": number,
                "since": self._since,
            }
            for each in sorted(exported, key=lambda each: (each["not_before"], -each["size_mb"]))
        ]
        key = self._bucket.run_key(run, f"pass-{number}.json")
        self._bucket.put_json(key, items)
        return {"pass": number, "count": len(items), "key": key}

    def _inventory(self) -> dict[str, Any]:
        enabled, disabled = [], []
        for entity_type, operation, member in (
            (EntityType.USER, "ListUsers", "Users"),
            (EntityType.RESOURCE, "ListResources", "Resources"),
        ):
            for row in listed(self._organization, operation, member):
                if row.get("UserRole") == _SYSTEM_USER:
                    continue
                if row["State"] == EntityState.ENABLED:
                    enabled.append(_mailbox(entity_type, row))
                elif self._is_kept(row):
                    disabled.append(row.get("Name", row["Id"]))
        selected = [each for each in enabled if self._is_selected(each)]
        self._look_up(selected)
        return {
            "began_at": iso(self._now),
            "since": self._since,
            "mailboxes": selected,
            "not_selected": sorted(each["name"] for each in enabled if each not in selected),
            "disabled": sorted(disabled),
            "unmatched": [
                pattern
                for pattern in (*self._settings.include, *self._settings.exclude)
                if not any(_matches(each, [pattern]) for each in enabled)
            ],
        }

    def _look_up(self, selected: Sequence[dict[str, Any]]) -> None:
        """Adds to each mailbox its verified export, its last job and its size."""
        by_entity: dict[str, list[ManifestLine]] = {}
        for line in self._bucket.lines():
            by_entity.setdefault(line.entity_id, []).append(line)
        began = {
            job.entity_id: iso(job.started_at + BETWEEN_EXPORTS)
            for job in sorted(
                ExportJobs(self._organization).of_last_week(), key=lambda job: job.started_at
            )
            if job.state is ExportState.COMPLETED and self._now - job.started_at < BETWEEN_EXPORTS
        }
        stored = self._bucket.objects(f"{self._settings.folder}/")
        sizes = {found.key: found.size for found in stored}
        for each in selected:
            lines = by_entity.get(each["entity_id"], [])
            each["verified_by"] = self._verified_by(each, lines, sizes)
            each["rejected"] = _rejected(lines)
            each["not_before"] = began.get(each["entity_id"], "")
        pending = [each for each in selected if not each["verified_by"]]
        self._measure([each for each in pending if each["kind"] == EntityType.USER])

    def _verified_by(
        self, mailbox: dict[str, Any], lines: Iterable[ManifestLine], sizes: Mapping[str, int]
    ) -> str:
        """The key of the line of an export that makes a new one unnecessary, empty if none does.

        `sizes` are those of the objects that are in the bucket now.
        """
        destination = self._settings.destination
        oldest = iso(self._now - destination.maximum_age)
        young = [
            line
            for line in lines
            if line.verdict is Verdict.VERIFIED
            and (line.contents_checked or not self._settings.check_contents)
            and line.bucket == self._bucket.name
            and sizes.get(line.key) == line.size
            and line.ended_at >= oldest
            and mailbox["enabled_at"]
            and line.started_at >= max(mailbox["enabled_at"], self._since)
        ]
        for line in reversed(young):
            if encryption(self._bucket.head(line.key)) == destination.key_arn:
                return line.name_below(destination.prefix)
        return ""

    def _measure(self, users: Iterable[dict[str, Any]]) -> None:
        """The largest begin first, so that none of them ends long after all others.

        The order is all that depends on it: without the sizes it is another one.
        """
        try:
            for user in users:
                details = self._organization.call("GetMailboxDetails", UserId=user["entity_id"])
                user["size_mb"] = details.get("MailboxSize", 0)
        except ProviderError:
            return

    def _failed(self, run: str, mailboxes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """The mailboxes that have no final verdict yet; a failed export is not used again."""
        of_run: dict[str, list[ManifestLine]] = {}
        for line in self._bucket.lines():
            if line.run == run:
                of_run.setdefault(line.entity_id, []).append(line)
        failed = []
        for each in mailboxes:
            lines = of_run.get(each["entity_id"], [])
            is_final = {line.verdict for line in lines} & {Verdict.VERIFIED, Verdict.GONE}
            if not each["verified_by"] and not is_final:
                rejected = [*each["rejected"], *_rejected(lines)]
                began = max((line.started_at for line in lines), default="")
                failed.append({**each, "rejected": rejected, "not_before": began})
        return failed

    def _is_kept(self, row: dict[str, Any]) -> bool:
        disabled = row.get("DisabledDate")
        return row["State"] == EntityState.DISABLED and bool(
            disabled and self._now - disabled < _KEPT
        )

    def _is_selected(self, mailbox: dict[str, Any]) -> bool:
        include, exclude = self._settings.include, self._settings.exclude
        return (not include or _matches(mailbox, include)) and not _matches(mailbox, exclude)


def _mailbox(entity_type: EntityType, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "entity_id": row["Id"],
        "name": row.get("Name", row["Id"]),
        "kind": entity_type,
        "email": row.get("Email", ""),
        "enabled_at": iso(row.get("EnabledDate")),
        "size_mb": 0,
    }


def _matches(mailbox: dict[str, Any], patterns: Iterable[str]) -> bool:
    names = (mailbox["name"].casefold(), mailbox["entity_id"].casefold())
    return any(fnmatch(name, pattern.casefold()) for pattern in patterns for name in names)


def _rejected(lines: Iterable[ManifestLine]) -> list[str]:
    """The jobs whose exports failed; what could not be verified for another reason still can be."""
    return [line.job_id for line in lines if line.verdict is Verdict.FAILED and line.started_at]
