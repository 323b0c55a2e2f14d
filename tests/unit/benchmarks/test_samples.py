"""Medians, ratios and what is computed from them say what was measured."""

from __future__ import annotations

import pytest

from benchmarks import memory, stacks, waiting
from benchmarks.samples import Samples, interleaved
from benchmarks.stacks import OPERATIONS, Size


def test_a_ratio_is_that_of_the_medians() -> None:
    assert Samples([3.0, 100.0, 1.0]).ratio_to(Samples([2.0, 2.0, 0.0])) == 1.5


def test_rounds_are_interleaved_and_the_warm_up_is_thrown_away() -> None:
    order: list[str] = []

    def measure(name: str) -> int:
        order.append(name)
        return len(order)

    results = interleaved(2, {"a": lambda: measure("a"), "b": lambda: measure("b")}, warm_up=True)
    assert order == ["a", "b"] * 3
    assert results == {"a": [3, 5], "b": [4, 6]}


def test_slow_calls_of_a_large_stack_are_added_to_its_fast_ones() -> None:
    def times(seconds: float) -> dict[str, dict[str, Samples]]:
        return {"ours": {name: Samples([seconds]) for name in OPERATIONS}}

    measured = {
        Size(450, 0.0, 1): times(10.0),
        Size(50, 0.0, 3): times(2.0),
        Size(50, 0.05, 1): times(5.0),
    }
    assert stacks.extrapolated(measured, 450, 50, 0.05)["ours"]["deploy"] == 10.0 + 9 * 3.0


def test_a_fixed_interval_is_late_by_what_is_left_of_it() -> None:
    assert waiting.late_at_interval(1.0, 5.0) == 4.0
    assert waiting.late_at_interval(30.0, 5.0) == 0.0


def test_time_falls_with_memory_up_to_a_whole_processor() -> None:
    half, whole, more = (memory.cost(size, 1.0) for size in (1769 // 2, 1769, 4 * 1769))
    assert half.seconds == pytest.approx(2.2, rel=0.01)
    assert whole.seconds == pytest.approx(1.2)
    assert more.seconds == whole.seconds
    assert more.gb_seconds == pytest.approx(4 * whole.gb_seconds)
