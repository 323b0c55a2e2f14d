"""Which nested stack of a roster an entry is in, and how many nested stacks it needs."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import count

from cdk_workmail_file import Entry

# Of the 500 resources that a stack can have; the others are for functions, policies and the like.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MOST_RESOURCES = 460
# The stack above refers to an entity with a member list through an output of its nested stack.
_MOST_OUTPUTS = 200
_LIST_OPTIONS = {
    "members",
    "delegates",
    "auto_accept_requests",
    "auto_decline_recurring_requests",
    "auto_decline_conflicting_requests",
}


def place(key: str, stacks: int) -> int:
    """The nested stack of the entry with this key, counted from 0, by rendezvous hashing.

    Another entry never changes it, and one more stack only moves entries into the new stack.
    """
    return max(range(stacks), key=lambda stack: hashlib.sha256(f"{stack}/{key}".encode()).digest())


def count_member_lists(entries: Sequence[Entry]) -> int:
    return sum(map(_has_member_list, entries))


def fits(entries: Sequence[Entry], stacks: int) -> bool:
    """Whether no stack has more resources or outputs than CloudFormation allows."""
    if stacks == 1:
        return sum(map(_resources, entries)) + count_member_lists(entries) <= MOST_RESOURCES
    resources: Counter[int] = Counter()
    outputs: Counter[int] = Counter()
    for entry in entries:
        stack = place(entry.key, stacks)
        resources[stack] += _resources(entry)
        outputs[stack] += _has_member_list(entry)
    return all(number <= MOST_RESOURCES for number in resources.values()) and all(
        number <= _MOST_OUTPUTS for number in outputs.values()
    )


def fewest_stacks(entries: Sequence[Entry]) -> int:
    return next(stacks for stacks in count(1) if fits(entries, stacks))


def _resources(entry: Entry) -> int:
    """An entity and its registration; a generated password is a third one."""
    if entry.section == "mailboxes":
        return 1
    generates = entry.section == "users" and "identity_provider_user_id" not in entry.options
    return 1 + ("email" in entry.options) + generates


def _has_member_list(entry: Entry) -> bool:
    return not _LIST_OPTIONS.isdisjoint(entry.options)
