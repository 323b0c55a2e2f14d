"""Leaving without losing mail: what a Delete does under SNAPSHOT, against the local WorkMail."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local_aws.workmail import Behaviour, Entity, Failure
from tests.support.harness import FunctionHarness, client_error
from tests.support.lambda_fakes import ORGANIZATION_ID, SECRET
from workmail_provider.rules.exports import (
    ExportDestination,
    ExportJob,
    ExportState,
    last_of,
    to_join,
    young_enough,
)

BUCKET = "mail-archive"
EXPORT = {
    "RoleArn": "arn:aws:iam::000000000000:role/export",
    "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555",
    "BucketName": BUCKET,
    "Prefix": "workmail",
    "MaximumAge": "86400",
}
MINUTE = 60.0
HOUR = 60 * MINUTE


class SnapshotWorld(FunctionHarness):
    """Alice and the room are enabled since long, and registered with SNAPSHOT."""

    def __init__(self) -> None:
        super().__init__()
        self.enable("alice", "alice@example.com")
        self.enable("board-room", "board-room@example.com")
        self.own = self.registration_id(self.alice)

    def delete(self, physical_id: str | None = None, **changes: Any) -> dict[str, Any]:
        given = {"ServiceTimeout": "3600", "MailboxExport": EXPORT, **changes}
        return self.send("Delete", physical_id or self.own, **given)

    def begin_delete(self) -> None:
        """CloudFormation has sent the event, and the function has not got it yet."""
        given: dict[str, Any] = {"ServiceTimeout": "3600", "MailboxExport": EXPORT}
        self.queue.append(self.request("Delete", self.own, **given))

    def keep_busy(self, count: int) -> None:
        """So many other mailboxes are being exported."""
        for number in range(count):
            user = self.organization.add_user(f"user-{number}")
            self.enable(user.name, f"user-{number}@example.com")
            self.export_by_hand(BUCKET, of=user)

    def export_by_hand(self, bucket: str, *, of: Entity | None = None) -> str:
        """Somebody exports a mailbox by hand, alice's unless told; the job's id."""
        entity = of or self.alice
        answer = self.workmail.perform(
            "StartMailboxExportJob",
            {
                "ClientToken": f"by-hand-{entity.entity_id}",
                "OrganizationId": ORGANIZATION_ID,
                "EntityId": entity.entity_id,
                "RoleArn": EXPORT["RoleArn"],
                "KmsKeyArn": EXPORT["KmsKeyArn"],
                "S3BucketName": bucket,
                "S3Prefix": "by-hand",
            },
        )
        self.workmail.calls.clear()
        job_id: str = answer["JobId"]
        return job_id

    @property
    def states_of_jobs(self) -> list[str]:
        return [job.state for job in self.workmail.exports.jobs]


@pytest.fixture
def world() -> SnapshotWorld:
    return SnapshotWorld()


def test_a_mailbox_is_exported_before_it_is_deregistered(world: SnapshotWorld) -> None:
    world.workmail.exports.duration = 5 * MINUTE
    answer = world.delete()
    assert answer["Status"] == "SUCCESS"
    assert world.alice.state == "DISABLED"
    job = world.workmail.exports.jobs[0]
    assert job.end_time is not None
    deregistered_at = next(
        call.at for call in world.workmail.calls if call.operation == "DeregisterFromWorkMail"
    )
    assert job.end_time <= deregistered_at
    assert answer["Data"] == {
        "ExportJobId": job.job_id,
        "ExportedTo": f"s3://{BUCKET}/{job.s3_path}",
    }


def test_the_mailbox_of_a_room_is_exported_too(world: SnapshotWorld) -> None:
    assert world.delete(world.registration_id(world.room))["Status"] == "SUCCESS"
    assert world.states_of_jobs == ["COMPLETED"]
    assert world.room.state == "DISABLED"


def test_a_group_has_no_mailbox_and_is_deregistered_as_ever(world: SnapshotWorld) -> None:
    world.enable("team", "team@example.com")
    assert world.delete(world.registration_id(world.team))["Status"] == "SUCCESS"
    assert world.team.state == "DISABLED"
    assert world.workmail.exports.jobs == []


def test_without_snapshot_nothing_is_exported(world: SnapshotWorld) -> None:
    assert world.send("Delete", world.own)["Status"] == "SUCCESS"
    assert world.workmail.exports.jobs == []


def test_the_object_tells_organization_entity_and_time(world: SnapshotWorld) -> None:
    world.delete()
    path = world.workmail.exports.jobs[0].s3_path
    assert path.startswith(f"workmail/{ORGANIZATION_ID}/{world.alice.entity_id}/20250615T150540Z/")


def test_the_time_in_the_object_is_that_of_the_stacks_deletion(world: SnapshotWorld) -> None:
    world.stack.status = "DELETE_IN_PROGRESS"
    world.stack.deletion_time = world.now + 1
    world.delete()
    assert "/20250615T150641Z/" in world.workmail.exports.jobs[0].s3_path


def test_the_log_tells_where_the_mailbox_went(
    world: SnapshotWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.delete()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [line["why"] for line in lines if line["action"] == "exported"]
    job = world.workmail.exports.jobs[0]
    assert told == [f"job {job.job_id} is in s3://{BUCKET}/{job.s3_path}"]


class TestWhatNeedsNoExport:
    """The contract's checks come first."""

    def test_a_disabled_entity(self, world: SnapshotWorld) -> None:
        assert world.delete(world.registration_id(world.bob))["Status"] == "SUCCESS"
        assert world.workmail.exports.jobs == []

    def test_an_id_that_is_not_one_of_ours(self, world: SnapshotWorld) -> None:
        assert world.delete("Mail-Alice-1A2B3C")["Status"] == "SUCCESS"
        assert world.operations == []

    def test_a_registration_that_was_handed_over(self, world: SnapshotWorld) -> None:
        world.stack.resources["Other"] = (world.own, "CREATE_COMPLETE")
        assert world.delete()["Status"] == "SUCCESS"
        assert world.workmail.exports.jobs == []
        assert world.alice.state == "ENABLED"

    def test_a_registration_that_is_rolled_back(self, world: SnapshotWorld) -> None:
        world.stack.status = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
        assert world.delete()["Status"] == "SUCCESS"
        assert world.workmail.exports.jobs == []
        assert world.alice.state == "ENABLED"


