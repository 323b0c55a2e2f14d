"""A Delete exports the mailbox before it deregisters the entity, against the local WorkMail."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from local_aws.workmail import Behaviour, Failure
from local_aws.workmail import Entity as LocalEntity
from tests.support.harness import EXPORT, FunctionHarness, Stack, client_error, failed, succeeded
from tests.support.lambda_fakes import ORGANIZATION_ID, SECRET
from workmail_provider.aws import make_clients
from workmail_provider.rules.entities import Entity, EntityState
from workmail_provider.rules.exports import (
    ExportDestination,
    ExportJob,
    ExportState,
    last_of,
    to_join,
    young_enough,
)
from workmail_provider.rules.kinds import EntityType
from workmail_provider.rules.manifest import ManifestLine

BUCKET = EXPORT["BucketName"]
OTHER_BUCKET = "other-archive"
MINUTE = 60.0
HOUR = 60 * MINUTE


class ExportHarness(FunctionHarness):
    """Alice and the room are enabled since long, and registered with a MailboxExport."""

    def __init__(self) -> None:
        super().__init__()
        self.enable("alice", "alice@example.com")
        self.enable("board-room", "board-room@example.com")
        self.own = self.registration_id(self.alice)
        self.exports = self.workmail.exports

    def delete(self, physical_id: str | None = None, **changes: Any) -> dict[str, Any]:
        given = {"ServiceTimeout": "3600", "MailboxExport": EXPORT, **changes}
        return self.send("Delete", physical_id or self.own, **given)

    def begin_delete(self) -> None:
        """Puts the event in the function's queue."""
        given: dict[str, Any] = {"ServiceTimeout": "3600", "MailboxExport": EXPORT}
        self.queue.append(self.request("Delete", self.own, **given))

    def export_ten_others(self) -> None:
        for number in range(10):
            user = self.organization.add_user(f"user-{number}")
            self.enable(user.name, f"user-{number}@example.com")
            self.export_elsewhere(BUCKET, user)

    def export_elsewhere(self, bucket: str = BUCKET, entity: LocalEntity | None = None) -> str:
        """The id of an export job of a mailbox, alice's by default, that no Delete started."""
        entity_id = (entity or self.alice).entity_id
        parameters = {
            "ClientToken": f"elsewhere-{entity_id}",
            "OrganizationId": ORGANIZATION_ID,
            "EntityId": entity_id,
            "RoleArn": EXPORT["RoleArn"],
            "KmsKeyArn": EXPORT["KmsKeyArn"],
            "S3BucketName": bucket,
            "S3Prefix": f"workmail/{ORGANIZATION_ID}/elsewhere",
        }
        job_id = self.workmail.perform("StartMailboxExportJob", parameters)["JobId"]
        self.workmail.calls.clear()
        return str(job_id)

    def cancel(self) -> None:
        for job in self.exports.jobs:
            self.exports.cancel(ORGANIZATION_ID, job.job_id)

    def while_it_sleeps(self, act: Callable[[], object]) -> None:
        def sleep(seconds: float) -> None:
            self.now += seconds
            act()

        self.on_sleep = sleep

    @property
    def job_states(self) -> list[str]:
        return [job.state for job in self.exports.jobs]


@pytest.fixture
def harness() -> ExportHarness:
    return ExportHarness()


