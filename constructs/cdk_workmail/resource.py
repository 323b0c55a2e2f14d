"""A room or a piece of equipment of an organization."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from aws_cdk import RemovalPolicy
from constructs import Construct

from cdk_workmail._entity import Associates, Entity, Kind, in_workmails_words
from cdk_workmail._literals import RESOURCE_NAME, text
from cdk_workmail._permissions import RESOURCE, RESOURCE_DELEGATES, RESOURCE_DELETION
from cdk_workmail.provider import WorkMailProvider

_KIND = Kind(
    word="Resource",
    name=RESOURCE_NAME,
    attributes={"description": text("description", 64)},
    permission=RESOURCE,
    deletion=RESOURCE_DELETION,
)


class WorkMailResourceType(StrEnum):
    """What can be booked."""

    ROOM = "ROOM"
    EQUIPMENT = "EQUIPMENT"


class WorkMailResource(Entity):
    """A room or a piece of equipment of an Amazon WorkMail organization, with its delegates.

    Deployed, the resource is there with what is declared here; what is not declared is left as it
    is. A resource of that name that is there already is taken over. A changed name is changed in
    place. It can be booked once it is enabled: with `enable`, or with a `WorkMailRegistration`
    whose `entity_id` is `resource_id`.

    Removed, the resource stays, because deleting one is for good; `RemovalPolicy.DESTROY` deletes.

    Tokens are welcome in every string, and literals are checked at once, as in
    `WorkMailRegistration`.

    CreateResource: https://docs.aws.amazon.com/workmail/latest/APIReference/API_CreateResource.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        organization_id: str,
        name: str,
        type: WorkMailResourceType,
        description: str | None = None,
        hidden_from_global_address_list: bool | None = None,
        auto_accept_requests: bool | None = None,
        auto_decline_recurring_requests: bool | None = None,
        auto_decline_conflicting_requests: bool | None = None,
        delegates: Sequence[str] | None = None,
        organization_region: str | None = None,
        adopt_existing: bool = True,
        removal_policy: RemovalPolicy | None = None,
        provider: WorkMailProvider | None = None,
    ) -> None:
        """Declares that the resource is there.

        :param organization_id: `m-` and 32 hexadecimal digits.
        :param name: 1 to 20 characters.
        :param type: ROOM or EQUIPMENT.
        :param description: At most 64 characters.
        :param hidden_from_global_address_list: Whether the address book leaves the resource out.
        :param auto_accept_requests: Whether it answers requests by itself. If not, WorkMail wants
            it to have delegates.
        :param auto_decline_recurring_requests: Whether it declines what recurs.
        :param auto_decline_conflicting_requests: Whether it declines what conflicts.
        :param delegates: The ids or names of users and groups that answer for the resource. It has
            these and no others; with [] it has none. Unless given, here or to `add_delegate`, its
            delegates are left alone.
        :param organization_region: Where the organization is: us-east-1, us-west-2 or eu-west-1.
            Unless given, the region that the stack is deployed to.
        :param adopt_existing: A resource of this name that is there already is taken over. With
            False the deployment fails instead, and changes nothing.
        :param removal_policy: What happens when the resource leaves the stack. Unless given it is
            RETAIN, and nothing does. DESTROY deletes the resource for good, but not in a
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
        self._make_entity(
            {
                "type": WorkMailResourceType(type).value,
                "description": description,
                "hidden_from_global_address_list": hidden_from_global_address_list,
            }
        )
        self._delegates = Associates(self, "delegates", RESOURCE_DELEGATES)
        self._delegates.book(
            in_workmails_words(
                {
                    "auto_accept_requests": auto_accept_requests,
                    "auto_decline_recurring_requests": auto_decline_recurring_requests,
                    "auto_decline_conflicting_requests": auto_decline_conflicting_requests,
                }
            )
        )
        if delegates is not None:
            self._delegates.add(delegates)

    @property
    def resource_id(self) -> str:
        """The resource's id in WorkMail."""
        return self._entity_id

    def add_delegate(self, entity_id: str) -> None:
        """Declares one more delegate, by its id or its name; it has no others from then on."""
        self._delegates.add([entity_id])
