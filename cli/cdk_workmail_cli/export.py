"""`cdk-workmail export`: starts and follows the export of an organization, prints its report."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from cdk_workmail_cli.aws import CallRefused, Service
from cdk_workmail_cli.errors import CommandFailed

OPERATIONS = {
    "cloudformation": ("DescribeStacks",),
    "stepfunctions": ("DescribeExecution", "ListExecutions", "StartExecution"),
    "s3": ("GetObject", "ListObjectsV2"),
    "workmail": ("ListMailboxExportJobs",),
}
"""All that these subcommands ever call."""

VERIFIED, NOT_VERIFIED = 0, 2
_EXIT_CODES = "exit codes: 0 every mailbox is verified, 2 not (yet), 1 error"
# Of an output: the path of the construct, what it is, and the CDK's hash.
_OUTPUT = re.compile(r"(.*)(StateMachineArn|Bucket|ManifestPrefix)[0-9A-F]{8}")
_SECONDS_BETWEEN = 30
_SHOWN_JOBS = 10


def add_commands(commands: Any, of_aws: argparse.ArgumentParser) -> None:
    """Adds `export` and its subcommands."""
    command = commands.add_parser(
        "export",
        help="export an organization and verify it",
        description="Runs the OrganizationExport of a deployed stack.",
    )
    subcommands = command.add_subparsers(required=True, metavar="COMMAND")
    of_stack = argparse.ArgumentParser(add_help=False, parents=[of_aws])
    of_stack.add_argument("--stack", required=True, metavar="NAME", help="the deployed stack")
    of_stack.add_argument("--name", metavar="ID", help="the construct, if the stack has several")
    command = subcommands.add_parser("start", parents=[of_stack], help="start a run")
    command.add_argument(
        "--again",
        nargs="?",
        const=True,
        type=_past_time,
        metavar="TIME",
        help="export mailboxes with a young verified export too; with a TIME such as "
        "2026-11-26T08:00:00Z, only those without an export that began after it",
    )
    command.set_defaults(run=_start)
    of_run = argparse.ArgumentParser(add_help=False, parents=[of_stack])
    of_run.add_argument("--run", dest="run_name", metavar="RUN", help="(default: the newest)")
    command = subcommands.add_parser(
        "status", parents=[of_run], help="show how far a run is", epilog=_EXIT_CODES
    )
    command.add_argument(
        "--watch",
        action="store_true",
        help="show it again until the run ends; Ctrl-C ends only this",
    )
    command.set_defaults(run=_status)
    command = subcommands.add_parser(
        "report", parents=[of_run], help="print the report of a run", epilog=_EXIT_CODES
    )
    command.add_argument("--json", action="store_true", help="print the manifest")
    command.add_argument("--html", metavar="FILE", help="write the report as an HTML page")
    command.set_defaults(run=_report)


@dataclass(frozen=True)
class Status:
    """How far a run is."""

    run: str
    state: str
    started_at: str
    total: int | None
    verdicts: Counter[str]
    # Name and percent of what WorkMail exports at the moment.
    running: tuple[tuple[str, int], ...]

    @property
    def is_verified(self) -> bool:
        return self.state == "SUCCEEDED"

    def __str__(self) -> str:
        lines = [f"run {self.run}: {self.state.lower()}, started {self.started_at} UTC"]
        if self.total is None:
            return f"{lines[0]}\nthe mailboxes are being listed"
        verified = self.verdicts["verified"]
        others = [
            f"{count:,} {verdict}"
            for verdict, count in sorted(self.verdicts.items())
            if verdict != "verified" and count
        ]
        left = self.total - self.verdicts.total()
        lines.append(
            ", ".join([f"{verified:,} of {self.total:,} verified", *others, f"{left:,} to go"])
        )
        if self.running:
            lines.append(", ".join(f"{name} {percent} %" for name, percent in self.running))
        return "\n".join(lines)


class DeployedExport:
    """The OrganizationExport of a stack."""

    def __init__(self, session: boto3.Session, stack: str, name: str | None) -> None:
        self._services = {
            service: Service(service, session, operations=operations)
            for service, operations in OPERATIONS.items()
        }
        self._stack = stack
        outputs = self._outputs(name)
        self._machine = outputs["StateMachineArn"]
        self._bucket = outputs["Bucket"]
        self._prefix = outputs["ManifestPrefix"]

    def start(self, again: str | bool | None) -> str:
        """The name of the run. No export counts that began before `again`, or True, the run."""
        started = self._call(
            "stepfunctions",
            "StartExecution",
            stateMachineArn=self._machine,
            input=json.dumps({"again": again} if again else {}),
        )
        return str(started["executionArn"].rpartition(":")[2])

    def execution(self, run: str | None) -> dict[str, Any]:
        """The newest by default."""
        if run is None:
            listed = self._call(
                "stepfunctions", "ListExecutions", stateMachineArn=self._machine, maxResults=1
            )["executions"]
            if not listed:
                raise CommandFailed(
                    f"stack {self._stack} has no run: cdk-workmail export start --stack "
                    f"{self._stack}"
                )
            run = listed[0]["name"]
        arn = f"{self._machine.replace(':stateMachine:', ':execution:')}:{run}"
        return {**self._call("stepfunctions", "DescribeExecution", executionArn=arn), "name": run}

    def status(self, run: str | None) -> Status:
        execution = self.execution(run)
        run = str(execution["name"])
        inventory = self.read(f"_runs/{run}/mailboxes.json")
        mailboxes = json.loads(inventory)["mailboxes"] if inventory else None
        known = mailboxes or []
        verdicts = Counter(dict(self._verdicts(run)).values())
        verdicts["verified"] += sum(bool(each["verified_by"]) for each in known)
        return Status(
            run=run,
            state=execution["status"],
            started_at=f"{execution['startDate']:%Y-%m-%d %H:%M}",
            total=None if mailboxes is None else len(mailboxes),
            verdicts=verdicts,
            running=self._running(known) if execution["status"] == "RUNNING" else (),
        )

    def read(self, name: str) -> bytes | None:
        """Of what the exporter writes; None if it is not there (yet)."""
        key = f"{self._prefix}{name}"
        try:
            stored = self._call("s3", "GetObject", Bucket=self._bucket, Key=key)
        except CallRefused as error:
            if error.code == "NoSuchKey":
                return None
            raise
        body: bytes = stored["Body"].read()
        return body

    def _verdicts(self, run: str) -> Iterator[tuple[str, str]]:
        """The last verdict of each mailbox, which the names of the lines have: by attempt."""
        found = []
        for key in self._keys("_manifest/"):
            mailbox, _, name = key.rpartition("/")
            of_run, attempt, verdict = name.removesuffix(".json").rsplit(".", 2)
            if of_run == run:
                found.append((int(attempt), mailbox, verdict))
        yield from ((mailbox, verdict) for _, mailbox, verdict in sorted(found))

    def _keys(self, folder: str) -> Iterator[str]:
        token: dict[str, str] = {}
        while True:
            page = self._call(
                "s3",
                "ListObjectsV2",
                Bucket=self._bucket,
                Prefix=f"{self._prefix}{folder}",
                **token,
            )
            yield from (found["Key"] for found in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _running(self, mailboxes: list[dict[str, Any]]) -> tuple[tuple[str, int], ...]:
        names = {each["entity_id"]: each["name"] for each in mailboxes}
        organization_id = self._prefix.rstrip("/").rpartition("/")[2]
        jobs = self._services["workmail"].pages(
            "ListMailboxExportJobs", "Jobs", OrganizationId=organization_id
        )
        running = [
            (names[job["EntityId"]], int(job.get("EstimatedProgress", 0)))
            for job in jobs
            if job["State"] == "RUNNING" and job["EntityId"] in names
        ]
        return tuple(sorted(running)[:_SHOWN_JOBS])

    def _outputs(self, name: str | None) -> dict[str, str]:
        (stack,) = self._call("cloudformation", "DescribeStacks", StackName=self._stack)["Stacks"]
        exports: dict[str, dict[str, str]] = {}
        for output in stack.get("Outputs", ()):
            match = _OUTPUT.fullmatch(output["OutputKey"])
            if match:
                exports.setdefault(match[1], {})[match[2]] = output["OutputValue"]
        exports = {id: outputs for id, outputs in exports.items() if len(outputs) == 3}
        if name is None and len(exports) == 1:
            return next(iter(exports.values()))
        if name in exports:
            return exports[name]
        there = ", ".join(exports) or "none"
        raise CommandFailed(
            f"stack {self._stack} has these OrganizationExports: {there}: name one with --name"
            if exports
            else f"stack {self._stack} has no OrganizationExport: declare one and deploy it"
        )

    def _call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        return self._services[service].call(operation, **parameters)


def _past_time(text: str) -> str:
    """UTC, unless the text has an offset."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        given = datetime.max
    moment = given.replace(tzinfo=given.tzinfo or UTC)
    if moment > datetime.now(UTC):
        raise argparse.ArgumentTypeError(
            f"must be a past time such as 2026-11-26T08:00:00Z, got {text!r}"
        )
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _deployed(arguments: argparse.Namespace) -> DeployedExport:
    session = boto3.Session(profile_name=arguments.profile, region_name=arguments.region)
    return DeployedExport(session, arguments.stack, arguments.name)


