"""Constructs and function agree on the names of types, properties and attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, cast

import botocore.session
import pytest
from aws_cdk import RemovalPolicy
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Template
from botocore.model import StructureShape

from cdk_workmail import MailboxExport, WorkMailRoster
from tests.synth.roster import (
    GROUP,
    ORGANIZATION,
    REGISTRATION,
    RESOURCE,
    USER,
    USER_TEXTS,
    declare_group,
    declare_resource,
    declare_user,
    new_stack,
)
from workmail_provider.resources import declarations
from workmail_provider.resources.types import RESOURCE_TYPES
from workmail_provider.rules.kinds import BOOKING_OPTIONS, DELEGATES, MEMBERS
from workmail_provider.rules.kinds import GROUP as GROUP_KIND
from workmail_provider.rules.kinds import RESOURCE as RESOURCE_KIND
from workmail_provider.rules.kinds import USER as USER_KIND

PARSE: dict[str, Callable[[Mapping[str, Any]], object]] = {
    "Custom::WorkMailRegistration": declarations.registration,
    "Custom::WorkMailUser": declarations.entity,
    "Custom::WorkMailGroup": declarations.entity,
    "Custom::WorkMailResource": declarations.entity,
    "Custom::WorkMailGroupMembers": partial(declarations.member_list, GROUP_KIND, MEMBERS),
    "Custom::WorkMailResourceDelegates": partial(
        declarations.member_list, RESOURCE_KIND, DELEGATES
    ),
    "Custom::WorkMailRemovalGuard": declarations.roster,
}
# CloudFormation's own.
OF_CLOUDFORMATION = {"ServiceToken", "ServiceTimeout"}
# Read for every type that is parsed alike, and declared for others only.
OF_OTHERS = {
    GROUP: {"PasswordSecretArn", "ResetPassword"},
    RESOURCE: {"PasswordSecretArn", "ResetPassword"},
    "Custom::WorkMailGroupMembers": {BOOKING_OPTIONS},
}


class Tracking(Mapping[str, Any]):
    """Properties as CloudFormation sends them, with all values as strings; remembers the reads."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self.read: set[str] = set()
        self._sent = {name: as_sent(value) for name, value in properties.items()}

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return self._sent[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sent)

    def __len__(self) -> int:
        return len(self._sent)


def as_sent(value: Any) -> Any:
    match value:
        case {"Ref": _} | {"Fn::GetAtt": _} | {"Fn::Join": _}:
            return "a value"
        case dict():
            return Tracking(value)
        case list():
            return [as_sent(item) for item in value]
        case bool():
            return str(value).lower()
    return str(value)


@pytest.fixture(scope="module")
def declared() -> dict[str, dict[str, Any]]:
    """The properties of each type in a template that declares every option."""
    stack = new_stack()
    common: dict[str, Any] = {"organization_region": "eu-west-1"}
    hidden = common | {"hidden_from_global_address_list": True}
    user = declare_user(
        stack,
        **hidden,
        **dict.fromkeys(USER_TEXTS, "a text"),
        role="USER",
        identity_provider_user_id="12345678-1234-1234-1234-123456789012",
        password=secretsmanager.Secret(stack, "Secret"),
        reset_password="1",
    )
    user.enable(
        email="alice@example.com",
        removal_policy=RemovalPolicy.SNAPSHOT,
        mailbox_export=MailboxExport(stack, "Export"),
        aliases=["info@example.com"],
        remove_other_aliases=True,
    )
    declare_group(stack, **hidden, members=["bob"])
    declare_resource(
        stack,
        **hidden,
        description="a text",
        auto_accept_requests=True,
        auto_decline_recurring_requests=True,
        auto_decline_conflicting_requests=True,
        delegates=["bob"],
    )
    source = {"organization_id": ORGANIZATION, **common}
    WorkMailRoster(stack, "Roster", source=source)
    found = Template.from_stack(stack).to_json()["Resources"].values()
    return {
        each["Type"]: each["Properties"] for each in found if each["Type"].startswith("Custom::W")
    }


def test_every_declared_type_has_a_handler_and_every_handler_a_type(
    declared: dict[str, dict[str, Any]],
) -> None:
    assert declared.keys() == RESOURCE_TYPES.keys() == PARSE.keys()


@pytest.mark.parametrize("type", PARSE)
def test_every_declared_property_is_read_and_every_property_read_is_declared(
    declared: dict[str, dict[str, Any]], type: str
) -> None:
    properties = Tracking(declared[type])
    PARSE[type](properties)
    # Read with the organization of each request.
    declarations.organization_region(properties)
    expected = declared[type].keys() - OF_CLOUDFORMATION
    assert properties.read - OF_OTHERS.get(type, set()) == expected


def test_the_parts_of_an_export_are_those_that_are_read(
    declared: dict[str, dict[str, Any]],
) -> None:
    properties = Tracking(declared[REGISTRATION])
    PARSE[REGISTRATION](properties)
    export = properties["MailboxExport"]
    assert export.read == set(export)


def test_attributes_are_those_that_the_function_sends(declared: dict[str, dict[str, Any]]) -> None:
    def names(type: str, property: str = "Attributes") -> set[str]:
        return set(declared[type][property])

    assert names(USER) == USER_KIND.created_with
    assert names(REGISTRATION, "UserAttributes") == USER_KIND.updated_with - USER_KIND.created_with
    assert names(GROUP) == GROUP_KIND.updated_with
    assert names(RESOURCE) == RESOURCE_KIND.updated_with - {BOOKING_OPTIONS}
    model = botocore.session.get_session().get_service_model("workmail")
    options = cast(StructureShape, model.shape_for(BOOKING_OPTIONS))
    assert names("Custom::WorkMailResourceDelegates", BOOKING_OPTIONS) == set(options.members)
