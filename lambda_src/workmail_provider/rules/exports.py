"""Mailbox export jobs, and the choice among them.

A job writes one mailbox as a zip into a bucket.
https://docs.aws.amazon.com/workmail/latest/adminguide/mail-export.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from workmail_provider.rules.entities import Entity

# WorkMail exports a mailbox once in this time, counted from the start of its last job.
BETWEEN_EXPORTS = timedelta(hours=24)


@dataclass(frozen=True)
class ExportDestination:
    """Where a declared export writes, and how old an export may be that stands in for it."""

    role_arn: str
    key_arn: str
    bucket: str
    prefix: str
    maximum_age: timedelta

    def folder(self, organization_id: str, entity_id: str, at: datetime) -> str:
        """The S3 prefix of one export: organization, entity and time (UTC)."""
        return f"{self.prefix}/{organization_id}/{as_path_part(entity_id)}/{at:%Y%m%dT%H%M%SZ}"


def as_path_part(entity_id: str) -> str:
    """An entity id may have characters that WorkMail does not accept in an S3 prefix."""
    return re.sub(r"[^A-Za-z0-9!_.*'()-]", "_", entity_id)


class ExportState(StrEnum):
    """The states of a job, as the API spells them."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True)
class ExportJob:
    """One job as WorkMail describes it."""

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


def usable_job(
    jobs: Collection[ExportJob],
    entity: Entity,
    destination: ExportDestination,
    description: str,
    now: datetime,
    is_stored: Callable[[ExportJob], bool],
) -> ExportJob | None:
    """The job that makes a new one unnecessary: one to join, or a young export in the bucket."""
    job = to_join(jobs, entity, destination, description)
    if job:
        return job
    young = young_enough(jobs, entity, destination, now)
    return young if young and is_stored(young) else None


def to_join(
    jobs: Iterable[ExportJob], entity: Entity, destination: ExportDestination, description: str
) -> ExportJob | None:
    """This request's own job, or one still running.

    A request that is delivered again finds its own job by its description, whatever its state.
    """
    candidates = [job for job in jobs if _is_of(job, entity, destination)]
    for job in candidates:
        if job.description == description:
            return job
    running = (job for job in candidates if job.state is ExportState.RUNNING)
    return next((job for job in running if _is_complete_for(job, entity)), None)


def young_enough(
    jobs: Iterable[ExportJob], entity: Entity, destination: ExportDestination, now: datetime
) -> ExportJob | None:
    """The newest export that was completed within the declared maximum age."""
    usable = [
        (job.ended_at, job)
        for job in jobs
        if _is_of(job, entity, destination)
        and _is_complete_for(job, entity)
        and job.state is ExportState.COMPLETED
        and job.ended_at is not None
        and now - job.ended_at <= destination.maximum_age
    ]
    return max(usable, key=lambda ended: ended[0])[1] if usable else None


def last_of(jobs: Iterable[ExportJob], entity_id: str, now: datetime) -> ExportJob | None:
    """The mailbox's last job, to any destination, if it keeps the next one from starting."""
    recent = [
        job for job in jobs if job.entity_id == entity_id and now - job.started_at < BETWEEN_EXPORTS
    ]
    return max(recent, key=lambda job: job.started_at, default=None)


def is_outdated(job: ExportJob, entity: Entity) -> bool:
    """Whether the mailbox is known to have been enabled again after the job began."""
    return entity.enabled_date is not None and entity.enabled_date > job.started_at


def _is_of(job: ExportJob, entity: Entity, destination: ExportDestination) -> bool:
    """A job elsewhere in the bucket does not count: it is not looked for there."""
    folder = f"{destination.prefix}/{entity.organization_id}/"
    # AWS does not document whether a running job has a path.
    is_below = not job.path or job.path.removeprefix(f"s3://{job.bucket}/").startswith(folder)
    return job.entity_id == entity.entity_id and job.bucket == destination.bucket and is_below


def _is_complete_for(job: ExportJob, entity: Entity) -> bool:
    """Whether the mailbox was not enabled again after the job began; unknown counts as no."""
    return entity.enabled_date is not None and entity.enabled_date <= job.started_at
