"""Every switch, both ways."""

from __future__ import annotations

from typing import Any

import pytest

from local_aws.workmail import Behaviour, Organization, WorkMail, WorkMailError

from .conftest import Clock


def perform(workmail: WorkMail, operation: str, org: str, **parameters: Any) -> dict[str, Any]:
    return workmail.perform(operation, {"OrganizationId": org, **parameters})


def register(workmail: WorkMail, org: str, entity: str, email: str) -> None:
    perform(workmail, "RegisterToWorkMail", org, EntityId=entity, Email=email)


def deregister(workmail: WorkMail, org: str, entity: str) -> None:
    perform(workmail, "DeregisterFromWorkMail", org, EntityId=entity)


def described(workmail: WorkMail, org: str, user: str = "alice") -> dict[str, Any]:
    return perform(workmail, "DescribeUser", org, UserId=user)


@pytest.mark.parametrize("fails", [False, True])
def test_registering_again_with_the_same_address(
    workmail: WorkMail, org: str, clock: Clock, fails: bool
) -> None:
    register(workmail, org, "alice", "alice@example.com")
    before = described(workmail, org)
    clock.advance(10)
    workmail.behaviour = Behaviour(register_enabled_same_address_fails=fails)
    if fails:
        with pytest.raises(WorkMailError, match="EntityAlreadyRegisteredException"):
            register(workmail, org, "alice", "Alice@example.com")
    else:
        register(workmail, org, "alice", "Alice@example.com")
    assert described(workmail, org) == before


@pytest.mark.parametrize("fails", [False, True])
def test_registering_again_with_another_address(workmail: WorkMail, org: str, fails: bool) -> None:
    register(workmail, org, "alice", "alice@example.com")
    workmail.behaviour = Behaviour(register_enabled_other_address_fails=fails)
    if fails:
        with pytest.raises(WorkMailError, match="EntityAlreadyRegisteredException"):
            register(workmail, org, "alice", "other@example.com")
    else:
        register(workmail, org, "alice", "other@example.com")
    assert described(workmail, org)["Email"] == "alice@example.com"


@pytest.mark.parametrize("fails", [False, True])
def test_deregistering_a_disabled_entity(workmail: WorkMail, org: str, fails: bool) -> None:
    workmail.behaviour = Behaviour(deregister_disabled_fails=fails)
    if fails:
        with pytest.raises(WorkMailError, match="EntityStateException"):
            deregister(workmail, org, "alice")
    else:
        deregister(workmail, org, "alice")
    assert "DisabledDate" not in described(workmail, org)


@pytest.mark.parametrize("vanishes", [False, True])
def test_describing_a_deleted_entity(
    workmail: WorkMail, org: str, organization: Organization, vanishes: bool
) -> None:
    alice = organization.entity("alice").entity_id
    perform(workmail, "DeleteUser", org, UserId=alice)
    workmail.behaviour = Behaviour(deleted_entity_vanishes=vanishes)
    users = perform(workmail, "ListUsers", org)["Users"]
    if vanishes:
        assert [user["Name"] for user in users] == ["bob"]
        with pytest.raises(WorkMailError, match="EntityNotFoundException"):
            described(workmail, org, alice)
        with pytest.raises(WorkMailError, match="EntityNotFoundException"):
            deregister(workmail, org, alice)
    else:
        assert [user["State"] for user in users] == ["DELETED", "DISABLED"]
        assert described(workmail, org, alice)["State"] == "DELETED"
        with pytest.raises(WorkMailError, match="EntityStateException"):
            deregister(workmail, org, alice)


@pytest.mark.parametrize("remain", [False, True])
def test_what_remains_after_deregistration(workmail: WorkMail, org: str, remain: bool) -> None:
    workmail.behaviour = Behaviour(email_remains=remain, enabled_date_remains=remain)
    register(workmail, org, "alice", "alice@example.com")
    deregister(workmail, org, "alice")
    user = described(workmail, org)
    assert ("Email" in user) is ("EnabledDate" in user) is remain
    assert "DisabledDate" in user


@pytest.mark.parametrize("reserved", [False, True])
def test_the_address_of_a_deregistered_entity(
    workmail: WorkMail, org: str, organization: Organization, reserved: bool
) -> None:
    workmail.behaviour = Behaviour(address_stays_reserved=reserved)
    register(workmail, org, "alice", "alice@example.com")
    alias = {"EntityId": organization.entity("alice").entity_id, "Alias": "a@example.com"}
    perform(workmail, "CreateAlias", org, **alias)
    deregister(workmail, org, "alice")
    for address in ("alice@example.com", "a@example.com"):
        if reserved:
            with pytest.raises(WorkMailError, match="EmailAddressInUseException"):
                register(workmail, org, "bob", address)
        else:
            register(workmail, org, "bob", address)
            deregister(workmail, org, "bob")
    register(workmail, org, "alice", "alice@example.com")


def test_changes_settle_at_once_by_default(workmail: WorkMail, org: str) -> None:
    register(workmail, org, "alice", "alice@example.com")
    assert described(workmail, org)["State"] == "ENABLED"


def test_changes_can_settle_later(workmail: WorkMail, org: str, clock: Clock) -> None:
    workmail.behaviour = Behaviour(settle_delay=5)
    register(workmail, org, "alice", "alice@example.com")
    clock.advance(4.9)
    assert described(workmail, org)["State"] == "DISABLED"
    clock.advance(0.1)
    assert described(workmail, org)["State"] == "ENABLED"
    deregister(workmail, org, "alice")
    clock.advance(4.9)
    assert described(workmail, org)["State"] == "ENABLED"
    clock.advance(0.1)
    assert described(workmail, org)["State"] == "DISABLED"


def test_a_change_before_the_last_one_settled(workmail: WorkMail, org: str, clock: Clock) -> None:
    workmail.behaviour = Behaviour(settle_delay=5)
    register(workmail, org, "alice", "alice@example.com")
    clock.advance(1)
    deregister(workmail, org, "alice")
    for _ in range(3):
        assert described(workmail, org)["State"] == "DISABLED"
        clock.advance(3)


def test_a_new_entity_is_found_later(workmail: WorkMail, org: str, clock: Clock) -> None:
    workmail.behaviour = Behaviour(visible_after=20)
    perform(workmail, "CreateUser", org, Name="carol", DisplayName="Carol")
    with pytest.raises(WorkMailError, match="EntityNotFoundException"):
        register(workmail, org, "carol", "carol@example.com")
    with pytest.raises(WorkMailError, match="EntityNotFoundException"):
        described(workmail, org, "carol")
    users = perform(workmail, "ListUsers", org)["Users"]
    assert [user["Name"] for user in users] == ["alice", "bob"]
    clock.advance(20)
    register(workmail, org, "carol", "carol@example.com")
    assert described(workmail, org, "carol")["State"] == "ENABLED"


def test_a_domain_is_verified_later(workmail: WorkMail, org: str, clock: Clock) -> None:
    workmail.behaviour = Behaviour(domain_verified_after=60)
    perform(workmail, "RegisterMailDomain", org, DomainName="new.example")
    with pytest.raises(WorkMailError, match="MailDomainStateException"):
        register(workmail, org, "alice", "alice@new.example")
    clock.advance(60)
    register(workmail, org, "alice", "alice@new.example")
