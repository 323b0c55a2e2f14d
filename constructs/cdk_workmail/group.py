"""A group of an organization."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from constructs import Construct

from cdk_workmail._entity import Associates, Entity, Kind
from cdk_workmail._literals import GROUP_NAME
from cdk_workmail._permissions import GROUP, GROUP_DELETION, GROUP_MEMBERS
from cdk_workmail.provider import WorkMailProvider

_KIND = Kind(
    word="Group",
    name=GROUP_NAME,
    attributes={},
    permission=GROUP,
    deletion=GROUP_DELETION,
)


class WorkMailGroup(Entity):
    """A group of an Amazon WorkMail organization, with its members.

    Deployed, the group is there with what is declared here; what is not declared is left as it is.
    A group of that name that is there already is taken over. A changed name is refused, because
    WorkMail cannot rename a group. It gets mail once it is enabled: with `enable`, or with a
    `WorkMailRegistration` whose `entity_id` is `group_id`.

    Removed, the group stays, because deleting one is for good; `RemovalPolicy.DESTROY` deletes.

    Tokens are welcome in every string, and literals are checked at once, as in
    `WorkMailRegistration`.

    CreateGroup: https://docs.aws.amazon.com/workmail/latest/APIReference/API_CreateGroup.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        organization_id: str,
        name: str,
        hidden_from_global_address_list: bool | None = None,
        members: Sequence[str] | None = None,
        organization_region: str | None = None,
        adopt_existing: bool = True,
        removal_policy: RemovalPolicy | None = None,
        provider: WorkMailProvider | None = None,
    ) -> None:
        """Declares that the group is there.

        :param organization_id: `m-` and 32 hexadecimal digits.
        :param name: 1 to 256 characters of Latin-1. It cannot be changed.
        :param hidden_from_global_address_list: Whether the address book leaves the group out.
        :param members: The ids or names of users and groups. The group has these and no others;
            with [] it has none. Unless given, here or to `add_member`, its members are left alone.
        :param organization_region: Where the organization is: us-east-1, us-west-2 or eu-west-1.
            Unless given, the region that the stack is deployed to.
        :param adopt_existing: A group of this name that is there already is taken over. With False
            the deployment fails instead, and changes nothing.
        :param removal_policy: What happens when the group leaves the stack. Unless given it is
            RETAIN, and nothing does. DESTROY deletes the group for good, but not in a
            rollback. The others are refused; SNAPSHOT is for registrations, which have the
            mailbox.
        :param provider: The function to use; one of the stack's own unless given.
        """
        super().__init__(
            scope,
            id,
            kind=_KIND,
            organization_id=organization_id,
            name=name,
            organization_region=organization_region,
            adopt_existing=adopt_existing,
            removal_policy=removal_policy,
            provider=provider,
        )
        self._make_entity({"hidden_from_global_address_list": hidden_from_global_address_list})
        self._members = Associates(self, "members", GROUP_MEMBERS)
        if members is not None:
            self._members.add(members)

    @property
    def group_id(self) -> str:
        """The group's id in WorkMail."""
        return self._entity_id

    def add_member(self, entity_id: str) -> None:
        """Declares one more member, by its id or its name; the group has no others from then on."""
        self._members.add([entity_id])
