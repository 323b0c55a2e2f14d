"""Hundreds of calls in one request, some of them throttled, against the local WorkMail."""

from __future__ import annotations

import random
from typing import Any

import pytest

from local_aws.workmail import Failure
from tests.support.harness import DELEGATES, MEMBERS, EntityHarness, succeeded
from tests.support.lambda_fakes import REGISTRATION


class RosterHarness(EntityHarness):
    """The team, the room and so many users are enabled since long."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.users = [self.organization.add_user(f"user{number}").name for number in range(count)]
        for name in ("team", "board-room", *self.users):
            self.enable(name, f"{name}@example.com")

    def declare_all(self, resource_type: str) -> dict[str, Any]:
        if resource_type == MEMBERS:
            team = self.team.entity_id
            return self.declare(MEMBERS, GroupId=team, Members=self.users)
        if resource_type == DELEGATES:
            room = self.room.entity_id
            return self.declare(DELEGATES, ResourceId=room, Delegates=self.users)
        return self.send("Create", Aliases=[f"the-{name}@example.com" for name in self.users])


@pytest.mark.parametrize(
    ("resource_type", "count"),
    [(MEMBERS, 60), (MEMBERS, 500), (DELEGATES, 60), (REGISTRATION, 60)],
)
def test_a_throttled_call_alone_is_repeated(resource_type: str, count: int) -> None:
    """So a step of hundreds of calls succeeds, with at most 1.3 of the calls that it needs."""
    needed, throttled = RosterHarness(count), RosterHarness(count)
    draw = random.Random(count).random
    throttled.workmail.faults.share(Failure("ThrottlingException"), 0.05, draw)
    for harness in (needed, throttled):
        succeeded(harness.declare_all(resource_type))
        found = (harness.team.members, harness.room.delegates, harness.alice.aliases)
        assert sorted(map(len, found)) == [0, 0, count]
    assert len(needed.operations) < len(throttled.operations) <= 1.3 * len(needed.operations)
