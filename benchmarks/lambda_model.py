"""AWS Lambda as asynchronous invocations meet it: environments, concurrency, and its queue.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.simulation import Simulation

# "The retry interval increases exponentially from 1 second after the first attempt to a maximum
# of 5 minutes."
_FIRST_RETRY = 1.0
_LONGEST_RETRY = 300.0


class Environment(ABC):
    """One process of a function, which serves one event at a time and keeps what it learned."""

    def __init__(self) -> None:
        self.is_new = True

    @abstractmethod
    def serve(self, event: int, ends_at: float) -> bool:
        """Whether it was answered with success. The function's time runs out at `ends_at`."""


@dataclass(frozen=True)
class Settings:
    """What the function is deployed with. Times are in seconds."""

    reserved_concurrency: int | None
    timeout: float = 600.0
    longest_event_age: float = 630.0
    cold_start: float = 0.6


@dataclass
class LambdaModel:
    """Delivers events to environments, as many at a time as the concurrency allows."""

    simulation: Simulation
    settings: Settings
    make_environment: Callable[[], Environment]
    # Serves one event in an environment, given the moment at which its time runs out.
    serve: Callable[[Environment, int, float], None]
    random: random.Random
    dropped: list[int] = field(default_factory=list)
    made: int = 0
    _idle: list[Environment] = field(default_factory=list)

    def deliver(self, event: int) -> None:
        """Puts an event into the queue."""
        queued_at = self.simulation.now()
        self.simulation.after(0.0, lambda: self._try(event, queued_at, _FIRST_RETRY))

    def _try(self, event: int, queued_at: float, retry: float) -> None:
        environment = self._free_environment()
        if environment is not None:
            self.simulation.start(lambda: self._run(environment, event))
            return
        pause = retry * self.random.uniform(0.5, 1.0)
        if self.simulation.now() + pause - queued_at > self.settings.longest_event_age:
            self.dropped.append(event)
            return
        retry = min(retry * 2, _LONGEST_RETRY)
        self.simulation.after(pause, lambda: self._try(event, queued_at, retry))

    def _free_environment(self) -> Environment | None:
        if self._idle:
            return self._idle.pop()
        limit = self.settings.reserved_concurrency
        if limit is not None and self.made >= limit:
            return None
        self.made += 1
        return self.make_environment()

    def _run(self, environment: Environment, event: int) -> None:
        if environment.is_new:
            environment.is_new = False
            self.simulation.sleep(self.settings.cold_start * self.random.uniform(0.8, 1.2))
        self.serve(environment, event, self.simulation.now() + self.settings.timeout)
        self._idle.append(environment)
