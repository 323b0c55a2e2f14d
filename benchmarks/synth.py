"""The time of synth with this library and with as many plain CustomResources.

`python -m benchmarks.synth KIND SIZE FOLDER ASSET` synthesizes one stack.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

from aws_cdk import App, Stack

from benchmarks import definitions, report
from benchmarks.installed import FOLDER, assemble

KINDS = ("cdk-workmail", "plain")
_LARGEST_STACK = 450


def section(quick: bool) -> report.Section:
    rounds = 1 if quick else 5
    rows = []
    with tempfile.TemporaryDirectory() as name:
        asset = assemble(Path(name, "asset"))
        for size in (1, 100) if quick else (1, 100, _LARGEST_STACK, 1000):
            synths = {kind: partial(_synth, kind, size, asset) for kind in KINDS}
            ours, plain = map(median, report.interleaved(rounds, synths).values())
            rows.append([f"{size:,}", f"{ours:.1f}", f"{plain:.1f}", f"{ours / plain:.2f}"])
    return report.section(
        "Synth",
        "Seconds of the whole process, beside as many plain CustomResources on one function; 1,000 "
        f"in nested stacks, as a roster. Medians of {rounds} interleaved rounds.",
        report.table(("registrations", *KINDS, "ratio"), rows),
    )


def _synth(kind: str, size: int, asset: Path) -> float:
    """Seconds of the process."""
    with tempfile.TemporaryDirectory() as output:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "benchmarks.synth", kind, str(size), output, str(asset)],
            cwd=FOLDER.parent,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        return time.perf_counter() - began


def main(kind: str, size: str, folder: str, asset: str) -> None:
    ours, plain = definitions.cdk_workmail, definitions.crhelper
    if int(size) > _LARGEST_STACK:
        ours, plain = definitions.nested_cdk_workmail, definitions.nested_bare
    define = ours if kind == "cdk-workmail" else plain
    app, members = App(outdir=folder), definitions.members(int(size))
    roster = definitions.Roster(definitions.ORGANIZATION_ID, members, Path(asset))
    define(Stack(app, "Mail"), roster)
    app.synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
