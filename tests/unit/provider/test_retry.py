"""Every wait ends: when the step succeeds, with its budget, or with the function's time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import pytest

from workmail_provider.budgets import (
    DOMAIN_VERIFIED,
    ENTITY_VISIBLE,
    STATE_CHANGED,
    THROTTLING_EASED,
    Budget,
)
from workmail_provider.errors import BudgetSpent, NotReady, RequestFailed
from workmail_provider.retry import Backoff, Clock, Retry, ThrottleDelay


class Process:
    """Serves requests on a simulated clock; `slept` are the sleeps of all of them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.delay = ThrottleDelay()
        self.clock = Clock(lambda: self.now, self._sleep, lambda: 1.0)

    def call(self, step: Callable[[], str], seconds: float = 500.0) -> str:
        return self.retry(seconds).call(step)

    def retry(self, seconds: float = 600.0) -> Retry:
        return Retry(self.now + seconds, self.clock, self.delay)

    def serve(self, *not_ready: Budget, seconds: float = 600.0) -> list[float]:
        """The sleeps of a request whose one call is not ready at first, for these budgets."""
        left, before = list(not_ready), len(self.slept)

        def step() -> str:
            if left:
                raise NotReady(left.pop(0), "not yet")
            return "ready"

        retry = self.retry(seconds)
        assert retry.call(lambda: retry.through_throttling(step)) == "ready"
        return self.slept[before:]

    def until(self, *waits: tuple[float, Budget]) -> Callable[[], str]:
        """A step that is not ready for each budget until its moment."""

        def step() -> str:
            for moment, budget in waits:
                if self.now < moment:
                    raise NotReady(budget, "alice is not there")
            return "ready"

        return step

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def process() -> Process:
    return Process()


def is_ascending(numbers: Iterable[float]) -> bool:
    return list(numbers) == sorted(numbers)


def test_a_step_is_repeated_with_growing_backoffs_until_it_is_ready(process: Process) -> None:
    assert process.call(process.until((60, ENTITY_VISIBLE))) == "ready"
    assert 60 <= process.now <= 60 + ENTITY_VISIBLE.longest_backoff
    assert process.slept[0] == pytest.approx(ENTITY_VISIBLE.first_backoff)
    assert max(process.slept) == ENTITY_VISIBLE.longest_backoff
    assert is_ascending(process.slept)


@pytest.mark.parametrize(("seconds", "waited"), [(500, 120), (30, 30)])
def test_a_wait_ends_with_its_budget_or_the_functions_time_and_says_so(
    process: Process, seconds: float, waited: int
) -> None:
    message = rf"alice is not there \(waited {waited} s for the entity to appear"
    with pytest.raises(RequestFailed, match=message):
        process.call(process.until((9999, ENTITY_VISIBLE)), seconds)
    assert process.now == pytest.approx(waited)


def test_each_condition_has_a_budget_of_its_own(process: Process) -> None:
    step = process.until((100, ENTITY_VISIBLE), (200, DOMAIN_VERIFIED))
    assert process.call(step) == "ready"


def test_each_call_has_unspent_budgets_and_the_same_deadline(process: Process) -> None:
    """What an earlier call waited for is over, and the time since then was no wait."""
    retry = process.retry(250)
    assert retry.call(process.until((100, ENTITY_VISIBLE))) == "ready"
    assert retry.call(process.until((200, ENTITY_VISIBLE))) == "ready"
    with pytest.raises(RequestFailed, match=r"waited 4\d s"):
        retry.call(process.until((9999, ENTITY_VISIBLE)))


def test_no_attempt_begins_after_the_functions_time(process: Process) -> None:
    def step() -> str:
        raise AssertionError("begun")

    with pytest.raises(RequestFailed, match="ran out of time before it began"):
        process.call(step, seconds=0)


def test_every_other_error_fails_at_once(process: Process) -> None:
    def step() -> str:
        raise RequestFailed("the domain is unknown")

    with pytest.raises(RequestFailed, match="unknown"):
        process.call(step)
    assert process.slept == []


def test_only_a_process_that_was_throttled_delays_its_next_request(process: Process) -> None:
    assert process.serve() == []
    assert process.serve(STATE_CHANGED) == [STATE_CHANGED.first_backoff]
    assert process.serve() == []
    process.serve(THROTTLING_EASED)
    assert process.serve() == [pytest.approx(0.8)]


def test_each_throttling_lengthens_the_delay_up_to_a_limit_and_successes_shorten_it(
    process: Process,
) -> None:
    for _ in range(8):
        process.serve(THROTTLING_EASED)
    assert process.delay.seconds(process.now) == pytest.approx(5 * 0.8)
    for _ in range(60):
        process.serve()
    assert process.delay.seconds(process.now) < 0.01


def test_the_delay_is_forgotten_after_a_minute_without_requests(process: Process) -> None:
    process.serve(THROTTLING_EASED)
    process.now += 60
    assert process.serve() == []


def test_the_delay_ends_with_the_functions_time(process: Process) -> None:
    for _ in range(8):
        process.serve(THROTTLING_EASED)
    began = process.now
    with pytest.raises(RequestFailed, match="ran out of time"):
        process.serve(seconds=2)
    assert process.now - began == pytest.approx(2)


def test_only_the_throttled_call_of_a_step_is_repeated(process: Process) -> None:
    retry, made, throttled = process.retry(), list[str](), ["b", "b", "c"]

    def request(name: str) -> None:
        made.append(name)
        if name in throttled:
            throttled.remove(name)
            raise NotReady(THROTTLING_EASED, "throttled")

    def step() -> str:
        for name in "abc":
            retry.through_throttling(partial(request, name))
        return "ready"

    assert retry.call(step) == "ready"
    assert made == ["a", "b", "b", "b", "c", "c"]


@pytest.mark.parametrize(("seconds", "waited"), [(600, 480), (30, 30)])
def test_the_wait_for_throttling_ends_with_its_budget_or_the_functions_time(
    process: Process, seconds: float, waited: int
) -> None:
    step = process.until((9999, THROTTLING_EASED))
    message = rf"alice is not there \(waited {waited} s for the throttling to ease"
    with pytest.raises(BudgetSpent, match=message) as raised:
        process.retry(seconds).through_throttling(step)
    assert raised.value.budget is THROTTLING_EASED
    assert process.now == pytest.approx(waited)
    assert process.slept[:4] == [0.5, 1, 2, 4]
    assert max(process.slept) <= THROTTLING_EASED.longest_backoff


def test_a_call_that_is_not_throttled_is_not_repeated(process: Process) -> None:
    with pytest.raises(NotReady):
        process.retry().through_throttling(process.until((60, ENTITY_VISIBLE)))
    assert process.slept == []


def test_a_backoff_doubles_up_to_a_minute_and_ends_at_its_moment(process: Process) -> None:
    backoff = Backoff(300.0, process.clock)
    while backoff.wait():
        pass
    assert process.slept[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert process.now == 300.0
