"""Registrations, addresses and aliases: what the calls do, and the errors that AWS documents."""

from __future__ import annotations

import pytest

from local_aws.workmail import Behaviour, Organization, WorkMail

from .conftest import Api, Clock


class TestRegister:
    def test_enables_a_disabled_entity_with_the_address(self, api: Api, clock: Clock) -> None:
        before = api.user()
        assert before["State"] == "DISABLED"
        assert not {"Email", "EnabledDate", "MailboxProvisionedDate"} & set(before)
        api.register("alice", "team", "board-room")
        after = api.user()
        assert (after["State"], after["Email"]) == ("ENABLED", "alice@example.com")
        assert after["EnabledDate"].timestamp() == clock.now
        assert after["MailboxProvisionedDate"].timestamp() == clock.now
        group, room = (
            api("DescribeGroup", GroupId="team"),
            api("DescribeResource", ResourceId="board-room"),
        )
        assert (group["State"], group["Email"]) == ("ENABLED", "team@example.com")
        assert (room["State"], room["Email"]) == ("ENABLED", "board-room@example.com")

    def test_finds_ids_and_names_in_any_case_but_no_addresses(
        self, api: Api, organization: Organization
    ) -> None:
        alice = organization.entity("alice").entity_id
        api("RegisterToWorkMail", EntityId=alice, Email="alice@example.com")
        api("RegisterToWorkMail", EntityId="BOB", Email="bob@example.com")
        given = {"EntityId": "bob@example.com", "Email": "bob@example.com"}
        assert api.error("RegisterToWorkMail", **given) == "EntityNotFoundException"

    @pytest.mark.parametrize(
        ("entity", "email", "code"),
        [
            ("unknown", "x@example.com", "EntityNotFoundException"),
            ("bob", "ALICE@example.com", "EmailAddressInUseException"),
            ("bob", "alias@example.com", "EmailAddressInUseException"),
            ("bob", "bob@elsewhere.org", "MailDomainNotFoundException"),
            ("bob", "bob@pending.example", "MailDomainStateException"),
        ],
    )
    def test_fails_as_documented(
        self, api: Api, organization: Organization, entity: str, email: str, code: str
    ) -> None:
        api.register("alice")
        organization.entity("alice").aliases.append("alias@example.com")
        organization.add_domain("pending.example", verified_at=None)
        assert api.error("RegisterToWorkMail", EntityId=entity, Email=email) == code
        assert organization.entity("bob").state == "DISABLED"

    def test_a_deleted_entity_cannot_be_registered(self, api: Api) -> None:
        alice = api.user()["UserId"]
        api("DeleteUser", UserId="alice")
        given = {"EntityId": alice, "Email": "alice@example.com"}
        assert api.error("RegisterToWorkMail", **given) == "EntityStateException"

    @pytest.mark.parametrize("address", ["Alice@example.com", "other@example.com"])
    @pytest.mark.parametrize("fails", [False, True])
    def test_again_changes_nothing_or_fails(
        self, api: Api, clock: Clock, address: str, fails: bool
    ) -> None:
        api.register("alice")
        before = api.user()
        clock.advance(10)
        same = address.startswith("A")
        api.workmail.behaviour = Behaviour(
            register_enabled_same_address_fails=fails == same,
            register_enabled_other_address_fails=fails != same,
        )
        error = api.error("RegisterToWorkMail", EntityId="alice", Email=address)
        assert error == ("EntityAlreadyRegisteredException" if fails else None)
        assert api.user() == before

    def test_a_domain_can_be_verified_later(
        self, api: Api, organization: Organization, clock: Clock
    ) -> None:
        organization.add_domain("new.example", verified_at=clock.now + 60)
        given = {"EntityId": "alice", "Email": "alice@new.example"}
        assert api.error("RegisterToWorkMail", **given) == "MailDomainStateException"
        assert api("GetMailDomain", DomainName="new.example")["IsDefault"] is False
        clock.advance(60)
        api("RegisterToWorkMail", **given)
        domain = api("GetMailDomain", DomainName="new.example")
        assert domain["OwnershipVerificationStatus"] == "VERIFIED"
        names = [domain["DomainName"] for domain in api("ListMailDomains")["MailDomains"]]
        assert names == ["acme.awsapps.com", "example.com", "new.example"]


