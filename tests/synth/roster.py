"""Stacks and registrations for the synth tests."""

from __future__ import annotations

from typing import Any

from aws_cdk import App, Stack
from aws_cdk.assertions import Template
from constructs import Construct

from cdk_workmail import WorkMailRegistration

ORGANIZATION = "m-0123456789abcdef0123456789abcdef"
OTHER_ORGANIZATION = "m-fedcba9876543210fedcba9876543210"
REGISTRATION = "Custom::WorkMailRegistration"


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


def resources(stack: Stack, type: str) -> dict[str, dict[str, Any]]:
    """The stack's resources of one type, by logical id."""
    return {
        id: dict(found) for id, found in Template.from_stack(stack).find_resources(type).items()
    }


def only(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    assert len(found) == 1, sorted(found)
    return next(iter(found.values()))
