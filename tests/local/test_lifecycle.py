"""What people do to stacks, on a real CloudFormation engine: no mailbox is lost by it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import CfnOutput, CfnResource, NestedStack, Stack
from constructs import Construct

from cdk_workmail import WorkMailRegistration
from local_aws import LocalAws
from local_aws.workmail import Failure, Organization
from tests.local.pipeline import Define, Pipeline, StackFailed

TYPE = "Custom::WorkMailRegistration"


def register(
    scope: Construct, id: str, organization: Organization, entity_id: str, **options: Any
) -> WorkMailRegistration:
    email = options.pop("email", None) or f"{entity_id}@example.com"
    return WorkMailRegistration(
        scope,
        id,
        organization_id=organization.organization_id,
        entity_id=entity_id,
        email=email,
        **options,
    )


def enable(local_aws: LocalAws, organization: Organization, name: str, email: str = "") -> None:
    """Somebody enables an entity by hand."""
    local_aws.client("workmail").register_to_work_mail(
        OrganizationId=organization.organization_id,
        EntityId=organization.entity(name).entity_id,
        Email=email or f"{name}@example.com",
    )


def failing(organization: Organization, *after: Construct) -> Callable[[Stack], None]:
    """A sibling that fails once the others are done, and takes the deployment down with it."""

    def define(stack: Stack) -> None:
        fails = register(stack, "Fails", organization, "bob", email="bob@not-ours.example")
        for construct in stack.node.children:
            if construct is not fails and isinstance(construct, WorkMailRegistration):
                fails.node.add_dependency(construct)

    return define


def both(*defines: Define) -> Define:
    def define(stack: Stack) -> None:
        for each in defines:
            each(stack)

    return define


def mailbox_ids(organization: Organization) -> dict[str, str | None]:
    """A new id means that the mail of before is lost."""
    return {
        entity.name: entity.mailbox.mailbox_id if entity.mailbox else None
        for entity in organization.entities.values()
    }


def deregistered(local_aws: LocalAws, organization: Organization) -> list[str]:
    """The names of entities that DeregisterFromWorkMail was called for."""
    return [
        organization.entity(call.parameters["EntityId"]).name
        for call in local_aws.workmail.calls.of("DeregisterFromWorkMail")
        if call.parameters["OrganizationId"] == organization.organization_id
    ]


def states(organization: Organization) -> dict[str, str]:
    return {entity.name: entity.state for entity in organization.entities.values()}


def test_a_stack_of_registrations_is_deployed_and_destroyed(
    pipeline: Pipeline, organization: Organization
) -> None:
    def define(stack: Stack) -> None:
        alice = register(stack, "Alice", organization, "alice")
        register(stack, "Team", organization, "team")
        register(stack, "Room", organization, "board-room")
        for name in ("registration_id", "entity_id", "entity_type", "email", "organization_id"):
            CfnOutput(stack, name.replace("_", ""), value=getattr(alice, name))

    pipeline.deploy(define)
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


def test_a_token_names_the_entity(pipeline: Pipeline, organization: Organization) -> None:
    def define(stack: Stack) -> None:
        holder = CfnResource(
            stack,
            "Holder",
            type="AWS::SSM::Parameter",
            properties={"Type": "String", "Value": organization.entity("alice").entity_id},
        )
        WorkMailRegistration(
            stack,
            "Alice",
            organization_id=organization.organization_id,
            entity_id=holder.get_att("Value").to_string(),
            email="alice@example.com",
        )

    pipeline.deploy(define)
    assert organization.entity("alice").state == "ENABLED"


def test_a_changed_address_keeps_the_old_one_as_an_alias(
    pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(lambda stack: register(stack, "Alice", organization, "alice"))
    before = mailbox_ids(organization)
    pipeline.deploy(
        lambda stack: register(stack, "Alice", organization, "alice", email="liddell@example.com")
    )
    alice = organization.entity("alice")
    assert (alice.registration.email, alice.aliases) == (
        "liddell@example.com",
        ["alice@example.com"],
    )
    assert mailbox_ids(organization) == before


def test_a_removed_registration_is_deregistered_and_the_others_stay(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    alice: Define = lambda stack: register(stack, "Alice", organization, "alice")  # noqa: E731
    pipeline.deploy(both(alice, lambda stack: register(stack, "Team", organization, "team")))
    pipeline.deploy(alice)
    assert deregistered(local_aws, organization) == ["team"]
    assert organization.entity("team").state == "DISABLED"


def test_the_last_registration_of_an_organization_is_deregistered(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    """Its organization's policy leaves in the same update, and must not leave first."""
    other = local_aws.workmail.add_organization("leaving", domain="leaving.example")
    other.add_user("carol")
    alice: Define = lambda stack: register(stack, "Alice", organization, "alice")  # noqa: E731
    pipeline.deploy(
        both(
            alice,
            lambda stack: register(stack, "Carol", other, "carol", email="c@leaving.example"),
        )
    )
    pipeline.deploy(alice)
    assert other.entity("carol").state == "DISABLED"


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda o, s: register(s, "Renamed", o, "alice"), id="renamed"),
        pytest.param(
            lambda o, s: register(Construct(s, "People"), "Alice", o, "alice"), id="moved"
        ),
        pytest.param(
            lambda o, s: register(
                s, "Alice", o, o.entity("alice").entity_id, email="alice@example.com"
            ),
            id="name to id",
        ),
        pytest.param(lambda o, s: register(s, "Alice", o, "ALICE"), id="other case"),
    ],
)
@pytest.mark.parametrize("rolled_back", [False, True], ids=["", "rolled back"])
def test_what_means_the_same_mailbox_never_touches_it(
    pipeline: Pipeline,
    organization: Organization,
    local_aws: LocalAws,
    changed: Callable[[Organization, Stack], object],
    rolled_back: bool,
) -> None:
    pipeline.deploy(lambda stack: register(stack, "Alice", organization, "alice"))
    before = mailbox_ids(organization)
    change: Define = lambda stack: changed(organization, stack)  # noqa: E731
    if rolled_back:
        with pytest.raises(StackFailed, match="UPDATE_ROLLBACK_COMPLETE"):
            pipeline.deploy(both(change, failing(organization)))
    else:
        pipeline.deploy(change)
    assert deregistered(local_aws, organization) == []
    assert mailbox_ids(organization) == before
    assert organization.entity("alice").state == "ENABLED"


