"""What a custom resource type is handed to do one request with, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from workmail_provider.errors import Failure
from workmail_provider.journal import Journal
from workmail_provider.waiting import Patience, Pauses

_REQUEST_TYPES = ("Create", "Update", "Delete")


@dataclass(frozen=True)
class Request:
    """One request of CloudFormation, without its response URL."""

    request_type: str
    resource_type: str
    stack_id: str
    request_id: str
    logical_id: str
    physical_resource_id: str | None
    properties: Mapping[str, Any]
    # Of an Update. What an update that is rolled back declared never took effect.
    old_properties: Mapping[str, Any]

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> Request:
        """Raises Failure for an event that lacks what every request has."""
        for name in ("RequestType", "ResourceType", "StackId", "RequestId", "LogicalResourceId"):
            if not isinstance(event.get(name), str):
                raise Failure(f"the event has no {name}: invoke this through CloudFormation only")
        if event["RequestType"] not in _REQUEST_TYPES:
            raise Failure(f"request type {event['RequestType']!r} is none of {_REQUEST_TYPES}")
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
    """What tells a request from others in a log, as far as its event has it."""
    return {
        "request_type": str(event.get("RequestType")),
        "logical_id": str(event.get("LogicalResourceId")),
        "stack_id": str(event.get("StackId")),
        "request_id": str(event.get("RequestId")),
    }


class Clients(Protocol):
    """Makes the boto3 client of a service; None is the function's own Region."""

    def __call__(self, service: str, region: str | None) -> Any: ...


@dataclass(frozen=True)
class Invocation:
    """One run of the function for one request."""

    request: Request
    clients: Clients
    journal: Journal
    # For the work, and for undoing it when the first has run out.
    patience: Patience
    last_patience: Patience
    # Names what a Create that fails from now on leaves behind for its Delete.
    claim: Callable[[str], None]
    # For what may take longer than one invocation: raise Unfinished when the pauses have run out,
    # and find in the next one what was to be remembered.
    pauses: Callable[[], Pauses]
    utc_now: Callable[[], datetime]
    remembered: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a request that succeeded answers with."""

    physical_resource_id: str
    data: Mapping[str, str] = field(default_factory=dict)


class ResourceType(Protocol):
    """A custom resource type: what its three requests do. Each raises ProviderError."""

    def create(self, invocation: Invocation) -> Outcome: ...

    def update(self, invocation: Invocation) -> Outcome: ...

    def delete(self, invocation: Invocation) -> Outcome: ...
