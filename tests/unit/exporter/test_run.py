"""Whole executions: what is exported, in which order, and what every failure ends in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local_aws.workmail import Behaviour, Failure, MimeFile
from tests.support.exporter import (
    BUCKET,
    DAY,
    FOLDER,
    HOUR,
    KEY_ARN,
    ExporterHarness,
    Run,
    most_at_a_time,
)
from tests.support.lambda_fakes import ORGANIZATION_ID

READING = ("Describe", "Get", "List")


@pytest.fixture
def harness() -> ExporterHarness:
    return ExporterHarness()


def users(count: int) -> list[str]:
    return [f"user-{number:02}" for number in range(count)]


def test_every_enabled_user_and_resource_is_exported_and_verified(harness: ExporterHarness) -> None:
    harness.add_users("alice", "bob")
    harness.add(harness.organization.add_resource("board-room"))
    harness.add(harness.organization.add_group("team"))
    result = harness.run()
    assert harness.verdicts == {"alice": "VERIFIED", "bob": "VERIFIED", "board-room": "VERIFIED"}
    assert result["unverified"] == 0
    for row in harness.manifest["mailboxes"]:
        assert row["key"] in harness.s3.objects[row["bucket"]]


def test_nothing_in_workmail_is_changed(harness: ExporterHarness) -> None:
    harness.add_users(*users(3))
    harness.run()
    changing = {
        call.operation for call in harness.workmail.calls if not call.operation.startswith(READING)
    }
    assert changing == {"StartMailboxExportJob"}


def test_ten_jobs_run_at_a_time_and_the_largest_mailboxes_begin_first(
    harness: ExporterHarness,
) -> None:
    added = harness.add_users(*users(25))
    for number, user in enumerate(added):
        assert user.mailbox
        harness.durations[user.entity_id] = (number + 1) * HOUR
        user.mailbox.files.append(MimeFile("large.eml", bytes(1000 * number)))
    harness.run()
    assert set(harness.verdicts.values()) == {"VERIFIED"}
    assert most_at_a_time(harness.jobs) == 10
    assert harness.jobs[0].entity_id == added[-1].entity_id
    assert harness.jobs[-1].entity_id == added[0].entity_id


def test_patterns_choose_by_name_and_id_and_one_that_matches_nothing_is_reported() -> None:
    harness = ExporterHarness(Include=["AL*", "carl", "no-one"], Exclude=["alan"])
    _, _, bob, _ = harness.add_users("alice", "alan", "bob", "carol")
    harness.configure(Include=["AL*", "no-one", bob.entity_id], Exclude=["alan"])
    harness.run()
    assert set(harness.verdicts) == {"alice", "bob"}
    assert harness.manifest["not_selected"] == ["alan", "carol"]
    assert harness.manifest["unmatched"] == ["no-one"]


def test_mailboxes_disabled_in_the_last_30_days_are_reported(harness: ExporterHarness) -> None:
    for user, days in zip(harness.add_users("alice", "bob"), (29, 31), strict=True):
        harness.now -= days * DAY
        harness.perform("DeregisterFromWorkMail", EntityId=user.entity_id)
        harness.now += days * DAY
    harness.organization.add_user("never-enabled")
    harness.run()
    assert harness.manifest["disabled"] == ["alice"]
    assert harness.verdicts == {}


class TestRunAgain:
    def test_a_verified_export_within_the_maximum_age_is_not_repeated(
        self, harness: ExporterHarness
    ) -> None:
        harness.add_users("alice")
        harness.run("run-1")
        harness.now += 6 * DAY
        assert harness.run("run-2")["unverified"] == 0
        assert harness.verdicts == {"alice": "VERIFIED"}
        assert len(harness.jobs) == 1
        harness.now += 2 * DAY
        harness.run("run-3")
        assert len(harness.jobs) == 2

    def test_a_mailbox_that_was_enabled_again_is_exported_again(
        self, harness: ExporterHarness
    ) -> None:
        (alice,) = harness.add_users("alice")
        harness.run("run-1")
        harness.now += DAY
        harness.perform("DeregisterFromWorkMail", EntityId=alice.entity_id)
        harness.perform("RegisterToWorkMail", EntityId=alice.entity_id, Email="alice@example.com")
        harness.run("run-2")
        assert len(harness.jobs) == 2

    def test_a_verified_export_counts_only_while_it_is_in_the_bucket(
        self, harness: ExporterHarness
    ) -> None:
        harness.add_users("alice", "bob")
        harness.run("run-1")
        lost, kept = harness.jobs
        del harness.s3.objects[BUCKET][lost.s3_path]
        harness.now += 2 * HOUR
        assert harness.run("run-2")["unverified"] == 0
        names = {row["entity_id"]: row["run"] for row in harness.manifest["mailboxes"]}
        assert names == {lost.entity_id: "run-2", kept.entity_id: "run-1"}
        *_, again = harness.jobs
        assert DAY <= again.start_time - lost.start_time < DAY + HOUR

    def test_a_verified_export_counts_only_with_the_declared_key(
        self, harness: ExporterHarness
    ) -> None:
        harness.add_users("alice")
        harness.run("run-1")
        harness.now += DAY
        other_key = f"{KEY_ARN[:-1]}6"
        harness.configure(KmsKeyArn=other_key)
        assert harness.run("run-2")["unverified"] == 0
        assert [job.order.kms_key_arn for job in harness.jobs] == [KEY_ARN, other_key]

    def test_again_exports_what_has_a_young_verified_export(self, harness: ExporterHarness) -> None:
        """And waits until WorkMail exports it again; a failed export is repeated, not reused."""
        harness.workmail.behaviour = Behaviour(failed_export_can_be_repeated=True)
        harness.add_users("alice")
        harness.run("run-1")
        harness.now += 2 * HOUR
        harness.workmail.exports.fail_next("the disk is full")
        assert harness.run("run-2", again=True)["unverified"] == 0
        first, failed, second = harness.jobs
        assert failed.start_time - first.start_time >= DAY
        (row,) = harness.manifest["mailboxes"]
        assert row["job_id"] == second.job_id
        harness.run("run-3")
        assert len(harness.jobs) == 3

    def test_again_with_a_time_exports_only_what_has_no_export_since(
        self, harness: ExporterHarness
    ) -> None:
        """So a run that exports again can be repeated for what failed in it."""
        alice, _ = harness.add_users("alice", "bob")
        harness.run("run-1")
        harness.now += DAY
        since = f"{datetime.fromtimestamp(harness.now, UTC):%Y-%m-%dT%H:%M:%SZ}"
        refused = Failure("InvalidParameterException")
        harness.workmail.faults.add(
            "StartMailboxExportJob", refused, times=None, entity=alice.entity_id
        )
        harness.run("run-2", again=True)
        assert harness.verdicts == {"alice": "FAILED", "bob": "VERIFIED"}
        assert harness.manifest["since"] == since
        harness.workmail.faults.clear()
        harness.run("run-3", again=since)
        assert harness.verdicts == {"alice": "VERIFIED", "bob": "VERIFIED"}
        assert [job.entity_id for job in harness.jobs[3:]] == [alice.entity_id]

    def test_again_joins_no_export_that_began_before_the_run(
        self, harness: ExporterHarness
    ) -> None:
        (alice,) = harness.add_users("alice")
        harness.durations[alice.entity_id] = 9 * HOUR
        stopped = Run("run-1")
        harness.before_step = lambda mailbox: setattr(
            stopped, "is_stopped", bool(mailbox.get("job_id"))
        )
        harness.run_together(stopped)
        harness.now += HOUR
        assert harness.run("run-2", again=True)["unverified"] == 0
        first, second = harness.jobs
        assert second.start_time - first.start_time >= DAY

    def test_after_a_stopped_run_its_jobs_are_joined_and_its_exports_used(
        self, harness: ExporterHarness
    ) -> None:
        added = harness.add_users(*users(3))
        harness.durations[added[2].entity_id] = 9 * HOUR
        stopped = Run("run-1")
        began = harness.now

        def stop(mailbox: dict[str, Any]) -> None:
            stopped.is_stopped = harness.now > began + 0.9 * HOUR

        harness.before_step = stop
        harness.run_together(stopped)
        assert not [key for key in harness.s3.objects[BUCKET] if "_manifest" in key]
        harness.now += HOUR
        assert harness.run("run-2")["unverified"] == 0
        assert len(harness.jobs) == 3

    def test_two_runs_at_once_share_the_jobs_and_both_verify_everything(
        self, harness: ExporterHarness
    ) -> None:
        harness.add_users(*users(15))
        one, other = Run("run-1"), Run("run-2")
        harness.run_together(one, other)
        assert one.report["unverified"] == other.report["unverified"] == 0
        assert len(harness.jobs) == 15
        lines = [key for key in harness.s3.objects[BUCKET] if "/_manifest/" in key]
        assert len(lines) == 30


class TestFailing:
    """Every failure of one mailbox is a row of the report, and no other mailbox notices it."""

    def test_a_failed_job_is_repeated_when_workmail_allows_the_next(
        self, harness: ExporterHarness
    ) -> None:
        harness.add_users("alice", "bob")
        harness.workmail.exports.fail_next("the disk is full")
        assert harness.run()["unverified"] == 0
        first, _, second = harness.jobs
        assert (first.state, second.state) == ("FAILED", "COMPLETED")
        assert second.start_time - first.start_time >= DAY

    def test_a_failed_job_is_repeated_at_once_if_it_does_not_count(
        self, harness: ExporterHarness
    ) -> None:
        harness.workmail.behaviour = Behaviour(failed_export_can_be_repeated=True)
        harness.add_users("alice")
        harness.workmail.exports.fail_next("the disk is full")
        assert harness.run()["unverified"] == 0
        first, second = harness.jobs
        assert second.start_time - first.start_time < 2 * HOUR

    def test_after_three_attempts_the_report_has_the_reason(self, harness: ExporterHarness) -> None:
        harness.workmail.behaviour = Behaviour(failed_export_can_be_repeated=True)
        harness.add_users("alice")
        for _ in range(3):
            harness.workmail.exports.fail_next("the disk is full")
        result = harness.run()
        assert harness.verdicts == {"alice": "FAILED"}
        assert "failed: the disk is full" in harness.reason("alice")
        assert result["cause"] == (
            f"1 of 1 mailboxes are not verified: see s3://{BUCKET}/{FOLDER}/_runs/run-1/report.html"
        )
        assert len(harness.jobs) == 3

    def test_a_job_cancelled_by_hand_is_repeated(self, harness: ExporterHarness) -> None:
        harness.add_users("alice")

        def cancel(mailbox: dict[str, Any]) -> None:
            if mailbox.get("job_id") and len(harness.jobs) == 1:
                harness.workmail.exports.cancel(ORGANIZATION_ID, harness.jobs[0].job_id)

        harness.before_step = cancel
        assert harness.run()["unverified"] == 0
        assert [job.state for job in harness.jobs] == ["CANCELLED", "COMPLETED"]

    def test_a_start_that_is_refused_is_reported(self, harness: ExporterHarness) -> None:
        alice, _ = harness.add_users("alice", "bob")
        disabled = Failure("InvalidParameterException", message="the key is disabled")
        harness.workmail.faults.add(
            "StartMailboxExportJob", disabled, times=None, entity=alice.entity_id
        )
        assert harness.run()["unverified"] == 1
        assert harness.verdicts == {"alice": "FAILED", "bob": "VERIFIED"}
        assert "the key is disabled" in harness.reason("alice")

    def test_rights_that_are_lost_midway_are_reported_and_the_next_run_continues(
        self, harness: ExporterHarness
    ) -> None:
        harness.add_users(*users(3))

        def lose_rights(mailbox: dict[str, Any]) -> None:
            if mailbox.get("job_id"):
                harness.before_step = lambda mailbox: None
                harness.workmail.faults.add(None, Failure("AccessDeniedException"), times=None)

        harness.before_step = lose_rights
        assert harness.run("run-1")["unverified"] == 3
        assert "may not call workmail:" in harness.reason("user-00")
        harness.workmail.faults.clear()
        assert harness.run("run-2")["unverified"] == 0
        assert len(harness.jobs) == 3

    def test_a_step_that_dies_leaves_its_mailbox_without_a_result(
        self, harness: ExporterHarness
    ) -> None:
        harness.add_users("alice")
        harness.before_step = lambda mailbox: harness.s3.denied.add("PutObject")
        with pytest.raises(Exception, match="PutObject"):
            harness.run()
        harness.s3.denied.clear()
        harness.step(action="report", run="run-1")
        assert harness.verdicts == {"alice": "MISSING"}

    @pytest.mark.parametrize("operation", ["DeleteUser", "DeregisterFromWorkMail"])
    @pytest.mark.parametrize("is_running", [True, False])
    def test_a_mailbox_that_is_deleted_or_disabled_midway_is_gone(
        self, harness: ExporterHarness, operation: str, is_running: bool
    ) -> None:
        (alice,) = harness.add_users("alice")

        def remove(mailbox: dict[str, Any]) -> None:
            if bool(mailbox.get("job_id")) is is_running and alice.state == "ENABLED":
                harness.perform("DeregisterFromWorkMail", EntityId=alice.entity_id)
                if operation == "DeleteUser":
                    harness.perform("DeleteUser", UserId=alice.entity_id)
                for job in harness.jobs:
                    harness.workmail.exports.cancel(ORGANIZATION_ID, job.job_id)

        harness.before_step = remove
        assert harness.run()["unverified"] == 1
        assert harness.verdicts == {"alice": "GONE"}
        is_deleted = operation == "DeleteUser"
        assert f"was {'deleted' if is_deleted else 'disabled'}" in harness.reason("alice")

    def test_throttling_slows_a_run_and_fails_nothing(self, harness: ExporterHarness) -> None:
        harness.add_users(*users(30))
        numbers = iter(range(10**6))
        harness.workmail.faults.share(
            Failure("ThrottlingException"), 0.3, lambda: (next(numbers) * 0.618) % 1
        )
        assert harness.run()["unverified"] == 0

    def test_a_broken_connection_is_repeated_after_a_wait(self, harness: ExporterHarness) -> None:
        harness.add_users("alice")
        harness.workmail.faults.add("DescribeMailboxExportJob", Failure("InternalFailure", 500))
        harness.workmail.faults.add("DescribeUser", Failure("InternalFailure", 500))
        assert harness.run()["unverified"] == 0
        assert len(harness.jobs) == 1


class TestPlaces:
    def start_elsewhere(self, harness: ExporterHarness, entity_id: str, bucket: str) -> None:
        harness.perform(
            "StartMailboxExportJob",
            EntityId=entity_id,
            ClientToken=f"elsewhere-{entity_id}",
            RoleArn="arn:aws:iam::000000000000:role/elsewhere",
            KmsKeyArn="arn:aws:kms:us-east-1:000000000000:key/elsewhere",
            S3BucketName=bucket,
            S3Prefix="elsewhere",
        )

    def test_places_that_others_use_are_waited_for(self, harness: ExporterHarness) -> None:
        others = harness.add_users(*(f"other-{name}" for name in users(10)))
        harness.workmail.exports.duration = 30 * HOUR
        for other in others:
            self.start_elsewhere(harness, other.entity_id, "elsewhere")
        harness.configure(Exclude=["other-*"])
        harness.add_users("alice")
        assert harness.run()["unverified"] == 0
        (job,) = [job for job in harness.jobs if job.order.s3_bucket_name == BUCKET]
        assert 30 * HOUR <= job.start_time - harness.jobs[0].start_time < 30.2 * HOUR

    def test_places_that_are_never_free_end_in_the_report_after_a_week(
        self, harness: ExporterHarness
    ) -> None:
        harness.add_users("alice")
        harness.workmail.faults.add(
            "StartMailboxExportJob", Failure("LimitExceededException"), times=None
        )
        assert harness.run()["unverified"] == 1
        assert "started no export of it in seven days" in harness.reason("alice")

    def test_a_mailbox_exported_elsewhere_waits_for_its_day_and_begins_last(
        self, harness: ExporterHarness
    ) -> None:
        alice, *_ = harness.add_users("alice", *users(11))
        harness.workmail.exports.duration = HOUR
        self.start_elsewhere(harness, alice.entity_id, "elsewhere")
        harness.now += 2 * HOUR
        assert harness.run()["unverified"] == 0
        first, *_, last = harness.jobs
        assert last.entity_id == first.entity_id == alice.entity_id
        assert DAY <= last.start_time - first.start_time < DAY + HOUR

    def test_a_job_that_runs_for_a_week_ends_in_the_report(self, harness: ExporterHarness) -> None:
        harness.add_users("alice")
        harness.workmail.exports.hold()
        assert harness.run()["unverified"] == 1
        assert "still runs after seven days" in harness.reason("alice")

    def test_jobs_are_looked_at_less_often_the_longer_they_run(
        self, harness: ExporterHarness
    ) -> None:
        (alice,) = harness.add_users("alice")
        harness.durations[alice.entity_id] = 8 * HOUR
        run = Run("run-1")
        harness.run_together(run)
        assert run.steps < 150
        found = timedelta(seconds=harness.now - harness.jobs[0].due_at)
        assert found < timedelta(minutes=11)
