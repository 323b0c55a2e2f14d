"""Whole stacks on the embedded AWS: deploy, change every address, destroy."""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from shutil import make_archive
from statistics import median

from aws_cdk import App, Stack
from botocore.exceptions import ClientError

from benchmarks import definitions, report
from benchmarks.definitions import Define, Roster
from benchmarks.installed import FOLDER, assemble
from local_aws import ACCOUNT_ID, LocalAws
from local_aws.workmail import Organization

OPERATIONS = ("deploy", "change", "destroy")
PEERS: Mapping[str, Define] = {
    "cdk-workmail": definitions.cdk_workmail,
    "AwsCustomResource": definitions.aws_custom_resource,
    "Provider": definitions.provider,
    "Provider, is_complete": definitions.provider_that_waits,
    "crhelper, no sleep": definitions.crhelper,
}
# Registrations, seconds of each WorkMail call, rounds.
_SIZES = ((1, 0.0, 3), (50, 0.0, 3), (450, 0.0, 1), (50, 0.05, 1))
_QUICK_SIZES = ((1, 0.0, 1), (5, 0.05, 1))
_POLL = {"Delay": 0.01, "MaxAttempts": 60_000}
Times = dict[str, float]


def section(quick: bool) -> str:
    parts = []
    with tempfile.TemporaryDirectory() as folder, LocalAws() as local_aws:
        local_aws.bootstrap()
        asset = assemble(Path(folder))
        for registrations, call_seconds, rounds in _QUICK_SIZES if quick else _SIZES:
            measured = report.interleaved(
                rounds,
                {
                    peer: partial(run, local_aws, define, registrations, call_seconds, asset)
                    for peer, define in PEERS.items()
                },
            )
            rows = [
                [peer, *(f"{median(run[name] for run in runs):.2f}" for name in OPERATIONS)]
                for peer, runs in measured.items()
            ]
            often = f"medians of {rounds} rounds" if rounds > 1 else "one round"
            parts.append(
                f"**Registrations: {registrations}; each WorkMail call: "
                f"{call_seconds * 1000:.0f} ms** ({often})"
            )
            parts.append(report.table(("", *OPERATIONS), rows))
    return report.section(
        "Stacks",
        "Seconds from the API call until CloudFormation has finished, without synth. The embedded "
        "CloudFormation runs custom resources one after the other, AWS runs them in parallel: "
        "these are sums of work, not the duration of a deployment on AWS. After each operation "
        "the entities are checked.",
        *parts,
    )


def run(
    local_aws: LocalAws, define: Define, registrations: int, call_seconds: float, asset: Path
) -> Times:
    """One stack from deploy to destroy, in seconds by operation."""
    organization = local_aws.workmail.add_organization(
        f"o{uuid.uuid4().hex[:12]}", domain="example.com"
    )
    for index in range(registrations):
        organization.add_user(f"user{index}")
    before = Roster(organization.organization_id, registrations)
    after = Roster(organization.organization_id, registrations, prefix="new")
    name = f"Mail{uuid.uuid4().hex[:12]}"

    def addresses(roster: Roster) -> set[str]:
        return {email for _, _, email in roster.members()}

    local_aws.workmail.faults.latency = call_seconds
    try:
        url = publish(local_aws, name, lambda stack: define(stack, before, asset))
        times = {"deploy": operate(local_aws, name, "create", url)}
        expect(organization, addresses(before))
        url = publish(local_aws, name, lambda stack: define(stack, after, asset))
        times["change"] = operate(local_aws, name, "update", url)
        expect(organization, addresses(after))
        times["destroy"] = operate(local_aws, name, "delete")
        expect(organization, set())
    finally:
        local_aws.workmail.faults.clear()
    return times


def operate(local_aws: LocalAws, name: str, operation: str, url: str | None = None) -> float:
    """Seconds until a stack is created, updated or deleted, or needs no update."""
    cloudformation = local_aws.client("cloudformation")
    template = {"TemplateURL": url, "Capabilities": ["CAPABILITY_NAMED_IAM"]} if url else {}
    began = time.perf_counter()
    try:
        getattr(cloudformation, f"{operation}_stack")(StackName=name, **template)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise
    else:
        waiter = cloudformation.get_waiter(f"stack_{operation}_complete")
        waiter.wait(StackName=name, WaiterConfig=_POLL)
    return time.perf_counter() - began


def expect(organization: Organization, addresses: set[str]) -> None:
    """Only a peer that did its work is measured."""
    entities = [entity.registration for entity in organization.entities.values()]
    enabled = {entity.email for entity in entities if entity.state == "ENABLED"}
    if enabled != addresses:
        raise AssertionError(f"{len(enabled)} are enabled, expected {len(addresses)}")


def publish(local_aws: LocalAws, name: str, define: Callable[[Stack], None]) -> str:
    """Synthesizes the stack and uploads its assets; the URL of its template."""
    url = ""
    with tempfile.TemporaryDirectory() as folder:
        context = json.loads((FOLDER.parent / "cdk.json").read_text())["context"]
        app = App(outdir=folder, context=context)
        define(Stack(app, name))
        app.synth()
        (manifest,) = Path(folder).glob("*.assets.json")
        for file in json.loads(manifest.read_text())["files"].values():
            source = Path(folder, file["source"]["path"])
            (destination,) = file["destinations"].values()
            bucket = (
                destination["bucketName"]
                .replace("${AWS::AccountId}", ACCOUNT_ID)
                .replace("${AWS::Region}", local_aws.region)
            )
            if source.is_dir():
                source = Path(make_archive(str(source), "zip", source))
            local_aws.client("s3").upload_file(str(source), bucket, destination["objectKey"])
            if source.name == f"{name}.template.json":
                url = f"{local_aws.endpoint_url}/{bucket}/{destination['objectKey']}"
    return url
