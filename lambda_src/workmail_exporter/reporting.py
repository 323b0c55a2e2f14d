"""The report of a run: how much is verified, what is missing and why."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from workmail_exporter.bucket import ManifestBucket
from workmail_exporter.dossier import dossier_of, listed, may_pass
from workmail_exporter.page import page
from workmail_exporter.planning import INVENTORY
from workmail_exporter.settings import Settings
from workmail_provider.errors import ProviderError
from workmail_provider.rules.entities import EntityState
from workmail_provider.rules.kinds import EntityType
from workmail_provider.rules.manifest import ManifestLine, Verdict, iso
from workmail_provider.workmail.organization import Organization

END_OF_SUPPORT = datetime(2027, 3, 31, tzinfo=UTC)
_MISSING = "MISSING"
_TABLE = (
    "verdict",
    "reason",
    "name",
    "email",
    "kind",
    "entity_id",
    "aliases",
    "job_id",
    "started_at",
    "ended_at",
    "bucket",
    "key",
    "version_id",
    "size",
    "messages",
    "left_behind",
    "notes",
)


class Reporter:
    """Writes the manifest as JSON and CSV, the dossier, and an HTML page."""

    def __init__(
        self, settings: Settings, organization: Organization, bucket: ManifestBucket, now: datetime
    ) -> None:
        self._settings = settings
        self._organization = organization
        self._bucket = bucket
        self._now = now

    def report(self, run: str) -> dict[str, Any]:
        inventory = self._bucket.read_json(self._bucket.run_key(run, INVENTORY))
        lines = self._bucket.lines()
        mailboxes = [self._row(run, each, lines) for each in inventory["mailboxes"]]
        listed_ids = {each["entity_id"] for each in mailboxes}
        summary = _summary(mailboxes)
        manifest = {
            "organization_id": self._settings.organization_id,
            "run": run,
            "began_at": inventory["began_at"],
            # Exports that began before do not count; empty if a young one does.
            "since": inventory["since"],
            "ended_at": iso(self._now),
            "end_of_support": f"{END_OF_SUPPORT:%Y-%m-%d}",
            "days_left": max(0, (END_OF_SUPPORT.date() - self._now.date()).days),
            "summary": summary,
            "mailboxes": mailboxes,
            "no_longer_enabled": _newest(
                line for line in lines if line.entity_id not in listed_ids
            ),
            "not_selected": inventory["not_selected"],
            "disabled": inventory["disabled"],
            "unmatched": inventory["unmatched"],
        }
        self._write(run, "manifest.json", _json(manifest), "application/json")
        self._write(run, "manifest.csv", _csv(mailboxes), "text/csv; charset=utf-8")
        self._write(run, "report.html", page(manifest).encode(), "text/html; charset=utf-8")
        self._write(run, "dossier.json", _json(self._dossier(mailboxes)), "application/json")
        unverified = summary["mailboxes"] - summary["verified"]
        return {
            "unverified": unverified,
            "cause": f"{unverified} of {summary['mailboxes']} mailboxes are not verified: see "
            f"s3://{self._bucket.name}/{self._bucket.run_key(run, 'report.html')}",
            "summary": summary,
        }

    def _row(
        self, run: str, mailbox: Mapping[str, Any], lines: Sequence[ManifestLine]
    ) -> dict[str, Any]:
        prefix = self._settings.destination.prefix
        found = [
            line
            for line in lines
            if line.entity_id == mailbox["entity_id"]
            and (line.run == run or line.name_below(prefix) == mailbox["verified_by"])
        ]
        if found:
            return _shown(found[-1])
        names = ("entity_id", "name", "kind", "email")
        return {
            **{name: mailbox[name] for name in names},
            "verdict": _MISSING,
            "reason": "the run ended before this mailbox was exported and verified: start another",
            "size": 0,
            "messages": None,
            "left_behind": None,
            "aliases": [],
            "notes": [],
        }

    def _dossier(self, mailboxes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        names = ("entity_id", "name", "kind", "email", "aliases", "delegates", "permissions")
        dossier: dict[str, Any] = {
            "organization_id": self._settings.organization_id,
            "read_at": iso(self._now),
            "mailboxes": [
                {name: each[name] for name in names if each.get(name)} for each in mailboxes
            ],
        }
        try:
            dossier["groups"] = [
                self._group(row)
                for row in listed(self._organization, "ListGroups", "Groups")
                if row["State"] == EntityState.ENABLED
            ]
        except ProviderError as error:
            if may_pass(error):
                raise
            dossier["not_read"] = f"the groups could not be read: {error}"
        return dossier

    def _group(self, row: Mapping[str, Any]) -> dict[str, Any]:
        found, unread = dossier_of(self._organization, EntityType.GROUP, row["Id"])
        group = {
            "entity_id": row["Id"],
            "name": row.get("Name", ""),
            "kind": EntityType.GROUP,
            "email": row.get("Email", ""),
            **found,
        }
        return {**group, "not_read": unread} if unread else group

    def _write(self, run: str, name: str, body: bytes, content_type: str) -> None:
        """Each run keeps its own, and the newest is at a place that does not change."""
        for key in (self._bucket.run_key(run, name), self._bucket.report_key(name)):
            self._bucket.put(key, body, content_type)


def _shown(line: ManifestLine) -> dict[str, Any]:
    """A line as the manifest shows it."""
    log = line.output_log
    return {
        **asdict(line),
        "messages": _number(log.get("totalMessages"), line.entries),
        "left_behind": _number(log.get("totalNonExportableItems"), None),
    }


def _number(text: object, otherwise: int | None) -> int | None:
    return int(text) if isinstance(text, int | str) and str(text).isdigit() else otherwise


def _summary(mailboxes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    of_verdict = [each["verdict"] for each in mailboxes]
    left_behind = [each["left_behind"] for each in mailboxes if each["left_behind"] is not None]
    return {
        "mailboxes": len(mailboxes),
        "verified": of_verdict.count(Verdict.VERIFIED),
        "failed": of_verdict.count(Verdict.FAILED),
        "gone": of_verdict.count(Verdict.GONE),
        "missing": of_verdict.count(_MISSING),
        "size": sum(each["size"] for each in mailboxes),
        "messages": sum(each["messages"] or 0 for each in mailboxes),
        # None where no output log says it.
        "left_behind": sum(left_behind) if left_behind else None,
    }


def _newest(lines: Iterable[ManifestLine]) -> list[dict[str, Any]]:
    """Of each mailbox the best that is known of its newest export."""
    newest: dict[str, ManifestLine] = {}
    for line in lines:
        known = newest.get(line.entity_id)
        is_said_better = known and known.verdict is Verdict.VERIFIED and known.job_id == line.job_id
        if not is_said_better:
            newest[line.entity_id] = line
    return [_shown(line) for line in newest.values()]


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def _csv(mailboxes: Iterable[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_TABLE)
    for each in mailboxes:
        writer.writerow(_cell(each.get(name, "")) for name in _TABLE)
    return text.getvalue().encode()


def _cell(value: object) -> object:
    """A spreadsheet runs what begins like a formula, and names come from WorkMail's users."""
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_formula else value
