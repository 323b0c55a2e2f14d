"""A process that was throttled goes on more slowly, also in the requests after that one."""

from __future__ import annotations

import pytest

from workmail_provider.budgets import STATE_CHANGED, THROTTLING_EASED, Budget
from workmail_provider.errors import NotReady
from workmail_provider.retry import Clock, Retry, ThrottleDelay


class Process:
    """Serves requests whose first steps are unsettled in these ways; `slept` is of all."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.pace = ThrottleDelay()

    def serve(self, *unsettled: Budget, seconds: float = 600.0) -> None:
        outcomes = list(unsettled)

        def step() -> None:
            if outcomes:
                raise NotReady(outcomes.pop(0), "not yet")

        clock = Clock(now=lambda: self.now, sleep=self._sleep, jitter=lambda: 1.0)
        Retry(self.now + seconds, clock, self.pace).call(step)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_a_process_that_was_never_throttled_does_not_wait() -> None:
    process = Process()
    process.serve()
    process.serve(STATE_CHANGED)
    process.serve()
    assert process.slept == [STATE_CHANGED.first_backoff]


def test_a_throttled_process_begins_its_next_request_later() -> None:
    process = Process()
    process.serve(THROTTLING_EASED)
    before = len(process.slept)
    process.serve()
    assert process.slept[before:] == [pytest.approx(0.9)]


def test_each_throttling_slows_down_up_to_a_limit() -> None:
    process = Process()
    for _ in range(8):
        process.serve(THROTTLING_EASED)
    assert process.pace.pause(process.now) == pytest.approx(5 * 0.9)


def test_requests_that_are_not_throttled_speed_up_again() -> None:
    process = Process()
    process.serve(THROTTLING_EASED)
    for _ in range(60):
        process.serve()
    assert process.pace.pause(process.now) < 0.01


def test_what_was_learned_is_forgotten_after_a_minute_without_requests() -> None:
    process = Process()
    process.serve(THROTTLING_EASED)
    process.now += 60
    before = len(process.slept)
    process.serve()
    assert process.slept[before:] == []


def test_the_pace_never_waits_beyond_the_deadline() -> None:
    process = Process()
    for _ in range(8):
        process.serve(THROTTLING_EASED)
    began = process.now
    with pytest.raises(RequestFailed, match="ran out of time"):
        process.serve(seconds=2)
    assert process.now - began == pytest.approx(2)
