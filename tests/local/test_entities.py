"""Users, a group with members and a resource with a delegate, declared in one stack."""

from __future__ import annotations

from typing import Any, cast

import pytest
from aws_cdk import RemovalPolicy, Stack

from cdk_workmail import (
    WorkMailGroup,
    WorkMailResource,
    WorkMailResourceType,
    WorkMailUser,
)
from local_aws import LocalAws
from local_aws.workmail import Group, Organization, Resource, User
from tests.local.pipeline import Define, Pipeline, StackFailed, enable_by_hand, failing, log_lines


def team(
    organization: Organization,
    *,
    members: tuple[str, ...] = ("Dora", "Emil", "Fritz"),
    removal_policy: RemovalPolicy | None = None,
    enabled: bool = True,
    **of_dora: Any,
) -> Define:
    def define(stack: Stack) -> None:
        common: dict[str, Any] = {
            "organization_id": organization.organization_id,
            "removal_policy": removal_policy,
        }
        users: dict[str, WorkMailUser] = {}
        for name in ("Dora", "Emil", "Fritz"):
            options = of_dora if name == "Dora" else {}
            given = {"name": name.lower(), "display_name": name, **options}
            users[name] = WorkMailUser(stack, name, **common, **given)
        sales = WorkMailGroup(
            stack,
            "Sales",
            name="sales",
            members=[users[name].user_id if name in users else name for name in members],
            **common,
        )
        room = WorkMailResource(
            stack,
            "Room",
            name="blue-room",
            type=WorkMailResourceType.ROOM,
            auto_accept_requests=False,
            delegates=[users["Emil"].user_id],
            **common,
        )
        if enabled:
            for name, user in users.items():
                user.enable(email=f"{name.lower()}@example.com")
            sales.enable(email="sales@example.com", aliases=["orders@example.com"])
            room.enable(email="blue-room@example.com")

    return define


def user(organization: Organization, name: str) -> User:
    return cast(User, organization.entity(name))


def members(organization: Organization) -> list[str]:
    group = cast(Group, organization.entity("sales"))
    return sorted(organization.entity(member).name for member in group.members)


def existing(organization: Organization) -> set[str]:
    return {
        entity.name for entity in organization.entities.values() if entity.state != "DELETED"
    } - {"alice", "bob", "team", "board-room"}


TEAM = {"dora", "emil", "fritz", "sales", "blue-room"}


def test_entities_are_created_and_enabled_in_one_deployment_and_retained_when_it_is_deleted(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(team(organization))
    assert {organization.entity(name).state for name in TEAM} == {"ENABLED"}
    assert members(organization) == ["dora", "emil", "fritz"]
    room = cast(Resource, organization.entity("blue-room"))
    assert room.delegates == [organization.entity("emil").entity_id]
    assert not room.booking_options["AutoAcceptRequests"]
    assert organization.entity("sales").aliases == ["orders@example.com"]

    secrets = local_aws.client("secretsmanager")
    passwords = [
        secrets.get_secret_value(SecretId=arn)["SecretString"]
        for arn in pipeline.resources("AWS::SecretsManager::Secret").values()
    ]
    assert len(passwords) == 3
    assert any(user(organization, "dora").has_password(password) for password in passwords)
    cloudformation = local_aws.client("cloudformation")
    readable = (
        str(cloudformation.get_template(StackName=pipeline.stack_name))
        + str(cloudformation.describe_stack_events(StackName=pipeline.stack_name)["StackEvents"])
        + str(log_lines(local_aws))
    )
    assert "dora" in readable
    assert not any(password in readable for password in passwords)

    pipeline.destroy()
    assert existing(organization) == TEAM
    assert {organization.entity(name).state for name in TEAM} == {"DISABLED"}


def test_entities_are_deregistered_before_they_are_deleted(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(team(organization, removal_policy=RemovalPolicy.DESTROY))
    dora = organization.entity("dora").entity_id
    pipeline.deploy(
        lambda stack: WorkMailUser(
            stack,
            "Gerda",
            organization_id=organization.organization_id,
            name="gerda",
            display_name="Gerda",
        )
    )
    assert existing(organization) == {"gerda"}
    order = [
        call.operation
        for call in local_aws.workmail.calls.of("DeregisterFromWorkMail", "DeleteUser", entity=dora)
    ]
    assert order == ["DeregisterFromWorkMail", "DeleteUser"]


def test_attributes_and_members_are_updated_in_place(
    pipeline: Pipeline, organization: Organization
) -> None:
    """A rollback restores them."""
    pipeline.deploy(team(organization, job_title="Explorer"))
    before = organization.entity("dora").entity_id
    changed = team(organization, members=("Dora",), display_name="Dora M.", job_title="Explorer")
    with pytest.raises(StackFailed, match=r"^UPDATE_ROLLBACK_COMPLETE"):
        pipeline.deploy(changed, failing(organization))
    assert members(organization) == ["dora", "emil", "fritz"]
    assert user(organization, "dora").attributes["DisplayName"] == "Dora"
    pipeline.deploy(changed)
    assert members(organization) == ["dora"]
    dora = user(organization, "dora")
    assert dora.entity_id == before
    assert (dora.attributes["DisplayName"], dora.attributes["JobTitle"]) == ("Dora M.", "Explorer")


def test_another_name_fails_and_changes_nothing(
    pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(team(organization))
    with pytest.raises(StackFailed, match="does not rename a user"):
        pipeline.deploy(team(organization, name="theodora"))
    assert existing(organization) == TEAM
    assert {organization.entity(name).state for name in TEAM} == {"ENABLED"}


def test_a_failed_deployment_deletes_no_entity(
    pipeline: Pipeline, organization: Organization
) -> None:
    with pytest.raises(StackFailed):
        pipeline.deploy(
            team(organization, removal_policy=RemovalPolicy.DESTROY), failing(organization)
        )
    assert existing(organization) == TEAM
    assert {organization.entity(name).state for name in TEAM} == {"DISABLED"}


def test_existing_entities_are_adopted_with_their_passwords_and_members(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    dora = organization.add_user("dora")
    dora.set_password("Password-Of-Dora-7")
    sales = organization.add_group("sales")
    for name in ("alice", "sales"):
        enable_by_hand(local_aws, organization, name)
    local_aws.client("workmail").associate_member_to_group(
        OrganizationId=organization.organization_id,
        GroupId=sales.entity_id,
        MemberId=organization.entity("alice").entity_id,
    )
    with pytest.raises(StackFailed, match="1 members that are not declared"):
        pipeline.deploy(team(organization, members=("Dora",)))
    assert members(organization) == ["alice"]
    pipeline.deploy(team(organization, members=("Dora", "alice")))
    assert members(organization) == ["alice", "dora"]
    pipeline.deploy(team(organization, members=("Dora",)))
    assert members(organization) == ["dora"]
    assert organization.entity("dora").entity_id == dora.entity_id
    assert user(organization, "dora").has_password("Password-Of-Dora-7")
