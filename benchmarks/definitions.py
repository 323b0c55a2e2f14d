"""Stacks with the same registrations, declared with this library and with each peer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Aws, CustomResource, Duration, NestedStack, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm
from aws_cdk import custom_resources as cr

from benchmarks.installed import NODE_MODULES
from cdk_workmail import WorkMailRegistration, WorkMailRoster
from cdk_workmail._placement import place

_ACTIONS = [
    "workmail:RegisterToWorkMail",
    "workmail:UpdatePrimaryEmailAddress",
    "workmail:DeregisterFromWorkMail",
    "workmail:DescribeUser",
]
_READS = [
    "cloudformation:DescribeStacks",
    "cloudformation:ListStackResources",
    "ssm:GetParametersByPath",
]
STACKS = 4  # of a roster
# An organization that is not deployed.
ORGANIZATION_ID = "m-0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Member:
    """One user with its construct id, name and address."""

    key: str
    entity_id: str
    email: str


def members(size: int, prefix: str = "mail") -> list[Member]:
    return [
        Member(f"User{index}", f"user{index}", f"{prefix}{index}@example.com")
        for index in range(size)
    ]


@dataclass(frozen=True)
class Roster:
    """Members of one organization, and the asset of the functions."""

    organization_id: str
    members: list[Member]
    asset: Path


Define = Callable[[Stack, Roster], None]


def cdk_workmail(stack: Stack, roster: Roster) -> None:
    for member in roster.members:
        WorkMailRegistration(
            stack,
            member.key,
            organization_id=roster.organization_id,
            entity_id=member.entity_id,
            email=member.email,
        )


def aws_custom_resource(stack: Stack, roster: Roster) -> None:
    """https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources.AwsCustomResource.html"""
    policy = cr.AwsCustomResourcePolicy.from_sdk_calls(
        resources=cr.AwsCustomResourcePolicy.ANY_RESOURCE
    )
    for member in roster.members:
        identity = {"OrganizationId": roster.organization_id, "EntityId": member.entity_id}

        def call(action: str, identity: dict[str, str] = identity, **more: str) -> cr.AwsSdkCall:
            return cr.AwsSdkCall(
                service="WorkMail",
                action=action,
                parameters=identity | more,
                physical_resource_id=cr.PhysicalResourceId.of("/".join(identity.values())),
            )

        cr.AwsCustomResource(
            stack,
            member.key,
            install_latest_aws_sdk=False,
            resource_type="Custom::Mailbox",
            on_create=call("registerToWorkMail", Email=member.email),
            on_update=call("updatePrimaryEmailAddress", Email=member.email),
            on_delete=call("deregisterFromWorkMail"),
            policy=policy,
        )
    # MiniStack's Node has no AWS SDK, which Lambda's brings.
    for construct in stack.node.find_all():
        if isinstance(construct, lambda_.CfnFunction):
            construct.add_property_override("Environment.Variables.NODE_PATH", str(NODE_MODULES))


def provider(stack: Stack, roster: Roster) -> None:
    """https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources-readme.html"""
    _provider(stack, roster, waits=False)


def provider_that_waits(stack: Stack, roster: Roster) -> None:
    _provider(stack, roster, waits=True)


def crhelper(stack: Stack, roster: Roster) -> None:
    lambda_function = function(stack, "Function", "with_crhelper.handler", roster.asset)
    _custom_resources(roster, lambda_function.function_arn, lambda key: stack)


def nested_cdk_workmail(stack: Stack, roster: Roster) -> None:
    mailboxes = {
        each.key: {"entity_id": each.entity_id, "email": each.email} for each in roster.members
    }
    source = {"organization_id": roster.organization_id, "mailboxes": mailboxes}
    WorkMailRoster(stack, "Staff", source=source, stacks=STACKS)


def nested_bare(stack: Stack, roster: Roster) -> None:
    lambda_function = function(stack, "Function", "workmail_calls.handler", roster.asset)
    _nested(stack, roster, lambda_function)


def nested_same_calls(stack: Stack, roster: Roster) -> None:
    lambda_function = function(stack, "Function", "same_calls.handler", roster.asset)
    lambda_function.add_to_role_policy(iam.PolicyStatement(actions=_READS, resources=["*"]))
    for nested in _nested(stack, roster, lambda_function):
        announcement = ssm.CfnParameter(
            nested,
            "Announcement",
            type="String",
            name=f"/cdk-workmail/{roster.organization_id}/{Aws.STACK_NAME}",
            value=nested.stack_id,
        )
        for resource in nested.node.children:
            if isinstance(resource, CustomResource):
                resource.node.add_dependency(announcement)


def _nested(stack: Stack, roster: Roster, lambda_function: lambda_.Function) -> list[NestedStack]:
    nested = [NestedStack(stack, f"Stack{number}") for number in range(STACKS)]
    _custom_resources(roster, lambda_function.function_arn, lambda key: nested[place(key, STACKS)])
    return nested


def _provider(stack: Stack, roster: Roster, *, waits: bool) -> None:
    is_complete = (
        function(stack, "IsComplete", "provider.is_complete", roster.asset) if waits else None
    )
    framework = cr.Provider(
        stack,
        "Provider",
        on_event_handler=function(stack, "OnEvent", "provider.on_event", roster.asset),
        is_complete_handler=is_complete,
    )
    _custom_resources(roster, framework.service_token, lambda key: stack)


def function(stack: Stack, construct_id: str, handler: str, asset: Path) -> lambda_.Function:
    function = lambda_.Function(
        stack,
        construct_id,
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler=f"benchmarks.peers.{handler}",
        code=lambda_.Code.from_asset(str(asset)),
        timeout=Duration.minutes(5),
        memory_size=256,
    )
    function.add_to_role_policy(iam.PolicyStatement(actions=_ACTIONS, resources=["*"]))
    return function


def _custom_resources(roster: Roster, service_token: str, stack_of: Callable[[str], Stack]) -> None:
    for member in roster.members:
        CustomResource(
            stack_of(member.key),
            member.key,
            service_token=service_token,
            resource_type="Custom::Mailbox",
            removal_policy=RemovalPolicy.DESTROY,
            properties={
                "OrganizationId": roster.organization_id,
                "EntityId": member.entity_id,
                "Email": member.email,
            },
        )
