"""Deploys stacks as a pipeline does: assets published, a change set from the template, executed.

Then what the tests declare in these stacks, and what they read afterwards.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from aws_cdk import App, CfnOutput, CfnResource, NestedStack, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk_workmail import (
    MailboxExport,
    WorkMailGroup,
    WorkMailProvider,
    WorkMailRegistration,
    WorkMailResource,
    WorkMailUser,
)
from local_aws import ACCOUNT_ID, LocalAws
from local_aws.workmail import Organization

ROOT = Path(__file__).parents[2]
REGISTRATION = "Custom::WorkMailRegistration"
Define = Callable[[Stack], object]
DECLARATIONS = (
    WorkMailRegistration,
    WorkMailUser,
    WorkMailGroup,
    WorkMailResource,
    NestedStack,
)


class StackFailed(Exception):
    """A stack operation failed; `reasons` are those of its resources."""

    def __init__(self, status: str, reasons: list[str]) -> None:
        super().__init__(f"{status}: {reasons}")
        self.status = status
        self.reasons = reasons


class Pipeline:
    """One stack of the embedded AWS, deployed from definitions."""

    def __init__(self, local_aws: LocalAws, folder: Path, stack_name: str) -> None:
        self._local_aws = local_aws
        self._cloudformation = local_aws.client("cloudformation")
        self._folder = folder
        self._runs = 0
        self.stack_name = stack_name

    def deploy(self, *defines: Define, rollback: bool = True) -> None:
        """Deploys what the functions define in the stack. Raises StackFailed."""
        self.begin(*defines, rollback=rollback)
        self.finish()

    def begin(self, *defines: Define, rollback: bool = True) -> None:
        """Begins that deployment; without `rollback` a failed one stays as it is."""
        template_url = self.publish(*defines)
        exists = self.status() not in (None, "ROLLBACK_COMPLETE")
        if self.status() == "ROLLBACK_COMPLETE":
            self.destroy()
        name = f"run-{self._runs}"
        self._cloudformation.create_change_set(
            StackName=self.stack_name,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if exists else "CREATE",
            TemplateURL=template_url,
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        self._cloudformation.get_waiter("change_set_create_complete").wait(
            StackName=self.stack_name,
            ChangeSetName=name,
            WaiterConfig={"Delay": 0.05, "MaxAttempts": 400},
        )
        self._cloudformation.execute_change_set(
            StackName=self.stack_name, ChangeSetName=name, DisableRollback=not rollback
        )

    def create_without_rollback(self, *defines: Define) -> None:
        """Creates the stack without a change set, as `cdk deploy --method=direct` does."""
        self._cloudformation.create_stack(
            StackName=self.stack_name,
            TemplateURL=self.publish(*defines),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            DisableRollback=True,
        )
        self.finish()

    def finish(self) -> None:
        """Waits for the end of what `begin` began. Raises StackFailed."""
        status = self._wait_until_at_rest()
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise StackFailed(status, self.reasons())

    def roll_back(self) -> str:
        """Rolls a failed operation without rollback back; the status at its end."""
        self._cloudformation.rollback_stack(StackName=self.stack_name)
        return self._wait_until_at_rest()

    def continue_rollback(self, *skipped: str) -> str:
        """Continues a failed rollback without these resources; the status at its end."""
        given = {"ResourcesToSkip": skipped} if skipped else {}
        self._cloudformation.continue_update_rollback(StackName=self.stack_name, **given)
        return self._wait_until_at_rest()

    def destroy(self) -> None:
        """Deletes the stack. Raises StackFailed."""
        if self.status() is not None:
            self.begin_to_destroy()
            self.finish_destroying()

    def begin_to_destroy(self) -> None:
        self._cloudformation.delete_stack(StackName=self.stack_name)

    def finish_destroying(self) -> None:
        """Waits for the end of the stack. Raises StackFailed."""
        status = self._wait_until_at_rest()
        if status not in (None, "DELETE_COMPLETE"):
            raise StackFailed(str(status), self.reasons())

    def status(self) -> str | None:
        """The stack's status, None if there is no such stack."""
        try:
            response = self._cloudformation.describe_stacks(StackName=self.stack_name)
        except self._cloudformation.exceptions.ClientError:
            return None
        status: str = response["Stacks"][0]["StackStatus"]
        return None if status == "DELETE_COMPLETE" else status

    def outputs(self) -> dict[str, str]:
        (stack,) = self._cloudformation.describe_stacks(StackName=self.stack_name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def resources(self, resource_type: str) -> dict[str, str]:
        """Physical ids by logical ids."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=self.stack_name
        )
        return {
            row["LogicalResourceId"]: row["PhysicalResourceId"]
            for page in pages
            for row in page["StackResourceSummaries"]
            if row["ResourceType"] == resource_type
        }

    def stack_id(self) -> str:
        (stack,) = self._cloudformation.describe_stacks(StackName=self.stack_name)["Stacks"]
        stack_id: str = stack["StackId"]
        return stack_id

    def reasons(self) -> list[str]:
        """Why resources failed in the last operation, oldest first."""
        events = self._cloudformation.describe_stack_events(StackName=self.stack_name)
        return [
            event["ResourceStatusReason"]
            for event in reversed(events["StackEvents"])
            if event["ResourceStatus"].endswith("_FAILED") and event.get("ResourceStatusReason")
        ]

    def publish(self, *defines: Define) -> str:
        """The URL of the template, when it and its assets are uploaded."""
        self._runs += 1
        return self._publish(self._synthesize(defines))

    def _synthesize(self, defines: tuple[Define, ...]) -> Path:
        folder = self._folder / f"{self.stack_name}-{self._runs}"
        app = App(
            outdir=str(folder), context=json.loads((ROOT / "cdk.json").read_text())["context"]
        )
        stack = Stack(app, self.stack_name)
        for define in defines:
            define(stack)
        app.synth()
        return folder

    def _publish(self, assembly: Path) -> str:
        """Uploads the assets; the URL of the template, which is the last of them."""
        s3 = self._local_aws.client("s3")
        url = ""
        for manifest in assembly.glob("*.assets.json"):
            files: dict[str, Any] = json.loads(manifest.read_text())["files"]
            for file in files.values():
                source = assembly / file["source"]["path"]
                zipped = file["source"]["packaging"] == "zip"
                (destination,) = file["destinations"].values()
                bucket = self._resolved(destination["bucketName"])
                body = _zipped(source) if zipped else source.read_bytes()
                s3.put_object(Bucket=bucket, Key=destination["objectKey"], Body=body)
                if source.name == f"{self.stack_name}.template.json":
                    endpoint = self._local_aws.endpoint_url
                    url = f"{endpoint}/{bucket}/{destination['objectKey']}"
        return url

    def _resolved(self, text: str) -> str:
        return text.replace("${AWS::AccountId}", ACCOUNT_ID).replace(
            "${AWS::Region}", self._local_aws.region
        )

    def _wait_until_at_rest(self) -> str:
        for _ in range(200_000):
            status = self.status()
            if status is None or not status.endswith("_IN_PROGRESS"):
                return status or "DELETE_COMPLETE"
            time.sleep(0.02)
        raise AssertionError(f"{self.stack_name} is still {self.status()}")


def _zipped(folder: Path) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return body.getvalue()


def register(
    scope: Construct, id: str, organization: Organization, entity_id: str, **options: Any
) -> WorkMailRegistration:
    """A registration under `<entity id>@example.com`, or under another `email`."""
    email = options.pop("email", None) or f"{entity_id}@example.com"
    return WorkMailRegistration(
        scope,
        id,
        organization_id=organization.organization_id,
        entity_id=entity_id,
        email=email,
        **options,
    )


def registered(organization: Organization, *entity_ids: str, **options: Any) -> Define:
    """A registration for each entity, with the entity's id as the construct's id."""

    def define(stack: Stack) -> None:
        for entity_id in entity_ids:
            register(stack, entity_id.title(), organization, entity_id, **options)

    return define


def failing(organization: Organization) -> Define:
    """A registration that fails when all else is deployed."""

    def define(stack: Stack) -> None:
        others = [
            construct for construct in stack.node.children if isinstance(construct, DECLARATIONS)
        ]
        fails = register(stack, "Fails", organization, "bob", email="bob@not-ours.example")
        fails.node.add_dependency(*others)

    return define


def exported(
    organization: Organization,
    *names: str,
    timeout: int | None = None,
    service_timeout: int | None = None,
) -> Callable[[Stack], dict[str, WorkMailRegistration]]:
    """Registrations with SNAPSHOT, by the names of their entities.

    The timeouts are the function's and the service timeout, in seconds.
    """

    def define(stack: Stack) -> dict[str, WorkMailRegistration]:
        export = MailboxExport(stack, "Export")
        CfnOutput(stack, "bucket", value=export.bucket.bucket_name)
        provider = WorkMailProvider(stack, "Provider")
        if timeout:
            cast(lambda_.CfnFunction, provider.function.node.default_child).timeout = timeout
        registrations = {
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
            for registration in registrations.values():
                resource = cast(CfnResource, registration.node.default_child)
                resource.add_property_override("ServiceTimeout", service_timeout)
        return registrations

    return define


def enable_by_hand(
    local_aws: LocalAws, organization: Organization, name: str, email: str = ""
) -> None:
    """Enables an entity outside every stack."""
    local_aws.client("workmail").register_to_work_mail(
        OrganizationId=organization.organization_id,
        EntityId=organization.entity(name).entity_id,
        Email=email or f"{name}@example.com",
    )


def states(organization: Organization) -> dict[str, str]:
    return {entity.name: entity.state for entity in organization.entities.values()}


def mailbox_ids(organization: Organization) -> dict[str, str | None]:
    """A new id means that the mail is lost."""
    return {
        entity.name: entity.mailbox.mailbox_id if entity.mailbox else None
        for entity in organization.entities.values()
    }


def deregistered(local_aws: LocalAws, organization: Organization) -> list[str]:
    """The names of the entities that DeregisterFromWorkMail was called for."""
    return [
        organization.entity(call.parameters["EntityId"]).name
        for call in local_aws.workmail.calls.of("DeregisterFromWorkMail")
        if call.parameters["OrganizationId"] == organization.organization_id
    ]


def log_lines(local_aws: LocalAws) -> list[str]:
    """All lines of all functions."""
    logs = local_aws.client("logs")
    return [
        event["message"]
        for group in logs.describe_log_groups()["logGroups"]
        for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
    ]
