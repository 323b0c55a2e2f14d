"""Retries, each within a budget, for what settles by itself."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Timer
from typing import TypeVar

from workmail_provider.budgets import THROTTLING_EASED, Budget
from workmail_provider.errors import BudgetSpent, NotReady, RequestFailed

T = TypeVar("T")

# Seconds, and the factors that they are multiplied with.
_FIRST_DELAY = 1.0
_LONGEST_DELAY = 5.0
_SLOWER = 2.0
_FASTER = 0.8
_DELAY_REMEMBERED = 60.0
_LONGEST_BACKOFF = 60.0


@dataclass(frozen=True)
class Clock:
    """Time as the function sees it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    # Spreads requests that were throttled together.
    jitter: Callable[[], float] = random.random
    timer: Callable[[float, Callable[[], None]], Timer] = Timer
    # Comparable with times of AWS, unlike `now`.
    utc_now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass
class ThrottleDelay:
    """How long this process waits before its next request, because WorkMail throttled the last.

    CloudFormation sends hundreds of requests at once. Without a delay that outlives the request,
    each one would be throttled to learn the rate again.
    """

    _seconds: float = 0.0
    _learned_at: float = 0.0

    def seconds(self, now: float) -> float:
        return self._seconds if now - self._learned_at < _DELAY_REMEMBERED else 0.0

    def throttled(self, now: float) -> None:
        self._seconds = min(max(self.seconds(now) * _SLOWER, _FIRST_DELAY), _LONGEST_DELAY)
        self._learned_at = now

    def succeeded(self, now: float) -> None:
        self._seconds = self.seconds(now) * _FASTER
        self._learned_at = now


@dataclass(frozen=True)
class Retry:
    """The deadline of a request, on the clock's `now`, and the retries until then."""

    deadline: float
    clock: Clock = field(default_factory=Clock)
    delay: ThrottleDelay = field(default_factory=ThrottleDelay)

    def call(self, step: Callable[[], T]) -> T:
        """The result of `step`, which is repeated while it raises NotReady.

        Each call has budgets of its own: what an earlier one waited for is over. Raises BudgetSpent
        when a budget or the time of the request is spent, and RequestFailed when there was no time
        for the first attempt.
        """
        last: NotReady | None = None
        began: dict[Budget, float] = {}
        attempts: Counter[Budget] = Counter()
        self._sleep(self.delay.seconds(self.clock.now()))
        while self.clock.now() < self.deadline:
            try:
                result = step()
            except NotReady as error:
                last = error
            else:
                self.delay.succeeded(self.clock.now())
                return result
            budget, now = last.budget, self.clock.now()
            waited = now - began.setdefault(budget, now)
            if waited >= budget.seconds:
                break
            self._sleep(_ceiling(budget, attempts[budget]), budget.seconds - waited)
            attempts[budget] += 1
        if last is None:
            raise RequestFailed("the function ran out of time before it began: deploy again")
        waited = self.clock.now() - began[last.budget]
        message = f"{last} (waited {waited:.0f} s for the {last.budget.name})"
        raise BudgetSpent(last.budget, message) from last

    def through_throttling(self, request: Callable[[], T]) -> T:
        """The result of one call to AWS, which alone is repeated while it is throttled.

        So a step with hundreds of calls keeps what it has done. Raises BudgetSpent.
        """
        budget, began, attempt = THROTTLING_EASED, self.clock.now(), 0
        while True:
            try:
                return request()
            except NotReady as error:
                if error.budget is not budget:
                    raise
                now = self.clock.now()
                self.delay.throttled(now)
                if now >= min(began + budget.seconds, self.deadline):
                    waited = f"waited {now - began:.0f} s for the {budget.name}"
                    raise BudgetSpent(budget, f"{error} ({waited})") from error
            self._sleep(_ceiling(budget, attempt), began + budget.seconds - now)
            attempt += 1

    def _sleep(self, ceiling: float, longest: float = math.inf) -> None:
        """Sleeps half of `ceiling` to all of it, at most `longest` and until the deadline."""
        if ceiling > 0:
            seconds = ceiling * (0.5 + self.clock.jitter() / 2)
            left = self.deadline - self.clock.now()
            self.clock.sleep(max(0.0, min(seconds, longest, left)))


def _ceiling(budget: Budget, attempt: int) -> float:
    return min(budget.first_backoff * 2.0**attempt, budget.longest_backoff)


@dataclass
class Backoff:
    """Longer and longer waits until a moment, for what has no budget. In seconds."""

    until: float
    clock: Clock
    _next: float = 1.0

    def wait(self) -> bool:
        """Waits before the next attempt; False at once when there is no time for one."""
        seconds = self._next * (0.5 + self.clock.jitter() / 2)
        left = self.until - self.clock.now()
        if left <= 0:
            return False
        self.clock.sleep(min(seconds, left))
        self._next = min(self._next * 2, _LONGEST_BACKOFF)
        return True
