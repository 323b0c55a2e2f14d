"""A team declared in one stack: users, a group with its members, a room with its delegate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from aws_cdk import CfnResource, RemovalPolicy, Stack

from cdk_workmail import (
    WorkMailGroup,
    WorkMailResource,
    WorkMailResourceType,
    WorkMailUser,
)
from local_aws import LocalAws
from local_aws.workmail import Group, Organization, Resource, User
from tests.local.pipeline import Pipeline, StackFailed
from tests.local.test_lifecycle import failing


def team(
    organization: Organization,
    *,
    members: tuple[str, ...] = ("Dora", "Emil", "Fritz"),
    removal_policy: RemovalPolicy | None = None,
    enabled: bool = True,
    **of_dora: Any,
) -> Callable[[Stack], None]:
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
            members=[users[name].user_id for name in members],
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


def test_a_team_is_made_and_enabled_in_one_deployment(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(team(organization))
    assert {organization.entity(name).state for name in TEAM} == {"ENABLED"}
    assert members(organization) == ["dora", "emil", "fritz"]
    room = cast(Resource, organization.entity("blue-room"))
    assert room.delegates == [organization.entity("emil").entity_id]
    assert not room.booking_options["AutoAcceptRequests"]
    assert organization.entity("sales").aliases == ["orders@example.com"]
    (secret_arn, *_) = pipeline.resources("AWS::SecretsManager::Secret").values()
    secrets = local_aws.client("secretsmanager")
    passwords = {
        secrets.get_secret_value(SecretId=arn)["SecretString"]
        for arn in pipeline.resources("AWS::SecretsManager::Secret").values()
    }
    assert secret_arn
    assert any(user(organization, "dora").has_password(password) for password in passwords)


def test_a_team_that_stays_when_its_stack_goes(
    pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(team(organization))
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


def test_members_come_and_go(pipeline: Pipeline, organization: Organization) -> None:
    pipeline.deploy(team(organization))
    pipeline.deploy(team(organization, members=("Dora",)))
    assert members(organization) == ["dora"]


def test_a_user_is_changed_in_place(pipeline: Pipeline, organization: Organization) -> None:
    pipeline.deploy(team(organization, job_title="Explorer"))
    before = organization.entity("dora").entity_id
    pipeline.deploy(team(organization, display_name="Dora M.", job_title="Explorer"))
    dora = user(organization, "dora")
    assert dora.entity_id == before
    assert (dora.attributes["DisplayName"], dora.attributes["JobTitle"]) == ("Dora M.", "Explorer")


def test_a_changed_name_fails_and_leaves_everything(
    pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(team(organization))
    with pytest.raises(StackFailed) as failed:
        pipeline.deploy(team(organization, name="theodora"))
    assert any("does not rename a user" in reason for reason in failed.value.reasons)
    assert existing(organization) == TEAM
    assert organization.entity("dora").state == "ENABLED"


def test_a_failed_deployment_deletes_nobody(pipeline: Pipeline, organization: Organization) -> None:
    def define(stack: Stack) -> None:
        team(organization, removal_policy=RemovalPolicy.DESTROY)(stack)
        failing(organization)(stack)
        fails = cast(CfnResource, stack.node.find_child("Fails").node.default_child)
        for construct in stack.node.children:
            if isinstance(construct, WorkMailUser | WorkMailGroup | WorkMailResource):
                fails.node.add_dependency(construct)

    with pytest.raises(StackFailed):
        pipeline.deploy(define)
    assert existing(organization) == TEAM
    assert {organization.entity(name).state for name in TEAM} == {"DISABLED"}


def test_what_is_there_is_taken_over(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    dora = organization.add_user("dora")
    dora.set_password("Her-Own-Password-7")
    pipeline.deploy(team(organization))
    assert organization.entity("dora").entity_id == dora.entity_id
    assert user(organization, "dora").has_password("Her-Own-Password-7")


def test_no_password_is_in_a_template_event_or_log(
    local_aws: LocalAws, pipeline: Pipeline, organization: Organization
) -> None:
    pipeline.deploy(team(organization))
    secrets = local_aws.client("secretsmanager")
    cloudformation = local_aws.client("cloudformation")
    logs = local_aws.client("logs")
    told = str(cloudformation.get_template(StackName=pipeline.stack_name)) + str(
        cloudformation.describe_stack_events(StackName=pipeline.stack_name)["StackEvents"]
    )
    for group in logs.describe_log_groups()["logGroups"]:
        told += str(logs.filter_log_events(logGroupName=group["logGroupName"])["events"])
    for arn in pipeline.resources("AWS::SecretsManager::Secret").values():
        assert secrets.get_secret_value(SecretId=arn)["SecretString"] not in told
