"""What a provider's role may do for one stack."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, cast

from aws_cdk import (
    ArnFormat,
    Aws,
    CfnResource,
    Names,
    Reference,
    ScopedAws,
    Stack,
    Stage,
    Tags,
    Tokenization,
)
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct, IConstruct

from cdk_workmail._actions import Permission
from cdk_workmail._export_access import (
    ExportAccess,
    export_access,
    listing,
    organization_arn,
    passing,
)
from cdk_workmail.export import EXPORT_ROLE_PATH, MailboxExport
from cdk_workmail.provider import WorkMailProvider

_STACK_OPERATIONS = ("cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents")
_PASSWORD_TAG = "cdk-workmail-passwords"


@dataclass(frozen=True)
class ExportPermissions:
    """What an exported registration depends on, and its property `MailboxExport`."""

    policy: CfnResource | None
    properties: dict[str, object]


@dataclass(frozen=True)
class _ExportRole:
    """What WorkMail exports with, and the policy that lets the function pass it."""

    role: iam.Role
    access: iam.PolicyDocument
    policy: iam.Policy


class Permissions(Protocol):
    """What a provider may do for one stack: each method names what a declaration depends on.

    None if its stack depends on that as a whole.
    """

    service_properties: dict[str, object]

    def on_organization(
        self, permission: Permission, organization_id: str, region: str | None
    ) -> CfnResource | None: ...

    def on_given_password(self, secret: secretsmanager.ISecret) -> CfnResource | None: ...

    def on_generated_password(self, secret: secretsmanager.Secret) -> CfnResource | None: ...

    def on_export(
        self, export: MailboxExport, organization_id: str, region: str | None
    ) -> ExportPermissions: ...


class _PasswordPolicy:
    """Which secrets the function may read.

    It changes in place: a user that is removed needs its password no more.
    """

    def __init__(self, policy: iam.Policy) -> None:
        self._policy = policy
        self._by_condition: dict[str, iam.PolicyStatement] = {}

    @property
    def resource(self) -> CfnResource:
        return cast(CfnResource, self._policy.node.default_child)

    def allow(self, action: str, arn: str, condition: tuple[str, str] | None = None) -> None:
        """One statement for each action and condition, however many resources it has."""
        key = f"{action} {condition}"
        if key in self._by_condition:
            self._by_condition[key].add_resources(arn)
            return
        self._by_condition[key] = iam.PolicyStatement(
            actions=[action],
            resources=[arn],
            conditions={"StringEquals": dict([condition])} if condition else None,
        )
        self._policy.add_statements(self._by_condition[key])


class StackPermissions(Construct):
    """One provider's policies for one stack, in that stack.

    They are here and not with the role because the stack of a shared provider cannot refer to the
    stacks that use it, which depend on it already; and so that registrations can depend on them.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        provider: WorkMailProvider,
        announce: Callable[[str], CfnResource],
    ) -> None:
        """`announce` creates the stack's announcement in an organization."""
        super().__init__(scope, id)
        self.role = provider.role
        self._announce = announce
        self._function_arn = provider.service_token
        # Read once: each custom resource has these, and each would ask the CDK's kernel for them.
        self.service_properties: dict[str, object] = {
            "ServiceToken": self._function_arn,
            "ServiceTimeout": provider.service_timeout.to_seconds(),
        }
        self._by_organization: dict[tuple[str, str, str | None], CfnResource] = {}
        self._announcement_policies: dict[CfnResource, iam.Policy] = {}
        self._by_export: dict[tuple[MailboxExport, str, str | None], ExportPermissions] = {}
        self._export_roles: dict[str, _ExportRole] = {}
        self._continuing: iam.Policy | None = None
        self._nested: iam.Policy | None = None
        self._passwords: _PasswordPolicy | None = None
        self._generates = False
        self._stack_policy = self._policy("Stack", self._reading_the_stacks())
        # Without its invocation settings the function would be retried after a crash.
        self._stack_policy.node.add_dependency(provider.function)

    def on_organization(
        self, permission: Permission, organization_id: str, region: str | None
    ) -> CfnResource:
        """The policy that what needs this permission in the organization has to depend on.

        One for each organization: CloudFormation updates a policy in place before it deletes what
        the update removed, but deletes a policy after everything that depended on it. So the last
        registration of an organization can still be deregistered.

        And one for each permission, which never changes: a resource that needs a permission no
        longer is updated before it is deleted, and can still delete its aliases, for example.

        It depends on the announcement of the stack, so that the announcement is created before
        everything that is declared in the organization, and deleted after it.
        """
        key = (permission.id, organization_id, region)
        if key not in self._by_organization:
            self._by_organization[key] = self._create_organization_policy(
                permission, organization_id, region
            )
        return self._by_organization[key]

    def on_nested_stacks(self) -> CfnResource:
        """The policy with which the function reads the operations of stacks nested in this one.

        Their ids are not known before they need it. CloudFormation composes their names of this
        stack's name, the logical id and a random part.
        """
        if self._nested is None:
            nested = Stack.of(self).format_arn(
                service="cloudformation", resource="stack", resource_name=f"{Aws.STACK_NAME}-*"
            )
            reading = iam.PolicyStatement(actions=[*_STACK_OPERATIONS], resources=[nested])
            self._nested = self._policy("NestedStacks", [reading])
            self._nested.node.add_dependency(self._stack_policy)
        return cast(CfnResource, self._nested.node.default_child)

    def on_given_password(self, secret: secretsmanager.ISecret) -> CfnResource:
        """The policy that a user with this password has to depend on."""
        arn = secret.secret_full_arn or f"{secret.secret_arn}-??????"
        self._password_policy.allow("secretsmanager:GetSecretValue", arn)
        if secret.encryption_key:
            through = f"secretsmanager.{Stack.of(self).region}.amazonaws.com"
            self._password_policy.allow(
                "kms:Decrypt", secret.encryption_key.key_arn, ("kms:ViaService", through)
            )
        return self._password_policy.resource

    def on_generated_password(self, secret: secretsmanager.Secret) -> CfnResource:
        """The policy that a user with this password has to depend on.

        A tag stands for all of them, so that a thousand fit into a policy. Its value is that of no
        other stack and no other provider.

        https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access-abac.html
        """
        stack = Stack.of(self)
        # Of this stack, also where a stack nested in it refers to it.
        of_this_stack = f"{ScopedAws(self).stack_id}/{self.node.id}"
        Tags.of(secret).add(_PASSWORD_TAG, of_this_stack)
        if not self._generates:
            self._generates = True
            self._password_policy.allow(
                "secretsmanager:GetSecretValue",
                stack.format_arn(
                    service="secretsmanager",
                    resource="secret",
                    resource_name="*",
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                ),
                (f"secretsmanager:ResourceTag/{_PASSWORD_TAG}", of_this_stack),
            )
        return self._password_policy.resource

    def on_export(
        self, export: MailboxExport, organization_id: str, region: str | None
    ) -> ExportPermissions:
        """What a registration that is exported before it is deregistered has to depend on.

        One for each export and organization, named by all that is in it: another bucket, key or
        prefix creates a new role beside the one that a removed registration still exports with.
        The role, and what lets the function pass it, start exports and continue to wait for them,
        are deleted after everything that depended on them, as in `on_organization`.
        """
        key = (export, organization_id, region)
        if key not in self._by_export:
            self._by_export[key] = self._create_export_permissions(export, organization_id, region)
        return self._by_export[key]

    def _announcement_policy(self, organization_id: str) -> iam.Policy:
        """With it the function finds the other stacks; the announcement of this one is first."""
        announcement = self._announce(organization_id)
        if announcement not in self._announcement_policies:
            policy = self._create_announcement_policy(organization_id)
            policy.node.add_dependency(announcement)
            self._announcement_policies[announcement] = policy
        return self._announcement_policies[announcement]

    def _create_announcement_policy(self, organization_id: str) -> iam.Policy:
        stack = Stack.of(self)
        path = stack.format_arn(
            service="ssm", resource="parameter", resource_name=f"cdk-workmail/{organization_id}"
        )
        reading = iam.PolicyStatement(
            actions=["ssm:GetParametersByPath"], resources=[path, f"{path}/*"]
        )
        digest = organization_digest(stack, organization_id)
        return self._policy(f"Announcements{digest}", [reading])

    def _create_organization_policy(
        self, permission: Permission, organization_id: str, region: str | None
    ) -> CfnResource:
        arn = organization_arn(Stack.of(self), organization_id, region)
        statement = iam.PolicyStatement(actions=[*permission.actions], resources=[arn])
        id = f"{permission.id}{self._digest(arn)}"
        policy = cast("iam.Policy | None", self.node.try_find_child(id))
        if policy:
            # Attributes of two other stacks can resolve alike here and still differ when deployed.
            policy.add_statements(statement)
        else:
            policy = self._policy(id, [statement])
            policy.node.add_dependency(self._stack_policy)
        policy.node.add_dependency(self._announcement_policy(organization_id))
        return cast(CfnResource, policy.node.default_child)

    @property
    def _password_policy(self) -> _PasswordPolicy:
        if self._passwords is None:
            policy = self._policy("Passwords", [])
            policy.node.add_dependency(self._stack_policy)
            self._passwords = _PasswordPolicy(policy)
        return self._passwords

    def _create_export_permissions(
        self, export: MailboxExport, organization_id: str, region: str | None
    ) -> ExportPermissions:
        stack = Stack.of(self)
        access = export_access(stack, export, organization_id, region)
        bucket, key = export.bucket, export.encryption_key
        statements = [
            access.starting,
            # A mailbox is deregistered when its export is seen in the bucket, and a line says so.
            listing(export, access),
            iam.PolicyStatement(
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(f"{access.folder}/_manifest/*")],
            ),
            iam.PolicyStatement(
                actions=["kms:GenerateDataKey"],
                resources=[key.key_arn],
                conditions=access.through_s3,
            ),
        ]
        organization = organization_arn(stack, organization_id, region)
        objects = bucket.arn_for_objects(f"{access.folder}/*")

        digest = self._digest(path_in_stage(export), organization, objects, key.key_arn)
        found = self._export_roles.get(digest)
        if found:
            # As with organizations: alike here, and perhaps not when deployed.
            trust = cast(iam.PolicyDocument, found.role.assume_role_policy)
            trust.add_statements(
                iam.PolicyStatement(actions=["sts:AssumeRole"], principals=[access.service])
            )
            found.access.add_statements(*access.writing)
            found.policy.add_statements(*statements)
        else:
            found = self._create_export_role(digest, access, statements)
            self._export_roles[digest] = found
        return ExportPermissions(
            policy=cast(CfnResource, found.policy.node.default_child),
            properties={
                "RoleArn": found.role.role_arn,
                "KmsKeyArn": key.key_arn,
                "BucketName": bucket.bucket_name,
                "Prefix": export.prefix,
                "MaximumAge": export.maximum_age.to_seconds(),
            },
        )

    def _create_export_role(
        self,
        digest: str,
        access: ExportAccess,
        statements: list[iam.PolicyStatement],
    ) -> _ExportRole:
        document = iam.PolicyDocument(statements=access.writing)
        role = iam.Role(
            self,
            f"ExportRole{digest}",
            path=EXPORT_ROLE_PATH,
            description="Exports mailboxes of Amazon WorkMail before they are deregistered",
            assumed_by=access.service,
            # In the role and not beside it, where it would need a dependency of its own.
            inline_policies={"Export": document},
        )
        policy = self._policy(f"Export{digest}", [*statements, passing(role)])
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

    def _digest(self, *values: str) -> str:
        return resolved_digest(Stack.of(self), *values)

    def _reading_the_stacks(self) -> list[iam.PolicyStatement]:
        """The operations of this stack and its root, and the resources of any stack.

        Which stacks announce themselves is not known at synth.
        """
        stack = Stack.of(self)
        operations = iam.PolicyStatement(
            actions=[*_STACK_OPERATIONS],
            resources=[stack.stack_id],
        )
        root = _root_of(stack)
        if root is not stack:
            operations.add_resources(root.stack_id)
        resources = iam.PolicyStatement(
            actions=["cloudformation:ListStackResources"],
            resources=[
                stack.format_arn(service="cloudformation", resource="stack", resource_name="*")
            ],
        )
        return [operations, resources]

    def _policy(self, id: str, statements: list[iam.PolicyStatement]) -> iam.Policy:
        return _attached_policy(self, id, self.role, statements)


