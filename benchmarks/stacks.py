"""Whole stacks on the embedded AWS: deploy, change every address, destroy."""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from shutil import make_archive
from statistics import median

from aws_cdk import App, Stack
from botocore.exceptions import ClientError

from benchmarks import definitions, report
from benchmarks.definitions import Define, Member, Roster, members
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
# Registrations, and seconds of each WorkMail call. The picture shows the last.
_SIZES = ((1, 0.0), (50, 0.05))
_QUICK_SIZES = ((1, 0.0), (5, 0.05))
_POLL = {"Delay": 0.01, "MaxAttempts": 60_000}
Times = dict[str, float]


def section(quick: bool) -> report.Section:
    rounds = 1 if quick else 3
    header, rows = [""], [[peer] for peer in PEERS]
    with tempfile.TemporaryDirectory() as folder, LocalAws() as local_aws:
        local_aws.bootstrap()
        asset = assemble(Path(folder))
        for registrations, call_seconds in _QUICK_SIZES if quick else _SIZES:
            steps = {"deploy": members(registrations), "change": members(registrations, "new")}
            measured = report.interleaved(
                rounds,
                {
                    peer: partial(run, local_aws, define, steps, asset, call_seconds)
                    for peer, define in PEERS.items()
                },
            )
            seconds = {
                name: [median(run[name] for run in runs) for runs in measured.values()]
                for name in OPERATIONS
            }
            header += [f"{registrations}: {name}" for name in OPERATIONS]
            for row, times in zip(rows, zip(*seconds.values(), strict=True), strict=True):
                row += [f"{time:.2f}" for time in times]
    call = f"{call_seconds * 1000:.0f} ms a call"
    return report.section(
        "Stacks",
        "Seconds from the API call until CloudFormation has finished, by number of registrations: "
        f"1 without network time, {registrations} with {call}; medians of {rounds} rounds. The "
        "embedded CloudFormation runs custom resources one after the other, AWS runs them in "
        "parallel: these are sums of work, not the duration of a deployment on AWS.",
        report.table(header, rows),
        chart=report.Chart(
            "stacks",
            f"{registrations} registrations, one after the other, with {call}",
            "seconds",
            [*PEERS],
            seconds,
            decimals=1,
        ),
    )


def run(
    local_aws: LocalAws,
    define: Define,
    steps: Mapping[str, list[Member]],
    asset: Path,
    call_seconds: float = 0.0,
) -> Times:
    """One stack that declares these members one after the other, and its deletion, in seconds."""
    organization = local_aws.workmail.add_organization(
        f"o{uuid.uuid4().hex[:12]}", domain="example.com"
    )
    for member in steps["deploy"]:
        organization.add_user(member.entity_id)
    name = f"Mail{uuid.uuid4().hex[:12]}"
    times: Times = {}
    local_aws.workmail.faults.latency = call_seconds
    try:
        for step, declared in steps.items():
            roster = Roster(organization.organization_id, declared, asset)
            url = publish(local_aws, name, define, roster)
            times[step] = operate(local_aws, name, "update" if times else "create", url)
            expect(organization, {member.email for member in declared})
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


def publish(local_aws: LocalAws, name: str, define: Define, roster: Roster) -> str:
    """Synthesizes the stack and uploads its assets; the URL of its template."""
    url = ""
    with tempfile.TemporaryDirectory() as folder:
        context = json.loads((FOLDER.parent / "cdk.json").read_text())["context"]
        app = App(outdir=folder, context=context)
        define(Stack(app, name), roster)
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
