"""CPU time of each function: its cold start with a first Create, and warm requests."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

from aws_cdk import App, Stack

from benchmarks import definitions, report
from benchmarks.endpoints import KINDS, Endpoints, endpoints
from benchmarks.installed import FOLDER, assemble

# Python as Lambda runs it: without a site's start-up files, byte code not written.
_PYTHON = [sys.executable, "-S", "-B", "-P", str(FOLDER / "runner.py")]
_NODE = ["node", str(FOLDER / "runner.cjs")]


def section(quick: bool) -> report.Section:
    rounds, users = (3, 5) if quick else (15, 20)
    measured = measure(rounds, users)
    floor = median(seconds[0] for seconds in measured["floor"])
    rows = []
    for name, runs in measured.items():
        cold = median(seconds[0] for seconds in runs)
        rows.append(
            [
                name,
                f"{cold * 1000:.0f}",
                f"{cold / floor:.2f}",
                *(f"{_warm(runs, kind) * 1000:.1f}" for kind in KINDS),
            ]
        )
    return report.section(
        "Cold start and warm requests",
        "CPU time in ms of one process: from its start to the response to a first Create, and of "
        f"one warm request. Medians of {rounds} interleaved rounds. `floor` is boto3 with the "
        "WorkMail calls that `cdk-workmail` makes and no response to CloudFormation. The peers "
        "make one WorkMail call for each request.",
        report.table(
            ("", "first Create", "to the floor", *(f"warm {kind}" for kind in KINDS)), rows
        ),
    )


def measure(rounds: int, users: int) -> dict[str, list[list[float]]]:
    """By function and round: CPU seconds of the process after each event, since its start."""
    with tempfile.TemporaryDirectory() as name, endpoints(Path(name)) as servers:
        asset = assemble(Path(name, "asset"))
        node = _aws_custom_resource(Path(name, "node"))
        functions = {
            "floor": [*_PYTHON, "benchmarks.peers.floor.handler"],
            "cdk-workmail": [*_PYTHON, "workmail_provider.handler.handler"],
            "crhelper": [*_PYTHON, "benchmarks.peers.with_crhelper.handler"],
            "AwsCustomResource": [*_NODE, str(node)],
        }
        return report.interleaved(
            rounds,
            {
                function: partial(_run, servers, asset, command, users)
                for function, command in functions.items()
            },
        )


def _warm(runs: list[list[float]], kind: str) -> float:
    """The requests of the first user are part of the cold start."""
    steps = [
        [after - before for before, after in pairwise(seconds)][len(KINDS) - 1 :]
        for seconds in runs
    ]
    return median(step for run in steps for step in run[KINDS.index(kind) :: len(KINDS)])


def _run(servers: Endpoints, asset: Path, command: list[str], users: int) -> list[float]:
    with tempfile.TemporaryDirectory() as name:
        events, results = Path(name, "events.json"), Path(name, "results.json")
        events.write_text(json.dumps(servers.events(users)))
        servers.workmail.calls.clear()
        subprocess.run(
            [*command, str(events), str(results)],
            env=servers.environment(asset),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        changes = [call for call in servers.workmail.calls if "Describe" not in call.operation]
        if len(changes) != len(KINDS) * users or any(call.error_code for call in changes):
            raise AssertionError(f"{command[-1]} made {len(changes)} changes")
        seconds: list[float] = json.loads(results.read_text())
        return seconds


def _aws_custom_resource(folder: Path) -> Path:
    """The file of the function that the CDK ships for it."""
    app = App(outdir=str(folder))
    roster = definitions.Roster(definitions.ORGANIZATION_ID, definitions.members(1), folder)
    definitions.aws_custom_resource(Stack(app, "Mail"), roster)
    app.synth()
    (index,) = folder.glob("asset.*/index.js")
    return index
