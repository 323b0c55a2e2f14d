"""Mailbox export jobs as WorkMail tells of them, and the rules that choose among them.

Nothing here calls AWS. A job writes one mailbox as a zip into a bucket.
https://docs.aws.amazon.com/workmail/latest/adminguide/mail-export.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from workmail_provider.lifecycle import Destination

# One mailbox is exported once in this time, counted from the start of its last job.
BETWEEN_EXPORTS = timedelta(hours=24)


class ExportState(StrEnum):
    """The states of a job, in WorkMail's words."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True)
class ExportJob:
    """One job."""

    job_id: str
    entity_id: str
    state: ExportState
    description: str
    bucket: str
    path: str
    progress: int
    started_at: datetime
    ended_at: datetime | None
    error: str

    @property
    def location(self) -> str:
        return f"s3://{self.bucket}/{self.path}"


def to_join(
    jobs: Iterable[ExportJob], entity_id: str, destination: Destination, description: str
) -> ExportJob | None:
    """The job that makes another one needless: this request's own, or one still running.

    A request that is delivered again has its own job by its description, whatever became of it.
    """
    candidates = [job for job in jobs if _is_of(job, entity_id, destination)]
    for job in candidates:
        if job.description == description:
            return job
    return next((job for job in candidates if job.state is ExportState.RUNNING), None)


def young_enough(
    jobs: Iterable[ExportJob], entity_id: str, destination: Destination, now: datetime
) -> ExportJob | None:
    """The newest export that was completed within the declared maximum age."""
    usable = [
        (job.ended_at, job)
        for job in jobs
        if _is_of(job, entity_id, destination)
        and job.state is ExportState.COMPLETED
        and job.ended_at is not None
        and now - job.ended_at <= destination.maximum_age
    ]
    return max(usable, key=lambda ended: ended[0])[1] if usable else None


def last_of(jobs: Iterable[ExportJob], entity_id: str, now: datetime) -> ExportJob | None:
    """The last job of the mailbox, wherever it wrote to, if it keeps the next one from starting."""
    recent = [
        job for job in jobs if job.entity_id == entity_id and now - job.started_at < BETWEEN_EXPORTS
    ]
    return max(recent, key=lambda job: job.started_at, default=None)


def _is_of(job: ExportJob, entity_id: str, destination: Destination) -> bool:
    return job.entity_id == entity_id and job.bucket == destination.bucket