def test_a_mailbox_is_exported_before_it_is_deregistered(
    harness: ExportHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    harness.exports.duration = 5 * MINUTE
    response = harness.delete()
    succeeded(response)
    assert harness.alice.state == "DISABLED"
    (job,) = harness.exports.jobs
    (deregistration,) = harness.workmail.calls.of("DeregisterFromWorkMail")
    assert job.end_time is not None and job.end_time <= deregistration.at
    location = f"s3://{BUCKET}/{job.s3_path}"
    assert response["Data"] == {"ExportJobId": job.job_id, "ExportedTo": location}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    exported = [line["why"] for line in lines if line["action"] == "exported"]
    size = len(harness.s3.objects[BUCKET][job.s3_path].body)
    assert exported == [f"job {job.job_id} is in {location}, {size} bytes"]


class TestSeenInTheBucket:
    """A mailbox is deregistered only if its export is in the bucket with a size."""

    @pytest.fixture(autouse=True)
    def an_export_of_five_minutes(self, harness: ExportHarness) -> None:
        harness.exports.duration = 5 * MINUTE

    @pytest.mark.parametrize("body", [None, b""])
    def test_without_an_object_with_a_size_the_mailbox_stays_enabled(
        self, harness: ExportHarness, body: bytes | None
    ) -> None:
        harness.s3.spoil = lambda archive: body
        assert "no object with a size: restore it, or delete again" in failed(harness.delete())
        assert harness.alice.state == "ENABLED"

    def test_a_bucket_that_cannot_be_listed_keeps_the_mailbox_enabled(
        self, harness: ExportHarness
    ) -> None:
        harness.s3.denied = {"ListObjectsV2"}
        assert "s3:ListObjectsV2" in failed(harness.delete())
        assert harness.alice.state == "ENABLED"

    def test_the_object_of_a_young_export_is_missed_and_another_is_started(
        self, harness: ExportHarness
    ) -> None:
        harness.export_elsewhere()
        harness.now += 23 * HOUR
        assert harness.job_states == ["COMPLETED"]
        harness.s3.objects[BUCKET].clear()
        harness.now += 65 * MINUTE
        succeeded(harness.delete(MailboxExport={**EXPORT, "MaximumAge": f"{48 * HOUR:.0f}"}))
        assert harness.job_states == ["COMPLETED", "COMPLETED"]

    def test_a_removal_writes_a_line_of_the_manifest(self, harness: ExportHarness) -> None:
        succeeded(harness.delete())
        (job,) = harness.exports.jobs
        folder = f"workmail/{ORGANIZATION_ID}/_manifest/{harness.alice.entity_id}/"
        name = f"{folder}removal-{job.job_id}.1.exported.json"
        line = ManifestLine.parse(harness.s3.objects[BUCKET][name].body)
        assert (line.verdict, line.name, line.email) == ("EXPORTED", "alice", "alice@example.com")
        assert (line.job_id, line.key, line.bucket) == (job.job_id, job.s3_path, BUCKET)
        assert line.size == len(harness.s3.objects[BUCKET][job.s3_path].body)

    def test_a_line_that_cannot_be_written_is_logged_and_the_mailbox_is_removed(
        self, harness: ExportHarness, capsys: pytest.CaptureFixture[str]
    ) -> None:
        harness.s3.denied = {"PutObject"}
        succeeded(harness.delete())
        assert harness.alice.state == "DISABLED"
        assert '"action": "no manifest line"' in capsys.readouterr().out


@pytest.mark.parametrize(("name", "jobs"), [("board-room", ["COMPLETED"]), ("team", [])])
def test_a_resource_is_exported_and_a_group_has_no_mailbox(
    harness: ExportHarness, name: str, jobs: list[str]
) -> None:
    harness.enable("team", "team@example.com")
    entity = harness.organization.entity(name)
    succeeded(harness.delete(harness.registration_id(entity)))
    assert harness.job_states == jobs
    assert entity.state == "DISABLED"


def test_without_a_declared_export_no_mailbox_is_exported(harness: ExportHarness) -> None:
    succeeded(harness.send("Delete", harness.own))
    assert (harness.exports.jobs, harness.alice.state) == ([], "DISABLED")


@pytest.mark.parametrize(
    ("deletion_in", "time"), [(None, "20250615T150540Z"), (1, "20250615T150641Z")]
)
def test_the_path_has_organization_entity_and_the_time_of_the_operation(
    harness: ExportHarness, deletion_in: float | None, time: str
) -> None:
    """The time at which the stack's deletion began, if it is deleted."""
    if deletion_in:
        harness.stack.status = "DELETE_IN_PROGRESS"
        harness.stack.deletion_time = harness.now + deletion_in
    succeeded(harness.delete())
    path = harness.exports.jobs[0].s3_path
    assert path.startswith(f"workmail/{ORGANIZATION_ID}/{harness.alice.entity_id}/{time}/")


@pytest.mark.parametrize("status", ["ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
@pytest.mark.parametrize("is_nested", [False, True])
def test_what_a_failed_operation_enabled_is_disabled_without_an_export(
    harness: ExportHarness, status: str, is_nested: bool
) -> None:
    """It has no mail, and its export would stand in for a later one."""
    harness.enable("bob", "bob@example.com", ago=30)
    if is_nested:
        harness.stack.status = "DELETE_IN_PROGRESS"
        harness.stack.root = Stack(status, harness.now - 3600, harness.now - 60)
    else:
        harness.stack.status = status
    succeeded(harness.delete(harness.registration_id(harness.bob)))
    assert (harness.exports.jobs, harness.bob.state) == ([], "DISABLED")


@pytest.mark.parametrize("reason", ["disabled", "another id", "handed over", "rolled back"])
def test_what_is_not_deregistered_is_not_exported(harness: ExportHarness, reason: str) -> None:
    own = harness.own
    if reason == "disabled":
        own = harness.registration_id(harness.bob)
    elif reason == "another id":
        own = "Mail-Alice-1A2B3C"
    elif reason == "handed over":
        harness.stack.resources["Other"] = (own, "CREATE_COMPLETE")
    else:
        harness.stack.status = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
    succeeded(harness.delete(own))
    assert harness.exports.jobs == []
    assert harness.alice.state == "ENABLED"


class TestAfterTheExport:
    """It can take hours, so everything is found again."""

    @pytest.mark.parametrize("is_handed_over", [True, False])
    def test_a_mailbox_that_was_handed_over_or_whose_operation_ended_is_retained(
        self, harness: ExportHarness, is_handed_over: bool
    ) -> None:
        harness.exports.duration = 5 * MINUTE

        def change() -> None:
            if is_handed_over:
                harness.stack.resources["Other"] = (harness.own, "CREATE_COMPLETE")
            else:
                harness.stack.status = "UPDATE_COMPLETE"

        harness.while_it_sleeps(change)
        succeeded(harness.delete())
        assert harness.job_states == ["COMPLETED"]
        assert harness.alice.state == "ENABLED"

    def test_throttling_before_and_after_a_long_wait_has_two_budgets(
        self, harness: ExportHarness
    ) -> None:
        harness.exports.duration = 9 * MINUTE
        throttled = Failure("ThrottlingException")
        again: list[bool] = []
        harness.workmail.faults.add("DescribeUser", throttled, times=1)

        def throttle_later() -> None:
            if harness.job_states == ["COMPLETED"] and not again:
                again.append(True)
                harness.workmail.faults.add("DescribeUser", throttled, times=1)

        harness.while_it_sleeps(throttle_later)
        succeeded(harness.delete(seconds=900.0))
        assert again and harness.invocations == 1


class TestAJobThatDoesNotComplete:
    @pytest.mark.parametrize("end", ["failed", "cancelled", "refused"])
    def test_it_fails_the_delete_and_the_mailbox_stays_enabled(
        self, harness: ExportHarness, end: str
    ) -> None:
        said = {
            "failed": "failed, it stays enabled: The role may not write",
            "cancelled": "was cancelled, it stays enabled",
            "refused": "correct the MailboxExport (The bucket is public)",
        }
        if end == "failed":
            harness.exports.fail_next("The role may not write")
        elif end == "cancelled":
            harness.exports.duration = HOUR
            harness.while_it_sleeps(harness.cancel)
        else:
            refused = Failure("InvalidParameterException", message="The bucket is public")
            harness.workmail.faults.add("StartMailboxExportJob", refused)
        response = harness.delete()
        assert said[end] in failed(response)
        assert response["PhysicalResourceId"] == harness.own
        assert harness.alice.state == "ENABLED"

    def test_the_next_delete_exports_again_if_workmail_allows_it(
        self, harness: ExportHarness
    ) -> None:
        harness.workmail.behaviour = Behaviour(failed_export_can_be_repeated=True)
        harness.exports.fail_next("no")
        failed(harness.delete())
        succeeded(harness.delete(request_id="request-2"))
        assert harness.job_states == ["FAILED", "COMPLETED"]
        first, second = harness.exports.jobs
        assert first.client_token != second.client_token


class TestARepeatedEvent:
    def test_it_finds_its_own_job_whatever_its_state(self, harness: ExportHarness) -> None:
        harness.exports.fail_next("no")
        assert failed(harness.delete()) == failed(harness.delete())
        assert len(harness.exports.jobs) == 1

    def test_it_starts_no_second_job_if_the_list_does_not_show_the_first(
        self, harness: ExportHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(harness.exports, "listed", lambda organization_id: [])
        harness.exports.hold()
        for _ in range(2):
            harness.begin_delete()
        for _ in range(2):
            harness.invoke(600.0)
        assert harness.job_states == ["RUNNING"]

    def test_a_mailbox_that_the_other_delivery_deregistered_is_success(
        self, harness: ExportHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        perform = harness.workmail.perform

        def deregister_first(operation: str, *given: Any, **named: Any) -> dict[str, Any]:
            if operation == "StartMailboxExportJob":
                alice = {"OrganizationId": ORGANIZATION_ID, "EntityId": harness.alice.entity_id}
                perform("DeregisterFromWorkMail", alice)
            return perform(operation, *given, **named)

        monkeypatch.setattr(harness.workmail, "perform", deregister_first)
        succeeded(harness.delete())
        assert harness.exports.jobs == []


class TestChoosingAJob:
    """The rules, also for a WorkMail that does not remember the token."""

    NOW = datetime(2026, 11, 22, tzinfo=UTC)
    DESTINATION = ExportDestination("role", "key", BUCKET, "workmail", timedelta(hours=24))
    JOB = ExportJob(
        job_id="job",
        entity_id="alice",
        state=ExportState.COMPLETED,
        description="elsewhere",
        bucket=BUCKET,
        path=f"workmail/{ORGANIZATION_ID}/alice/1/export.zip",
        progress=100,
        started_at=NOW - timedelta(hours=2),
        ended_at=NOW - timedelta(hours=1),
        error="",
    )
    ALICE = Entity(
        organization_id=ORGANIZATION_ID,
        entity_id="alice",
        entity_type=EntityType.USER,
        name="alice",
        state=EntityState.ENABLED,
        email="alice@example.com",
        enabled_date=NOW - timedelta(days=30),
    )
    RUNNING = replace(JOB, state=ExportState.RUNNING, ended_at=None)
    FAILED = replace(JOB, state=ExportState.FAILED)

    @pytest.mark.parametrize(
        ("jobs", "joined"),
        [
            ([JOB, replace(FAILED, description="mine")], 1),
            ([RUNNING, replace(FAILED, description="mine")], 1),
            ([JOB, RUNNING], 1),
            ([JOB, FAILED], None),
            ([replace(RUNNING, entity_id="bob"), replace(RUNNING, bucket=OTHER_BUCKET)], None),
            ([replace(JOB, description="mine", bucket=OTHER_BUCKET)], None),
            ([replace(RUNNING, path="")], 0),
            ([replace(RUNNING, path=f"s3://{BUCKET}/{JOB.path}")], 0),
            ([replace(RUNNING, path="workmail/m-2/alice/1.zip")], None),
        ],
    )
    def test_a_request_joins_its_own_job_or_a_running_one_to_the_bucket(
        self, jobs: list[ExportJob], joined: int | None
    ) -> None:
        expected = None if joined is None else jobs[joined]
        assert to_join(jobs, self.ALICE, self.DESTINATION, "mine") is expected

    @pytest.mark.parametrize(
        ("jobs", "used"),
        [
            ([replace(JOB, ended_at=NOW - timedelta(hours=3)), JOB, FAILED], 1),
            ([JOB, replace(JOB, ended_at=NOW - timedelta(hours=3))], 0),
            ([replace(JOB, ended_at=NOW - timedelta(hours=24))], 0),
            ([replace(JOB, ended_at=NOW - timedelta(hours=24, seconds=1))], None),
            ([replace(JOB, entity_id="bob"), replace(JOB, bucket=OTHER_BUCKET), RUNNING], None),
        ],
    )
    def test_the_newest_completed_export_within_the_maximum_age_stands_in(
        self, jobs: list[ExportJob], used: int | None
    ) -> None:
        expected = None if used is None else jobs[used]
        assert young_enough(jobs, self.ALICE, self.DESTINATION, self.NOW) is expected

    @pytest.mark.parametrize(
        ("enabled_hours_ago", "counts"), [(2.1, True), (2, True), (1.9, False), (None, False)]
    )
    def test_an_export_counts_only_if_it_began_after_the_mailbox_was_last_enabled(
        self, enabled_hours_ago: float | None, counts: bool
    ) -> None:
        """An unknown date counts as no. The request's own job is joined all the same."""
        enabled = None
        if enabled_hours_ago:
            enabled = self.NOW - timedelta(hours=enabled_hours_ago)
        alice = replace(self.ALICE, enabled_date=enabled)
        used = young_enough([self.JOB], alice, self.DESTINATION, self.NOW)
        assert used is (self.JOB if counts else None)
        joined = to_join([self.RUNNING], alice, self.DESTINATION, "mine")
        assert joined is (self.RUNNING if counts else None)
        assert to_join([self.RUNNING], alice, self.DESTINATION, "elsewhere") is self.RUNNING

    @pytest.mark.parametrize(
        ("jobs", "last"),
        [
            ([replace(JOB, started_at=NOW - timedelta(hours=24))], None),
            ([replace(JOB, started_at=NOW - timedelta(hours=23)), JOB], 1),
            ([replace(JOB, bucket=OTHER_BUCKET)], 0),
            ([replace(JOB, entity_id="bob")], None),
        ],
    )
    def test_the_last_job_of_24_hours_to_any_bucket_keeps_the_next_from_starting(
        self, jobs: list[ExportJob], last: int | None
    ) -> None:
        expected = None if last is None else jobs[last]
        assert last_of(jobs, "alice", self.NOW) is expected

    def test_the_path_has_only_characters_that_workmail_accepts(self) -> None:
        path = self.DESTINATION.folder("m-1", "a%b@c+d-e", self.NOW)
        assert path == "workmail/m-1/a_b_c_d-e/20261122T000000Z"


class TestOnceInTwentyFourHours:
    @pytest.mark.parametrize(
        ("bucket", "maximum_age", "is_used"),
        [(BUCKET, 24 * HOUR, True), (BUCKET, HOUR, False), (OTHER_BUCKET, 24 * HOUR, False)],
    )
    def test_a_young_export_in_the_bucket_stands_in_or_the_message_says_when(
        self, harness: ExportHarness, bucket: str, maximum_age: float, is_used: bool
    ) -> None:
        job_id = harness.export_elsewhere(bucket)
        harness.now += 3 * HOUR
        response = harness.delete(MailboxExport={**EXPORT, "MaximumAge": f"{maximum_age:.0f}"})
        if is_used:
            succeeded(response)
            assert response["Data"]["ExportJobId"] == job_id
        else:
            assert "delete again after 2025-06-16 15:06 UTC" in failed(response)
        assert harness.alice.state == ("DISABLED" if is_used else "ENABLED")

    def test_the_maximum_age_counts_from_the_end_of_the_export(
        self, harness: ExportHarness
    ) -> None:
        harness.exports.duration = 10 * HOUR
        harness.export_elsewhere()
        harness.now += 11 * HOUR
        succeeded(harness.delete(MailboxExport={**EXPORT, "MaximumAge": f"{2 * HOUR:.0f}"}))
        assert harness.job_states == ["COMPLETED"]

    def test_an_export_of_before_the_mailbox_was_enabled_again_does_not_stand_in(
        self, harness: ExportHarness
    ) -> None:
        harness.export_elsewhere()
        harness.now += HOUR
        alice = {"OrganizationId": ORGANIZATION_ID, "EntityId": harness.alice.entity_id}
        harness.workmail.perform("DeregisterFromWorkMail", alice)
        harness.enable("alice", "alice@example.com", ago=0)
        harness.now += HOUR
        assert "once in 24 hours" in failed(harness.delete())
        assert harness.alice.state == "ENABLED"

    def test_a_cancelled_job_does_not_stand_in(self, harness: ExportHarness) -> None:
        harness.exports.duration = HOUR
        harness.export_elsewhere()
        harness.cancel()
        assert "once in 24 hours" in failed(harness.delete())
        assert harness.alice.state == "ENABLED"

    @pytest.mark.parametrize(("hours", "jobs"), [(25, 1), (27, 2)])
    def test_a_young_export_is_used_where_another_could_be_started(
        self, harness: ExportHarness, hours: int, jobs: int
    ) -> None:
        harness.exports.duration = 2 * HOUR
        harness.export_elsewhere()
        harness.exports.duration = MINUTE
        harness.now += hours * HOUR
        succeeded(harness.delete())
        assert harness.job_states == ["COMPLETED"] * jobs

    @pytest.mark.parametrize("bucket", [BUCKET, OTHER_BUCKET])
    def test_only_a_running_job_to_the_same_bucket_is_joined(
        self, harness: ExportHarness, bucket: str
    ) -> None:
        harness.exports.duration = 20 * MINUTE
        job_id = harness.export_elsewhere(bucket)
        response = harness.delete()
        assert len(harness.exports.jobs) == 1
        if bucket == BUCKET:
            succeeded(response)
            assert response["Data"]["ExportJobId"] == job_id
        else:
            assert f"in bucket {OTHER_BUCKET}" in failed(response)
            assert harness.alice.state == "ENABLED"


class TestBeyondOneInvocation:
    @pytest.mark.parametrize("errors", [0, 3])
    def test_a_job_of_forty_minutes_is_waited_for(
        self, harness: ExportHarness, errors: int
    ) -> None:
        """Also if the function's invocation of itself is throttled."""
        throttled = client_error("Invoke", "TooManyRequestsException", "slow", 429)
        harness.invoke_errors.extend([throttled] * errors)
        harness.exports.duration = 40 * MINUTE
        succeeded(harness.delete())
        assert harness.invocations > 3
        assert harness.alice.state == "DISABLED"
        assert len(harness.exports.jobs) == 1

    def test_a_response_never_waits_for_an_invocation_that_may_hang(
        self, harness: ExportHarness
    ) -> None:
        """The last one begins early enough, because a response is sent before or after it."""
        config = make_clients()("lambda", "us-east-1").meta.config
        sent_at: list[float] = []

        class Unreachable(list[Exception]):
            def pop(self, *_: object) -> Exception:
                sent_at.append(harness.now)
                return ReadTimeoutError(endpoint_url="https://lambda")

        harness.invoke_errors = Unreachable([ReadTimeoutError(endpoint_url="https://lambda")])
        harness.exports.duration = 40 * MINUTE
        began = harness.now
        assert "could not invoke itself to continue" in failed(harness.delete(seconds=600.0))
        assert sent_at[-1] + config.connect_timeout + config.read_timeout < began + 600

    @pytest.mark.parametrize("seconds", [300.0, 600.0, 900.0])
    def test_lambda_does_not_stop_it_as_a_loop(
        self, harness: ExportHarness, seconds: float
    ) -> None:
        harness.exports.hold()
        failed(harness.delete(seconds=seconds))
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
        assert harness.invocations < 16

    def test_it_ends_before_cloudformations_hour_and_a_later_delete_joins_the_job(
        self, harness: ExportHarness
    ) -> None:
        began = harness.now
        harness.exports.duration = 2 * HOUR
        reason = failed(harness.delete())
        (job,) = harness.exports.jobs
        assert f"is at 38 % (job {job.job_id}): " in reason
        assert "it stays enabled, delete again to continue" in reason
        assert "DeregisterFromWorkMail" not in harness.operations
        # The event may have waited for ten minutes before the function received it.
        assert harness.now - began < HOUR - 630
        harness.exports.duration = MINUTE
        harness.now += HOUR
        succeeded(harness.delete(request_id="request-2"))
        assert len(harness.exports.jobs) == 1
        assert harness.alice.state == "DISABLED"

    def test_whenever_the_next_delete_comes_it_can_succeed(self) -> None:
        """With the default maximum age, a job is young enough or a new one is possible."""
        for hours in range(1, 60):
            harness = ExportHarness()
            harness.exports.duration = 5 * HOUR
            failed(harness.delete())
            harness.now += hours * HOUR
            harness.exports.duration = MINUTE
            running = harness.job_states == ["RUNNING"]
            response = harness.delete(request_id="request-2")
            assert response["Status"] == ("FAILED" if running and hours < 4 else "SUCCESS"), hours

    def test_an_event_that_comes_after_the_hour_changes_nothing(
        self, harness: ExportHarness
    ) -> None:
        harness.exports.duration = 15 * MINUTE
        harness.begin_delete()
        harness.invoke(600.0)
        assert harness.queue
        harness.now += HOUR
        calls = len(harness.workmail.calls)
        harness.invoke(600.0)
        assert "hour ended before this continued" in failed(json.loads(harness.bodies[-1]))
        assert len(harness.workmail.calls) == calls
        assert harness.alice.state == "ENABLED"

    def test_a_continuation_that_is_refused_fails(self, harness: ExportHarness) -> None:
        harness.exports.duration = 40 * MINUTE
        refused = client_error("Invoke", "ResourceNotFoundException", "unknown", 404)
        harness.invoke_errors.append(refused)
        assert "could not invoke itself to continue" in failed(harness.delete())
        assert harness.alice.state == "ENABLED"

    def test_the_response_url_is_in_the_next_event_only(
        self, harness: ExportHarness, capsys: pytest.CaptureFixture[str]
    ) -> None:
        harness.exports.duration = 40 * MINUTE
        harness.begin_delete()
        harness.invoke(600.0)
        assert SECRET in harness.queue[0]["ResponseURL"]
        written = capsys.readouterr()
        assert SECRET not in written.out + written.err
        assert SECRET not in str([call.parameters for call in harness.workmail.calls])


@pytest.mark.parametrize(
    ("minutes", "invocations"), [(3, 1), (25, 3), (120, None)], ids=["short", "long", "too long"]
)
def test_an_eleventh_export_waits_until_the_hour_ends(
    harness: ExportHarness, minutes: float, invocations: int | None
) -> None:
    harness.exports.duration = minutes * MINUTE
    harness.export_ten_others()
    harness.exports.duration = MINUTE
    response = harness.delete()
    if invocations:
        succeeded(response)
        assert harness.invocations >= invocations
        assert harness.alice.state == "DISABLED"
    else:
        reason = failed(response)
        assert "waits, because WorkMail exports ten mailboxes at a time" in reason
        assert "it stays enabled, delete again to continue" in reason
        assert harness.alice.state == "ENABLED"


class TestDeclaring:
    def test_adding_an_export_changes_nothing_in_workmail(self, harness: ExportHarness) -> None:
        succeeded(harness.send("Update", harness.own, MailboxExport=EXPORT))
        assert harness.operations == ["DescribeUser"]

    @pytest.mark.parametrize(
        ("export", "said"),
        [
            ("yes", "MailboxExport is 'yes'"),
            ({**EXPORT, "MaximumAge": "a day"}, "MaximumAge is 'a day'"),
            ({**EXPORT, "RoleArn": ""}, "RoleArn is ''"),
            ({name: EXPORT[name] for name in EXPORT if name != "KmsKeyArn"}, "KmsKeyArn is None"),
        ],
    )
    def test_a_wrong_export_fails_the_update_and_not_only_the_delete(
        self, harness: ExportHarness, export: object, said: str
    ) -> None:
        assert said in failed(harness.send("Update", harness.own, MailboxExport=export))
        assert harness.operations == []
        assert said in failed(harness.delete(MailboxExport=export))
        assert harness.alice.state == "ENABLED"
