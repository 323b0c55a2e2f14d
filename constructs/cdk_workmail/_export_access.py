"""What WorkMail needs in order to export, and the functions that start its jobs."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from cdk_workmail.export import EXPORT_KEY_ACTIONS, MailboxExport

_EXPORT_SERVICE = "export.workmail.amazonaws.com"
_EXPORT_ACTIONS = (
    "workmail:StartMailboxExportJob",
    "workmail:DescribeMailboxExportJob",
    "workmail:ListMailboxExportJobs",
)


@dataclass(frozen=True)
class ExportAccess:
    """One export of one organization."""

    # Of WorkMail's role: its trust, and what it may do.
    service: iam.IPrincipal
    writing: list[iam.PolicyStatement]
    # Of a function.
    starting: iam.PolicyStatement
    # Where all of the organization is in the bucket.
    folder: str
    # Of statements about the key.
    through_s3: dict[str, dict[str, str]]


def export_access(
    stack: Stack, export: MailboxExport, organization_id: str, region: str | None
) -> ExportAccess:
    organization = organization_arn(stack, organization_id, region)
    bucket, key = export.bucket, export.encryption_key
    folder = f"{export.prefix}/{organization_id}"
    through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{region or stack.region}.amazonaws.com"}}
    return ExportAccess(
        service=iam.ServicePrincipal(
            _EXPORT_SERVICE,
            conditions={
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {"aws:SourceArn": organization},
            },
        ),
        writing=[
            iam.PolicyStatement(
                actions=["s3:GetBucketPolicyStatus"], resources=[bucket.bucket_arn]
            ),
            iam.PolicyStatement(
                actions=["s3:AbortMultipartUpload", "s3:PutObject"],
                resources=[bucket.arn_for_objects(f"{folder}/*")],
            ),
            iam.PolicyStatement(
                actions=EXPORT_KEY_ACTIONS, resources=[key.key_arn], conditions=through_s3
            ),
        ],
        starting=iam.PolicyStatement(actions=[*_EXPORT_ACTIONS], resources=[organization]),
        folder=folder,
        through_s3=through_s3,
    )


def passing(role: iam.IRole) -> iam.PolicyStatement:
    """Lets a function pass WorkMail its role."""
    return iam.PolicyStatement(
        actions=["iam:PassRole"],
        resources=[role.role_arn],
        conditions={"StringEquals": {"iam:PassedToService": _EXPORT_SERVICE}},
    )


def listing(export: MailboxExport, access: ExportAccess) -> iam.PolicyStatement:
    """Lets a function see the names and sizes of the organization's objects."""
    return iam.PolicyStatement(
        actions=["s3:ListBucket"],
        resources=[export.bucket.bucket_arn],
        conditions={"StringLike": {"s3:prefix": f"{access.folder}/*"}},
    )


def organization_arn(stack: Stack, organization_id: str, region: str | None) -> str:
    return stack.format_arn(
        service="workmail",
        region=region,
        resource="organization",
        resource_name=organization_id,
    )
