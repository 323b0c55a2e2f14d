"""Users, groups and resources: what the calls do, and the errors that AWS documents."""

from __future__ import annotations

from typing import Any

import pytest

from local_aws.workmail import Behaviour, Drop, NoResponse, Organization, Resource, User

from .conftest import Api, Clock

PASSWORD = "Tr0ub4dor"
IDENTITY = "1234567890-12345678-1234-1234-1234-123456789012"
CONTACT = {
    "FirstName": "Alice",
    "LastName": "Liddell",
    "Initials": "AL",
    "Telephone": "+44 20 7946 0000",
    "Street": "1 High Street",
    "JobTitle": "Engineer",
    "City": "London",
    "Company": "Acme",
    "ZipCode": "N1",
    "Department": "Games",
    "Country": "UK",
    "Office": "3.14",
}
AUTOMATIC = {
    "AutoAcceptRequests": True,
    "AutoDeclineRecurringRequests": False,
    "AutoDeclineConflictingRequests": True,
}
BY_DELEGATES = dict.fromkeys(AUTOMATIC, False)
KINDS = [("User", "alice"), ("Group", "team"), ("Resource", "board-room")]


@pytest.fixture
def alice(organization: Organization) -> User:
    alice = organization.entity("alice")
    assert isinstance(alice, User)
    return alice


@pytest.fixture
def room(organization: Organization) -> Resource:
    room = organization.entity("board-room")
    assert isinstance(room, Resource)
    return room


class TestCreate:
    def test_shows_what_it_was_given(self, api: Api) -> None:
        names: Any = {"FirstName": "Dan", "LastName": "B", "IdentityProviderUserId": IDENTITY}
        hidden = {"HiddenFromGlobalAddressList": True}
        created = api("CreateUser", Name="dan", DisplayName="Dan", **names, **hidden)
        user = api.user("dan")
        assert user["UserId"] == created["UserId"]
        assert {name: user[name] for name in names} == names
        assert (user["UserRole"], user["HiddenFromGlobalAddressList"]) == ("USER", True)
        group = api("CreateGroup", Name="All hands")["GroupId"]
        assert api("DescribeGroup", GroupId=group)["Name"] == "All hands"
        given = {"Type": "EQUIPMENT", "Description": "Second floor"}
        beamer = api("CreateResource", Name="beamer", **given)["ResourceId"]
        described = api("DescribeResource", ResourceId=beamer)
        assert beamer.startswith("r-")
        assert {name: described[name] for name in given} == given

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("Administrator", "ReservedNameException"),
            ("TEAM", "NameAvailabilityException"),
        ],
    )
    def test_a_reserved_or_used_name_fails(self, api: Api, name: str, code: str) -> None:
        assert api.error("CreateUser", Name=name, DisplayName="X") == code
        assert api.error("CreateGroup", Name=name) == code
        assert api.error("CreateResource", Name=name, Type="ROOM") == code

    def test_a_user_cannot_have_a_role_of_the_system(self, api: Api) -> None:
        for role in ("RESOURCE", "SYSTEM_USER"):
            given = {"Name": "x", "DisplayName": "X", "Role": role}
            assert api.error("CreateUser", **given) == "InvalidParameterException"
            error = api.error("UpdateUser", UserId="alice", Role=role)
            assert error == "InvalidParameterException"

    def test_a_new_entity_can_become_visible_later(self, api: Api, clock: Clock) -> None:
        api.workmail.behaviour = Behaviour(visible_after=20)
        given: Any = {"Name": "carol", "DisplayName": "Carol", "Password": PASSWORD}
        carol = api("CreateUser", **given)["UserId"]
        register = {"EntityId": "carol", "Email": "carol@example.com"}
        reset = {"UserId": carol, "Password": PASSWORD}
        calls: list[tuple[str, dict[str, str]]] = [
            ("DescribeUser", {"UserId": "carol"}),
            ("RegisterToWorkMail", register),
            ("ResetPassword", reset),
        ]
        for operation, parameters in calls:
            assert api.error(operation, **parameters) == "EntityNotFoundException"
        assert api.error("CreateUser", **given) == "NameAvailabilityException"
        assert len(api("ListUsers")["Users"]) == 2
        clock.advance(20)
        for operation, parameters in calls:
            api(operation, **parameters)
        assert len(api("ListUsers")["Users"]) == 3

    def test_a_lost_response_leaves_a_user_found_by_name(self, api: Api) -> None:
        api.workmail.faults.add("CreateUser", Drop(after_work=True), entity="dan")
        with pytest.raises(NoResponse):
            api("CreateUser", Name="dan", DisplayName="Dan")
        assert [call.error_code for call in api.workmail.calls.of(entity="dan")] == ["NoResponse"]
        api.workmail.calls.clear()
        assert api.user("dan")["State"] == "DISABLED"


