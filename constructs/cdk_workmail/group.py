"""A group of an organization."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from constructs import Construct

from cdk_workmail._actions import GROUP, GROUP_DELETION, GROUP_MEMBERS
from cdk_workmail._entity import Entity, EntityKind
from cdk_workmail._validation import GROUP_NAME
from cdk_workmail.provider import WorkMailProvider

_KIND = EntityKind(
    word="Group",
    name=GROUP_NAME,
    attributes={},
    required=frozenset(),
    permission=GROUP,
    deletion=GROUP_DELETION,
)


class WorkMailGroup(Entity):
    """A group of an Amazon WorkMail organization, with its members.

    An existing group of that name is adopted, and what you do not declare stays as it is. WorkMail
    cannot rename a group, so a changed name is refused. The group receives mail once you
    enable it, with `enable` or with a `WorkMailRegistration` of its `group_id`.

    Deletion is permanent, so a removed group is retained unless you set `RemovalPolicy.DESTROY`.

    Every string can be a token. Literals are checked at synth, as in `WorkMailRegistration`:
    ValueError names the construct, the value and what is allowed.

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
        revision: str | None = None,
    ) -> None:
        """Declares that the group exists.

        :param organization_id: `m-` and 32 hexadecimal digits.
        :param name: 1 to 256 characters of Latin-1. It cannot be changed.
        :param hidden_from_global_address_list: Whether the address book omits the group.
        :param members: The ids or names of users and groups. Members that are not declared are
            removed; with [] all are. If omitted, here and in `add_member`, members are not managed.
        :param organization_region: Where the organization is: us-east-1, us-west-2 or eu-west-1.
            By default the stack's region.
        :param adopt_existing: By default an existing group of this name is adopted. With False the
            deployment fails instead, and changes nothing.
        :param removal_policy: What happens when the group leaves the stack: RETAIN, the default,
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
        self._create_entity({"hidden_from_global_address_list": hidden_from_global_address_list})
        self._members = self._new_member_list("members", GROUP_MEMBERS)
        if members is not None:
            self._members.add(members)

    @property
    def group_id(self) -> str:
        """The group's id in WorkMail."""
        return self._entity_id

    def add_member(self, entity_id: str) -> None:
        """Declares one more member, by id or name. Members that are not declared are removed.

        Raises ValueError for a literal that WorkMail would refuse, and for one declared twice.
        """
        self._members.add([entity_id])
