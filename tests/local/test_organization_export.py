"""A whole organization is exported and verified, and then its stack is deleted in one go."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from aws_cdk import Duration, RemovalPolicy, Stack

from cdk_workmail import MailboxExport, OrganizationExport, WorkMailRegistration
from local_aws import LocalAws
from local_aws.workmail import Behaviour, Failure, Organization
from tests.local.pipeline import Pipeline

MAILBOXES = 60
_LONGEST_RUN = 120


@pytest.fixture
def acme(local_aws: LocalAws) -> Iterator[Organization]:
    """60 users and rooms, which the stack enables. Failed exports can be repeated at once."""
    workmail = local_aws.workmail
    workmail.exports.reset()
    workmail.behaviour = Behaviour(failed_export_can_be_repeated=True)
    organization = workmail.add_organization("acme", domain="example.com")
    for number in range(MAILBOXES - 5):
        organization.add_user(f"user-{number:02}")
    for number in range(5):
        organization.add_resource(f"room-{number:02}")
    yield organization
    workmail.faults.clear()
    workmail.behaviour = Behaviour()
    workmail.exports.reset()


class Departure:
    """A stack with an OrganizationExport, and its executions."""

    def __init__(self, local_aws: LocalAws, pipeline: Pipeline, acme: Organization) -> None:
        self._local_aws = local_aws
        self._states = local_aws.client("stepfunctions")
        self._s3 = local_aws.client("s3")
        self._acme = acme
        pipeline.deploy(self._define)
        outputs = {name[:-8]: value for name, value in pipeline.outputs().items()}
        self._machine = outputs["DepartureStateMachineArn"]
        self._bucket = outputs["DepartureBucket"]
        self._prefix = outputs["DepartureManifestPrefix"]

    def _define(self, stack: Stack) -> None:
        export = MailboxExport(stack, "Export", maximum_age=Duration.days(7))
        OrganizationExport(
            stack, "Departure", organization_id=self._acme.organization_id, export=export
        )
        for entity in self._acme.entities.values():
            WorkMailRegistration(
                stack,
                entity.name,
                organization_id=self._acme.organization_id,
                entity_id=entity.name,
                email=f"{entity.name}@example.com",
                removal_policy=RemovalPolicy.SNAPSHOT,
                mailbox_export=export,
            )

    def start(self, name: str, **input: bool) -> str:
        started = self._states.start_execution(
            stateMachineArn=self._machine, name=name, input=json.dumps(input)
        )
        return str(started["executionArn"])

    def finish(self, execution: str) -> dict[str, Any]:
        """The execution's description, once it has ended."""
        for _ in range(_LONGEST_RUN * 10):
            described: dict[str, Any] = self._states.describe_execution(executionArn=execution)
            if described["status"] != "RUNNING":
                return described
            time.sleep(0.1)
        raise AssertionError("the execution does not end")

    def read(self, name: str) -> bytes:
        stored = self._s3.get_object(Bucket=self._bucket, Key=f"{self._prefix}{name}")
        body: bytes = stored["Body"].read()
        return body

    def verdicts(self) -> dict[str, str]:
        rows = json.loads(self.read("manifest.json"))["mailboxes"]
        return {row["name"]: row["verdict"] for row in rows}


def test_sixty_mailboxes_are_exported_twice_and_the_stack_is_deleted_in_one_go(
    local_aws: LocalAws, pipeline: Pipeline, acme: Organization
) -> None:
    workmail = local_aws.workmail
    departure = Departure(local_aws, pipeline, acme)
    refused = Failure("InvalidParameterException", message="the key is disabled")
    denied = Failure("AccessDeniedException")
    workmail.faults.add("StartMailboxExportJob", refused, times=None, entity="user-01")
    workmail.faults.add("DescribeUser", denied, times=None, entity="user-02")
    workmail.exports.fail_next("an error that passes")
    before = len(workmail.calls)
    execution = departure.start("first")
    while not workmail.exports.jobs:
        time.sleep(0.02)
    local_aws.client("workmail").deregister_from_work_mail(
        OrganizationId=acme.organization_id, EntityId="user-54"
    )
    ended = departure.finish(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "NotVerified")
    assert ended["cause"].startswith(f"3 of {MAILBOXES} mailboxes are not verified: see s3://")
    failed = {
        name: verdict for name, verdict in departure.verdicts().items() if verdict != "VERIFIED"
    }
    assert failed == {"user-01": "FAILED", "user-02": "FAILED", "user-54": "GONE"}
    page = departure.read("report.html").decode()
    assert "57 of 60 mailboxes are" in page and "the key is disabled" in page
    changing = {
        call.operation
        for call in list(workmail.calls)[before:]
        if not call.operation.startswith(("Describe", "Get", "List"))
    }
    assert changing == {"StartMailboxExportJob", "DeregisterFromWorkMail"}

    workmail.faults.clear()
    # WorkMail exports a mailbox once in 24 hours.
    workmail.exports.age(timedelta(days=1))
    first_jobs = len(workmail.exports.jobs)
    ended = departure.finish(departure.start("last", again=True))
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["summary"]["verified"] == MAILBOXES - 1
    jobs = len(workmail.exports.jobs)
    assert jobs == first_jobs + MAILBOXES - 1
    pipeline.destroy()
    assert {entity.state for entity in acme.entities.values()} == {"DISABLED"}
    assert len(workmail.exports.jobs) == jobs
