"""Stacks and what they declare, for the synth tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aws_cdk import App, Stack
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


def resources(stack: Stack, type: str) -> dict[str, dict[str, Any]]:
    """The stack's resources of one type, by logical id."""
    return {
        id: dict(found) for id, found in Template.from_stack(stack).find_resources(type).items()
    }


def only(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    assert len(found) == 1, sorted(found)
    return next(iter(found.values()))


def needed_by(stack: Stack, id: str) -> set[str]:
    """All that CloudFormation makes before this resource, and deletes after it."""
    everything = Template.from_stack(stack).to_json()["Resources"]

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
        resource = everything[ahead.pop()]
        depends = resource.get("DependsOn", [])
        for name in [*([depends] if isinstance(depends, str) else depends), *referred(resource)]:
            if name in everything and name not in found:
                found.add(name)
                ahead.append(name)
    return found
