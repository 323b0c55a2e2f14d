"""Removal with an export before: SNAPSHOT on a real CloudFormation engine, into a real bucket."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import cast

import pytest
from aws_cdk import CfnResource, RemovalPolicy, Stack

from cdk_workmail import MailboxExport, WorkMailProvider
from local_aws import LocalAws
from local_aws.workmail import Failure, Organization
from tests.local.pipeline import (
    Pipeline,
    StackFailed,
    deregistered,
    enable_by_hand,
    exported,
    failing,
    log_lines,
    register,
    registered,
    states,
)


@pytest.fixture(autouse=True)
def only_exports_of_this_test(local_aws: LocalAws) -> Iterator[None]:
    local_aws.workmail.exports.reset()
    yield
    local_aws.workmail.exports.reset()


def only_the_bucket(stack: Stack) -> None:
    MailboxExport(stack, "Export")


def archived(local_aws: LocalAws, bucket: str) -> dict[str, list[str]]:
    """The names of the files in each zip of the bucket."""
    s3 = local_aws.client("s3")
    return {
        row["Key"]: zipfile.ZipFile(
            io.BytesIO(s3.get_object(Bucket=bucket, Key=row["Key"])["Body"].read())
        ).namelist()
        for row in s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        if "/_manifest/" not in row["Key"]
    }


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("the condition did not become true")


def jobs_of(local_aws: LocalAws) -> list[tuple[str, str]]:
    return [(job.entity_id, job.state) for job in local_aws.workmail.exports.jobs]


def test_mailboxes_of_users_and_resources_are_exported_before_they_are_disabled(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    enable_by_hand(local_aws, organization, "alice")
    pipeline.deploy(exported(organization, "alice", "board-room", "team"))
    assert jobs_of(local_aws) == []
    bucket = pipeline.outputs()["bucket"]
    pipeline.deploy(only_the_bucket)
    assert set(states(organization).values()) == {"DISABLED"}
    files = archived(local_aws, bucket)
    assert len(files) == 2
    for name in ("alice", "board-room"):
        entity = organization.entity(name)
        assert entity.mailbox
        (key,) = [
            key
            for key in files
            if key.startswith(f"workmail/{organization.organization_id}/{entity.entity_id}/")
        ]
        assert sorted(files[key]) == sorted(file.name for file in entity.mailbox.files)


def test_the_deletion_of_a_stack_exports_and_keeps_the_bucket(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(exported(organization, "alice", "bob"))
    bucket = pipeline.outputs()["bucket"]
    pipeline.destroy()
    assert states(organization)["alice"] == states(organization)["bob"] == "DISABLED"
    assert len(archived(local_aws, bucket)) == 2


def test_registrations_are_exported_when_their_export_is_removed_with_them(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(exported(organization, "alice"))
    bucket = pipeline.outputs()["bucket"]
    pipeline.deploy(registered(organization, "bob"))
    assert states(organization)["alice"] == "DISABLED"
    assert len(archived(local_aws, bucket)) == 1


def test_an_export_continues_in_another_invocation_and_no_log_has_the_response_url(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(exported(organization, "alice", timeout=12))
    local_aws.workmail.exports.duration = 13
    pipeline.destroy()
    assert jobs_of(local_aws) == [(organization.entity("alice").entity_id, "COMPLETED")]
    assert states(organization)["alice"] == "DISABLED"
    lines = log_lines(local_aws)
    assert any("continue" in line for line in lines)
    assert not any("ministack/cfn-response" in line or "ResponseURL" in line for line in lines)


def test_an_export_beyond_the_service_timeout_is_joined_by_the_next_deletion(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(exported(organization, "alice", timeout=12, service_timeout=60))
    local_aws.workmail.exports.hold()
    with pytest.raises(StackFailed) as failed:
        pipeline.destroy()
    assert failed.value.status == "DELETE_FAILED"
    job = local_aws.workmail.exports.jobs[0]
    assert any(
        f"job {job.job_id}" in reason and "delete again" in reason
        for reason in failed.value.reasons
    )
    assert states(organization)["alice"] == "ENABLED"
    local_aws.workmail.exports.release()
    pipeline.destroy()
    assert len(local_aws.workmail.exports.jobs) == 1
    assert states(organization)["alice"] == "DISABLED"


def test_a_failed_export_keeps_the_mailbox_enabled(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(exported(organization, "alice"))
    local_aws.workmail.exports.fail_next("no space left")
    with pytest.raises(StackFailed) as failed:
        pipeline.destroy()
    assert any("no space left" in reason for reason in failed.value.reasons)
    assert states(organization)["alice"] == "ENABLED"
    local_aws.workmail.exports.reset()


def test_an_export_with_a_role_that_cannot_write_keeps_the_mailbox_enabled(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    def define(stack: Stack) -> None:
        exported(organization, "alice")(stack)
        for construct in stack.node.find_all():
            if (
                isinstance(construct, CfnResource)
                and construct.cfn_resource_type == "AWS::IAM::Role"
                and "ExportRole" in construct.node.path
            ):
                construct.add_property_deletion_override("Policies")

    pipeline.deploy(define)
    with pytest.raises(StackFailed):
        pipeline.destroy()
    assert [state for _, state in jobs_of(local_aws)] == ["FAILED"]
    assert states(organization)["alice"] == "ENABLED"
    local_aws.workmail.exports.reset()
    pipeline.deploy(exported(organization, "alice"))


def test_a_failed_first_deployment_exports_nothing_and_can_be_repeated(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    enable_by_hand(local_aws, organization, "alice")
    for _ in range(2):
        with pytest.raises(StackFailed, match=r"^ROLLBACK_COMPLETE"):
            pipeline.deploy(exported(organization, "alice", "board-room"), failing(organization))
        assert deregistered(local_aws, organization).pop() == "board-room"
        assert states(organization)["board-room"] == "DISABLED"
        assert states(organization)["alice"] == "ENABLED"
    assert jobs_of(local_aws) == []


def test_a_renamed_registration_is_not_exported(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    def renamed(stack: Stack) -> None:
        register(
            stack,
            "Renamed",
            organization,
            "alice",
            removal_policy=RemovalPolicy.SNAPSHOT,
            mailbox_export=MailboxExport(stack, "Export"),
            provider=WorkMailProvider(stack, "Provider"),
        )

    pipeline.deploy(exported(organization, "alice"))
    pipeline.deploy(renamed)
    assert states(organization)["alice"] == "ENABLED"
    assert jobs_of(local_aws) == []


def test_an_export_stands_in_for_a_new_one_unless_the_mailbox_was_enabled_after_it(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    alice, removed = exported(organization, "alice"), exported(organization)
    pipeline.deploy(alice)
    pipeline.deploy(removed)
    assert states(organization)["alice"] == "DISABLED"
    pipeline.deploy(alice)
    pipeline.deploy(removed)
    assert "once in 24 hours" in pipeline.reasons()[-1]
    assert states(organization)["alice"] == "ENABLED"
    assert len(jobs_of(local_aws)) == 1

    pipeline.deploy(alice)
    local_aws.workmail.exports.age(timedelta(hours=24))
    local_aws.workmail.faults.add("DeregisterFromWorkMail", Failure("InvalidParameterException"))
    with pytest.raises(StackFailed, match=r"^DELETE_FAILED"):
        pipeline.destroy()
    assert len(jobs_of(local_aws)) == 2
    pipeline.destroy()
    assert len(jobs_of(local_aws)) == 2
    assert states(organization)["alice"] == "DISABLED"


def test_retained_registrations_are_removed_without_a_call_of_workmail(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(exported(organization, "alice", "bob"))
    local_aws.workmail.faults.add(None, Failure("AccessDeniedException"), times=None)

    def retained(stack: Stack) -> None:
        for registration in exported(organization, "alice", "bob")(stack).values():
            resource = cast(CfnResource, registration.node.default_child)
            resource.apply_removal_policy(RemovalPolicy.RETAIN)

    before = len(local_aws.workmail.calls)
    pipeline.deploy(retained)
    pipeline.destroy()
    assert len(local_aws.workmail.calls) == before
    assert states(organization)["alice"] == "ENABLED"


def test_an_export_waits_while_ten_others_of_the_organization_run(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(exported(organization, "alice"))
    (key,) = pipeline.resources("AWS::KMS::Key").values()
    (role,) = (
        name
        for logical_id, name in pipeline.resources("AWS::IAM::Role").items()
        if "ExportRole" in logical_id
    )
    local_aws.workmail.exports.hold()
    for number in range(10):
        user = organization.add_user(f"user-{number}")
        enable_by_hand(local_aws, organization, user.name)
        local_aws.client("workmail").start_mailbox_export_job(
            ClientToken=user.name,
            OrganizationId=organization.organization_id,
            EntityId=user.entity_id,
            RoleArn=local_aws.client("iam").get_role(RoleName=role)["Role"]["Arn"],
            KmsKeyArn=local_aws.client("kms").describe_key(KeyId=key)["KeyMetadata"]["Arn"],
            S3BucketName=pipeline.outputs()["bucket"],
            S3Prefix="by-hand",
        )
    pipeline.begin_to_destroy()
    alice = organization.entity("alice").entity_id
    wait_until(
        lambda: any(
            call.error_code == "LimitExceededException"
            for call in local_aws.workmail.calls.of("StartMailboxExportJob", entity=alice)
        )
    )
    assert states(organization)["alice"] == "ENABLED"
    local_aws.workmail.exports.release()
    pipeline.finish_destroying()
    assert jobs_of(local_aws)[-1] == (alice, "COMPLETED")
    assert states(organization)["alice"] == "DISABLED"
