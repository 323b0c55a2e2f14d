"""Hundreds of calls in one request, some of them throttled, against the local WorkMail."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from local_aws.workmail import Failure
from tests.support.harness import DELEGATES, MEMBERS, EntityHarness, succeeded

Declare: TypeAlias = Callable[[EntityHarness, int], dict[str, Any]]


def _names(harness: EntityHarness, count: int) -> list[str]:
    names = [f"user{number}" for number in range(count)]
    for name in names:
        harness.organization.add_user(name)
        harness.enable(name, f"{name}@example.com")
    return names


def members(harness: EntityHarness, count: int) -> dict[str, Any]:
    harness.enable("team", "team@example.com")
    names = _names(harness, count)
    return harness.declare(MEMBERS, GroupId=harness.team.entity_id, Members=names)


def delegates(harness: EntityHarness, count: int) -> dict[str, Any]:
    harness.enable("board-room", "room@example.com")
    names = _names(harness, count)
    return harness.declare(DELEGATES, ResourceId=harness.room.entity_id, Delegates=names)


def aliases(harness: EntityHarness, count: int) -> dict[str, Any]:
    return harness.send("Create", Aliases=[f"{number}@example.com" for number in range(count)])


@pytest.mark.parametrize(
    ("declare", "count"), [(members, 60), (members, 500), (delegates, 60), (aliases, 60)]
)
def test_a_throttled_call_alone_is_repeated(declare: Declare, count: int) -> None:
    """So a step of hundreds of calls succeeds, with at most 1.3 of the calls that it needs."""
    needed, throttled = EntityHarness(), EntityHarness()
    succeeded(declare(needed, count))
    draw = random.Random(count).random
    throttled.workmail.faults.share(Failure("ThrottlingException"), 0.05, draw)
    succeeded(declare(throttled, count))
    assert len(needed.operations) < len(throttled.operations) <= 1.3 * len(needed.operations)
    found = (throttled.team.members, throttled.room.delegates, throttled.alice.aliases)
    assert sorted(map(len, found)) == [0, 0, count]
