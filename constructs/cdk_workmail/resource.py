"""A room or a piece of equipment of an organization."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from aws_cdk import RemovalPolicy
from constructs import Construct

from cdk_workmail._actions import RESOURCE, RESOURCE_DELEGATES, RESOURCE_DELETION
from cdk_workmail._entity import Entity, EntityKind, to_api_parameters
from cdk_workmail._validation import RESOURCE_NAME, RESOURCE_TYPE, check_boolean, text
from cdk_workmail.provider import WorkMailProvider

_KIND = EntityKind(
    word="Resource",
    name=RESOURCE_NAME,
    attributes={"type": RESOURCE_TYPE, "description": text("description", 64)},
    required=frozenset({"type"}),
    permission=RESOURCE,
    deletion=RESOURCE_DELETION,
)


class WorkMailResourceType(StrEnum):
    """What can be booked."""

    ROOM = "ROOM"
    EQUIPMENT = "EQUIPMENT"


class WorkMailResource(Entity):
    """A room or a piece of equipment of an Amazon WorkMail organization, with its delegates.

    An existing resource of that name is adopted, and what you do not declare stays as it is. A
    changed name is changed in place. The resource can be booked once you enable it, with `enable`
    or with a `WorkMailRegistration` of its `resource_id`.

    Deletion is permanent, so a removed resource is retained unless you set `RemovalPolicy.DESTROY`.

    Every string can be a token. Literals are checked at synth, as in `WorkMailRegistration`:
    ValueError names the construct, the value and what is allowed.

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
        revision: str | None = None,
    ) -> None:
        """Declares that the resource exists.

        :param organization_id: `m-` and 32 hexadecimal digits.
        :param name: 1 to 20 characters.
        :param type: ROOM or EQUIPMENT.
        :param description: At most 64 characters.
        :param hidden_from_global_address_list: Whether the address book omits the resource.
        :param auto_accept_requests: Whether it accepts requests by itself. If not, WorkMail
            requires delegates.
        :param auto_decline_recurring_requests: Whether it declines recurring requests.
        :param auto_decline_conflicting_requests: Whether it declines conflicting requests.
        :param delegates: The ids or names of the users and groups that accept requests for it.
            Delegates that are not declared are removed; with [] all are. If omitted, here and in
            `add_delegate`, delegates are not managed.
        :param organization_region: Where the organization is: us-east-1, us-west-2 or eu-west-1.
            By default the stack's region.
        :param adopt_existing: By default an existing resource of this name is adopted. With False
            the deployment fails instead, and changes nothing.
        :param removal_policy: What happens when the resource leaves the stack: RETAIN, the default,
            or DESTROY, which deletes it permanently, but not in a rollback.
        :param provider: The function to use; by default the stack's own.
        :param revision: Any text. When it changes, the next deployment compares everything with
            WorkMail again and repairs it, although nothing else has changed.
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
            revision=revision,
        )
        self._create_entity(
            {
                "type": str(type),
                "description": description,
                "hidden_from_global_address_list": hidden_from_global_address_list,
            }
        )
        self._delegates = self._new_member_list("delegates", RESOURCE_DELEGATES)
        options = {
            "auto_accept_requests": auto_accept_requests,
            "auto_decline_recurring_requests": auto_decline_recurring_requests,
            "auto_decline_conflicting_requests": auto_decline_conflicting_requests,
        }
        for option, value in options.items():
            if value is not None:
                check_boolean(self, option, value)
        self._delegates.set_booking_options(to_api_parameters(options))
        if delegates is not None:
            self._delegates.add(delegates)

    @property
    def resource_id(self) -> str:
        """The resource's id in WorkMail."""
        return self._entity_id

    def add_delegate(self, entity_id: str) -> None:
        """Declares one more delegate, by id or name. Delegates that are not declared are removed.

        Raises ValueError for a literal that WorkMail would refuse, and for one declared twice.
        """
        self._delegates.add([entity_id])
