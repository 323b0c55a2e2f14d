"""Exporting one mailbox before it is deregistered, however long that takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from workmail_provider.errors import Failure, Unfinished
from workmail_provider.export_job import (
    BETWEEN_EXPORTS,
    ExportJob,
    ExportState,
    last_of,
    to_join,
    young_enough,
)
from workmail_provider.invocation import Invocation
from workmail_provider.lifecycle import Destination, Entity
from workmail_provider.workmail import NoLongerEnabled, Organization
from workmail_provider.workmail_exports import ExportJobs, ExportLimitReached, ExportRefused

T = TypeVar("T")

_ENDED = {ExportState.FAILED: "failed", ExportState.CANCELLED: "been cancelled"}
_JOB_ID = "ExportJobId"
_GO_ON = "it stays enabled, delete again to go on"


class MailboxExport:
    """One mailbox, until a completed job of it is in the bucket.

    WorkMail runs ten jobs at a time in an organization and exports a mailbox once in 24 hours: the
    first is waited for in line, and in the place of the second comes the last export, if it is
    young enough.
    """

    def __init__(
        self, invocation: Invocation, organization: Organization, destination: Destination
    ) -> None:
        self._invocation = invocation
        self._organization = organization
        self._jobs = ExportJobs(organization)
        self._destination = destination
        request = invocation.request
        # What makes a job the one of this request: the same for each time that it is delivered.
        self._token = hashlib.sha256(
            f"{request.stack_id} {request.logical_id} {request.request_id}".encode()
        ).hexdigest()
        self._description = (
            f"before its deregistration by {request.logical_id} of {request.stack_id} "
            f"(request {request.request_id})"
        )

    def run(self, entity: Entity, began_at: datetime) -> ExportJob:
        """The completed job. `began_at` is when the stack operation began.

        Raises Failure when there cannot be one now, NoLongerEnabled when there is nothing left to
        do, and Unfinished when it takes longer than this invocation may.
        """
        job = self._remembered() or self._begin(entity, began_at)
        job = self._wait_for(job, entity)
        if job.state is not ExportState.COMPLETED:
            raise Failure(
                f"export job {job.job_id} of {entity} has {_ENDED[job.state]}, it stays enabled: "
                f"{job.error or 'WorkMail gives no reason'}"
            )
        self._record("exported", f"job {job.job_id} is in {job.location}", entity)
        return job

    def _remembered(self) -> ExportJob | None:
        """The job that an earlier invocation of this request waited for."""
        job_id = self._invocation.remembered.get(_JOB_ID)
        return self._ask(lambda: self._jobs.find(job_id)) if job_id else None

    def _begin(self, entity: Entity, began_at: datetime) -> ExportJob:
        pauses = self._invocation.pauses()
        while True:
            jobs = self._ask(self._jobs.of_last_week)
            job = to_join(jobs, entity.entity_id, self._destination, self._description)
            if job:
                self._record("join", f"export job {job.job_id} is {job.state}", entity)
                # The list does not tell why a job failed.
                return self._look_at(job)
            try:
                return self._start(entity, began_at)
            except ExportLimitReached as refused:
                last = last_of(jobs, entity.entity_id, self._invocation.utc_now())
                if last:
                    return self._use_again(jobs, last, entity)
                sentence = (
                    f"{entity} waits in line, WorkMail exports ten mailboxes at a time: {_GO_ON} "
                    f"({refused})"
                )
            if not pauses.pause():
                raise Unfinished(sentence, {})

    def _start(self, entity: Entity, began_at: datetime) -> ExportJob:
        folder = self._destination.folder(entity.organization_id, entity.entity_id, began_at)
        try:
            job_id = self._ask(
                lambda: self._jobs.start(
                    entity, self._destination, folder, self._token, self._description
                )
            )
        except ExportRefused:
            # The same event, delivered twice, can have deregistered it since it was read.
            if self._ask(lambda: self._organization.read_again(entity)).state is entity.state:
                raise
            raise NoLongerEnabled from None
        self._record("export", f"job {job_id} writes to {self._destination.bucket}", entity)
        return ExportJob(
            job_id=job_id,
            entity_id=entity.entity_id,
            state=ExportState.RUNNING,
            description=self._description,
            bucket=self._destination.bucket,
            path=folder,
            progress=0,
            started_at=self._invocation.utc_now(),
            ended_at=None,
            error="",
        )

    def _use_again(self, jobs: list[ExportJob], last: ExportJob, entity: Entity) -> ExportJob:
        now = self._invocation.utc_now()
        usable = young_enough(jobs, entity.entity_id, self._destination, now)
        if usable:
            self._record("use again", f"job {usable.job_id} ended at {usable.ended_at}", entity)
            return usable
        possible_at = last.started_at + BETWEEN_EXPORTS
        raise Failure(
            f"WorkMail exports {entity} once in 24 hours: it stays enabled, delete again after "
            f"{possible_at:%Y-%m-%d %H:%M} UTC (job {last.job_id} {last.state.lower()}, in bucket "
            f"{last.bucket})"
        )

    def _wait_for(self, job: ExportJob, entity: Entity) -> ExportJob:
        pauses = self._invocation.pauses()
        while job.state is ExportState.RUNNING:
            if not pauses.pause():
                raise Unfinished(
                    f"the export of {entity} is at {job.progress} % (job {job.job_id}): {_GO_ON}",
                    {_JOB_ID: job.job_id},
                )
            job = self._look_at(job)
        return job

    def _look_at(self, job: ExportJob) -> ExportJob:
        # A job that was started a moment ago may not show yet.
        return self._ask(lambda: self._jobs.find(job.job_id)) or job

    def _ask(self, step: Callable[[], T]) -> T:
        """Each look has budgets of its own: what one of them waited for is over by the next."""
        return self._invocation.patience.anew().persist(step)

    def _record(self, action: str, why: str, entity: Entity) -> None:
        self._invocation.journal.decision(
            action, why, organization_id=entity.organization_id, entity_id=entity.entity_id
        )
