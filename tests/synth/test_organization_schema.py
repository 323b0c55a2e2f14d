"""The organization file has what the constructs take, no more and no less."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from cdk_workmail import (
    WorkMailGroup,
    WorkMailRegistration,
    WorkMailResource,
    WorkMailUser,
)
from cdk_workmail_file import SCHEMA_PATH

# Of the whole file, or constructs that a file cannot hold.
NOT_OF_AN_ENTRY = {
    *("self", "scope", "id", "organization_id", "organization_region"),
    *("provider", "mailbox_export", "password"),
}
OF_THE_REGISTRATION = {"email", "aliases", "remove_other_aliases", "mailbox_removal_policy"}


@pytest.mark.parametrize(
    ("definition", "construct", "besides"),
    [
        ("user", WorkMailUser, OF_THE_REGISTRATION),
        ("group", WorkMailGroup, OF_THE_REGISTRATION),
        ("resource", WorkMailResource, OF_THE_REGISTRATION),
        ("mailbox", WorkMailRegistration, set()),
    ],
)
def test_an_entry_takes_what_its_construct_takes(
    definition: str, construct: Any, besides: set[str]
) -> None:
    schema = json.loads(SCHEMA_PATH.read_text())["$defs"][definition]
    parameters = inspect.signature(construct.__init__).parameters
    options = parameters.keys() - NOT_OF_AN_ENTRY
    assert set(schema["properties"]) == options | besides
    required = {name for name in options if parameters[name].default is inspect.Parameter.empty}
    assert set(schema["required"]) == required
