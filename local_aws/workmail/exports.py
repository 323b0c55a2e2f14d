"""Mailbox export jobs: the rules that they keep, and how a test steers them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

from .behaviour import Behaviour
from .exceptions import WorkMailError, entity_not_found, invalid_parameter
from .mailboxes import Mailbox

RUNNING_JOBS_PER_ORGANIZATION = 10
SECONDS_BETWEEN_EXPORTS = 24 * 3600
SECONDS_LISTED = 7 * 24 * 3600
DURATION = 0.2

ExportState = Literal["RUNNING", "COMPLETED", "FAILED", "CANCELLED"]
Write = Callable[[bytes], None]


class ExportFailed(Exception):
    """A job cannot write its archive; the message becomes its ErrorInfo."""


class Destination(Protocol):
    """Where archives go."""

    def open(self, job: ExportJob) -> Write:
        """What writes the job's archive at its end, and raises ExportFailed if it cannot.

        Raises WorkMailError if the job cannot even start.
        """


class Nowhere:
    """A destination that refuses nothing and keeps nothing."""

    def open(self, job: ExportJob) -> Write:
        return lambda archive: None


@dataclass(frozen=True)
class ExportOrder:
    """What StartMailboxExportJob was asked for."""

    organization_id: str
    organization_arn: str
    entity_id: str
    client_token: str
    role_arn: str
    kms_key_arn: str
    s3_bucket_name: str
    s3_prefix: str
    description: str | None = None


@dataclass
class ExportJob:
    """One export of one mailbox. Times are seconds since the epoch.

    It runs until `due_at` unless it is held; `end_time` is None until it has ended.
    """

    job_id: str
    order: ExportOrder
    mailbox: Mailbox
    start_time: float
    due_at: float
    ordered_failure: str | None = None
    state: ExportState = "RUNNING"
    end_time: float | None = None
    error_info: str | None = None

    @property
    def entity_id(self) -> str:
        return self.order.entity_id

    @property
    def client_token(self) -> str:
        return self.order.client_token

    @property
    def s3_path(self) -> str:
        # AWS does not say what it appends to the prefix: nobody may count on this form.
        return f"{self.order.s3_prefix.rstrip('/')}/{self.job_id}.zip"

    def estimated_progress(self, now: float) -> int:
        """In percent; 100 only when it is completed."""
        if self.state == "COMPLETED":
            return 100
        elapsed = (now if self.end_time is None else self.end_time) - self.start_time
        needed = self.due_at - self.start_time
        return int(min(99, 100 * elapsed / needed)) if needed > 0 else 99


class Exports:
    """The export jobs of all organizations.

    A job takes `duration` seconds by the clock of the WorkMail, as set when it starts. No thread
    waits for that: the next export operation, or a look at `jobs`, finds that the time is over
    and writes the archive.
    """

    def __init__(self, clock: Callable[[], float], destination: Destination) -> None:
        self.duration = DURATION
        self._clock = clock
        self._destination = destination
        self._lock = threading.RLock()
        self._jobs: list[ExportJob] = []
        self._writes: dict[str, Write] = {}
        self._failures: list[str] = []
        self._held = False

    @property
    def jobs(self) -> list[ExportJob]:
        """All jobs, oldest first, as they are now."""
        with self._lock:
            self.settle()
            return list(self._jobs)

    def fail_next(self, reason: str) -> None:
        """The next job that starts will end FAILED, with this ErrorInfo; one order for each job."""
        with self._lock:
            self._failures.append(reason)

    def hold(self) -> None:
        """No job ends until `release()`, other than by being cancelled."""
        with self._lock:
            self.settle()
            self._held = True

    def release(self) -> None:
        """The jobs whose time passed while they were held end now."""
        with self._lock:
            self._held = False
            for job in self._running():
                job.due_at = max(job.due_at, self._clock())

    def age(self, by: timedelta) -> None:
        """Move every job into the past, as if so much time had gone by since."""
        with self._lock:
            self.settle()
            for job in self._jobs:
                job.start_time -= by.total_seconds()
                job.due_at -= by.total_seconds()
                if job.end_time is not None:
                    job.end_time -= by.total_seconds()

    def reset(self) -> None:
        """No jobs, and no orders for those to come."""
        with self._lock:
            self.duration = DURATION
            self._jobs.clear()
            self._writes.clear()
            self._failures.clear()
            self._held = False

    def settle(self) -> None:
        """End the jobs whose time is over: here archives are written."""
        with self._lock:
            for job in self._running():
                if not self._held and self._clock() >= job.due_at:
                    self._finish(job)

    def of_order(self, order: ExportOrder) -> ExportJob | None:
        """The job that this order already started, if it did.

        InvalidParameterException if its token came with another order. How long AWS remembers a
        token is not published; here it is as long as the job.
        """
        for job in self._of(order.organization_id):
            if job.client_token == order.client_token:
                if job.order == order:
                    return job
                raise invalid_parameter("The ClientToken was used with other parameters.")
        return None

    def start(self, order: ExportOrder, mailbox: Mailbox, behaviour: Behaviour) -> ExportJob:
        with self._lock:
            self._require_within_limits(order, behaviour)
            now = self._clock()
            job = ExportJob(str(uuid.uuid4()), order, mailbox, now, due_at=now + self.duration)
            self._writes[job.job_id] = self._destination.open(job)
            if self._failures:
                job.ordered_failure = self._failures.pop(0)
            self._jobs.append(job)
            return job

    def find(self, organization_id: str, job_id: str, behaviour: Behaviour) -> ExportJob:
        for job in self._of(organization_id):
            too_old = behaviour.old_export_job_vanishes and not self._is_listed(job)
            if job.job_id == job_id and not too_old:
                return job
        raise entity_not_found(job_id)

    def listed(self, organization_id: str) -> list[ExportJob]:
        """Those that started in the last seven days, newest first."""
        jobs = [job for job in reversed(self._of(organization_id)) if self._is_listed(job)]
        return sorted(jobs, key=lambda job: job.start_time, reverse=True)

    def cancel(self, organization_id: str, job_id: str, behaviour: Behaviour) -> None:
        with self._lock:
            job = self.find(organization_id, job_id, behaviour)
            if job.state == "RUNNING":
                job.state, job.end_time = "CANCELLED", self._clock()
            elif behaviour.cancel_ended_export_fails:
                raise invalid_parameter(f"The job {job_id} is {job.state}.")

    def _finish(self, job: ExportJob) -> None:
        try:
            if job.ordered_failure:
                raise ExportFailed(job.ordered_failure)
            self._writes[job.job_id](job.mailbox.archive())
        except ExportFailed as failure:
            job.state, job.error_info = "FAILED", str(failure)
        else:
            job.state = "COMPLETED"
        job.end_time = job.due_at

    def _require_within_limits(self, order: ExportOrder, behaviour: Behaviour) -> None:
        jobs = self._of(order.organization_id)
        if sum(job.state == "RUNNING" for job in jobs) >= RUNNING_JOBS_PER_ORGANIZATION:
            raise WorkMailError(
                "LimitExceededException",
                f"An organization runs {RUNNING_JOBS_PER_ORGANIZATION} export jobs at most.",
            )
        free = ("FAILED", "CANCELLED") if behaviour.failed_export_can_be_repeated else ()
        earliest = self._clock() - SECONDS_BETWEEN_EXPORTS
        counted = (job for job in jobs if job.entity_id == order.entity_id)
        if any(job.start_time > earliest and job.state not in free for job in counted):
            raise WorkMailError(
                "LimitExceededException",
                f"The mailbox of {order.entity_id} was exported within the last 24 hours.",
            )

    def _is_listed(self, job: ExportJob) -> bool:
        return self._clock() - job.start_time <= SECONDS_LISTED

    def _of(self, organization_id: str) -> list[ExportJob]:
        return [job for job in self.jobs if job.order.organization_id == organization_id]

    def _running(self) -> list[ExportJob]:
        return [job for job in self._jobs if job.state == "RUNNING"]
