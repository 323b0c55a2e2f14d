"""Users and their passwords."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import botocore.session
import pytest
from aws_cdk import App, CfnParameter, Environment, Fn, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager

from cdk_workmail import WorkMailProvider, WorkMailUser
from cdk_workmail._validation import IDENTITY_PROVIDER_USER_ID, USER_NAME, USER_ROLE
from cdk_workmail.user import _KIND
from tests.synth.roster import (
    ORGANIZATION,
    POLICY,
    USER,
    declare_user,
    needed_by,
    new_stack,
    only,
    properties_of,
    resources,
)

SECRET = "AWS::SecretsManager::Secret"
IDENTITY = "12345678-1234-1234-1234-123456789012"
TEXTS = {
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
IRELAND = Environment(account="111111111111", region="eu-west-1")


def members(operation: str) -> dict[str, Any]:
    model = botocore.session.get_session().get_service_model("workmail")
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    return {name: member.metadata for name, member in shape.members.items()}


def reading(stack: Stack) -> dict[str, Any]:
    """The policy that lets the function read passwords; empty if there is none."""
    found = {
        id: policy
        for id, policy in resources(stack, POLICY).items()
        if "secretsmanager:" in json.dumps(policy["Properties"]["PolicyDocument"])
    }
    return found


def read_by(stack: Stack) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]]
    statements = only(reading(stack))["Properties"]["PolicyDocument"]["Statement"]
    return statements


def test_the_resource_says_what_was_declared_and_nothing_else() -> None:
    stack = new_stack()
    provider = declare_user(stack).provider
    (secret,) = resources(stack, SECRET)
    assert properties_of(stack, USER) == {
        "ServiceToken": stack.resolve(provider.service_token),
        "ServiceTimeout": 630,
        "OrganizationId": ORGANIZATION,
        "Name": "alice",
        "AdoptExisting": True,
        "Attributes": {"DisplayName": "Alice"},
        "PasswordSecretArn": {"Ref": secret},
    }


def test_every_attribute_has_workmails_own_name() -> None:
    stack = new_stack()
    texts = {option: f"a {option}" for option in TEXTS}
    declare_user(
        stack,
        **texts,
        role="REMOTE_USER",
        hidden_from_global_address_list=False,
        identity_provider_user_id=IDENTITY,
        reset_password=None,
    )
    attributes = properties_of(stack, USER)["Attributes"]
    assert attributes == {TEXTS[option]: text for option, text in texts.items()} | {
        "Role": "REMOTE_USER",
        "HiddenFromGlobalAddressList": False,
        "IdentityProviderUserId": IDENTITY,
    }
    assert attributes.keys() == members("UpdateUser").keys() - {"OrganizationId", "UserId"}


def test_an_attribute_can_be_emptied() -> None:
    stack = new_stack()
    declare_user(stack, office="")
    assert properties_of(stack, USER)["Attributes"]["Office"] == ""


def test_the_rules_are_those_of_the_service_model() -> None:
    described = members("CreateUser")
    for rule, member in (
        (USER_NAME, described["Name"]),
        (IDENTITY_PROVIDER_USER_ID, described["IdentityProviderUserId"]),
    ):
        assert rule.pattern.pattern == member["pattern"]
        assert rule.longest == member["max"]
        assert not rule.accepts("")
    updated = members("UpdateUser")
    for option, member in TEXTS.items():
        assert _KIND.attributes[option].longest == updated[member]["max"]
        assert "pattern" not in updated[member]
    # The others are refused in a request: https://docs.aws.amazon.com/workmail/latest/APIReference
    assert [role for role in described["Role"]["enum"] if USER_ROLE.accepts(role)] == [
        "USER",
        "REMOTE_USER",
    ]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("name", ""),
        ("name", "a" * 65),
        ("name", "two words"),
        ("name", "änne"),
        ("name", "alice@example"),
        ("name", "alice\n"),
        *((option, "x" * 257) for option in TEXTS),
        ("role", "SYSTEM_USER"),
        ("role", "user"),
        ("identity_provider_user_id", ""),
        ("identity_provider_user_id", "alice"),
    ],
)
def test_what_workmail_would_refuse_is_an_error(option: str, value: str) -> None:
    with pytest.raises(ValueError) as refused:
        declare_user(new_stack(), **{option: value})
    message = str(refused.value)
    assert message.startswith(f"Mail/Alice: {option} must be ")
    assert message.endswith(f", got {value!r}")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("name", "a" * 64),
        ("name", "alice.b_c-1@example.com"),
        ("display_name", "x" * 256),
        ("display_name", "Ännchen\n$ 1"),
        ("role", "USER"),
        ("identity_provider_user_id", f"0123456789-{IDENTITY}"),
    ],
)
def test_what_workmail_allows_is_allowed(option: str, value: str) -> None:
    declare_user(new_stack(), **{option: value})


def test_tokens_are_not_checked() -> None:
    stack = new_stack()
    token = CfnParameter(stack, "Token").value_as_string
    texts = dict.fromkeys(TEXTS, token)
    declare_user(
        stack,
        **texts,
        organization_id=token,
        name=token,
        role=token,
        identity_provider_user_id=token,
        organization_region=token,
    )
    properties = properties_of(stack, USER)
    assert properties["Name"] == properties["Attributes"]["City"] == {"Ref": "Token"}


def test_a_password_is_generated_and_outlives_the_stack() -> None:
    stack = new_stack()
    user = declare_user(stack)
    secret = only(resources(stack, SECRET))
    assert user.password is user.node.find_child("Password")
    assert secret["DeletionPolicy"] == secret["UpdateReplacePolicy"] == "Retain"
    # Without a template the secret's whole text is the password.
    assert secret["Properties"] == {
        "Description": "Password of the Amazon WorkMail user alice",
        "GenerateSecretString": {"PasswordLength": 32, "ExcludeCharacters": "\"'`\\ "},
    }


def test_a_generated_password_is_one_that_workmail_takes() -> None:
    """Letters, digits and punctuation are what Secrets Manager has; all of it is ASCII."""
    assert members("CreateUser")["Password"] == {
        "max": 256,
        "pattern": "[\\u0020-\\u00FF]+",
        "sensitive": True,
    }


def test_a_given_password_is_the_one_that_is_read() -> None:
    stack = new_stack()
    secret = secretsmanager.Secret(stack, "Mine")
    user = declare_user(stack, password=secret)
    (id,) = resources(stack, SECRET)
    assert user.password is secret
    assert properties_of(stack, USER)["PasswordSecretArn"] == {"Ref": id}


@pytest.mark.parametrize("given", [False, True])
def test_a_user_of_an_identity_provider_has_a_password_only_if_given(given: bool) -> None:
    stack = new_stack()
    secret = secretsmanager.Secret(stack, "Mine") if given else None
    user = declare_user(stack, identity_provider_user_id=IDENTITY, password=secret)
    assert user.password is secret
    assert len(resources(stack, SECRET)) == len(reading(stack)) == given
    assert ("PasswordSecretArn" in properties_of(stack, USER)) == given


def test_the_function_may_read_these_secrets_and_no_others() -> None:
    stack = new_stack()
    shared = secretsmanager.Secret(stack, "Mine")
    for id in ("Alice", "Bob"):
        declare_user(stack, id)
    for id in ("Carol", "Dave"):
        declare_user(stack, id, password=shared)
    secretsmanager.Secret(stack, "Other")
    expected = ["AlicePassword25D58691", "BobPassword0A6A4E60", stack.resolve(shared.secret_arn)]
    assert read_by(stack) == [
        {
            "Action": "secretsmanager:GetSecretValue",
            "Effect": "Allow",
            "Resource": [{"Ref": expected[0]}, {"Ref": expected[1]}, expected[2]],
        }
    ]


def test_a_secret_that_is_known_by_its_name_is_read_whatever_it_ends_with() -> None:
    """Secrets Manager appends a hyphen and six characters to the name."""
    stack = new_stack(env=IRELAND)
    declare_user(stack, password=secretsmanager.Secret.from_secret_name_v2(stack, "Mine", "alice"))
    (statement,) = read_by(stack)
    arn = properties_of(stack, USER)["PasswordSecretArn"]
    *front, end = arn["Fn::Join"][1]
    assert end.endswith(":secret:alice")
    assert statement["Resource"] == {"Fn::Join": ["", [*front, f"{end}-??????"]]}


def test_a_secret_that_is_known_by_its_arn_is_read() -> None:
    stack = new_stack()
    arn = f"arn:aws:secretsmanager:eu-west-1:111111111111:secret:alice-{'a' * 6}"
    secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Mine", arn)
    declare_user(stack, password=secret)
    (statement,) = read_by(stack)
    assert statement["Resource"] == arn


def test_a_secret_with_a_key_of_its_own_is_decrypted_through_secrets_manager() -> None:
    stack = new_stack(env=IRELAND)
    one, two = kms.Key(stack, "One"), kms.Key(stack, "Two")
    for id, key in (("Alice", one), ("Bob", two), ("Carol", one)):
        secret = secretsmanager.Secret(stack, f"{id}Secret", encryption_key=key)
        declare_user(stack, id, password=secret)
    declare_user(stack, "Dave")
    secrets, keys = read_by(stack)
    assert len(secrets["Resource"]) == 4
    assert keys == {
        "Action": "kms:Decrypt",
        "Condition": {"StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}},
        "Effect": "Allow",
        "Resource": [stack.resolve(one.key_arn), stack.resolve(two.key_arn)],
    }


def test_a_user_needs_its_secret_and_what_lets_the_function_read_it() -> None:
    stack = new_stack()
    declare_user(stack)
    declare_user(stack, "Sso", identity_provider_user_id=IDENTITY)
    (policy,) = reading(stack)
    alice, sso = resources(stack, USER)
    assert {policy, *resources(stack, SECRET)} <= needed_by(stack, alice)
    assert policy not in needed_by(stack, sso)


def test_each_function_of_a_stack_reads_what_its_users_have() -> None:
    stack = new_stack()
    declare_user(stack, "Alice")
    declare_user(stack, "Bob", provider=WorkMailProvider(stack, "Provider"))
    read = [policy["Properties"] for policy in reading(stack).values()]
    assert len(read) == len({json.dumps(each["Roles"]) for each in read}) == 2


def test_a_secret_of_another_stack_is_read_by_the_policy_of_the_users() -> None:
    app = App()
    secret = secretsmanager.Secret(Stack(app, "Secrets"), "Mine")
    provider = WorkMailProvider(Stack(app, "Shared"), "Provider")
    mail = Stack(app, "Mail")
    declare_user(mail, password=secret, provider=provider)
    (statement,) = read_by(mail)
    assert list(statement["Resource"]) == ["Fn::ImportValue"]


def test_a_secret_elsewhere_is_refused() -> None:
    stack = new_stack(env=IRELAND)
    arn = f"arn:aws:secretsmanager:us-east-1:111111111111:secret:alice-{'a' * 6}"
    secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Mine", arn)
    expected = re.escape(
        "Mail/Alice: password must be in the stack's region 'eu-west-1', got 'us-east-1' of "
        "Mail/Mine: the function is there and reads it"
    )
    with pytest.raises(ValueError, match=f"^{expected}$"):
        declare_user(stack, password=secret)


def test_a_secret_that_is_somewhere_only_when_deployed_is_not_refused() -> None:
    stack = new_stack(env=IRELAND)
    arn = CfnParameter(stack, "Arn").value_as_string
    secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Mine", arn)
    declare_user(stack, password=secret)
    assert properties_of(stack, USER)["PasswordSecretArn"] == {"Ref": "Arn"}


def test_a_password_is_reset_by_a_permission_of_its_own() -> None:
    stack = new_stack()
    declare_user(stack, "Alice", reset_password="2026-11-22")
    declare_user(stack, "Bob")
    found = {
        id: policy
        for id, policy in resources(stack, POLICY).items()
        if "workmail:ResetPassword" in json.dumps(policy)
    }
    (statement,) = only(found)["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "workmail:ResetPassword"
    alice, bob = resources(stack, USER).values()
    assert alice["Properties"]["ResetPassword"] == "2026-11-22"
    assert "ResetPassword" not in bob["Properties"]
    assert found.keys() <= set(alice["DependsOn"])
    assert not found.keys() & set(bob["DependsOn"])


def test_a_reset_without_a_secret_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match=r"^Mail/Alice: reset_password must come with password, got "
        r"identity_provider_user_id alone: there is no secret",
    ):
        declare_user(new_stack(), identity_provider_user_id=IDENTITY, reset_password="1")


def test_an_empty_reset_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^Mail/Alice: reset_password must be a text, got ''$"):
        declare_user(new_stack(), reset_password="")


def test_no_option_takes_a_password_as_text() -> None:
    """What is in a template can be read by whoever can read the stack."""
    annotations = inspect.get_annotations(WorkMailUser.__init__)
    assert annotations["password"] == "secretsmanager.ISecret | None"
    stack = new_stack()
    declare_user(stack, organization_id=Fn.import_value("Organization"))
    properties = properties_of(stack, USER)
    assert list(properties["PasswordSecretArn"]) == ["Ref"]
    assert "resolve:secretsmanager" not in json.dumps(properties)


def test_a_deleted_user_keeps_its_secret() -> None:
    stack = new_stack()
    declare_user(stack, removal_policy=RemovalPolicy.DESTROY)
    assert only(resources(stack, SECRET))["DeletionPolicy"] == "Retain"
