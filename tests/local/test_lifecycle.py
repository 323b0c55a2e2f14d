"""Stack operations on a real CloudFormation engine, and the mailboxes that each of them keeps."""

from __future__ import annotations

import random

import pytest
from aws_cdk import CfnOutput, CfnResource, NestedStack, Stack

from local_aws import LocalAws
from local_aws.workmail import Failure, Organization
from tests.local.pipeline import (
    REGISTRATION,
    Define,
    Pipeline,
    StackFailed,
    deregistered,
    enable_by_hand,
    failing,
    mailbox_ids,
    register,
    registered,
    states,
)


def test_a_stack_enables_entities_and_its_deletion_disables_them(
    pipeline: Pipeline, organization: Organization
) -> None:
    def define(stack: Stack) -> None:
        token = CfnResource(
            stack,
            "Token",
            type="AWS::SSM::Parameter",
            properties={"Type": "String", "Value": organization.entity("alice").entity_id},
        )
        alice = register(
            stack,
            "Alice",
            organization,
            token.get_att("Value").to_string(),
            email="alice@example.com",
        )
        for name in ("registration_id", "entity_id", "entity_type", "email", "organization_id"):
            CfnOutput(stack, name.replace("_", ""), value=getattr(alice, name))

    pipeline.deploy(define, registered(organization, "team", "board-room"))
    assert states(organization) == {
        "alice": "ENABLED",
        "bob": "DISABLED",
        "team": "ENABLED",
        "board-room": "ENABLED",
    }
    alice = organization.entity("alice")
    assert pipeline.outputs() == {
        "registrationid": f"{organization.organization_id}/{alice.entity_id}",
        "entityid": alice.entity_id,
        "entitytype": "USER",
        "email": "alice@example.com",
        "organizationid": organization.organization_id,
    }
    pipeline.destroy()
    assert set(states(organization).values()) == {"DISABLED"}