class NestedStackPermissions(Construct):
    """The permissions of a roster's nested stack, which are those of the stack above it.

    Policies in each nested stack would soon be more than a role can have. So the nested stack as a
    whole depends on the policies of the stack above, which are created before it and deleted after
    it. Its declarations depend on its announcement alone.

    What only removals need is a policy in the nested stack: the stack above deletes a policy that
    nothing needs any more while its nested stacks still delete what they removed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        above: StackPermissions,
        announce: Callable[[str], CfnResource | None],
    ) -> None:
        """`announce` creates the nested stack's announcement in an organization.

        It returns None for declarations that need not wait for it themselves.
        """
        super().__init__(scope, id)
        self._above = above
        self._announce = announce
        self._stack = cast(CfnResource, Stack.of(self).nested_stack_resource)
        self._awaited: set[CfnResource] = set()
        self._by_permission: dict[tuple[str, str, str | None], CfnResource] = {}
        self.service_properties = above.service_properties
        self._await(above.on_nested_stacks())

    def on_organization(
        self, permission: Permission, organization_id: str, region: str | None
    ) -> CfnResource | None:
        if not permission.is_for_removal:
            self._await(self._above.on_organization(permission, organization_id, region))
            return self._announce(organization_id)
        key = (permission.id, organization_id, region)
        if key not in self._by_permission:
            arn = organization_arn(Stack.of(self), organization_id, region)
            statement = iam.PolicyStatement(actions=[*permission.actions], resources=[arn])
            id = f"{permission.id}{resolved_digest(Stack.of(self), arn)}"
            policy = _attached_policy(self, id, self._above.role, [statement])
            self._by_permission[key] = cast(CfnResource, policy.node.default_child)
        return self._by_permission[key]

    def on_given_password(self, secret: secretsmanager.ISecret) -> None:
        self._await(self._above.on_given_password(secret))

    def on_generated_password(self, secret: secretsmanager.Secret) -> None:
        self._await(self._above.on_generated_password(secret))

    def on_export(
        self, export: MailboxExport, organization_id: str, region: str | None
    ) -> ExportPermissions:
        needed = self._above.on_export(export, organization_id, region)
        self._await(cast(CfnResource, needed.policy))
        return replace(needed, policy=None)

    def _await(self, policy: CfnResource) -> None:
        if policy not in self._awaited:
            self._awaited.add(policy)
            self._stack.add_resource_dependency(policy)


def depend(resource: CfnResource, policy: CfnResource | None) -> None:
    """The resource depends on what the permissions name, if they name anything."""
    if policy:
        resource.add_resource_dependency(policy)


def _attached_policy(
    scope: Construct, id: str, role: iam.IRole, statements: list[iam.PolicyStatement]
) -> iam.Policy:
    return iam.Policy(
        scope,
        id,
        # By default the CDK names it by its logical id, which other stacks have too; and of two
        # policies with one name on one role, the second overwrites the first.
        policy_name=f"{Names.unique_resource_name(scope, max_length=100)}{id}",
        roles=[role],
        statements=statements,
    )


def _root_of(stack: Stack) -> Stack:
    while stack.nested_stack_parent:
        stack = stack.nested_stack_parent
    return stack


def path_in_stage(construct: IConstruct) -> str:
    """Its path without that of the stage, so that all stages of a pipeline name it alike."""
    stage = cast(Stage, Stage.of(construct))
    return construct.node.path.removeprefix(f"{stage.node.path}/")


def resolved_digest(stack: Stack, *values: str) -> str:
    """Tokens are numbered as they are created, so only what they resolve to is stable."""
    resolved = [json.dumps(stack.resolve(value), sort_keys=True) for value in values]
    return hashlib.sha256("".join(resolved).encode()).hexdigest()[:8]


def organization_digest(stack: Stack, organization_id: str) -> str:
    """As `resolved_digest`, but of what it refers to in other stacks too.

    Attributes of two other stacks can resolve alike here and still differ when deployed, and a
    parameter announces one organization.
    """
    referred = [
        path_in_stage(token.target)
        for token in Tokenization.reverse_string(organization_id).tokens
        if isinstance(token, Reference) and Stack.of(token.target) is not stack
    ]
    return resolved_digest(stack, organization_id, *referred)
