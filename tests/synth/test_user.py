"""Users and their passwords."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import CfnParameter, Environment, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager

from cdk_workmail import WorkMailProvider
from tests.synth.roster import (
    POLICY,
    REGISTRATION,
    USER,
    USER_TEXTS,
    declare_user,
    needed_by,
    new_stack,
    only,
    parameters,
    properties_of,
    resources,
)

SECRET = "AWS::SecretsManager::Secret"
IDENTITY = "12345678-1234-1234-1234-123456789012"
IRELAND = Environment(account="111111111111", region="eu-west-1")


def reading(stack: Stack) -> dict[str, Any]:
    """The policy that lets the function read passwords; empty if there is none."""
    return {
        id: policy
        for id, policy in resources(stack, POLICY).items()
        if "secretsmanager:" in json.dumps(policy["Properties"]["PolicyDocument"])
    }


def read_by(stack: Stack) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]]
    statements = only(reading(stack))["Properties"]["PolicyDocument"]["Statement"]
    return statements


def test_every_attribute_has_workmails_own_name() -> None:
    stack = new_stack()
    texts = {option: f"a {option}" for option in USER_TEXTS}
    declare_user(
        stack,
        **texts,
        role="REMOTE_USER",
        hidden_from_global_address_list=False,
        identity_provider_user_id=IDENTITY,
        reset_password=None,
    )
    attributes = properties_of(stack, USER)["Attributes"]
    assert attributes == {USER_TEXTS[option]: text for option, text in texts.items()} | {
        "Role": "REMOTE_USER",
        "HiddenFromGlobalAddressList": False,
        "IdentityProviderUserId": IDENTITY,
    }
    assert attributes.keys() == parameters("UpdateUser").keys() - {"OrganizationId", "UserId"}


def test_an_attribute_can_be_emptied() -> None:
    stack = new_stack()
    declare_user(stack, office="")
    assert properties_of(stack, USER)["Attributes"]["Office"] == ""


OF_THIS_STACK = {"Fn::Join": ["", [{"Ref": "AWS::StackId"}, "/Permissions"]]}


def test_a_password_is_generated_tagged_and_retained() -> None:
    """Also with a user that is deleted."""
    stack = new_stack()
    user = declare_user(stack, removal_policy=RemovalPolicy.DESTROY)
    ((id, secret),) = resources(stack, SECRET).items()
    assert properties_of(stack, USER)["PasswordSecretArn"] == {"Ref": id}
    assert user.password is user.node.find_child("Password")
    assert secret["DeletionPolicy"] == secret["UpdateReplacePolicy"] == "Retain"
    # Without a template the secret's whole text is the password.
    assert secret["Properties"] == {
        "Description": "Password of the Amazon WorkMail user alice",
        "GenerateSecretString": {"PasswordLength": 32, "ExcludeCharacters": "\"'`\\ "},
        "Tags": [{"Key": "cdk-workmail-passwords", "Value": OF_THIS_STACK}],
    }


def test_a_generated_password_is_one_that_workmail_takes() -> None:
    """Letters, digits and punctuation are what Secrets Manager has; all of it is ASCII."""
    assert parameters("CreateUser")["Password"] == {
        "max": 256,
        "pattern": "[\\u0020-\\u00FF]+",
        "sensitive": True,
    }


@pytest.mark.parametrize("given", [False, True])
def test_a_user_of_an_identity_provider_has_a_password_only_if_given(given: bool) -> None:
    stack = new_stack()
    secret = secretsmanager.Secret(stack, "Mine") if given else None
    user = declare_user(stack, identity_provider_user_id=IDENTITY, password=secret)
    assert user.password is secret
    assert len(resources(stack, SECRET)) == len(reading(stack)) == given
    assert ("PasswordSecretArn" in properties_of(stack, USER)) == given


GIVEN_ARN = f"arn:aws:secretsmanager:eu-west-1:111111111111:secret:alice-{'a' * 6}"


@pytest.mark.parametrize(
    ("given", "arn"),
    [
        (lambda stack: secretsmanager.Secret(stack, "Mine"), {"Ref": "MineC1B42D3A"}),
        (
            lambda stack: secretsmanager.Secret.from_secret_complete_arn(stack, "Mine", GIVEN_ARN),
            GIVEN_ARN,
        ),
        (
            lambda stack: secretsmanager.Secret.from_secret_complete_arn(
                stack, "Mine", CfnParameter(stack, "Arn").value_as_string
            ),
            {"Ref": "Arn"},
        ),
        (
            lambda stack: secretsmanager.Secret(
                Stack(stack.node.root, "Other", env=IRELAND), "Mine"
            ),
            {"Fn::ImportValue": "Other:ExportsOutputRefMineC1B42D3A9863FEC7"},
        ),
    ],
    ids=["of this stack", "by its complete arn", "by a token", "of another stack"],
)
def test_a_given_password_is_the_one_that_is_read(
    given: Callable[[Stack], secretsmanager.ISecret], arn: object
) -> None:
    stack = new_stack(env=IRELAND)
    secret = given(stack)
    user = declare_user(stack, password=secret)
    assert user.password is secret
    assert properties_of(stack, USER)["PasswordSecretArn"] == arn
    (statement,) = read_by(stack)
    assert statement["Resource"] == arn
    assert "Condition" not in statement


def test_a_secret_that_is_known_by_its_name_is_read_whatever_it_ends_with() -> None:
    """Secrets Manager appends a hyphen and six characters to the name."""
    stack = new_stack(env=IRELAND)
    declare_user(stack, password=secretsmanager.Secret.from_secret_name_v2(stack, "Mine", "alice"))
    (statement,) = read_by(stack)
    *front, end = properties_of(stack, USER)["PasswordSecretArn"]["Fn::Join"][1]
    assert end.endswith(":secret:alice")
    assert statement["Resource"] == {"Fn::Join": ["", [*front, f"{end}-??????"]]}


def test_the_function_reads_generated_passwords_by_their_tag_and_given_ones_by_their_arn() -> None:
    stack = new_stack(env=IRELAND)
    shared = secretsmanager.Secret(stack, "Mine")
    for id in ("Alice", "Bob"):
        declare_user(stack, id)
    for id in ("Carol", "Dave"):
        declare_user(stack, id, password=shared)
    secretsmanager.Secret(stack, "Other")
    every = ":secretsmanager:eu-west-1:111111111111:secret:*"
    assert read_by(stack) == [
        {
            "Action": "secretsmanager:GetSecretValue",
            "Condition": {
                "StringEquals": {"secretsmanager:ResourceTag/cdk-workmail-passwords": OF_THIS_STACK}
            },
            "Effect": "Allow",
            "Resource": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, every]]},
        },
        {
            "Action": "secretsmanager:GetSecretValue",
            "Effect": "Allow",
            "Resource": stack.resolve(shared.secret_arn),
        },
    ]
    # So neither the given nor the other secret is readable by the first statement.
    tagged = {id for id, each in resources(stack, SECRET).items() if "Tags" in each["Properties"]}
    assert {id.partition("Password")[0] for id in tagged} == {"Alice", "Bob"}


def test_a_thousand_generated_passwords_fit_in_the_roles_policies() -> None:
    """A policy for one is as large as for all, and a stack of them needs no other."""
    sizes = set()
    for count in (1, 40):
        stack = new_stack()
        for number in range(count):
            declare_user(stack, f"User{number}")
        policies = [each["Properties"] for each in resources(stack, POLICY).values()]
        sizes.add(json.dumps([policy["PolicyDocument"] for policy in policies]))
    assert len(sizes) == 1


def test_a_secret_with_a_key_of_its_own_is_decrypted_through_secrets_manager() -> None:
    stack = new_stack(env=IRELAND)
    one, two = kms.Key(stack, "One"), kms.Key(stack, "Two")
    for id, key in (("Alice", one), ("Bob", two), ("Carol", one)):
        secret = secretsmanager.Secret(stack, f"{id}Secret", encryption_key=key)
        declare_user(stack, id, password=secret)
    secrets, keys = read_by(stack)
    assert len(secrets["Resource"]) == 3
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


def test_each_function_of_a_stack_reads_the_passwords_of_its_own_users() -> None:
    stack = new_stack()
    declare_user(stack, "Alice")
    declare_user(stack, "Bob", provider=WorkMailProvider(stack, "Provider"))
    read = [policy["Properties"] for policy in reading(stack).values()]
    assert len(read) == len({json.dumps(each["Roles"]) for each in read}) == 2
    tags = [each["Properties"]["Tags"][0]["Value"] for each in resources(stack, SECRET).values()]
    conditions = [
        condition
        for each in read
        for statement in each["PolicyDocument"]["Statement"]
        for condition in statement["Condition"]["StringEquals"].values()
    ]
    assert conditions == tags
    assert tags[0] != tags[1]


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


def test_attributes_that_a_new_user_cannot_have_are_set_once_it_is_enabled() -> None:
    """WorkMail may refuse UpdateUser for a disabled user; CreateUser does not take all of them."""
    stack = new_stack()
    texts = {option: f"a {option}" for option in USER_TEXTS}
    texts["office"] = CfnParameter(stack, "Office").value_as_string
    user = declare_user(stack, **texts, role="USER")
    user.enable(email="alice@example.com")
    created = properties_of(stack, USER)["Attributes"]
    registration = only(resources(stack, REGISTRATION))
    updated = registration["Properties"]["UserAttributes"]
    assert created.keys() | {"IdentityProviderUserId", "HiddenFromGlobalAddressList"} == (
        parameters("CreateUser").keys() - {"OrganizationId", "Name", "Password"}
    )
    texts_by_name = {USER_TEXTS[option]: stack.resolve(text) for option, text in texts.items()}
    assert created | updated == texts_by_name | {"Role": "USER"}
    assert not created.keys() & updated.keys()
    (needed,) = (id for id, each in resources(stack, POLICY).items() if "UpdateUser" in str(each))
    assert needed in registration["DependsOn"]


def test_a_registration_without_such_attributes_needs_nothing_of_them() -> None:
    stack = new_stack()
    declare_user(stack, "Alice", first_name="A").enable(email="alice@example.com")
    declare_user(stack, "Bob", office="1")
    registration = only(resources(stack, REGISTRATION))
    assert "UserAttributes" not in registration["Properties"]
    assert not [id for id in registration["DependsOn"] if "PermissionsUser" in id]
    _, bob = resources(stack, USER).values()
    assert bob["Properties"]["Attributes"] == {"DisplayName": "Bob", "Office": "1"}
