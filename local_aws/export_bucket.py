"""Mailbox exports are written to MiniStack's S3 with the permissions of their role alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .workmail import ExportFailed, ExportJob, WorkMailError, Write

EXPORT_SERVICE = "export.workmail.amazonaws.com"

_PUBLIC_ACCESS = (
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
)


class ExportBucket:
    """Checks the parameters of a job when it starts, and writes its archive as its role.

    AWS does not document what StartMailboxExportJob refuses. Here it raises
    InvalidParameterException for what does not exist or can never work. What shows only later
    fails the job: the trust and permissions of the role, a disabled key, a bucket that allows
    public access. `client(service, region)` is a client of the administrator, `client_as(service,
    region, credentials)` a new one, closed after use. Without `enforce_iam` everything is
    allowed, as in the rest of the embedded AWS.
    """

    def __init__(
        self,
        client: Callable[[str, str], Any],
        client_as: Callable[[str, str, Mapping[str, str]], Any],
        *,
        enforce_iam: bool,
    ) -> None:
        self._client = client
        self._client_as = client_as
        self._enforce_iam = enforce_iam

    def open(self, job: ExportJob) -> Write:
        self._require_role(job)
        self._require_bucket(job)
        self._require_key(job)
        return partial(self._write, job)

    def _require_role(self, job: ExportJob) -> None:
        role_arn = job.order.role_arn
        with _refused(f"The role {role_arn} does not exist."):
            name = role_arn.rpartition("/")[2]
            role = self._client("iam", _region(job)).get_role(RoleName=name)["Role"]
        if role["Arn"] != role_arn:
            raise _invalid(f"The role {role_arn} does not exist.")

    def _require_bucket(self, job: ExportJob) -> None:
        bucket = job.order.s3_bucket_name
        with _refused(f"The bucket {bucket} does not exist."):
            response = self._client("s3", _region(job)).head_bucket(Bucket=bucket)
        if response["BucketRegion"] != _region(job):
            raise _invalid(f"The bucket {bucket} is not in {_region(job)}.")

    def _require_key(self, job: ExportJob) -> None:
        key_arn = job.order.kms_key_arn
        if key_arn.split(":")[3] != _region(job):
            raise _invalid(f"The key {key_arn} is not in {_region(job)}.")
        with _refused(f"The key {key_arn} does not exist."):
            key = self._described_key(job)
        if key["KeySpec"] != "SYMMETRIC_DEFAULT":
            raise _invalid(f"The key {key_arn} is not symmetric.")

    def _write(self, job: ExportJob, archive: bytes) -> None:
        try:
            if not self._described_key(job)["Enabled"]:
                raise ExportFailed(f"The key {job.order.kms_key_arn} is not enabled.")
            credentials = self._assumed_role(job)
            if self._enforce_iam:
                self._require_no_public_access(job)
                self._require_permissions(job)
            with closing(self._client_as("s3", _region(job), credentials)) as s3:
                s3.put_object(
                    Bucket=job.order.s3_bucket_name,
                    Key=job.s3_path,
                    Body=archive,
                    ServerSideEncryption="aws:kms",
                    SSEKMSKeyId=job.order.kms_key_arn,
                )
        except (BotoCoreError, ClientError) as error:
            raise ExportFailed(str(error)) from error

    def _assumed_role(self, job: ExportJob) -> Mapping[str, str]:
        """The credentials of WorkMail's export service, on behalf of the organization."""
        response: Mapping[str, Any] = self._client("sts", _region(job)).assume_role(
            RoleArn=job.order.role_arn,
            # ministack_process.py evaluates the trust policy for the service of this name.
            RoleSessionName=EXPORT_SERVICE,
            ExternalId=job.order.organization_arn,
        )
        credentials = response["Credentials"]
        return {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }

    def _require_no_public_access(self, job: ExportJob) -> None:
        # WorkMail reads the status of the bucket's policy, which MiniStack does not have. With
        # IAM enforced, new buckets block public access, as on AWS.
        bucket = job.order.s3_bucket_name
        response = self._client("s3", _region(job)).get_public_access_block(Bucket=bucket)
        if not all(response["PublicAccessBlockConfiguration"].get(name) for name in _PUBLIC_ACCESS):
            raise ExportFailed(f"Public access to the bucket {bucket} is not blocked.")

    def _require_permissions(self, job: ExportJob) -> None:
        """Those that MiniStack's S3 does not check by itself, as it does s3:PutObject."""
        bucket_arn = f"arn:aws:s3:::{job.order.s3_bucket_name}"
        object_arn = f"{bucket_arn}/{job.s3_path}"
        through_s3 = {
            "kms:ViaService": f"s3.{_region(job)}.amazonaws.com",
            "kms:EncryptionContext:aws:s3:arn": (
                bucket_arn if self._has_bucket_key(job) else object_arn
            ),
        }
        self._require_permission(job, "s3:GetBucketPolicyStatus", bucket_arn, {})
        self._require_permission(job, "s3:AbortMultipartUpload", object_arn, {})
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            self._require_permission(job, action, job.order.kms_key_arn, through_s3)

    def _require_permission(
        self, job: ExportJob, action: str, resource_arn: str, context: Mapping[str, str]
    ) -> None:
        role_arn = job.order.role_arn
        response = self._client("iam", _region(job)).simulate_principal_policy(
            PolicySourceArn=role_arn,
            ActionNames=[action],
            ResourceArns=[resource_arn],
            ContextEntries=[
                {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
                for key, value in context.items()
            ],
        )
        if any(result["EvalDecision"] != "allowed" for result in response["EvaluationResults"]):
            raise ExportFailed(
                f"The role {role_arn} is not authorized to perform: {action} on resource: "
                f"{resource_arn}"
            )

    def _has_bucket_key(self, job: ExportJob) -> bool:
        response = self._client("s3", _region(job)).get_bucket_encryption(
            Bucket=job.order.s3_bucket_name
        )
        rules = response["ServerSideEncryptionConfiguration"]["Rules"]
        return any(rule.get("BucketKeyEnabled") for rule in rules)

    def _described_key(self, job: ExportJob) -> Mapping[str, Any]:
        kms = self._client("kms", _region(job))
        key: Mapping[str, Any] = kms.describe_key(KeyId=job.order.kms_key_arn)["KeyMetadata"]
        return key


def _region(job: ExportJob) -> str:
    return job.order.organization_arn.split(":")[3]


def _invalid(message: str) -> WorkMailError:
    return WorkMailError("InvalidParameterException", message)


@contextmanager
def _refused(message: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _invalid(message) from error