class TestDescribe:
    def test_finds_ids_names_and_addresses(self, api: Api, alice: User) -> None:
        api.register("alice")
        for identifier in (alice.entity_id, "ALICE", "Alice@Example.com"):
            assert api.user(identifier)["Name"] == "alice"

    @pytest.mark.parametrize(("kind", "name"), KINDS)
    def test_each_call_is_for_one_kind(self, api: Api, kind: str, name: str) -> None:
        for other, _ in KINDS:
            error = api.error(f"Describe{other}", **{f"{other}Id": name})
            assert error == (None if other == kind else "EntityNotFoundException")


class TestUpdate:
    def test_a_user_shows_what_it_was_given(self, api: Api, alice: User) -> None:
        given: Any = {**CONTACT, "DisplayName": "Alice L.", "IdentityProviderUserId": IDENTITY}
        more: Any = {"Role": "REMOTE_USER", "HiddenFromGlobalAddressList": True}
        api("UpdateUser", UserId=alice.entity_id, **given, **more)
        user = api.user()
        assert {name: user[name] for name in given} == given == alice.attributes
        assert (user["UserRole"], user["HiddenFromGlobalAddressList"]) == ("REMOTE_USER", True)
        assert (alice.role, alice.hidden) == ("REMOTE_USER", True)

    def test_a_group_can_be_hidden_and_shown(self, api: Api, organization: Organization) -> None:
        for hidden in (True, False):
            api("UpdateGroup", GroupId="team", HiddenFromGlobalAddressList=hidden)
            group = api("DescribeGroup", GroupId="team")
            assert group["HiddenFromGlobalAddressList"] is hidden
            assert organization.entity("team").hidden is hidden

    def test_a_resource_shows_what_it_was_given(self, api: Api, room: Resource) -> None:
        api.register("alice", "board-room")
        api("AssociateDelegateToResource", ResourceId="board-room", EntityId="alice")
        given: dict[str, Any] = {
            "Name": "projector",
            "Type": "EQUIPMENT",
            "Description": "Second floor",
            "BookingOptions": BY_DELEGATES | {"AutoDeclineRecurringRequests": True},
            "HiddenFromGlobalAddressList": True,
        }
        api("UpdateResource", ResourceId="board-room", **given)
        described = api("DescribeResource", ResourceId="projector")
        assert {name: described[name] for name in given} == given
        assert (room.name, room.resource_type, room.description, room.hidden) == (
            "projector",
            "EQUIPMENT",
            "Second floor",
            True,
        )
        assert room.booking_options == given["BookingOptions"]
        api("UpdateResource", ResourceId="projector", Description="")
        assert "Description" not in api("DescribeResource", ResourceId="projector")

    @pytest.mark.parametrize("cleared", [False, True])
    def test_what_is_omitted_stays_or_is_cleared(
        self, api: Api, room: Resource, cleared: bool
    ) -> None:
        hidden = {"HiddenFromGlobalAddressList": True}
        everything: Any = {**CONTACT, **hidden}
        api("UpdateUser", UserId="alice", **everything)
        api("UpdateResource", ResourceId="board-room", Description="Second floor", **hidden)
        api.workmail.behaviour = Behaviour(update_clears_what_is_left_out=cleared)
        api("UpdateUser", UserId="alice", City="Bath")
        api("UpdateResource", ResourceId="board-room", Type="EQUIPMENT")
        user = api.user()
        assert (user["City"], user["DisplayName"]) == ("Bath", "alice")
        assert user.get("Office") == (None if cleared else "3.14")
        assert user["HiddenFromGlobalAddressList"] is room.hidden is not cleared
        assert room.description == ("" if cleared else "Second floor")
        assert (room.name, room.booking_options) == ("board-room", AUTOMATIC)

    @pytest.mark.parametrize("shown", [False, True])
    def test_an_empty_text_clears_an_attribute(self, api: Api, shown: bool) -> None:
        api.workmail.behaviour = Behaviour(empty_attribute_is_shown=shown)
        api("UpdateUser", UserId="alice", City="Bath", IdentityProviderUserId=IDENTITY)
        api("UpdateUser", UserId="alice", City="", IdentityProviderUserId="")
        user = api.user()
        assert user.get("City") == ("" if shown else None)
        assert not {"IdentityProviderUserId", "Office"} & set(user)

    @pytest.mark.parametrize(("kind", "name"), KINDS)
    @pytest.mark.parametrize("fails", [False, True])
    def test_a_disabled_entity_can_be_refused(
        self, api: Api, kind: str, name: str, fails: bool
    ) -> None:
        api.workmail.behaviour = Behaviour(update_disabled_fails=fails)
        given: Any = {f"{kind}Id": name, "HiddenFromGlobalAddressList": True}
        error = api.error(f"Update{kind}", **given)
        # UpdateGroup and UpdateResource list it too.
        assert error == ("EntityStateException" if fails else None)
        api.register(name)
        api(f"Update{kind}", **given)

    def test_a_new_name_must_be_free(self, api: Api, room: Resource) -> None:
        given = {"ResourceId": "board-room", "Name": "TEAM", "Type": "EQUIPMENT"}
        assert api.error("UpdateResource", **given) == "NameAvailabilityException"
        assert (room.name, room.resource_type) == ("board-room", "ROOM")
        api("UpdateResource", ResourceId="board-room", Name="Board-Room")
        assert room.name == "Board-Room"

    def test_a_resource_accepts_requests_or_has_a_delegate(self, api: Api, room: Resource) -> None:
        given: Any = {"ResourceId": "board-room", "BookingOptions": BY_DELEGATES, "Name": "other"}
        assert api.error("UpdateResource", **given) == "InvalidConfigurationException"
        assert (room.name, room.booking_options) == ("board-room", AUTOMATIC)
        room.delegates.append("id")
        api("UpdateResource", **given)
        assert room.booking_options == BY_DELEGATES

    @pytest.mark.parametrize("false", [True, False])
    def test_an_omitted_booking_option_becomes_false_or_stays(
        self, api: Api, room: Resource, false: bool
    ) -> None:
        api.workmail.behaviour = Behaviour(left_out_booking_option_is_false=false)
        options = {"AutoAcceptRequests": True}
        api("UpdateResource", ResourceId="board-room", BookingOptions=options)
        assert room.booking_options["AutoDeclineConflictingRequests"] is not false


