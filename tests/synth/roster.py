"""Stacks and what they declare, for the synth tests."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import botocore.session
from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk.assertions import Template
from constructs import Construct

from cdk_workmail import (
    WorkMailGroup,
    WorkMailRegistration,
    WorkMailResource,
    WorkMailResourceType,
    WorkMailUser,
)

ORGANIZATION = "m-0123456789abcdef0123456789abcdef"
OTHER_ORGANIZATION = "m-fedcba9876543210fedcba9876543210"
REGISTRATION = "Custom::WorkMailRegistration"
USER = "Custom::WorkMailUser"
GROUP = "Custom::WorkMailGroup"
RESOURCE = "Custom::WorkMailResource"
POLICY = "AWS::IAM::Policy"
PARAMETER = "AWS::SSM::Parameter"
_TEMPLATES: WeakKeyDictionary[Stack, dict[str, dict[str, Any]]] = WeakKeyDictionary()
USER_TEXTS = {
    "display_name": "DisplayName",
    "first_name": "FirstName",
    "last_name": "LastName",
    "initials": "Initials",
    "telephone": "Telephone",
    "street": "Street",
    "job_title": "JobTitle",
    "city": "City",
    "company": "Company",
    "zip_code": "ZipCode",
    "department": "Department",
    "country": "Country",
    "office": "Office",
}
# What the role may do for an entity of each type.
ACTIONS = {
    type: {
        f"workmail:Create{type.removeprefix('Custom::WorkMail')}",
        f"workmail:Update{type.removeprefix('Custom::WorkMail')}",
        "workmail:DescribeUser",
        "workmail:DescribeGroup",
        "workmail:DescribeResource",
        "workmail:DescribeOrganization",
    }
    for type in (USER, GROUP, RESOURCE)
}


def new_stack(**options: Any) -> Stack:
    return Stack(App(), "Mail", **options)


def register(scope: Construct, id: str = "Alice", **declared: Any) -> WorkMailRegistration:
    """A registration of an entity and address of its own, unless declared otherwise."""
    name = id.lower()
    options: dict[str, Any] = {
        "organization_id": ORGANIZATION,
        "entity_id": name,
        "email": f"{name}@example.com",
    }
    return WorkMailRegistration(scope, id, **(options | declared))


def declare_user(scope: Construct, id: str = "Alice", **declared: Any) -> WorkMailUser:
    options = {"organization_id": ORGANIZATION, "name": id.lower(), "display_name": id}
    return WorkMailUser(scope, id, **(options | declared))


def declare_group(scope: Construct, id: str = "Team", **declared: Any) -> WorkMailGroup:
    options = {"organization_id": ORGANIZATION, "name": id.lower()}
    return WorkMailGroup(scope, id, **(options | declared))


def declare_resource(scope: Construct, id: str = "Room", **declared: Any) -> WorkMailResource:
    room = WorkMailResourceType.ROOM
    options = {"organization_id": ORGANIZATION, "name": id.lower(), "type": room}
    return WorkMailResource(scope, id, **(options | declared))


def everything(stack: Stack) -> dict[str, dict[str, Any]]:
    """All resources of the stack, by logical id; synthesized once, so declare all before."""
    if stack not in _TEMPLATES:
        _TEMPLATES[stack] = Template.from_stack(stack).to_json().get("Resources", {})
    return copy.deepcopy(_TEMPLATES[stack])


def resources(stack: Stack, type: str) -> dict[str, dict[str, Any]]:
    """The stack's resources of one type, by logical id."""
    return {id: found for id, found in everything(stack).items() if found["Type"] == type}


def only(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    assert len(found) == 1, sorted(found)
    return next(iter(found.values()))


def needed_by(stack: Stack, id: str) -> set[str]:
    """All that CloudFormation makes before this resource, and deletes after it."""
    all_resources = everything(stack)

    def referred(value: Any) -> Iterator[str]:
        match value:
            case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
                yield name
            case dict():
                for item in value.values():
                    yield from referred(item)
            case list():
                for item in value:
                    yield from referred(item)

    found: set[str] = set()
    ahead = [id]
    while ahead:
        resource = all_resources[ahead.pop()]
        depends = resource.get("DependsOn", [])
        for name in [*([depends] if isinstance(depends, str) else depends), *referred(resource)]:
            if name in all_resources and name not in found:
                found.add(name)
                ahead.append(name)
    return found


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(stack: Stack) -> Iterator[tuple[set[str], list[Any]]]:
    """Actions and resources of each statement of each policy in the template, wherever it is."""

    def walk(value: Any) -> Iterator[tuple[set[str], list[Any]]]:
        if isinstance(value, list):
            for item in value:
                yield from walk(item)
        elif isinstance(value, dict):
            if "Effect" in value and "Principal" not in value:
                assert value.keys() - {"Condition"} == {"Action", "Effect", "Resource"}
                assert value["Effect"] == "Allow"
                yield set(as_list(value["Action"])), as_list(value["Resource"])
            for item in value.values():
                yield from walk(item)

    yield from walk(everything(stack))


def organizations(stack: Stack) -> dict[str, dict[str, Any]]:
    """The policies with WorkMail actions, by logical id."""
    return {
        id: policy
        for id, policy in resources(stack, POLICY).items()
        if "workmail:" in json.dumps(policy["Properties"]["PolicyDocument"])
    }


def granted_on(stack: Stack, organization: str = ORGANIZATION) -> list[set[str]]:
    """The WorkMail actions of each statement on the organization."""
    return [
        actions
        for actions, arns in statements(stack)
        if json.dumps(arns).endswith(f':organization/{organization}"]]}}]')
    ]


def properties_of(stack: Stack, type: str) -> dict[str, Any]:
    found: dict[str, Any] = only(resources(stack, type))["Properties"]
    return found


def team(scope: Stack) -> None:
    """Every type of custom resource, enabled."""
    alice = declare_user(scope, "Alice", removal_policy=RemovalPolicy.DESTROY)
    bob = declare_user(scope, "Bob", reset_password="2026-11-22")
    group = declare_group(scope, members=[alice.user_id, bob.user_id])
    room = declare_resource(scope, delegates=[group.group_id])
    for entity in (alice, bob, group, room):
        entity.enable(email=f"{entity.node.id.lower()}@example.com")


def parameters(operation: str) -> dict[str, Any]:
    """What WorkMail's service model says of each parameter of an operation."""
    model = botocore.session.get_session().get_service_model("workmail")
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    return {name: member.metadata for name, member in shape.members.items()}
