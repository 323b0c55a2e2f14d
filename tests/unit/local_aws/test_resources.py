"""Resources: what an update changes, and how requests for them are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local_aws.workmail import Behaviour, Organization, Resource, WorkMail

from .conftest import code_of, register

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient

pytestmark = pytest.mark.usefixtures("only_documented_errors")

BY_ITSELF = {
    "AutoAcceptRequests": True,
    "AutoDeclineRecurringRequests": False,
    "AutoDeclineConflictingRequests": True,
}
BY_DELEGATES = dict.fromkeys(BY_ITSELF, False)


@pytest.fixture
def room(organization: Organization) -> Resource:
    room = organization.entity("board-room")
    assert isinstance(room, Resource)
    return room


def update(client: WorkMailClient, org: str, **parameters: Any) -> None:
    client.update_resource(OrganizationId=org, ResourceId="board-room", **parameters)


def update_code(client: WorkMailClient, org: str, **parameters: Any) -> str:
    return code_of(
        client.update_resource, OrganizationId=org, ResourceId="board-room", **parameters
    )


def add_delegate(client: WorkMailClient, org: str, name: str = "alice") -> None:
    register(client, org, name)
    register(client, org, "board-room", "board@example.com")
    client.associate_delegate_to_resource(
        OrganizationId=org, ResourceId="board-room", EntityId=name
    )


def test_an_update_sets_all_that_describe_gives_back(
    client: WorkMailClient, org: str, room: Resource
) -> None:
    add_delegate(client, org)
    given: dict[str, Any] = {
        "Name": "projector",
        "Type": "EQUIPMENT",
        "Description": "Second floor",
        "BookingOptions": BY_DELEGATES | {"AutoDeclineRecurringRequests": True},
        "HiddenFromGlobalAddressList": True,
    }
    update(client, org, **given)
    described = dict(client.describe_resource(OrganizationId=org, ResourceId="projector"))
    assert {name: described[name] for name in given} == given
    assert (room.name, room.resource_type, room.description, room.hidden) == (
        "projector",
        "EQUIPMENT",
        "Second floor",
        True,
    )
    assert room.booking_options == given["BookingOptions"]


def test_an_empty_description_removes_it(client: WorkMailClient, org: str) -> None:
    update(client, org, Description="Second floor")
    update(client, org, Description="")
    described = client.describe_resource(OrganizationId=org, ResourceId="board-room")
    assert "Description" not in described


@pytest.mark.parametrize("cleared", [False, True])
def test_what_an_update_leaves_out(
    client: WorkMailClient, workmail: WorkMail, org: str, room: Resource, cleared: bool
) -> None:
    update(client, org, Description="Second floor", HiddenFromGlobalAddressList=True)
    workmail.behaviour = Behaviour(update_clears_what_is_left_out=cleared)
    update(client, org, Type="EQUIPMENT")
    assert room.description == ("" if cleared else "Second floor")
    assert room.hidden is not cleared
    assert (room.name, room.booking_options) == ("board-room", BY_ITSELF)


def test_a_new_name_must_be_free(client: WorkMailClient, org: str, room: Resource) -> None:
    assert update_code(client, org, Name="TEAM", Type="EQUIPMENT") == "NameAvailabilityException"
    assert (room.name, room.resource_type) == ("board-room", "ROOM")
    update(client, org, Name="Board-Room")
    assert room.name == "Board-Room"


def test_it_accepts_requests_itself_or_has_a_delegate(
    client: WorkMailClient, org: str, room: Resource
) -> None:
    given: Any = {"BookingOptions": BY_DELEGATES, "Name": "other"}
    assert update_code(client, org, **given) == "InvalidConfigurationException"
    assert (room.name, room.booking_options) == ("board-room", BY_ITSELF)
    add_delegate(client, org)
    update(client, org, **given)
    assert room.booking_options == BY_DELEGATES


@pytest.mark.parametrize("false", [True, False])
def test_a_booking_option_that_is_left_out(
    client: WorkMailClient, workmail: WorkMail, org: str, room: Resource, false: bool
) -> None:
    workmail.behaviour = Behaviour(left_out_booking_option_is_false=false)
    update(client, org, BookingOptions={"AutoAcceptRequests": True})
    assert room.booking_options["AutoDeclineConflictingRequests"] is not false


@pytest.mark.parametrize("can", [True, False])
def test_the_last_delegate_of_one_that_does_not_accept(
    client: WorkMailClient, workmail: WorkMail, org: str, room: Resource, can: bool
) -> None:
    add_delegate(client, org)
    update(client, org, BookingOptions=BY_DELEGATES)
    workmail.behaviour = Behaviour(last_delegate_can_leave=can)
    call = client.disassociate_delegate_from_resource
    given = {"OrganizationId": org, "ResourceId": "board-room", "EntityId": "alice"}
    if not can:
        assert code_of(call, **given) == "EntityStateException"
        assert len(room.delegates) == 1
        update(client, org, BookingOptions=BY_ITSELF)
    call(OrganizationId=org, ResourceId="board-room", EntityId="alice")
    assert room.delegates == []
