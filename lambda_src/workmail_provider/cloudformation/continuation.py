"""A request that outlasts one invocation: the function invokes itself with it again.

The event waits in Lambda's own queue of asynchronous invocations, where it cannot be read, so the
response URL stays secret and nothing has to be cleaned up. EventBridge rules, SQS queues and state
machines show it to their readers, and remain when the function dies. If the function dies here,
CloudFormation stops waiting at the end of the service timeout.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

_KEY = "Continuation"
# Seconds: CloudFormation's default, which is also its maximum.
_SERVICE_TIMEOUT = 3600.0
# The longest that an event may have waited before the function received it.
_LONGEST_IN_QUEUE = 30.0
# The share of the service timeout that is kept for the work after the wait.
_KEPT = 0.05


@dataclass(frozen=True)
class Continuation:
    """Until when a request may continue in further invocations, and what they have to know."""

    until: datetime
    remembered: Mapping[str, str]
    is_first: bool

    @classmethod
    def of(cls, event: Mapping[str, Any], now: datetime, seconds_left: float) -> Continuation:
        """From the event, or new for the first invocation of a request.

        CloudFormation does not say when it sent a request, so the longest possible wait for the
        function counts as spent.
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
