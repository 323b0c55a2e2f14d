"""The members of a group and the delegates of a resource, against the local WorkMail."""

from __future__ import annotations

from typing import Any

import pytest

from local_aws.workmail import Behaviour, Failure
from tests.support.harness import DELEGATES, MEMBERS, USER, EntityHarness, failed, succeeded
from tests.support.lambda_fakes import ORGANIZATION_ID
from workmail_provider.cloudformation.response import NEVER_CREATED

NOT_FOUND = Failure("EntityNotFoundException")
ASKS_A_DELEGATE = {"AutoAcceptRequests": "false"}


class MembershipHarness(EntityHarness):
    """Alice, bob, the team and the room are enabled since long."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("alice", "bob", "team", "board-room"):
            self.enable(name, f"{name}@example.com")

    def members(self, *members: str, own: str | None = None, **changes: Any) -> dict[str, Any]:
        given = {"GroupId": self.team.entity_id, "Members": [*members], **changes}
        return self.declare(MEMBERS, own, **given)

    def delegates(self, *delegates: str, own: str | None = None, **changes: Any) -> dict[str, Any]:
        given = {"ResourceId": self.room.entity_id, "Delegates": [*delegates], **changes}
        return self.declare(DELEGATES, own, **given)


@pytest.fixture
def harness() -> MembershipHarness:
    return MembershipHarness()


@pytest.fixture
def own(harness: MembershipHarness) -> str:
    """The physical id of a member list with alice."""
    return succeeded(harness.members("alice"))


class TestMembers:
    def test_members_become_those_that_are_declared(self, harness: MembershipHarness) -> None:
        own = succeeded(harness.members("alice", harness.alice.entity_id))
        assert own == f"{ORGANIZATION_ID}/group/{harness.team.entity_id}/members"
        assert harness.team.members == [harness.alice.entity_id]
        assert len(harness.workmail.calls.of("AssociateMemberToGroup")) == 1
        assert succeeded(harness.members(harness.bob.entity_id, own=own)) == own
        assert harness.team.members == [harness.bob.entity_id]

    @pytest.mark.parametrize("deleted", ["unknown", "vanishes", "reads deleted"])
    @pytest.mark.parametrize("rolls_back", [False, True])
    def test_a_member_that_does_not_exist_fails_but_in_a_rollback(
        self, harness: MembershipHarness, deleted: str, rolls_back: bool
    ) -> None:
        own = succeeded(harness.members())
        harness.workmail.behaviour = Behaviour(deleted_entity_vanishes=deleted == "vanishes")
        name = "unknown"
        if deleted != "unknown":
            name = harness.alice.entity_id
            harness.alice.delete()
        if rolls_back:
            harness.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
            succeeded(harness.members(name, "bob", own=own))
            assert harness.team.members == [harness.bob.entity_id]
        else:
            said = "deleted from" if deleted == "reads deleted" else "not in"
            reason = failed(harness.members(name, own=own))
            assert reason.startswith(f"member {name} is {said} organization {ORGANIZATION_ID}")

    def test_a_member_that_shows_late_is_waited_for(self, harness: MembershipHarness) -> None:
        harness.alice.visible_from = harness.now + 30
        succeeded(harness.members("alice"))
        assert harness.team.members == [harness.alice.entity_id]

    def test_a_member_that_reads_enabled_late_is_waited_for(
        self, harness: MembershipHarness
    ) -> None:
        harness.workmail.behaviour = Behaviour(settle_delay=30, settling_binds_calls=True)
        dora = harness.declare(USER)["Data"]["UserId"]
        harness.enable("dora", "dora@example.com", ago=0)
        succeeded(harness.members("dora"))
        assert harness.team.members == [dora]

    def test_only_an_update_of_the_same_list_removes_members(
        self, harness: MembershipHarness
    ) -> None:
        """A Create, or an Update that moves to another group, could not be rolled back."""
        sales = harness.organization.add_group("sales")
        harness.enable("sales", "sales@example.com")
        own = succeeded(harness.members(GroupId=sales.entity_id))
        harness.team.members += [harness.alice.entity_id]
        for before in (None, own):
            response = harness.members("bob", own=before)
            assert failed(response).startswith(
                f"group team (id {harness.team.entity_id}) has 1 members that are not declared "
                f"({harness.alice.entity_id}): declare them, and remove them in a second deployment"
            )
            assert response["PhysicalResourceId"] == (before or NEVER_CREATED)
            assert harness.team.members == [harness.alice.entity_id]
        harness.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        # Lambda may deliver a Create again.
        assert "declare them, and remove them" in failed(harness.members("bob"))
        assert harness.team.members == [harness.alice.entity_id]
        succeeded(harness.members("bob", own=own))
        assert harness.team.members == [harness.bob.entity_id]

    def test_undeclared_members_of_every_page_are_removed(
        self, harness: MembershipHarness, own: str
    ) -> None:
        for number in range(101):
            harness.team.members.append(harness.organization.add_user(f"user{number}").entity_id)
        succeeded(harness.members(own=own))
        assert harness.team.members == []

    def test_the_stack_is_read_once_before_the_first_change(
        self, harness: MembershipHarness, own: str
    ) -> None:
        succeeded(harness.members("alice", own=own))
        assert harness.stack_calls == []
        succeeded(harness.members("bob", own=own))
        assert harness.stack_calls == ["DescribeStacks"]

    def test_a_member_that_is_not_found_for_a_moment_is_removed(
        self, harness: MembershipHarness, own: str
    ) -> None:
        harness.workmail.faults.add("DisassociateMemberFromGroup", NOT_FOUND, times=2)
        succeeded(harness.members(own=own))
        assert harness.team.members == []

    def test_the_declared_region_is_called(self, harness: MembershipHarness) -> None:
        harness.organization.region = "eu-west-1"
        succeeded(harness.members("alice", OrganizationRegion="eu-west-1"))
        assert harness.team.members == [harness.alice.entity_id]

    def test_a_rollback_keeps_a_declared_member_that_is_not_found(
        self, harness: MembershipHarness, own: str
    ) -> None:
        harness.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        harness.workmail.faults.add("DescribeUser", NOT_FOUND, times=None, entity="alice")
        succeeded(harness.members(harness.alice.entity_id, own=own))
        assert harness.team.members == [harness.alice.entity_id]

    @pytest.mark.parametrize("vanishes", [False, True])
    def test_a_rollback_ends_without_a_deleted_group(
        self, harness: MembershipHarness, own: str, vanishes: bool
    ) -> None:
        harness.workmail.behaviour = Behaviour(deleted_entity_vanishes=vanishes)
        harness.team.delete()
        harness.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        assert succeeded(harness.members("alice", own=own)) == own

    def test_a_deleted_entity_is_not_a_member(self, harness: MembershipHarness, own: str) -> None:
        harness.alice.delete()
        succeeded(harness.members("bob", own=own))
        assert harness.workmail.calls.of("DisassociateMemberFromGroup") == []

    def test_a_rollback_removes_undeclared_members(
        self, harness: MembershipHarness, own: str
    ) -> None:
        harness.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        succeeded(harness.members(own=own))
        assert harness.team.members == []

    def test_a_delete_retains_the_members(self, harness: MembershipHarness, own: str) -> None:
        harness.workmail.calls.clear()
        assert succeeded(harness.delete(MEMBERS, own)) == own
        assert harness.operations == []


class TestDelegates:
    def test_a_new_delegate_is_added_before_the_last_one_is_removed(
        self, harness: MembershipHarness
    ) -> None:
        harness.workmail.behaviour = Behaviour(last_delegate_can_leave=False)
        own = succeeded(harness.delegates("alice", BookingOptions=ASKS_A_DELEGATE))
        assert own == f"{ORGANIZATION_ID}/resource/{harness.room.entity_id}/delegates"
        began = harness.now
        succeeded(harness.delegates("bob", own=own, BookingOptions=ASKS_A_DELEGATE))
        assert harness.room.delegates == [harness.bob.entity_id]
        assert harness.now - began < 1

    def test_a_resource_accepts_requests_before_its_last_delegate_is_removed(
        self, harness: MembershipHarness
    ) -> None:
        harness.workmail.behaviour = Behaviour(last_delegate_can_leave=False)
        own = succeeded(harness.delegates("alice", BookingOptions=ASKS_A_DELEGATE))
        succeeded(harness.delegates(own=own, BookingOptions={"AutoAcceptRequests": "true"}))
        assert harness.room.delegates == []

    def test_a_delegate_that_no_longer_exists_is_not_one(self, harness: MembershipHarness) -> None:
        own = succeeded(harness.delegates("alice", "bob"))
        harness.alice.delete()
        harness.workmail.behaviour = Behaviour(deleted_entity_vanishes=True)
        succeeded(harness.delegates("bob", own=own))
        # WorkMail shows neither the state of a delegate nor, then, the delegate.
        assert len(harness.workmail.calls.of("DisassociateDelegateFromResource")) == 1

    def test_booking_options_are_set_after_new_delegates(self, harness: MembershipHarness) -> None:
        """WorkMail refuses a resource without a delegate that does not accept by itself."""
        succeeded(harness.delegates("alice", BookingOptions=ASKS_A_DELEGATE))
        assert harness.changes == ["AssociateDelegateToResource", "UpdateResource"]
        assert harness.room.booking_options == {
            "AutoAcceptRequests": False,
            "AutoDeclineRecurringRequests": False,
            "AutoDeclineConflictingRequests": True,
        }
        without = MembershipHarness()
        reason = failed(without.delegates(BookingOptions=ASKS_A_DELEGATE))
        assert "must accept requests automatically or have a delegate: declare either" in reason

    def test_a_create_refuses_undeclared_delegates_and_changes_no_booking_option(
        self, harness: MembershipHarness
    ) -> None:
        harness.room.delegates += [harness.alice.entity_id, harness.bob.entity_id]
        reason = failed(harness.delegates(BookingOptions=ASKS_A_DELEGATE))
        assert "has 2 delegates that are not declared (" in reason
        assert harness.changes == []

    def test_undeclared_delegates_are_not_managed(self, harness: MembershipHarness) -> None:
        succeeded(harness.delegates("alice"))
        room = harness.room.entity_id
        options = {"AutoDeclineRecurringRequests": "true"}
        succeeded(harness.declare(DELEGATES, ResourceId=room, BookingOptions=options))
        assert harness.room.delegates == [harness.alice.entity_id]
        assert harness.room.booking_options["AutoDeclineRecurringRequests"]


def test_a_wrong_declaration_fails_before_any_call(harness: MembershipHarness) -> None:
    response = harness.declare(MEMBERS, GroupId="team", Members="alice")
    assert "Members is 'alice', must be a list of texts" in failed(response)
    assert response["PhysicalResourceId"] == NEVER_CREATED
    assert harness.operations == []
