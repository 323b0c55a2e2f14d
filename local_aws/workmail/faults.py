"""Faults that a test injects: errors, lost connections, silence, throttling, latency."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """An error response, instead of the work or after it.

    Any code, with its HTTP status: `Failure("ThrottlingException")`,
    `Failure("TooManyRequestsException", 429)`, `Failure("ServiceUnavailable", 503)`.
    """

    code: str
    status: int = 400
    message: str = "This error was ordered by a test."
    after_work: bool = False


@dataclass(frozen=True)
class Drop:
    """The connection is closed without a response."""

    after_work: bool = False


@dataclass(frozen=True)
class Stall:
    """No response for this many seconds, then the connection is closed."""

    seconds: float
    after_work: bool = False


Fault = Failure | Drop | Stall


@dataclass
class _Injected:
    operation: str | None
    fault: Fault
    times: int | None
    entity: str | None

    def fits(self, operation: str, identifiers: Collection[str]) -> bool:
        return self.operation in (None, operation) and (
            self.entity is None or self.entity.lower() in identifiers
        )


@dataclass
class _Bucket:
    rate: float
    burst: float
    tokens: float
    filled_at: float

    def take(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Faults:
    """What fails, and how often.

    `latency` is the time in seconds before each response of the server; calls without HTTP do
    not wait.
    """

    def __init__(self) -> None:
        self.latency = 0.0
        self._lock = threading.Lock()
        self._injected: list[_Injected] = []
        self._throttle: tuple[float, int] | None = None
        self._bucket: _Bucket | None = None
        self._shared: tuple[Fault, float, Callable[[], float]] | None = None

    def add(
        self,
        operation: str | None,
        fault: Fault,
        *,
        times: int | None = 1,
        entity: str | None = None,
    ) -> None:
        """Inject a fault into the next calls of an operation.

        `operation` None: of any. `times` None: until `clear()`. `entity`: only calls about this
        entity, whether they use its id, name or address. Faults are used in the order in which
        they were added.
        """
        with self._lock:
            self._injected.append(_Injected(operation, fault, times, entity))

    def throttle(self, rate: float, burst: int) -> None:
        """Raise ThrottlingException above `rate` calls per second, `burst` calls at once."""
        with self._lock:
            self._throttle, self._bucket = (rate, burst), None

    def share(self, fault: Fault, part: float, draw: Callable[[], float]) -> None:
        """Inject a fault into a `part` of all calls, 0 to 1; `draw` gives a number below 1."""
        with self._lock:
            self._shared = (fault, part, draw)

    def clear(self) -> None:
        """Nothing fails from now on."""
        with self._lock:
            self._shared = None
            self.latency = 0.0
            self._injected.clear()
            self._throttle = self._bucket = None

    def take(self, operation: str, identifiers: Collection[str], now: float) -> Fault | None:
        """The fault of this call, which uses it up. `identifiers` are in lower case."""
        with self._lock:
            if self._throttled(now):
                return Failure("ThrottlingException", message="Rate exceeded")
            for injected in self._injected:
                if injected.fits(operation, identifiers):
                    if injected.times is not None:
                        injected.times -= 1
                        if injected.times == 0:
                            self._injected.remove(injected)
                    return injected.fault
            if self._shared:
                fault, part, draw = self._shared
                return fault if draw() < part else None
            return None

    def _throttled(self, now: float) -> bool:
        if self._throttle is None:
            return False
        if self._bucket is None:
            rate, burst = self._throttle
            self._bucket = _Bucket(rate, burst, burst, now)
        return not self._bucket.take(now)
