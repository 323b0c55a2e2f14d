"""What must hold of mailbox exports, decided from the truth in the local WorkMail."""

from __future__ import annotations

from collections import defaultdict

from local_aws.workmail import Entity, ExportJob, Exports
from tests.model.cloudformation import Event
from tests.model.function import Run, Time, found

_DAY = 24 * 3600.0
# Before CloudFormation gives up, in seconds: an invocation that begins later may find that it must
# not go on. So much is kept for a request that had waited, and for what comes after the export.
_LAST = 840.0


class ExportOracle:
    """Which jobs exist, which request started them, and which of them count."""

    def __init__(self, exports: Exports, time: Time, *, hides_enabled_date: bool) -> None:
        self._hides_enabled_date = hides_enabled_date
        self._exports = exports
        self._time = time
        # (stack id, request id) -> ids of jobs.
        self._jobs_of: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def record_job(self, event: Event, job_id: str) -> set[str]:
        """The jobs that the request has started so far."""
        jobs = self._jobs_of[event.stack.stack_id, event.request_id]
        jobs.add(job_id)
        return jobs

    def is_required(self, event: Event, entity: Entity) -> bool:
        """Whether this request may not deregister the entity before it is exported."""
        return (
            event.request_type == "Delete"
            and event.declared.export is not None
            and entity.kind != "GROUP"
            # What a failed operation has enabled has no mail to keep.
            and not event.rolls_back
        )

    def lack(self, run: Run, entity: Entity) -> str | None:
        """Why the mail would be lost if the entity were deregistered now, or None."""
        if not self.is_required(run.event, entity):
            return None
        jobs = [job for job in self._exports.jobs if job.entity_id == entity.entity_id]
        if any(self._counts(job, run) for job in jobs):
            return None
        there = [(job.order.s3_bucket_name, job.state, job.end_time) for job in jobs]
        return f"not exported at {run.began_at:.0f}, its jobs are {there}"

    def check_data(self, run: Run, entity: Entity) -> str:
        """Whether the job that the response names is its own; asserts that it counts."""
        data = run.response["Data"]
        jobs = {job.job_id: job for job in self._exports.jobs}
        job = jobs[data["ExportJobId"]]
        assert job.entity_id == entity.entity_id
        assert self._counts(job, run)
        assert data["ExportedTo"] == f"s3://{job.order.s3_bucket_name}/{job.s3_path}"
        if self._is_own(job, run):
            return "its own job"
        return "joined" if job.end_time and job.end_time >= run.event.sent_at else "used again"

    def explain_failure(self, run: Run, entity: Entity) -> bool:
        """Whether a job, one of WorkMail's limits or the hour prevented a Delete."""
        event = run.event
        if run.delivery.is_continuation and run.began_at > event.given_up_at - _LAST:
            return True
        if not self.is_required(event, entity):
            return False
        # WorkMail does not export what is disabled and still shown as enabled.
        if not found(entity, run.began_at).is_settled:
            return True
        since = event.sent_at - _DAY
        return any(
            self._prevents(job, run)
            for job in self._exports.jobs
            if job.entity_id == entity.entity_id and job.start_time > since
        )

    def _prevents(self, job: ExportJob, run: Run) -> bool:
        declared, event = run.event.declared.export, run.event
        if self._hides_enabled_date and not self._is_own(job, run):
            return True
        is_here = declared is not None and job.order.s3_bucket_name == declared.bucket
        if job.state == "RUNNING" and is_here and self._has_all_mail(job, run):
            # It is waited for, however long that lasts.
            return self._time.now >= event.given_up_at - _LAST
        return not self._counts(job, run)

    def _counts(self, job: ExportJob, run: Run) -> bool:
        """Completed into the declared bucket, after the request or within the maximum age.

        Stricter than that an earlier request started it: what that one did not wait for is a job
        like another when this request finds it completed.
        """
        declared = run.event.declared.export
        return (
            declared is not None
            and job.order.s3_bucket_name == declared.bucket
            and job.state == "COMPLETED"
            and job.end_time is not None
            and self._has_all_mail(job, run)
            and (
                job.end_time >= run.event.sent_at
                or run.began_at - job.end_time <= declared.maximum_age
            )
        )

    def _has_all_mail(self, job: ExportJob, run: Run) -> bool:
        """Whether the mailbox was not enabled again after the job began, or not visibly so."""
        before = run.found[job.entity_id]
        is_dated = not (self._hides_enabled_date and self._is_own(job, run))
        is_visible = before.is_settled and is_dated
        return (before.enabled_at or 0.0) <= job.start_time or not is_visible

    def _is_own(self, job: ExportJob, run: Run) -> bool:
        return job.job_id in self._jobs_of[run.event.stack.stack_id, run.event.request_id]
