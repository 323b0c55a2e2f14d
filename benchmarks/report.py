"""Tables in Markdown, interleaved measurements, and the origin of the figures."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TypeVar

from benchmarks.installed import FOLDER

T = TypeVar("T")


def section(title: str, *paragraphs: str) -> str:
    return "\n\n".join((f"## {title}", *paragraphs))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The first column is text, the others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def interleaved(rounds: int, measurements: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Every measurement once in each round, so that all meet the same noise."""
    results: dict[str, list[T]] = {name: [] for name in measurements}
    for _ in range(rounds):
        for name, measure in measurements.items():
            results[name].append(measure())
    return results


def origin() -> str:
    """Commit, machine and versions."""
    names = ("boto3", "aws-cdk-lib", "ministack", "crhelper")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"Commit {_output('git', 'describe', '--always', '--dirty')}, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.system()} on {platform.machine()} with "
        f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the start. "
        f"Python {platform.python_version()}, Node {_output('node', '--version')[1:]}, "
        f"{versions}."
    )


def _output(*command: str) -> str:
    finished = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=True)
    return finished.stdout.strip()
