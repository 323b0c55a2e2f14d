"""What a provider's role may do for one stack."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from aws_cdk import CfnResource, Names, Stack, Stage
from aws_cdk import aws_iam as iam
from constructs import Construct

if TYPE_CHECKING:
    from aws_cdk import aws_secretsmanager as secretsmanager

    from cdk_workmail.export import MailboxExport
    from cdk_workmail.provider import WorkMailProvider


@dataclass(frozen=True)
class Permission:
    """Actions on an organization that are granted together, in a policy of their own."""

    id: str
    actions: tuple[str, ...]


# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonworkmail.html
REGISTRATION = Permission(
    "Organization",
    (
        "workmail:RegisterToWorkMail",
        "workmail:DeregisterFromWorkMail",
        "workmail:UpdatePrimaryEmailAddress",
        "workmail:DescribeUser",
        "workmail:DescribeGroup",
        "workmail:DescribeResource",
        "workmail:DescribeEntity",
        "workmail:DescribeOrganization",
    ),
)
ALIASES = Permission(
    "Aliases", ("workmail:ListAliases", "workmail:CreateAlias", "workmail:DeleteAlias")
)
USER = Permission(
    "User",
    (
        "workmail:CreateUser",
        "workmail:UpdateUser",
        "workmail:DescribeUser",
        "workmail:DescribeGroup",
        "workmail:DescribeResource",
        "workmail:DescribeOrganization",
    ),
)
USER_PASSWORD = Permission("UserPassword", ("workmail:ResetPassword",))
USER_DELETION = Permission("UserDeletion", ("workmail:DeleteUser",))
GROUP = Permission(
    "Group",
    (
        "workmail:CreateGroup",
        "workmail:UpdateGroup",
        "workmail:DescribeGroup",
        "workmail:DescribeUser",
        "workmail:DescribeResource",
        "workmail:DescribeOrganization",
    ),
)
GROUP_MEMBERS = Permission(
    "GroupMembers",
    (
        "workmail:ListGroupMembers",
        "workmail:AssociateMemberToGroup",
        "workmail:DisassociateMemberFromGroup",
    ),
)
GROUP_DELETION = Permission("GroupDeletion", ("workmail:DeleteGroup",))
RESOURCE = Permission(
    "Resource",
    (
        "workmail:CreateResource",
        "workmail:UpdateResource",
        "workmail:DescribeResource",
        "workmail:DescribeUser",
        "workmail:DescribeGroup",
        "workmail:DescribeOrganization",
    ),
)
RESOURCE_DELEGATES = Permission(
    "ResourceDelegates",
    (
        "workmail:ListResourceDelegates",
        "workmail:AssociateDelegateToResource",
        "workmail:DisassociateDelegateFromResource",
    ),
)
RESOURCE_DELETION = Permission("ResourceDeletion", ("workmail:DeleteResource",))
EXPORT_ACTIONS = [
    "workmail:StartMailboxExportJob",
    "workmail:DescribeMailboxExportJob",
    "workmail:ListMailboxExportJobs",
]
# https://docs.aws.amazon.com/workmail/latest/adminguide/mail-export.html
EXPORT_KEY_ACTIONS = ["kms:Decrypt", "kms:GenerateDataKey"]
EXPORT_ROLE_PATH = "/cdk-workmail/"
_EXPORT_SERVICE = "export.workmail.amazonaws.com"


@dataclass(frozen=True)
class ExportPermissions:
    """What an exported registration depends on, and what it tells the function of the export."""

    policy: CfnResource
    properties: dict[str, object]


@dataclass(frozen=True)
class _ExportRole:
    """What WorkMail exports with, and the policy of the function that lets it say so."""

    role: iam.Role
    access: iam.PolicyDocument
    policy: iam.Policy


class _Passwords:
    """The policy that lets the function read passwords, as far as it is known."""

    def __init__(self, policy: iam.Policy, reading: iam.PolicyStatement, through: str) -> None:
        self.policy = policy
        self.reading = reading
        self._through = through
        self._decrypting: iam.PolicyStatement | None = None

    def decrypt(self, key_arn: str) -> None:
        if self._decrypting:
            self._decrypting.add_resources(key_arn)
            return
        self._decrypting = iam.PolicyStatement(
            actions=["kms:Decrypt"],
            resources=[key_arn],
            conditions={"StringEquals": {"kms:ViaService": self._through}},
        )
        self.policy.add_statements(self._decrypting)


class StackPermissions(Construct):
    """One provider's policies for one stack, in that stack.

    They are here and not with the role because the stack of a shared provider cannot refer to the
    stacks that use it, which depend on it already; and so that registrations can depend on them.
    """

    def __init__(self, scope: Construct, id: str, *, provider: WorkMailProvider) -> None:
        super().__init__(scope, id)
        self._role = provider.role
        self._function_arn = provider.service_token
        self._by_organization: dict[tuple[str, str, str | None], CfnResource] = {}
        self._by_export: dict[tuple[MailboxExport, str, str | None], ExportPermissions] = {}
        self._export_roles: dict[str, _ExportRole] = {}
        self._continuing: iam.Policy | None = None
        self._passwords: _Passwords | None = None
        self._stack_policy = self._policy("Stack", self._reading_the_stack())
        # Without its invocation settings the function would be retried after a crash.
        self._stack_policy.node.add_dependency(provider.function)

    def on_organization(
        self, permission: Permission, organization_id: str, region: str | None
    ) -> CfnResource:
        """The policy that what needs this permission in the organization has to depend on.

        One for each organization: CloudFormation updates a policy in place before it deletes what
        the update removed, but deletes a policy after everything that depended on it. So the last
        registration of an organization can still be deregistered.

        And one for each permission, which never changes: what a resource needs no longer goes
        after it was updated, and with it the aliases that left its properties, for example.
        """
        key = (permission.id, organization_id, region)
        if key not in self._by_organization:
            self._by_organization[key] = self._make_organization_policy(
                permission, organization_id, region
            )
        return self._by_organization[key]

    def on_password(self, secret: secretsmanager.ISecret) -> CfnResource:
        """The policy that a user with this password has to depend on.

        One for the stack: IAM allows a role 10,240 characters of policies, and a policy for each
        secret would more than double what each of them takes. It changes in place, because a user
        that leaves needs its password no more.
        """
        arn = secret.secret_full_arn or f"{secret.secret_arn}-??????"
        if self._passwords is None:
            self._passwords = self._make_passwords(arn)
        else:
            self._passwords.reading.add_resources(arn)
        if secret.encryption_key:
            self._passwords.decrypt(secret.encryption_key.key_arn)
        return cast(CfnResource, self._passwords.policy.node.default_child)

    def on_export(
        self, export: MailboxExport, organization_id: str, region: str | None
    ) -> ExportPermissions:
        """What a registration that is exported before it is deregistered has to depend on.

        One for each export and organization, named by all that is in it: with another bucket, key
        or prefix a new role is made beside the one that a removed registration still exports with.
        The role, and what lets the function pass it, start exports and go on waiting for them, are
        deleted after everything that depended on them, as in `on_organization`.
        """
        key = (export, organization_id, region)
        if key not in self._by_export:
            self._by_export[key] = self._make_export_permissions(export, organization_id, region)
        return self._by_export[key]

    def _make_organization_policy(
        self, permission: Permission, organization_id: str, region: str | None
    ) -> CfnResource:
        arn = self._organization_arn(organization_id, region)
        statement = iam.PolicyStatement(actions=[*permission.actions], resources=[arn])
        id = f"{permission.id}{self._digest(arn)}"
        policy = cast("iam.Policy | None", self.node.try_find_child(id))
        if policy:
            # Attributes of two other stacks can resolve alike here and still differ when deployed.
            policy.add_statements(statement)
        else:
            policy = self._policy(id, [statement])
            policy.node.add_dependency(self._stack_policy)
        return cast(CfnResource, policy.node.default_child)

    def _make_passwords(self, arn: str) -> _Passwords:
        reading = iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[arn])
        policy = self._policy("Passwords", [reading])
        policy.node.add_dependency(self._stack_policy)
        through = f"secretsmanager.{Stack.of(self).region}.amazonaws.com"
        return _Passwords(policy, reading, through)

    def _make_export_permissions(
        self, export: MailboxExport, organization_id: str, region: str | None
    ) -> ExportPermissions:
        stack = Stack.of(self)
        organization = self._organization_arn(organization_id, region)
        bucket, key = export.bucket, export.encryption_key
        objects = bucket.arn_for_objects(f"{export.prefix}/{organization_id}/*")
        service = iam.ServicePrincipal(
            _EXPORT_SERVICE,
            conditions={
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {"aws:SourceArn": organization},
            },
        )
        through_s3 = {"kms:ViaService": f"s3.{region or stack.region}.amazonaws.com"}
        access = [
            iam.PolicyStatement(
                actions=["s3:GetBucketPolicyStatus"], resources=[bucket.bucket_arn]
            ),
            iam.PolicyStatement(
                actions=["s3:AbortMultipartUpload", "s3:PutObject"], resources=[objects]
            ),
            iam.PolicyStatement(
                actions=EXPORT_KEY_ACTIONS,
                resources=[key.key_arn],
                conditions={"StringEquals": through_s3},
            ),
        ]
        starting = iam.PolicyStatement(actions=EXPORT_ACTIONS, resources=[organization])

        digest = self._digest(path_in_stage(export), organization, objects, key.key_arn)
        found = self._export_roles.get(digest)
        if found:
            # As with organizations: alike here, and perhaps not when deployed.
            trust = cast(iam.PolicyDocument, found.role.assume_role_policy)
            trust.add_statements(
                iam.PolicyStatement(actions=["sts:AssumeRole"], principals=[service])
            )
            found.access.add_statements(*access)
            found.policy.add_statements(starting)
        else:
            found = self._make_export_role(digest, service, access, starting)
            self._export_roles[digest] = found
        return ExportPermissions(
            policy=cast(CfnResource, found.policy.node.default_child),
            properties={
                "RoleArn": found.role.role_arn,
                "KmsKeyArn": key.key_arn,
                "BucketName": bucket.bucket_name,
                "Prefix": export.prefix,
                "MaximumAge": export._maximum_age_seconds,
            },
        )

    def _make_export_role(
        self,
        digest: str,
        service: iam.IPrincipal,
        access: list[iam.PolicyStatement],
        starting: iam.PolicyStatement,
    ) -> _ExportRole:
        document = iam.PolicyDocument(statements=access)
        role = iam.Role(
            self,
            f"ExportRole{digest}",
            path=EXPORT_ROLE_PATH,
            description="Exports mailboxes of Amazon WorkMail before they are deregistered",
            assumed_by=service,
            # In the role and not beside it, where it would need a dependency of its own.
            inline_policies={"Export": document},
        )
        passing = iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": _EXPORT_SERVICE}},
        )
        policy = self._policy(f"Export{digest}", [starting, passing])
        if self._continuing is None:
            # An export outlasts an invocation, and the function then calls itself.
            self._continuing = self._policy(
                "Continuing",
                [
                    iam.PolicyStatement(
                        actions=["lambda:InvokeFunction"], resources=[self._function_arn]
                    )
                ],
            )
            self._continuing.node.add_dependency(self._stack_policy)
        policy.node.add_dependency(self._continuing)
        return _ExportRole(role, document, policy)

    def _organization_arn(self, organization_id: str, region: str | None) -> str:
        return Stack.of(self).format_arn(
            service="workmail",
            region=region,
            resource="organization",
            resource_name=organization_id,
        )

    def _digest(self, *values: str) -> str:
        # Tokens are numbered as they are made, so only what they resolve to is stable.
        resolved = [json.dumps(Stack.of(self).resolve(value), sort_keys=True) for value in values]
        return hashlib.sha256("".join(resolved).encode()).hexdigest()[:8]

    def _reading_the_stack(self) -> list[iam.PolicyStatement]:
        stack = Stack.of(self)
        own = iam.PolicyStatement(
            actions=["cloudformation:DescribeStacks", "cloudformation:ListStackResources"],
            resources=[stack.stack_id],
        )
        root = _root_of(stack)
        if root is stack:
            return [own]
        above = iam.PolicyStatement(
            actions=["cloudformation:DescribeStacks"], resources=[root.stack_id]
        )
        return [own, above]

    def _policy(self, id: str, statements: list[iam.PolicyStatement]) -> iam.Policy:
        return iam.Policy(
            self,
            id,
            # Left alone the CDK names it by its logical id, which other stacks have too; and of
            # two policies with one name on one role, the second overwrites the first.
            policy_name=f"{Names.unique_resource_name(self, max_length=100)}{id}",
            roles=[self._role],
            statements=statements,
        )


def _root_of(stack: Stack) -> Stack:
    while stack.nested_stack_parent:
        stack = stack.nested_stack_parent
    return stack


def path_in_stage(construct: Construct) -> str:
    """Its path without that of the stage, so that all stages of a pipeline name it alike."""
    stage = cast(Stage, Stage.of(construct))
    return construct.node.path.removeprefix(f"{stage.node.path}/")