def test_a_removed_registration_is_deregistered_and_the_others_are_not(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    """With the last registration of an organization, its policy is removed too, but later."""
    leaving = local_aws.workmail.add_organization("leaving", domain="leaving.example")
    leaving.add_user("carol")
    alice = registered(organization, "alice")
    pipeline.deploy(
        alice,
        registered(organization, "team"),
        registered(leaving, "carol", email="carol@leaving.example"),
    )
    pipeline.deploy(alice)
    assert deregistered(local_aws, organization) == ["team"]
    assert states(organization)["team"] == states(leaving)["carol"] == "DISABLED"


def test_renaming_a_construct_keeps_the_mailbox(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    """Also if it is rolled back first."""

    def renamed(stack: Stack) -> None:
        register(stack, "Renamed", organization, "alice")

    pipeline.deploy(registered(organization, "alice"))
    before = mailbox_ids(organization)
    with pytest.raises(StackFailed, match="UPDATE_ROLLBACK_COMPLETE"):
        pipeline.deploy(renamed, failing(organization))
    pipeline.deploy(renamed)
    assert deregistered(local_aws, organization) == []
    assert mailbox_ids(organization) == before
    assert states(organization)["alice"] == "ENABLED"


def test_two_registrations_that_swap_their_entities_keep_both_mailboxes(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    """Also if the swap is rolled back first."""

    def define(first: str, second: str) -> Define:
        def define(stack: Stack) -> None:
            register(stack, "First", organization, first)
            register(stack, "Second", organization, second)

        return define

    pipeline.deploy(define("alice", "board-room"))
    before = mailbox_ids(organization)
    with pytest.raises(StackFailed, match="UPDATE_ROLLBACK_COMPLETE"):
        pipeline.deploy(define("board-room", "alice"), failing(organization))
    pipeline.deploy(define("board-room", "alice"))
    assert deregistered(local_aws, organization) == []
    assert mailbox_ids(organization) == before


def test_a_registration_of_another_entity_disables_the_first_and_in_a_rollback_the_second(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    def define(name: str) -> Define:
        return lambda stack: register(stack, "Mail", organization, name)

    pipeline.deploy(define("alice"))
    before = mailbox_ids(organization)
    with pytest.raises(StackFailed, match="UPDATE_ROLLBACK_COMPLETE"):
        pipeline.deploy(define("board-room"), failing(organization))
    assert deregistered(local_aws, organization) == ["board-room"]
    assert mailbox_ids(organization)["alice"] == before["alice"]
    (physical_id,) = pipeline.resources(REGISTRATION).values()
    assert physical_id == f"{organization.organization_id}/{organization.entity('alice').entity_id}"
    pipeline.deploy(define("board-room"))
    assert states(organization)["alice"] == "DISABLED"
    assert states(organization)["board-room"] == "ENABLED"


@pytest.mark.parametrize("nested", [False, True], ids=["", "nested"])
def test_a_failed_deployment_disables_only_what_it_enabled(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws, nested: bool
) -> None:
    """In the creation of a stack and in an update."""

    def define(stack: Stack) -> None:
        scope = NestedStack(stack, "Nested") if nested else stack
        register(scope, "Alice", organization, "alice")
        register(scope, "Room", organization, "board-room")

    enable_by_hand(local_aws, organization, "alice")
    before = mailbox_ids(organization)["alice"]
    team = registered(organization, "team")
    with pytest.raises(StackFailed, match=r"^ROLLBACK_COMPLETE"):
        pipeline.deploy(team, define, failing(organization))
    assert states(organization)["board-room"] == "DISABLED"
    pipeline.deploy(team)
    with pytest.raises(StackFailed, match=r"^UPDATE_ROLLBACK_COMPLETE"):
        pipeline.deploy(team, define, failing(organization))
    assert states(organization)["board-room"] == "DISABLED"
    assert states(organization)["alice"] == "ENABLED"
    assert "alice" not in deregistered(local_aws, organization)
    assert mailbox_ids(organization)["alice"] == before


def test_a_first_deployment_changes_no_address_and_a_rolled_back_update_restores_it(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    enable_by_hand(local_aws, organization, "alice")
    alice = organization.entity("alice")
    liddell = registered(organization, "alice", email="liddell@example.com")
    with pytest.raises(StackFailed) as failed:
        pipeline.deploy(liddell)
    assert "alice@example.com" in failed.value.reasons[0]
    assert "liddell@example.com" in failed.value.reasons[0]
    assert (alice.registration.email, alice.aliases) == ("alice@example.com", [])

    mailbox = mailbox_ids(organization)["alice"]
    pipeline.deploy(registered(organization, "alice"))
    with pytest.raises(StackFailed, match="UPDATE_ROLLBACK_COMPLETE"):
        pipeline.deploy(liddell, failing(organization))
    assert alice.registration.email == "alice@example.com"
    pipeline.deploy(liddell)
    assert alice.registration.email == "liddell@example.com"
    assert alice.aliases == ["alice@example.com"]
    assert deregistered(local_aws, organization) == []
    assert mailbox_ids(organization)["alice"] == mailbox


def test_a_creation_without_rollback_that_is_rolled_back_disables_only_what_it_enabled(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    enable_by_hand(local_aws, organization, "alice")
    with pytest.raises(StackFailed, match=r"^CREATE_FAILED"):
        pipeline.deploy(
            registered(organization, "alice", "board-room"), failing(organization), rollback=False
        )
    assert states(organization)["board-room"] == "ENABLED"
    assert pipeline.roll_back() == "ROLLBACK_COMPLETE"
    assert states(organization)["board-room"] == "DISABLED"
    assert deregistered(local_aws, organization) == ["board-room"]


@pytest.mark.parametrize(
    "change_set", [pytest.param(False, id="direct"), pytest.param(True, id="change set")]
)
def test_a_stack_that_was_never_complete_disables_only_what_it_enabled_when_it_is_deleted(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws, change_set: bool
) -> None:
    """A stack that a change set created has a time of its last update before any update."""
    enable_by_hand(local_aws, organization, "alice")
    define = registered(organization, "alice", "board-room")
    with pytest.raises(StackFailed, match=r"^CREATE_FAILED"):
        if change_set:
            pipeline.deploy(define, failing(organization), rollback=False)
        else:
            pipeline.create_without_rollback(define, failing(organization))
    assert states(organization)["board-room"] == "ENABLED"
    pipeline.destroy()
    assert states(organization)["board-room"] == "DISABLED"
    assert deregistered(local_aws, organization) == ["board-room"]


def test_an_update_without_rollback_that_is_rolled_back_restores_what_was_declared(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    """Also if the rollback fails and is continued, with and without the failed resource."""
    enable_by_hand(local_aws, organization, "team")
    alice = organization.entity("alice")
    pipeline.deploy(registered(organization, "alice"))
    (logical_id,) = pipeline.resources(REGISTRATION)
    before = mailbox_ids(organization)["alice"]
    for skipped, email in (((), "alice@example.com"), ((logical_id,), "liddell@example.com")):
        with pytest.raises(StackFailed, match=r"^UPDATE_FAILED"):
            pipeline.deploy(
                registered(organization, "alice", email="liddell@example.com"),
                registered(organization, "team", "board-room"),
                failing(organization),
                rollback=False,
            )
        assert alice.registration.email == "liddell@example.com"
        assert states(organization)["board-room"] == "ENABLED"
        local_aws.workmail.faults.add(
            "UpdatePrimaryEmailAddress", Failure("InvalidParameterException")
        )
        assert pipeline.roll_back() == "UPDATE_ROLLBACK_FAILED"
        assert pipeline.continue_rollback(*skipped) == "UPDATE_ROLLBACK_COMPLETE"
        local_aws.workmail.faults.clear()
        assert alice.registration.email == email
        assert states(organization)["board-room"] == "DISABLED"
    assert set(deregistered(local_aws, organization)) == {"board-room"}
    assert mailbox_ids(organization)["alice"] == before


def test_a_stack_is_deleted_although_its_entities_are_gone(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    gone = local_aws.workmail.add_organization("gone", domain="gone.example")
    gone.add_user("carol")
    pipeline.deploy(
        registered(organization, "alice", "team"),
        registered(gone, "carol", email="carol@gone.example"),
    )
    local_aws.client("workmail").deregister_from_work_mail(
        OrganizationId=organization.organization_id,
        EntityId=organization.entity("alice").entity_id,
    )
    organization.entity("team").delete()
    gone.deleted = True
    pipeline.destroy()
    assert pipeline.status() is None


@pytest.mark.parametrize("size", [2, pytest.param(450, marks=pytest.mark.long)])
def test_registrations_succeed_while_three_calls_in_ten_are_throttled(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws, size: int
) -> None:
    names = [f"user{number}" for number in range(size)]
    for name in names:
        organization.add_user(name)
    draw = random.Random(450)
    local_aws.workmail.faults.share(Failure("ThrottlingException"), 0.3, draw.random)
    pipeline.deploy(registered(organization, *names))
    throttled = [c for c in local_aws.workmail.calls if c.error_code == "ThrottlingException"]
    assert len(throttled) > size / 2
    assert all(organization.entity(name).state == "ENABLED" for name in names)
    local_aws.workmail.faults.clear()
    pipeline.destroy()
    assert set(states(organization).values()) == {"DISABLED"}
