"""The simulated time, the model of Lambda, and the accounts of the throttled roster."""

from __future__ import annotations

import random
import threading

from benchmarks import calls, throttling
from benchmarks.lambda_model import Environment, LambdaModel, Settings
from benchmarks.simulation import Simulation


def test_sleeps_overlap_and_take_no_time() -> None:
    simulation, ended = Simulation(), []

    def work(name: str, seconds: float) -> None:
        simulation.sleep(seconds)
        ended.append((name, simulation.elapsed))

    simulation.start(lambda: work("long", 3600.0))
    simulation.start(lambda: work("short", 60.0))
    simulation.run()
    assert ended == [("short", 60.0), ("long", 3600.0)]


class _Environment(Environment):
    def __init__(self, simulation: Simulation, running: list[int]) -> None:
        super().__init__()
        self._simulation = simulation
        self._running = running

    def serve(self, event: int, ends_at: float) -> bool:
        self._running.append(event)
        self._simulation.sleep(10.0)
        return True


def _lambda_model(settings: Settings) -> tuple[LambdaModel, Simulation, dict[int, float]]:
    simulation, ended = Simulation(), dict[int, float]()

    def serve(environment: Environment, event: int, ends_at: float) -> None:
        environment.serve(event, ends_at)
        ended[event] = simulation.elapsed

    model = LambdaModel(
        simulation, settings, lambda: _Environment(simulation, []), serve, random.Random(1)
    )
    return model, simulation, ended


def test_without_a_limit_all_events_run_at_once() -> None:
    model, simulation, ended = _lambda_model(Settings(None, cold_start=0.0))
    for event in range(5):
        model.deliver(event)
    simulation.run()
    assert set(ended.values()) == {10.0}
    assert model.made == 5


def test_reserved_concurrency_bounds_what_runs_at_once() -> None:
    model, simulation, ended = _lambda_model(Settings(1, cold_start=0.0))
    for event in range(3):
        model.deliver(event)
    simulation.run()
    first, second, third = sorted(ended.values())
    assert model.made == 1
    assert first == 10.0
    assert second >= 20.0
    assert third >= second + 10.0


def test_an_event_that_is_too_old_is_dropped() -> None:
    model, simulation, ended = _lambda_model(Settings(1, longest_event_age=5.0))
    for event in range(2):
        model.deliver(event)
    simulation.run()
    assert list(ended) == [0]
    assert model.dropped == [1]


def test_requests_that_read_their_stack_at_the_same_time_all_end() -> None:
    """Nothing in the function is locked while it waits."""
    outcomes: list[throttling.Outcome] = []

    def play() -> None:
        outcomes.append(throttling.ours("Delete", None, seed=1, registrations=4, limited=False))

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    # Otherwise it would stand still for ever.
    thread.join(60.0)
    assert [outcome.succeeded for outcome in outcomes] == [4]


def test_a_small_roster_is_not_throttled() -> None:
    outcome = throttling.ours("Create", None, seed=1, registrations=5)
    assert (outcome.succeeded, outcome.requests, outcome.throttled) == (5, 15, 0)


def test_throttled_requests_are_counted_and_repeated() -> None:
    outcome = throttling.ours("Create", None, seed=1, registrations=40)
    assert outcome.succeeded == 40
    assert outcome.throttled > 0
    assert outcome.requests - outcome.throttled >= 3 * 40
    # No more than the bucket held and got.
    assert outcome.requests - outcome.throttled <= throttling.BURST + throttling.RATE * (
        outcome.seconds + 1
    )


def test_the_function_makes_the_calls_that_the_contract_asks_for_and_no_other() -> None:
    for event in calls.EVENTS:
        assert tuple(calls.made(event)) == event.least


def test_one_call_each_is_how_much_sooner_when_all_run_at_once() -> None:
    ours = throttling.ours("Create", None, seed=1, registrations=40, limited=False)
    other = throttling.one_call("Create", seed=1)
    assert (ours.throttled, other.throttled) == (0, 0)
    assert other.seconds < ours.seconds < other.seconds + 0.2
