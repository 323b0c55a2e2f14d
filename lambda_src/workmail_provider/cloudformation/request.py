"""One request of CloudFormation, what a resource type receives to do it, and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from workmail_provider.aws import Clients
from workmail_provider.cloudformation.stacks import StackMemory
from workmail_provider.errors import RequestFailed
from workmail_provider.log import RequestLog
from workmail_provider.retry import Backoff, Retry

_REQUEST_TYPES = ("Create", "Update", "Delete")


@dataclass(frozen=True)
class Request:
    """The event without its response URL."""

    request_type: str
    resource_type: str
    stack_id: str
    request_id: str
    logical_id: str
    physical_resource_id: str | None
    properties: Mapping[str, Any]
    # Of an Update. If it is a rollback, these never took effect.
    old_properties: Mapping[str, Any]

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> Request:
        """Raises RequestFailed for an event without what every request has."""
        for name in ("RequestType", "ResourceType", "StackId", "RequestId", "LogicalResourceId"):
            if not isinstance(event.get(name), str):
                raise RequestFailed(
                    f"the event has no {name}: invoke this function through CloudFormation only"
                )
        if event["RequestType"] not in _REQUEST_TYPES:
            raise RequestFailed(
                f"request type {event['RequestType']!r} is none of {_REQUEST_TYPES}: invoke this "
                "function through CloudFormation only"
            )
        return cls(
            request_type=event["RequestType"],
            resource_type=event["ResourceType"],
            stack_id=event["StackId"],
            request_id=event["RequestId"],
            logical_id=event["LogicalResourceId"],
            physical_resource_id=event.get("PhysicalResourceId"),
            properties=_mapping(event.get("ResourceProperties")),
            old_properties=_mapping(event.get("OldResourceProperties")),
        )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def identification(event: Mapping[str, Any]) -> dict[str, str]:
    """What identifies a request in the log, as far as its event has it."""
    return {
        "request_type": str(event.get("RequestType")),
        "logical_id": str(event.get("LogicalResourceId")),
        "stack_id": str(event.get("StackId")),
        "request_id": str(event.get("RequestId")),
    }


@dataclass(frozen=True)
class Invocation:
    """One run of the function for one request."""

    request: Request
    clients: Clients
    log: RequestLog
    # For the work, and for undoing it when the time of the first is spent.
    retry: Retry
    last_retry: Retry
    # The physical id of a Create that fails from now on: its Delete cleans up.
    set_physical_id: Callable[[str], None]
    # For what may take longer than one invocation: raise ContinueLater when the backoff ends, and
    # find in the next invocation what was remembered.
    backoff: Callable[[], Backoff]
    utc_now: Callable[[], datetime]
    stack_memory: StackMemory = field(default_factory=StackMemory)
    remembered: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """The result of a request that succeeded."""

    physical_resource_id: str
    data: Mapping[str, str] = field(default_factory=dict)


class ResourceType(Protocol):
    """A custom resource type: its three requests. Each raises ProviderError."""

    def create(self, invocation: Invocation) -> Outcome: ...

    def update(self, invocation: Invocation) -> Outcome: ...

    def delete(self, invocation: Invocation) -> Outcome: ...
