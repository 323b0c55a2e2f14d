"""What one stack declares, and what all its declarations have in common."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import ClassVar, cast
from weakref import WeakKeyDictionary

from aws_cdk import Annotations, Aws, CfnResource, Duration, Stack, Token
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from constructs import Construct, IConstruct

from cdk_workmail._permissions import (
    ExportPermissions,
    NestedStackPermissions,
    Permissions,
    StackPermissions,
    organization_digest,
    path_in_stage,
)
from cdk_workmail._validation import check_region
from cdk_workmail.export import MailboxExport
from cdk_workmail.provider import WorkMailProvider

END_OF_SUPPORT = "@cdk-workmail/end-of-support"
EXPORTS_IN_LINE = "@cdk-workmail/exports-in-line"
DECLARED_IN_TWO_STACKS = "@cdk-workmail/declared-in-two-stacks"
# https://docs.aws.amazon.com/workmail/latest/adminguide/mail-export.html
_EXPORTS_AT_A_TIME = 10
# An export is waited for by one invocation after the other, for an hour at most, and Lambda stops a
# function that has called itself about 16 times:
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
_SHORTEST_TIMEOUT_WITH_EXPORTS = 300
_ID = "Custom::WorkMail"


class _AppDeclarations:
    """Which entities the stacks of one app declare, by organization and name."""

    _of_root: ClassVar[WeakKeyDictionary[IConstruct, _AppDeclarations]] = WeakKeyDictionary()

    def __init__(self) -> None:
        # By the token of its id.
        self.declared: dict[str, tuple[str, str]] = {}
        self.enabled: dict[tuple[str, str], Construct] = {}

    @classmethod
    def of(cls, root: IConstruct) -> _AppDeclarations:
        return cls._of_root.setdefault(root, cls())


class StackDeclarations(Construct):
    """All that one stack declares; it emits nothing itself."""

    # To find the stack and to search in it are three calls of the CDK's kernel, which constructs
    # beside each other need not repeat.
    _of_scope: ClassVar[WeakKeyDictionary[Construct, StackDeclarations]] = WeakKeyDictionary()

    def __init__(self, stack: Stack, above: StackDeclarations | None = None) -> None:
        """With `above`, the stack is one that a roster has nested in the stack above."""
        super().__init__(stack, _ID)
        self.above = above
        # A roster's entries wait for the announcement in their lanes.
        self.announces_in_lanes = False
        # In the order of their declaration.
        self.member_lists: list[CfnResource] = []
        self._region = stack.region
        self._is_region_checked = False
        self._environment = stack.environment
        self._app = _AppDeclarations.of(self.node.root)
        self._declared: dict[tuple[str, ...], Construct] = {}
        self._own_provider: WorkMailProvider | None = None
        self._permissions: dict[WorkMailProvider, Permissions] = {}
        self._prepared: defaultdict[str, list[CfnResource]] = defaultdict(list)
        self._awaiting: defaultdict[str, list[CfnResource]] = defaultdict(list)
        self._announced: dict[str, CfnResource] = {}
        self._exported: Counter[tuple[str, str | None]] = Counter()
        if above:
            return
        Annotations.of(stack).add_warning_v2(
            END_OF_SUPPORT,
            "AWS ends support for Amazon WorkMail on March 31, 2027, and its organizations and "
            "mailboxes can no longer be reached after that day: "
            "https://docs.aws.amazon.com/workmail/latest/adminguide/workmail-end-of-support.html",
        )

    @classmethod
    def of(cls, scope: Construct) -> StackDeclarations:
        found = cls._of_scope.get(scope)
        if found is None:
            stack = Stack.of(scope)
            found = cast("StackDeclarations | None", stack.node.try_find_child(_ID)) or cls(stack)
            cls._of_scope[scope] = found
        return found

    @property
    def provider(self) -> WorkMailProvider:
        """The stack's own function, created on first use."""
        if self._own_provider is None:
            self._own_provider = WorkMailProvider(self, "Provider")
        return self._own_provider

    def path(self, construct: Construct) -> str:
        """Its path in the stage, as it would be without a roster's nested stack."""
        if self.above is None:
            return path_in_stage(construct)
        return f"{path_in_stage(cast(Construct, Stack.of(self).node.scope))}/{construct.node.id}"

    def announce(self, organization_id: str) -> CfnResource:
        """The parameter by which other stacks find this one, created before all that depend on it.

        A stack that removes an entity reads it, and retains what this stack declares.
        """
        if organization_id not in self._announced:
            self._announced[organization_id] = self._create_announcement(organization_id)
        return self._announced[organization_id]

    def _announce_to_declarations(self, organization_id: str) -> CfnResource | None:
        announcement = self.announce(organization_id)
        return None if self.announces_in_lanes else announcement

    def declare(self, construct: Construct, field: str, kind: str, *identity: str) -> None:
        """Raises ValueError for a second declaration in this stack; case is ignored."""
        first = self._declared.setdefault((kind, *map(str.casefold, identity)), construct)
        if first is not construct:
            raise ValueError(
                f"{construct.node.path}: {field} must be declared once in a stack, "
                f"got {identity[-1]!r}, which {first.node.path} declares"
            )

    def declare_entity(self, id_token: str, organization_id: str, name: str) -> None:
        """The token and the name are one entity."""
        self._app.declared[id_token] = (organization_id, name)

    def declare_enabled(self, registration: Construct, organization_id: str, entity: str) -> None:
        """Compares by name, given as a literal or as the token of an entity's id.

        Raises ValueError for a second registration in this stack, and warns of one in another.
        """
        identity = self._app.declared.get(entity, (organization_id, entity))
        if "$" in identity[1] and Token.is_unresolved(identity[1]):
            return
        self.declare(registration, "entity_id", "entity", *identity)
        key = (identity[0], identity[1].casefold())
        first = self._app.enabled.setdefault(key, registration)
        if first is not registration:
            Annotations.of(registration).add_warning_v2(
                DECLARED_IN_TWO_STACKS,
                f"entity {identity[1]!r} is declared by {first.node.path} too, in another stack: "
                f"declare it in one of them, or acknowledge this while it moves",
            )

    def prepare(self, entity: str, resource: CfnResource) -> None:
        """The entity, by name or token, is created or enabled by this resource."""
        for known_as in self._names(entity):
            self._prepared[known_as].append(resource)
            for waiting in self._awaiting[known_as]:
                waiting.add_resource_dependency(resource)

    def await_entity(self, entity: str, waiting: CfnResource) -> None:
        """The resource waits until the entity is created and enabled, if this stack does that."""
        self._awaiting[entity.casefold()].append(waiting)
        for resource in self._prepared[entity.casefold()]:
            waiting.add_resource_dependency(resource)

    def _create_announcement(self, organization_id: str) -> CfnResource:
        stack = Stack.of(self)
        id = f"Announcement{organization_digest(stack, organization_id)}"
        found = cast("CfnResource | None", self.node.try_find_child(id))
        return found or ssm.CfnParameter(
            self,
            id,
            type="String",
            name=f"/cdk-workmail/{organization_id}/{Aws.STACK_NAME}",
            value=stack.stack_id,
            description="Announces that this stack declares entities of Amazon WorkMail",
        )

    def _names(self, entity: str) -> set[str]:
        _, name = self._app.declared.get(entity, ("", entity))
        return {entity.casefold(), name.casefold()}

    def check_region(self, construct: Construct, organization_region: str | None) -> None:
        """Raises ValueError if the organization cannot be where it is declared to be."""
        if organization_region is None and self._is_region_checked:
            return
        check_region(construct, self._region, organization_region)
        self._is_region_checked |= organization_region is None

    def check_password(self, user: Construct, secret: secretsmanager.ISecret) -> None:
        """Raises ValueError if the function, which is in the stack's region, cannot read it."""
        got = secret.env.region
        if _differ(got, self._region):
            raise ValueError(
                f"{user.node.path}: password must be in the stack's region {self._region!r}, got "
                f"{got!r} of {secret.node.path}: the function is there and reads it"
            )

    def permissions(self, construct: Construct, provider: WorkMailProvider) -> Permissions:
        """What the provider may do for this stack.

        Raises ValueError if this stack cannot use the provider.
        """
        if provider not in self._permissions:
            self._permissions[provider] = self._create_permissions(construct, provider)
        return self._permissions[provider]

    def permit_export(
        self,
        registration: Construct,
        provider: WorkMailProvider,
        export: MailboxExport,
        organization_id: str,
        region: str | None,
    ) -> ExportPermissions:
        """What an exported registration needs besides.

        Raises ValueError if the export or the provider does not suit the organization's exports.
        """
        check_export_region(registration, "mailbox_export", export, region or self._region)
        _check_export_timeout(registration, provider)
        self._count_export(organization_id, region)
        permissions = self.permissions(registration, provider)
        return permissions.on_export(export, organization_id, region)

    def _count_export(self, organization_id: str, region: str | None) -> None:
        self._exported[organization_id, region] += 1
        if self._exported[organization_id, region] == _EXPORTS_AT_A_TIME + 1:
            # The CDK keeps one of several organizations': they say the same.
            Annotations.of(Stack.of(self)).add_info_v2(
                EXPORTS_IN_LINE,
                f"WorkMail exports {_EXPORTS_AT_A_TIME} mailboxes of an organization at a time, "
                f"and CloudFormation waits an hour for the deletion of each registration: if all "
                f"exports take longer, the stack's deletion fails, the remaining mailboxes stay "
                f"enabled, and you delete the stack again",
            )

    def _create_permissions(self, construct: Construct, provider: WorkMailProvider) -> Permissions:
        if self.above:
            above = cast(StackPermissions, self.above.permissions(construct, provider))
            return NestedStackPermissions(
                self, "Permissions", above=above, announce=self._announce_to_declarations
            )
        environment = Stack.of(provider).environment
        if environment != self._environment:
            raise ValueError(
                f"{construct.node.path}: provider must be in {self._environment} like the "
                f"stack, got {provider.node.path} in {environment}: CloudFormation calls "
                f"functions of its own account and region only"
            )
        if provider is self._own_provider:
            id = "Permissions"
        else:
            digest = hashlib.sha256(path_in_stage(provider).encode()).hexdigest()[:8]
            id = f"Permissions{digest}"
        return StackPermissions(self, id, provider=provider, announce=self.announce)


def check_export_region(
    construct: Construct, option: str, export: MailboxExport, region: str
) -> None:
    """Raises ValueError for an export that WorkMail cannot write to."""
    for field, given in (("bucket", export.bucket), ("encryption_key", export.encryption_key)):
        got = given.env.region
        if _differ(got, region):
            raise ValueError(
                f"{construct.node.path}: {option} must have its {field} in the "
                f"organization's region {region!r}, got {got!r} of {export.node.path}: WorkMail "
                f"exports within a region only"
            )


def _check_export_timeout(registration: Construct, provider: WorkMailProvider) -> None:
    timeout = cast(Duration, provider.function.timeout).to_seconds()
    if timeout < _SHORTEST_TIMEOUT_WITH_EXPORTS:
        raise ValueError(
            f"{registration.node.path}: provider must have a timeout of at least "
            f"{_SHORTEST_TIMEOUT_WITH_EXPORTS} seconds for SNAPSHOT, got {timeout:.0f} of "
            f"{provider.node.path}: the function waits for an export by calling itself, which "
            f"Lambda stops after about 16 times"
        )


def _differ(one: str, other: str) -> bool:
    return one != other and not Token.is_unresolved(one) and not Token.is_unresolved(other)