@pytest.mark.parametrize("rolled_back", [False, True], ids=["", "rolled back"])
def test_two_registrations_that_swap_their_entities_keep_both_mailboxes(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws, rolled_back: bool
) -> None:
    def define(first: str, second: str) -> Define:
        return both(
            lambda stack: register(stack, "First", organization, first),
            lambda stack: register(stack, "Second", organization, second),
        )

    pipeline.deploy(define("alice", "board-room"))
    before = mailbox_ids(organization)
    if rolled_back:
        with pytest.raises(StackFailed, match="UPDATE_ROLLBACK_COMPLETE"):
            pipeline.deploy(both(define("board-room", "alice"), failing(organization)))
    else:
        pipeline.deploy(define("board-room", "alice"))
    assert deregistered(local_aws, organization) == []
    assert mailbox_ids(organization) == before


def test_a_registration_that_moves_to_another_entity_leaves_the_first(
    pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(lambda stack: register(stack, "Mail", organization, "alice"))
    pipeline.deploy(lambda stack: register(stack, "Mail", organization, "board-room"))
    assert states(organization)["alice"] == "DISABLED"
    assert states(organization)["board-room"] == "ENABLED"


def test_a_move_to_another_entity_that_is_rolled_back_disables_only_that_one(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    pipeline.deploy(lambda stack: register(stack, "Mail", organization, "alice"))
    before = mailbox_ids(organization)
    with pytest.raises(StackFailed, match="UPDATE_ROLLBACK_COMPLETE"):
        pipeline.deploy(
            both(
                lambda stack: register(stack, "Mail", organization, "board-room"),
                failing(organization),
            )
        )
    assert deregistered(local_aws, organization) == ["board-room"]
    assert mailbox_ids(organization)["alice"] == before["alice"]
    assert pipeline.resources(TYPE) == {
        logical_id: f"{organization.organization_id}/{organization.entity('alice').entity_id}"
        for logical_id in pipeline.resources(TYPE)
    }


@pytest.mark.parametrize("adopted", [False, True])
def test_a_first_deployment_that_fails_leaves_enabled_what_it_found_enabled(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws, adopted: bool
) -> None:
    if adopted:
        enable(local_aws, organization, "alice")
    before = mailbox_ids(organization)
    with pytest.raises(StackFailed, match="ROLLBACK_COMPLETE"):
        pipeline.deploy(
            both(
                lambda stack: register(stack, "Alice", organization, "alice"),
                failing(organization),
            )
        )
    assert organization.entity("alice").state == ("ENABLED" if adopted else "DISABLED")
    if adopted:
        assert mailbox_ids(organization) == before


def test_an_adoption_in_an_update_that_fails_is_undone_without_loss(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    team: Define = lambda stack: register(stack, "Team", organization, "team")  # noqa: E731
    pipeline.deploy(team)
    enable(local_aws, organization, "alice")
    with pytest.raises(StackFailed, match="UPDATE_ROLLBACK_COMPLETE"):
        pipeline.deploy(
            both(
                team,
                lambda stack: register(stack, "Alice", organization, "alice"),
                failing(organization),
            )
        )
    assert organization.entity("alice").state == "ENABLED"
    assert deregistered(local_aws, organization) == []


def test_what_somebody_else_enabled_can_be_refused(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    enable(local_aws, organization, "alice")
    with pytest.raises(StackFailed) as failed:
        pipeline.deploy(
            lambda stack: register(stack, "Alice", organization, "alice", adopt_existing=False)
        )
    assert "is enabled already, not by this stack" in failed.value.reasons[0]
    assert organization.entity("alice").state == "ENABLED"


@pytest.mark.parametrize("gone", ["deregistered", "deleted", "organization deleted"])
def test_what_is_gone_already_does_not_keep_a_stack_from_being_deleted(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws, gone: str
) -> None:
    pipeline.deploy(lambda stack: register(stack, "Alice", organization, "alice"))
    alice = organization.entity("alice")
    if gone == "deregistered":
        local_aws.client("workmail").deregister_from_work_mail(
            OrganizationId=organization.organization_id, EntityId=alice.entity_id
        )
    elif gone == "deleted":
        alice.delete()
    else:
        organization.deleted = True
    pipeline.destroy()
    assert pipeline.status() is None


def test_an_entity_and_a_domain_that_come_late_are_waited_for(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    now = local_aws.workmail.clock()
    organization.entity("alice").visible_from = now + 3
    organization.domain("example.com").verified_at = now + 5
    pipeline.deploy(lambda stack: register(stack, "Alice", organization, "alice"))
    assert organization.entity("alice").state == "ENABLED"


def test_an_address_in_use_names_its_holder(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws
) -> None:
    enable(local_aws, organization, "bob", "alice@example.com")
    with pytest.raises(StackFailed) as failed:
        pipeline.deploy(lambda stack: register(stack, "Alice", organization, "alice"))
    assert failed.value.reasons[0].startswith(
        f"alice@example.com already belongs to user bob (id {organization.entity('bob').entity_id})"
    )


class Child(NestedStack):
    """A nested stack with one registration."""

    def __init__(self, scope: Construct, organization: Organization) -> None:
        super().__init__(scope, "Child")
        register(self, "Alice", organization, "alice")


@pytest.mark.parametrize("adopted", [False, True])
@pytest.mark.parametrize("in_update", [False, True])
def test_a_nested_stack_whose_root_fails_leaves_enabled_what_it_found_enabled(
    pipeline: Pipeline,
    organization: Organization,
    local_aws: LocalAws,
    adopted: bool,
    in_update: bool,
) -> None:
    team: Define = lambda stack: register(stack, "Team", organization, "team")  # noqa: E731
    if in_update:
        pipeline.deploy(team)
    if adopted:
        enable(local_aws, organization, "alice")
    before = mailbox_ids(organization)["alice"]

    def define(stack: Stack) -> None:
        child = Child(stack, organization)
        register(stack, "Fails", organization, "bob", email="bob@no.example").node.add_dependency(
            child
        )

    with pytest.raises(StackFailed, match="ROLLBACK_COMPLETE"):
        pipeline.deploy(both(team, define))
    assert organization.entity("alice").state == ("ENABLED" if adopted else "DISABLED")
    if adopted:
        assert deregistered(local_aws, organization).count("alice") == 0
        assert mailbox_ids(organization)["alice"] == before


def test_a_nested_stack_is_deployed_removed_and_destroyed(
    pipeline: Pipeline, organization: Organization
) -> None:
    team: Define = lambda stack: register(stack, "Team", organization, "team")  # noqa: E731
    pipeline.deploy(both(team, lambda stack: Child(stack, organization)))
    assert organization.entity("alice").state == "ENABLED"
    pipeline.deploy(team)
    assert organization.entity("alice").state == "DISABLED"
    pipeline.deploy(both(team, lambda stack: Child(stack, organization)))
    pipeline.destroy()
    assert set(states(organization).values()) == {"DISABLED"}


@pytest.mark.parametrize("size", [5, pytest.param(450, marks=pytest.mark.long)])
def test_a_roster_is_deployed_while_three_calls_in_ten_are_throttled(
    pipeline: Pipeline, organization: Organization, local_aws: LocalAws, size: int
) -> None:
    names = [f"user{number}" for number in range(size)]
    for name in names:
        organization.add_user(name)
    draw = random.Random(450)
    local_aws.workmail.faults.share(Failure("ThrottlingException"), 0.3, draw.random)
    pipeline.deploy(lambda stack: [register(stack, name, organization, name) for name in names])
    throttled = [c for c in local_aws.workmail.calls if c.error_code == "ThrottlingException"]
    assert len(throttled) > size / 2
    assert all(organization.entity(name).state == "ENABLED" for name in names)
    local_aws.workmail.faults.clear()
    pipeline.destroy()
    assert set(states(organization).values()) == {"DISABLED"}
