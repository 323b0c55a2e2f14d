"""What one stack declares, and what its registrations have in common."""

from __future__ import annotations

import hashlib
from typing import ClassVar, cast
from weakref import WeakKeyDictionary

from aws_cdk import Annotations, CfnResource, Stack, Stage
from constructs import Construct

from cdk_workmail._literals import check_region
from cdk_workmail._permissions import StackPermissions
from cdk_workmail.provider import WorkMailProvider

END_OF_SUPPORT = "@cdk-workmail/end-of-support"
_ID = "Custom::WorkMail"


class StackRegistrations(Construct):
    """The registrations of one stack; emits nothing itself, and is made on first use."""

    # A walk to the stack and a search in it are three round trips to the CDK's kernel, which
    # registrations beside each other need not repeat.
    _of_scope: ClassVar[WeakKeyDictionary[Construct, StackRegistrations]] = WeakKeyDictionary()

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack, _ID)
        self._region = stack.region
        self._environment = stack.environment
        self._declared: dict[tuple[str, ...], Construct] = {}
        self._own_provider: WorkMailProvider | None = None
        self._permissions: dict[WorkMailProvider, StackPermissions] = {}
        Annotations.of(stack).add_warning_v2(
            END_OF_SUPPORT,
            "AWS ends support for Amazon WorkMail on March 31, 2027, and its organizations and "
            "mailboxes can no longer be reached after that day: "
            "https://docs.aws.amazon.com/workmail/latest/adminguide/workmail-end-of-support.html",
        )

    @classmethod
    def of(cls, scope: Construct) -> StackRegistrations:
        found = cls._of_scope.get(scope)
        if found is None:
            stack = Stack.of(scope)
            found = cast("StackRegistrations | None", stack.node.try_find_child(_ID)) or cls(stack)
            cls._of_scope[scope] = found
        return found

    @property
    def provider(self) -> WorkMailProvider:
        """The stack's own function, made on first use."""
        if self._own_provider is None:
            self._own_provider = WorkMailProvider(self, "Provider")
        return self._own_provider

    def check_region(self, registration: Construct, organization_region: str | None) -> None:
        """Raises ValueError if the organization cannot be where it is declared to be."""
        check_region(registration, self._region, organization_region)

    def declare(self, registration: Construct, what: str, *identity: str) -> None:
        """Raises ValueError if the same entity or address is declared already; case is ignored."""
        first = self._declared.setdefault((what, *map(str.casefold, identity)), registration)
        if first is not registration:
            raise ValueError(
                f"{registration.node.path}: {what} must be declared once in a stack, "
                f"got {identity[-1]!r}, which {first.node.path} declares"
            )

    def permit(
        self,
        registration: Construct,
        provider: WorkMailProvider,
        organization_id: str,
        region: str | None,
    ) -> CfnResource:
        """The policy for the organization, which registrations in it have to depend on.

        Raises ValueError if this stack cannot use the provider.
        """
        if provider not in self._permissions:
            self._permissions[provider] = self._make_permissions(registration, provider)
        return self._permissions[provider].on_organization(organization_id, region)

    def _make_permissions(
        self, registration: Construct, provider: WorkMailProvider
    ) -> StackPermissions:
        environment = Stack.of(provider).environment
        if environment != self._environment:
            raise ValueError(
                f"{registration.node.path}: provider must be in {self._environment} like the "
                f"stack, got {provider.node.path} in {environment}: CloudFormation calls "
                f"functions of its own account and region only"
            )
        if provider is self._own_provider:
            return StackPermissions(self, "Permissions", provider=provider)
        # Its path in the stage, so that the stages of a pipeline have the same logical ids.
        stage = cast(Stage, Stage.of(provider))
        known_as = provider.node.path.removeprefix(f"{stage.node.path}/")
        digest = hashlib.sha256(known_as.encode()).hexdigest()[:8]
        return StackPermissions(self, f"Permissions{digest}", provider=provider)