class TestDeregister:
    @pytest.mark.parametrize("identifier", ["alice", "alice@example.com"])
    @pytest.mark.parametrize("remains", [False, True])
    def test_disables_an_entity(
        self, api: Api, clock: Clock, identifier: str, remains: bool
    ) -> None:
        api.workmail.behaviour = Behaviour(email_remains=remains, enabled_date_remains=not remains)
        api.register("alice")
        clock.advance(60)
        api.deregister(identifier)
        user = api.user()
        assert user["State"] == "DISABLED"
        assert user["DisabledDate"].timestamp() == clock.now
        assert user["MailboxDeprovisionedDate"].timestamp() == clock.now
        assert ("Email" in user, "EnabledDate" in user) == (remains, not remains)

    def test_an_unknown_entity_is_not_found(self, api: Api) -> None:
        error = api.error("DeregisterFromWorkMail", EntityId="unknown")
        assert error == "EntityNotFoundException"

    @pytest.mark.parametrize("fails", [False, True])
    def test_of_a_disabled_entity_changes_nothing_or_fails(self, api: Api, fails: bool) -> None:
        api.workmail.behaviour = Behaviour(deregister_disabled_fails=fails)
        error = api.error("DeregisterFromWorkMail", EntityId="alice")
        assert error == ("EntityStateException" if fails else None)
        assert "DisabledDate" not in api.user()

    def test_the_mailbox_is_kept_for_30_days(
        self, api: Api, organization: Organization, clock: Clock
    ) -> None:
        mailboxes = []
        for days in (0, 29, 30):
            clock.advance(days * 24 * 3600)
            api.register("alice")
            mailbox = organization.entity("alice").mailbox
            assert mailbox
            mailboxes.append(mailbox.mailbox_id)
            api.deregister("alice")
        assert mailboxes[0] == mailboxes[1] != mailboxes[2]

    @pytest.mark.parametrize("reserved", [False, True])
    def test_the_addresses_become_free_or_stay_reserved(
        self, api: Api, organization: Organization, reserved: bool
    ) -> None:
        api.workmail.behaviour = Behaviour(address_stays_reserved=reserved)
        api.register("alice")
        alice = organization.entity("alice").entity_id
        api("CreateAlias", EntityId=alice, Alias="a@example.com")
        api.deregister("alice")
        for address in ("alice@example.com", "a@example.com"):
            error = api.error("RegisterToWorkMail", EntityId="bob", Email=address)
            assert error == ("EmailAddressInUseException" if reserved else None)
            api.deregister("bob")
        api.register("alice")


class TestSettling:
    def test_changes_show_at_once_or_after_the_delay(self, api: Api, clock: Clock) -> None:
        api.register("bob")
        assert api.user("bob")["State"] == "ENABLED"
        api.workmail.behaviour = Behaviour(settle_delay=5)
        for change, before, after in (
            (api.register, "DISABLED", "ENABLED"),
            (api.deregister, "ENABLED", "DISABLED"),
        ):
            change("alice")
            clock.advance(4.9)
            assert api.user()["State"] == before
            clock.advance(0.1)
            assert api.user()["State"] == after

    def test_a_second_change_hides_one_that_has_not_settled(self, api: Api, clock: Clock) -> None:
        api.workmail.behaviour = Behaviour(settle_delay=5)
        api.register("alice")
        clock.advance(1)
        api.deregister("alice")
        for _ in range(3):
            assert api.user()["State"] == "DISABLED"
            clock.advance(3)

    @pytest.mark.parametrize("binds", [False, True])
    def test_other_calls_can_depend_on_the_state_before(
        self, api: Api, clock: Clock, binds: bool
    ) -> None:
        api.register("bob", "team")
        clock.advance(60)
        api.workmail.behaviour = Behaviour(settle_delay=5, settling_binds_calls=binds)
        api.register("alice")
        api.deregister("bob")
        calls = (
            ("AssociateMemberToGroup", {"GroupId": "team", "MemberId": "alice"}),
            ("DeleteUser", {"UserId": "bob"}),
        )
        for operation, given in calls:
            assert api.error(operation, **given) == ("EntityStateException" if binds else None)
        clock.advance(5)
        for operation, given in calls[: 2 if binds else 0]:
            api(operation, **given)


class TestPrimaryAddress:
    def test_the_old_address_becomes_an_alias(self, api: Api) -> None:
        api.register("alice")
        alice = api.user()["UserId"]
        for primary, alias in (("a@example.com", "alice"), ("alice@example.com", "a")):
            api("UpdatePrimaryEmailAddress", EntityId="alice", Email=primary)
            assert api.user()["Email"] == primary
            aliases = api("ListAliases", EntityId=alice)["Aliases"]
            assert aliases == [f"{alias}@example.com"]
            found = api("DescribeEntity", Email=f"{alias}@example.com")
            assert (found["Name"], found["Type"], found["EntityId"]) == ("alice", "USER", alice)

    @pytest.mark.parametrize(
        ("entity", "email", "code"),
        [
            ("bob", "b@example.com", "EntityStateException"),
            ("unknown", "b@example.com", "EntityNotFoundException"),
            ("alice", "team@example.com", "EmailAddressInUseException"),
            ("alice", "a@elsewhere.org", "MailDomainNotFoundException"),
        ],
    )
    def test_fails_as_documented(self, api: Api, entity: str, email: str, code: str) -> None:
        api.register("alice", "team")
        assert api.error("UpdatePrimaryEmailAddress", EntityId=entity, Email=email) == code

    def test_an_unused_address_is_not_found(self, api: Api) -> None:
        assert api.error("DescribeEntity", Email="x@example.com") == "EntityNotFoundException"


