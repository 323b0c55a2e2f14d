"""One entity of an organization, enabled."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from constructs import Construct

from cdk_workmail._declaration import Declaration
from cdk_workmail._literals import ALIAS, EMAIL, ENTITY_ID
from cdk_workmail._permissions import ALIASES, REGISTRATION
from cdk_workmail.export import MailboxExport
from cdk_workmail.provider import WorkMailProvider

RESOURCE_TYPE = "Custom::WorkMailRegistration"
# The longest that CloudFormation waits; an export takes as long as its mailbox is large.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
_EXPORT_SERVICE_TIMEOUT = 3600


class WorkMailRegistration(Declaration):
    """A user, group or resource of an Amazon WorkMail organization, enabled under an address.

    Deployed, the entity is enabled and has the address as its primary one. A changed address is
    changed in place, and the old one stays as an alias. Renaming or moving the construct in its
    stack costs nothing. Removed, the entity is deregistered, and WorkMail keeps its mailbox for 30
    more days, in which registering it again brings the mailbox back.

    Tokens are welcome in every string. Literals are checked at once: ValueError names the
    construct, the value, and what is allowed, also for an entity or an address that the stack
    declares twice.

    Each stack with registrations warns of WorkMail's end of support on 2027-03-31. Acknowledge it
    with `Annotations.of(stack).acknowledge_warning("@cdk-workmail/end-of-support")`.

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
    ) -> None:
        """Declares that the entity is enabled.

        :param organization_id: `m-` and 32 hexadecimal digits.
        :param entity_id: Its id in WorkMail or its name, 1 to 256 characters. Both mean the same
            registration, so one can be rewritten as the other.
        :param email: Its primary address, in a domain of the organization. At most 64 characters
            before the @ and 254 in all.
        :param organization_region: Where the organization is: us-east-1, us-west-2 or eu-west-1.
            Unless given, the region that the stack is deployed to, which then has to be one of
            these: checked here if the stack names it, and by the function if not.
        :param adopt_existing: An entity that somebody else has enabled already is taken over as it
            is. With False the deployment fails instead, and changes nothing.
        :param removal_policy: What happens when the registration leaves its stack. Unless given it
            is DESTROY, which deregisters the entity. RETAIN leaves it enabled, and so does
            RETAIN_ON_UPDATE_OR_DELETE except when its own creation is rolled back. SNAPSHOT exports
            the mailbox of a user or resource to `mailbox_export` first and deregisters it only when
            that is complete; within an hour, after which the removal fails, the mailbox stays on,
            and another removal goes on with the same export. A group has no mailbox and is
            deregistered as with DESTROY.
        :param mailbox_export: Where SNAPSHOT exports to; required with it, and refused without. The
            Region of its bucket and key has to be the organization's: checked here if known.
        :param aliases: Further addresses that mail to the entity may have, each in a domain of the
            organization. They are there from then on, and one that leaves this list is removed.
            Others stay, such as those that somebody else added and the primary addresses that
            the entity had before. Unless given, aliases are nobody's concern here.
        :param remove_other_aliases: With True the others are removed too. Mail to an address that
            the entity had before then comes back to its sender.
        :param provider: The function to use; one of the stack's own unless given.
        """
        super().__init__(
            scope,
            id,
            organization_id=organization_id,
            organization_region=organization_region,
            provider=provider,
        )
        self._check_export(removal_policy, mailbox_export)
        if ENTITY_ID.check(self, entity_id):
            self._declarations.declare(self, "entity_id", "entity", organization_id, entity_id)
        if EMAIL.check(self, email):
            self._declarations.declare(self, "email", "address", email)
        properties: dict[str, object] = {
            "EntityId": entity_id,
            "Email": email,
            "AdoptExisting": adopt_existing,
        }
        if aliases is not None:
            self._check_aliases(email, aliases)
            properties["Aliases"] = [*aliases]
        if remove_other_aliases:
            self._check_removal_of_others(aliases)
            properties["RemoveOtherAliases"] = True
        export = mailbox_export and self._declarations.permit_export(
            self, self.provider, mailbox_export, organization_id, organization_region
        )
        if export:
            properties["MailboxExport"] = export.properties
            properties["ServiceTimeout"] = _EXPORT_SERVICE_TIMEOUT
        self._make_resource(RESOURCE_TYPE, REGISTRATION, properties)
        self._declarations.prepares(entity_id, self._resource)
        if aliases is not None:
            self._permit(ALIASES)
        if export:
            # CloudFormation's own DeletionPolicy stays Delete: it refuses Snapshot here.
            self._resource.add_resource_dependency(export.policy)
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
        if policy is RemovalPolicy.SNAPSHOT and export is None:
            raise ValueError(
                f"{self.node.path}: removal_policy SNAPSHOT must come with mailbox_export, got "
                f"none: make a MailboxExport, or keep the mailbox with RETAIN"
            )
        if export is not None and policy is not RemovalPolicy.SNAPSHOT:
            raise ValueError(
                f"{self.node.path}: mailbox_export must come with removal_policy SNAPSHOT, got "
                f"{policy.name if policy else 'none'}: without SNAPSHOT nothing is exported"
            )

    def _check_aliases(self, email: str, aliases: Sequence[str]) -> None:
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
            self._declarations.declare(self, "aliases", "address", alias)

    def _check_removal_of_others(self, aliases: Sequence[str] | None) -> None:
        if aliases is None:
            raise ValueError(
                f"{self.node.path}: remove_other_aliases must come with aliases, got none: give "
                f"those that stay, [] if there are none"
            )
