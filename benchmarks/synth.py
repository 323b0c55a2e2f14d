"""Synth of rosters, ours and as bare CustomResources: time, templates and the asset.

`python -m benchmarks.synth KIND SIZE FOLDER` does one, and prints its seconds without the start of
Python and of the CDK's kernel.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.installed import FOLDER, assemble_ours
from benchmarks.samples import Samples, interleaved
from local_aws.cdk_cli import cli_environment

SIZES = (1, 100, 450)
KINDS = ("bare", "ours")
_ORGANIZATION_ID = "m-0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Synth:
    """One synth: seconds of the whole process, those from App to the end, bytes of the template."""

    process: float
    app: float
    template_bytes: int


@dataclass(frozen=True)
class Asset:
    """What Lambda gets."""

    files: int
    bytes: int
    zipped_bytes: int


def measure(size: int, rounds: int) -> Mapping[str, list[Synth]]:
    """By kind."""
    with tempfile.TemporaryDirectory() as name:
        asset = assemble_ours(Path(name, "asset"))
        measurements = {kind: partial(_one, kind, size, Path(name), asset) for kind in KINDS}
        return interleaved(rounds, measurements)


def samples(synths: list[Synth], what: str) -> Samples:
    return Samples([getattr(synth, what) for synth in synths])


def asset() -> Asset:
    """Of our function."""
    from benchmarks.deployment import zipped

    with tempfile.TemporaryDirectory() as name:
        folder = assemble_ours(Path(name))
        files = [file for file in folder.rglob("*") if file.is_file()]
        total = sum(file.stat().st_size for file in files)
        return Asset(len(files), total, len(zipped(folder)))


def _one(kind: str, size: int, folder: Path, asset: Path) -> Synth:
    with tempfile.TemporaryDirectory(dir=folder) as output:
        began = time.perf_counter()
        finished = subprocess.run(
            [sys.executable, "-m", "benchmarks.synth", kind, str(size), output, str(asset)],
            cwd=FOLDER.parent,
            env=cli_environment(os.environ),
            capture_output=True,
            text=True,
            check=True,
        )
        process = time.perf_counter() - began
        app = json.loads(finished.stdout.splitlines()[-1])
        return Synth(process, app, Path(output, "Mail.template.json").stat().st_size)


def main(kind: str, size: str, folder: str, asset: str) -> None:
    from aws_cdk import App, Stack

    from benchmarks import definitions

    define = definitions.ours if kind == "ours" else definitions.bare
    began = time.perf_counter()
    app = App(outdir=folder)
    define(Stack(app, "Mail"), definitions.Roster(_ORGANIZATION_ID, int(size)), Path(asset))
    app.synth()
    print(json.dumps(time.perf_counter() - began))


if __name__ == "__main__":
    main(*sys.argv[1:])
