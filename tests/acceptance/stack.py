"""The stack of the acceptance run, deployed by the CDK CLI."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import Annotations, App, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from botocore.exceptions import ClientError

from cdk_workmail import (
    MailboxExport,
    WorkMailGroup,
    WorkMailProvider,
    WorkMailRegistration,
    WorkMailResource,
    WorkMailResourceType,
    WorkMailUser,
)
from local_aws.cdk_cli import ROOT, run_cdk
from tests.acceptance.entities import AcceptanceFailed, seconds_until

# An export takes as long as its mailbox is large; these are empty.
OPERATION_SECONDS = 3600.0


@dataclass(frozen=True)
class Declared:
    """What one deployment declares. `ids` is the beginning of all construct ids."""

    organization_id: str
    prefix: str
    domain: str
    ids: str = "First"
    email: str = "user2"
    job_title: str = "Tester"
    enables_user: bool = True
    adopts_room: bool = True
    exports: bool = False
    fails: bool = False

    def name(self, of: str) -> str:
        return f"{self.prefix}-{of}"

    def address(self, of: str) -> str:
        return f"{self.name(of)}@{self.domain}"


def declare(stack: Stack, declared: Declared) -> None:
    """A user, a group and a room, and registrations of what the questions created."""
    where: dict[str, Any] = {
        "organization_id": declared.organization_id,
        "provider": WorkMailProvider(
            stack,
            "Provider",
            log_group=logs.LogGroup(stack, "Log", removal_policy=RemovalPolicy.DESTROY),
        ),
    }
    name, address, ids = declared.name, declared.address, declared.ids
    user = WorkMailUser(
        stack,
        f"{ids}User",
        name=name("user2"),
        display_name="cdk-workmail acceptance",
        job_title=declared.job_title,
        password=secretsmanager.Secret(
            stack,
            "Password",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=32, exclude_characters="\"'`\\ "
            ),
            removal_policy=RemovalPolicy.DESTROY,
        ),
        removal_policy=RemovalPolicy.DESTROY,
        **where,
    )
    if declared.enables_user:
        export = declared.exports and create_export(stack)
        removal = RemovalPolicy.SNAPSHOT if export else RemovalPolicy.DESTROY
        user.enable(
            email=address(declared.email),
            aliases=[address("info")],
            removal_policy=removal,
            mailbox_export=export or None,
        )
    elif declared.exports:
        create_export(stack)
    WorkMailGroup(
        stack,
        f"{ids}Group",
        name=name("group2"),
        members=[user.user_id] if declared.enables_user else [],
        removal_policy=RemovalPolicy.DESTROY,
        **where,
    ).enable(email=address("group2"))
    WorkMailResource(
        stack,
        f"{ids}Room",
        name=name("room2"),
        type=WorkMailResourceType.ROOM,
        auto_accept_requests=not declared.enables_user,
        delegates=[user.user_id] if declared.enables_user else [],
        removal_policy=RemovalPolicy.DESTROY,
        **where,
    ).enable(email=address("room2"))
    if declared.adopts_room:
        WorkMailRegistration(
            stack,
            f"{ids}Adopted",
            entity_id=name("room1"),
            email=address("room1"),
            removal_policy=RemovalPolicy.RETAIN,
            **where,
        )
    if declared.fails:
        others = [*stack.node.children]
        # A creation refuses to change the address that it finds.
        WorkMailRegistration(
            stack,
            "Fails",
            entity_id=name("group1"),
            email=address("other"),
            removal_policy=RemovalPolicy.RETAIN,
            **where,
        ).node.add_dependency(*others)


def create_export(stack: Stack) -> MailboxExport:
    """A bucket and a key that are deleted with the stack."""
    key = kms.Key(
        stack,
        "Key",
        description="The acceptance test of cdk-workmail",
        removal_policy=RemovalPolicy.DESTROY,
        pending_window=Duration.days(7),
    )
    bucket = s3.Bucket(
        stack,
        "Bucket",
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        encryption=s3.BucketEncryption.KMS,
        encryption_key=key,
        enforce_ssl=True,
        removal_policy=RemovalPolicy.DESTROY,
    )
    return MailboxExport(stack, "Export", bucket=bucket, encryption_key=key)


class DeployedStack:
    """One stack, by the name of the run."""

    def __init__(
        self,
        client: Callable[[str], Any],
        name: str,
        region: str,
        folder: Path,
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
    ) -> None:
        self._cloudformation = client("cloudformation")
        self._s3 = client("s3")
        self._iam = client("iam")
        self.name = name
        self._region = region
        self._folder = folder
        self._environment = environment
        self._on_line = on_line
        self._runs = 0

    def deploy(self, declared: Declared) -> None:
        """Raises CdkError."""
        self._cdk("deploy", self._synthesized(declared), "--require-approval=never")

    def destroy(self, declared: Declared) -> None:
        """Raises CdkError."""
        self.empty_buckets()
        self._cdk("destroy", self._synthesized(declared), "--force")

    def described(self) -> dict[str, Any] | None:
        """None if there is no such stack."""
        try:
            (stack,) = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        is_deleted = stack["StackStatus"] == "DELETE_COMPLETE"
        return None if is_deleted else stack

    def status(self) -> str:
        described = self.described()
        return described["StackStatus"] if described else "DELETE_COMPLETE"

    def resources(self, resource_type: str) -> list[str]:
        """Physical ids."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=self.name
        )
        return [
            row["PhysicalResourceId"]
            for page in pages
            for row in page["StackResourceSummaries"]
            if row["ResourceType"] == resource_type and row.get("PhysicalResourceId")
        ]

    def reasons(self, logical_id: str) -> list[str]:
        """The reasons of failed resources, by the beginning of their logical ids."""
        events = self._cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        return [
            event["ResourceStatusReason"]
            for event in events
            if event["LogicalResourceId"].startswith(logical_id)
            and event["ResourceStatus"].endswith("_FAILED")
        ]

    def export_destination(self) -> dict[str, str]:
        """The role, key, bucket and a prefix for StartMailboxExportJob."""
        described = [
            self._iam.get_role(RoleName=role)["Role"] for role in self.resources("AWS::IAM::Role")
        ]
        (role,) = [role["Arn"] for role in described if role["Path"] == "/cdk-workmail/"]
        (bucket,) = self.resources("AWS::S3::Bucket")
        (key,) = self.resources("AWS::KMS::Key")
        account = role.split(":")[4]
        return {
            "RoleArn": role,
            "KmsKeyArn": f"arn:aws:kms:{self._region}:{account}:key/{key}",
            "S3BucketName": bucket,
            "S3Prefix": "workmail/acceptance",
        }

    def exported(self) -> list[str]:
        """The keys of all exports in the stack's bucket."""
        return [key for bucket in self.resources("AWS::S3::Bucket") for key in self._keys(bucket)]

    def empty_buckets(self) -> None:
        if self.described():
            for bucket in self.resources("AWS::S3::Bucket"):
                for key in self._keys(bucket):
                    self._s3.delete_object(Bucket=bucket, Key=key)

    def remove(self) -> None:
        """Deletes the stack in whichever state it is, and waits. Raises AcceptanceFailed."""
        self._wait_until_at_rest()
        if self.described() is None:
            return
        self.empty_buckets()
        self._cloudformation.delete_stack(StackName=self.name)
        self._wait_until_at_rest()
        if self.described() is not None:
            raise AcceptanceFailed(f"stack {self.name} is {self.status()}: delete it by hand")

    def _keys(self, bucket: str) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def _wait_until_at_rest(self) -> None:
        seconds_until(
            lambda: not self.status().endswith("_IN_PROGRESS"),
            f"stack {self.name} is at rest",
            OPERATION_SECONDS,
        )

    def _synthesized(self, declared: Declared) -> Path:
        self._runs += 1
        folder = self._folder / f"run-{self._runs}"
        context = json.loads((ROOT / "cdk.json").read_text())["context"]
        app = App(outdir=str(folder), context=context)
        Annotations.of(app).acknowledge_warning("@cdk-workmail/end-of-support")
        declare(Stack(app, self.name, env=Environment(region=self._region)), declared)
        app.synth()
        return folder

    def _cdk(self, command: str, assembly: Path, *arguments: str) -> None:
        run_cdk(
            command,
            f"--app={assembly}",
            *arguments,
            environment=self._environment,
            folder=self._folder,
            on_line=self._on_line,
        )
