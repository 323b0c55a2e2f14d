"""Exports a mailbox before it is deregistered, however long that takes."""

from __future__ import annotations

import hashlib
from datetime import datetime

from workmail_provider.budgets import STATE_CHANGED
from workmail_provider.cloudformation.request import Invocation
from workmail_provider.errors import ContinueLater, NotReady, ProviderError, RequestFailed
from workmail_provider.export_bucket import ExportBucket, StoredObject
from workmail_provider.resources import declarations
from workmail_provider.rules.entities import Entity
from workmail_provider.rules.exports import (
    BETWEEN_EXPORTS,
    ExportDestination,
    ExportJob,
    ExportState,
    last_of,
    usable_job,
)
from workmail_provider.rules.manifest import ManifestLine, Verdict, iso
from workmail_provider.workmail.exports import ExportJobs, ExportLimitReached, ExportRefused
from workmail_provider.workmail.organization import NoLongerEnabled, Organization

_RUN = "removal"
_ENDED = {ExportState.FAILED: "failed", ExportState.CANCELLED: "was cancelled"}
_JOB_ID = "ExportJobId"
_CONTINUE = "it stays enabled, delete again to continue"


class ExportBeforeRemoval:
    """One mailbox, until a completed job of it is in the bucket.

    An export that is young enough is used without starting another. WorkMail runs ten jobs at a
    time in an organization: when they are taken, this waits.
    """

    def __init__(
        self,
        invocation: Invocation,
        organization: Organization,
        destination: ExportDestination,
        entity: Entity,
        *,
        began_at: datetime,
    ) -> None:
        self._invocation = invocation
        self._call = invocation.retry.call
        self._organization = organization
        self._jobs = ExportJobs(organization)
        self._destination = destination
        region = declarations.organization_region(invocation.request.properties)
        self._bucket = ExportBucket(
            invocation.clients("s3", region), destination.bucket, invocation.retry
        )
        self._entity = entity
        self._folder = destination.folder(entity.organization_id, entity.entity_id, began_at)
        request = invocation.request
        # Identifies the job of this request, however often it is delivered.
        self._token = hashlib.sha256(
            f"{request.stack_id} {request.logical_id} {request.request_id}".encode()
        ).hexdigest()
        self._description = (
            f"before its deregistration by {request.logical_id} of {request.stack_id} "
            f"(request {request.request_id})"
        )

    def run(self) -> ExportJob:
        """The completed job.

        Raises RequestFailed when there cannot be one now, NoLongerEnabled when the mailbox was
        disabled in the meantime, and ContinueLater when it takes longer than this invocation.
        """
        job = self._wait_for(self._remembered() or self._start_or_join())
        if job.state is not ExportState.COMPLETED:
            raise RequestFailed(
                f"export job {job.job_id} of {self._entity} {_ENDED[job.state]}, it stays enabled: "
                f"{job.error or 'WorkMail gives no reason'}"
            )
        archive = self._call(lambda: self._find_archive(job))
        self._log("exported", f"job {job.job_id} is in {job.location}, {archive.size} bytes")
        self._record(job, archive)
        return job

    def _remembered(self) -> ExportJob | None:
        """The job that an earlier invocation of this request waited for."""
        job_id = self._invocation.remembered.get(_JOB_ID)
        return self._call(lambda: self._jobs.find(job_id)) if job_id else None

    def _start_or_join(self) -> ExportJob:
        """The job of this request, as soon as WorkMail accepts one."""
        backoff = self._invocation.backoff()
        while True:
            jobs = self._call(self._jobs.of_last_week)
            now = self._invocation.utc_now()
            job = usable_job(
                jobs, self._entity, self._destination, self._description, now, self._is_stored
            )
            if job and job.state is ExportState.COMPLETED:
                self._log("use again", f"job {job.job_id} ended at {job.ended_at}")
                return job
            if job:
                self._log("join", f"export job {job.job_id} is {job.state}")
                # The list does not have the reason of a failure.
                return self._find_again(job)
            try:
                return self._start()
            except ExportLimitReached as refused:
                last = last_of(jobs, self._entity.entity_id, now)
                if last:
                    raise self._too_early(last) from refused
                message = (
                    f"{self._entity} waits, because WorkMail exports ten mailboxes at a time: "
                    f"{_CONTINUE} ({refused})"
                )
            if not backoff.wait():
                raise ContinueLater(message, {})

    def _start(self) -> ExportJob:
        entity, destination = self._entity, self._destination
        try:
            job_id = self._call(
                lambda: self._jobs.start(
                    entity, destination, self._folder, self._token, self._description
                )
            )
        except ExportRefused:
            # A second delivery of the same event can have deregistered it since it was found.
            if self._call(lambda: self._organization.find_again(entity)).state is entity.state:
                raise
            raise NoLongerEnabled from None
        self._log("export", f"job {job_id} writes to {destination.bucket}")
        return ExportJob(
            job_id=job_id,
            entity_id=entity.entity_id,
            state=ExportState.RUNNING,
            description=self._description,
            bucket=destination.bucket,
            path=self._folder,
            progress=0,
            started_at=self._invocation.utc_now(),
            ended_at=None,
            error="",
        )

    def _too_early(self, last: ExportJob) -> RequestFailed:
        possible_at = last.started_at + BETWEEN_EXPORTS
        return RequestFailed(
            f"WorkMail exports {self._entity} once in 24 hours: it stays enabled, delete again "
            f"after {possible_at:%Y-%m-%d %H:%M} UTC (job {last.job_id} {last.state.lower()}, in "
            f"bucket {last.bucket})"
        )

    def _wait_for(self, job: ExportJob) -> ExportJob:
        backoff = self._invocation.backoff()
        while job.state is ExportState.RUNNING:
            if not backoff.wait():
                raise ContinueLater(
                    f"the export of {self._entity} is at {job.progress} % (job {job.job_id}): "
                    f"{_CONTINUE}",
                    {_JOB_ID: job.job_id},
                )
            job = self._find_again(job)
        return job

    def _is_stored(self, job: ExportJob) -> bool:
        return self._call(lambda: self._bucket.archive(job.path)) is not None

    def _find_archive(self, job: ExportJob) -> StoredObject:
        archive = self._bucket.archive(job.path)
        if archive is None:
            raise NotReady(
                STATE_CHANGED,
                f"{self._entity} stays enabled: export job {job.job_id} is complete, but has no "
                "object with a size: restore it, or delete again 24 hours after the export began "
                f"({job.location})",
            )
        return archive

    def _record(self, job: ExportJob, archive: StoredObject) -> None:
        """The mailbox can be disabled without its line: WorkMail and the bucket have the export."""
        entity = self._entity
        line = ManifestLine(
            organization_id=entity.organization_id,
            entity_id=entity.entity_id,
            name=entity.name,
            kind=entity.entity_type,
            email=entity.email or "",
            run=f"{_RUN}-{job.job_id}",
            attempt=1,
            recorded_at=iso(self._invocation.utc_now()),
            verdict=Verdict.EXPORTED,
            reason="in the bucket with a size when the mailbox was removed, contents not checked",
            job_id=job.job_id,
            started_at=iso(job.started_at),
            ended_at=iso(job.ended_at),
            bucket=self._bucket.name,
            key=archive.key,
            size=archive.size,
        )
        try:
            self._bucket.put(line.name_below(self._destination.prefix), bytes(line))
        except ProviderError as error:
            self._log("no manifest line", str(error))

    def _find_again(self, job: ExportJob) -> ExportJob:
        # A new job may not show yet.
        return self._call(lambda: self._jobs.find(job.job_id)) or job

    def _log(self, action: str, why: str) -> None:
        entity = self._entity
        self._invocation.log.info(
            action, why, organization_id=entity.organization_id, entity_id=entity.entity_id
        )
