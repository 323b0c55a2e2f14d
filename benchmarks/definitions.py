"""Stacks with the same registrations, declared with this library and with each peer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import CustomResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import custom_resources as cr

from benchmarks.installed import NODE_MODULES
from cdk_workmail import WorkMailRegistration

# A stack has 500 resources at most, and each AwsCustomResource with a policy is two.
_MOST_POLICIES = 200
_ACTIONS = [
    "workmail:RegisterToWorkMail",
    "workmail:UpdatePrimaryEmailAddress",
    "workmail:DeregisterFromWorkMail",
    "workmail:DescribeUser",
]


@dataclass(frozen=True)
class Roster:
    """Users of one organization, and the prefix of their addresses."""

    organization_id: str
    size: int
    prefix: str = "mail"

    def members(self) -> Iterator[tuple[str, str, str]]:
        """Construct id, entity id and address of each."""
        for index in range(self.size):
            yield f"User{index}", f"user{index}", f"{self.prefix}{index}@example.com"


Define = Callable[[Stack, Roster, Path], None]


def cdk_workmail(stack: Stack, roster: Roster, asset: Path) -> None:
    for construct_id, entity_id, email in roster.members():
        WorkMailRegistration(
            stack,
            construct_id,
            organization_id=roster.organization_id,
            entity_id=entity_id,
            email=email,
        )


def aws_custom_resource(stack: Stack, roster: Roster, asset: Path) -> None:
    """With a policy for each, or with one role for all where the policies are too many.

    https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources.AwsCustomResource.html
    """
    role: iam.Role | None = None
    policy: cr.AwsCustomResourcePolicy | None = cr.AwsCustomResourcePolicy.from_sdk_calls(
        resources=cr.AwsCustomResourcePolicy.ANY_RESOURCE
    )
    if roster.size > _MOST_POLICIES:
        policy = None
        role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        role.add_to_policy(iam.PolicyStatement(actions=_ACTIONS, resources=["*"]))
    for construct_id, entity_id, email in roster.members():
        identity = {"OrganizationId": roster.organization_id, "EntityId": entity_id}

        def call(action: str, identity: dict[str, str] = identity, **more: str) -> cr.AwsSdkCall:
            return cr.AwsSdkCall(
                service="WorkMail",
                action=action,
                parameters=identity | more,
                physical_resource_id=cr.PhysicalResourceId.of("/".join(identity.values())),
            )

        cr.AwsCustomResource(
            stack,
            construct_id,
            install_latest_aws_sdk=False,
            resource_type="Custom::Mailbox",
            on_create=call("registerToWorkMail", Email=email),
            on_update=call("updatePrimaryEmailAddress", Email=email),
            on_delete=call("deregisterFromWorkMail"),
            policy=policy,
            role=role,
        )
    # MiniStack's Node has no AWS SDK, which Lambda's brings.
    for construct in stack.node.find_all():
        if isinstance(construct, lambda_.CfnFunction):
            construct.add_property_override("Environment.Variables.NODE_PATH", str(NODE_MODULES))


def provider(stack: Stack, roster: Roster, asset: Path) -> None:
    """https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources-readme.html"""
    _provider(stack, roster, asset, waits=False)


def provider_that_waits(stack: Stack, roster: Roster, asset: Path) -> None:
    _provider(stack, roster, asset, waits=True)


def crhelper(stack: Stack, roster: Roster, asset: Path) -> None:
    lambda_function = function(stack, "Function", "with_crhelper.handler", asset)
    _custom_resources(stack, roster, lambda_function.function_arn)


def _provider(stack: Stack, roster: Roster, asset: Path, *, waits: bool) -> None:
    is_complete = function(stack, "IsComplete", "provider.is_complete", asset) if waits else None
    framework = cr.Provider(
        stack,
        "Provider",
        on_event_handler=function(stack, "OnEvent", "provider.on_event", asset),
        is_complete_handler=is_complete,
    )
    _custom_resources(stack, roster, framework.service_token)


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


def _custom_resources(stack: Stack, roster: Roster, service_token: str) -> None:
    for construct_id, entity_id, email in roster.members():
        CustomResource(
            stack,
            construct_id,
            service_token=service_token,
            resource_type="Custom::Mailbox",
            removal_policy=RemovalPolicy.DESTROY,
            properties={
                "OrganizationId": roster.organization_id,
                "EntityId": entity_id,
                "Email": email,
            },
        )
