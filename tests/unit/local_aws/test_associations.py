"""Members of groups and delegates of resources, which follow the same rules, and aliases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local_aws.workmail import Behaviour, Group, Organization, Resource, WorkMail

from .conftest import Clock, code_of, register

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient

pytestmark = pytest.mark.usefixtures("only_documented_errors")


@dataclass(frozen=True)
class Owner:
    """A group or a resource, and the calls that change and list its people."""

    entity: Group | Resource
    associate: Callable[[str], Any]
    disassociate: Callable[[str], Any]
    listed: Callable[[], list[Any]]

    @property
    def ids(self) -> list[str]:
        return self.entity.members if isinstance(self.entity, Group) else self.entity.delegates


@pytest.fixture(params=["group", "resource"])
def owner(
    request: pytest.FixtureRequest, client: WorkMailClient, org: str, organization: Organization
) -> Owner:
    """Enabled, with alice and bob enabled beside it."""
    for name in ("alice", "bob", "team", "board-room"):
        register(client, org, name)
    team, room = organization.entity("team"), organization.entity("board-room")
    if request.param == "group":
        assert isinstance(team, Group)
        return Owner(
            team,
            lambda member: client.associate_member_to_group(
                OrganizationId=org, GroupId="team", MemberId=member
            ),
            lambda member: client.disassociate_member_from_group(
                OrganizationId=org, GroupId="team", MemberId=member
            ),
            lambda: client.list_group_members(OrganizationId=org, GroupId="team")["Members"],
        )
    assert isinstance(room, Resource)
    return Owner(
        room,
        lambda delegate: client.associate_delegate_to_resource(
            OrganizationId=org, ResourceId="board-room", EntityId=delegate
        ),
        lambda delegate: client.disassociate_delegate_from_resource(
            OrganizationId=org, ResourceId="board-room", EntityId=delegate
        ),
        lambda: client.list_resource_delegates(OrganizationId=org, ResourceId="board-room")[
            "Delegates"
        ],
    )


@pytest.fixture
def alice(organization: Organization) -> str:
    return organization.entity("alice").entity_id


class TestAssociations:
    def test_by_id_name_or_address(self, owner: Owner, alice: str) -> None:
        for identifier in (alice, "ALICE", "alice@example.com"):
            owner.associate(identifier)
            assert owner.ids == [alice]
            owner.disassociate(identifier)
            assert owner.ids == []

    def test_users_and_groups_are_listed_in_order(
        self, client: WorkMailClient, org: str, organization: Organization, owner: Owner, alice: str
    ) -> None:
        others = organization.add_group("others").entity_id
        register(client, org, "others")
        owner.associate("others")
        owner.associate("alice")
        assert [(entry["Id"], entry["Type"]) for entry in owner.listed()] == [
            (others, "GROUP"),
            (alice, "USER"),
        ]

    @pytest.mark.parametrize("who", ["board-room", "nobody"])
    def test_neither_resources_nor_strangers(self, owner: Owner, who: str) -> None:
        with pytest.raises(ClientError, match="EntityNotFoundException"):
            owner.associate(who)
        with pytest.raises(ClientError, match="EntityNotFoundException"):
            owner.disassociate(who)

    @pytest.mark.parametrize("error", [None, "EntityStateException", "InvalidParameterException"])
    def test_a_repeated_association(
        self, workmail: WorkMail, owner: Owner, alice: str, error: str | None
    ) -> None:
        workmail.behaviour = Behaviour(repeated_association_error=error)
        owner.associate(alice)
        _succeeds_unless(error, lambda: owner.associate(alice))
        assert owner.ids == [alice]

    @pytest.mark.parametrize("error", [None, "EntityNotFoundException", "EntityStateException"])
    def test_the_end_of_what_is_no_association(
        self, workmail: WorkMail, owner: Owner, alice: str, error: str | None
    ) -> None:
        workmail.behaviour = Behaviour(missing_association_error=error)
        _succeeds_unless(error, lambda: owner.disassociate(alice))

    @pytest.mark.parametrize("disabled", ["alice", "owner"])
    @pytest.mark.parametrize("can", [False, True])
    def test_while_one_of_the_two_is_disabled(
        self,
        client: WorkMailClient,
        workmail: WorkMail,
        org: str,
        owner: Owner,
        alice: str,
        disabled: str,
        can: bool,
    ) -> None:
        entity = alice if disabled == "alice" else owner.entity.entity_id
        client.deregister_from_work_mail(OrganizationId=org, EntityId=entity)
        workmail.behaviour = Behaviour(
            disabled_can_be_associated=can, disabled_can_be_disassociated=can
        )
        error = None if can else "EntityStateException"
        _succeeds_unless(error, lambda: owner.associate("alice"))
        assert owner.ids == ([alice] if can else [])
        _succeeds_unless(error, lambda: owner.disassociate("alice"))

    @pytest.mark.parametrize("ends", [False, True])
    def test_after_a_deregistration(
        self,
        client: WorkMailClient,
        workmail: WorkMail,
        org: str,
        owner: Owner,
        alice: str,
        ends: bool,
    ) -> None:
        workmail.behaviour = Behaviour(deregistration_ends_associations=ends)
        owner.associate("alice")
        client.deregister_from_work_mail(OrganizationId=org, EntityId="alice")
        assert owner.ids == ([] if ends else [alice])

    def test_who_is_deleted_leaves(
        self, client: WorkMailClient, org: str, owner: Owner, alice: str
    ) -> None:
        owner.associate("alice")
        client.deregister_from_work_mail(OrganizationId=org, EntityId="alice")
        client.delete_user(OrganizationId=org, UserId="alice")
        assert owner.listed() == []
        with pytest.raises(ClientError, match="EntityStateException"):
            owner.associate(alice)

    @pytest.mark.parametrize("fails", [False, True])
    def test_the_list_of_a_disabled_owner(
        self, client: WorkMailClient, workmail: WorkMail, org: str, owner: Owner, fails: bool
    ) -> None:
        workmail.behaviour = Behaviour(list_of_disabled_fails=fails)
        client.deregister_from_work_mail(OrganizationId=org, EntityId=owner.entity.entity_id)
        _succeeds_unless("EntityStateException" if fails else None, owner.listed)

    def test_a_group_is_no_member_of_itself(self, client: WorkMailClient, org: str) -> None:
        register(client, org, "team")
        call = client.associate_member_to_group
        code = code_of(call, OrganizationId=org, GroupId="team", MemberId="team")
        assert code == "InvalidParameterException"

    def test_faults_and_records_know_who_is_associated(
        self, workmail: WorkMail, owner: Owner, alice: str
    ) -> None:
        owner.associate(alice)
        operations = {"AssociateMemberToGroup", "AssociateDelegateToResource"}
        assert {call.operation for call in workmail.calls.of(entity=alice)} <= operations
        assert workmail.calls.of(entity=alice)

    @pytest.mark.parametrize("binds", [False, True])
    def test_before_a_registration_has_settled(
        self,
        client: WorkMailClient,
        workmail: WorkMail,
        org: str,
        organization: Organization,
        owner: Owner,
        clock: Clock,
        binds: bool,
    ) -> None:
        organization.add_user("carol")
        workmail.behaviour = Behaviour(settle_delay=5, settling_binds_calls=binds)
        register(client, org, "carol")
        _succeeds_unless(
            "EntityStateException" if binds else None, lambda: owner.associate("carol")
        )
        clock.advance(5)
        owner.associate("carol")
        assert len(owner.ids) == 1


class TestGroupUpdate:
    def test_hides_and_shows(
        self, client: WorkMailClient, org: str, organization: Organization
    ) -> None:
        for hidden in (True, False):
            client.update_group(
                OrganizationId=org, GroupId="team", HiddenFromGlobalAddressList=hidden
            )
            group = client.describe_group(OrganizationId=org, GroupId="team")
            assert group["HiddenFromGlobalAddressList"] is hidden
            assert organization.entity("team").hidden is hidden


class TestAliases:
    @pytest.fixture
    def given(self, client: WorkMailClient, org: str, alice: str) -> dict[str, Any]:
        register(client, org, "alice")
        return {"OrganizationId": org, "EntityId": alice}

    @pytest.mark.parametrize("address", ["a@example.com", "alice@example.com"])
    @pytest.mark.parametrize("error", [None, "EmailAddressInUseException"])
    def test_an_address_that_the_entity_has(
        self,
        client: WorkMailClient,
        workmail: WorkMail,
        organization: Organization,
        given: dict[str, Any],
        address: str,
        error: str | None,
    ) -> None:
        workmail.behaviour = Behaviour(repeated_alias_error=error)
        client.create_alias(**given, Alias="a@example.com")
        _succeeds_unless(error, lambda: client.create_alias(**given, Alias=address))
        assert organization.entity("alice").aliases == ["a@example.com"]

    @pytest.mark.parametrize("error", [None, "InvalidParameterException"])
    def test_deleting_what_is_no_alias(
        self,
        client: WorkMailClient,
        workmail: WorkMail,
        organization: Organization,
        given: dict[str, Any],
        error: str | None,
    ) -> None:
        workmail.behaviour = Behaviour(missing_alias_error=error)
        _succeeds_unless(error, lambda: client.delete_alias(**given, Alias="a@example.com"))
        _succeeds_unless(error, lambda: client.delete_alias(**given, Alias="alice@example.com"))
        assert organization.entity("alice").registration.email == "alice@example.com"

    @pytest.mark.parametrize("listed", [False, True])
    def test_the_primary_address_in_the_list(
        self, client: WorkMailClient, workmail: WorkMail, given: dict[str, Any], listed: bool
    ) -> None:
        workmail.behaviour = Behaviour(primary_is_listed_as_alias=listed)
        client.create_alias(**given, Alias="a@example.com")
        aliases = client.list_aliases(**given)["Aliases"]
        assert aliases == ["alice@example.com"] * listed + ["a@example.com"]

    @pytest.mark.parametrize("fails", [False, True])
    def test_the_list_of_a_disabled_entity(
        self, client: WorkMailClient, workmail: WorkMail, given: dict[str, Any], fails: bool
    ) -> None:
        client.deregister_from_work_mail(**given)
        workmail.behaviour = Behaviour(list_of_disabled_fails=fails)
        _succeeds_unless(
            "EntityStateException" if fails else None, lambda: client.list_aliases(**given)
        )

    def test_a_deleted_entity_has_no_list(
        self, client: WorkMailClient, org: str, given: dict[str, Any], alice: str
    ) -> None:
        client.deregister_from_work_mail(**given)
        client.delete_user(OrganizationId=org, UserId=alice)
        assert code_of(client.list_aliases, **given) == "EntityStateException"

    def test_names_are_not_taken_for_ids(
        self, client: WorkMailClient, org: str, organization: Organization
    ) -> None:
        name = "a-name-of-12-and-more"
        organization.add_user(name)
        register(client, org, name)
        call = client.create_alias
        code = code_of(call, OrganizationId=org, EntityId=name, Alias="a@example.com")
        assert code == "EntityNotFoundException"

    def test_the_domain_of_an_alias_must_be_verified(
        self, client: WorkMailClient, organization: Organization, given: dict[str, Any]
    ) -> None:
        organization.add_domain("pending.example", verified_at=None)
        code = code_of(client.create_alias, **given, Alias="a@pending.example")
        assert code == "MailDomainStateException"


def _succeeds_unless(error: str | None, call: Callable[[], Any]) -> None:
    if error is None:
        call()
        return
    with pytest.raises(ClientError, match=error):
        call()
