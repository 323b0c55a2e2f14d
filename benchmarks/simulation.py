"""Simulated time: real code runs in threads, one at a time, and its sleeps take no time.

The order of events depends on their times alone, so each run gives the same numbers.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable


class Simulation:
    """Runs what is scheduled, in the order of its time, until nothing is left."""

    began_at = 1_750_000_000.0  # a fixed date, in seconds since the epoch

    def __init__(self) -> None:
        self._now = self.began_at
        self._numbers = itertools.count()
        self._scheduled: list[tuple[float, int, Callable[[], None]]] = []
        self._at_rest = threading.Semaphore(0)
        self._running = threading.local()
        self._error: BaseException | None = None

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    @property
    def elapsed(self) -> float:
        """Seconds since the simulation began."""
        return self._now - self.began_at

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Schedules an action that does not sleep."""
        heapq.heappush(self._scheduled, (self._now + seconds, next(self._numbers), action))

    def start(self, work: Callable[[], object]) -> None:
        """Runs work that may sleep; returns when it sleeps for the first time, or has ended."""
        turn = threading.Semaphore(0)
        threading.Thread(target=self._work, args=(work, turn), daemon=True).start()
        self._give(turn)

    def sleep(self, seconds: float) -> None:
        """Called by started work: lets others run for so long."""
        turn: threading.Semaphore = self._running.turn
        self.after(seconds, lambda: self._give(turn))
        self._at_rest.release()
        turn.acquire()

    def run(self) -> None:
        """Returns when nothing is scheduled. Raises what any work raised."""
        while self._scheduled and self._error is None:
            self._now, _, action = heapq.heappop(self._scheduled)
            action()
        if self._error is not None:
            raise self._error

    def _work(self, work: Callable[[], object], turn: threading.Semaphore) -> None:
        self._running.turn = turn
        turn.acquire()
        try:
            work()
        except BaseException as error:
            self._error = error
        finally:
            self._at_rest.release()

    def _give(self, turn: threading.Semaphore) -> None:
        turn.release()
        self._at_rest.acquire()