def _start(arguments: argparse.Namespace, progress: object) -> int:
    run = _deployed(arguments).start(arguments.again)
    print(f"run {run} is started: cdk-workmail export status --stack {arguments.stack} --watch")
    return VERIFIED


def _status(arguments: argparse.Namespace, progress: object) -> int:
    deployed = _deployed(arguments)
    status = deployed.status(arguments.run_name)
    print(status, flush=True)
    while arguments.watch and status.state == "RUNNING":
        time.sleep(_SECONDS_BETWEEN)
        status = deployed.status(status.run)
        print(f"\n{status}", flush=True)
    return VERIFIED if status.is_verified else NOT_VERIFIED


def _report(arguments: argparse.Namespace, progress: object) -> int:
    deployed = _deployed(arguments)
    execution = deployed.execution(arguments.run_name)
    folder = f"_runs/{execution['name']}/"
    stored, page = (deployed.read(f"{folder}{name}") for name in ("manifest.json", "report.html"))
    if stored is None or page is None:
        raise CommandFailed(
            f"run {execution['name']} is {execution['status'].lower()} and has no report: wait for "
            "its end, or start another"
        )
    manifest = json.loads(stored)
    if arguments.html:
        Path(arguments.html).write_bytes(page)
    if arguments.json:
        print(json.dumps(manifest, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(manifest)))
    summary = manifest["summary"]
    if summary["verified"] == summary["mailboxes"]:
        return VERIFIED
    again = f" --again {manifest['since']}" if manifest["since"] else ""
    print(
        f"correct what failed, then cdk-workmail export start --stack {arguments.stack}{again}",
        file=sys.stderr,
    )
    return NOT_VERIFIED


def _lines(manifest: dict[str, Any]) -> Iterator[str]:
    summary = manifest["summary"]
    for row in manifest["mailboxes"]:
        if row["verdict"] != "VERIFIED":
            yield f"{row['verdict'].lower()}: {row['name']} ({row['email']}): {row['reason']}"
    left_behind = summary["left_behind"]
    yield (
        f"{summary['verified']:,} of {summary['mailboxes']:,} mailboxes are verified, "
        f"{summary['messages']:,} messages, {summary['size']:,} bytes, "
        f"{'an unknown number of' if left_behind is None else f'{left_behind:,}'} items left behind"
    )
    yield f"{manifest['days_left']:,} days until the end of Amazon WorkMail"
