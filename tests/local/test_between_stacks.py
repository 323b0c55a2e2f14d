"""Entities that several stacks declare: the last stack that declares one disables or deletes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from aws_cdk import NestedStack, RemovalPolicy, Stack

from cdk_workmail import WorkMailUser
from local_aws import LocalAws
from local_aws.workmail import Organization
from tests.local.pipeline import (
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


@pytest.fixture
def is_untouched(local_aws: LocalAws, organization: Organization) -> Callable[[str], bool]:
    """Whether an entity is enabled and never was deregistered."""

    def check(name: str) -> bool:
        return states(organization)[name] == "ENABLED" and name not in deregistered(
            local_aws, organization
        )

    return check


def nested(organization: Organization, id: str, name: str) -> Define:
    """A nested stack with one registration."""
    return lambda stack: register(NestedStack(stack, id), name.title(), organization, name)


def test_a_registration_moves_to_another_stack_that_is_deployed_first(
    local_aws: LocalAws,
    pipeline: Pipeline,
    other: Pipeline,
    organization: Organization,
    is_untouched: Callable[[str], bool],
) -> None:
    pipeline.deploy(registered(organization, "alice", "team"))
    mailbox = mailbox_ids(organization)["alice"]
    other.deploy(registered(organization, "alice"))
    pipeline.deploy(registered(organization, "team"))
    assert is_untouched("alice")
    assert any(
        '"action": "retain"' in line
        and f"declared by {logical_id} of stack {other.stack_name}" in line
        for line in log_lines(local_aws)
        for logical_id in other.resources("Custom::WorkMailRegistration")
    )
    # Deployed in the other order, it is disabled in between.
    other.destroy()
    assert states(organization)["alice"] == "DISABLED"
    pipeline.deploy(registered(organization, "alice", "team"))
    assert states(organization)["alice"] == "ENABLED"
    assert mailbox_ids(organization)["alice"] == mailbox


def test_the_last_of_two_stacks_disables_and_deletes_in_either_order(
    pipeline: Pipeline,
    other: Pipeline,
    organization: Organization,
    is_untouched: Callable[[str], bool],
) -> None:
    def define(stack: Stack) -> None:
        user = WorkMailUser(
            stack,
            "Dora",
            organization_id=organization.organization_id,
            name="dora",
            display_name="Dora",
            removal_policy=RemovalPolicy.DESTROY,
        )
        user.enable(email="dora@example.com")

    pipeline.deploy(define)
    other.deploy(define)
    pipeline.destroy()
    assert is_untouched("dora")
    pipeline.deploy(define)
    other.destroy()
    assert is_untouched("dora")
    pipeline.destroy()
    assert states(organization)["dora"] == "DELETED"


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
    pipeline: Pipeline, organization: Organization, is_untouched: Callable[[str], bool]
) -> None:
    pipeline.deploy(registered(organization, "alice"))
    pipeline.deploy(nested(organization, "First", "alice"))
    assert is_untouched("alice")
    pipeline.deploy(nested(organization, "First", "team"), nested(organization, "Second", "alice"))
    assert is_untouched("alice")
    pipeline.deploy(registered(organization, "alice"), nested(organization, "First", "team"))
    assert is_untouched("alice")
    pipeline.destroy()
    assert set(states(organization).values()) == {"DISABLED"}
