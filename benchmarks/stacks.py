"""Whole stacks on the embedded AWS: deploy, deploy again unchanged, change every address, destroy.

The embedded CloudFormation runs custom resources one after the other, where AWS runs them in
parallel: the sums here are the work, not what a deployment takes on AWS.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import definitions
from benchmarks.definitions import Define, Roster
from benchmarks.deployment import Deployment, LocalAwsWithNode
from benchmarks.installed import FOLDER, assemble_peers
from benchmarks.samples import Samples, interleaved
from local_aws import LocalAws
from local_aws.cdk_cli import cli_environment
from local_aws.workmail import Organization

OPERATIONS = ("deploy", "no-op", "change", "destroy")
PEERS: Mapping[str, Define] = {
    "ours": definitions.ours,
    "AwsCustomResource": definitions.aws_custom_resource,
    "Provider": definitions.provider,
    "Provider, is_complete": definitions.provider_with_is_complete,
    "crhelper, no sleep": definitions.crhelper_no_sleep,
    "cfn-handler": definitions.cfn_handler,
}


@dataclass(frozen=True)
class Size:
    """So many registrations, so many seconds for each WorkMail call, measured so many times."""

    registrations: int
    call_seconds: float
    rounds: int


Times = dict[str, float]
Measured = Mapping[Size, Mapping[str, Mapping[str, Samples]]]


def measure(sizes: list[Size], tell: Callable[[str], None]) -> Measured:
    """Seconds by size, peer and operation."""
    results: dict[Size, dict[str, dict[str, Samples]]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalAwsWithNode() as local_aws,
    ):
        local_aws.bootstrap()
        asset = assemble_peers(Path(folder))
        for size in sizes:
            tell(f"stacks of {size.registrations}, {size.call_seconds * 1000:.0f} ms a call")
            runs = interleaved(
                size.rounds,
                {
                    peer: partial(run, local_aws, define, size, asset)
                    for peer, define in PEERS.items()
                },
            )
            results[size] = {
                peer: {
                    operation: Samples([times[operation] for times in measured])
                    for operation in OPERATIONS
                }
                for peer, measured in runs.items()
            }
    return results


def extrapolated(
    measured: Measured, large: int, small: int, call_seconds: float
) -> dict[str, Times]:
    """Times of `large` stacks with slow calls, from fast ones and what slow calls add to `small`.

    The calls of a stack are made one after the other here, so their times add up.
    """
    found = {(size.registrations, size.call_seconds): by_peer for size, by_peer in measured.items()}
    fast, slow = found[small, 0.0], found[small, call_seconds]
    return {
        peer: {
            name: times[name].median
            + large / small * (slow[peer][name].median - fast[peer][name].median)
            for name in OPERATIONS
        }
        for peer, times in found[large, 0.0].items()
    }


def measure_default_crhelper(registrations: int) -> Times:
    """On an embedded AWS of its own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalAwsWithNode() as local_aws,
    ):
        local_aws.bootstrap()
        asset = assemble_peers(Path(folder))
        size = Size(registrations, call_seconds=0.0, rounds=1)
        return run(local_aws, definitions.crhelper_default, size, asset)


def run(local_aws: LocalAws, define: Define, size: Size, asset: Path) -> Times:
    """One life of a stack, in seconds by operation."""
    organization = local_aws.workmail.add_organization(
        f"o{uuid.uuid4().hex[:12]}", domain="example.com"
    )
    for index in range(size.registrations):
        organization.add_user(f"user{index}")
    roster = Roster(organization.organization_id, size.registrations)
    changed = Roster(organization.organization_id, size.registrations, prefix="new")
    deployment = Deployment(local_aws, f"Mail{uuid.uuid4().hex[:12]}")
    local_aws.workmail.faults.latency = size.call_seconds
    try:
        deployment.prepare(lambda stack: define(stack, roster, asset))
        times = {"deploy": deployment.deploy(), "no-op": deployment.deploy_nothing()}
        deployment.prepare(lambda stack: define(stack, changed, asset))
        times["change"] = deployment.deploy()
        _expect(organization, {email for _, _, email in changed.members()})
        times["destroy"] = deployment.destroy()
        _expect(organization, set())
    finally:
        local_aws.workmail.faults.clear()
    return times


def _expect(organization: Organization, addresses: set[str]) -> None:
    """A peer that is quick because it does nothing is no peer."""
    entities = [seen.registration for seen in organization.entities.values()]
    enabled = {seen.email for seen in entities if seen.state == "ENABLED"}
    if enabled != addresses:
        raise AssertionError(f"{len(enabled)} are enabled, {len(addresses)} should be")


def start_default_crhelper(registrations: int) -> subprocess.Popen[str]:
    """In a process of its own, which prints the times: it sleeps two minutes in each Delete."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.stacks", str(registrations)],
        cwd=FOLDER.parent,
        env=cli_environment(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


if __name__ == "__main__":
    print(json.dumps(measure_default_crhelper(int(sys.argv[1]))))
