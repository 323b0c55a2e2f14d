"""What one stack declares, and what all that it declares has in common."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, ClassVar, cast
from weakref import WeakKeyDictionary

from aws_cdk import Annotations, CfnResource, Stack, Token
from constructs import Construct

from cdk_workmail._literals import check_region
from cdk_workmail._permissions import ExportPermissions, StackPermissions, path_in_stage
from cdk_workmail.provider import WorkMailProvider

if TYPE_CHECKING:
    from aws_cdk import aws_secretsmanager as secretsmanager

    from cdk_workmail.export import MailboxExport

END_OF_SUPPORT = "@cdk-workmail/end-of-support"
EXPORTS_IN_LINE = "@cdk-workmail/exports-in-line"
# https://docs.aws.amazon.com/workmail/latest/adminguide/mail-export.html
_EXPORTS_AT_A_TIME = 10
_ID = "Custom::WorkMail"


class StackDeclarations(Construct):
    """All that one stack declares; emits nothing itself, and is made on first use."""

    # A walk to the stack and a search in it are three round trips to the CDK's kernel, which
    # constructs beside each other need not repeat.
    _of_scope: ClassVar[WeakKeyDictionary[Construct, StackDeclarations]] = WeakKeyDictionary()

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack, _ID)
        self._region = stack.region
        self._environment = stack.environment
        self._declared: dict[tuple[str, ...], Construct] = {}
        self._own_provider: WorkMailProvider | None = None
        self._permissions: dict[WorkMailProvider, StackPermissions] = {}
        self._prepared: defaultdict[str, list[CfnResource]] = defaultdict(list)
        self._awaiting: defaultdict[str, list[CfnResource]] = defaultdict(list)
        self._exported: Counter[tuple[str, str | None]] = Counter()
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
        """The stack's own function, made on first use."""
        if self._own_provider is None:
            self._own_provider = WorkMailProvider(self, "Provider")
        return self._own_provider

    def prepares(self, entity_id: str, resource: CfnResource) -> None:
        """The entity is made or enabled by this resource: who awaits it waits for that."""
        self._prepared[entity_id.casefold()].append(resource)
        for waiting in self._awaiting[entity_id.casefold()]:
            waiting.add_resource_dependency(resource)

    def await_entity(self, entity_id: str, waiting: CfnResource) -> None:
        """Has the resource wait until the entity is there and enabled, if this stack does that."""
        self._awaiting[entity_id.casefold()].append(waiting)
        for resource in self._prepared[entity_id.casefold()]:
            waiting.add_resource_dependency(resource)

    def check_region(self, construct: Construct, organization_region: str | None) -> None:
        """Raises ValueError if the organization cannot be where it is declared to be."""
        check_region(construct, self._region, organization_region)

    def check_password(self, user: Construct, secret: secretsmanager.ISecret) -> None:
        """Raises ValueError if the function, which is where the stack is, cannot read it."""
        got, here = secret.env.region, self._region
        if got != here and not Token.is_unresolved(got) and not Token.is_unresolved(here):
            raise ValueError(
                f"{user.node.path}: password must be in the stack's region {here!r}, got "
                f"{got!r} of {secret.node.path}: the function is there and reads it"
            )

    def declare(self, construct: Construct, field: str, kind: str, *identity: str) -> None:
        """Raises ValueError if the same thing of a kind is declared already; case is ignored."""
        first = self._declared.setdefault((kind, *map(str.casefold, identity)), construct)
        if first is not construct:
            raise ValueError(
                f"{construct.node.path}: {field} must be declared once in a stack, "
                f"got {identity[-1]!r}, which {first.node.path} declares"
            )

    def permissions(self, construct: Construct, provider: WorkMailProvider) -> StackPermissions:
        """What the provider may do for this stack.

        Raises ValueError if this stack cannot use the provider.
        """
        if provider not in self._permissions:
            self._permissions[provider] = self._make_permissions(construct, provider)
        return self._permissions[provider]

    def permit_export(
        self,
        registration: Construct,
        provider: WorkMailProvider,
        export: MailboxExport,
        organization_id: str,
        region: str | None,
    ) -> ExportPermissions:
        """What a registration needs besides for being exported.

        Raises ValueError if the export or the provider does not suit the organization's exports.
        """
        export._check_region(registration, region or self._region)
        provider._serve_exports(registration)
        self._count_export(organization_id, region)
        permissions = self.permissions(registration, provider)
        return permissions.on_export(export, organization_id, region)

    def _count_export(self, organization_id: str, region: str | None) -> None:
        self._exported[organization_id, region] += 1
        if self._exported[organization_id, region] == _EXPORTS_AT_A_TIME + 1:
            # Of several organizations' the CDK keeps one: what it says is the same.
            Annotations.of(Stack.of(self)).add_info_v2(
                EXPORTS_IN_LINE,
                f"WorkMail exports {_EXPORTS_AT_A_TIME} mailboxes of an organization at a time, "
                f"and CloudFormation waits an hour for the deletion of each registration: where "
                f"the exports of all take longer, the deletion of the stack fails with what is "
                f"left, which keeps those mailboxes enabled, and has to be run again",
            )

    def _make_permissions(
        self, construct: Construct, provider: WorkMailProvider
    ) -> StackPermissions:
        environment = Stack.of(provider).environment
        if environment != self._environment:
            raise ValueError(
                f"{construct.node.path}: provider must be in {self._environment} like the "
                f"stack, got {provider.node.path} in {environment}: CloudFormation calls "
                f"functions of its own account and region only"
            )
        if provider is self._own_provider:
            return StackPermissions(self, "Permissions", provider=provider)
        digest = hashlib.sha256(path_in_stage(provider).encode()).hexdigest()[:8]
        return StackPermissions(self, f"Permissions{digest}", provider=provider)
