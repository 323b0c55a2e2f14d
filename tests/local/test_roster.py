"""A roster in nested stacks on the embedded AWS, from its deployment to its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Stack

from cdk_workmail import WorkMailRoster
from local_aws import LocalAws
from local_aws.workmail import Organization
from tests.local.pipeline import Pipeline, StackFailed

NESTED = "AWS::CloudFormation::Stack"
Source = dict[str, Any]


def mailboxes(organization: Organization, size: int) -> Source:
    """So many users, all disabled, and the mailboxes of all."""
    for number in range(size):
        organization.add_user(f"user{number}")
    return {
        "organization_id": organization.organization_id,
        "mailboxes": {
            f"User{number}": {"entity_id": f"user{number}", "email": f"user{number}@example.com"}
            for number in range(size)
        },
    }


def roster(source: Source, **options: Any) -> Callable[[Stack], object]:
    return lambda stack: WorkMailRoster(stack, "Staff", source=source, **options)


def enabled(organization: Organization) -> set[str]:
    return {each.name for each in organization.entities.values() if each.state == "ENABLED"}


def changes(local_aws: LocalAws) -> Counter[str]:
    """The calls that do not only read, since the last time."""
    calls = Counter(call.operation for call in local_aws.workmail.calls)
    local_aws.workmail.calls.clear()
    return Counter(
        {
            operation: number
            for operation, number in calls.items()
            if not operation.startswith(("Describe", "List"))
        }
    )


def renamed(source: Source, *keys: str) -> Source:
    entries = {
        f"{key}Renamed" if key in keys else key: entry for key, entry in source["mailboxes"].items()
    }
    return source | {"mailboxes": entries}


def without(source: Source, keys: list[str]) -> Source:
    kept = {key: entry for key, entry in source["mailboxes"].items() if key not in keys}
    return source | {"mailboxes": kept}


@pytest.mark.parametrize(
    ("size", "removed"), [(24, 7), pytest.param(300, 80, marks=pytest.mark.long)]
)
def test_no_step_touches_a_mailbox_that_stays(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization, size: int, removed: int
) -> None:
    source = mailboxes(organization, size)
    everyone = {f"user{number}" for number in range(size)}
    local_aws.workmail.calls.clear()

    pipeline.deploy(roster(source, stacks=2))
    assert enabled(organization) == everyone
    assert changes(local_aws) == Counter(RegisterToWorkMail=size)
    assert len(pipeline.resources(NESTED)) == 2

    source = renamed(source, *(f"User{number}" for number in range(5)))
    pipeline.deploy(roster(source, stacks=2))
    assert changes(local_aws) == Counter()

    leaving = [f"User{number}" for number in range(size - removed, size)]
    with pytest.raises(StackFailed, match="UPDATE_ROLLBACK_COMPLETE") as refused:
        pipeline.deploy(roster(without(source, leaving), stacks=2))
    (reason,) = (each for each in refused.value.reasons if "maximum_removals" in each)
    assert f"{removed} of {size} entries would be removed" in reason
    assert changes(local_aws) == Counter()
    assert enabled(organization) == everyone

    source = without(source, leaving)
    pipeline.deploy(roster(source, stacks=2, maximum_removals=removed))
    remaining = {entry["entity_id"] for entry in source["mailboxes"].values()}
    assert enabled(organization) == remaining
    assert changes(local_aws) == Counter(DeregisterFromWorkMail=removed)

    pipeline.deploy(roster(source, stacks=3))
    assert len(pipeline.resources(NESTED)) == 3
    pipeline.deploy(roster(source, stacks=1))
    assert not pipeline.resources(NESTED)
    pipeline.deploy(roster(source, stacks=3))
    assert changes(local_aws) == Counter()
    assert enabled(organization) == remaining

    pipeline.destroy()
    assert enabled(organization) == set()
    assert changes(local_aws) == Counter(DeregisterFromWorkMail=len(remaining))


def team(organization: Organization) -> Source:
    return {
        "organization_id": organization.organization_id,
        "defaults": {"mailbox_removal_policy": "DESTROY"},
        "users": {
            key: {
                "name": key,
                "display_name": key.title(),
                "email": f"{key}@example.com",
                "job_title": "Explorer",
                "aliases": [f"{key}.alias@example.com"],
                "removal_policy": "DESTROY",
            }
            for key in ("dora", "emil", "fritz", "greta")
        },
        "groups": {
            "sales": {
                "name": "sales",
                "email": "sales@example.com",
                "members": ["dora", "emil", "everyone"],
                "mailbox_removal_policy": "RETAIN",
            },
            "everyone": {
                "name": "everyone",
                "email": "everyone@example.com",
                "members": ["dora", "emil", "fritz", "greta", "alice"],
                "removal_policy": "DESTROY",
            },
        },
        "resources": {
            "room": {
                "name": "board-room",
                "type": "ROOM",
                "email": "board-room@example.com",
                "auto_accept_requests": False,
                "delegates": ["emil", "sales"],
            }
        },
        "mailboxes": {"alice": {"entity_id": "alice", "email": "alice@example.com"}},
    }


def names(organization: Organization, ids: list[str]) -> set[str]:
    return {organization.entities[each].name for each in ids}


def test_members_and_delegates_in_other_nested_stacks_are_declared(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    source = team(organization)
    pipeline.deploy(roster(source, stacks=4, concurrency=2))
    sales: Any = organization.entity("sales")
    everyone: Any = organization.entity("everyone")
    room: Any = organization.entity("board-room")
    assert names(organization, sales.members) == {"dora", "emil", "everyone"}
    assert names(organization, everyone.members) == {"dora", "emil", "fritz", "greta", "alice"}
    assert names(organization, room.delegates) == {"emil", "sales"}

    # A member leaves, and is deleted, in one deployment.
    del source["users"]["greta"]
    source["groups"]["everyone"]["members"].remove("greta")
    local_aws.workmail.calls.clear()
    pipeline.deploy(roster(source, stacks=4))
    assert changes(local_aws) == Counter(
        DisassociateMemberFromGroup=1, DeregisterFromWorkMail=1, DeleteUser=1
    )
    assert names(organization, everyone.members) == {"dora", "emil", "fritz", "alice"}

    pipeline.deploy(roster(source, stacks=2))
    assert changes(local_aws) == Counter()

    # The last ones of their kind still find the permission to be deleted with.
    del source["groups"]["everyone"], source["users"], source["resources"]
    source["groups"]["sales"]["members"] = ["alice"]
    pipeline.deploy(roster(source, stacks=2, maximum_removals=1.0))
    existing = {each.name for each in organization.entities.values() if each.state != "DELETED"}
    assert existing == {"alice", "bob", "team", "board-room", "sales"}
    assert enabled(organization) == {"alice", "sales"}

    pipeline.destroy()
    assert enabled(organization) == {"sales"}


def test_a_failure_in_one_nested_stack_rolls_back_all(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    source = mailboxes(organization, 12)
    pipeline.deploy(roster(source, stacks=2))
    before = enabled(organization)
    local_aws.workmail.calls.clear()
    wrong = {"entity_id": "alice", "email": "alice@no.example"}
    changed = without(source, ["User1", "User2"])
    changed["mailboxes"] |= {
        "Wrong": wrong,
        "Bob": {"entity_id": "bob", "email": "bob@example.com"},
    }
    with pytest.raises(StackFailed, match=r"no\.example is not a domain"):
        pipeline.deploy(roster(changed, stacks=3))
    assert enabled(organization) == before
    done = changes(local_aws)
    assert done["DeregisterFromWorkMail"] <= 1, "of bob alone"
