"""Registrations that are exported before they are deregistered."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from aws_cdk import Annotations as Noted
from aws_cdk import (
    App,
    CfnParameter,
    Duration,
    Environment,
    RemovalPolicy,
    Stack,
)
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Annotations, Match
from constructs import Construct

from cdk_workmail import MailboxExport, WorkMailProvider, WorkMailRegistration
from tests.synth.roster import (
    ORGANIZATION,
    OTHER_ORGANIZATION,
    POLICY,
    REGISTRATION,
    everything,
    needed_by,
    new_stack,
    only,
    register,
    resources,
)

ROLE = "AWS::IAM::Role"
EXPORT_SERVICE = "export.workmail.amazonaws.com"
IRELAND = Environment(account="111111111111", region="eu-west-1")
BUCKET_ARN = {"Fn::GetAtt": ["ExportBucketFD42BCED", "Arn"]}
KEY_ARN = {"Fn::GetAtt": ["ExportKeyCEC9964D", "Arn"]}


def snapshot(
    scope: Construct, id: str, export: MailboxExport, **declared: Any
) -> WorkMailRegistration:
    return register(
        scope, id, removal_policy=RemovalPolicy.SNAPSHOT, mailbox_export=export, **declared
    )


def arn_of(organization: str) -> dict[str, Any]:
    """In `IRELAND`."""
    tail = f":workmail:eu-west-1:111111111111:organization/{organization}"
    return {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, tail]]}


def export_roles(stack: Stack) -> dict[str, dict[str, Any]]:
    return {
        id: role["Properties"]
        for id, role in resources(stack, ROLE).items()
        if EXPORT_SERVICE in json.dumps(role)
    }


def policies(stack: Stack, action: str) -> dict[str, dict[str, Any]]:
    """The policies that allow the action, by logical id."""
    return {
        id: policy["Properties"]
        for id, policy in resources(stack, POLICY).items()
        if f'"{action}"' in json.dumps(policy["Properties"]["PolicyDocument"])
    }


def test_the_resource_declares_where_to_export_to_and_has_an_hour() -> None:
    stack = new_stack()
    export = MailboxExport(stack, "Export", prefix="last", maximum_age=Duration.minutes(5))
    provider = snapshot(stack, "Alice", export).provider
    resource = only(resources(stack, REGISTRATION))
    (role,) = export_roles(stack)
    assert resource["Properties"] == {
        "ServiceToken": stack.resolve(provider.service_token),
        "ServiceTimeout": 3600,
        "OrganizationId": ORGANIZATION,
        "EntityId": "alice",
        "Email": "alice@example.com",
        "AdoptExisting": True,
        "MailboxExport": {
            "RoleArn": {"Fn::GetAtt": [role, "Arn"]},
            "KmsKeyArn": KEY_ARN,
            "BucketName": {"Ref": "ExportBucketFD42BCED"},
            "Prefix": "last",
            "MaximumAge": 300,
        },
    }
    # CloudFormation refuses a DeletionPolicy of Snapshot for custom resources.
    assert not {"DeletionPolicy", "UpdateReplacePolicy"} & resource.keys()


def test_snapshot_without_an_export_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match=r"^Mail/Alice: removal_policy SNAPSHOT must come with mailbox_export, got none: "
        r"create a MailboxExport, or keep the mailbox with RETAIN$",
    ):
        register(new_stack(), removal_policy=RemovalPolicy.SNAPSHOT)


@pytest.mark.parametrize(
    ("policy", "got"),
    [(None, "none"), (RemovalPolicy.DESTROY, "DESTROY"), (RemovalPolicy.RETAIN, "RETAIN")],
)
def test_an_export_without_snapshot_is_refused(policy: RemovalPolicy | None, got: str) -> None:
    stack = new_stack()
    export = MailboxExport(stack, "Export")
    with pytest.raises(
        ValueError,
        match=rf"^Mail/Alice: mailbox_export must come with removal_policy SNAPSHOT, got {got}: "
        rf"without SNAPSHOT nothing is exported$",
    ):
        register(stack, removal_policy=policy, mailbox_export=export)


@pytest.mark.parametrize("what", ["bucket", "encryption_key"])
def test_bucket_and_key_are_in_the_organizations_region(what: str) -> None:
    stack = new_stack(env=IRELAND)
    here = MailboxExport(stack, "Here")
    given: dict[str, Any] = {"bucket": here.bucket, "encryption_key": here.encryption_key}
    elsewhere: dict[str, Any] = {
        "bucket": s3.Bucket.from_bucket_attributes(
            stack, "Bucket", bucket_name="mine", region="us-east-1"
        ),
        "encryption_key": kms.Key.from_key_arn(
            stack, "Key", f"arn:aws:kms:us-east-1:111111111111:key/{'0' * 8}"
        ),
    }
    export = MailboxExport(stack, "Export", **(given | {what: elsewhere[what]}))
    expected = re.escape(
        f"Mail/Alice: mailbox_export must have its {what} in the organization's region "
        f"'eu-west-1', got 'us-east-1' of Mail/Export: WorkMail exports within a region only"
    )
    with pytest.raises(ValueError, match=f"^{expected}$"):
        snapshot(stack, "Alice", export)


def test_the_region_is_the_organizations_and_not_the_stacks() -> None:
    app = App()
    stack = Stack(app, "Mail", env=Environment(account="111111111111", region="eu-central-1"))
    with pytest.raises(ValueError, match=r"organization's region 'eu-west-1', got 'eu-central-1'"):
        snapshot(stack, "Alice", MailboxExport(stack, "Near"), organization_region="eu-west-1")
    far = MailboxExport(
        stack,
        "Far",
        bucket=s3.Bucket.from_bucket_attributes(
            stack, "Bucket", bucket_name="mine", region="eu-west-1"
        ),
        encryption_key=kms.Key.from_key_arn(
            stack, "Key", f"arn:aws:kms:eu-west-1:111111111111:key/{'0' * 8}"
        ),
    )
    snapshot(stack, "Bob", far, organization_region="eu-west-1")
    (role,) = export_roles(stack).values()
    text = json.dumps(role)
    assert '"s3.eu-west-1.amazonaws.com"' in text
    assert ":workmail:eu-west-1:111111111111:" in text
    assert "eu-central-1" not in text


def test_regions_that_are_tokens_are_not_compared() -> None:
    stack = new_stack()
    export = MailboxExport(stack, "Export")
    snapshot(stack, "Alice", export, organization_region="eu-west-1")
    here = Stack(App(), "Mail", env=IRELAND)
    region = CfnParameter(here, "Region").value_as_string
    snapshot(here, "Bob", MailboxExport(here, "Export"), organization_region=region)
    assert len(export_roles(stack)) == len(export_roles(here)) == 1


def test_a_function_with_too_little_time_is_refused() -> None:
    stack = new_stack()
    export = MailboxExport(stack, "Export")
    short = WorkMailProvider(stack, "Short", timeout=Duration.seconds(299))
    enough = WorkMailProvider(stack, "Enough", timeout=Duration.minutes(5))
    with pytest.raises(
        ValueError,
        match=r"^Mail/Alice: provider must have a timeout of at least 300 seconds for SNAPSHOT, "
        r"got 299 of Mail/Short: the function waits for an export by calling itself, ",
    ):
        snapshot(stack, "Alice", export, provider=short)
    snapshot(stack, "Bob", export, provider=enough)
    assert len(resources(stack, REGISTRATION)) == 1


def test_policies_are_for_roles_of_this_library_in_account_and_region_of_the_organization() -> None:
    """Their statements are those in `docs/security.md`."""
    stack = new_stack(env=IRELAND)
    provider = snapshot(stack, "Alice", MailboxExport(stack, "Export")).provider
    role = only(export_roles(stack))
    assert role["Path"] == "/cdk-workmail/"
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111111111111"},
        "ArnLike": {"aws:SourceArn": arn_of(ORGANIZATION)},
    }
    assert "s3.eu-west-1.amazonaws.com" in json.dumps(role["Policies"])
    starting = only(policies(stack, "iam:PassRole"))
    assert starting["PolicyDocument"]["Statement"][0]["Resource"] == arn_of(ORGANIZATION)
    function_role = {"Ref": stack.get_logical_id(provider.role.node.default_child)}  # type: ignore[arg-type]
    for action in ("iam:PassRole", "lambda:InvokeFunction"):
        assert only(policies(stack, action))["Roles"] == [function_role]


def test_a_stack_without_snapshot_grants_nothing_of_it() -> None:
    stack = new_stack()
    MailboxExport(stack, "Export")
    for id, policy in (("Alice", None), ("Bob", RemovalPolicy.RETAIN)):
        register(stack, id, removal_policy=policy)
    text = json.dumps(everything(stack))
    for word in ("MailboxExportJob", "iam:PassRole", "lambda:InvokeFunction", EXPORT_SERVICE):
        assert word not in text


def test_all_that_its_removal_needs_is_deleted_after_the_registration() -> None:
    """CloudFormation deletes what an update removes at its end, and before what it depended on.

    So when the last registration and its export leave the app together, the Delete still finds the
    role, what the function may do, and the bucket and key, which stay anyway. Nothing of it may be
    shared with what is left, because that would be changed in place before the Delete.
    """
    stack = new_stack()
    snapshot(stack, "Alice", MailboxExport(stack, "Export"))
    (alice,) = resources(stack, REGISTRATION)
    expected = {
        *export_roles(stack),
        *policies(stack, "workmail:StartMailboxExportJob"),
        *policies(stack, "iam:PassRole"),
        *policies(stack, "lambda:InvokeFunction"),
        *policies(stack, "workmail:DeregisterFromWorkMail"),
        *policies(stack, "cloudformation:DescribeStacks"),
        *policies(stack, "logs:PutLogEvents"),
        *resources(stack, "AWS::S3::Bucket"),
        *resources(stack, "AWS::KMS::Key"),
        *resources(stack, "AWS::Lambda::EventInvokeConfig"),
    }
    assert expected <= needed_by(stack, alice)


def test_each_export_and_organization_has_a_role_of_its_own() -> None:
    stack = new_stack(env=IRELAND)
    one, two = MailboxExport(stack, "One"), MailboxExport(stack, "Two")
    declared = (
        ("Alice", one, ORGANIZATION),
        ("Bob", one, ORGANIZATION),
        ("Carol", two, ORGANIZATION),
        ("Dave", one, OTHER_ORGANIZATION),
    )
    for id, export, organization in declared:
        snapshot(stack, id, export, organization_id=organization)
    roles = export_roles(stack)
    assert len(roles) == len(policies(stack, "iam:PassRole")) == 3
    assert len(policies(stack, "lambda:InvokeFunction")) == 1
    for registration in resources(stack, REGISTRATION).values():
        properties = registration["Properties"]
        role, _ = properties["MailboxExport"]["RoleArn"]["Fn::GetAtt"]
        text = json.dumps(roles[role])
        assert properties["MailboxExport"]["BucketName"]["Ref"] in text
        assert properties["OrganizationId"] in text
        (used,) = (id for id, p in policies(stack, "iam:PassRole").items() if role in json.dumps(p))
        assert used in registration["DependsOn"]


def role_of(
    own_bucket: bool = False, own_key: bool = False, region: str | None = None, **options: Any
) -> str:
    stack = new_stack()
    bucket = s3.Bucket.from_bucket_name(stack, "Mine", "mine") if own_bucket else None
    key = kms.Key(stack, "Key") if own_key else None
    export = MailboxExport(stack, "Export", bucket=bucket, encryption_key=key, **options)
    snapshot(stack, "Alice", export, organization_region=region)
    (id,) = export_roles(stack)
    return id


def test_another_bucket_prefix_key_or_region_is_another_role_and_another_age_is_not() -> None:
    """So that the old role is there, as it was, for a registration that the same update removes."""
    others: tuple[dict[str, Any], ...] = (
        {"prefix": "other"},
        {"own_bucket": True},
        {"own_key": True},
        {"region": "eu-west-1"},
    )
    assert len({role_of(), *(role_of(**each) for each in others)}) == 1 + len(others)
    assert role_of(maximum_age=Duration.hours(1)) == role_of()


def test_buckets_that_are_only_alike_until_deployed_have_roles_of_their_own() -> None:
    app = App()
    mail = Stack(app, "Mail")
    for id in ("One", "Two"):
        there = Stack(app, id)
        bucket, key = s3.Bucket(there, "Bucket"), kms.Key(there, "Key")
        export = MailboxExport(mail, f"Export{id}", bucket=bucket, encryption_key=key)
        snapshot(mail, f"Alice{id}", export)
    assert len(export_roles(mail)) == 2


def test_tokens_that_are_only_alike_until_deployed_can_all_be_exported() -> None:
    app = App()
    mail = Stack(app, "Mail")
    export = MailboxExport(mail, "Export")
    for id in ("One", "Two"):
        organization = CfnParameter(Stack(app, id), "Organization").value_as_string
        snapshot(mail, f"Alice{id}", export, organization_id=organization)
    role = only(export_roles(mail))
    documents = (
        role["AssumeRolePolicyDocument"],
        role["Policies"][0]["PolicyDocument"],
        only(policies(mail, "iam:PassRole"))["PolicyDocument"],
    )
    for document in documents:
        for id in ("One", "Two"):
            assert f"{id}:Exports" in json.dumps(document)


@pytest.mark.parametrize(("count", "expected"), [(10, 0), (11, 1), (25, 1)])
def test_a_stack_says_once_that_exports_wait_in_line(count: int, expected: int) -> None:
    stack = new_stack()
    export = MailboxExport(stack, "Export")
    for number in range(count):
        register(stack, f"Plain{number}")
        for organization in (ORGANIZATION, OTHER_ORGANIZATION):
            id = f"Member{number}{organization[2:6]}"
            snapshot(stack, id, export, organization_id=organization)
    found = Annotations.from_stack(stack).find_info("*", Match.any_value())
    assert [info.id for info in found] == ["/Mail"] * expected
    for info in found:
        text = str(info.entry.data)
        assert "10 mailboxes of an organization at a time" in text
        assert "an hour" in text
        assert "you delete the stack again" in text
    Noted.of(stack).acknowledge_info("@cdk-workmail/exports-in-line")
    Annotations.from_stack(stack).has_no_info("*", Match.any_value())
