"""What registrations, users, groups and resources have in common."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import CfnResource
from constructs import Construct

from cdk_workmail._literals import ORGANIZATION_ID
from cdk_workmail._permissions import Permission, StackPermissions
from cdk_workmail._stack import StackDeclarations
from cdk_workmail.provider import WorkMailProvider


class Declaration(Construct):
    """A custom resource for one thing of one organization."""

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
        provider: WorkMailProvider | None,
    ) -> None:
        super().__init__(scope, id)
        self._declarations = StackDeclarations.of(scope)
        self._declarations.check_region(self, organization_region)
        ORGANIZATION_ID.check(self, organization_id)
        self._organization_id = organization_id
        self._organization_region = organization_region
        self.provider = provider or self._declarations.provider
        self.provider._declared += 1

    @property
    def organization_id(self) -> str:
        """The organization's id."""
        return self._attribute("OrganizationId")

    def _make_resource(
        self, type: str, permission: Permission, properties: Mapping[str, object]
    ) -> None:
        # The bare resource, not CustomResource: it is the default child, as the CDK's escape
        # hatches expect, and a large roster is declared in less time.
        self._resource = CfnResource(
            self, "Resource", type=type, properties=self._in_organization(properties)
        )
        self._permit(permission)

    def _in_organization(self, properties: Mapping[str, object]) -> dict[str, object]:
        declared: dict[str, object] = {
            **self.provider._service_properties,
            "OrganizationId": self._organization_id,
            **properties,
        }
        if self._organization_region:
            declared["OrganizationRegion"] = self._organization_region
        return declared

    def _permit(self, permission: Permission, resource: CfnResource | None = None) -> None:
        """What the resource, this construct's own unless given, has to depend on."""
        (resource or self._resource).add_resource_dependency(
            self._permissions.on_organization(
                permission, self._organization_id, self._organization_region
            )
        )

    @property
    def _permissions(self) -> StackPermissions:
        return self._declarations.permissions(self, self.provider)

    def _attribute(self, name: str) -> str:
        return self._resource.get_att(name).to_string()
