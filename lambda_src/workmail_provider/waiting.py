"""Waiting, inside budgets, for what settles by itself."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from workmail_provider.budgets import THROTTLING_EASED, Budget
from workmail_provider.errors import Failure, Unsettled

T = TypeVar("T")

# Seconds, and what they are multiplied with.
_FIRST_PACE = 1.0
_SLOWEST_PACE = 5.0
_SLOWER = 2.0
_FASTER = 0.9
_PACE_REMEMBERED = 60.0
_LONGEST_PAUSE = 60.0


@dataclass(frozen=True)
class Clock:
    """Time as the function sees it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    # Spreads the requests of a roster that was throttled together.
    jitter: Callable[[], float] = random.random
    # What other processes agree on, unlike `now`.
    utc_now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass
class Pace:
    """How slowly a process goes on after it was throttled; it serves one request after the other.

    A roster is delivered at once. Were this forgotten with each request, the next one would be
    throttled to learn it again.
    """

    _pause: float = 0.0
    _learned_at: float = 0.0

    def pause(self, now: float) -> float:
        """How long to wait before the next request is begun, in seconds."""
        return self._pause if now - self._learned_at < _PACE_REMEMBERED else 0.0

    def slow_down(self, now: float) -> None:
        self._pause = min(max(self.pause(now) * _SLOWER, _FIRST_PACE), _SLOWEST_PACE)
        self._learned_at = now

    def speed_up(self, now: float) -> None:
        self._pause = self.pause(now) * _FASTER
        self._learned_at = now


@dataclass
class Patience:
    """What one request has waited already, and the moment at which it must stop."""

    deadline: float
    clock: Clock = field(default_factory=Clock)
    pace: Pace = field(default_factory=Pace)
    _began: dict[Budget, float] = field(default_factory=dict)
    _pauses: dict[Budget, int] = field(default_factory=dict)

    def anew(self) -> Patience:
        """The same deadline with nothing waited yet, for what comes after a long wait."""
        return Patience(self.deadline, self.clock, self.pace)

    def persist(self, step: Callable[[], T]) -> T:
        """The result of `step`, which is tried again while what it waits for may still settle.

        Raises Failure when a budget or the request's time is spent.
        """
        waiting_for: Unsettled | None = None
        self._sleep(self.pace.pause(self.clock.now()))
        while self.clock.now() < self.deadline:
            try:
                result = step()
            except Unsettled as unsettled:
                waiting_for = unsettled
                if unsettled.budget is THROTTLING_EASED:
                    self.pace.slow_down(self.clock.now())
            else:
                self.pace.speed_up(self.clock.now())
                return result
            if self._waited(waiting_for.budget) >= waiting_for.budget.seconds:
                break
            self._pause(waiting_for.budget)
        if waiting_for is None:
            raise Failure("the function's time ran out before the work was begun: try again")
        budget = waiting_for.budget
        raise Failure(
            f"{waiting_for} (waited {self._waited(budget):.0f} s for the {budget.name})"
        ) from waiting_for

    def _waited(self, budget: Budget) -> float:
        now = self.clock.now()
        return now - self._began.setdefault(budget, now)

    def _pause(self, budget: Budget) -> None:
        count = self._pauses.get(budget, 0)
        self._pauses[budget] = count + 1
        ceiling = min(budget.first_pause * 2**count, budget.longest_pause)
        self._sleep(ceiling, budget.seconds - self._waited(budget))

    def _sleep(self, ceiling: float, longest: float = math.inf) -> None:
        """Between a half of `ceiling` and all of it, `longest` at most, and until the deadline."""
        if ceiling > 0:
            pause = ceiling * (0.5 + self.clock.jitter() / 2)
            self.clock.sleep(max(0.0, min(pause, longest, self.deadline - self.clock.now())))


@dataclass
class Pauses:
    """Ever longer pauses between looks at what has no budget, until a moment. In seconds."""

    until: float
    clock: Clock
    _next: float = 1.0

    def pause(self) -> bool:
        """Waits for the next look; False at once when that would be too late."""
        pause = self._next * (0.5 + self.clock.jitter() / 2)
        left = self.until - self.clock.now()
        if left <= 0:
            return False
        self.clock.sleep(min(pause, left))
        self._next = min(self._next * 2, _LONGEST_PAUSE)
        return True