class TestDelete:
    @pytest.mark.parametrize(("kind", "name"), KINDS)
    @pytest.mark.parametrize("vanishes", [False, True])
    def test_a_deleted_entity_shows_as_deleted_or_not_at_all(
        self, api: Api, organization: Organization, kind: str, name: str, vanishes: bool
    ) -> None:
        api.workmail.behaviour = Behaviour(deleted_entity_vanishes=vanishes)
        entity = organization.entity(name).entity_id
        api(f"Delete{kind}", **{f"{kind}Id": name})
        listed = {one["Id"]: one["State"] for one in api(f"List{kind}s")[f"{kind}s"]}
        assert listed.get(entity) == (None if vanishes else "DELETED")
        assert api.error(f"Describe{kind}", **{f"{kind}Id": entity}) == (
            "EntityNotFoundException" if vanishes else None
        )
        expected = "EntityNotFoundException" if vanishes else "EntityStateException"
        assert api.error("DeregisterFromWorkMail", EntityId=entity) == expected
        assert api.error(f"Update{kind}", **{f"{kind}Id": entity}) == expected

    @pytest.mark.parametrize(("kind", "name"), KINDS)
    def test_an_enabled_entity_cannot_be_deleted(
        self, api: Api, organization: Organization, kind: str, name: str
    ) -> None:
        api.register(name)
        assert api.error(f"Delete{kind}", **{f"{kind}Id": name}) == "EntityStateException"
        assert organization.entity(name).state == "ENABLED"

    @pytest.mark.parametrize("fails", [False, True])
    def test_a_missing_entity_is_deleted_or_not_found(self, api: Api, fails: bool) -> None:
        api.workmail.behaviour = Behaviour(delete_missing_fails=fails)
        for kind, name in (("User", "unknown"), ("Resource", "alice")):
            error = api.error(f"Delete{kind}", **{f"{kind}Id": name})
            assert error == ("EntityNotFoundException" if fails else None)
        assert api.user()["State"] == "DISABLED"
        api.workmail.calls.clear()  # the one error here that the model does not list

    def test_a_deletion_can_settle_later(self, api: Api, alice: User, clock: Clock) -> None:
        api.workmail.behaviour = Behaviour(settle_delay=5)
        api("DeleteUser", UserId="alice")
        assert api.user(alice.entity_id)["State"] == "DISABLED"
        clock.advance(5)
        assert api.user(alice.entity_id)["State"] == "DELETED"

    @pytest.mark.parametrize("seconds", [0, 60])
    def test_the_name_becomes_free_at_once_or_later(
        self, api: Api, clock: Clock, seconds: int
    ) -> None:
        api.workmail.behaviour = Behaviour(name_free_after=seconds)
        api("DeleteGroup", GroupId="team")
        if seconds:
            assert api.error("CreateGroup", Name="team") == "NameAvailabilityException"
            clock.advance(seconds)
        api("CreateGroup", Name="team")


