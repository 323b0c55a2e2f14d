"""Sections, tables and charts of the page, interleaved measurements, and their origin."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TypeVar

from benchmarks.installed import FOLDER

T = TypeVar("T")


@dataclass(frozen=True)
class Chart:
    """Horizontal bars: a group for each label, with a bar for each series; `line` crosses them."""

    name: str
    title: str
    axis: str
    labels: Sequence[str]
    series: Mapping[str, Sequence[float]]
    decimals: int
    line: tuple[str, float] | None = None

    @property
    def file(self) -> str:
        return f"images/benchmark-{self.name}.svg"

    def format(self, value: float) -> str:
        return f"{value:.{self.decimals}f}"

    def markdown(self) -> str:
        """The alternative text says every figure."""
        groups = [
            f"{label}: "
            + ", ".join(f"{name} {self.format(row[place])}" for name, row in self.series.items())
            for place, label in enumerate(self.labels)
        ]
        return f"![{self.title}, {self.axis}. {'; '.join(groups)}.]({self.file})"


@dataclass(frozen=True)
class Section:
    markdown: str
    chart: Chart | None


def section(title: str, *paragraphs: str, chart: Chart | None = None) -> Section:
    picture = [chart.markdown()] if chart else []
    return Section("\n\n".join((f"## {title}", *picture, *paragraphs)), chart)


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
