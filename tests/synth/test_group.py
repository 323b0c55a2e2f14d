"""Groups with members, and resources with delegates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import CfnParameter

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
    properties_of,
    register,
    resources,
)

Declare = Callable[..., Any]

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
OF_BOTH_KINDS = pytest.mark.parametrize(
    ("declare", "type", "option", "property", "actions"),
    [
        (declare_group, GROUP_MEMBERS, "members", "Members", MEMBERS),
        (declare_resource, RESOURCE_DELEGATES, "delegates", "Delegates", DELEGATES),
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


def test_a_group_name_that_is_a_token_is_not_compared() -> None:
    """Each of its characters is one that a group's name may have."""
    stack = new_stack()
    name = CfnParameter(stack, "Name").value_as_string
    declare_group(stack, "One", name=name)
    declare_group(stack, "Two", name=name)


@OF_BOTH_KINDS
def test_members_are_exactly_those_declared_or_not_managed(
    declare: Declare, type: str, option: str, property: str, actions: set[str]
) -> None:
    stack = new_stack()
    declare(stack, "Alone")
    declare(stack, "Empty", **{option: []})
    declare(stack, "Two", **{option: ["alice", "bob"]})
    empty, two = (each["Properties"] for each in resources(stack, type).values())
    assert empty[property] == []
    assert two[property] == ["alice", "bob"]


@OF_BOTH_KINDS
def test_members_are_added_as_long_as_the_stack_is_declared(
    declare: Declare, type: str, option: str, property: str, actions: set[str]
) -> None:
    stack = new_stack()
    entity = declare(stack)
    user = declare_user(stack)
    add(entity, option, user.user_id)
    add(entity, option, "bob")
    (alice,) = resources(stack, USER)
    assert properties_of(stack, type)[property] == [{"Fn::GetAtt": [alice, "UserId"]}, "bob"]


@OF_BOTH_KINDS
def test_members_need_a_permission_of_their_own(
    declare: Declare, type: str, option: str, property: str, actions: set[str]
) -> None:
    without, given, added = new_stack(), new_stack(), new_stack()
    declare(without)
    declare(given, **{option: []})
    add(declare(added), option, "alice")
    assert granted_on(without) == [ACTIONS[OWNER[type]]]
    for stack in (given, added):
        assert granted_on(stack) == [ACTIONS[OWNER[type]], actions]
        ((id, resource),) = resources(stack, type).items()
        assert len(set(resource["DependsOn"]) - set(resources(stack, OWNER[type]))) == 2
        assert set(resource["DependsOn"]) <= needed_by(stack, id)


@OF_BOTH_KINDS
def test_members_are_created_first(
    declare: Declare, type: str, option: str, property: str, actions: set[str]
) -> None:
    stack = new_stack()
    declare(stack, **{option: [declare_user(stack).user_id]})
    (user,), (entity,) = resources(stack, USER), resources(stack, type)
    assert user in needed_by(stack, entity)


@OF_BOTH_KINDS
@pytest.mark.parametrize("first", ["registration", "others"])
def test_members_are_enabled_first(
    declare: Declare, type: str, option: str, property: str, actions: set[str], first: str
) -> None:
    """WorkMail may refuse others than that; and what depends on the entity does not wait."""
    stack = new_stack()
    user, entity = declare_user(stack), declare(stack)
    if first == "others":
        add(entity, option, user.user_id)
    user.enable(email="alice@example.com")
    entity.enable(email="others@example.com")
    if first == "registration":
        add(entity, option, user.user_id)
    (associates,) = resources(stack, type)
    registrations = set(resources(stack, REGISTRATION))
    assert len(registrations) == 2
    assert registrations <= needed_by(stack, associates)
    assert not any(associates in needed_by(stack, each) for each in registrations)


@OF_BOTH_KINDS
def test_members_can_be_declared_by_name(
    declare: Declare, type: str, option: str, property: str, actions: set[str]
) -> None:
    stack = new_stack()
    declare(stack, **{option: ["ALICE"]})
    declare_user(stack, name="alice").enable(email="alice@example.com")
    (user,), (associates,) = resources(stack, USER), resources(stack, type)
    (registration,) = resources(stack, REGISTRATION)
    assert {user, registration} <= needed_by(stack, associates)