class TestLists:
    def test_show_each_entity_of_the_kind(self, api: Api) -> None:
        api.register("alice")
        users = [(user["Name"], user["State"]) for user in api("ListUsers")["Users"]]
        assert users == [("alice", "ENABLED"), ("bob", "DISABLED")]
        assert [group["Name"] for group in api("ListGroups")["Groups"]] == ["team"]
        rooms = [(room["Name"], room["Type"]) for room in api("ListResources")["Resources"]]
        assert rooms == [("board-room", "ROOM")]

    def test_cannot_be_filtered(self, api: Api) -> None:
        filters = {"State": "ENABLED"}
        assert api.error("ListUsers", Filters=filters) == "InvalidParameterException"

    def test_come_in_pages(self, api: Api, organization: Organization) -> None:
        for number in range(5):
            organization.add_user(f"user{number}")
        names: list[str] = []
        token: dict[str, str] = {}
        for size in (3, 3, 1):
            page = api("ListUsers", MaxResults=3, **token)
            assert len(page["Users"]) == size
            names += [user["Name"] for user in page["Users"]]
            token = {"NextToken": page["NextToken"]} if "NextToken" in page else {}
        assert not token and len(set(names)) == 7
        assert "NextToken" not in api("ListUsers", MaxResults=7)
        assert api.error("ListUsers", NextToken="unknown") == "InvalidParameterException"


class TestPasswords:
    def test_a_password_is_recognized_and_replaced(self, api: Api, alice: User) -> None:
        assert not alice.has_password("")
        for password in (PASSWORD, "An0ther one"):
            api("ResetPassword", UserId=alice.entity_id, Password=password)
            assert alice.has_password(password) and not alice.has_password(password.lower())
        assert not alice.has_password(PASSWORD)

    @pytest.mark.parametrize(
        "password", ["Sh0rt-7", "nogroupsbutone", "two groups 222", "A1" + "a" * 62]
    )
    def test_a_weak_password_changes_nothing(
        self, api: Api, organization: Organization, alice: User, password: str
    ) -> None:
        for operation, given in (
            ("CreateUser", {"Name": "dan", "DisplayName": "Dan"}),
            ("ResetPassword", {"UserId": alice.entity_id}),
        ):
            error = api.error(operation, Password=password, **given)
            assert error == "InvalidPasswordException"
        assert not alice.has_password(password)
        assert organization.known(["dan"]) == []

    @pytest.mark.parametrize("password", ["Sh0rt--8", "A1" + "a" * 61, "éa1aaaaa", "a-1aaaaa"])
    def test_three_of_five_groups_and_8_to_63_characters_are_enough(
        self, api: Api, alice: User, password: str
    ) -> None:
        api("ResetPassword", UserId=alice.entity_id, Password=password)

    def test_a_reset_needs_the_id_of_an_existing_user(
        self, api: Api, organization: Organization, alice: User
    ) -> None:
        organization.add_user("a-name-of-12-and-more")
        for user in ("a-name-of-12-and-more", organization.entity("team").entity_id):
            error = api.error("ResetPassword", UserId=user, Password=PASSWORD)
            assert error == "EntityNotFoundException"
        alice.delete()
        error = api.error("ResetPassword", UserId=alice.entity_id, Password=PASSWORD)
        assert error == "EntityStateException"

    @pytest.mark.parametrize("fails", [False, True])
    def test_a_reset_for_a_disabled_user_can_fail(self, api: Api, alice: User, fails: bool) -> None:
        api.workmail.behaviour = Behaviour(reset_disabled_password_fails=fails)
        error = api.error("ResetPassword", UserId=alice.entity_id, Password=PASSWORD)
        assert error == ("EntityStateException" if fails else None)
        api.register("alice")
        api("ResetPassword", UserId=alice.entity_id, Password=PASSWORD)


class Owner:
    """A group or a resource with its associations, which follow the same rules."""

    def __init__(self, api: Api, entity: Any) -> None:
        self._api = api
        self.entity = entity
        is_group = entity.kind == "GROUP"
        self._what = "MemberToGroup" if is_group else "DelegateToResource"
        self._id = {"GroupId" if is_group else "ResourceId": entity.entity_id}
        self._member = "MemberId" if is_group else "EntityId"
        self._list, self._listed = (
            ("ListGroupMembers", "Members") if is_group else ("ListResourceDelegates", "Delegates")
        )

    @property
    def ids(self) -> list[str]:
        return list(self.entity.associated)

    def associate(self, member: str) -> str | None:
        return self._api.error(f"Associate{self._what}", **self._id, **{self._member: member})

    def disassociate(self, member: str) -> str | None:
        operation = f"Disassociate{self._what.replace('To', 'From')}"
        return self._api.error(operation, **self._id, **{self._member: member})

    def list(self) -> Any:
        return self._api(self._list, **self._id)[self._listed]

    def list_error(self) -> str | None:
        return self._api.error(self._list, **self._id)


