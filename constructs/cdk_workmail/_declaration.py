"""What registrations, users, groups and resources have in common."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from aws_cdk import CfnResource
from constructs import Construct

from cdk_workmail._actions import Permission
from cdk_workmail._permissions import depend
from cdk_workmail._stack import StackDeclarations
from cdk_workmail._validation import ORGANIZATION_ID, check_boolean, check_type
from cdk_workmail.provider import WorkMailProvider


class Organization:
    """One organization, as one stack declares entities in it with one provider."""

    def __init__(
        self,
        construct: Construct,
        declarations: StackDeclarations,
        provider: WorkMailProvider,
        organization_id: str,
        region: str | None,
        revision: str | None,
    ) -> None:
        """Raises ValueError, which names the construct, if the stack cannot use the provider."""
        self._construct = construct
        self._provider = provider
        self.declarations = declarations
        self.permissions = declarations.permissions(construct, provider)
        self.organization_id = organization_id
        self.region = region
        self.revision = revision

    @cached_property
    def of_member_lists(self) -> Organization:
        """The same in the stack of the member lists, which is above a roster's nested stacks.

        There they wait for the entities of all nested stacks.
        """
        if self.declarations.above is None:
            return self
        return Organization(
            self._construct,
            self.declarations.above,
            self._provider,
            self.organization_id,
            self.region,
            self.revision,
        )

    def create_resource(
        self,
        scope: Construct,
        id: str,
        type: str,
        permission: Permission,
        properties: Mapping[str, object],
    ) -> CfnResource:
        declared: dict[str, object] = {
            **self.permissions.service_properties,
            "OrganizationId": self.organization_id,
            **properties,
        }
        if self.region is not None:
            declared["OrganizationRegion"] = self.region
        if self.revision is not None:
            declared["Revision"] = self.revision
        # The bare resource, not CustomResource: it is the default child, as the CDK's escape
        # hatches expect, and many declarations synthesize in less time.
        resource = CfnResource(scope, id, type=type, properties=declared)
        self.permit(resource, permission)
        return resource

    def permit(self, resource: CfnResource, permission: Permission) -> None:
        """The resource gets the permission before it is created, and keeps it while it exists."""
        depend(
            resource,
            self.permissions.on_organization(permission, self.organization_id, self.region),
        )


class Declaration(Construct):
    """A custom resource for one entity of one organization."""

    organization_id: str
    """The organization's id."""

    provider: WorkMailProvider
    """The function that does what is declared here."""

    _resource: CfnResource

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        organization_id: str,
        organization_region: str | None,
        adopt_existing: bool,
        provider: WorkMailProvider | None,
        revision: str | None,
    ) -> None:
        super().__init__(scope, id)
        declarations = StackDeclarations.of(scope)
        declarations.check_region(self, organization_region)
        ORGANIZATION_ID.check(self, organization_id)
        check_boolean(self, "adopt_existing", adopt_existing)
        check_type(self, "provider", provider, WorkMailProvider)
        check_type(self, "revision", revision, str)
        self.organization_id = organization_id
        self.provider = provider or declarations.provider
        self._organization = Organization(
            self,
            declarations,
            self.provider,
            organization_id,
            organization_region,
            revision,
        )

    def _attribute(self, name: str) -> str:
        return self._resource.get_att(name).to_string()


def resource_of(declaration: Declaration) -> CfnResource:
    """Its default child, without asking the CDK for it."""
    return declaration._resource
