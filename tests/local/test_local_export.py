"""Mailbox exports into MiniStack's S3, which check role, bucket and key as AWS does."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from local_aws import ACCOUNT_ID, LocalAws
from local_aws.workmail import ExportJob, Organization

SERVICE = "export.workmail.amazonaws.com"
ANYWHERE = "arn:aws:workmail:us-east-1:*:organization/"

STARTS_A_JOB = """
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    try:
        boto3.client("workmail").start_mailbox_export_job(**event)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""
"""


@dataclass
class Export:
    """A bucket, a key and a role, and alice's mailbox in an organization."""

    local_aws: LocalAws
    organization: Organization
    name: str
    bucket: str
    key_arn: str
    role_arn: str

    def allow(self, statements: list[dict[str, Any]]) -> None:
        self.local_aws.client("iam").put_role_policy(
            RoleName=self.name, PolicyName="export", PolicyDocument=policy(*statements)
        )

    def trust(self, *statements: dict[str, Any]) -> None:
        self.local_aws.client("iam").update_assume_role_policy(
            RoleName=self.name, PolicyDocument=policy(*statements)
        )

    def permissions(self) -> list[dict[str, Any]]:
        """As in the example of WorkMail's administrator guide."""
        bucket_arn = f"arn:aws:s3:::{self.bucket}"
        through_s3 = {
            "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": f"{bucket_arn}/mail/*"},
        }
        return [
            allowed("s3:PutObject", f"{bucket_arn}/mail/*"),
            allowed("s3:AbortMultipartUpload", f"{bucket_arn}/mail/*"),
            allowed("s3:GetBucketPolicyStatus", bucket_arn),
            {**allowed("kms:GenerateDataKey", self.key_arn), "Condition": through_s3},
            {**allowed("kms:Decrypt", self.key_arn), "Condition": through_s3},
        ]

    def parameters(self) -> dict[str, str]:
        return {
            "OrganizationId": self.organization.organization_id,
            "EntityId": "alice",
            "ClientToken": uuid4().hex,
            "RoleArn": self.role_arn,
            "KmsKeyArn": self.key_arn,
            "S3BucketName": self.bucket,
            "S3Prefix": "mail",
        }

    def start(self, **changes: str) -> str:
        workmail = self.local_aws.client("workmail")
        return str(workmail.start_mailbox_export_job(**{**self.parameters(), **changes})["JobId"])

    def run(self) -> ExportJob:
        """A job that has ended."""
        self.local_aws.workmail.exports.duration = 0
        job_id = self.start()
        (job,) = (job for job in self.local_aws.workmail.exports.jobs if job.job_id == job_id)
        return job

    def objects(self) -> list[str]:
        response = self.local_aws.client("s3").list_objects_v2(Bucket=self.bucket)
        return [found["Key"] for found in response.get("Contents", [])]


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allowed(action: str, resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def trusted(service: str = SERVICE, **condition: dict[str, str]) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {**statement, "Condition": condition} if condition else statement


@pytest.fixture
def export(local_aws: LocalAws, organization: Organization) -> Iterator[Export]:
    name = f"export-{uuid4().hex[:12]}"
    local_aws.client("s3").create_bucket(Bucket=name)
    key = local_aws.client("kms").create_key()["KeyMetadata"]
    role = local_aws.client("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=policy(
            trusted(
                StringEquals={"aws:SourceAccount": ACCOUNT_ID},
                ArnLike={"aws:SourceArn": f"{ANYWHERE}{organization.organization_id}"},
            )
        ),
    )["Role"]
    export = Export(local_aws, organization, name, name, key["Arn"], role["Arn"])
    export.allow(export.permissions())
    local_aws.client("workmail").register_to_work_mail(
        OrganizationId=organization.organization_id, EntityId="alice", Email="alice@example.com"
    )
    yield export
    local_aws.workmail.exports.reset()


def test_an_export_is_encrypted_with_the_key(export: Export) -> None:
    job = export.run()
    assert (job.state, job.error_info) == ("COMPLETED", None)
    stored = export.local_aws.client("s3").get_object(Bucket=export.bucket, Key=job.s3_path)
    assert (stored["ServerSideEncryption"], stored["SSEKMSKeyId"]) == ("aws:kms", export.key_arn)
    with zipfile.ZipFile(io.BytesIO(stored["Body"].read())) as archive:
        written = {name: archive.read(name) for name in archive.namelist()}
    assert written == {file.name: file.content for file in job.mailbox.files}


@pytest.mark.parametrize("missing", range(5))
def test_a_job_fails_without_any_one_permission_of_its_role(export: Export, missing: int) -> None:
    permissions = export.permissions()
    left_out = permissions.pop(missing)
    export.allow(permissions)
    job = export.run()
    assert job.state == "FAILED"
    assert left_out["Action"] in (job.error_info or "")
    assert export.objects() == []


