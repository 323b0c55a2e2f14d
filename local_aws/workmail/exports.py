"""Mailbox export jobs: the rules that WorkMail keeps, and how a test controls them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Literal

from .behaviour import Behaviour
from .exceptions import WorkMailError, entity_not_found, invalid_parameter
from .mailboxes import Mailbox

RUNNING_JOBS_PER_ORGANIZATION = 10
SECONDS_BETWEEN_EXPORTS = 24 * 3600
SECONDS_LISTED = 7 * 24 * 3600
DURATION = 0.2

ExportState = Literal["RUNNING", "COMPLETED", "FAILED", "CANCELLED"]
# What writes the archive of a job at its end, and raises ExportFailed if it cannot.
Write = Callable[[bytes], None]


class ExportFailed(Exception):
    """The archive of a job cannot be written; the message becomes its ErrorInfo."""


def _keep_nothing(archive: bytes) -> None:
    """The archives of a WorkMail without a destination."""


def _fail(reason: str, archive: bytes) -> None:
    raise ExportFailed(reason)


@dataclass(frozen=True)
class ExportOrder:
    """The parameters of StartMailboxExportJob."""

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
    write: Write = field(repr=False)
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
        # AWS does not document what it appends to the prefix: do not depend on this form.
        return f"{self.order.s3_prefix.rstrip('/')}/{self.job_id}.zip"

    def estimated_progress(self, now: float) -> int:
        """In percent; 100 only when it is completed."""
        if self.state == "COMPLETED":
            return 100
        elapsed = (now if self.end_time is None else self.end_time) - self.start_time
        needed = self.due_at - self.start_time
        return int(min(99, 100 * elapsed / needed)) if needed > 0 else 99


# Where archives go; raises WorkMailError if the job cannot even start.
Destination = Callable[[ExportJob], Write]


class Exports:
    """The export jobs of all organizations.

    A job takes `duration` seconds by the clock of the WorkMail, as set when it starts. No thread
    waits for that: the next export operation, or a read of `jobs`, ends the jobs that are due and
    writes their archives.
    """

    def __init__(self, clock: Callable[[], float], destination: Destination | None) -> None:
        self.duration = DURATION
        self._clock = clock
        self._destination = destination or (lambda job: _keep_nothing)
        self._lock = threading.RLock()
        self._jobs: list[ExportJob] = []
        self._failures: list[str] = []
        self._held = False

    @property
    def jobs(self) -> list[ExportJob]:
        """All jobs, oldest first, as they are now."""
        with self._lock:
            self.settle()
            return list(self._jobs)

    def fail_next(self, reason: str) -> None:
        """The next job that starts ends FAILED, with this ErrorInfo."""
        with self._lock:
            self._failures.append(reason)

    def hold(self) -> None:
        """Until `release()`, a job ends only if it is cancelled."""
        with self._lock:
            self.settle()
            self._held = True

    def release(self) -> None:
        """The jobs that became due while they were held end now."""
        with self._lock:
            self._held = False
            for job in self._running():
                job.due_at = max(job.due_at, self._clock())

    def age(self, by: timedelta) -> None:
        """Move every job this far into the past."""
        with self._lock:
            self.settle()
            for job in self._jobs:
                job.start_time -= by.total_seconds()
                job.due_at -= by.total_seconds()
                if job.end_time is not None:
                    job.end_time -= by.total_seconds()

    def reset(self) -> None:
        """Forget all jobs, and all that was set for those to come."""
        with self._lock:
            self.duration = DURATION
            self._jobs.clear()
            self._failures.clear()
            self._held = False

    def settle(self) -> None:
        """End the jobs that are due: archives are written here."""
        with self._lock:
            for job in self._running():
                if not self._held and self._clock() >= job.due_at:
                    self._finish(job)

    def of_order(self, order: ExportOrder) -> ExportJob | None:
        """The job that this order started already, if any.

        Raises InvalidParameterException if its token came with another order. AWS does not
        document how long it remembers a token; here it is as long as the job.
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
            job_id, due_at = str(uuid.uuid4()), now + self.duration
            job = ExportJob(job_id, order, mailbox, now, due_at, write=_keep_nothing)
            job.write = self._destination(job)
            if self._failures:
                job.write = partial(_fail, self._failures.pop(0))
            self._jobs.append(job)
            return job

    def find(self, organization_id: str, job_id: str) -> ExportJob:
        for job in self._of(organization_id):
            if job.job_id == job_id:
                return job
        raise entity_not_found(job_id)

    def listed(self, organization_id: str) -> list[ExportJob]:
        """Those that started in the last seven days, newest first."""
        earliest = self._clock() - SECONDS_LISTED
        jobs = [job for job in reversed(self._of(organization_id)) if job.start_time >= earliest]
        return sorted(jobs, key=lambda job: job.start_time, reverse=True)

    def cancel(self, organization_id: str, job_id: str) -> None:
        with self._lock:
            job = self.find(organization_id, job_id)
            if job.state == "RUNNING":
                job.state, job.end_time = "CANCELLED", self._clock()

    def _finish(self, job: ExportJob) -> None:
        try:
            job.write(job.mailbox.archive())
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

    def _of(self, organization_id: str) -> list[ExportJob]:
        return [job for job in self.jobs if job.order.organization_id == organization_id]

    def _running(self) -> list[ExportJob]:
        return [job for job in self._jobs if job.state == "RUNNING"]