class TestAfterTheExport:
    """It took hours, so everything is looked at again."""

    def test_what_was_handed_over_meanwhile_stays(self, world: SnapshotWorld) -> None:
        world.workmail.exports.duration = 5 * MINUTE

        def hand_over(seconds: float) -> None:
            world.now += seconds
            world.stack.resources["Other"] = (world.own, "CREATE_COMPLETE")

        world.on_sleep = hand_over
        assert world.delete()["Status"] == "SUCCESS"
        assert world.alice.state == "ENABLED"

    def test_what_nobody_waits_for_any_more_stays(self, world: SnapshotWorld) -> None:
        world.workmail.exports.duration = 5 * MINUTE

        def end_the_operation(seconds: float) -> None:
            world.now += seconds
            world.stack.status = "UPDATE_COMPLETE"

        world.on_sleep = end_the_operation
        world.delete()
        assert world.states_of_jobs == ["COMPLETED"]
        assert world.alice.state == "ENABLED"

    def test_throttling_before_and_after_a_long_wait_is_not_one_long_throttling(
        self, world: SnapshotWorld
    ) -> None:
        world.workmail.exports.duration = 9 * MINUTE
        throttled = Failure("ThrottlingException")
        world.workmail.faults.add("DescribeUser", throttled, times=1)

        def throttle_later(seconds: float) -> None:
            world.now += seconds
            if world.states_of_jobs == ["COMPLETED"] and not throttled_again:
                throttled_again.append(True)
                world.workmail.faults.add("DescribeUser", throttled, times=1)

        throttled_again: list[bool] = []
        world.on_sleep = throttle_later
        assert world.delete(seconds=900.0)["Status"] == "SUCCESS"
        assert throttled_again
        assert world.invocations == 1