def test_a_bucket_key_changes_the_encryption_context(export: Export) -> None:
    rule = {
        "ApplyServerSideEncryptionByDefault": {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": export.key_arn,
        },
        "BucketKeyEnabled": True,
    }
    export.local_aws.client("s3").put_bucket_encryption(
        Bucket=export.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]}
    )
    job = export.run()
    assert job.state == "FAILED" and "kms:GenerateDataKey" in (job.error_info or "")


@pytest.mark.parametrize(
    ("trust", "state"),
    [
        ([trusted()], "COMPLETED"),
        ([trusted(ArnLike={"aws:SourceArn": f"{ANYWHERE}*"})], "COMPLETED"),
        ([trusted("lambda.amazonaws.com")], "FAILED"),
        ([trusted(StringEquals={"aws:SourceAccount": "111111111111"})], "FAILED"),
        ([trusted(ArnLike={"aws:SourceArn": f"{ANYWHERE}m-{'0' * 32}"})], "FAILED"),
        ([{**trusted(), "Action": "sts:TagSession"}], "FAILED"),
        ([trusted(), {**trusted(), "Effect": "Deny", "Principal": "*"}], "FAILED"),
    ],
)
def test_the_role_must_trust_the_export_service_for_the_organization(
    export: Export, trust: list[dict[str, Any]], state: str
) -> None:
    export.trust(*trust)
    job = export.run()
    assert job.state == state
    assert state == "COMPLETED" or "sts:AssumeRole" in (job.error_info or "")


def test_a_disabled_key_fails_the_job(export: Export) -> None:
    export.local_aws.client("kms").disable_key(KeyId=export.key_arn)
    job = export.run()
    assert (job.state, job.error_info) == ("FAILED", f"The key {export.key_arn} is not enabled.")


def test_a_bucket_that_allows_public_access_fails_the_job(export: Export) -> None:
    export.local_aws.client("s3").put_public_access_block(
        Bucket=export.bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": True}
    )
    job = export.run()
    assert job.state == "FAILED" and "Public access" in (job.error_info or "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"S3BucketName": "no-such-bucket"}, "bucket no-such-bucket does not exist"),
        ({"RoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/unknown"}, "role/unknown does not exist"),
        ({"KmsKeyArn": f"arn:aws:kms:us-east-1:{ACCOUNT_ID}:key/none"}, "key/none does not exist"),
        ({"KmsKeyArn": f"arn:aws:kms:eu-west-1:{ACCOUNT_ID}:key/far"}, "is not in us-east-1"),
    ],
)
def test_a_job_does_not_start_with_what_does_not_exist(
    export: Export, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(ClientError, match=message) as raised:
        export.start(**changes)
    assert raised.value.response["Error"]["Code"] == "InvalidParameterException"
    assert not export.local_aws.workmail.exports.jobs


def test_a_job_does_not_start_with_an_asymmetric_key(export: Export) -> None:
    kms = export.local_aws.client("kms")
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]
    with pytest.raises(ClientError, match="not symmetric"):
        export.start(KmsKeyArn=key["Arn"])


@pytest.mark.parametrize(
    ("allowed_on", "passed_to", "outcome"),
    [
        ("*", None, "AccessDeniedException"),
        ("*", "ec2.amazonaws.com", "AccessDeniedException"),
        ("*", SERVICE, ""),
        (f"m-{'0' * 32}", SERVICE, "AccessDeniedException"),
    ],
)
def test_the_caller_must_be_allowed_to_start_the_job_and_to_pass_the_role_to_the_service(
    export: Export, allowed_on: str, passed_to: str | None, outcome: str
) -> None:
    statements = [allowed("workmail:StartMailboxExportJob", f"{ANYWHERE}{allowed_on}")]
    if passed_to:
        condition = {"StringEquals": {"iam:PassedToService": passed_to}}
        statements.append({**allowed("iam:PassRole", export.role_arn), "Condition": condition})
    function_name = f"{export.name}-function"
    iam, functions = export.local_aws.client("iam"), export.local_aws.client("lambda")
    role = iam.create_role(
        RoleName=function_name, AssumeRolePolicyDocument=policy(trusted("lambda.amazonaws.com"))
    )["Role"]
    iam.put_role_policy(
        RoleName=function_name, PolicyName="start", PolicyDocument=policy(*statements)
    )
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as asset:
        asset.writestr("index.py", STARTS_A_JOB)
    functions.create_function(
        FunctionName=function_name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=role["Arn"],
        Code={"ZipFile": code.getvalue()},
        Timeout=30,
    )
    invoked = functions.invoke(
        FunctionName=function_name, Payload=json.dumps(export.parameters()).encode()
    )
    assert json.loads(invoked["Payload"].read()) == outcome
    functions.delete_function(FunctionName=function_name)


def test_a_job_does_not_start_with_a_bucket_of_another_region(export: Export) -> None:
    elsewhere = f"{export.bucket}-far"
    export.local_aws.client("s3", "eu-west-1").create_bucket(
        Bucket=elsewhere, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    with pytest.raises(ClientError, match="is not in us-east-1"):
        export.start(S3BucketName=elsewhere)
