"""The bucket and the key of a `MailboxExport`."""

from __future__ import annotations

import json
import re
from typing import Any

import botocore.session
import pytest
from aws_cdk import App, CfnParameter, Duration, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from cdk_workmail import MailboxExport
from cdk_workmail.export import PREFIX
from tests.synth.roster import new_stack, only, resources

BUCKET = "AWS::S3::Bucket"
KEY = "AWS::KMS::Key"
KEY_ARN = "arn:aws:kms:eu-west-1:111111111111:key/12345678-1234-1234-1234-123456789012"


def test_the_bucket_is_private_versioned_and_encrypted_with_its_own_key() -> None:
    stack = new_stack()
    export = MailboxExport(stack, "Export")
    (key,) = resources(stack, KEY)
    assert only(resources(stack, BUCKET))["Properties"] == {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {
                    "ServerSideEncryptionByDefault": {
                        "SSEAlgorithm": "aws:kms",
                        "KMSMasterKeyID": {"Fn::GetAtt": [key, "Arn"]},
                    }
                }
            ]
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "VersioningConfiguration": {"Status": "Enabled"},
    }
    assert (export.prefix, export.maximum_age.to_hours()) == ("workmail", 24)


def test_the_key_is_symmetric_rotates_and_is_the_accounts() -> None:
    stack = new_stack()
    MailboxExport(stack, "Export")
    properties = only(resources(stack, KEY))["Properties"]
    policy = properties.pop("KeyPolicy")
    assert properties.pop("Description")
    # Without KeySpec and KeyUsage it is symmetric and for encryption.
    assert properties == {"EnableKeyRotation": True}
    (statement,) = policy["Statement"]
    assert json.dumps(statement["Principal"]).endswith(':root"]]}}')


def test_the_bucket_refuses_requests_without_tls() -> None:
    stack = new_stack()
    export = MailboxExport(stack, "Export")
    policy = only(resources(stack, "AWS::S3::BucketPolicy"))["Properties"]
    assert policy["Bucket"] == stack.resolve(export.bucket.bucket_name)
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Principal"] == {"AWS": "*"}
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_bucket_policy_and_key_are_retained() -> None:
    stack = new_stack()
    MailboxExport(stack, "Export")
    everything = Template.from_stack(stack).to_json()["Resources"].values()
    assert sorted(resource["Type"] for resource in everything) == [
        KEY,
        BUCKET,
        "AWS::S3::BucketPolicy",
    ]
    for resource in everything:
        assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


def test_the_ids_are_kept() -> None:
    """Another logical id is another bucket."""
    stack = new_stack()
    MailboxExport(stack, "Export")
    assert list(resources(stack, BUCKET)) == ["ExportBucketFD42BCED"]
    assert list(resources(stack, KEY)) == ["ExportKeyCEC9964D"]


def test_a_given_bucket_brings_its_key_which_is_checked() -> None:
    stack = new_stack()
    bucket = s3.Bucket(stack, "Mine", encryption=s3.BucketEncryption.KMS)
    export = MailboxExport(stack, "Export", bucket=bucket)
    assert export.bucket is bucket
    assert bucket.encryption_key
    assert export.encryption_key.key_arn == bucket.encryption_key.key_arn
    assert len(resources(stack, BUCKET)) == len(resources(stack, KEY)) == 1
    asymmetric = kms.Key(stack, "Rsa", key_spec=kms.KeySpec.RSA_2048)
    bucket = s3.Bucket(stack, "Other", encryption_key=asymmetric)
    with pytest.raises(ValueError, match=r"^Mail/Two: encryption_key must have the KeySpec"):
        MailboxExport(stack, "Two", bucket=bucket)


def test_a_given_bucket_without_a_key_gets_one() -> None:
    stack = new_stack()
    MailboxExport(stack, "Export", bucket=s3.Bucket.from_bucket_name(stack, "Mine", "mine"))
    assert resources(stack, BUCKET) == {}
    assert only(resources(stack, KEY))["DeletionPolicy"] == "Retain"


def test_a_given_key_encrypts_the_bucket_that_is_made() -> None:
    stack = new_stack()
    key = kms.Key.from_key_arn(stack, "Mine", KEY_ARN)
    export = MailboxExport(stack, "Export", encryption_key=key)
    assert export.encryption_key is key
    assert resources(stack, KEY) == {}
    assert KEY_ARN in json.dumps(only(resources(stack, BUCKET)))


def closed_policy() -> iam.PolicyDocument:
    """A key's policy that leaves nothing to IAM."""
    role = iam.ArnPrincipal("arn:aws:iam::111111111111:role/Security")
    statement = iam.PolicyStatement(principals=[role], actions=["kms:*"], resources=["*"])
    return iam.PolicyDocument(statements=[statement])


@pytest.mark.parametrize("level", [1, 2])
def test_a_key_of_this_app_lets_in_roles_of_exports_through_s3_only(level: int) -> None:
    app = App()
    keys = Stack(app, "Keys")
    if level == 1:
        declared = kms.CfnKey(keys, "Mine", key_policy=closed_policy().to_json())
        key = kms.Key.from_cfn_key(declared)
    else:
        key = kms.Key(keys, "Mine", policy=closed_policy())
    MailboxExport(Stack(app, "Mail"), "Export", encryption_key=key)
    _, added = only(resources(keys, KEY))["Properties"]["KeyPolicy"]["Statement"]
    account = ["arn:", {"Ref": "AWS::Partition"}, ":iam::", {"Ref": "AWS::AccountId"}]
    region = {"Ref": "AWS::Region"}
    assert added == {
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Condition": {
            "StringEquals": {"kms:ViaService": joined("s3.", region, ".amazonaws.com")},
            "ArnLike": {"aws:PrincipalArn": joined(*account, ":role/cdk-workmail/*")},
        },
        "Effect": "Allow",
        "Principal": {"AWS": joined(*account, ":root")},
        "Resource": "*",
    }


