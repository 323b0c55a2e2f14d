"""How many resources CloudFormation works on at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from aws_cdk import CfnResource


class Lanes:
    """In each lane a unit of resources waits for the unit before it, by DependsOn alone.

    So another unit changes no property of any resource.
    """

    def __init__(self, lanes: int, after: Sequence[CfnResource]) -> None:
        """The first unit of each lane waits for all of `after`."""
        self._last = [after] * lanes
        self._turn = cycle(range(lanes))

    def add(self, first: CfnResource, last: CfnResource) -> None:
        """Adds a unit to the next lane. Its `last` resource waits for its `first` one."""
        lane = next(self._turn)
        for earlier in self._last[lane]:
            first.add_resource_dependency(earlier)
        self._last[lane] = [last]


def lanes_of(concurrency: int, stacks: int) -> list[int]:
    """The lanes of each of so many stacks, at least one: with fewer, you chain the stacks."""
    each, more = divmod(concurrency, stacks)
    return [max(each + (stack < more), 1) for stack in range(stacks)]