class TestAJobThatDoesNotComplete:
    def test_a_failed_job_fails_the_delete_and_the_mailbox_stays(
        self, world: SnapshotWorld
    ) -> None:
        world.workmail.exports.fail_next("The role may not write to the bucket")
        answer = world.delete()
        assert answer["Status"] == "FAILED"
        assert "The role may not write to the bucket" in answer["Reason"]
        assert answer["PhysicalResourceId"] == world.own
        assert world.alice.state == "ENABLED"

    def test_a_cancelled_job_fails_the_delete_and_the_mailbox_stays(
        self, world: SnapshotWorld
    ) -> None:
        world.workmail.exports.duration = HOUR

        def cancel(seconds: float) -> None:
            world.now += seconds
            for job in world.workmail.exports.jobs:
                world.workmail.exports.cancel(ORGANIZATION_ID, job.job_id, world.workmail.behaviour)

        world.on_sleep = cancel
        answer = world.delete()
        assert answer["Status"] == "FAILED"
        assert "cancelled" in answer["Reason"]
        assert world.alice.state == "ENABLED"

    def test_a_job_that_cannot_start_fails_the_delete(self, world: SnapshotWorld) -> None:
        refused = Failure("InvalidParameterException", message="The bucket is public")
        world.workmail.faults.add("StartMailboxExportJob", refused)
        answer = world.delete()
        assert answer["Status"] == "FAILED"
        assert "The bucket is public" in answer["Reason"]
        assert "MailboxExport" in answer["Reason"]
        assert world.alice.state == "ENABLED"

    def test_a_job_that_failed_does_not_keep_the_next_delete_from_exporting(
        self, world: SnapshotWorld
    ) -> None:
        world.workmail.behaviour = Behaviour(failed_export_can_be_repeated=True)
        world.workmail.exports.fail_next("no")
        world.delete()
        assert world.delete(request_id="request-2")["Status"] == "SUCCESS"
        assert world.states_of_jobs == ["FAILED", "COMPLETED"]


