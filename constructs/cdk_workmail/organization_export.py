"""All mailboxes of an organization, exported and verified ahead of any removal."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import ArnFormat, Aws, CfnOutput, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_workmail._asset import EXPORTER_HANDLER, function_code
from cdk_workmail._export_access import (
    ExportAccess,
    export_access,
    listing,
    organization_arn,
    passing,
)
from cdk_workmail._stack import StackDeclarations, check_export_region
from cdk_workmail._state_machine import definition
from cdk_workmail._validation import ORGANIZATION_ID, check_boolean, check_list, invalid
from cdk_workmail.export import EXPORT_KEY_ACTIONS, EXPORT_ROLE_PATH, MailboxExport

_READING = (
    "workmail:DescribeOrganization",
    "workmail:DescribeUser",
    "workmail:DescribeGroup",
    "workmail:DescribeResource",
    "workmail:GetMailboxDetails",
    "workmail:ListAliases",
    "workmail:ListGroupMembers",
    "workmail:ListGroups",
    "workmail:ListMailboxPermissions",
    "workmail:ListResourceDelegates",
    "workmail:ListResources",
    "workmail:ListUsers",
)
# The directory of a zip with half a million messages is held in memory.
_MEMORY = 1769
_TIMEOUT = Duration.minutes(15)


class OrganizationExport(Construct):
    """A state machine that exports the enabled users and resources of an organization.

    Start it as often as you like, with `cdk-workmail export start` or in the console: a run keeps
    WorkMail's ten places in use for as many days as it takes, repeats what failed, verifies each
    export in the bucket, and writes a manifest and a report. It skips mailboxes with a verified
    export that is younger than the `maximum_age` of the export. Nothing in WorkMail is changed.

    A run with `--again`, or with the input `{"again": true}`, exports these too. A time such as
    `{"again": "2026-11-26T08:00:00Z"}` means those without an export that began after it.

    A removal with `RemovalPolicy.SNAPSHOT` to the same `MailboxExport` finds what a run has
    exported, and does not export it again while it is younger than `maximum_age`.

    A run succeeds if every mailbox is verified, and otherwise fails with the number of those that
    are not. Both are events of Step Functions, and metrics: see `state_machine.metric_failed()`.

    Everything of an organization is at `<prefix>/<organization id>/` in the bucket: one zip for
    each export, the lines of the manifest in `_manifest/`, each run in `_runs/`, and of the newest
    run `report.html`, `manifest.json`, `manifest.csv` and `dossier.json`, which has the aliases,
    members, delegates and permissions.

    The function reads the directory of each zip, so its role can read the exports.

    Raises ValueError for literals that WorkMail would refuse.

    Exporting mailbox content:
    https://docs.aws.amazon.com/workmail/latest/adminguide/mail-export.html
    """

    state_machine: sfn.StateMachine
    """What exports, with its metrics and grants."""

    function: lambda_.Function
    """What the state machine calls."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        organization_id: str,
        export: MailboxExport,
        organization_region: str | None = None,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        check_contents: bool = False,
    ) -> None:
        """Creates the state machine, its function and the role that WorkMail exports with.

        :param organization_id: `m-` and 32 hexadecimal digits.
        :param export: Where the mailboxes are exported to, in the organization's Region. Its
            `maximum_age` decides what a run skips: give up to 7 days for runs that take days.
        :param organization_region: Where the organization is: us-east-1, us-west-2 or eu-west-1.
            It must be the stack's Region, which is the default: Step Functions reads the list of
            mailboxes from the bucket, which has to be in both.
        :param include: Names or ids of the mailboxes to export; `*` and `?` stand for any
            characters. All by default.
        :param exclude: Names or ids of mailboxes not to export, in the same way.
        :param check_contents: With True each file of each zip is read and compared with its
            checksum. That reads all mail once, at the speed of S3. By default only the directory
            of each zip is read.
        """
        super().__init__(scope, id)
        declarations = StackDeclarations.of(scope)
        declarations.check_region(self, organization_region)
        self._check_is_here(organization_region)
        ORGANIZATION_ID.check(self, organization_id)
        if not isinstance(export, MailboxExport):
            raise invalid(self, "export", "a MailboxExport", export)
        stack = Stack.of(self)
        check_export_region(self, "export", export, organization_region or stack.region)
        for option, patterns in (("include", include), ("exclude", exclude)):
            self._check_patterns(option, patterns)
        check_boolean(self, "check_contents", check_contents)
        access = export_access(stack, export, organization_id, organization_region)
        export_role = iam.Role(
            self,
            "ExportRole",
            path=EXPORT_ROLE_PATH,
            description="Exports mailboxes of Amazon WorkMail",
            assumed_by=access.service,
            inline_policies={"Export": iam.PolicyDocument(statements=access.writing)},
        )
        organization = organization_arn(stack, organization_id, organization_region)
        log_group = logs.LogGroup(
            self,
            "LogGroup",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = iam.Role(
            self,
            "Role",
            # A key of this app lets the roles below this path use it through S3.
            path=EXPORT_ROLE_PATH,
            description="Starts, follows and verifies exports of Amazon WorkMail",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={
                "Export": iam.PolicyDocument(
                    statements=[
                        access.starting,
                        iam.PolicyStatement(actions=[*_READING], resources=[organization]),
                        passing(export_role),
                        *_using_the_bucket(export, access),
                    ]
                )
            },
        )
        log_group.grant_write(role)
        settings = {
            "OrganizationId": organization_id,
            "RoleArn": export_role.role_arn,
            "KmsKeyArn": export.encryption_key.key_arn,
            "BucketName": export.bucket.bucket_name,
            "Prefix": export.prefix,
            "MaximumAge": export.maximum_age.to_seconds(),
            "Include": [*(include or ())],
            "Exclude": [*(exclude or ())],
            "CheckContents": check_contents,
        }
        if organization_region is not None:
            settings["OrganizationRegion"] = organization_region
        self.function = lambda_.Function(
            self,
            "Function",
            description="Exports the mailboxes of an Amazon WorkMail organization (cdk-workmail)",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler=EXPORTER_HANDLER,
            code=function_code(),
            role=role,
            memory_size=_MEMORY,
            timeout=_TIMEOUT,
            log_group=log_group,
            environment={"ORGANIZATION_EXPORT": stack.to_json_string(settings)},
        )
        self.state_machine = self._create_state_machine(export, access)
        for name, value in (
            ("StateMachineArn", self.state_machine.state_machine_arn),
            ("Bucket", export.bucket.bucket_name),
            ("ManifestPrefix", f"{access.folder}/"),
        ):
            CfnOutput(self, name, value=value)

    def _create_state_machine(
        self, export: MailboxExport, access: ExportAccess
    ) -> sfn.StateMachine:
        stack, bucket = Stack.of(self), export.bucket
        role = iam.Role(
            self,
            "StateMachineRole",
            path=EXPORT_ROLE_PATH,
            description="Runs the export of an Amazon WorkMail organization",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
        )
        machine = sfn.StateMachine(
            self,
            "StateMachine",
            role=role,
            definition_body=sfn.DefinitionBody.from_string(
                stack.to_json_string(
                    definition(Aws.PARTITION, self.function.function_arn, bucket.bucket_name)
                )
            ),
        )
        iam.Policy(
            self,
            "RunPolicy",
            roles=[role],
            statements=[
                iam.PolicyStatement(
                    actions=["lambda:InvokeFunction"], resources=[self.function.function_arn]
                ),
                # The mailboxes of a pass, not the exports.
                iam.PolicyStatement(
                    actions=["s3:GetObject"],
                    resources=[bucket.arn_for_objects(f"{access.folder}/_runs/*")],
                ),
                iam.PolicyStatement(
                    actions=["kms:Decrypt"],
                    resources=[export.encryption_key.key_arn],
                    conditions=access.through_s3,
                ),
                # The distributed map runs each mailbox as an execution of its own.
                iam.PolicyStatement(
                    actions=["states:StartExecution"], resources=[machine.state_machine_arn]
                ),
                iam.PolicyStatement(
                    actions=["states:DescribeExecution", "states:StopExecution"],
                    resources=[
                        stack.format_arn(
                            service="states",
                            resource="execution",
                            resource_name=f"{machine.state_machine_name}:*",
                            arn_format=ArnFormat.COLON_RESOURCE_NAME,
                        )
                    ],
                ),
            ],
        )
        return machine

    def _check_is_here(self, organization_region: str | None) -> None:
        here = Stack.of(self).region
        if organization_region in (None, here):
            return
        if not Token.is_unresolved(here) and not Token.is_unresolved(organization_region):
            raise ValueError(
                f"{self.node.path}: organization_region must be the stack's region {here!r}, got "
                f"{organization_region!r}: Step Functions reads from a bucket in its own region, "
                f"and WorkMail exports to one in the organization's: declare it in a stack there"
            )

    def _check_patterns(self, option: str, patterns: Sequence[str] | None) -> None:
        if patterns is None:
            return
        check_list(self, option, patterns)
        for pattern in patterns:
            if not isinstance(pattern, str) or not pattern:
                raise invalid(self, option, "a list of names or ids", pattern)


def _using_the_bucket(export: MailboxExport, access: ExportAccess) -> list[iam.PolicyStatement]:
    bucket = export.bucket
    reports = ("report.html", "manifest.json", "manifest.csv", "dossier.json")
    written = ("_manifest/*", "_runs/*", *reports)
    return [
        listing(export, access),
        iam.PolicyStatement(
            actions=["s3:GetObject"], resources=[bucket.arn_for_objects(f"{access.folder}/*")]
        ),
        iam.PolicyStatement(
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(f"{access.folder}/{name}") for name in written],
        ),
        iam.PolicyStatement(
            actions=EXPORT_KEY_ACTIONS,
            resources=[export.encryption_key.key_arn],
            conditions=access.through_s3,
        ),
    ]
