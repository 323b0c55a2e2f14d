"""Synth with this library and with as many plain CustomResources: time and size.

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

from benchmarks import report
from benchmarks.installed import FOLDER, assemble

KINDS = ("cdk-workmail", "plain")


def section(quick: bool) -> str:
    rounds = 1 if quick else 5
    rows = []
    with tempfile.TemporaryDirectory() as name:
        asset = assemble(Path(name, "asset"))
        for size in (1, 100) if quick else (1, 100, 450):
            synths = {kind: partial(_synth, kind, size, asset) for kind in KINDS}
            runs = report.interleaved(rounds, synths)
            seconds = [median(second for second, _ in runs[kind]) for kind in KINDS]
            rows.append(
                [
                    str(size),
                    *(f"{one:.1f}" for one in seconds),
                    f"{seconds[0] / seconds[1]:.2f}",
                    *(str(runs[kind][0][1]) for kind in KINDS),
                ]
            )
    return report.section(
        "Synth",
        "Seconds of the whole process, and bytes of the template, beside as many plain "
        f"CustomResources on one Lambda function. Medians of {rounds} interleaved rounds.",
        report.table(
            ("registrations", "cdk-workmail", "plain", "ratio", "bytes", "bytes, plain"), rows
        ),
    )


def _synth(kind: str, size: int, asset: Path) -> tuple[float, int]:
    """Seconds of the process, and bytes of its template."""
    with tempfile.TemporaryDirectory() as output:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "benchmarks.synth", kind, str(size), output, str(asset)],
            cwd=FOLDER.parent,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        seconds = time.perf_counter() - began
        return seconds, Path(output, "Mail.template.json").stat().st_size


def main(kind: str, size: str, folder: str, asset: str) -> None:
    from aws_cdk import App, Stack

    from benchmarks import definitions

    define = definitions.cdk_workmail if kind == "cdk-workmail" else definitions.crhelper
    app = App(outdir=folder)
    roster = definitions.Roster("m-0123456789abcdef0123456789abcdef", int(size))
    define(Stack(app, "Mail"), roster, Path(asset))
    app.synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
