"""One step of one mailbox: start or join its job, follow it, verify its export.

The state machine calls this again and again with what the last step returned, until it is done.
Every end is a line in the manifest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from workmail_exporter.archive import Findings, verify
from workmail_exporter.bucket import ManifestBucket
from workmail_exporter.dossier import dossier_of
from workmail_exporter.settings import Settings
from workmail_provider.budgets import STATE_CHANGED
from workmail_provider.errors import BudgetSpent, NotReady, ProviderError
from workmail_provider.export_bucket import StoredObject
from workmail_provider.log import RequestLog
from workmail_provider.retry import Clock
from workmail_provider.rules.entities import Entity, EntityState
from workmail_provider.rules.exports import (
    BETWEEN_EXPORTS,
    ExportJob,
    ExportState,
    last_of,
    usable_job,
)
from workmail_provider.rules.manifest import ManifestLine, Verdict, iso
from workmail_provider.workmail.exports import ExportJobs, ExportLimitReached
from workmail_provider.workmail.organization import EntityNotFound, Organization

# A job is looked at more and more rarely: each wait is this part of its age, within these seconds.
_PART_OF_AGE = 0.04
_SHORTEST_WAIT = 20
_LONGEST_WAIT = 600
# How often a place is asked for when all ten are in use, in seconds.
_PLACE_WAIT = 60
_LONGEST_PLACE_WAIT = 300
_FAILED_JOB_WAIT = 900
# The check of contents begins no read that late before the deadline of the calls, in seconds.
_ONE_READ = 5
# An execution of Step Functions has 25,000 events in its history, which is enough for this.
_LONGEST = timedelta(days=7)
# Waits of 1, 2, 4, 8 and 15 minutes, for what may pass by itself.
_RETRIES = 5
_LONGEST_RETRY_WAIT = 900


class MailboxStep:
    """One mailbox as a step finds it: `mailbox` is what the plan or the last step returned."""

    def __init__(
        self,
        settings: Settings,
        organization: Organization,
        bucket: ManifestBucket,
        clock: Clock,
        until: float,
        log: RequestLog,
        mailbox: Mapping[str, Any],
    ) -> None:
        self._settings = settings
        self._organization = organization
        self._jobs = ExportJobs(organization)
        self._bucket = bucket
        self._clock = clock
        self._until = until
        self._log = log
        self._mailbox = mailbox
        self._now = clock.utc_now()
        run, attempt, entity_id = mailbox["run"], mailbox["attempt"], mailbox["entity_id"]
        # Identifies the job of this attempt, however often a step is repeated.
        self._token = hashlib.sha256(f"{run} {attempt} {entity_id}".encode()).hexdigest()
        self._description = f"export of the organization by {run}, attempt {attempt}"

    def advance(self) -> dict[str, Any]:
        """What the next step begins with: `wait` in seconds, or `done`."""
        try:
            return self._advance()
        except (NotReady, BudgetSpent) as error:
            return self._retry_later(error)
        except EntityNotFound:
            return self._end(Verdict.GONE, "the mailbox was deleted before it was exported")
        except ProviderError as error:
            return self._end(Verdict.FAILED, str(error))

    def _advance(self) -> dict[str, Any]:
        job_id = self._mailbox.get("job_id")
        if not job_id:
            return self._begin()
        job = self._jobs.find(job_id)
        if job is None:
            raise NotReady(STATE_CHANGED, f"WorkMail does not show export job {job_id}")
        if job.state is ExportState.COMPLETED:
            return self._verify(job)
        if job.state is ExportState.RUNNING:
            return self._follow(job)
        return self._end_of_failed(job)

    def _begin(self) -> dict[str, Any]:
        entity = self._find()
        if entity.state is not EntityState.ENABLED:
            return self._end(
                Verdict.GONE, f"the mailbox was {entity.state.lower()} before it was exported"
            )
        jobs = self._jobs.of_last_week()
        usable = [
            job
            for job in jobs
            if job.job_id not in self._mailbox["rejected"]
            and iso(job.started_at) >= self._mailbox["since"]
        ]
        destination = self._settings.destination
        job = usable_job(usable, entity, destination, self._description, self._now, self._is_stored)
        if job:
            return self._next(0, job_id=job.job_id)
        try:
            job_id = self._jobs.start(
                entity,
                destination,
                destination.folder(entity.organization_id, entity.entity_id, self._now),
                self._token,
                self._description,
            )
        except ExportLimitReached as refused:
            return self._wait_for_place(last_of(jobs, entity.entity_id, self._now), refused)
        return self._next(_SHORTEST_WAIT, job_id=job_id)

    def _is_stored(self, job: ExportJob) -> bool:
        return self._bucket.archive(job.path) is not None

    def _wait_for_place(
        self, last: ExportJob | None, refused: ExportLimitReached
    ) -> dict[str, Any]:
        """All ten places are in use, or WorkMail exported this mailbox less than a day ago."""
        since = self._mailbox.get("waiting_since") or iso(self._now)
        waited = self._now - datetime.fromisoformat(since)
        if waited > _LONGEST:
            return self._end(
                Verdict.FAILED, f"WorkMail started no export of it in seven days: {refused}"
            )
        seconds = min(_PLACE_WAIT + waited.total_seconds() / 10, _LONGEST_PLACE_WAIT)
        if last:
            possible_in = (last.started_at + BETWEEN_EXPORTS - self._now).total_seconds() + 1
            # AWS does not document whether a job that did not complete counts as the one of a day.
            ended_badly = last.state in (ExportState.FAILED, ExportState.CANCELLED)
            seconds = min(possible_in, _FAILED_JOB_WAIT) if ended_badly else possible_in
        return self._next(seconds, waiting_since=since)

    def _follow(self, job: ExportJob) -> dict[str, Any]:
        age = (self._now - job.started_at).total_seconds()
        if age > _LONGEST.total_seconds():
            return self._end(
                Verdict.FAILED, f"export job {job.job_id} still runs after seven days", job
            )
        return self._next(min(max(age * _PART_OF_AGE, _SHORTEST_WAIT), _LONGEST_WAIT))

    def _end_of_failed(self, job: ExportJob) -> dict[str, Any]:
        outcome = "failed" if job.state is ExportState.FAILED else "was cancelled"
        reason = f"export job {job.job_id} {outcome}: {job.error or 'WorkMail gives no reason'}"
        state = self._find().state
        if state is not EntityState.ENABLED:
            return self._end(Verdict.GONE, f"the mailbox was {state.lower()}, and {reason}", job)
        return self._end(Verdict.FAILED, reason, job)

    def _verify(self, job: ExportJob) -> dict[str, Any]:
        archive = self._bucket.archive(job.path)
        if archive is None:
            raise NotReady(
                STATE_CHANGED,
                f"export job {job.job_id} is complete, but there is no object with a size at "
                f"{job.location}",
            )
        checked = self._mailbox.get("checked", 0)
        findings = verify(
            self._bucket,
            archive,
            self._settings.destination.key_arn,
            check_contents=self._settings.check_contents,
            checked=checked,
            has_time=lambda: self._clock.now() < self._until - _ONE_READ,
        )
        if not findings.is_complete:
            return self._next(0, checked=findings.checked)
        if findings.problems:
            return self._end(Verdict.FAILED, "; ".join(findings.problems), job, archive, findings)
        is_read = self._settings.check_contents
        files = "every file was read" if is_read else "the directory was read"
        reason = f"encrypted with the declared key, {findings.entries} files, {files}"
        return self._end(Verdict.VERIFIED, reason, job, archive, findings)

    def _find(self) -> Entity:
        return self._organization.find(self._mailbox["entity_id"])

    def _next(self, seconds: float, **changes: Any) -> dict[str, Any]:
        return {
            **self._mailbox,
            "retries": 0,
            **changes,
            "wait": max(0, round(seconds)),
            "done": False,
        }

    def _retry_later(self, error: ProviderError) -> dict[str, Any]:
        retries = self._mailbox.get("retries", 0)
        if retries >= _RETRIES:
            return self._end(Verdict.FAILED, str(error))
        wait = min(60 * 2**retries, _LONGEST_RETRY_WAIT)
        self._log.info("wait", str(error), entity_id=self._mailbox["entity_id"])
        return self._next(wait, retries=retries + 1)

    def _end(
        self,
        verdict: Verdict,
        reason: str,
        job: ExportJob | None = None,
        archive: StoredObject | None = None,
        findings: Findings | None = None,
    ) -> dict[str, Any]:
        mailbox = self._mailbox
        line = ManifestLine(
            organization_id=self._settings.organization_id,
            entity_id=mailbox["entity_id"],
            name=mailbox["name"],
            kind=mailbox["kind"],
            email=mailbox["email"],
            run=mailbox["run"],
            attempt=mailbox["attempt"],
            recorded_at=iso(self._now),
            verdict=verdict,
            reason=reason,
            job_id=mailbox.get("job_id", ""),
        )
        if job:
            line = replace(line, started_at=iso(job.started_at), ended_at=iso(job.ended_at))
        if archive:
            line = replace(line, bucket=self._bucket.name, key=archive.key, size=archive.size)
        if findings:
            line = replace(
                line,
                version_id=findings.version_id,
                entries=findings.entries,
                contents_checked=self._settings.check_contents and verdict is Verdict.VERIFIED,
                output_log=findings.output_log,
                notes=findings.notes,
            )
        if verdict is not Verdict.GONE:
            dossier, unread = dossier_of(
                self._organization,
                line.kind,
                line.entity_id,
                # A verified export is not looked at again, and a failed one is.
                is_repeated=verdict is Verdict.VERIFIED,
            )
            line = replace(
                line,
                aliases=dossier.get("aliases", []),
                delegates=dossier.get("delegates", []),
                permissions=dossier.get("permissions", []),
                notes=[*line.notes, *unread],
            )
        self._bucket.put_line(line)
        self._log.info(verdict.lower(), reason, entity_id=line.entity_id)
        return {"done": True}
