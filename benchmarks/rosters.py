"""A thousand mailboxes in four nested stacks, beside as many bare custom resources.

`python -m benchmarks.rosters KIND SIZE FOLDER ASSET` synthesizes the stack.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import uuid
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from aws_cdk import App, CustomResource, NestedStack, Stack

from benchmarks import definitions, report
from benchmarks.installed import FOLDER, assemble
from benchmarks.stacks import Times, expect, operate, publish
from benchmarks.throttling import BURST, RATE, in_lanes
from cdk_workmail import WorkMailRoster
from cdk_workmail._placement import place
from cdk_workmail.roster import DEFAULT_CONCURRENCY
from local_aws import LocalAws

KINDS = ("WorkMailRoster", "bare")
OPERATIONS = ("deploy", "no change", "change 10", "remove 10", "destroy")
_STACKS = 4
_CHANGED = 10
_ORGANIZATION = "m-0123456789abcdef0123456789abcdef"
Members = dict[str, tuple[str, str]]


def section(quick: bool) -> str:
    size = 40 if quick else 1000
    with tempfile.TemporaryDirectory() as name:
        asset = assemble(Path(name, "asset"))
        synths = {kind: partial(_synth, kind, size, asset) for kind in KINDS}
        seconds = report.interleaved(1 if quick else 3, synths)
        with LocalAws() as local_aws:
            local_aws.bootstrap()
            runs = {kind: _run(local_aws, kind, size, asset) for kind in KINDS}
    rows = [_row("synth", *(median(seconds[kind]) for kind in KINDS))]
    rows += [_row(name, *(runs[kind][name] for kind in KINDS)) for name in OPERATIONS]
    return report.section(
        "Rosters",
        f"Seconds for {size:,} mailboxes in {_STACKS} nested stacks on the embedded AWS, one "
        "round, beside as many bare custom resources with a handler that makes the same WorkMail "
        "calls. It reads no stacks before it deregisters a mailbox, which the function does.",
        report.table(("", *KINDS, "ratio"), rows),
        f"Entries against a WorkMail of {RATE:.0f} requests a second with bursts of {BURST}, as "
        f"CloudFormation delivers those of {DEFAULT_CONCURRENCY} lanes, the default; in simulated "
        "time, medians of 5 runs, the fewest successes. `to the limit` is the time in relation to "
        "what the calls that were not throttled need at that rate.",
        _lanes((100,) if quick else (100, 1000, 10_000), 1 if quick else 5),
    )


def _row(name: str, ours: float, bare: float) -> list[str]:
    return [name, f"{ours:.1f}", f"{bare:.1f}", f"{ours / bare:.2f}"]


def _lanes(sizes: tuple[int, ...], runs: int) -> str:
    rows = []
    for size in sizes:
        row = [f"{size:,}"]
        for request_type in ("Create", "Delete"):
            outcomes = [
                in_lanes(request_type, seed, size=size, lanes=DEFAULT_CONCURRENCY)
                for seed in range(runs if size < 10_000 else 1)
            ]
            row += [
                str(min(each.succeeded for each in outcomes)),
                f"{median(each.throttled / each.requests for each in outcomes):.0%}",
                f"{median(each.seconds for each in outcomes):.0f}",
                f"{median(each.to_the_limit for each in outcomes):.2f}",
            ]
        rows.append(row)
    header = ("succeed", "throttled", "seconds", "to the limit")
    titles = [f"{kind}: {what}" for kind in ("Create", "Delete") for what in header]
    return report.table(("", *titles), rows)


def _members(size: int) -> Members:
    """Entity name and address by key."""
    return {f"User{index}": (f"user{index}", f"mail{index}@example.com") for index in range(size)}


def _define(kind: str, organization_id: str, asset: Path, stack: Stack, members: Members) -> None:
    if kind == "WorkMailRoster":
        mailboxes = {
            key: {"entity_id": entity_id, "email": email}
            for key, (entity_id, email) in members.items()
        }
        source: dict[str, Any] = {"organization_id": organization_id, "mailboxes": mailboxes}
        WorkMailRoster(stack, "Staff", source=source, stacks=_STACKS)
        return
    function = definitions.function(stack, "Function", "same_calls.handler", asset)
    nested = [NestedStack(stack, f"Stack{number}") for number in range(_STACKS)]
    for key, (entity_id, email) in members.items():
        properties = {"OrganizationId": organization_id, "EntityId": entity_id, "Email": email}
        CustomResource(
            nested[place(key, _STACKS)],
            key,
            service_token=function.function_arn,
            resource_type="Custom::Mailbox",
            properties=properties,
        )


def _run(local_aws: LocalAws, kind: str, size: int, asset: Path) -> Times:
    """The seconds of each operation."""
    organization = local_aws.workmail.add_organization(
        f"o{uuid.uuid4().hex[:12]}", domain="example.com"
    )
    members = _members(size)
    for entity_id, _ in members.values():
        organization.add_user(entity_id)
    changed = members | {
        key: (members[key][0], f"new{index}@example.com")
        for index, key in enumerate([*members][:_CHANGED])
    }
    fewer = dict([*changed.items()][:-_CHANGED])
    name = f"Mail{uuid.uuid4().hex[:12]}"
    times: Times = {}
    steps: list[tuple[str, Members]] = [
        ("deploy", members),
        ("no change", members),
        ("change 10", changed),
        ("remove 10", fewer),
    ]
    for step, declared in steps:
        define = partial(_define, kind, organization.organization_id, asset, members=declared)
        url = publish(local_aws, name, define)
        times[step] = operate(local_aws, name, "update" if times else "create", url)
        expect(organization, {email for _, email in declared.values()})
    times["destroy"] = operate(local_aws, name, "delete")
    expect(organization, set())
    return times


def _synth(kind: str, size: int, asset: Path) -> float:
    """Seconds of the process."""
    with tempfile.TemporaryDirectory() as output:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "benchmarks.rosters", kind, str(size), output, str(asset)],
            cwd=FOLDER.parent,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        return time.perf_counter() - began


def main(kind: str, size: str, folder: str, asset: str) -> None:
    app = App(outdir=folder)
    _define(kind, _ORGANIZATION, Path(asset), Stack(app, "Mail"), _members(int(size)))
    app.synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
