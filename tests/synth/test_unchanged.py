"""The template of a stack with nothing but registrations stays what is deployed already."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from aws_cdk import Stack
from aws_cdk.assertions import Template

from tests.synth.roster import OTHER_ORGANIZATION, new_stack, register

PINNED = Path(__file__).with_name("registrations.json")


def test_a_stack_of_registrations_stays_as_it_is() -> None:
    """With `WRITE_PINNED=1` it is written anew: look twice at what that does to deployed stacks."""
    stack = new_stack()
    register(stack, "Alice")
    register(stack, "Bob", adopt_existing=False)
    register(stack, "Carol", organization_id=OTHER_ORGANIZATION, organization_region="eu-west-1")
    found = template_without_code(stack)
    if os.environ.get("WRITE_PINNED"):
        PINNED.write_text(json.dumps(found, indent=2) + "\n")
    assert found == json.loads(PINNED.read_text())


def template_without_code(stack: Stack) -> dict[str, Any]:
    resources: dict[str, Any] = Template.from_stack(stack).to_json()["Resources"]
    for resource in resources.values():
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"]["Code"].pop("S3Key")
    return resources
