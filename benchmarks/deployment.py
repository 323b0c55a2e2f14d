"""Deploys one stack through CloudFormation's API and tells how long CloudFormation took."""

from __future__ import annotations

import io
import json
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack

from benchmarks.installed import NODE_MODULES
from local_aws import ACCOUNT_ID, LocalAws

_POLL = 0.01  # seconds
_ROOT = Path(__file__).parents[1]


class StackFailed(Exception):
    """A stack operation did not end well."""


class LocalAwsWithNode(LocalAws):
    """Its Node functions find the AWS SDK, as they do in Lambda's runtime."""

    def _function_environment(self) -> dict[str, str]:
        return {**super()._function_environment(), "NODE_PATH": str(NODE_MODULES)}


class Deployment:
    """One stack of the embedded AWS; each method gives seconds, without the time for synth."""

    def __init__(self, local_aws: LocalAws, stack_name: str) -> None:
        self._local_aws = local_aws
        self._cloudformation = local_aws.client("cloudformation")
        self._stack_name = stack_name
        self._change_sets = 0
        self._template_url = ""

    def prepare(self, define: Callable[[Stack], None]) -> None:
        """Synthesizes what is deployed next, and publishes its assets."""
        with tempfile.TemporaryDirectory() as folder:
            context = json.loads((_ROOT / "cdk.json").read_text())["context"]
            app = App(outdir=folder, context=context)
            define(Stack(app, self._stack_name))
            app.synth()
            self._template_url = self._publish(Path(folder))

    def deploy(self) -> float:
        """Until CloudFormation says that it is done. Raises StackFailed."""
        began = time.perf_counter()
        if not self._make_change_set():
            raise StackFailed(f"{self._stack_name}: nothing has changed")
        self._cloudformation.execute_change_set(
            StackName=self._stack_name, ChangeSetName=self._change_set
        )
        self._wait(("CREATE_COMPLETE", "UPDATE_COMPLETE"))
        return time.perf_counter() - began

    def deploy_nothing(self) -> float:
        """Until CloudFormation says that the template changes nothing."""
        began = time.perf_counter()
        if self._make_change_set():
            raise StackFailed(f"{self._stack_name}: something has changed")
        return time.perf_counter() - began

    def destroy(self) -> float:
        """Until the stack is gone. Raises StackFailed."""
        began = time.perf_counter()
        self._cloudformation.delete_stack(StackName=self._stack_name)
        self._wait(("DELETE_COMPLETE",))
        return time.perf_counter() - began

    @property
    def _change_set(self) -> str:
        return f"run-{self._change_sets}"

    def _make_change_set(self) -> bool:
        """Whether there is something to change."""
        self._change_sets += 1
        self._cloudformation.create_change_set(
            StackName=self._stack_name,
            ChangeSetName=self._change_set,
            ChangeSetType="CREATE" if self._change_sets == 1 else "UPDATE",
            TemplateURL=self._template_url,
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        while True:
            change_set = self._cloudformation.describe_change_set(
                StackName=self._stack_name, ChangeSetName=self._change_set
            )
            if change_set["Status"] == "CREATE_COMPLETE":
                return bool(change_set["Changes"])
            if change_set["Status"] == "FAILED":
                return False
            time.sleep(_POLL)

    def _wait(self, wanted: tuple[str, ...]) -> None:
        while (status := self._status()).endswith("_IN_PROGRESS"):
            time.sleep(_POLL)
        if status not in wanted:
            events = self._cloudformation.describe_stack_events(StackName=self._stack_name)
            reasons = [
                event.get("ResourceStatusReason", "")
                for event in events["StackEvents"]
                if event["ResourceStatus"].endswith("_FAILED")
            ]
            raise StackFailed(f"{self._stack_name}: {status}: {reasons[-1:]}")

    def _status(self) -> str:
        try:
            answer = self._cloudformation.describe_stacks(StackName=self._stack_name)
        except self._cloudformation.exceptions.ClientError:
            return "DELETE_COMPLETE"
        status: str = answer["Stacks"][0]["StackStatus"]
        return status

    def _publish(self, assembly: Path) -> str:
        """Uploads the assets; the URL of the template, which is one of them."""
        s3 = self._local_aws.client("s3")
        template_url = ""
        for manifest in assembly.glob("*.assets.json"):
            files: dict[str, Any] = json.loads(manifest.read_text())["files"]
            for file in files.values():
                source = assembly / file["source"]["path"]
                (destination,) = file["destinations"].values()
                bucket = self._resolved(destination["bucketName"])
                body = zipped(source) if source.is_dir() else source.read_bytes()
                s3.put_object(Bucket=bucket, Key=destination["objectKey"], Body=body)
                if source.name.endswith(".template.json"):
                    endpoint = self._local_aws.endpoint_url
                    template_url = f"{endpoint}/{bucket}/{destination['objectKey']}"
        return template_url

    def _resolved(self, text: str) -> str:
        return text.replace("${AWS::AccountId}", ACCOUNT_ID).replace(
            "${AWS::Region}", self._local_aws.region
        )


def zipped(folder: Path) -> bytes:
    """The folder as Lambda gets it."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return body.getvalue()