class TestARepeatedEvent:
    def test_it_never_starts_a_second_job(self, world: SnapshotWorld) -> None:
        world.workmail.exports.fail_next("no")
        first = world.delete()
        assert world.delete()["Reason"] == first["Reason"]
        assert len(world.workmail.exports.jobs) == 1

    def test_it_never_does_though_the_list_does_not_show_the_job_yet(
        self, world: SnapshotWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(world.workmail.exports, "listed", lambda organization_id: [])
        world.workmail.exports.hold()
        world.begin_delete()
        world.begin_delete()
        world.invoke(600.0)
        world.invoke(600.0)
        assert world.states_of_jobs == ["RUNNING"]

    def test_a_mailbox_that_the_other_delivery_has_removed_meanwhile_is_done(
        self, world: SnapshotWorld
    ) -> None:
        perform = world.workmail.perform

        def deregister_first(operation: str, *given: Any, **named: Any) -> dict[str, Any]:
            if operation == "StartMailboxExportJob":
                perform(
                    "DeregisterFromWorkMail",
                    {"OrganizationId": ORGANIZATION_ID, "EntityId": world.alice.entity_id},
                )
            return perform(operation, *given, **named)

        world.workmail.perform = deregister_first  # type: ignore[method-assign]
        assert world.delete()["Status"] == "SUCCESS"

    def test_another_request_has_another_token(self, world: SnapshotWorld) -> None:
        world.workmail.behaviour = Behaviour(failed_export_can_be_repeated=True)
        world.workmail.exports.fail_next("no")
        world.delete()
        world.delete(request_id="request-2")
        first, second = world.workmail.exports.jobs
        assert first.client_token != second.client_token


def a_job(**changes: Any) -> ExportJob:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    made = ExportJob(
        job_id="job",
        entity_id="alice",
        state=ExportState.COMPLETED,
        description="by hand",
        bucket=BUCKET,
        path="path",
        progress=100,
        started_at=now - timedelta(hours=2),
        ended_at=now - timedelta(hours=1),
        error="",
    )
    return replace(made, **changes)


class TestChoosingAJob:
    """Where WorkMail could also have forgotten the token."""

    NOW = datetime(2026, 11, 22, tzinfo=UTC)

    def test_a_request_knows_its_own_job_whatever_became_of_it(self) -> None:
        destination = ExportDestination("role", "key", BUCKET, "workmail", timedelta(0))
        failed = a_job(state=ExportState.FAILED, description="mine")
        assert to_join([a_job(), failed], "alice", destination, "mine") is failed
        assert to_join([a_job()], "alice", destination, "mine") is None

    def test_the_newest_that_was_completed_stands_for_a_new_one(self) -> None:
        destination = ExportDestination("role", "key", BUCKET, "workmail", timedelta(hours=24))
        cancelled = a_job(state=ExportState.CANCELLED)
        older = a_job(ended_at=self.NOW - timedelta(hours=3))
        newer = a_job(ended_at=self.NOW - timedelta(hours=2))
        jobs = [older, newer, cancelled]
        assert young_enough(jobs, "alice", destination, self.NOW) is newer
        assert young_enough([cancelled], "alice", destination, self.NOW) is None

    def test_only_a_job_of_the_last_24_hours_stands_in_the_way(self) -> None:
        old = a_job(started_at=self.NOW - timedelta(hours=24))
        young = a_job(started_at=self.NOW - timedelta(hours=23))
        assert last_of([old], "alice", self.NOW) is None
        assert last_of([old, young], "alice", self.NOW) is young
        assert last_of([young], "bob", self.NOW) is None


class TestOnceInTwentyFourHours:
    def test_a_young_export_to_the_same_bucket_is_used_again(self, world: SnapshotWorld) -> None:
        job_id = world.export_by_hand(BUCKET)
        world.now += 3 * HOUR
        answer = world.delete()
        assert answer["Status"] == "SUCCESS"
        assert answer["Data"]["ExportJobId"] == job_id
        assert world.alice.state == "DISABLED"

    @pytest.mark.parametrize("bucket", [BUCKET, "somewhere-else"])
    def test_without_one_it_says_when_the_next_is_possible(
        self, world: SnapshotWorld, bucket: str
    ) -> None:
        world.export_by_hand(bucket)
        world.now += 3 * HOUR
        young = {**EXPORT, "MaximumAge": "3600"} if bucket == BUCKET else EXPORT
        answer = world.delete(MailboxExport=young)
        assert answer["Status"] == "FAILED"
        assert "delete again after 2025-06-16 15:06 UTC" in answer["Reason"]
        assert world.alice.state == "ENABLED"

    def test_a_job_that_did_not_complete_is_no_export(self, world: SnapshotWorld) -> None:
        world.workmail.exports.duration = HOUR
        job_id = world.export_by_hand(BUCKET)
        world.workmail.exports.cancel(ORGANIZATION_ID, job_id, world.workmail.behaviour)
        assert world.delete()["Status"] == "FAILED"
        assert world.alice.state == "ENABLED"

    def test_a_new_export_is_preferred_to_an_old_one(self, world: SnapshotWorld) -> None:
        world.workmail.exports.duration = 2 * HOUR
        world.export_by_hand(BUCKET)
        world.workmail.exports.duration = MINUTE
        world.now += 25 * HOUR
        assert world.delete()["Status"] == "SUCCESS"
        assert world.states_of_jobs == ["COMPLETED", "COMPLETED"]

    def test_a_running_job_to_the_same_bucket_is_joined(self, world: SnapshotWorld) -> None:
        world.workmail.exports.duration = 20 * MINUTE
        job_id = world.export_by_hand(BUCKET)
        answer = world.delete()
        assert answer["Data"]["ExportJobId"] == job_id
        assert len(world.workmail.exports.jobs) == 1

    def test_a_running_job_to_another_bucket_is_not(self, world: SnapshotWorld) -> None:
        world.workmail.exports.duration = 20 * MINUTE
        world.export_by_hand("somewhere-else")
        answer = world.delete()
        assert answer["Status"] == "FAILED"
        assert "in bucket somewhere-else" in answer["Reason"]
        assert world.alice.state == "ENABLED"


class TestBeyondOneInvocation:
    def test_a_job_of_forty_minutes_is_waited_for(self, world: SnapshotWorld) -> None:
        world.workmail.exports.duration = 40 * MINUTE
        assert world.delete()["Status"] == "SUCCESS"
        assert world.invocations > 3
        assert world.alice.state == "DISABLED"
        assert len(world.workmail.exports.jobs) == 1

    @pytest.mark.parametrize("seconds", [300.0, 600.0, 900.0])
    def test_lambda_does_not_take_it_for_an_endless_loop(
        self, world: SnapshotWorld, seconds: float
    ) -> None:
        world.workmail.exports.hold()
        assert world.delete(seconds=seconds)["Status"] == "FAILED"
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
        assert world.invocations < 16

    def test_the_hour_ends_with_what_to_do_next(self, world: SnapshotWorld) -> None:
        began = world.now
        world.workmail.exports.duration = 2 * HOUR
        answer = world.delete()
        job = world.workmail.exports.jobs[0]
        assert answer["Status"] == "FAILED"
        assert f"job {job.job_id}" in answer["Reason"]
        assert " 38 %" in answer["Reason"]
        assert "delete again to go on" in answer["Reason"]
        assert world.alice.state == "ENABLED"
        # An event may have been ten minutes old when the function got it.
        assert world.now - began < HOUR - 630

    def test_a_later_delete_joins_the_same_job(self, world: SnapshotWorld) -> None:
        world.workmail.exports.duration = 70 * MINUTE
        assert world.delete()["Status"] == "FAILED"
        assert world.delete(request_id="request-2")["Status"] == "SUCCESS"
        assert len(world.workmail.exports.jobs) == 1
        assert world.alice.state == "DISABLED"

    def test_whenever_the_next_delete_comes_the_mailbox_can_leave(
        self, world: SnapshotWorld
    ) -> None:
        """With the default maximum age, a job is either young enough or a new one possible."""
        for hours in range(1, 60):
            world = SnapshotWorld()
            world.workmail.exports.duration = 5 * HOUR
            world.delete()
            world.now += hours * HOUR
            world.workmail.exports.duration = MINUTE
            running = world.states_of_jobs == ["RUNNING"]
            answer = world.delete(request_id="request-2")
            assert answer["Status"] == ("FAILED" if running and hours < 4 else "SUCCESS"), hours

    def test_an_event_that_comes_after_the_hour_touches_nothing(self, world: SnapshotWorld) -> None:
        world.workmail.exports.duration = 15 * MINUTE
        world.begin_delete()
        world.invoke(600.0)
        assert world.queue
        world.now += HOUR
        calls = len(world.workmail.calls)
        world.invoke(600.0)
        assert json.loads(world.bodies[-1])["Status"] == "FAILED"
        assert len(world.workmail.calls) == calls
        assert world.alice.state == "ENABLED"

    def test_what_cannot_be_continued_fails_and_says_so(self, world: SnapshotWorld) -> None:
        world.workmail.exports.duration = 40 * MINUTE
        world.invoke_errors.append(client_error("Invoke", "ResourceNotFoundException", "gone", 404))
        answer = world.delete()
        assert answer["Status"] == "FAILED"
        assert "could not go on" in answer["Reason"]
        assert world.alice.state == "ENABLED"

    def test_a_throttled_continuation_is_tried_again(self, world: SnapshotWorld) -> None:
        world.workmail.exports.duration = 40 * MINUTE
        busy = client_error("Invoke", "TooManyRequestsException", "slow", 429)
        world.invoke_errors.extend([busy] * 3)
        assert world.delete()["Status"] == "SUCCESS"

    def test_the_response_url_goes_into_the_event_and_nowhere_else(
        self, world: SnapshotWorld, capsys: pytest.CaptureFixture[str]
    ) -> None:
        world.workmail.exports.duration = 40 * MINUTE
        world.begin_delete()
        world.invoke(600.0)
        assert SECRET in world.queue[0]["ResponseURL"]
        told = capsys.readouterr()
        assert SECRET not in told.out + told.err
        assert SECRET not in str([call.parameters for call in world.workmail.calls])


class TestTenAtATime:
    def test_the_eleventh_waits_in_line(self, world: SnapshotWorld) -> None:
        world.workmail.exports.duration = 3 * MINUTE
        world.keep_busy(10)
        assert world.delete()["Status"] == "SUCCESS"
        assert world.alice.state == "DISABLED"

    def test_the_line_can_be_longer_than_an_invocation(self, world: SnapshotWorld) -> None:
        world.workmail.exports.duration = 25 * MINUTE
        world.keep_busy(10)
        world.workmail.exports.duration = MINUTE
        assert world.delete()["Status"] == "SUCCESS"
        assert world.invocations > 2

    def test_at_the_end_of_the_hour_it_says_that_it_is_in_line(self, world: SnapshotWorld) -> None:
        world.workmail.exports.duration = 2 * HOUR
        world.keep_busy(10)
        answer = world.delete()
        assert answer["Status"] == "FAILED"
        assert "waits in line" in answer["Reason"]
        assert "delete again to go on" in answer["Reason"]
        assert world.alice.state == "ENABLED"


class TestDeclaring:
    def test_a_snapshot_that_is_added_changes_nothing_in_workmail(
        self, world: SnapshotWorld
    ) -> None:
        assert world.send("Update", world.own, MailboxExport=EXPORT)["Status"] == "SUCCESS"
        assert world.operations == ["DescribeUser"]

    @pytest.mark.parametrize(
        ("export", "told"),
        [
            ("yes", "MailboxExport is 'yes'"),
            ({**EXPORT, "MaximumAge": "a day"}, "MaximumAge is 'a day'"),
            ({**EXPORT, "RoleArn": ""}, "RoleArn is ''"),
            ({name: EXPORT[name] for name in EXPORT if name != "KmsKeyArn"}, "KmsKeyArn is None"),
        ],
    )
    def test_a_wrong_one_is_refused_when_it_is_declared_and_not_at_the_end(
        self, world: SnapshotWorld, export: object, told: str
    ) -> None:
        answer = world.send("Update", world.own, MailboxExport=export)
        assert answer["Status"] == "FAILED"
        assert told in answer["Reason"]
        assert world.operations == []

    def test_a_delete_with_a_wrong_one_leaves_the_mailbox(self, world: SnapshotWorld) -> None:
        answer = world.delete(MailboxExport={**EXPORT, "BucketName": ""})
        assert answer["Status"] == "FAILED"
        assert world.alice.state == "ENABLED"


def test_a_maximum_age_counts_from_the_end_of_the_export(world: SnapshotWorld) -> None:
    world.workmail.exports.duration = 10 * HOUR
    world.export_by_hand(BUCKET)
    world.now += 10 * HOUR
    assert world.states_of_jobs == ["COMPLETED"]
    world.now += timedelta(hours=1).total_seconds()
    young = {**EXPORT, "MaximumAge": str(2 * 3600)}
    assert world.delete(MailboxExport=young)["Status"] == "SUCCESS"
    assert len(world.workmail.exports.jobs) == 1
