"""The template of a stack with nothing but registrations stays what is deployed already."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.synth.roster import (
    OTHER_ORGANIZATION,
    everything,
    new_stack,
    register,
)

PINNED = Path(__file__).with_name("registrations.json")


def test_a_stack_of_registrations_stays_as_it_is() -> None:
    """With `WRITE_PINNED=1` it is written anew: look twice at what that does to deployed stacks."""
    stack = new_stack()
    register(stack, "Alice")
    register(stack, "Bob", adopt_existing=False)
    register(stack, "Carol", organization_id=OTHER_ORGANIZATION, organization_region="eu-west-1")
    found = everything(stack)
    for resource in found.values():
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"]["Code"].pop("S3Key")
    if os.environ.get("WRITE_PINNED"):
        PINNED.write_text(json.dumps(found, indent=2) + "\n")
    assert found == json.loads(PINNED.read_text())
