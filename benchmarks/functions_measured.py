"""One process of each function: how long until it is ready, and until its first Create is done."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from aws_cdk import App, Stack

from benchmarks import definitions
from benchmarks.definitions import Roster
from benchmarks.installed import FOLDER, assemble_ours, assemble_peers
from benchmarks.samples import Samples, interleaved
from benchmarks.surroundings import Surroundings, python_command, surroundings

_KINDS = ("Create", "Update", "Delete")
_OURS_READY = (
    "import workmail_provider.handler\n"
    "from workmail_provider.clients import client\n"
    "client('workmail', None)"
)
_NODE_READY = "require(process.argv[1]); new (require('@aws-sdk/client-workmail').WorkMail)({})"


@dataclass(frozen=True)
class Usage:
    """What one process took, in seconds."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Served:
    """A process that served events: what it took, the peak of its memory in MiB, its events."""

    usage: Usage
    peak: float
    events: list[tuple[str, float, float]]


@dataclass(frozen=True)
class Function:
    """`ready` is code that ends when the handler could take an event."""

    name: str
    asset: Path
    ready: str
    handler: str

    @property
    def is_node(self) -> bool:
        return self.handler.endswith(".js")


@dataclass(frozen=True)
class ColdStart:
    """Of one function, one for each round: until it is ready, and until a first Create is done."""

    ready: list[Usage]
    answered: list[Served]

    @property
    def ready_cpu(self) -> Samples:
        return Samples([usage.cpu for usage in self.ready])

    @property
    def ready_wall(self) -> Samples:
        return Samples([usage.wall for usage in self.ready])

    @property
    def answered_cpu(self) -> Samples:
        return Samples([served.usage.cpu for served in self.answered])

    @property
    def answered_wall(self) -> Samples:
        return Samples([served.usage.wall for served in self.answered])

    @property
    def peak(self) -> Samples:
        return Samples([served.peak for served in self.answered])


@dataclass(frozen=True)
class Warm:
    """CPU seconds of the events of one kind: all, and all but those within WorkMail calls."""

    whole: Samples
    own: Samples | None


@cache
def cold_starts(rounds: int) -> dict[str, ColdStart]:
    """By function; a round before the first warms the file cache."""
    with tempfile.TemporaryDirectory() as name, surroundings(Path(name)) as around:
        functions = _functions(around.folder)
        ready = interleaved(rounds, {f.name: partial(_ready, around, f) for f in functions}, True)
        answered = interleaved(
            rounds, {f.name: partial(_first_create, around, f) for f in functions}, True
        )
        return {f.name: ColdStart(ready[f.name], answered[f.name]) for f in functions}


@cache
def warm(users: int) -> dict[str, dict[str, Warm]]:
    """By function and kind of request, from one process of each for so many users."""
    with tempfile.TemporaryDirectory() as name, surroundings(Path(name)) as around:
        return {f.name: _warm(around, f, users) for f in _functions(around.folder)}


def instructions(names: tuple[str, ...]) -> dict[str, int] | None:
    """Until ready, as valgrind counts them; None where there is no valgrind."""
    if shutil.which("valgrind") is None:
        return None
    with tempfile.TemporaryDirectory() as name, surroundings(Path(name)) as around:
        functions = [f for f in _functions(around.folder) if f.name in names]
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
            counts = list(threads.map(partial(_instructions, around), functions))
        return {f.name: count for f, count in zip(functions, counts, strict=True)}


def _functions(folder: Path) -> list[Function]:
    peers, ours = assemble_peers(folder / "peers"), assemble_ours(folder / "ours")
    node = _aws_custom_resource(folder / "node")

    def peer(name: str, handler: str) -> Function:
        module = f"benchmarks.functions.{handler.partition('.')[0]}"
        return Function(name, peers, f"import {module}", f"benchmarks.functions.{handler}")

    return [
        peer("floor", "floor.handler"),
        Function("ours", ours, _OURS_READY, "workmail_provider.handler.handler"),
        peer("Provider's handler", "provider.on_event"),
        peer("crhelper, no sleep", "crhelper_no_sleep.handler"),
        peer("cfn-handler", "modern.handler"),
        Function("AwsCustomResource", node, _NODE_READY, str(node / "index.js")),
    ]


def _aws_custom_resource(folder: Path) -> Path:
    """The folder of the function that the CDK ships for it."""
    app = App(outdir=str(folder))
    roster = Roster("m-0123456789abcdef0123456789abcdef", 1)
    definitions.aws_custom_resource(Stack(app, "Mail"), roster, folder)
    app.synth()
    (index,) = folder.glob("asset.*/index.js")
    return index.parent


def _ready(around: Surroundings, function: Function) -> Usage:
    if function.is_node:
        command = ["node", "-e", function.ready, function.handler]
    else:
        command = [*python_command(), "-c", function.ready]
    return _run(command, around.environment(function.asset))


def _first_create(around: Surroundings, function: Function) -> Served:
    return _serve(around, function, ("Create",), 1)


def _warm(around: Surroundings, function: Function, users: int) -> dict[str, Warm]:
    events = _serve(around, function, _KINDS, users + 1, "workmail").events
    # The first user's are the cold start.
    events = events[len(_KINDS) :]
    measured: dict[str, Warm] = {}
    for kind in _KINDS:
        of_kind = [(whole, within) for found, whole, within in events if found == kind]
        own = None if function.is_node else Samples([a - b for a, b in of_kind])
        measured[kind] = Warm(Samples([whole for whole, _ in of_kind]), own)
    return measured


def _serve(
    around: Surroundings, function: Function, kinds: tuple[str, ...], users: int, within: str = ""
) -> Served:
    events = around.folder / f"events-{uuid.uuid4().hex}.json"
    results = events.with_suffix(".results")
    events.write_text(json.dumps(around.events(kinds, users)))
    around.workmail.calls.clear()
    if function.is_node:
        command = ["node", str(FOLDER / "runner.cjs"), function.handler]
    else:
        command = [*python_command(), str(FOLDER / "runner.py"), function.handler]
    command += [str(events), str(results)]
    if within and not function.is_node:
        command.append(within)
    usage = _run(command, around.environment(function.asset))
    changes = [call for call in around.workmail.calls if not call.operation.startswith("Desc")]
    if len(changes) != len(kinds) * users or any(call.error_code for call in changes):
        raise AssertionError(f"{function.name} made {len(changes)} changes")
    return Served(usage, **json.loads(results.read_text()))


def _run(command: list[str], environment: dict[str, str]) -> Usage:
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, resources = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Usage(resources.ru_utime + resources.ru_stime, wall)


def _instructions(around: Surroundings, function: Function) -> int:
    finished = subprocess.run(
        [
            "valgrind",
            "--tool=callgrind",
            f"--callgrind-out-file={os.devnull}",
            *python_command(),
            "-c",
            function.ready,
        ],
        env=around.environment(function.asset),
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Collected : (\d+)", finished.stderr)
    assert found, finished.stderr
    return int(found[1])
