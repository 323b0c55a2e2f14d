"""Users: their attributes, roles, names and passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ConnectionClosedError

from local_aws.workmail import Behaviour, Drop, Organization, User, WorkMail, WorkMailError

from .conftest import Clock, code_of, error_of, register

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient

pytestmark = pytest.mark.usefixtures("only_documented_errors")

PASSWORD = "Tr0ub4dor"
IDENTITY = "1234567890-12345678-1234-1234-1234-123456789012"
CONTACT = {
    "FirstName": "Carol",
    "LastName": "Shaw",
    "Initials": "CS",
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


@pytest.fixture
def carol(client: WorkMailClient, org: str) -> str:
    created = client.create_user(
        OrganizationId=org, Name="carol", DisplayName="Carol", Password=PASSWORD
    )
    return created["UserId"]


def described(client: WorkMailClient, org: str, user: str) -> dict[str, Any]:
    return dict(client.describe_user(OrganizationId=org, UserId=user))


class TestAttributes:
    def test_an_update_sets_all_that_describe_gives_back(
        self, client: WorkMailClient, org: str, organization: Organization, carol: str
    ) -> None:
        given: Any = {**CONTACT, "DisplayName": "Carol S.", "IdentityProviderUserId": IDENTITY}
        client.update_user(
            OrganizationId=org,
            UserId=carol,
            Role="REMOTE_USER",
            HiddenFromGlobalAddressList=True,
            **given,
        )
        user = described(client, org, carol)
        assert {name: user[name] for name in given} == given
        assert (user["UserRole"], user["HiddenFromGlobalAddressList"]) == ("REMOTE_USER", True)
        kept = organization.entity(carol)
        assert isinstance(kept, User)
        assert kept.attributes == given
        assert (kept.role, kept.hidden) == ("REMOTE_USER", True)

    def test_create_takes_names_and_an_identity_only(
        self, client: WorkMailClient, org: str
    ) -> None:
        given: Any = {"FirstName": "Dan", "LastName": "B", "IdentityProviderUserId": IDENTITY}
        client.create_user(OrganizationId=org, Name="dan", DisplayName="Dan", **given)
        user = described(client, org, "dan")
        assert {name: user[name] for name in given} == given
        shape = client.meta.service_model.operation_model("CreateUser").input_shape
        assert shape is not None
        assert not {"City", "Initials"} & set(shape.members)

    @pytest.mark.parametrize("cleared", [False, True])
    def test_what_an_update_leaves_out(
        self, client: WorkMailClient, workmail: WorkMail, org: str, carol: str, cleared: bool
    ) -> None:
        everything: Any = CONTACT
        client.update_user(
            OrganizationId=org, UserId=carol, HiddenFromGlobalAddressList=True, **everything
        )
        workmail.behaviour = Behaviour(update_clears_what_is_left_out=cleared)
        client.update_user(OrganizationId=org, UserId=carol, City="Bath")
        user = described(client, org, carol)
        assert (user["City"], user["DisplayName"]) == ("Bath", "Carol")
        assert user.get("Office") == (None if cleared else "3.14")
        assert user["HiddenFromGlobalAddressList"] is not cleared

    @pytest.mark.parametrize("shown", [False, True])
    def test_an_empty_text_empties_an_attribute(
        self, client: WorkMailClient, workmail: WorkMail, org: str, carol: str, shown: bool
    ) -> None:
        workmail.behaviour = Behaviour(empty_attribute_is_shown=shown)
        client.update_user(
            OrganizationId=org, UserId=carol, City="Bath", IdentityProviderUserId=IDENTITY
        )
        client.update_user(OrganizationId=org, UserId=carol, City="", IdentityProviderUserId="")
        user = described(client, org, carol)
        assert user.get("City") == ("" if shown else None)
        assert "IdentityProviderUserId" not in user
        assert "Office" not in user

    def test_no_call_gives_the_roles_of_the_system(
        self, client: WorkMailClient, org: str, carol: str
    ) -> None:
        for role in ("RESOURCE", "SYSTEM_USER"):
            given = {"OrganizationId": org, "UserId": carol, "Role": role}
            assert code_of(client.update_user, **given) == "InvalidParameterException"

    @pytest.mark.parametrize("fails", [False, True])
    def test_updating_a_disabled_user(
        self, client: WorkMailClient, workmail: WorkMail, org: str, carol: str, fails: bool
    ) -> None:
        workmail.behaviour = Behaviour(update_disabled_fails=fails)
        given: dict[str, Any] = {"OrganizationId": org, "UserId": carol, "City": "Bath"}
        if fails:
            assert code_of(client.update_user, **given) == "EntityStateException"
            register(client, org, "carol")
        client.update_user(**given)

    @pytest.mark.parametrize("vanishes", [False, True])
    def test_a_deleted_user_is_not_updated(
        self, client: WorkMailClient, workmail: WorkMail, org: str, carol: str, vanishes: bool
    ) -> None:
        workmail.behaviour = Behaviour(deleted_entity_vanishes=vanishes)
        client.delete_user(OrganizationId=org, UserId=carol)
        code = code_of(client.update_user, OrganizationId=org, UserId=carol, City="Bath")
        assert code == ("EntityNotFoundException" if vanishes else "EntityStateException")


class TestNames:
    @pytest.mark.parametrize("name", ["Administrator", "postmaster"])
    def test_reserved_names(
        self, client: WorkMailClient, org: str, organization: Organization, name: str
    ) -> None:
        organization.reserved_names.add("postmaster")
        given = {"OrganizationId": org, "Name": name}
        reserved = "ReservedNameException"
        assert code_of(client.create_user, **given, DisplayName="X") == reserved
        assert code_of(client.create_group, **given) == reserved
        assert code_of(client.create_resource, **given, Type="ROOM") == reserved

    def test_the_name_of_a_deleted_user_can_stay_taken_for_a_while(
        self, client: WorkMailClient, workmail: WorkMail, org: str, carol: str, clock: Clock
    ) -> None:
        workmail.behaviour = Behaviour(name_free_after=60)
        client.delete_user(OrganizationId=org, UserId=carol)
        given: dict[str, Any] = {"OrganizationId": org, "Name": "carol", "DisplayName": "Carol"}
        assert code_of(client.create_user, **given) == "NameAvailabilityException"
        clock.advance(60)
        assert client.create_user(**given)["UserId"] != carol

    def test_a_name_is_taken_before_its_entity_is_visible(
        self, client: WorkMailClient, workmail: WorkMail, org: str, clock: Clock
    ) -> None:
        workmail.behaviour = Behaviour(visible_after=20)
        group = client.create_group(OrganizationId=org, Name="late")["GroupId"]
        call = client.create_group
        assert code_of(call, OrganizationId=org, Name="late") == "NameAvailabilityException"
        hide: Any = {"GroupId": group, "HiddenFromGlobalAddressList": True}
        code = code_of(client.update_group, OrganizationId=org, **hide)
        assert code == "EntityNotFoundException"
        clock.advance(20)
        client.update_group(OrganizationId=org, **hide)


class TestPasswords:
    def test_it_is_recognized_and_replaced(
        self, client: WorkMailClient, org: str, organization: Organization, carol: str
    ) -> None:
        user = organization.entity(carol)
        assert isinstance(user, User)
        assert user.has_password(PASSWORD) and not user.has_password(PASSWORD.lower())
        client.reset_password(OrganizationId=org, UserId=carol, Password="An0ther one")
        assert user.has_password("An0ther one") and not user.has_password(PASSWORD)

    def test_who_was_given_none_has_none(self, organization: Organization) -> None:
        alice = organization.entity("alice")
        assert isinstance(alice, User) and not alice.has_password("")

    @pytest.mark.parametrize(
        "password", ["Sh0rt-7", "nogroupsbutone", "two groups 222", "A1" + "a" * 62]
    )
    def test_a_weak_one_changes_nothing_and_is_not_repeated(
        self,
        client: WorkMailClient,
        org: str,
        organization: Organization,
        carol: str,
        password: str,
    ) -> None:
        given: Any = {"OrganizationId": org, "Password": password}
        for call, more in (
            (client.create_user, {"Name": "dan", "DisplayName": "Dan"}),
            (client.reset_password, {"UserId": carol}),
        ):
            code, message = error_of(call, **given, **more)
            assert code == "InvalidPasswordException" and password not in message
        user = organization.entity(carol)
        assert isinstance(user, User) and user.has_password(PASSWORD)
        assert [known.name for known in organization.known(["dan"])] == []

    @pytest.mark.parametrize("password", ["Sh0rt--8", "A1" + "a" * 61, "éa1aaaaa", "a-1aaaaa"])
    def test_three_of_five_groups_and_8_to_63_characters_do(
        self, client: WorkMailClient, org: str, carol: str, password: str
    ) -> None:
        client.reset_password(OrganizationId=org, UserId=carol, Password=password)

    def test_it_is_reset_by_id_for_users_only(
        self, client: WorkMailClient, org: str, organization: Organization, carol: str
    ) -> None:
        organization.add_user("a-name-of-12-and-more")
        team = organization.entity("team").entity_id
        for user in ("a-name-of-12-and-more", team):
            given = {"OrganizationId": org, "UserId": user, "Password": PASSWORD}
            assert code_of(client.reset_password, **given) == "EntityNotFoundException"
        client.delete_user(OrganizationId=org, UserId=carol)
        given = {"OrganizationId": org, "UserId": carol, "Password": PASSWORD}
        assert code_of(client.reset_password, **given) == "EntityStateException"

    @pytest.mark.parametrize("fails", [False, True])
    def test_resetting_that_of_a_disabled_user(
        self, client: WorkMailClient, workmail: WorkMail, org: str, carol: str, fails: bool
    ) -> None:
        workmail.behaviour = Behaviour(reset_disabled_password_fails=fails)
        given = {"OrganizationId": org, "UserId": carol, "Password": PASSWORD}
        if fails:
            assert code_of(client.reset_password, **given) == "EntityStateException"
            register(client, org, "carol")
        client.reset_password(OrganizationId=org, UserId=carol, Password=PASSWORD)

    @pytest.mark.parametrize("required", [False, True])
    def test_creating_a_user_without_one(
        self, client: WorkMailClient, workmail: WorkMail, org: str, required: bool
    ) -> None:
        workmail.behaviour = Behaviour(password_required=required)
        call = client.create_user
        given: dict[str, Any] = {"OrganizationId": org, "DisplayName": "X"}
        if required:
            assert code_of(call, **given, Name="x") == "InvalidParameterException"
        else:
            call(**given, Name="x")
        call(**given, Name="remote", Role="REMOTE_USER")
        call(**given, Name="single-sign-on", IdentityProviderUserId=IDENTITY)


class TestVisibility:
    def test_calls_by_id_alone_find_a_new_user_later_too(
        self, client: WorkMailClient, workmail: WorkMail, org: str, clock: Clock
    ) -> None:
        workmail.behaviour = Behaviour(visible_after=20)
        dan = client.create_user(OrganizationId=org, Name="dan", DisplayName="Dan")["UserId"]
        given = {"OrganizationId": org, "UserId": dan, "Password": PASSWORD}
        assert code_of(client.reset_password, **given) == "EntityNotFoundException"
        clock.advance(20)
        client.reset_password(OrganizationId=org, UserId=dan, Password=PASSWORD)

    def test_a_lost_answer_leaves_a_user_whose_id_only_the_name_tells(
        self, client: WorkMailClient, workmail: WorkMail, org: str
    ) -> None:
        given: dict[str, Any] = {"OrganizationId": org, "DisplayName": "X", "Password": PASSWORD}
        workmail.faults.add("CreateUser", Drop(after_work=True), entity="dan")
        client.create_user(**given, Name="eve")
        with pytest.raises(ConnectionClosedError):
            client.create_user(**given, Name="dan")
        assert [call.error_code for call in workmail.calls.of(entity="dan")] == ["NoAnswer"]
        workmail.calls.clear()
        assert code_of(client.create_user, **given, Name="dan") == "NameAvailabilityException"
        assert described(client, org, "dan")["State"] == "DISABLED"


class TestDeletion:
    @pytest.mark.parametrize("fails", [False, True])
    def test_of_who_is_not_there(self, workmail: WorkMail, org: str, fails: bool) -> None:
        workmail.behaviour = Behaviour(delete_missing_fails=fails)
        call = {"OrganizationId": org, "UserId": "nobody"}
        if not fails:
            workmail.perform("DeleteUser", call)
            return
        with pytest.raises(WorkMailError, match="EntityNotFoundException"):
            workmail.perform("DeleteUser", call)
        workmail.calls.clear()  # the one error here that the model does not list

    def test_it_settles_later(
        self, client: WorkMailClient, workmail: WorkMail, org: str, carol: str, clock: Clock
    ) -> None:
        workmail.behaviour = Behaviour(settle_delay=5, deleted_entity_vanishes=True)
        client.delete_user(OrganizationId=org, UserId=carol)
        assert described(client, org, carol)["State"] == "DISABLED"
        assert len(client.list_users(OrganizationId=org)["Users"]) == 3
        clock.advance(5)
        call = client.describe_user
        assert code_of(call, OrganizationId=org, UserId=carol) == "EntityNotFoundException"
        assert len(client.list_users(OrganizationId=org)["Users"]) == 2

    @pytest.mark.parametrize("binds", [False, True])
    def test_before_a_deregistration_has_settled(
        self,
        client: WorkMailClient,
        workmail: WorkMail,
        org: str,
        carol: str,
        clock: Clock,
        binds: bool,
    ) -> None:
        register(client, org, "carol")
        workmail.behaviour = Behaviour(settle_delay=5, settling_binds_calls=binds)
        client.deregister_from_work_mail(OrganizationId=org, EntityId=carol)
        if binds:
            code = code_of(client.delete_user, OrganizationId=org, UserId=carol)
            assert code == "EntityStateException"
            clock.advance(5)
        client.delete_user(OrganizationId=org, UserId=carol)
        clock.advance(5)
        assert described(client, org, carol)["State"] == "DELETED"
