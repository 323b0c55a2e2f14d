"""Entities that several stacks declare: the last stack that declares one disables or deletes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aws_cdk import NestedStack, RemovalPolicy, Stack

from cdk_workmail import (
    WorkMailGroup,
    WorkMailResource,
    WorkMailResourceType,
    WorkMailUser,
)
from local_aws import LocalAws
from local_aws.workmail import Organization
from tests.local.pipeline import (
    REGISTRATION,
    Define,
    Pipeline,
    deregistered,
    log_lines,
    mailbox_ids,
    register,
    registered,
    states,
)


@pytest.fixture
def other(local_aws: LocalAws, tmp_path: Path) -> Iterator[Pipeline]:
    pipeline = Pipeline(local_aws, tmp_path, f"Other{uuid4().hex[:12]}")
    yield pipeline
    pipeline.destroy()


def nested(organization: Organization, id: str, name: str) -> Define:
    """A nested stack with one registration."""
    return lambda stack: register(NestedStack(stack, id), name.title(), organization, name)


def test_a_registration_moves_to_another_stack_that_is_deployed_first(
    local_aws: LocalAws,
    pipeline: Pipeline,
    other: Pipeline,
    organization: Organization,
) -> None:
    pipeline.deploy(registered(organization, "alice", "team"))
    mailbox = mailbox_ids(organization)["alice"]
    other.deploy(registered(organization, "alice"))
    pipeline.deploy(registered(organization, "team"))
    assert deregistered(local_aws, organization) == []
    (logical_id,) = other.resources(REGISTRATION)
    reason = f"declared by {logical_id} of stack {other.stack_name}"
    assert any('"retain"' in line and reason in line for line in log_lines(local_aws))
    # Deployed in the other order, it is disabled in between.
    other.destroy()
    assert states(organization)["alice"] == "DISABLED"
    pipeline.deploy(registered(organization, "alice", "team"))
    assert states(organization)["alice"] == "ENABLED"
    assert mailbox_ids(organization)["alice"] == mailbox


def test_the_last_of_two_stacks_disables_and_deletes_in_either_order(
    local_aws: LocalAws, pipeline: Pipeline, other: Pipeline, organization: Organization
) -> None:
    def define(stack: Stack) -> None:
        common: dict[str, Any] = {
            "organization_id": organization.organization_id,
            "removal_policy": RemovalPolicy.DESTROY,
        }
        dora = WorkMailUser(stack, "Dora", name="dora", display_name="Dora", **common)
        sales = WorkMailGroup(stack, "Sales", name="sales", **common)
        room = WorkMailResource(
            stack, "Room", name="blue-room", type=WorkMailResourceType.ROOM, **common
        )
        dora.enable(email="dora@example.com")
        sales.enable(email="sales@example.com")
        room.enable(email="blue-room@example.com")

    pipeline.deploy(define)
    other.deploy(define)
    pipeline.destroy()
    assert deregistered(local_aws, organization) == []
    pipeline.deploy(define)
    other.destroy()
    assert deregistered(local_aws, organization) == []
    pipeline.destroy()
    found = states(organization)
    assert [found[name] for name in ("dora", "sales", "blue-room")] == ["DELETED"] * 3


def test_two_stacks_that_are_deleted_at_once_disable_what_both_declare(
    pipeline: Pipeline, other: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(registered(organization, "alice", "team"))
    other.deploy(registered(organization, "alice", "team"))
    pipeline.begin_to_destroy()
    other.begin_to_destroy()
    pipeline.finish_destroying()
    other.finish_destroying()
    assert set(states(organization).values()) == {"DISABLED"}


def test_a_registration_moves_into_between_and_out_of_nested_stacks_in_one_deployment_each(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(registered(organization, "alice"))
    pipeline.deploy(nested(organization, "First", "alice"))
    assert deregistered(local_aws, organization) == []
    pipeline.deploy(nested(organization, "First", "team"), nested(organization, "Second", "alice"))
    assert deregistered(local_aws, organization) == []
    pipeline.deploy(registered(organization, "alice"), nested(organization, "First", "team"))
    assert deregistered(local_aws, organization) == []
    pipeline.destroy()
    assert set(states(organization).values()) == {"DISABLED"}
