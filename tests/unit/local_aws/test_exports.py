"""Mailboxes and their export jobs: rules, states and archives."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesParser
from typing import Any

import pytest

from local_aws.workmail import (
    Behaviour,
    ExportFailed,
    ExportJob,
    Mailbox,
    Organization,
    WorkMail,
    WorkMailError,
    Write,
)

from .conftest import Api, Clock

ROLE_ARN = "arn:aws:iam::000000000000:role/export"
KEY_ARN = "arn:aws:kms:us-east-1:000000000000:key/0a1b2c3d"


class Bucket:
    """A destination that keeps archives by path, and fails on demand."""

    def __init__(self) -> None:
        self.archives: dict[str, bytes] = {}
        self.refusal: WorkMailError | None = None
        self.failure: ExportFailed | None = None
        self.before_writing: Callable[[], object] = lambda: None

    def __call__(self, job: ExportJob) -> Write:
        if self.refusal:
            raise self.refusal

        def write(archive: bytes) -> None:
            self.before_writing()
            if self.failure:
                raise self.failure
            self.archives[job.s3_path] = archive

        return write


class ExportApi(Api):
    """Calls about the export jobs of one organization."""

    def start(self, entity: str = "alice", **changes: str) -> str:
        return str(self("StartMailboxExportJob", **self.job_of(entity, **changes))["JobId"])

    def start_error(self, entity: str = "alice", **changes: str) -> str | None:
        return self.error("StartMailboxExportJob", **self.job_of(entity, **changes))

    def job_of(self, entity: str, **changes: str) -> dict[str, str]:
        given = {"ClientToken": f"token-of-{entity}", "EntityId": entity, "RoleArn": ROLE_ARN}
        given |= {"KmsKeyArn": KEY_ARN, "S3BucketName": "exports", "S3Prefix": "mail/"}
        return given | changes

    def job(self, job_id: str) -> Any:
        return self("DescribeMailboxExportJob", JobId=job_id)

    def cancel(self, job_id: str) -> None:
        self("CancelMailboxExportJob", JobId=job_id, ClientToken="c")


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def workmail(clock: Clock, bucket: Bucket) -> WorkMail:
    return WorkMail(clock=clock, destination=bucket)


@pytest.fixture
def api(workmail: WorkMail, organization: Organization) -> ExportApi:
    """With alice and the board room enabled."""
    api = ExportApi(workmail, organization.organization_id)
    api.register("alice", "board-room")
    return api


def mailbox_of(organization: Organization, name: str) -> Mailbox:
    mailbox = organization.entity(name).mailbox
    assert mailbox
    return mailbox


class TestMailboxes:
    def test_registration_provisions_one_with_a_mail_and_a_calendar_item(
        self, organization: Organization, api: ExportApi
    ) -> None:
        for name in ("alice", "board-room"):
            mail, event = mailbox_of(organization, name).files
            assert (mail.name, event.name) == ("0001.eml", "0002.ics")
            message = BytesParser(policy=policy.default).parsebytes(mail.content)
            assert not message.defects
            assert message["To"] == f"{name}@example.com"
            assert event.content.startswith(b"BEGIN:VCALENDAR\r\n")
        api.register("team")
        assert organization.entity("team").mailbox is None

    def test_quota_and_permissions_are_shown(
        self, organization: Organization, api: ExportApi
    ) -> None:
        bob = organization.entity("bob").entity_id
        mailbox_of(organization, "alice").permissions[bob] = ["FULL_ACCESS"]
        details = api("GetMailboxDetails", UserId="alice")
        assert details["MailboxQuota"] == 51_200 and 0 < details["MailboxSize"] < 1
        (permission,) = api("ListMailboxPermissions", EntityId="alice")["Permissions"]
        assert permission == {
            "GranteeId": bob,
            "GranteeType": "USER",
            "PermissionValues": ["FULL_ACCESS"],
        }
        assert api.error("GetMailboxDetails", UserId="bob") == "EntityNotFoundException"


class TestStart:
    def test_a_job_runs_and_writes_the_mailbox_at_its_end(
        self, api: ExportApi, organization: Organization, clock: Clock, bucket: Bucket
    ) -> None:
        api.workmail.exports.duration = 100
        started = datetime.fromtimestamp(clock.now, UTC)
        job_id = api.start(Description="the last export")
        clock.advance(40)
        assert api.job(job_id) == {
            "EntityId": organization.entity("alice").entity_id,
            "Description": "the last export",
            "RoleArn": ROLE_ARN,
            "KmsKeyArn": KEY_ARN,
            "S3BucketName": "exports",
            "S3Prefix": "mail/",
            "S3Path": f"mail/{job_id}.zip",
            "EstimatedProgress": 40,
            "State": "RUNNING",
            "StartTime": started,
        }
        assert not bucket.archives
        clock.advance(70)
        job = api.job(job_id)
        assert (job["State"], job["EstimatedProgress"]) == ("COMPLETED", 100)
        assert job["EndTime"] == started + timedelta(seconds=100)
        with zipfile.ZipFile(io.BytesIO(bucket.archives[job["S3Path"]])) as archive:
            written = {name: archive.read(name) for name in archive.namelist()}
        files = mailbox_of(organization, "alice").files
        assert written == {file.name: file.content for file in files}

    @pytest.mark.parametrize("identifier", ["ALICE", "alice@example.com"])
    def test_finds_names_and_addresses(
        self, api: ExportApi, organization: Organization, identifier: str
    ) -> None:
        job = api.job(api.start(identifier, ClientToken="t"))
        assert job["EntityId"] == organization.entity("alice").entity_id

    def test_without_a_destination_no_archive_is_kept(self, clock: Clock) -> None:
        workmail = WorkMail(clock=clock)
        organization = workmail.add_organization("acme", domain="example.com")
        organization.add_user("alice")
        api = ExportApi(workmail, organization.organization_id)
        api.register("alice")
        job_id = api.start()
        clock.advance(1)
        assert api.job(job_id)["State"] == "COMPLETED"

    @pytest.mark.parametrize(
        ("entity", "code"),
        [
            ("unknown", "EntityNotFoundException"),
            ("team", "EntityNotFoundException"),
            ("bob", "InvalidParameterException"),
        ],
    )
    def test_only_enabled_users_and_resources_can_be_exported(
        self, api: ExportApi, organization: Organization, entity: str, code: str
    ) -> None:
        assert api.start_error(entity) == code
        alice = organization.entity("alice")
        alice.delete()
        assert api.start_error(alice.entity_id) == "EntityNotFoundException"

    @pytest.mark.parametrize("possible", [False, True])
    def test_a_deregistered_mailbox_can_be_refused(
        self, api: ExportApi, clock: Clock, possible: bool
    ) -> None:
        api.workmail.behaviour = Behaviour(disabled_mailbox_can_be_exported=possible)
        api.deregister("alice")
        assert api.start_error() == (None if possible else "InvalidParameterException")
        clock.advance(30 * 24 * 3600)
        assert api.start_error(ClientToken="2") == "InvalidParameterException"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"RoleArn": "arn:aws:iam::000000000000:"},
            {"KmsKeyArn": "arn:aws:s3:::exports-and-more"},
            {"S3BucketName": "under_score"},
            {"S3Prefix": "mail?"},
            {"ClientToken": "with space"},
            {"Description": "d" * 1024},
        ],
    )
    def test_parameters_must_match_the_model(self, api: ExportApi, wrong: dict[str, str]) -> None:
        assert api.start_error(**wrong) == "InvalidParameterException"

    def test_what_the_destination_refuses_starts_no_job(
        self, api: ExportApi, bucket: Bucket
    ) -> None:
        bucket.refusal = WorkMailError("InvalidParameterException", "There is no such bucket.")
        assert api.start_error() == "InvalidParameterException"
        assert not api.workmail.exports.jobs
        bucket.refusal = None
        api.start()

    def test_the_caller_needs_to_pass_the_role(self, api: ExportApi) -> None:
        requests = []

        def authorize(access_key: str | None, action: str, resource: str) -> bool:
            requests.append((action, resource))
            return action != "iam:PassRole"

        api.workmail.authorize = authorize
        assert api.start_error() == "AccessDeniedException"
        arn = f"arn:aws:workmail:us-east-1:000000000000:organization/{api.organization_id}"
        assert requests == [("workmail:StartMailboxExportJob", arn), ("iam:PassRole", ROLE_ARN)]


class TestClientToken:
    def test_the_same_order_is_the_same_job(self, api: ExportApi, clock: Clock) -> None:
        job_id = api.start()
        clock.advance(60)
        api.deregister("alice")
        assert api.start("Alice", ClientToken="token-of-alice") == job_id
        assert [job.state for job in api.workmail.exports.jobs] == ["COMPLETED"]

    @pytest.mark.parametrize("changed", [{"EntityId": "board-room"}, {"S3Prefix": "other"}])
    def test_another_order_is_refused(self, api: ExportApi, changed: dict[str, str]) -> None:
        api.start()
        assert api.start_error(**changed) == "InvalidParameterException"
        assert len(api.workmail.exports.jobs) == 1

    def test_many_callers_at_once_start_one_job(self, api: ExportApi) -> None:
        started: list[str] = []
        threads = [threading.Thread(target=lambda: started.append(api.start())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (job,) = api.workmail.exports.jobs
        assert started == [job.job_id] * 8


class TestLimits:
    def test_a_mailbox_is_exported_once_in_24_hours(self, api: ExportApi) -> None:
        api.start()
        api.start("board-room")
        api.workmail.exports.age(timedelta(hours=24, seconds=-1))
        assert api.start_error(ClientToken="2") == "LimitExceededException"
        api.workmail.exports.age(timedelta(seconds=1))
        api.start(ClientToken="2")

    @pytest.mark.parametrize("cancelled", [False, True])
    @pytest.mark.parametrize("repeatable", [False, True])
    def test_an_export_that_did_not_complete_can_count_too(
        self, api: ExportApi, clock: Clock, cancelled: bool, repeatable: bool
    ) -> None:
        api.workmail.behaviour = Behaviour(failed_export_can_be_repeated=repeatable)
        if not cancelled:
            api.workmail.exports.fail_next("the key is disabled")
        job_id = api.start()
        if cancelled:
            api.cancel(job_id)
        clock.advance(60)
        assert api.start_error(ClientToken="2") == (
            None if repeatable else "LimitExceededException"
        )
        clock.advance(60)
        assert api.start_error(ClientToken="3") == "LimitExceededException"

    def test_ten_jobs_run_in_an_organization(
        self, api: ExportApi, organization: Organization
    ) -> None:
        api.workmail.exports.hold()
        for number in range(10):
            organization.add_user(f"user{number}")
            api.register(f"user{number}")
            api.start(f"user{number}")
        assert api.start_error() == "LimitExceededException"
        other = api.workmail.add_organization("other", domain="example.com")
        other.add_user("carol")
        elsewhere = ExportApi(api.workmail, other.organization_id)
        elsewhere.register("carol")
        elsewhere.start("carol")
        api.cancel(api.workmail.exports.jobs[0].job_id)
        api.start()


class TestEnds:
    @pytest.mark.parametrize("by_destination", [False, True])
    def test_a_job_can_fail(
        self, api: ExportApi, clock: Clock, bucket: Bucket, by_destination: bool
    ) -> None:
        if by_destination:
            bucket.failure = ExportFailed("Access Denied")
        else:
            api.workmail.exports.fail_next("Access Denied")
        job_id = api.start()
        assert api.job(job_id)["State"] == "RUNNING"
        clock.advance(1)
        job = api.job(job_id)
        assert (job["State"], job["ErrorInfo"]) == ("FAILED", "Access Denied")
        assert job["EstimatedProgress"] < 100 and "EndTime" in job
        bucket.failure = None
        other_id = api.start("board-room")
        clock.advance(1)
        assert api.job(other_id)["State"] == "COMPLETED"
        assert list(bucket.archives) == [f"mail/{other_id}.zip"]

    def test_other_calls_do_not_wait_for_the_writing(
        self, api: ExportApi, clock: Clock, bucket: Bucket
    ) -> None:
        writing, finish = threading.Event(), threading.Event()

        def wait() -> None:
            writing.set()
            finish.wait(10)

        bucket.before_writing = wait
        job_id = api.start()
        clock.advance(1)
        describing = threading.Thread(target=api.job, args=(job_id,))
        describing.start()
        assert writing.wait(10)
        registering = threading.Thread(target=api.register, args=("bob",))
        registering.start()
        registering.join(5)
        waited = registering.is_alive()
        finish.set()
        for thread in (describing, registering):
            thread.join()
        assert not waited

    def test_a_held_job_runs_until_it_is_released(self, api: ExportApi, clock: Clock) -> None:
        ended = api.start("board-room")
        clock.advance(1)
        job_id = api.start()
        api.workmail.exports.hold()
        assert api.job(ended)["State"] == "COMPLETED"
        clock.advance(3600)
        job = api.job(job_id)
        assert (job["State"], job["EstimatedProgress"]) == ("RUNNING", 99)
        api.workmail.exports.release()
        job = api.job(job_id)
        assert (job["State"], job["EndTime"].timestamp()) == ("COMPLETED", clock.now)

    def test_a_cancelled_job_writes_nothing(
        self, api: ExportApi, clock: Clock, bucket: Bucket
    ) -> None:
        api.workmail.exports.duration = 100
        job_id = api.start()
        clock.advance(25)
        for _ in range(2):
            api.cancel(job_id)
            clock.advance(1000)
        job = api.job(job_id)
        assert (job["State"], job["EstimatedProgress"]) == ("CANCELLED", 25)
        assert job["EndTime"] - job["StartTime"] == timedelta(seconds=25)
        assert not bucket.archives

    def test_an_ended_job_stays_as_it_ended(self, api: ExportApi, clock: Clock) -> None:
        job_id = api.start()
        clock.advance(1)
        api.cancel(job_id)
        assert api.job(job_id)["State"] == "COMPLETED"

    def test_no_thread_waits_for_the_end(self, api: ExportApi) -> None:
        before = set(threading.enumerate())
        api.start()
        assert set(threading.enumerate()) == before


class TestDescribeAndList:
    def test_an_unknown_job_is_not_found(self, api: ExportApi) -> None:
        job_id = api.start()
        other = api.workmail.add_organization("other").organization_id
        for organization_id, job in ((api.organization_id, "unknown"), (other, job_id)):
            given = {"OrganizationId": organization_id, "JobId": job}
            error = api.error("DescribeMailboxExportJob", **given)
            assert error == "EntityNotFoundException"
            error = api.error("CancelMailboxExportJob", **given, ClientToken="c")
            assert error == "EntityNotFoundException"

    def test_the_list_is_newest_first_and_in_pages(
        self, api: ExportApi, organization: Organization, clock: Clock
    ) -> None:
        for number in range(3):
            organization.add_user(f"user{number}")
            api.register(f"user{number}")
            api.start(f"user{number}")
            clock.advance(10)
        first = api("ListMailboxExportJobs", MaxResults=2)
        last = api("ListMailboxExportJobs", MaxResults=2, NextToken=first["NextToken"])
        jobs = first["Jobs"] + last["Jobs"]
        names = [organization.entity(job["EntityId"]).name for job in jobs]
        assert names == ["user2", "user1", "user0"]
        assert {job["State"] for job in jobs} == {"COMPLETED"}
        assert {"JobId", "S3Path", "S3BucketName", "StartTime", "EndTime"} <= set(jobs[0])

    def test_the_list_covers_seven_days(self, api: ExportApi) -> None:
        job_id = api.start()
        api.workmail.exports.age(timedelta(days=7))
        assert api("ListMailboxExportJobs")["Jobs"]
        api.workmail.exports.age(timedelta(seconds=1))
        assert not api("ListMailboxExportJobs")["Jobs"]
        assert api.job(job_id)["State"] == "COMPLETED"

    def test_the_record_shows_each_job(self, api: ExportApi, organization: Organization) -> None:
        job_id = api.start()
        (job,) = api.workmail.exports.jobs
        assert (job.job_id, job.state, job.client_token) == (job_id, "RUNNING", "token-of-alice")
        assert job.entity_id == organization.entity("alice").entity_id
        assert (job.s3_path, job.end_time) == (f"mail/{job_id}.zip", None)
        for _ in range(2):
            api.workmail.exports.age(timedelta(hours=1))
            (job,) = api.workmail.exports.jobs
            assert job.end_time == pytest.approx(job.start_time + api.workmail.exports.duration)

    def test_reset_forgets_everything(self, api: ExportApi, clock: Clock) -> None:
        api.start()
        api.workmail.exports.fail_next("never")
        api.workmail.exports.hold()
        api.workmail.exports.duration = 0
        api.workmail.reset()
        assert not api.workmail.exports.jobs
        assert not len(api.workmail.calls)
        again = api.workmail.add_organization("again", domain="example.com")
        again.add_user("alice")
        api = ExportApi(api.workmail, again.organization_id)
        api.register("alice")
        job_id = api.start()
        assert api.job(job_id)["State"] == "RUNNING"
        clock.advance(1)
        assert api.job(job_id)["State"] == "COMPLETED"
