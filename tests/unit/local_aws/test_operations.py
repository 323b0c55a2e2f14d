"""Each operation through a real boto3: what it does, and the errors that AWS documents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from local_aws.workmail import Behaviour, Organization, WorkMail

from .conftest import Clock, code_of, error_of, register

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient

UNKNOWN_ORGANIZATION = "m-" + "f" * 32


class TestRegister:
    def test_a_disabled_user_is_enabled_with_the_address(
        self, client: WorkMailClient, org: str, clock: Clock
    ) -> None:
        before = client.describe_user(OrganizationId=org, UserId="alice")
        assert before["State"] == "DISABLED"
        assert "Email" not in before and "EnabledDate" not in before
        register(client, org, "alice")
        after = client.describe_user(OrganizationId=org, UserId="alice")
        assert (after["State"], after["Email"]) == ("ENABLED", "alice@example.com")
        now = datetime.fromtimestamp(clock.now, UTC)
        assert after["EnabledDate"] == after["MailboxProvisionedDate"] == now

    def test_a_group_and_a_resource_too(self, client: WorkMailClient, org: str) -> None:
        register(client, org, "team")
        register(client, org, "board-room", "board@example.com")
        group = client.describe_group(OrganizationId=org, GroupId="team")
        resource = client.describe_resource(OrganizationId=org, ResourceId="board-room")
        assert (group["State"], group["Email"]) == ("ENABLED", "team@example.com")
        assert (resource["State"], resource["Email"]) == ("ENABLED", "board@example.com")

    def test_by_id_and_by_name_in_any_case_but_not_by_address(
        self, client: WorkMailClient, org: str, organization: Organization
    ) -> None:
        register(client, org, organization.entity("alice").entity_id, "alice@example.com")
        register(client, org, "BOB", "bob@example.com")
        assert organization.entity("alice").state == organization.entity("bob").state == "ENABLED"
        assert (
            code_of(
                client.register_to_work_mail,
                OrganizationId=org,
                EntityId="bob@example.com",
                Email="bob@example.com",
            )
            == "EntityNotFoundException"
        )

    @pytest.mark.parametrize(
        ("entity", "email", "code"),
        [
            ("nobody", "nobody@example.com", "EntityNotFoundException"),
            ("bob", "ALICE@example.com", "EmailAddressInUseException"),
            ("bob", "alias@example.com", "EmailAddressInUseException"),
            ("bob", "bob@elsewhere.org", "MailDomainNotFoundException"),
            ("bob", "bob@pending.example", "MailDomainStateException"),
        ],
    )
    def test_fails_as_documented(
        self,
        client: WorkMailClient,
        org: str,
        organization: Organization,
        entity: str,
        email: str,
        code: str,
    ) -> None:
        register(client, org, "alice")
        organization.entity("alice").aliases.append("alias@example.com")
        organization.add_domain("pending.example", verified_at=None)
        call = client.register_to_work_mail
        assert code_of(call, OrganizationId=org, EntityId=entity, Email=email) == code
        assert organization.entity("bob").state == "DISABLED"

    def test_a_deleted_entity_cannot_be_registered(self, client: WorkMailClient, org: str) -> None:
        alice = client.describe_user(OrganizationId=org, UserId="alice")["UserId"]
        client.delete_user(OrganizationId=org, UserId="alice")
        call = client.register_to_work_mail
        given = {"OrganizationId": org, "EntityId": alice, "Email": "alice@example.com"}
        assert code_of(call, **given) == "EntityStateException"


class TestDeregister:
    @pytest.mark.parametrize("identifier", ["alice", "alice@example.com"])
    def test_an_enabled_user_is_disabled(
        self, client: WorkMailClient, org: str, clock: Clock, identifier: str
    ) -> None:
        register(client, org, "alice")
        clock.advance(60)
        client.deregister_from_work_mail(OrganizationId=org, EntityId=identifier)
        user = client.describe_user(OrganizationId=org, UserId="alice")
        assert user["State"] == "DISABLED"
        now = datetime.fromtimestamp(clock.now, UTC)
        assert user["DisabledDate"] == user["MailboxDeprovisionedDate"] == now

    def test_an_unknown_entity_is_not_found(self, client: WorkMailClient, org: str) -> None:
        call = client.deregister_from_work_mail
        code = code_of(call, OrganizationId=org, EntityId="nobody")
        assert code == "EntityNotFoundException"

    def test_the_mailbox_comes_back_within_30_days(
        self, client: WorkMailClient, org: str, organization: Organization, clock: Clock
    ) -> None:
        mailboxes = []
        for days in (0, 29, 31):
            clock.advance(days * 24 * 3600)
            register(client, org, "alice")
            mailbox = organization.entity("alice").mailbox
            assert mailbox is not None
            mailboxes.append(mailbox.mailbox_id)
            client.deregister_from_work_mail(OrganizationId=org, EntityId="alice")
        assert mailboxes[0] == mailboxes[1] != mailboxes[2]

    def test_a_group_has_no_mailbox(
        self, client: WorkMailClient, org: str, organization: Organization
    ) -> None:
        register(client, org, "team")
        assert organization.entity("team").mailbox is None


class TestPrimaryAddress:
    def test_the_old_address_becomes_an_alias_and_swaps_back(
        self, client: WorkMailClient, org: str, organization: Organization
    ) -> None:
        register(client, org, "alice")
        alice = organization.entity("alice").entity_id
        for primary, alias in (("a@example.com", "alice"), ("alice@example.com", "a")):
            client.update_primary_email_address(OrganizationId=org, EntityId="alice", Email=primary)
            user = client.describe_user(OrganizationId=org, UserId="alice")
            assert user["Email"] == primary
            aliases = client.list_aliases(OrganizationId=org, EntityId=alice)["Aliases"]
            assert aliases == [f"{alias}@example.com"]

    def test_mail_to_the_old_address_finds_the_entity(
        self, client: WorkMailClient, org: str
    ) -> None:
        register(client, org, "alice")
        client.update_primary_email_address(
            OrganizationId=org, EntityId="alice@example.com", Email="a@example.com"
        )
        found = client.describe_entity(OrganizationId=org, Email="alice@example.com")
        assert (found["Name"], found["Type"]) == ("alice", "USER")

    @pytest.mark.parametrize(
        ("entity", "email", "code"),
        [
            ("bob", "b@example.com", "EntityStateException"),
            ("nobody", "b@example.com", "EntityNotFoundException"),
            ("alice", "team@example.com", "EmailAddressInUseException"),
            ("alice", "a@elsewhere.org", "MailDomainNotFoundException"),
        ],
    )
    def test_fails_as_documented(
        self, client: WorkMailClient, org: str, entity: str, email: str, code: str
    ) -> None:
        register(client, org, "alice")
        register(client, org, "team")
        call = client.update_primary_email_address
        assert code_of(call, OrganizationId=org, EntityId=entity, Email=email) == code


class TestDescribe:
    def test_by_address(self, client: WorkMailClient, org: str) -> None:
        register(client, org, "alice")
        user = client.describe_user(OrganizationId=org, UserId="Alice@Example.com")
        assert user["Name"] == "alice"

    def test_each_call_serves_one_kind(
        self, client: WorkMailClient, org: str, organization: Organization
    ) -> None:
        room = organization.entity("board-room").entity_id
        assert room.startswith("r-")
        not_found = "EntityNotFoundException"
        assert code_of(client.describe_user, OrganizationId=org, UserId=room) == not_found
        assert code_of(client.describe_group, OrganizationId=org, GroupId="alice") == not_found
        assert code_of(client.describe_resource, OrganizationId=org, ResourceId="team") == not_found

    def test_an_address_that_nobody_has(self, client: WorkMailClient, org: str) -> None:
        call = client.describe_entity
        code = code_of(call, OrganizationId=org, Email="nobody@example.com")
        assert code == "EntityNotFoundException"


class TestCreateAndDelete:
    def test_a_user(self, client: WorkMailClient, org: str) -> None:
        created = client.create_user(
            OrganizationId=org,
            Name="carol",
            DisplayName="Carol",
            FirstName="Carol",
            HiddenFromGlobalAddressList=True,
        )
        user = client.describe_user(OrganizationId=org, UserId="carol")
        assert user["UserId"] == created["UserId"]
        assert (user["DisplayName"], user["FirstName"], user["UserRole"]) == (
            "Carol",
            "Carol",
            "USER",
        )
        assert user["HiddenFromGlobalAddressList"] is True

    def test_a_group_and_a_resource(self, client: WorkMailClient, org: str) -> None:
        group = client.create_group(OrganizationId=org, Name="All hands")["GroupId"]
        beamer = client.create_resource(
            OrganizationId=org, Name="beamer", Type="EQUIPMENT", Description="Second floor"
        )["ResourceId"]
        described = client.describe_resource(OrganizationId=org, ResourceId=beamer)
        assert (described["Type"], described["Description"]) == ("EQUIPMENT", "Second floor")
        assert client.describe_group(OrganizationId=org, GroupId=group)["Name"] == "All hands"

    def test_a_name_is_given_once_until_its_entity_is_deleted(
        self, client: WorkMailClient, org: str
    ) -> None:
        call = client.create_user
        given: dict[str, Any] = {"OrganizationId": org, "Name": "TEAM", "DisplayName": "Team"}
        assert code_of(call, **given) == "NameAvailabilityException"
        client.delete_group(OrganizationId=org, GroupId="team")
        call(**given)

    def test_a_user_cannot_have_the_role_of_a_resource(
        self, client: WorkMailClient, org: str
    ) -> None:
        call = client.create_user
        given = {"OrganizationId": org, "Name": "x", "DisplayName": "X", "Role": "RESOURCE"}
        assert code_of(call, **given) == "InvalidParameterException"

    def test_an_enabled_entity_is_not_deleted(
        self, client: WorkMailClient, org: str, organization: Organization
    ) -> None:
        for name in ("alice", "team", "board-room"):
            register(client, org, name)
        state = "EntityStateException"
        assert code_of(client.delete_user, OrganizationId=org, UserId="alice") == state
        assert code_of(client.delete_group, OrganizationId=org, GroupId="team") == state
        assert code_of(client.delete_resource, OrganizationId=org, ResourceId="board-room") == state
        assert organization.entity("alice").state == "ENABLED"

    def test_deleting_what_is_not_there_succeeds(self, client: WorkMailClient, org: str) -> None:
        client.delete_user(OrganizationId=org, UserId="nobody")
        client.delete_resource(OrganizationId=org, ResourceId="alice")
        assert client.describe_user(OrganizationId=org, UserId="alice")["State"] == "DISABLED"


class TestLists:
    def test_each_kind(self, client: WorkMailClient, org: str) -> None:
        register(client, org, "alice")
        users = client.list_users(OrganizationId=org)["Users"]
        assert [(user["Name"], user["State"]) for user in users] == [
            ("alice", "ENABLED"),
            ("bob", "DISABLED"),
        ]
        groups = client.list_groups(OrganizationId=org)["Groups"]
        resources = client.list_resources(OrganizationId=org)["Resources"]
        assert [group["Name"] for group in groups] == ["team"]
        assert [(room["Name"], room["Type"]) for room in resources] == [("board-room", "ROOM")]

    def test_filters(self, client: WorkMailClient, org: str) -> None:
        register(client, org, "bob")
        for filters in (
            {"State": "ENABLED"},
            {"UsernamePrefix": "BO"},
            {"PrimaryEmailPrefix": "bob@"},
        ):
            users = client.list_users(OrganizationId=org, Filters=filters)["Users"]  # type: ignore[arg-type]
            assert [user["Name"] for user in users] == ["bob"]

    def test_pages(self, client: WorkMailClient, org: str, organization: Organization) -> None:
        for number in range(5):
            organization.add_user(f"user{number}")
        pages = client.get_paginator("list_users").paginate(
            OrganizationId=org, PaginationConfig={"PageSize": 3}
        )
        assert [len(page["Users"]) for page in pages] == [3, 3, 1]
        assert "NextToken" not in client.list_users(OrganizationId=org, MaxResults=7)
        call = client.list_users
        code = code_of(call, OrganizationId=org, NextToken="made up")
        assert code == "InvalidParameterException"


class TestAliases:
    def test_created_and_deleted(
        self, client: WorkMailClient, org: str, organization: Organization
    ) -> None:
        register(client, org, "alice")
        alice_id = organization.entity("alice").entity_id
        alice: dict[str, Any] = {"OrganizationId": org, "EntityId": alice_id}
        for _ in range(2):
            client.create_alias(**alice, Alias="a@example.com")
        assert client.list_aliases(**alice)["Aliases"] == ["a@example.com"]
        client.delete_alias(**alice, Alias="A@example.com")
        assert client.list_aliases(**alice)["Aliases"] == []

    def test_fails_as_documented(
        self, client: WorkMailClient, org: str, organization: Organization
    ) -> None:
        register(client, org, "alice")
        register(client, org, "bob")
        alice, team = (organization.entity(name).entity_id for name in ("alice", "team"))
        call = client.create_alias
        for entity, alias, code in (
            (team, "t@example.com", "EntityStateException"),
            ("nobody-at-all", "t@example.com", "EntityNotFoundException"),
            (alice, "bob@example.com", "EmailAddressInUseException"),
            (alice, "a@elsewhere.org", "MailDomainNotFoundException"),
        ):
            assert code_of(call, OrganizationId=org, EntityId=entity, Alias=alias) == code

    def test_a_hundred_at_most(
        self, client: WorkMailClient, org: str, organization: Organization
    ) -> None:
        register(client, org, "alice")
        alice = organization.entity("alice")
        alice.aliases = [f"a{number}@example.com" for number in range(100)]
        call = client.create_alias
        given = {"OrganizationId": org, "EntityId": alice.entity_id, "Alias": "b@example.com"}
        assert code_of(call, **given) == "LimitExceededException"


class TestGroups:
    def test_members(self, client: WorkMailClient, org: str, organization: Organization) -> None:
        register(client, org, "team")
        register(client, org, "alice")
        for _ in range(2):
            client.associate_member_to_group(OrganizationId=org, GroupId="team", MemberId="alice")
        members = client.list_group_members(OrganizationId=org, GroupId="team")["Members"]
        assert [(member["Name"], member["Type"]) for member in members] == [("alice", "USER")]
        client.deregister_from_work_mail(OrganizationId=org, EntityId="alice")
        client.delete_user(OrganizationId=org, UserId="alice")
        assert not client.list_group_members(OrganizationId=org, GroupId="team")["Members"]

    def test_only_enabled_users_and_groups(self, client: WorkMailClient, org: str) -> None:
        register(client, org, "team")
        register(client, org, "board-room")
        call = client.associate_member_to_group
        team = {"OrganizationId": org, "GroupId": "team"}
        assert code_of(call, **team, MemberId="alice") == "EntityStateException"
        assert code_of(call, **team, MemberId="board-room") == "EntityNotFoundException"


class TestDomains:
    def test_registered_verified_and_removed(
        self, client: WorkMailClient, org: str, organization: Organization
    ) -> None:
        client.register_mail_domain(OrganizationId=org, DomainName="new.example")
        domain = client.get_mail_domain(OrganizationId=org, DomainName="new.example")
        assert domain["OwnershipVerificationStatus"] == "PENDING"
        organization.domain("new.example").verified_at = 0.0
        domain = client.get_mail_domain(OrganizationId=org, DomainName="new.example")
        assert domain["OwnershipVerificationStatus"] == "VERIFIED"
        client.deregister_mail_domain(OrganizationId=org, DomainName="new.example")
        call = client.get_mail_domain
        code = code_of(call, OrganizationId=org, DomainName="new.example")
        assert code == "MailDomainNotFoundException"

    def test_the_default_is_listed_as_such(self, client: WorkMailClient, org: str) -> None:
        domains = client.list_mail_domains(OrganizationId=org)["MailDomains"]
        assert {d["DomainName"]: d["DefaultDomain"] for d in domains} == {
            "acme.awsapps.com": False,
            "example.com": True,
        }

    def test_a_domain_with_addresses_stays(self, client: WorkMailClient, org: str) -> None:
        register(client, org, "alice", "alice@acme.awsapps.com")
        call = client.deregister_mail_domain
        code = code_of(call, OrganizationId=org, DomainName="acme.awsapps.com")
        assert code == "MailDomainInUseException"

    def test_a_domain_belongs_to_one_organization(
        self, client: WorkMailClient, org: str, workmail: WorkMail
    ) -> None:
        other = workmail.add_organization("other", domain="other.example")
        call = client.register_mail_domain
        code = code_of(call, OrganizationId=org, DomainName="other.example")
        assert code == "MailDomainInUseException"
        call(OrganizationId=other.organization_id, DomainName="other.example")


class TestOrganizations:
    def test_created_and_deleted(self, client: WorkMailClient, org: str) -> None:
        created = client.create_organization(
            Alias="fresh", Domains=[{"DomainName": "fresh.example"}]
        )["OrganizationId"]
        described = client.describe_organization(OrganizationId=created)
        assert (described["State"], described["Alias"]) == ("Active", "fresh")
        assert described["DefaultMailDomain"] == "fresh.awsapps.com"
        assert described["ARN"].endswith(f"organization/{created}")
        domain = client.get_mail_domain(OrganizationId=created, DomainName="fresh.example")
        assert domain["OwnershipVerificationStatus"] == "PENDING"
        client.delete_organization(OrganizationId=created, DeleteDirectory=True)
        summaries = client.list_organizations()["OrganizationSummaries"]
        assert [(o["OrganizationId"], o["State"]) for o in summaries] == [
            (org, "Active"),
            (created, "Deleted"),
        ]

    def test_enabled_members_protect_it_unless_forced(
        self, client: WorkMailClient, org: str
    ) -> None:
        register(client, org, "alice")
        call = client.delete_organization
        given: dict[str, Any] = {"OrganizationId": org, "DeleteDirectory": False}
        assert code_of(call, **given) == "OrganizationStateException"
        assert call(**given, ForceDelete=True)["State"] == "Deleted"

    def test_a_deleted_one_answers_describe_only(self, client: WorkMailClient, org: str) -> None:
        client.delete_organization(OrganizationId=org, DeleteDirectory=False)
        code, message = error_of(client.describe_user, OrganizationId=org, UserId="alice")
        assert code == "OrganizationStateException"
        assert message.endswith("is not Active, state: Deleted")
        call = client.register_to_work_mail
        given = {"OrganizationId": org, "EntityId": "alice", "Email": "alice@example.com"}
        assert code_of(call, **given) == "OrganizationStateException"
        assert client.describe_organization(OrganizationId=org)["State"] == "Deleted"

    def test_an_unknown_one(self, client: WorkMailClient, org: str) -> None:
        call = client.describe_user
        code = code_of(call, OrganizationId=UNKNOWN_ORGANIZATION, UserId="alice")
        assert code == "OrganizationNotFoundException"

    def test_one_is_active_later(
        self, client: WorkMailClient, workmail: WorkMail, clock: Clock
    ) -> None:
        workmail.behaviour = Behaviour(organization_active_after=30)
        created = client.create_organization(Alias="slow")["OrganizationId"]
        assert client.describe_organization(OrganizationId=created)["State"] == "Requested"
        code = code_of(client.list_users, OrganizationId=created)
        assert code == "OrganizationStateException"
        clock.advance(30)
        assert client.list_users(OrganizationId=created)["Users"] == []

    def test_it_is_in_one_region(
        self, client: WorkMailClient, workmail: WorkMail, org: str
    ) -> None:
        irish = workmail.add_organization("irish", region="eu-west-1").organization_id
        code = code_of(client.describe_organization, OrganizationId=irish)
        assert code == "OrganizationNotFoundException"
        listed = client.list_organizations()["OrganizationSummaries"]
        assert [organization["OrganizationId"] for organization in listed] == [org]

    def test_its_alias_is_given_once(self, client: WorkMailClient, org: str) -> None:
        code = code_of(client.create_organization, Alias="acme")
        assert code == "NameAvailabilityException"
