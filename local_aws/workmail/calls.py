"""The record of the calls that the local WorkMail got."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

REDACTED = "(redacted)"


@dataclass(frozen=True)
class Call:
    """One call: its parameters without passwords, and how it ended.

    `error_code` is None after success and "NoAnswer" if the connection ended without an answer.
    `at` is the time by the clock of the WorkMail that was called.
    """

    operation: str
    parameters: Mapping[str, Any]
    error_code: str | None
    at: float
    access_key: str | None


class Calls:
    """The calls so far, oldest first."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def record(self, call: Call) -> None:
        self._calls.append(call)

    def of(self, *operations: str, entity: str | None = None) -> list[Call]:
        """The calls of these operations (none named: all), as sent for `entity` if given."""
        return [
            call
            for call in self
            if (not operations or call.operation in operations)
            and (entity is None or entity in addressed_entities(call.parameters))
        ]

    def clear(self) -> None:
        self._calls.clear()


def addressed_entities(parameters: Mapping[str, Any]) -> list[str]:
    """The identifiers, as the caller wrote them, of the entities that a call is about.

    A call that creates an entity, or renames it, is also about the new name.
    """
    names = ("EntityId", "UserId", "GroupId", "ResourceId", "MemberId", "Name")
    return [parameters[name] for name in names if isinstance(parameters.get(name), str)]


def redacted(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: REDACTED if "password" in name.lower() else value
        for name, value in parameters.items()
    }
