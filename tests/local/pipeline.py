"""Deploys stacks as a pipeline does: assets published, a change set from the template, executed."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack

from local_aws import ACCOUNT_ID, LocalAws

ROOT = Path(__file__).parents[2]
Define = Callable[[Stack], object]


class StackFailed(Exception):
    """A stack operation did not end well; `reasons` are those of the failed resources."""

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

    def deploy(self, define: Define) -> None:
        """Deploys what `define` puts into the stack. Raises StackFailed."""
        self.begin(define)
        self.finish()

    def begin(self, define: Define) -> None:
        """Begins to deploy what `define` puts into the stack."""
        self._runs += 1
        template_url = self._publish(self._synthesize(define))
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
        self._cloudformation.execute_change_set(StackName=self.stack_name, ChangeSetName=name)

    def finish(self) -> None:
        """Waits for the end of what `begin` began. Raises StackFailed."""
        status = self._wait_until_at_rest()
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise StackFailed(status, self.reasons())

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
            answer = self._cloudformation.describe_stacks(StackName=self.stack_name)
        except self._cloudformation.exceptions.ClientError:
            return None
        status: str = answer["Stacks"][0]["StackStatus"]
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

    def _synthesize(self, define: Define) -> Path:
        folder = self._folder / f"{self.stack_name}-{self._runs}"
        app = App(
            outdir=str(folder), context=json.loads((ROOT / "cdk.json").read_text())["context"]
        )
        define(Stack(app, self.stack_name))
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