class TestAliases:
    @pytest.fixture
    def alice(self, api: Api) -> str:
        api.register("alice", "bob")
        return str(api.user()["UserId"])

    @pytest.mark.parametrize("listed", [False, True])
    def test_are_created_listed_and_deleted(self, api: Api, alice: str, listed: bool) -> None:
        api.workmail.behaviour = Behaviour(primary_is_listed_as_alias=listed)
        primary = ["alice@example.com"] * listed
        api("CreateAlias", EntityId=alice, Alias="a@example.com")
        aliases = api("ListAliases", EntityId=alice)["Aliases"]
        assert aliases == [*primary, "a@example.com"]
        for _ in range(2):
            api("DeleteAlias", EntityId=alice, Alias="A@example.com")
            assert api("ListAliases", EntityId=alice)["Aliases"] == primary

    @pytest.mark.parametrize("error", [None, "EmailAddressInUseException"])
    def test_an_address_of_the_entity_itself_succeeds_or_fails(
        self, api: Api, alice: str, error: str | None
    ) -> None:
        api.workmail.behaviour = Behaviour(repeated_alias_error=error)
        api("CreateAlias", EntityId=alice, Alias="a@example.com")
        for address in ("a@example.com", "alice@example.com"):
            assert api.error("CreateAlias", EntityId=alice, Alias=address) == error
        assert api("ListAliases", EntityId=alice)["Aliases"] == ["a@example.com"]

    def test_fail_as_documented(self, api: Api, organization: Organization, alice: str) -> None:
        team = organization.entity("team").entity_id
        organization.add_domain("pending.example", verified_at=None)
        organization.add_user("a-name-of-12-and-more")
        api.register("a-name-of-12-and-more")
        for entity, alias, code in (
            (team, "t@example.com", "EntityStateException"),
            ("unknown-id-of-12", "t@example.com", "EntityNotFoundException"),
            ("a-name-of-12-and-more", "t@example.com", "EntityNotFoundException"),
            (alice, "bob@example.com", "EmailAddressInUseException"),
            (alice, "a@elsewhere.org", "MailDomainNotFoundException"),
            (alice, "a@pending.example", "MailDomainStateException"),
        ):
            assert api.error("CreateAlias", EntityId=entity, Alias=alias) == code
        organization.entity("alice").aliases = [f"a{number}@example.com" for number in range(100)]
        error = api.error("CreateAlias", EntityId=alice, Alias="b@example.com")
        assert error == "LimitExceededException"

    @pytest.mark.parametrize("fails", [False, True])
    def test_the_list_of_a_disabled_entity_can_fail(
        self, api: Api, alice: str, fails: bool
    ) -> None:
        api.deregister("alice")
        api.workmail.behaviour = Behaviour(list_of_disabled_fails=fails)
        error = api.error("ListAliases", EntityId=alice)
        assert error == ("EntityStateException" if fails else None)
        api("DeleteUser", UserId=alice)
        assert api.error("ListAliases", EntityId=alice) == "EntityStateException"


class TestOrganizations:
    def test_a_deleted_one_can_only_be_described(
        self, api: Api, organization: Organization
    ) -> None:
        organization.deleted = True
        assert api.error("DescribeUser", UserId="alice") == "OrganizationStateException"
        described = api("DescribeOrganization")
        assert (described["State"], described["Alias"]) == ("Deleted", "acme")
        assert described["ARN"].endswith(f"organization/{api.organization_id}")

    def test_one_can_become_active_later(
        self, api: Api, organization: Organization, clock: Clock
    ) -> None:
        organization.active_at = clock.now + 30
        assert api("DescribeOrganization")["State"] == "Requested"
        assert api.error("ListUsers") == "OrganizationStateException"
        clock.advance(30)
        assert len(api("ListUsers")["Users"]) == 2

    def test_an_unknown_one_is_not_found(self, api: Api) -> None:
        error = api.error("DescribeUser", UserId="alice", OrganizationId="m-" + "f" * 32)
        assert error == "OrganizationNotFoundException"

    def test_each_is_in_one_region(self, workmail: WorkMail, organization: Organization) -> None:
        workmail.add_organization("irish", region="eu-west-1")
        listed = workmail.perform("ListOrganizations", {}, region="us-east-1")
        (here,) = listed["OrganizationSummaries"]
        assert here["OrganizationId"] == organization.organization_id
        assert len(workmail.perform("ListOrganizations", {})["OrganizationSummaries"]) == 2
