"""What is deployed: the same roster of registrations, ours and made with each peer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import CustomResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import custom_resources as cr

from cdk_workmail import WorkMailRegistration

# CloudFormation takes 500 resources a stack, and each AwsCustomResource is two with its policy.
_MOST_POLICIES = 200
_RESOURCE_TYPE = "Custom::Mailbox"
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


def ours(stack: Stack, roster: Roster, asset: Path) -> None:
    for construct_id, entity_id, email in roster.members():
        WorkMailRegistration(
            stack,
            construct_id,
            organization_id=roster.organization_id,
            entity_id=entity_id,
            email=email,
        )


def aws_custom_resource(stack: Stack, roster: Roster, asset: Path) -> None:
    """With a policy of its own for each, or with one role for all where the policies are too many.

    https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources.AwsCustomResource.html
    """
    role: iam.Role | None = None
    policy: cr.AwsCustomResourcePolicy | None = cr.AwsCustomResourcePolicy.from_sdk_calls(
        resources=cr.AwsCustomResourcePolicy.ANY_RESOURCE
    )
    if roster.size > _MOST_POLICIES:
        policy, role = (
            None,
            iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")),
        )
        role.add_to_policy(iam.PolicyStatement(actions=_ACTIONS, resources=["*"]))
    for construct_id, entity_id, email in roster.members():
        identity = {"OrganizationId": roster.organization_id, "EntityId": entity_id}
        physical_id = cr.PhysicalResourceId.of(f"{roster.organization_id}/{entity_id}")
        cr.AwsCustomResource(
            stack,
            construct_id,
            install_latest_aws_sdk=False,
            resource_type=_RESOURCE_TYPE,
            on_create=_sdk_call("registerToWorkMail", identity | {"Email": email}, physical_id),
            on_update=_sdk_call(
                "updatePrimaryEmailAddress", identity | {"Email": email}, physical_id
            ),
            on_delete=_sdk_call("deregisterFromWorkMail", identity),
            policy=policy,
            role=role,
        )


def provider(stack: Stack, roster: Roster, asset: Path) -> None:
    """https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources-readme.html"""
    made = cr.Provider(
        stack, "Provider", on_event_handler=_function(stack, "OnEvent", "provider.on_event", asset)
    )
    _custom_resources(stack, roster, made.service_token)


def provider_with_is_complete(stack: Stack, roster: Roster, asset: Path) -> None:
    made = cr.Provider(
        stack,
        "Provider",
        on_event_handler=_function(stack, "OnEvent", "provider.on_event", asset),
        is_complete_handler=_function(stack, "IsComplete", "provider.is_complete", asset),
    )
    _custom_resources(stack, roster, made.service_token)


def crhelper_default(stack: Stack, roster: Roster, asset: Path) -> None:
    _plain(stack, roster, "crhelper_default.handler", asset)


def crhelper_no_sleep(stack: Stack, roster: Roster, asset: Path) -> None:
    _plain(stack, roster, "crhelper_no_sleep.handler", asset)


def cfn_handler(stack: Stack, roster: Roster, asset: Path) -> None:
    _plain(stack, roster, "modern.handler", asset)


def bare(stack: Stack, roster: Roster, asset: Path) -> None:
    """One function of the same code, and CustomResources with the properties of ours."""
    function = lambda_.Function(
        stack,
        "Function",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="workmail_provider.handler.handler",
        code=lambda_.Code.from_asset(str(asset)),
    )
    for construct_id, entity_id, email in roster.members():
        CustomResource(
            stack,
            construct_id,
            service_token=function.function_arn,
            service_timeout=Duration.seconds(630),
            resource_type="Custom::WorkMailRegistration",
            properties={
                "OrganizationId": roster.organization_id,
                "EntityId": entity_id,
                "Email": email,
                "AdoptExisting": True,
            },
        )


def _plain(stack: Stack, roster: Roster, handler: str, asset: Path) -> None:
    _custom_resources(stack, roster, _function(stack, "Function", handler, asset).function_arn)


def _function(stack: Stack, construct_id: str, handler: str, asset: Path) -> lambda_.Function:
    function = lambda_.Function(
        stack,
        construct_id,
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler=f"benchmarks.functions.{handler}",
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
            resource_type=_RESOURCE_TYPE,
            removal_policy=RemovalPolicy.DESTROY,
            properties={
                "OrganizationId": roster.organization_id,
                "EntityId": entity_id,
                "Email": email,
            },
        )


def _sdk_call(
    action: str, parameters: dict[str, str], physical_id: cr.PhysicalResourceId | None = None
) -> cr.AwsSdkCall:
    return cr.AwsSdkCall(
        service="WorkMail",
        action=action,
        parameters=parameters,
        physical_resource_id=physical_id,
    )
