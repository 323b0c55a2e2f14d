"""A request that outlasts one invocation: the function calls itself with it again.

Nothing is left behind to clean up, whatever happens, and the response URL is stored nowhere that
anybody can read: the event waits in Lambda's own queue of asynchronous invocations only. Rules of
EventBridge, queues and state machines keep it where their readers see it, and stay behind when the
function dies. Should it die here, CloudFormation stops waiting at the end of the service timeout.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

_KEY = "Continuation"
# Seconds: CloudFormation's default, which is also the longest.
_SERVICE_TIMEOUT = 3600.0
# An event may have waited before the function got it, for its timeout and this at most.
_LONGEST_IN_QUEUE = 30.0
# Part of the service timeout that is kept for what comes after the wait.
_KEPT = 0.05


@dataclass(frozen=True)
class Continuation:
    """Until when a request may go on in further invocations, and what those have to know."""

    until: datetime
    remembered: Mapping[str, str]
    is_first: bool

    @classmethod
    def of(cls, event: Mapping[str, Any], now: datetime, seconds_left: float) -> Continuation:
        """What the event carries; for the first invocation of a request what it has to carry.

        CloudFormation does not say when it sent a request, so the longest time that it can have
        waited for the function counts as gone.
        """
        carried = event.get(_KEY)
        if carried:
            until = datetime.fromisoformat(carried["Until"])
            return cls(until, carried["Remembered"], is_first=False)
        properties = event.get("ResourceProperties") or {}
        service_timeout = float(properties.get("ServiceTimeout", _SERVICE_TIMEOUT))
        seconds = service_timeout * (1 - _KEPT) - seconds_left - _LONGEST_IN_QUEUE
        return cls(now + timedelta(seconds=seconds), {}, is_first=True)

    def event(self, event: Mapping[str, Any], remembered: Mapping[str, str]) -> dict[str, Any]:
        """The event for the next invocation."""
        return {
            **event,
            _KEY: {"Until": self.until.isoformat(), "Remembered": dict(remembered)},
        }