@pytest.fixture(params=["team", "board-room"])
def owner(request: pytest.FixtureRequest, api: Api, organization: Organization) -> Owner:
    """Enabled, as are alice and bob."""
    api.register("alice", "bob", request.param)
    return Owner(api, organization.entity(request.param))


class TestAssociations:
    def test_find_ids_names_and_addresses(self, owner: Owner, alice: User) -> None:
        for identifier in (alice.entity_id, "ALICE", "alice@example.com"):
            for _ in range(2):
                assert owner.associate(identifier) is None
                assert owner.ids == [alice.entity_id]
            for _ in range(2):
                assert owner.disassociate(identifier) is None
                assert owner.ids == []

    def test_users_and_groups_are_listed_in_order(
        self, api: Api, organization: Organization, owner: Owner, alice: User
    ) -> None:
        others = organization.add_group("others").entity_id
        api.register("others")
        assert owner.associate("others") is owner.associate("alice") is None
        listed = [(entry["Id"], entry["Type"]) for entry in owner.list()]
        assert listed == [(others, "GROUP"), (alice.entity_id, "USER")]

    @pytest.mark.parametrize("member", ["other-room", "unknown"])
    def test_a_resource_or_an_unknown_entity_is_not_found(
        self, organization: Organization, owner: Owner, member: str
    ) -> None:
        organization.add_resource("other-room")
        assert owner.associate(member) == "EntityNotFoundException"
        assert owner.disassociate(member) == "EntityNotFoundException"

    @pytest.mark.parametrize("disabled", ["alice", "owner"])
    @pytest.mark.parametrize("can", [False, True])
    def test_a_disabled_entity_can_be_refused(
        self, api: Api, owner: Owner, disabled: str, can: bool
    ) -> None:
        api.deregister("alice" if disabled == "alice" else owner.entity.name)
        api.workmail.behaviour = Behaviour(
            disabled_can_be_associated=can, disabled_can_be_disassociated=can
        )
        error = None if can else "EntityStateException"
        assert owner.associate("alice") == error
        assert len(owner.ids) == can
        assert owner.disassociate("alice") == error

    @pytest.mark.parametrize("ends", [False, True])
    def test_deregistration_can_end_them(
        self, api: Api, owner: Owner, alice: User, ends: bool
    ) -> None:
        api.workmail.behaviour = Behaviour(deregistration_ends_associations=ends)
        owner.associate("alice")
        api.deregister("alice")
        assert owner.ids == ([] if ends else [alice.entity_id])

    def test_deletion_ends_them(self, api: Api, owner: Owner, alice: User) -> None:
        owner.associate("alice")
        api.deregister("alice")
        api("DeleteUser", UserId="alice")
        assert owner.list() == []
        assert owner.associate(alice.entity_id) == "EntityStateException"

    @pytest.mark.parametrize("fails", [False, True])
    def test_the_list_of_a_disabled_owner_can_fail(
        self, api: Api, owner: Owner, fails: bool
    ) -> None:
        api.workmail.behaviour = Behaviour(list_of_disabled_fails=fails)
        api.deregister(owner.entity.name)
        assert owner.list_error() == ("EntityStateException" if fails else None)

    def test_a_group_cannot_be_a_member_of_itself(self, api: Api) -> None:
        api.register("team")
        error = api.error("AssociateMemberToGroup", GroupId="team", MemberId="team")
        assert error == "InvalidParameterException"

    @pytest.mark.parametrize("can", [True, False])
    def test_the_last_delegate_of_a_resource_can_be_kept(
        self, api: Api, room: Resource, can: bool
    ) -> None:
        api.register("alice", "board-room")
        delegates = Owner(api, room)
        delegates.associate("alice")
        room.booking_options = dict(BY_DELEGATES)
        api.workmail.behaviour = Behaviour(last_delegate_can_leave=can)
        assert delegates.disassociate("alice") == (None if can else "EntityStateException")
        assert len(room.delegates) == (not can)
        room.booking_options = dict(AUTOMATIC)
        assert delegates.disassociate("alice") is None
        assert room.delegates == []
