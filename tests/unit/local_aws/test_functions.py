"""Functions of MiniStack reach the local WorkMail with the permissions of their roles."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_aws import LocalAws, SampleOrganization, sample_organization

SOURCE = """
import json, urllib.request
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    outcome = "done"
    if event["RequestType"] == "Create":
        try:
            boto3.client("workmail").register_to_work_mail(
                OrganizationId=event["ResourceProperties"]["OrganizationId"],
                EntityId=event["ResourceProperties"]["EntityId"],
                Email=event["ResourceProperties"]["EntityId"] + "@example.com",
            )
        except ClientError as error:
            outcome = error.response["Error"]["Code"]
    response = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    response |= {"Status": "SUCCESS", "PhysicalResourceId": "it", "Data": {"Outcome": outcome}}
    urllib.request.urlopen(
        urllib.request.Request(
            event["ResponseURL"], json.dumps(response).encode(), {"Content-Type": ""}, method="PUT"
        )
    )
"""

SAMPLE = SampleOrganization()
ARN = f"arn:aws:workmail:us-east-1:000000000000:organization/{SAMPLE.organization_id}"


def registration(name: str, entity: str, allowed_on: str | None) -> dict[str, Any]:
    """A custom resource with its own function and role; None: a role without policy."""
    statement = {"Effect": "Allow", "Action": "workmail:RegisterToWorkMail", "Resource": allowed_on}
    trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    return {
        f"{name}Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Statement": [{**trusted, "Action": "sts:AssumeRole"}]
                },
                "Policies": [{"PolicyName": "it", "PolicyDocument": {"Statement": [statement]}}]
                if allowed_on
                else [],
            },
        },
        f"{name}Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "Code": {"ZipFile": SOURCE},
                "Role": {"Fn::GetAtt": [f"{name}Role", "Arn"]},
                "Timeout": 30,
            },
        },
        name: {
            "Type": "Custom::Registration",
            "Properties": {
                "ServiceToken": {"Fn::GetAtt": [f"{name}Function", "Arn"]},
                "ServiceTimeout": 60,
                "OrganizationId": SAMPLE.organization_id,
                "EntityId": entity,
            },
        },
    }


def deployed(local_aws: LocalAws, **registrations: tuple[str, str | None]) -> dict[str, str]:
    """Deploy a stack of registrations; the outcome of each."""
    resources: dict[str, Any] = {}
    for name, (entity, allowed_on) in registrations.items():
        resources |= registration(name, entity, allowed_on)
    outputs = {name: {"Value": {"Fn::GetAtt": [name, "Outcome"]}} for name in registrations}
    cloudformation = local_aws.client("cloudformation")
    cloudformation.create_stack(
        StackName="stack",
        TemplateBody=json.dumps({"Resources": resources, "Outputs": outputs}),
        Capabilities=["CAPABILITY_IAM"],
    )
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName="stack", WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
    (stack,) = cloudformation.describe_stacks(StackName="stack")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.mark.parametrize("enforce_iam", [False, True])
def test_a_custom_resource_reaches_workmail_as_far_as_its_role_allows(enforce_iam: bool) -> None:
    with LocalAws(enforce_iam=enforce_iam) as local_aws:
        sample = sample_organization(local_aws.workmail)
        outcomes = deployed(
            local_aws,
            Allowed=("alice", ARN),
            Elsewhere=("bob", f"{ARN[:-1]}0"),
            Forbidden=("team", None),
        )
        refused = "AccessDeniedException" if enforce_iam else "done"
        assert outcomes == {"Allowed": "done", "Elsewhere": refused, "Forbidden": refused}
        organization = local_aws.workmail.organization(sample.organization_id)
        states = {name: organization.entity(name).state for name in ("alice", "bob", "team")}
        other = "DISABLED" if enforce_iam else "ENABLED"
        assert states == {"alice": "ENABLED", "bob": other, "team": other}
