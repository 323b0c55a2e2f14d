"""Waiting, inside budgets, for what settles by itself."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from workmail_provider.budgets import Budget
from workmail_provider.errors import Failure, Unsettled

T = TypeVar("T")


@dataclass(frozen=True)
class Clock:
    """Time as the function sees it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    # Spreads the requests of a roster that was throttled together.
    jitter: Callable[[], float] = random.random


@dataclass
class Patience:
    """What one request has waited already, and the moment at which it must stop."""

    deadline: float
    clock: Clock = field(default_factory=Clock)
    _began: dict[Budget, float] = field(default_factory=dict)
    _pauses: dict[Budget, int] = field(default_factory=dict)

    def persist(self, step: Callable[[], T]) -> T:
        """The result of `step`, which is tried again while what it waits for may still settle.

        Raises Failure when a budget or the request's time is spent.
        """
        waiting_for: Unsettled | None = None
        while self.clock.now() < self.deadline:
            try:
                return step()
            except Unsettled as unsettled:
                waiting_for = unsettled
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
        pause = ceiling * (0.5 + self.clock.jitter() / 2)
        left = min(budget.seconds - self._waited(budget), self.deadline - self.clock.now())
        self.clock.sleep(max(0.0, min(pause, left)))
