"""Literals that WorkMail would refuse are errors at synth, and values of a wrong type are too."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import CfnParameter, Environment, RemovalPolicy
from aws_cdk.assertions import Template

from cdk_workmail import WorkMailResourceType
from cdk_workmail._validation import (
    EMAIL,
    ENTITY_ID,
    GROUP_NAME,
    IDENTITY_PROVIDER_USER_ID,
    ORGANIZATION_ID,
    RESOURCE_NAME,
    USER_NAME,
    USER_ROLE,
    WORKMAIL_REGIONS,
    FieldPattern,
)
from tests.synth.roster import (
    ORGANIZATION,
    USER_TEXTS,
    declare_group,
    declare_resource,
    declare_user,
    new_stack,
    parameters,
    register,
)

Declare = Callable[..., Any]

IDENTITY = "12345678-1234-1234-1234-123456789012"
EACH = (register, declare_user, declare_group, declare_resource)
ENTITIES = EACH[1:]


@pytest.mark.parametrize(
    ("operation", "member", "pattern"),
    [
        ("RegisterToWorkMail", "OrganizationId", ORGANIZATION_ID),
        ("RegisterToWorkMail", "EntityId", ENTITY_ID),
        ("RegisterToWorkMail", "Email", EMAIL),
        ("CreateUser", "Name", USER_NAME),
        ("CreateUser", "IdentityProviderUserId", IDENTITY_PROVIDER_USER_ID),
        ("CreateGroup", "Name", GROUP_NAME),
        ("CreateResource", "Name", RESOURCE_NAME),
    ],
)
def test_the_patterns_are_those_of_the_service_model(
    operation: str, member: str, pattern: FieldPattern
) -> None:
    described = parameters(operation)[member]
    assert pattern.pattern.pattern == described["pattern"]
    assert pattern.longest == described["max"]
    assert described["min"] in (1, 36, pattern.longest)
    assert not pattern.accepts("")


def test_texts_and_choices_are_those_of_the_service_model() -> None:
    updated = parameters("UpdateUser")
    for name in USER_TEXTS.values():
        assert updated[name]["max"] == 256
        assert "pattern" not in updated[name]
    assert parameters("UpdateResource")["Description"]["max"] == 64
    assert list(WorkMailResourceType) == parameters("CreateResource")["Type"]["enum"]
    # A request with another role is refused:
    # https://docs.aws.amazon.com/workmail/latest/APIReference/API_CreateUser.html
    roles = parameters("CreateUser")["Role"]["enum"]
    assert [role for role in roles if USER_ROLE.accepts(role)] == ["USER", "REMOTE_USER"]


@pytest.mark.parametrize(
    ("declare", "field", "value"),
    [
        *(
            (register, field, value)
            for field in ("organization_id", "entity_id", "email")
            for value in ("", "two words", "alice\n", "änne@example.com", None, 5)
        ),
        *((each, "organization_id", "m-1") for each in ENTITIES),
        (register, "organization_id", ORGANIZATION.upper()),
        (register, "organization_id", f"{ORGANIZATION}0"),
        (register, "organization_id", f"{ORGANIZATION}\n"),
        (register, "entity_id", "a" * 257),
        (register, "email", "alice"),
        (register, "email", "alice@example"),
        (register, "email", f"{'a' * 65}@example.com"),
        (register, "email", f"alice@{'a' * 245}.com"),
        (register, "aliases", "b@example.com"),
        (register, "aliases", 5),
        (register, "remove_other_aliases", "yes"),
        (register, "mailbox_export", "bucket"),
        *((each, "organization_region", region) for each in EACH for region in ("eu-north-1", "")),
        *((each, "adopt_existing", "no") for each in EACH),
        *((each, "removal_policy", "RETAIN") for each in EACH),
        *((each, "provider", "Provider") for each in EACH),
        *((each, "name", None) for each in ENTITIES),
        *((each, "hidden_from_global_address_list", "no") for each in ENTITIES),
        (declare_user, "name", ""),
        (declare_user, "name", "a" * 65),
        (declare_user, "name", "two words"),
        (declare_user, "name", "änne"),
        (declare_user, "name", "alice@example"),
        (declare_user, "name", "alice\n"),
        *((declare_user, option, value) for option in USER_TEXTS for value in ("x" * 257, 5)),
        (declare_user, "display_name", None),
        (declare_user, "role", "SYSTEM_USER"),
        (declare_user, "role", "user"),
        (declare_user, "identity_provider_user_id", ""),
        (declare_user, "identity_provider_user_id", "alice"),
        (declare_user, "reset_password", ""),
        (declare_user, "reset_password", 5),
        (declare_group, "name", ""),
        (declare_group, "name", "a" * 257),
        (declare_group, "name", "two\nlines"),
        (declare_group, "name", "Ł"),
        (declare_group, "members", "bob"),
        (declare_resource, "name", "a" * 21),
        (declare_resource, "name", "Board Room"),
        (declare_resource, "type", "HALL"),
        (declare_resource, "description", "x" * 65),
        (declare_resource, "delegates", "bob"),
        (declare_resource, "auto_accept_requests", "no"),
    ],
)
def test_what_is_not_allowed_is_an_error_with_path_field_and_value(
    declare: Declare, field: str, value: object
) -> None:
    with pytest.raises(ValueError) as refused:
        declare(new_stack(), "It", **{field: value})
    message = str(refused.value)
    assert message.startswith(f"Mail/It: {field} must be ")
    assert message.endswith(f", got {value!r}")


@pytest.mark.parametrize(
    ("declare", "field", "item"),
    [
        (register, "aliases", None),
        (register, "aliases", "info"),
        (declare_group, "members", 5),
        (declare_group, "members", "a b"),
        (declare_resource, "delegates", None),
    ],
)
def test_each_item_of_a_list_is_checked(declare: Declare, field: str, item: object) -> None:
    with pytest.raises(ValueError, match=rf"^Mail/It: {field} must be .*, got {item!r}$"):
        declare(new_stack(), "It", **{field: [item]})


@pytest.mark.parametrize(
    ("declare", "field", "value"),
    [
        (register, "entity_id", "a" * 256),
        (register, "entity_id", "r-0123456789a0123456789b0123456789"),
        (register, "entity_id", "S-1-1-12-1234567890-123456789-123456789-1234"),
        (register, "entity_id", "alice@example.com"),
        (register, "email", f"{'a' * 64}@example.com"),
        (register, "email", f"alice@{'a' * 244}.com"),
        *((register, "organization_region", region) for region in WORKMAIL_REGIONS),
        (declare_user, "name", "a" * 64),
        (declare_user, "name", "alice.b_c-1@example.com"),
        *((declare_user, option, "x" * 256) for option in USER_TEXTS),
        (declare_user, "display_name", "Ännchen\n$ 1"),
        (declare_user, "role", "USER"),
        (declare_user, "identity_provider_user_id", f"0123456789-{IDENTITY}"),
        (declare_group, "name", "A team, of ÿ & $ { }"),
        (declare_group, "name", "a" * 256),
        (declare_resource, "name", "a" * 20),
        (declare_resource, "type", "EQUIPMENT"),
        (declare_resource, "description", "x" * 64),
        (declare_resource, "description", ""),
    ],
)
def test_what_workmail_allows_is_in_the_template(
    declare: Declare, field: str, value: object
) -> None:
    stack = new_stack()
    declare(stack, "It", **{field: value})
    assert json.dumps(value) in json.dumps(Template.from_stack(stack).to_json())


@pytest.mark.parametrize("declare", EACH)
def test_tokens_are_not_checked(declare: Declare) -> None:
    stack = new_stack()
    token = CfnParameter(stack, "Token").value_as_string
    options = {"organization_id": token, "organization_region": token}
    own: dict[Declare, dict[str, Any]] = {
        register: {"entity_id": token, "email": token, "aliases": [token, token]},
        declare_user: {
            **dict.fromkeys(USER_TEXTS, token),
            "name": token,
            "role": token,
            "identity_provider_user_id": token,
        },
        declare_group: {"name": token, "members": [token, token]},
        declare_resource: {"name": token, "delegates": [token, token]},
    }
    # Not compared either: what two tokens are is known only at deployment.
    for id in ("One", "Two"):
        declare(stack, id, **options, **own[declare])
    text = json.dumps(Template.from_stack(stack).to_json())
    assert text.count('"OrganizationId": {"Ref": "Token"}') >= 2
    assert '"OrganizationRegion": {"Ref": "Token"}' in text


@pytest.mark.parametrize("declare", EACH)
def test_a_stack_elsewhere_needs_the_organizations_region(declare: Declare) -> None:
    stack = new_stack(env=Environment(region="eu-central-1"))
    expected = re.escape(
        "Mail/It: WorkMail is not in the stack's region 'eu-central-1': "
        "give organization_region, one of us-east-1, us-west-2, eu-west-1"
    )
    with pytest.raises(ValueError, match=f"^{expected}$"):
        declare(stack, "It")
    declare(stack, "Other", organization_region="eu-west-1")
    assert "eu-west-1" in json.dumps(Template.from_stack(stack).to_json())


@pytest.mark.parametrize("declare", ENTITIES)
@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (RemovalPolicy.SNAPSHOT, "give it to the registration, which has the mailbox"),
        (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, "WorkMail does not say when an entity was"),
    ],
)
def test_an_entity_is_retained_or_deleted(
    declare: Declare, policy: RemovalPolicy, why: str
) -> None:
    expected = f"^Mail/It: removal_policy must be RETAIN or DESTROY, got {policy.name}: {why}"
    with pytest.raises(ValueError, match=expected):
        declare(new_stack(), "It", removal_policy=policy)


def test_a_password_given_as_text_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError) as refused:
        declare_user(new_stack(), password="hunter2")
    expected = "Mail/Alice: password must be a secret of Secrets Manager, got a str"
    assert str(refused.value) == expected
