"""Simulated time, the model of Lambda, and what throttling and waiting are measured with."""

from __future__ import annotations

import random
import threading
from statistics import median

import pytest

from benchmarks import report, throttling, waiting
from benchmarks.lambda_model import COLD_START, LambdaModel, Serve
from benchmarks.simulation import Simulation
from benchmarks.throttling import Outcome
from cdk_workmail.roster import DEFAULT_CONCURRENCY


def test_each_measurement_is_taken_once_in_each_round() -> None:
    order: list[str] = []

    def measure(name: str) -> int:
        order.append(name)
        return len(order)

    results = report.interleaved(2, {"a": lambda: measure("a"), "b": lambda: measure("b")})
    assert order == ["a", "b", "a", "b"]
    assert results == {"a": [1, 3], "b": [2, 4]}


def test_sleeps_overlap_and_take_no_time() -> None:
    simulation, ended = Simulation(), []

    def work(name: str, seconds: float) -> None:
        simulation.sleep(seconds)
        ended.append((name, simulation.elapsed))

    simulation.start(lambda: work("long", 3600.0))
    simulation.start(lambda: work("short", 60.0))
    simulation.run()
    assert ended == [("short", 60.0), ("long", 3600.0)]


def delivered(reserved: int | None, events: int, seconds: float) -> tuple[list[float], int]:
    """When each event ended of which every one takes so many seconds; processes started."""
    simulation, ended = Simulation(), []

    def serve(event: int) -> None:
        simulation.sleep(seconds)
        ended.append(simulation.elapsed)

    def start_process() -> Serve:
        return serve

    model = LambdaModel(simulation, reserved, start_process, random.Random(1))
    for event in range(events):
        model.deliver(event)
    simulation.run()
    return ended, model.started


def test_without_reserved_concurrency_all_events_run_at_once() -> None:
    ended, started = delivered(None, events=5, seconds=10.0)
    assert (len(ended), started) == (5, 5)
    assert max(ended) <= 10.0 + 1.2 * COLD_START


def test_reserved_concurrency_limits_the_events_that_run_at_once() -> None:
    ended, started = delivered(1, events=3, seconds=10.0)
    assert started == 1
    assert ended[0] >= 10.0
    assert ended[1] >= ended[0] + 10.0
    assert ended[2] >= ended[1] + 10.0


def test_an_event_that_waits_too_long_is_dropped() -> None:
    ended, _ = delivered(1, events=2, seconds=700.0)
    assert len(ended) == 1


def test_a_small_stack_is_not_throttled() -> None:
    outcome = throttling.simulated("Create", seed=1, size=5)
    assert (outcome.succeeded, outcome.throttled) == (5, 0)


@pytest.mark.parametrize("request_type", ["Create", "Delete"])
def test_throttled_requests_are_repeated_until_each_registration_succeeds(
    request_type: str,
) -> None:
    outcomes: list[Outcome] = []
    # A lock that the function holds while it waits would stop the simulation.
    thread = threading.Thread(
        target=lambda: outcomes.append(throttling.simulated(request_type, seed=1, size=40)),
        daemon=True,
    )
    thread.start()
    thread.join(60.0)
    (outcome,) = outcomes
    assert outcome.succeeded == 40
    assert outcome.throttled > 0
    # Not more than the bucket allows.
    allowed = throttling.BURST + throttling.RATE * (outcome.seconds + 1)
    assert outcome.requests - outcome.throttled <= allowed


def test_one_call_with_the_retries_of_its_sdk_fails_for_most_of_a_large_stack() -> None:
    assert throttling.boto3_default("Create", seed=1).succeeded < 225
    assert throttling.node_default("Delete", seed=1).succeeded < 225


@pytest.mark.parametrize("request_type", ["Create", "Delete"])
def test_the_function_responds_within_five_seconds_of_the_change(request_type: str) -> None:
    assert 0.0 <= waiting.measure(request_type, settle_delay=30.0, seed=1) <= 5.1


def test_a_fixed_interval_is_late_by_the_rest_of_the_interval() -> None:
    assert waiting.late_at_interval(1.0, 5.0) == 4.0
    assert waiting.late_at_interval(30.0, 5.0) == 0.0


@pytest.mark.parametrize("request_type", ["Create", "Delete"])
def test_a_roster_in_its_default_lanes_stays_within_the_rate_of_workmail(request_type: str) -> None:
    runs = [
        throttling.simulated(request_type, seed, size=100, lanes=DEFAULT_CONCURRENCY)
        for seed in range(5)
    ]
    assert all(run.succeeded == 100 for run in runs)
    assert all(run.throttled < 0.1 * run.requests for run in runs)
    assert median(run.to_the_limit for run in runs) <= 1.3


def test_lanes_are_what_saves_requests() -> None:
    in_lanes = throttling.simulated("Create", 0, size=50, lanes=DEFAULT_CONCURRENCY)
    at_once = throttling.simulated("Create", 0, size=50, lanes=50)
    assert at_once.throttled > 5 * in_lanes.throttled
