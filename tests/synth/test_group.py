"""Groups with members, and resources with delegates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from cdk_workmail import WorkMailResourceType
from tests.synth.roster import (
    ACTIONS,
    GROUP,
    ORGANIZATION,
    OTHER_ORGANIZATION,
    REGISTRATION,
    RESOURCE,
    USER,
    declare_group,
    declare_resource,
    declare_user,
    granted_on,
    needed_by,
    new_stack,
    only,
    organizations,
    properties_of,
    register,
    resources,
)

GROUP_MEMBERS = "Custom::WorkMailGroupMembers"
RESOURCE_DELEGATES = "Custom::WorkMailResourceDelegates"
MEMBERS = {
    "workmail:ListGroupMembers",
    "workmail:AssociateMemberToGroup",
    "workmail:DisassociateMemberFromGroup",
}
DELEGATES = {
    "workmail:ListResourceDelegates",
    "workmail:AssociateDelegateToResource",
    "workmail:DisassociateDelegateFromResource",
}


class Kind(NamedTuple):
    """The members of groups, or the delegates of resources."""

    declare: Callable[..., Any]
    type: str
    option: str
    property: str
    actions: set[str]


OF_BOTH_KINDS = pytest.mark.parametrize(
    "kind",
    [
        Kind(declare_group, GROUP_MEMBERS, "members", "Members", MEMBERS),
        Kind(declare_resource, RESOURCE_DELEGATES, "delegates", "Delegates", DELEGATES),
    ],
)
OWNER = {GROUP_MEMBERS: GROUP, RESOURCE_DELEGATES: RESOURCE}


def add(entity: Any, option: str, entity_id: str) -> None:
    getattr(entity, f"add_{option.removesuffix('s')}")(entity_id)


def test_a_resource_has_attributes_and_booking_options() -> None:
    stack = new_stack()
    declare_resource(
        stack,
        type=WorkMailResourceType.EQUIPMENT,
        description="A projector",
        hidden_from_global_address_list=False,
        auto_accept_requests=False,
        auto_decline_recurring_requests=True,
        auto_decline_conflicting_requests=True,
        delegates=["alice"],
    )
    properties = properties_of(stack, RESOURCE)
    assert properties["Attributes"] == {
        "Type": "EQUIPMENT",
        "Description": "A projector",
        "HiddenFromGlobalAddressList": False,
    }
    # One resource: WorkMail needs a delegate before it stops accepting requests.
    delegates = properties_of(stack, RESOURCE_DELEGATES)
    assert delegates["Delegates"] == ["alice"]
    assert delegates["BookingOptions"] == {
        "AutoAcceptRequests": False,
        "AutoDeclineRecurringRequests": True,
        "AutoDeclineConflictingRequests": True,
    }


def test_booking_options_that_are_not_declared_are_not_managed() -> None:
    stack = new_stack()
    declare_resource(stack, auto_accept_requests=True)
    properties = properties_of(stack, RESOURCE_DELEGATES)
    assert properties["BookingOptions"] == {"AutoAcceptRequests": True}
    assert "Delegates" not in properties


@OF_BOTH_KINDS
def test_members_are_exactly_those_declared_or_not_managed(kind: Kind) -> None:
    stack = new_stack()
    kind.declare(stack, "Alone")
    kind.declare(stack, "Empty", **{kind.option: []})
    kind.declare(stack, "Two", **{kind.option: ["alice", "bob"]})
    empty, two = (each["Properties"] for each in resources(stack, kind.type).values())
    assert empty[kind.property] == []
    assert two[kind.property] == ["alice", "bob"]


@OF_BOTH_KINDS
def test_members_are_added_as_long_as_the_stack_is_declared(kind: Kind) -> None:
    stack = new_stack()
    entity = kind.declare(stack)
    user = declare_user(stack)
    add(entity, kind.option, user.user_id)
    add(entity, kind.option, "bob")
    (alice,) = resources(stack, USER)
    assert properties_of(stack, kind.type)[kind.property] == [
        {"Fn::GetAtt": [alice, "UserId"]},
        "bob",
    ]


@OF_BOTH_KINDS
def test_members_need_a_permission_of_their_own(kind: Kind) -> None:
    without, given, added = new_stack(), new_stack(), new_stack()
    kind.declare(without)
    kind.declare(given, **{kind.option: []})
    add(kind.declare(added), kind.option, "alice")
    assert granted_on(without) == [ACTIONS[OWNER[kind.type]]]
    for stack in (given, added):
        assert granted_on(stack) == [ACTIONS[OWNER[kind.type]], kind.actions]
        resource = only(resources(stack, kind.type))
        assert organizations(stack).keys() <= set(resource["DependsOn"])


@OF_BOTH_KINDS
@pytest.mark.parametrize("first", ["registration", "others"])
def test_members_are_enabled_first(kind: Kind, first: str) -> None:
    """WorkMail may refuse others than that; and what depends on the entity does not wait."""
    stack = new_stack()
    user, entity = declare_user(stack), kind.declare(stack)
    if first == "others":
        add(entity, kind.option, user.user_id)
    user.enable(email="alice@example.com")
    entity.enable(email="others@example.com")
    if first == "registration":
        add(entity, kind.option, user.user_id)
    (associates,) = resources(stack, kind.type)
    registrations = set(resources(stack, REGISTRATION))
    assert len(registrations) == 2
    assert registrations <= needed_by(stack, associates)
    assert not any(associates in needed_by(stack, each) for each in registrations)


@OF_BOTH_KINDS
@pytest.mark.parametrize("first", ["user", "others"])
@pytest.mark.parametrize("enabled", [False, True])
def test_members_by_name_are_created_and_enabled_first(
    kind: Kind, first: str, enabled: bool
) -> None:
    stack = new_stack()

    def declare_member() -> None:
        user = declare_user(stack, name="alice")
        if enabled:
            user.enable(email="alice@example.com")

    if first == "user":
        declare_member()
    for id in ("One", "Two"):
        kind.declare(stack, id, **{kind.option: ["ALICE"]})
    if first == "others":
        declare_member()
    expected = {*resources(stack, USER), *resources(stack, REGISTRATION)}
    assert len(expected) == 1 + enabled
    lists = resources(stack, kind.type)
    assert len(lists) == 2
    assert all(expected <= needed_by(stack, each) for each in lists)


@OF_BOTH_KINDS
def test_members_by_name_wait_for_all_of_that_name(kind: Kind) -> None:
    """What is in which organization may be known only when deployed."""
    stack = new_stack()
    declare_user(stack, "Here", name="alice")
    declare_user(stack, "There", name="alice", organization_id=OTHER_ORGANIZATION)
    kind.declare(stack, **{kind.option: ["alice"]})
    (associates,) = resources(stack, kind.type)
    assert resources(stack, USER).keys() <= needed_by(stack, associates)


@OF_BOTH_KINDS
@pytest.mark.parametrize("by_name", [False, True])
def test_a_registration_of_its_own_is_waited_for_too(kind: Kind, by_name: bool) -> None:
    stack = new_stack()
    entity = kind.declare(stack, "It", **{kind.option: []})
    register(stack, "Enabled", entity_id="it" if by_name else entity._entity_id)
    (associates,), (registration,) = resources(stack, kind.type), resources(stack, REGISTRATION)
    assert registration in needed_by(stack, associates)


@OF_BOTH_KINDS
def test_what_depends_on_the_entity_does_not_wait_for_its_members(kind: Kind) -> None:
    stack = new_stack()
    user = declare_user(stack)
    entity = kind.declare(stack, **{kind.option: [user.user_id]})
    # Nor does it end in a circle.
    user.enable(email="alice@example.com").node.add_dependency(entity)
    (registration,), (associates,) = resources(stack, REGISTRATION), resources(stack, kind.type)
    assert registration in needed_by(stack, associates)
    assert associates not in needed_by(stack, registration)


@OF_BOTH_KINDS
def test_members_are_a_resource_that_knows_its_entity(kind: Kind) -> None:
    stack = new_stack()
    provider = kind.declare(stack, **{kind.option: []}, organization_region="us-west-2").provider
    (owner,) = resources(stack, OWNER[kind.type])
    id = f"{OWNER[kind.type].removeprefix('Custom::WorkMail')}Id"
    assert properties_of(stack, kind.type) == {
        "ServiceToken": stack.resolve(provider.service_token),
        "ServiceTimeout": 630,
        "OrganizationId": ORGANIZATION,
        "OrganizationRegion": "us-west-2",
        id: {"Fn::GetAtt": [owner, id]},
        kind.property: [],
    }


@OF_BOTH_KINDS
def test_each_is_named_once(kind: Kind) -> None:
    again = rf"^Mail/It: {kind.option} must name each entity once, got 'ALICE' twice$"
    with pytest.raises(ValueError, match=again):
        kind.declare(new_stack(), "It", **{kind.option: ["alice", "bob", "ALICE"]})
    with pytest.raises(ValueError, match=again):
        add(kind.declare(new_stack(), "It", **{kind.option: ["alice"]}), kind.option, "ALICE")


@OF_BOTH_KINDS
def test_a_given_list_is_not_changed_by_what_is_added(kind: Kind) -> None:
    given = ["alice"]
    add(kind.declare(new_stack(), **{kind.option: given}), kind.option, "bob")
    assert given == ["alice"]
