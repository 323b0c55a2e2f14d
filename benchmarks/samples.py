"""Medians and ratios of interleaved measurements."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Samples:
    """What was measured of one thing, in one unit."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def smallest(self) -> float:
        return min(self.values)

    @property
    def largest(self) -> float:
        return max(self.values)

    def ratio_to(self, other: Samples) -> float:
        """The median beside the median of another."""
        return self.median / other.median


def interleaved(
    rounds: int, measurements: Mapping[str, Callable[[], T]], warm_up: bool = False
) -> dict[str, list[T]]:
    """Every measurement once in each round, so that all of them meet the same noise.

    `warm_up` adds a round before these whose results are thrown away.
    """
    results: dict[str, list[T]] = {name: [] for name in measurements}
    for number in range(rounds + warm_up):
        for name, measure in measurements.items():
            result = measure()
            if number >= warm_up:
                results[name].append(result)
    return results