def joined(*parts: Any) -> dict[str, Any]:
    merged: list[Any] = []
    for part in parts:
        if merged and isinstance(part, str) and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return {"Fn::Join": ["", merged]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key_spec": kms.KeySpec.RSA_2048}, "KeySpec SYMMETRIC_DEFAULT, got RSA_2048"),
        (
            {"key_spec": kms.KeySpec.HMAC_256, "key_usage": kms.KeyUsage.GENERATE_VERIFY_MAC},
            "KeySpec SYMMETRIC_DEFAULT, got HMAC_256",
        ),
    ],
)
def test_a_key_that_is_not_symmetric_is_refused(options: dict[str, Any], message: str) -> None:
    stack = new_stack()
    key = kms.Key(stack, "Mine", **options)
    with pytest.raises(
        ValueError, match=f"^Mail/Export: encryption_key must have the {message}: WorkMail exports"
    ):
        MailboxExport(stack, "Export", encryption_key=key)


def test_a_declared_key_for_something_else_is_refused() -> None:
    stack = new_stack()
    policy = closed_policy().to_json()
    declared = kms.CfnKey(stack, "Mine", key_policy=policy, key_usage="SIGN_VERIFY")
    key = kms.Key.from_cfn_key(declared)
    with pytest.raises(ValueError, match=r"the KeyUsage ENCRYPT_DECRYPT, got SIGN_VERIFY"):
        MailboxExport(stack, "Export", encryption_key=key)


def test_a_key_that_says_what_is_the_default_or_a_token_is_accepted() -> None:
    stack = new_stack()
    spec = CfnParameter(stack, "Spec").value_as_string
    plain = kms.Key(
        stack,
        "Plain",
        key_spec=kms.KeySpec.SYMMETRIC_DEFAULT,
        key_usage=kms.KeyUsage.ENCRYPT_DECRYPT,
    )
    later = kms.CfnKey(stack, "Later", key_policy=closed_policy().to_json(), key_spec=spec)
    MailboxExport(stack, "One", encryption_key=plain)
    MailboxExport(stack, "Two", encryption_key=kms.Key.from_cfn_key(later))
    assert len(resources(stack, BUCKET)) == 2


@pytest.mark.parametrize(
    "prefix",
    ["", "/", "/mail", "mail/", "two words", "mail\n", "ä", "a:b", "${aws:x}", "a" * 701, "mail/*"],
)
def test_a_prefix_that_workmail_or_the_policy_would_take_otherwise_is_refused(prefix: str) -> None:
    expected = re.escape(
        "Mail/Export: prefix must be 1 to 700 letters, digits and ! _ . ' ( ) / -, without / at "
        f"its beginning or end, got {prefix!r}"
    )
    with pytest.raises(ValueError, match=f"^{expected}$"):
        MailboxExport(new_stack(), "Export", prefix=prefix)


@pytest.mark.parametrize("prefix", ["a", "mail/2027", "It's_(the).last-one!", "a" * 700])
def test_what_workmail_allows_in_a_prefix_is_allowed(prefix: str) -> None:
    assert MailboxExport(new_stack(), "Export", prefix=prefix).prefix == prefix
    model = botocore.session.get_session().get_service_model("workmail")
    shape = model.operation_model("StartMailboxExportJob").input_shape
    assert shape is not None
    described = shape.members["S3Prefix"].metadata
    assert re.fullmatch(described["pattern"], prefix)
    # Organization, entity and time that the function appends, and as much for WorkMail's file.
    appended = len(f"/m-{'0' * 32}/{'e' * 256}/20270101T000000Z")
    assert PREFIX.longest + appended <= described["max"]


def test_a_prefix_may_be_a_token() -> None:
    stack = new_stack()
    prefix = CfnParameter(stack, "Prefix").value_as_string
    assert MailboxExport(stack, "Export", prefix=prefix).prefix == prefix


@pytest.mark.parametrize(
    ("age", "got"),
    [
        (Duration.seconds(604801), "604801"),
        (Duration.days(8), "691200"),
        (Duration.millis(1500), "1.5"),
    ],
)
def test_an_age_that_workmail_does_not_list_is_refused(age: Duration, got: str) -> None:
    expected = re.escape(
        f"Mail/Export: maximum_age must be 0 to 604800 whole seconds, got {got}: "
        f"WorkMail lists exports for seven days"
    )
    with pytest.raises(ValueError, match=f"^{expected}$"):
        MailboxExport(new_stack(), "Export", maximum_age=age)


@pytest.mark.parametrize("seconds", [0, 604800])
def test_the_longest_and_the_shortest_age_are_allowed(seconds: int) -> None:
    age = Duration.seconds(seconds)
    assert MailboxExport(new_stack(), "Export", maximum_age=age).maximum_age is age


def test_an_age_that_is_not_known_at_synth_is_refused() -> None:
    stack = new_stack()
    age = Duration.seconds(Token.as_number({"Ref": "Age"}))
    with pytest.raises(ValueError, match=r"^Mail/Export: maximum_age must be known at synth"):
        MailboxExport(stack, "Export", maximum_age=age)
