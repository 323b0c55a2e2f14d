"""Mailbox export jobs through a real boto3: rules, states and archives."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local_aws.workmail import (
    Behaviour,
    ExportFailed,
    ExportJob,
    Mailbox,
    Organization,
    WorkMail,
    WorkMailError,
    WorkMailServer,
    Write,
)

from .conftest import Clock, boto3_client

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient

ROLE_ARN = "arn:aws:iam::000000000000:role/export"
KEY_ARN = "arn:aws:kms:us-east-1:000000000000:key/0a1b2c3d"


class Shelf:
    """A destination that keeps archives by path, and fails as it is told."""

    def __init__(self) -> None:
        self.archives: dict[str, bytes] = {}
        self.refusal: WorkMailError | None = None
        self.failure: ExportFailed | None = None
        self.before_writing: Callable[[], object] = lambda: None

    def open(self, job: ExportJob) -> Write:
        if self.refusal:
            raise self.refusal

        def write(archive: bytes) -> None:
            self.before_writing()
            if self.failure:
                raise self.failure
            self.archives[job.s3_path] = archive

        return write


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def served(shelf: Shelf) -> Iterator[tuple[WorkMail, WorkMailServer, Clock, WorkMailClient]]:
    clock = Clock()
    workmail = WorkMail(clock=clock, destination=shelf)
    with WorkMailServer(workmail) as server:
        client = boto3_client(server.endpoint_url)
        yield workmail, server, clock, client
        client.close()


@pytest.fixture
def org(organization: Organization, client: WorkMailClient) -> str:
    """With alice and the board room enabled."""
    for name in ("alice", "board-room"):
        register(client, organization.organization_id, name)
    return organization.organization_id


def register(client: WorkMailClient, org: str, name: str) -> None:
    client.register_to_work_mail(OrganizationId=org, EntityId=name, Email=f"{name}@example.com")


def start(client: WorkMailClient, org: str, entity: str = "alice", **changes: str) -> str:
    given = {
        "ClientToken": f"token-of-{entity}",
        "OrganizationId": org,
        "EntityId": entity,
        "RoleArn": ROLE_ARN,
        "KmsKeyArn": KEY_ARN,
        "S3BucketName": "exports",
        "S3Prefix": "mail/",
    }
    return client.start_mailbox_export_job(**{**given, **changes})["JobId"]


def described(client: WorkMailClient, org: str, job_id: str) -> Any:
    return client.describe_mailbox_export_job(OrganizationId=org, JobId=job_id)


def code_of(call: Callable[..., Any], *given: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(*given, **parameters)
    return str(raised.value.response["Error"]["Code"])


def mailbox_of(organization: Organization, name: str) -> Mailbox:
    mailbox = organization.entity(name).mailbox
    assert mailbox
    return mailbox


class TestMailboxes:
    def test_registration_makes_one_with_mails_and_a_calendar_item(
        self, organization: Organization, org: str
    ) -> None:
        for name in ("alice", "board-room"):
            files = mailbox_of(organization, name).files
            names = ["0001.eml", "0002.eml", "0003.eml", "0004.ics"]
            assert [file.name for file in files] == names
            for file in files[:3]:
                message = BytesParser(policy=policy.default).parsebytes(file.content)
                assert not message.defects
                assert message["To"] == f"{name}@example.com"
            assert files[3].content.startswith(b"BEGIN:VCALENDAR\r\n")

    def test_a_group_has_none(
        self, client: WorkMailClient, organization: Organization, org: str
    ) -> None:
        register(client, org, "team")
        assert organization.entity("team").mailbox is None

    def test_registering_again_within_30_days_restores_it(
        self, client: WorkMailClient, organization: Organization, org: str, clock: Clock
    ) -> None:
        message = EmailMessage()
        message["Subject"] = "Keep me"
        message.set_content("Please.")
        mailbox_of(organization, "alice").deliver(message)
        for days, kept in ((29, True), (30, False)):
            client.deregister_from_work_mail(OrganizationId=org, EntityId="alice")
            clock.advance(days * 24 * 3600)
            register(client, org, "alice")
            subjects = b"".join(file.content for file in mailbox_of(organization, "alice").files)
            assert (b"Keep me" in subjects) is kept

    def test_a_delivered_calendar_item_is_kept_as_such(
        self, organization: Organization, org: str
    ) -> None:
        message = EmailMessage()
        message.set_content("BEGIN:VCALENDAR\nEND:VCALENDAR\n", subtype="calendar")
        mailbox = mailbox_of(organization, "alice")
        mailbox.deliver(message)
        assert mailbox.files[-1].name == "0005.ics"
        assert mailbox.files[-1].content.startswith(b"BEGIN:VCALENDAR")


class TestStart:
    def test_a_job_runs_and_writes_the_mailbox_at_its_end(
        self,
        client: WorkMailClient,
        workmail: WorkMail,
        organization: Organization,
        org: str,
        clock: Clock,
        shelf: Shelf,
    ) -> None:
        workmail.exports.duration = 100
        started = datetime.fromtimestamp(clock.now, UTC)
        job_id = start(client, org, Description="before she leaves")
        clock.advance(40)
        job = described(client, org, job_id)
        job.pop("ResponseMetadata")
        assert job == {
            "EntityId": organization.entity("alice").entity_id,
            "Description": "before she leaves",
            "RoleArn": ROLE_ARN,
            "KmsKeyArn": KEY_ARN,
            "S3BucketName": "exports",
            "S3Prefix": "mail/",
            "S3Path": f"mail/{job_id}.zip",
            "EstimatedProgress": 40,
            "State": "RUNNING",
            "StartTime": started,
        }
        assert not shelf.archives
        clock.advance(70)
        job = described(client, org, job_id)
        assert (job["State"], job["EstimatedProgress"]) == ("COMPLETED", 100)
        assert job["EndTime"] == started + timedelta(seconds=100)
        with zipfile.ZipFile(io.BytesIO(shelf.archives[job["S3Path"]])) as archive:
            written = {name: archive.read(name) for name in archive.namelist()}
        files = mailbox_of(organization, "alice").files
        assert written == {file.name: file.content for file in files}

    @pytest.mark.parametrize("identifier", ["ALICE", "alice@example.com"])
    def test_by_name_and_by_address(
        self, client: WorkMailClient, organization: Organization, org: str, identifier: str
    ) -> None:
        job = described(client, org, start(client, org, identifier, ClientToken="t"))
        assert job["EntityId"] == organization.entity("alice").entity_id

    def test_a_resource_too(self, client: WorkMailClient, org: str) -> None:
        assert described(client, org, start(client, org, "board-room"))["State"] == "RUNNING"

    def test_without_a_destination_archives_go_nowhere(self, clock: Clock) -> None:
        workmail = WorkMail(clock=clock)
        organization = workmail.add_organization("acme", domain="example.com")
        user = organization.add_user("alice")
        given = {"OrganizationId": organization.organization_id, "EntityId": user.entity_id}
        workmail.perform("RegisterToWorkMail", {**given, "Email": "alice@example.com"})
        named = {"ClientToken": "t", "S3BucketName": "exports", "S3Prefix": "mail"}
        arns = {"RoleArn": ROLE_ARN, "KmsKeyArn": KEY_ARN}
        workmail.perform("StartMailboxExportJob", {**given, **named, **arns})
        clock.advance(1)
        assert [job.state for job in workmail.exports.jobs] == ["COMPLETED"]

    @pytest.mark.parametrize(
        ("entity", "code"),
        [
            ("nobody", "EntityNotFoundException"),
            ("team", "EntityNotFoundException"),
            ("bob", "InvalidParameterException"),
        ],
    )
    def test_only_enabled_users_and_resources(
        self, client: WorkMailClient, org: str, entity: str, code: str
    ) -> None:
        assert code_of(start, client, org, entity) == code

    def test_a_deleted_user_is_not_found(
        self, client: WorkMailClient, organization: Organization, org: str
    ) -> None:
        alice = organization.entity("alice").entity_id
        client.deregister_from_work_mail(OrganizationId=org, EntityId=alice)
        client.delete_user(OrganizationId=org, UserId=alice)
        assert code_of(start, client, org, alice) == "EntityNotFoundException"

    @pytest.mark.parametrize("possible", [False, True])
    def test_a_deregistered_mailbox(
        self, client: WorkMailClient, workmail: WorkMail, org: str, clock: Clock, possible: bool
    ) -> None:
        workmail.behaviour = Behaviour(disabled_mailbox_can_be_exported=possible)
        client.deregister_from_work_mail(OrganizationId=org, EntityId="alice")
        if possible:
            start(client, org)
            clock.advance(30 * 24 * 3600)
        assert code_of(start, client, org, ClientToken="2") == "InvalidParameterException"

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
    def test_parameters_are_checked_against_the_model(
        self, client: WorkMailClient, org: str, wrong: dict[str, str]
    ) -> None:
        assert code_of(start, client, org, **wrong) == "InvalidParameterException"

    def test_what_the_destination_refuses_starts_no_job(
        self, client: WorkMailClient, workmail: WorkMail, org: str, shelf: Shelf
    ) -> None:
        shelf.refusal = WorkMailError("InvalidParameterException", "There is no such bucket.")
        assert code_of(start, client, org) == "InvalidParameterException"
        assert not workmail.exports.jobs
        shelf.refusal = None
        start(client, org)

    def test_the_caller_needs_to_pass_the_role(
        self, client: WorkMailClient, workmail: WorkMail, org: str
    ) -> None:
        asked = []

        def authorize(access_key: str | None, action: str, resource: str) -> bool:
            asked.append((action, resource))
            return action != "iam:PassRole"

        workmail.authorize = authorize
        assert code_of(start, client, org) == "AccessDeniedException"
        organization_arn = f"arn:aws:workmail:us-east-1:000000000000:organization/{org}"
        assert asked == [
            ("workmail:StartMailboxExportJob", organization_arn),
            ("iam:PassRole", ROLE_ARN),
        ]


class TestClientToken:
    def test_the_same_order_is_the_same_job(
        self, client: WorkMailClient, workmail: WorkMail, org: str, clock: Clock
    ) -> None:
        job_id = start(client, org)
        clock.advance(60)
        client.deregister_from_work_mail(OrganizationId=org, EntityId="alice")
        assert start(client, org, "Alice", ClientToken="token-of-alice") == job_id
        assert [job.state for job in workmail.exports.jobs] == ["COMPLETED"]

    @pytest.mark.parametrize("changed", [{"EntityId": "board-room"}, {"S3Prefix": "other"}])
    def test_another_order_is_refused(
        self, client: WorkMailClient, workmail: WorkMail, org: str, changed: dict[str, str]
    ) -> None:
        start(client, org)
        assert code_of(start, client, org, **changed) == "InvalidParameterException"
        assert len(workmail.exports.jobs) == 1

    def test_many_callers_at_once_start_one_job(
        self, client: WorkMailClient, workmail: WorkMail, org: str
    ) -> None:
        started: list[str] = []
        threads = [
            threading.Thread(target=lambda: started.append(start(client, org))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert started == [workmail.exports.jobs[0].job_id] * 8
        assert len(workmail.exports.jobs) == 1


class TestLimits:
    def test_one_export_of_a_mailbox_in_24_hours(
        self, client: WorkMailClient, workmail: WorkMail, org: str
    ) -> None:
        start(client, org)
        start(client, org, "board-room")
        workmail.exports.age(timedelta(hours=24, seconds=-1))
        assert code_of(start, client, org, ClientToken="2") == "LimitExceededException"
        workmail.exports.age(timedelta(seconds=1))
        start(client, org, ClientToken="2")

    @pytest.mark.parametrize("cancelled", [False, True])
    @pytest.mark.parametrize("repeatable", [False, True])
    def test_an_export_that_did_not_complete(
        self,
        client: WorkMailClient,
        workmail: WorkMail,
        org: str,
        clock: Clock,
        cancelled: bool,
        repeatable: bool,
    ) -> None:
        workmail.behaviour = Behaviour(failed_export_can_be_repeated=repeatable)
        workmail.exports.fail_next("no luck")
        job_id = start(client, org)
        if cancelled:
            client.cancel_mailbox_export_job(OrganizationId=org, JobId=job_id, ClientToken="c")
        clock.advance(60)
        if repeatable:
            start(client, org, ClientToken="2")
            clock.advance(60)
        assert code_of(start, client, org, ClientToken="3") == "LimitExceededException"

    def test_ten_jobs_run_in_an_organization(
        self, client: WorkMailClient, workmail: WorkMail, organization: Organization, org: str
    ) -> None:
        workmail.exports.hold()
        for number in range(10):
            organization.add_user(f"user{number}")
            register(client, org, f"user{number}")
            start(client, org, f"user{number}")
        assert code_of(start, client, org) == "LimitExceededException"
        other = workmail.add_organization("other", domain="other.example")
        other.add_user("carol")
        client.register_to_work_mail(
            OrganizationId=other.organization_id, EntityId="carol", Email="carol@other.example"
        )
        start(client, other.organization_id, "carol")
        job_id = workmail.exports.jobs[0].job_id
        client.cancel_mailbox_export_job(OrganizationId=org, JobId=job_id, ClientToken="c")
        start(client, org)


class TestEnds:
    def test_an_ordered_failure(
        self, client: WorkMailClient, workmail: WorkMail, org: str, clock: Clock, shelf: Shelf
    ) -> None:
        workmail.exports.fail_next("The key is gone.")
        job_id, other_id = start(client, org), start(client, org, "board-room")
        assert described(client, org, job_id)["State"] == "RUNNING"
        clock.advance(1)
        job = described(client, org, job_id)
        assert (job["State"], job["ErrorInfo"]) == ("FAILED", "The key is gone.")
        assert job["EstimatedProgress"] < 100 and "EndTime" in job
        assert described(client, org, other_id)["State"] == "COMPLETED"
        assert list(shelf.archives) == [f"mail/{other_id}.zip"]

    def test_a_destination_that_fails(
        self, client: WorkMailClient, org: str, clock: Clock, shelf: Shelf
    ) -> None:
        shelf.failure = ExportFailed("Access Denied")
        job_id = start(client, org)
        clock.advance(1)
        job = described(client, org, job_id)
        assert (job["State"], job["ErrorInfo"]) == ("FAILED", "Access Denied")

    def test_other_calls_need_not_wait_for_the_writing(
        self, client: WorkMailClient, org: str, clock: Clock, shelf: Shelf
    ) -> None:
        writing, finish = threading.Event(), threading.Event()

        def wait() -> None:
            writing.set()
            finish.wait(10)

        shelf.before_writing = wait
        job_id = start(client, org)
        clock.advance(1)
        describing = threading.Thread(target=described, args=(client, org, job_id))
        describing.start()
        assert writing.wait(10)
        registering = threading.Thread(target=register, args=(client, org, "bob"))
        registering.start()
        registering.join(5)
        waited = registering.is_alive()
        finish.set()
        for thread in (describing, registering):
            thread.join()
        assert not waited

    def test_a_held_job_runs_until_it_is_released(
        self, client: WorkMailClient, workmail: WorkMail, org: str, clock: Clock
    ) -> None:
        job_id = start(client, org)
        workmail.exports.hold()
        clock.advance(3600)
        job = described(client, org, job_id)
        assert (job["State"], job["EstimatedProgress"]) == ("RUNNING", 99)
        workmail.exports.release()
        job = described(client, org, job_id)
        assert job["State"] == "COMPLETED"
        assert job["EndTime"] == datetime.fromtimestamp(clock.now, UTC)

    def test_a_job_that_ended_before_the_hold_has_ended(
        self, client: WorkMailClient, workmail: WorkMail, org: str, clock: Clock
    ) -> None:
        job_id = start(client, org)
        clock.advance(1)
        workmail.exports.hold()
        assert described(client, org, job_id)["State"] == "COMPLETED"

    def test_a_cancelled_job_writes_nothing(
        self, client: WorkMailClient, workmail: WorkMail, org: str, clock: Clock, shelf: Shelf
    ) -> None:
        workmail.exports.duration = 100
        job_id = start(client, org)
        clock.advance(25)
        for _ in range(2):
            client.cancel_mailbox_export_job(OrganizationId=org, JobId=job_id, ClientToken="c")
            clock.advance(1000)
        job = described(client, org, job_id)
        assert (job["State"], job["EstimatedProgress"]) == ("CANCELLED", 25)
        assert job["EndTime"] - job["StartTime"] == timedelta(seconds=25)
        assert not shelf.archives

    @pytest.mark.parametrize("fails", [False, True])
    def test_cancelling_a_job_that_has_ended(
        self, client: WorkMailClient, workmail: WorkMail, org: str, clock: Clock, fails: bool
    ) -> None:
        workmail.behaviour = Behaviour(cancel_ended_export_fails=fails)
        job_id = start(client, org)
        clock.advance(1)
        given = {"OrganizationId": org, "JobId": job_id, "ClientToken": "c"}
        if fails:
            code = code_of(client.cancel_mailbox_export_job, **given)
            assert code == "InvalidParameterException"
        else:
            client.cancel_mailbox_export_job(**given)
        assert described(client, org, job_id)["State"] == "COMPLETED"


class TestDescribeAndList:
    def test_an_unknown_job_is_not_found(
        self, client: WorkMailClient, workmail: WorkMail, org: str
    ) -> None:
        job_id = start(client, org)
        other = workmail.add_organization("other").organization_id
        for organization_id, asked in ((org, "no-such-job"), (other, job_id)):
            given = {"OrganizationId": organization_id, "JobId": asked}
            code = code_of(client.describe_mailbox_export_job, **given)
            assert code == "EntityNotFoundException"
            code = code_of(client.cancel_mailbox_export_job, **given, ClientToken="c")
            assert code == "EntityNotFoundException"

    def test_the_list_is_newest_first_and_paged(
        self, client: WorkMailClient, organization: Organization, org: str, clock: Clock
    ) -> None:
        for number in range(5):
            organization.add_user(f"user{number}")
            register(client, org, f"user{number}")
            start(client, org, f"user{number}")
            clock.advance(10)
        listed: list[Any] = []
        token: dict[str, str] = {}
        while not listed or token:
            answer = client.list_mailbox_export_jobs(OrganizationId=org, MaxResults=2, **token)
            assert len(answer["Jobs"]) <= 2
            listed += answer["Jobs"]
            token = {"NextToken": answer["NextToken"]} if "NextToken" in answer else {}
        names = [organization.entity(job["EntityId"]).name for job in listed]
        assert names == [f"user{number}" for number in reversed(range(5))]
        assert {job["State"] for job in listed} == {"COMPLETED"}
        assert {"JobId", "S3Path", "S3BucketName", "StartTime", "EndTime"} <= set(listed[0])

    @pytest.mark.parametrize("vanishes", [False, True])
    def test_a_job_older_than_seven_days(
        self, client: WorkMailClient, workmail: WorkMail, org: str, vanishes: bool
    ) -> None:
        workmail.behaviour = Behaviour(old_export_job_vanishes=vanishes)
        job_id = start(client, org)
        workmail.exports.age(timedelta(days=7))
        assert client.list_mailbox_export_jobs(OrganizationId=org)["Jobs"]
        workmail.exports.age(timedelta(seconds=1))
        assert not client.list_mailbox_export_jobs(OrganizationId=org)["Jobs"]
        if vanishes:
            given = {"OrganizationId": org, "JobId": job_id}
            code = code_of(client.describe_mailbox_export_job, **given)
            assert code == "EntityNotFoundException"
        else:
            assert described(client, org, job_id)["State"] == "COMPLETED"

    def test_the_record_shows_each_job(
        self, client: WorkMailClient, workmail: WorkMail, organization: Organization, org: str
    ) -> None:
        job_id = start(client, org)
        (job,) = workmail.exports.jobs
        assert (job.job_id, job.state, job.client_token) == (job_id, "RUNNING", "token-of-alice")
        assert job.entity_id == organization.entity("alice").entity_id
        assert job.s3_path == f"mail/{job_id}.zip"
        assert job.end_time is None
        for _ in range(2):
            workmail.exports.age(timedelta(hours=1))
            (job,) = workmail.exports.jobs
            assert job.end_time == pytest.approx(job.start_time + workmail.exports.duration)

    def test_reset_forgets_jobs_and_orders(
        self, client: WorkMailClient, workmail: WorkMail, org: str, clock: Clock
    ) -> None:
        start(client, org)
        workmail.exports.fail_next("never")
        workmail.exports.hold()
        workmail.exports.duration = 0
        workmail.reset()
        assert not workmail.exports.jobs
        again = workmail.add_organization("again", domain="example.com")
        again.add_user("alice")
        register(client, again.organization_id, "alice")
        job_id = start(client, again.organization_id)
        assert described(client, again.organization_id, job_id)["State"] == "RUNNING"
        clock.advance(1)
        assert described(client, again.organization_id, job_id)["State"] == "COMPLETED"


def test_nothing_runs_while_nobody_asks(client: WorkMailClient, org: str) -> None:
    client.list_mailbox_export_jobs(OrganizationId=org)
    before = set(threading.enumerate())
    start(client, org)
    assert set(threading.enumerate()) == before
