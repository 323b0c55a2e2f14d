"""One entity of an organization, enabled."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from constructs import Construct

from cdk_workmail._actions import ALIASES, REGISTRATION
from cdk_workmail._declaration import Declaration
from cdk_workmail._permissions import depend
from cdk_workmail._validation import (
    ALIAS,
    EMAIL,
    ENTITY_ID,
    check_boolean,
    check_list,
    check_type,
)
from cdk_workmail.export import MailboxExport
from cdk_workmail.provider import WorkMailProvider

_RESOURCE_TYPE = "Custom::WorkMailRegistration"
# The longest that CloudFormation waits; an export takes as long as its mailbox is large.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
_EXPORT_SERVICE_TIMEOUT = 3600


class WorkMailRegistration(Declaration):
    """A user, group or resource of an Amazon WorkMail organization, enabled under an address.

    A new address is set in place, and the old one stays as an alias. Renaming the construct, or
    moving it in its stack, changes nothing in WorkMail. A removed registration is deregistered, and
    WorkMail keeps its mailbox for 30 days, in which registering the entity again restores it.

    Every string can be a token. Literals are checked at synth: ValueError names the construct, the
    value and what is allowed, also for an entity or an address that the stack declares twice.
    Two stacks of an app that declare an entity get a warning, which you acknowledge with
    `Annotations.of(app).acknowledge_warning("@cdk-workmail/declared-in-two-stacks")`.

    Each stack with declarations warns of WorkMail's end of support on 2027-03-31, which you
    acknowledge with `Annotations.of(stack).acknowledge_warning("@cdk-workmail/end-of-support")`.

    RegisterToWorkMail:
    https://docs.aws.amazon.com/workmail/latest/APIReference/API_RegisterToWorkMail.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        organization_id: str,
        entity_id: str,
        email: str,
        organization_region: str | None = None,
        adopt_existing: bool = True,
        removal_policy: RemovalPolicy | None = None,
        mailbox_export: MailboxExport | None = None,
        aliases: Sequence[str] | None = None,
        remove_other_aliases: bool = False,
        provider: WorkMailProvider | None = None,
        revision: str | None = None,
    ) -> None:
        """Declares that the entity is enabled.

        :param organization_id: `m-` and 32 hexadecimal digits.
        :param entity_id: The entity's id in WorkMail or its name, 1 to 256 characters. Both mean
            the same registration, so you can rewrite one as the other.
        :param email: The primary address, in a domain of the organization: at most 64 characters
            before the @ and 254 in all.
        :param organization_region: Where the organization is: us-east-1, us-west-2 or eu-west-1.
            By default the stack's region, which must then be one of these: checked at synth if
            the stack declares it, and by the function if not.
        :param adopt_existing: By default an entity that is enabled already is adopted. With False
            the deployment fails instead, and changes nothing.
        :param removal_policy: What happens when the registration leaves its stack. By default
            DESTROY, which deregisters the entity. With RETAIN it stays enabled, and with
            RETAIN_ON_UPDATE_OR_DELETE too, except when its own creation is rolled back. With
            SNAPSHOT the mailbox of a user or resource is exported to `mailbox_export` first, and
            the entity is deregistered when that is complete. After an hour the deletion fails, the
            mailbox stays enabled, and the next deletion continues the same export. A group has
            no mailbox and is deregistered as with DESTROY.
        :param mailbox_export: Where SNAPSHOT exports to: required with it, refused without it. Its
            bucket and key must be in the organization's region, which is checked if known.
        :param aliases: Further addresses of the entity, each in a domain of the organization.
            They are added, and one that leaves this list is removed. Others stay, such as earlier
            primary addresses. If omitted, aliases are not managed.
        :param remove_other_aliases: With True, aliases that are not declared are removed too.
            Mail to earlier primary addresses then bounces. False by default.
        :param provider: The function to use; by default the stack's own.
        :param revision: Any text. When it changes, the next deployment compares everything with
            WorkMail again and repairs it, although nothing else has changed. It also enables a
            mailbox that was disabled outside the stack, which other updates leave disabled unless
            they change the address.
        """
        super().__init__(
            scope,
            id,
            organization_id=organization_id,
            organization_region=organization_region,
            adopt_existing=adopt_existing,
            provider=provider,
            revision=revision,
        )
        organization, declarations = self._organization, self._organization.declarations
        self._check_export(removal_policy, mailbox_export)
        ENTITY_ID.check(self, entity_id)
        declarations.declare_enabled(self, organization_id, entity_id)
        if EMAIL.check(self, email):
            declarations.declare(self, "email", "address", email)
        properties: dict[str, object] = {
            "EntityId": entity_id,
            "Email": email,
            "AdoptExisting": adopt_existing,
        }
        if aliases is not None:
            self._check_aliases(email, aliases)
            properties["Aliases"] = [*aliases]
        check_boolean(self, "remove_other_aliases", remove_other_aliases)
        if remove_other_aliases:
            self._check_removal_of_others(aliases)
            properties["RemoveOtherAliases"] = True
        export = mailbox_export and declarations.permit_export(
            self, self.provider, mailbox_export, organization_id, organization_region
        )
        if export:
            properties["MailboxExport"] = export.properties
            properties["ServiceTimeout"] = _EXPORT_SERVICE_TIMEOUT
        self._resource = organization.create_resource(
            self, "Resource", _RESOURCE_TYPE, REGISTRATION, properties
        )
        declarations.prepare(entity_id, self._resource)
        if aliases is not None:
            organization.permit(self._resource, ALIASES)
        if export:
            # CloudFormation's own DeletionPolicy stays Delete: it refuses Snapshot here.
            depend(self._resource, export.policy)
        elif removal_policy:
            self._resource.apply_removal_policy(removal_policy)

    @property
    def registration_id(self) -> str:
        """`<organization id>/<canonical entity id>`."""
        return self._resource.ref

    @property
    def entity_id(self) -> str:
        """The entity's canonical id, however it was declared."""
        return self._attribute("EntityId")

    @property
    def entity_type(self) -> str:
        """USER, GROUP or RESOURCE."""
        return self._attribute("EntityType")

    @property
    def email(self) -> str:
        """The entity's primary address."""
        return self._attribute("Email")

    def _check_export(self, policy: RemovalPolicy | None, export: MailboxExport | None) -> None:
        check_type(self, "removal_policy", policy, RemovalPolicy)
        check_type(self, "mailbox_export", export, MailboxExport)
        if policy is RemovalPolicy.SNAPSHOT and export is None:
            raise ValueError(
                f"{self.node.path}: removal_policy SNAPSHOT must come with mailbox_export, got "
                f"none: create a MailboxExport, or keep the mailbox with RETAIN"
            )
        if export is not None and policy is not RemovalPolicy.SNAPSHOT:
            raise ValueError(
                f"{self.node.path}: mailbox_export must come with removal_policy SNAPSHOT, got "
                f"{policy.name if policy else 'none'}: without SNAPSHOT nothing is exported"
            )

    def _check_aliases(self, email: str, aliases: Sequence[str]) -> None:
        check_list(self, "aliases", aliases)
        for number, alias in enumerate(aliases):
            if not ALIAS.check(self, alias):
                continue
            if alias.casefold() == email.casefold():
                raise ValueError(
                    f"{self.node.path}: aliases must be other addresses than email, got {alias!r}"
                )
            if alias.casefold() in map(str.casefold, aliases[:number]):
                raise ValueError(
                    f"{self.node.path}: aliases must name each address once, got {alias!r} twice"
                )
            self._organization.declarations.declare(self, "aliases", "address", alias)

    def _check_removal_of_others(self, aliases: Sequence[str] | None) -> None:
        if aliases is None:
            raise ValueError(
                f"{self.node.path}: remove_other_aliases must come with aliases, got none: give "
                f"the aliases that stay, [] if there are none"
            )
