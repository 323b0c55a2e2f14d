"""AWS Lambda for asynchronous invocations: processes, reserved concurrency, and the queue.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.simulation import Simulation

# All in seconds. "The retry interval increases exponentially from 1 second after the first attempt
# to a maximum of 5 minutes."
_FIRST_RETRY = 1.0
_LONGEST_RETRY = 300.0
_LONGEST_EVENT_AGE = 630.0
COLD_START = 0.6

# Serves one event in a process, which serves one at a time.
Serve = Callable[[int], None]


@dataclass
class LambdaModel:
    """Delivers events to processes, as many at a time as the concurrency allows."""

    simulation: Simulation
    reserved: int | None
    start_process: Callable[[], Serve]
    random: random.Random
    started: int = 0
    _idle: list[Serve] = field(default_factory=list)

    def deliver(self, event: int) -> None:
        """Puts an event into the queue; it is dropped if it waits too long."""
        queued_at = self.simulation.now()
        self.simulation.after(0.0, lambda: self._try(event, queued_at, _FIRST_RETRY))

    def _try(self, event: int, queued_at: float, retry: float) -> None:
        if self._idle:
            serve = self._idle.pop()
            self.simulation.start(lambda: self._run(serve, event))
        elif self.reserved is None or self.started < self.reserved:
            self.started += 1
            self.simulation.start(lambda: self._run_in_new_process(event))
        else:
            pause = retry * self.random.uniform(0.5, 1.0)
            if self.simulation.now() + pause - queued_at <= _LONGEST_EVENT_AGE:
                longer = min(retry * 2, _LONGEST_RETRY)
                self.simulation.after(pause, lambda: self._try(event, queued_at, longer))

    def _run_in_new_process(self, event: int) -> None:
        self.simulation.sleep(COLD_START * self.random.uniform(0.8, 1.2))
        self._run(self.start_process(), event)

    def _run(self, serve: Serve, event: int) -> None:
        serve(event)
        self._idle.append(serve)
