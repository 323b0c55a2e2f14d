from __future__ import annotations

import json

import pytest
from aws_cdk import App, CfnOutput, CfnParameter, RemovalPolicy, Stack
from aws_cdk.assertions import Template

from cdk_workmail import WorkMailProvider
from tests.synth.roster import ORGANIZATION, REGISTRATION, new_stack, only, register, resources


def test_the_resource_says_what_was_declared() -> None:
    stack = new_stack()
    provider = register(stack, adopt_existing=False, organization_region="eu-west-1").provider
    properties = only(resources(stack, REGISTRATION))["Properties"]
    assert properties == {
        "ServiceToken": stack.resolve(provider.service_token),
        "ServiceTimeout": 630,
        "OrganizationId": ORGANIZATION,
        "OrganizationRegion": "eu-west-1",
        "EntityId": "alice",
        "Email": "alice@example.com",
        "AdoptExisting": False,
    }


def test_what_exists_is_adopted_in_the_stacks_region_by_default() -> None:
    stack = new_stack()
    register(stack)
    properties = only(resources(stack, REGISTRATION))["Properties"]
    assert properties["AdoptExisting"] is True
    assert "OrganizationRegion" not in properties


def test_the_main_resource_is_the_default_child() -> None:
    registration = register(new_stack())
    assert registration.node.default_child is registration.node.find_child("Resource")


def test_attributes_are_what_the_function_sends() -> None:
    stack = new_stack()
    alice = register(stack)
    assert alice.organization_id == ORGANIZATION
    ref = {"Ref": "AliceD4D33764"}
    assert stack.resolve(alice.registration_id) == ref
    for value, attribute in (
        (alice.entity_id, "EntityId"),
        (alice.entity_type, "EntityType"),
        (alice.email, "Email"),
    ):
        assert stack.resolve(value) == {"Fn::GetAtt": [ref["Ref"], attribute]}


def test_attributes_reach_other_stacks() -> None:
    app = App()
    alice = register(Stack(app, "Mail"))
    other = Stack(app, "Other")
    CfnOutput(other, "Id", value=alice.entity_id)
    assert "Fn::ImportValue" in json.dumps(Template.from_stack(other).to_json())


def test_tokens_of_another_stack_are_welcome() -> None:
    app = App()
    directory = Stack(app, "Directory")
    organization = CfnParameter(directory, "Organization").value_as_string
    shared = WorkMailProvider(Stack(app, "Shared"), "Provider")
    mail = Stack(app, "Mail")
    register(mail, organization_id=organization, provider=shared)
    properties = only(resources(mail, REGISTRATION))["Properties"]
    assert "Fn::ImportValue" in properties["OrganizationId"]


@pytest.mark.parametrize(
    ("policy", "deletion", "replacement"),
    [
        (None, None, None),
        (RemovalPolicy.DESTROY, "Delete", "Delete"),
        (RemovalPolicy.RETAIN, "Retain", "Retain"),
        (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, "RetainExceptOnCreate", "Retain"),
    ],
)
def test_the_removal_policy_is_cloudformations_own(
    policy: RemovalPolicy | None, deletion: str | None, replacement: str | None
) -> None:
    stack = new_stack()
    register(stack, removal_policy=policy)
    resource = only(resources(stack, REGISTRATION))
    assert resource.get("DeletionPolicy") == deletion
    assert resource.get("UpdateReplacePolicy") == replacement
