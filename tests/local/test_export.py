"""Leaving without losing mail: SNAPSHOT on a real CloudFormation engine, into a real bucket."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import cast

import pytest
from aws_cdk import CfnOutput, CfnResource, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_

from cdk_workmail import MailboxExport, WorkMailProvider, WorkMailRegistration
from local_aws import LocalAws
from local_aws.workmail import Failure, Organization
from tests.local.pipeline import Define, Pipeline, StackFailed
from tests.local.test_lifecycle import TYPE, enable, failing, register, states
from tests.support.lambda_fakes import cloudformation


@pytest.fixture(autouse=True)
def exports_of_their_own(local_aws: LocalAws) -> Iterator[None]:
    local_aws.workmail.exports.reset()
    yield
    local_aws.workmail.exports.reset()


def keeping(
    organization: Organization,
    *names: str,
    timeout: int | None = None,
    service_timeout: int | None = None,
) -> Callable[[Stack], dict[str, WorkMailRegistration]]:
    """Registrations with SNAPSHOT, of a function and a CloudFormation with less time than usual."""

    def define(stack: Stack) -> dict[str, WorkMailRegistration]:
        export = MailboxExport(stack, "Export")
        CfnOutput(stack, "bucket", value=export.bucket.bucket_name)
        provider = WorkMailProvider(stack, "Provider")
        if timeout:
            cast(lambda_.CfnFunction, provider.function.node.default_child).timeout = timeout
        made = {
            name: register(
                stack,
                name.title(),
                organization,
                name,
                removal_policy=RemovalPolicy.SNAPSHOT,
                mailbox_export=export,
                provider=provider,
            )
            for name in names
        }
        if service_timeout:
            for registration in made.values():
                resource = cast(CfnResource, registration.node.default_child)
                resource.add_property_override("ServiceTimeout", service_timeout)
        return made

    return define


def nothing_but_the_bucket(stack: Stack) -> None:
    MailboxExport(stack, "Export")


def archived(local_aws: LocalAws, bucket: str) -> dict[str, list[str]]:
    """The names of the files in each zip of the bucket."""
    s3 = local_aws.client("s3")
    return {
        row["Key"]: zipfile.ZipFile(
            io.BytesIO(s3.get_object(Bucket=bucket, Key=row["Key"])["Body"].read())
        ).namelist()
        for row in s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    }


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it never came true")


def jobs_of(local_aws: LocalAws) -> list[tuple[str, str]]:
    return [(job.entity_id, job.state) for job in local_aws.workmail.exports.jobs]


def test_a_user_and_a_room_are_exported_and_then_removed(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    enable(local_aws, organization, "alice")
    pipeline.deploy(keeping(organization, "alice", "board-room", "team"))
    assert jobs_of(local_aws) == []
    bucket = pipeline.outputs()["bucket"]
    pipeline.deploy(nothing_but_the_bucket)
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


def test_a_whole_stack_is_destroyed_and_the_mail_stays(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(keeping(organization, "alice", "bob"))
    bucket = pipeline.outputs()["bucket"]
    pipeline.destroy()
    assert states(organization)["alice"] == states(organization)["bob"] == "DISABLED"
    assert len(archived(local_aws, bucket)) == 2


def test_registrations_leave_together_with_their_export(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(keeping(organization, "alice"))
    bucket = pipeline.outputs()["bucket"]
    pipeline.deploy(lambda stack: register(stack, "Bob", organization, "bob"))
    assert states(organization)["alice"] == "DISABLED"
    assert len(archived(local_aws, bucket)) == 1


def test_a_mailbox_that_is_exported_longer_than_one_invocation(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(keeping(organization, "alice", timeout=12))
    local_aws.workmail.exports.duration = 15
    pipeline.destroy()
    assert jobs_of(local_aws) == [(organization.entity("alice").entity_id, "COMPLETED")]
    assert states(organization)["alice"] == "DISABLED"


def test_an_export_beyond_cloudformations_hour_is_joined_by_the_next_deletion(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(keeping(organization, "alice", timeout=12, service_timeout=60))
    local_aws.workmail.exports.hold()
    with pytest.raises(StackFailed) as failed:
        pipeline.destroy()
    assert failed.value.status == "DELETE_FAILED"
    job = local_aws.workmail.exports.jobs[0]
    assert any(
        f"job {job.job_id}" in reason and "delete again to go on" in reason
        for reason in failed.value.reasons
    )
    assert states(organization)["alice"] == "ENABLED"
    local_aws.workmail.exports.release()
    pipeline.destroy()
    assert len(local_aws.workmail.exports.jobs) == 1
    assert states(organization)["alice"] == "DISABLED"


def test_a_job_that_fails_keeps_the_mailbox(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(keeping(organization, "alice"))
    local_aws.workmail.exports.fail_next("no space left on Mars")
    with pytest.raises(StackFailed) as failed:
        pipeline.destroy()
    assert any("no space left on Mars" in reason for reason in failed.value.reasons)
    assert states(organization)["alice"] == "ENABLED"
    local_aws.workmail.exports.reset()


def test_a_role_that_may_not_write_keeps_the_mailbox(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    def define(stack: Stack) -> None:
        keeping(organization, "alice")(stack)
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
    pipeline.deploy(keeping(organization, "alice"))


def test_what_is_rolled_back_is_not_exported(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    enable(local_aws, organization, "alice")

    def define(stack: Stack) -> None:
        made = keeping(organization, "alice")(stack)
        failing(organization, *made.values())(stack)

    with pytest.raises(StackFailed):
        pipeline.deploy(define)
    assert states(organization)["alice"] == "ENABLED"
    assert jobs_of(local_aws) == []


def test_what_is_handed_over_is_not_exported(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(keeping(organization, "alice"))

    def renamed(stack: Stack) -> None:
        export = MailboxExport(stack, "Export")
        register(
            stack,
            "AliceOfAccounts",
            organization,
            "alice",
            removal_policy=RemovalPolicy.SNAPSHOT,
            mailbox_export=export,
            provider=WorkMailProvider(stack, "Provider"),
        )

    pipeline.deploy(renamed)
    assert states(organization)["alice"] == "ENABLED"
    assert jobs_of(local_aws) == []


def test_a_mailbox_exported_today_leaves_with_that_export(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(keeping(organization, "alice", "bob"))
    both: Define = keeping(organization, "bob")
    pipeline.deploy(both)
    enable(local_aws, organization, "alice")
    pipeline.deploy(keeping(organization, "alice", "bob"))
    pipeline.destroy()
    assert len(jobs_of(local_aws)) == 2
    assert states(organization)["alice"] == states(organization)["bob"] == "DISABLED"


def test_a_stack_can_leave_when_workmail_is_switched_off(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(keeping(organization, "alice", "bob"))
    local_aws.workmail.faults.add(None, Failure("AccessDeniedException"), times=None)

    def retained(stack: Stack) -> None:
        for registration in keeping(organization, "alice", "bob")(stack).values():
            cast(CfnResource, registration.node.default_child).apply_removal_policy(
                RemovalPolicy.RETAIN
            )

    before = len(local_aws.workmail.calls)
    pipeline.deploy(retained)
    pipeline.destroy()
    assert len(local_aws.workmail.calls) == before
    assert states(organization)["alice"] == "ENABLED"


def test_the_response_url_is_in_no_log(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(keeping(organization, "alice", timeout=8))
    local_aws.workmail.exports.duration = 9
    pipeline.destroy()
    logs = local_aws.client("logs")
    told = [
        event["message"]
        for group in logs.describe_log_groups()["logGroups"]
        for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
    ]
    assert any("go on in another invocation" in line for line in told)
    assert not any("ministack/cfn-response" in line or "ResponseURL" in line for line in told)


def test_thirty_mailboxes_leave_ten_at_a_time(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    """AWS deletes in parallel; the embedded one does not, so the other events are played here."""
    names = [f"user-{number}" for number in range(30)]
    for name in names:
        organization.add_user(name)
    pipeline.deploy(keeping(organization, *names))
    # The first one holds the stack until the others, which are played, have left.
    local_aws.workmail.exports.duration = 3600
    with cloudformation() as answers:
        pipeline.begin_to_destroy()
        wait_until(lambda: bool(jobs_of(local_aws)))
        local_aws.workmail.exports.duration = 1
        (function,) = pipeline.resources("AWS::Lambda::Function").values()
        order = local_aws.workmail.exports.jobs[0].order
        begun = f"{order.organization_id}/{order.entity_id}"
        for logical_id, physical_id in pipeline.resources(TYPE).items():
            if physical_id == begun:
                continue
            deletion = {
                "RequestType": "Delete",
                "ResponseURL": answers.url,
                "StackId": pipeline.stack_id(),
                "RequestId": logical_id,
                "ResourceType": TYPE,
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": physical_id,
                "ResourceProperties": {
                    "MailboxExport": {
                        "RoleArn": order.role_arn,
                        "KmsKeyArn": order.kms_key_arn,
                        "BucketName": order.s3_bucket_name,
                        "Prefix": "workmail",
                        "MaximumAge": "86400",
                    }
                },
            }
            local_aws.client("lambda").invoke(
                FunctionName=function, InvocationType="Event", Payload=json.dumps(deletion)
            )
        wait_until(lambda: len(answers.bodies) == 29)
        local_aws.workmail.exports.age(timedelta(hours=1))
        pipeline.finish_destroying()
        assert [answer.get("Reason") for answer in answers.responses] == [""] * 29
    assert {organization.entity(name).state for name in names} == {"DISABLED"}
    jobs = jobs_of(local_aws)
    assert sorted(entity_id for entity_id, _ in jobs) == sorted(
        organization.entity(name).entity_id for name in names
    )
    assert {state for _, state in jobs} == {"COMPLETED"}
    refused = [
        call
        for call in local_aws.workmail.calls.of("StartMailboxExportJob")
        if call.error_code == "LimitExceededException"
    ]
    assert refused, "nobody had to wait in line"