@OF_BOTH_KINDS
@pytest.mark.parametrize("first", ["user", "others"])
def test_members_by_name_are_created_first_also_when_they_are_not_enabled(
    declare: Declare, type: str, option: str, property: str, actions: set[str], first: str
) -> None:
    stack = new_stack()
    if first == "user":
        declare_user(stack, name="alice")
    for id in ("One", "Two"):
        declare(stack, id, **{option: ["Alice"]})
    if first == "others":
        declare_user(stack, name="alice")
    (user,), associates = resources(stack, USER), resources(stack, type)
    assert len(associates) == 2
    assert all(user in needed_by(stack, each) for each in associates)


@OF_BOTH_KINDS
def test_members_by_name_wait_for_all_of_that_name(
    declare: Declare, type: str, option: str, property: str, actions: set[str]
) -> None:
    """What is in which organization may be known only when deployed."""
    stack = new_stack()
    declare_user(stack, "Here", name="alice")
    declare_user(stack, "There", name="alice", organization_id=OTHER_ORGANIZATION)
    declare(stack, **{option: ["alice"]})
    (associates,) = resources(stack, type)
    assert resources(stack, USER).keys() <= needed_by(stack, associates)


@OF_BOTH_KINDS
@pytest.mark.parametrize("by_name", [False, True])
def test_a_registration_of_its_own_is_waited_for_too(
    declare: Declare, type: str, option: str, property: str, actions: set[str], by_name: bool
) -> None:
    stack = new_stack()
    entity = declare(stack, "It", **{option: []})
    register(stack, "Enabled", entity_id="it" if by_name else entity._entity_id)
    (associates,), (registration,) = resources(stack, type), resources(stack, REGISTRATION)
    assert registration in needed_by(stack, associates)


@OF_BOTH_KINDS
def test_what_depends_on_the_entity_does_not_wait_for_its_members(
    declare: Declare, type: str, option: str, property: str, actions: set[str]
) -> None:
    stack = new_stack()
    user = declare_user(stack)
    entity = declare(stack, **{option: [user.user_id]})
    # Nor does it end in a circle.
    user.enable(email="alice@example.com").node.add_dependency(entity)
    (registration,), (associates,) = resources(stack, REGISTRATION), resources(stack, type)
    assert registration in needed_by(stack, associates)
    assert associates not in needed_by(stack, registration)


@OF_BOTH_KINDS
def test_members_are_a_resource_that_knows_its_entity(
    declare: Declare, type: str, option: str, property: str, actions: set[str]
) -> None:
    stack = new_stack()
    provider = declare(stack, **{option: []}, organization_region="us-west-2").provider
    (owner,) = resources(stack, OWNER[type])
    id = f"{OWNER[type].removeprefix('Custom::WorkMail')}Id"
    assert properties_of(stack, type) == {
        "ServiceToken": stack.resolve(provider.service_token),
        "ServiceTimeout": 630,
        "OrganizationId": ORGANIZATION,
        "OrganizationRegion": "us-west-2",
        id: {"Fn::GetAtt": [owner, id]},
        property: [],
    }


@OF_BOTH_KINDS
def test_each_is_named_once(
    declare: Declare, type: str, option: str, property: str, actions: set[str]
) -> None:
    again = rf"^Mail/It: {option} must name each entity once, got 'ALICE' twice$"
    with pytest.raises(ValueError, match=again):
        declare(new_stack(), "It", **{option: ["alice", "bob", "ALICE"]})
    with pytest.raises(ValueError, match=again):
        add(declare(new_stack(), "It", **{option: ["alice"]}), option, "ALICE")


@OF_BOTH_KINDS
def test_a_given_list_is_not_changed_by_what_is_added(
    declare: Declare, type: str, option: str, property: str, actions: set[str]
) -> None:
    given = ["alice"]
    add(declare(new_stack(), **{option: given}), option, "bob")
    assert given == ["alice"]
