"""The lifecycle contract, rule by rule, against the local WorkMail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from local_aws.workmail import Behaviour, Drop, Failure
from tests.support.harness import OTHER_ORGANIZATION_ID, FunctionHarness, Stack, client_error
from tests.support.lambda_fakes import ORGANIZATION_ID
from workmail_provider.cloudformation.response import NEVER_CREATED


@pytest.fixture
def world() -> FunctionHarness:
    return FunctionHarness()


def states(world: FunctionHarness) -> dict[str, str]:
    return {entity.name: entity.state for entity in world.organization.entities.values()}


class TestIdentity:
    @pytest.mark.parametrize("written", ["alice", "ALICE", "id"])
    def test_an_entity_has_one_physical_id_whichever_way_it_is_written(
        self, world: FunctionHarness, written: str
    ) -> None:
        entity_id = world.alice.entity_id if written == "id" else written
        answer = world.send("Create", EntityId=entity_id)
        assert answer["PhysicalResourceId"] == f"{ORGANIZATION_ID}/{world.alice.entity_id}"

    def test_a_name_rewritten_as_an_id_changes_nothing(self, world: FunctionHarness) -> None:
        own = world.send("Create")["PhysicalResourceId"]
        world.workmail.calls.clear()
        answer = world.send("Update", own, EntityId=world.alice.entity_id)
        assert answer["PhysicalResourceId"] == own
        assert world.operations == ["DescribeUser"]

    def test_another_organization_is_another_registration(self, world: FunctionHarness) -> None:
        world.enable("alice", "alice@example.com")
        own = world.registration_id(world.alice)
        answer = world.send(
            "Update",
            own,
            OrganizationId=world.another_organization(),
            Email="alice@example.org",
        )
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert answer["PhysicalResourceId"].startswith(f"{OTHER_ORGANIZATION_ID}/")
        assert states(world)["alice"] == "ENABLED"

    @pytest.mark.parametrize(
        ("name", "email", "entity_type"),
        [
            ("alice", "alice@example.com", "USER"),
            ("team", "team@example.com", "GROUP"),
            ("board-room", "board-room@example.com", "RESOURCE"),
        ],
    )
    def test_users_groups_and_resources_can_be_registered(
        self, world: FunctionHarness, name: str, email: str, entity_type: str
    ) -> None:
        answer = world.send("Create", EntityId=name, Email=email)
        entity = world.organization.entity(name)
        assert entity.state == "ENABLED"
        assert answer["Data"] == {
            "OrganizationId": ORGANIZATION_ID,
            "EntityId": entity.entity_id,
            "EntityType": entity_type,
            "Email": email,
        }


class TestConverging:
    def test_a_disabled_entity_is_registered_and_read_until_enabled(
        self, world: FunctionHarness
    ) -> None:
        world.workmail.behaviour = Behaviour(settle_delay=30)
        assert world.send("Create")["Status"] == "SUCCESS"
        assert world.operations.count("RegisterToWorkMail") == 1
        assert world.operations[:2] == ["DescribeUser", "RegisterToWorkMail"]
        assert world.operations.count("DescribeUser") > 3

    def test_the_least_calls_enable_a_user(self, world: FunctionHarness) -> None:
        world.send("Create")
        assert world.operations == ["DescribeUser", "RegisterToWorkMail", "DescribeUser"]

    @pytest.mark.parametrize("email", ["alice@example.com", "Alice@Example.COM"])
    def test_an_enabled_entity_with_the_address_is_left_as_it_is(
        self, world: FunctionHarness, email: str
    ) -> None:
        world.enable("alice", "alice@example.com")
        answer = world.send("Create", Email=email)
        assert answer["Status"] == "SUCCESS"
        assert world.operations == ["DescribeUser"]
        assert world.stack_calls == []

    @pytest.mark.parametrize("request_type", ["Create", "Update"])
    def test_another_address_becomes_primary_and_the_old_one_an_alias(
        self, world: FunctionHarness, request_type: str
    ) -> None:
        world.enable("alice", "old@example.com")
        own = None if request_type == "Create" else world.registration_id(world.alice)
        assert world.send(request_type, own)["Status"] == "SUCCESS"
        assert world.alice.registration.email == "alice@example.com"
        assert world.alice.aliases == ["old@example.com"]
        assert world.operations == ["DescribeUser", "UpdatePrimaryEmailAddress"]

    def test_an_address_that_is_an_alias_already_changes_places(
        self, world: FunctionHarness
    ) -> None:
        world.enable("alice", "alice@example.com")
        own = world.registration_id(world.alice)
        world.send("Update", own, Email="new@example.com")
        assert world.send("Update", own)["Status"] == "SUCCESS"
        assert world.alice.aliases == ["new@example.com"]

    def test_a_deleted_entity_is_an_error_at_once(self, world: FunctionHarness) -> None:
        world.alice.delete()
        began = world.now
        answer = world.send("Create", EntityId=world.alice.entity_id)
        assert answer["Status"] == "FAILED"
        assert "is deleted from organization" in answer["Reason"]
        assert world.now == began

    def test_an_entity_that_appears_late_is_waited_for(self, world: FunctionHarness) -> None:
        world.alice.visible_from = world.now + 60
        assert world.send("Create")["Status"] == "SUCCESS"
        assert 60 <= world.now - world.alice.visible_from + 60 < 70

    def test_an_entity_that_never_appears_is_named_after_two_minutes(
        self, world: FunctionHarness
    ) -> None:
        began = world.now
        answer = world.send("Create", EntityId="nobody")
        assert answer["Reason"].startswith(
            f"nobody is not in organization {ORGANIZATION_ID}: create the user, group or resource"
        )
        assert "waited 120 s" in answer["Reason"]
        assert world.now - began == pytest.approx(120)
        assert answer["PhysicalResourceId"] == NEVER_CREATED

    def test_a_domain_that_is_verified_late_is_waited_for(self, world: FunctionHarness) -> None:
        world.organization.domain("example.com").verified_at = world.now + 60
        assert world.send("Create")["Status"] == "SUCCESS"

    @pytest.mark.parametrize("request_type", ["Create", "Update", "Delete"])
    def test_a_directory_that_a_read_cannot_reach_is_waited_for(
        self, world: FunctionHarness, request_type: str
    ) -> None:
        world.workmail.faults.add("DescribeUser", Failure("DirectoryUnavailableException"), times=9)
        own = None if request_type == "Create" else world.registration_id(world.alice)
        assert world.send(request_type, own)["Status"] == "SUCCESS"

    def test_old_properties_are_not_looked_at(self, world: FunctionHarness) -> None:
        world.enable("alice", "alice@example.com")
        answer = world.send("Update", world.registration_id(world.alice))
        assert "OldResourceProperties" not in str(answer)
        assert world.operations == ["DescribeUser"]

    def test_a_repeated_create_changes_nothing(self, world: FunctionHarness) -> None:
        first = world.send("Create")
        world.workmail.calls.clear()
        assert world.send("Create") == first
        assert world.operations == ["DescribeUser"]

    @pytest.mark.parametrize("after_work", [False, True])
    def test_a_register_without_an_answer_is_looked_after(
        self, world: FunctionHarness, after_work: bool
    ) -> None:
        world.workmail.faults.add("RegisterToWorkMail", Drop(after_work=after_work))
        assert world.send("Create")["Status"] == "SUCCESS"
        assert world.operations.count("RegisterToWorkMail") == (1 if after_work else 2)

    @pytest.mark.parametrize("same", [True, False])
    def test_either_answer_for_an_enabled_entity_converges(
        self, world: FunctionHarness, same: bool
    ) -> None:
        """Reads lag behind: the entity reads DISABLED though it is enabled already."""
        world.workmail.behaviour = Behaviour(
            settle_delay=30,
            register_enabled_same_address_fails=True,
            register_enabled_other_address_fails=True,
        )
        world.enable("alice", "alice@example.com" if same else "old@example.com", ago=10)
        assert world.send("Create")["Status"] == "SUCCESS"
        assert world.alice.registration.email == "alice@example.com"

    def test_throttling_is_waited_out(self, world: FunctionHarness) -> None:
        world.workmail.faults.add(None, Failure("ThrottlingException"), times=12)
        assert world.send("Create")["Status"] == "SUCCESS"

    def test_a_region_given_is_the_region_asked(self, world: FunctionHarness) -> None:
        world.organization.region = "eu-west-1"
        assert world.send("Create", OrganizationRegion="eu-west-1")["Status"] == "SUCCESS"
        reason = world.send("Create")["Reason"]
        assert f"organization {ORGANIZATION_ID} does not exist in us-east-1" in reason


class TestAdopting:
    def test_what_somebody_else_enabled_is_refused(self, world: FunctionHarness) -> None:
        world.enable("alice", "alice@example.com")
        answer = world.send("Create", AdoptExisting="false")
        assert "enabled already, not by this stack" in answer["Reason"]
        assert answer["PhysicalResourceId"] == NEVER_CREATED
        assert set(world.operations) == {"DescribeUser"}

    def test_a_retried_create_is_not_somebody_else(self, world: FunctionHarness) -> None:
        world.enable("alice", "alice@example.com", ago=30)  # the operation began 60 s ago
        assert world.send("Create", AdoptExisting="false")["Status"] == "SUCCESS"

    def test_a_renamed_logical_id_is_not_somebody_else(self, world: FunctionHarness) -> None:
        world.enable("alice", "alice@example.com")
        own = world.registration_id(world.alice)
        world.stack.resources = {"Alice": (own, "UPDATE_COMPLETE"), "Renamed": ("", "CREATE")}
        answer = world.send("Create", logical_id="Renamed", AdoptExisting="false")
        assert answer["Status"] == "SUCCESS"

    def test_an_update_of_its_own_entity_is_not_somebody_else(self, world: FunctionHarness) -> None:
        world.enable("alice", "old@example.com")
        own = world.registration_id(world.alice)
        assert world.send("Update", own, AdoptExisting="false")["Status"] == "SUCCESS"
        assert world.stack_calls == []

    def test_an_update_that_moves_to_somebody_elses_entity_is_refused(
        self, world: FunctionHarness
    ) -> None:
        world.enable("bob", "bob@example.com")
        own = world.registration_id(world.alice)
        answer = world.send("Update", own, EntityId="bob", AdoptExisting="false")
        assert "enabled already, not by this stack" in answer["Reason"]
        assert answer["PhysicalResourceId"] == own

    def test_a_replacement_that_is_rolled_back_takes_its_first_entity_again(
        self, world: FunctionHarness
    ) -> None:
        world.enable("alice", "alice@example.com")
        world.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        answer = world.send("Update", world.registration_id(world.bob), AdoptExisting="false")
        assert answer["PhysicalResourceId"] == world.registration_id(world.alice)

    def test_what_this_invocation_enabled_is_not_somebody_elses(
        self, world: FunctionHarness
    ) -> None:
        assert world.send("Create", AdoptExisting="false")["Status"] == "SUCCESS"
        assert world.stack_calls == []


class TestFailing:
    def test_a_create_that_asked_answers_with_the_canonical_id(
        self, world: FunctionHarness
    ) -> None:
        world.enable("bob", "alice@example.com")
        answer = world.send("Create")
        assert answer["Status"] == "FAILED"
        assert answer["PhysicalResourceId"] == world.registration_id(world.alice)

    def test_a_failed_update_leaves_no_stranger_enabled(self, world: FunctionHarness) -> None:
        world.enable("alice", "alice@example.com")
        own = world.registration_id(world.alice)
        world.workmail.behaviour = Behaviour(settle_delay=1000)
        answer = world.send("Update", own, EntityId="bob", Email="bob@example.com")
        assert "still reads DISABLED: look at it in WorkMail" in answer["Reason"]
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", own)
        assert states(world) == {
            "alice": "ENABLED",
            "bob": "DISABLED",
            "team": "DISABLED",
            "board-room": "DISABLED",
        }

    @pytest.mark.parametrize("fails", [True, False])
    @pytest.mark.parametrize("after_work", [True, False])
    def test_a_stranger_that_may_be_enabled_is_disabled(
        self, world: FunctionHarness, after_work: bool, fails: bool
    ) -> None:
        world.enable("alice", "alice@example.com")
        world.workmail.behaviour = Behaviour(deregister_disabled_fails=fails, settle_delay=1000)
        world.workmail.faults.add("RegisterToWorkMail", Drop(after_work=after_work), times=None)
        own = world.registration_id(world.alice)
        answer = world.send("Update", own, EntityId="bob", Email="bob@example.com")
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", own)
        assert states(world)["bob"] == "DISABLED"
        assert "stays enabled" not in answer["Reason"]

    def test_a_stranger_that_is_just_being_enabled_is_disabled_a_moment_later(
        self, world: FunctionHarness
    ) -> None:
        world.enable("alice", "alice@example.com")
        world.workmail.behaviour = Behaviour(settle_delay=1000)
        world.workmail.faults.add("DeregisterFromWorkMail", Failure("EntityStateException"))
        own = world.registration_id(world.alice)
        answer = world.send("Update", own, EntityId="bob", Email="bob@example.com")
        assert "still reads DISABLED" in answer["Reason"]
        assert states(world)["bob"] == "DISABLED"

    def test_a_stranger_is_disabled_after_a_crash_in_the_middle_of_registering(
        self, world: FunctionHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.enable("alice", "alice@example.com")
        perform = world.workmail.perform

        def crash_after_register(operation: str, *given: Any, **named: Any) -> dict[str, Any]:
            answer = perform(operation, *given, **named)
            if operation == "RegisterToWorkMail":
                raise MemoryError
            return answer

        monkeypatch.setattr(world.workmail, "perform", crash_after_register)
        own = world.registration_id(world.alice)
        answer = world.send("Update", own, EntityId="bob", Email="bob@example.com")
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", own)
        assert states(world)["bob"] == "DISABLED"

    @pytest.mark.parametrize("ago", [10, 1])
    def test_a_stranger_whose_enabling_did_not_show_yet_stays_enabled(
        self, world: FunctionHarness, ago: float
    ) -> None:
        """Somebody has just enabled it under another address; Register changes nothing then."""
        world.workmail.behaviour = Behaviour(settle_delay=40)
        world.enable("bob", "old@example.com", ago=ago)
        world.workmail.faults.add(
            "UpdatePrimaryEmailAddress", Failure("AccessDeniedException"), times=None
        )
        own = world.registration_id(world.alice)
        answer = world.send("Update", own, EntityId="bob", Email="bob@example.com")
        assert "may not call workmail:UpdatePrimaryEmailAddress" in answer["Reason"]
        assert states(world)["bob"] == "ENABLED"

    def test_nor_does_one_whose_date_tells_that_it_was_enabled_sooner(
        self, world: FunctionHarness
    ) -> None:
        """The same under the declared address."""
        world.workmail.behaviour = Behaviour(settle_delay=40)
        world.enable("bob", "bob@example.com", ago=10)
        world.workmail.faults.add("ListAliases", Failure("AccessDeniedException"), times=None)
        own = world.registration_id(world.alice)
        answer = world.send("Update", own, EntityId="bob", Email="bob@example.com", Aliases=[])
        assert "may not call workmail:ListAliases" in answer["Reason"]
        assert world.workmail.calls.of("RegisterToWorkMail")
        assert states(world)["bob"] == "ENABLED"

    def test_a_stranger_that_had_been_enabled_before_is_disabled_again(
        self, world: FunctionHarness
    ) -> None:
        """Its date may be left from then, until that of now shows."""
        world.workmail.behaviour = Behaviour(enabled_date_remains=True)
        world.enable("bob", "bob@example.com")
        world.send("Delete", world.registration_id(world.bob))
        world.workmail.behaviour = Behaviour(enabled_date_remains=True, settle_delay=1000)
        own = world.registration_id(world.alice)
        answer = world.send("Update", own, EntityId="bob", Email="bob@example.com")
        assert "still reads DISABLED" in answer["Reason"]
        assert states(world)["bob"] == "DISABLED"

    def test_a_stranger_whose_date_does_not_show_is_disabled(
        self, world: FunctionHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enable = world.bob.enable

        def without_date(email: str, moment: Any) -> None:
            enable(email, moment)
            world.bob.registration = replace(world.bob.registration, enabled_at=None)

        monkeypatch.setattr(world.bob, "enable", without_date)
        world.workmail.faults.add("ListAliases", Failure("AccessDeniedException"), times=None)
        own = world.registration_id(world.alice)
        world.send("Update", own, EntityId="bob", Email="bob@example.com", Aliases=[])
        assert states(world)["bob"] == "DISABLED"

    @pytest.mark.parametrize("behind", [0, 1])
    def test_a_stranger_that_was_enabled_a_moment_ago_is_disabled(
        self, world: FunctionHarness, behind: float
    ) -> None:
        """Also by a WorkMail whose clock is behind the function's."""
        world.workmail.clock = lambda: world.now - behind
        world.workmail.behaviour = Behaviour(settle_delay=40)
        world.workmail.faults.add("ListAliases", Failure("AccessDeniedException"), times=None)
        own = world.registration_id(world.alice)
        world.send("Update", own, EntityId="bob", Email="bob@example.com", Aliases=[])
        assert states(world)["bob"] == "DISABLED"

    def test_a_stranger_that_cannot_be_disabled_is_named(self, world: FunctionHarness) -> None:
        world.workmail.behaviour = Behaviour(settle_delay=1000)
        world.workmail.faults.add(
            "DeregisterFromWorkMail", Failure("AccessDeniedException"), times=None
        )
        own = world.registration_id(world.alice)
        answer = world.send("Update", own, EntityId="bob", Email="bob@example.com")
        assert answer["Reason"].startswith(
            f"user bob (id {world.bob.entity_id}) stays enabled and should not, deregister it by "
            "hand: "
        )

    def test_a_failed_update_never_disables_its_own_entity(self, world: FunctionHarness) -> None:
        """Its own entity was disabled by hand, and registering it again does not settle."""
        world.workmail.behaviour = Behaviour(settle_delay=1000)
        answer = world.send("Update", world.registration_id(world.alice))
        assert answer["Status"] == "FAILED"
        assert "DeregisterFromWorkMail" not in world.operations
        assert states(world)["alice"] == "ENABLED"

    def test_a_stranger_that_was_enabled_before_stays_so(self, world: FunctionHarness) -> None:
        world.enable("bob", "old@example.com")
        world.enable("alice", "bob@example.com")
        own = world.registration_id(world.alice)
        answer = world.send("Update", own, EntityId="bob", Email="bob@example.com")
        assert "already belongs to user alice" in answer["Reason"]
        assert states(world)["bob"] == "ENABLED"


class TestDeleting:
    @pytest.fixture
    def own(self, world: FunctionHarness) -> str:
        world.enable("alice", "alice@example.com")
        world.stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        own = world.registration_id(world.alice)
        world.stack.resources = {"Alice": (own, "DELETE_IN_PROGRESS"), "Other": ("x", "CREATE")}
        return own

    def test_a_removed_registration_is_deregistered_with_the_canonical_id(
        self, world: FunctionHarness, own: str
    ) -> None:
        assert world.send("Delete", own)["PhysicalResourceId"] == own
        assert world.alice.state == "DISABLED"
        (call,) = world.workmail.calls.of("DeregisterFromWorkMail")
        assert call.parameters["EntityId"] == world.alice.entity_id

    def test_it_is_read_until_disabled(self, world: FunctionHarness, own: str) -> None:
        world.workmail.behaviour = Behaviour(settle_delay=30)
        began = world.now
        assert world.send("Delete", own)["Status"] == "SUCCESS"
        assert world.now - began >= 30
        assert world.operations.count("DeregisterFromWorkMail") == 1

    @pytest.mark.parametrize(
        "foreign", ["Mail-Alice-1ABCDEFGHIJKL", "Mail_Alice_1A2B3C4D", NEVER_CREATED, "m-1/alice"]
    )
    def test_an_id_that_is_not_ours_is_passed_over(
        self, world: FunctionHarness, own: str, foreign: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answer = world.send("Delete", foreign)
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", foreign)
        assert world.operations == world.stack_calls == []
        assert "not the id of a registration" in capsys.readouterr().out

    def test_bad_properties_do_not_keep_a_delete_from_passing_over(
        self, world: FunctionHarness
    ) -> None:
        assert world.send("Delete", NEVER_CREATED, AdoptExisting="?", EntityId="")["Status"] == (
            "SUCCESS"
        )

    @pytest.mark.parametrize("vanishes", [True, False])
    def test_a_deleted_entity_is_done(
        self, world: FunctionHarness, own: str, vanishes: bool
    ) -> None:
        world.alice.delete()
        world.workmail.behaviour = Behaviour(deleted_entity_vanishes=vanishes)
        assert world.send("Delete", own)["Status"] == "SUCCESS"
        assert "DeregisterFromWorkMail" not in world.operations

    def test_a_disabled_entity_is_done(self, world: FunctionHarness, own: str) -> None:
        world.send("Delete", own)
        world.workmail.calls.clear()
        world.stack_calls.clear()
        assert world.send("Delete", own)["Status"] == "SUCCESS"
        assert world.operations == ["DescribeUser"]
        assert world.stack_calls == []

    def test_an_entity_that_is_gone_is_done(self, world: FunctionHarness, own: str) -> None:
        world.organization.entities.clear()
        assert world.send("Delete", own)["Status"] == "SUCCESS"

    def test_a_deleted_organization_is_done(self, world: FunctionHarness, own: str) -> None:
        world.organization.deleted = True
        assert world.send("Delete", own)["Status"] == "SUCCESS"

    def test_an_organization_that_does_not_exist_is_done(
        self, world: FunctionHarness, own: str
    ) -> None:
        world.workmail.reset()
        assert world.send("Delete", own)["Status"] == "SUCCESS"

    def test_an_organization_that_is_not_active_yet_fails(
        self, world: FunctionHarness, own: str
    ) -> None:
        world.organization.active_at = world.now + 10_000
        assert "is not active (state Requested)" in world.send("Delete", own)["Reason"]

    def test_the_delete_of_the_whole_stack_asks_for_its_status_only(
        self, world: FunctionHarness, own: str
    ) -> None:
        world.stack.status = "DELETE_IN_PROGRESS"
        world.stack.resources["Other"] = (own, "CREATE_COMPLETE")
        world.send("Delete", own)
        assert world.alice.state == "DISABLED"
        assert world.stack_calls == ["DescribeStacks"]

    @pytest.mark.parametrize(
        "status", ["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_IN_PROGRESS"]
    )
    def test_renaming_a_construct_keeps_the_mailbox(
        self, world: FunctionHarness, own: str, status: str
    ) -> None:
        world.stack.status = status
        for n in range(5):  # on a later page
            world.stack.resources[f"Other{n}"] = (f"x{n}", "CREATE_COMPLETE")
        world.stack.resources["Renamed"] = (own, "CREATE_COMPLETE")
        assert world.send("Delete", own)["Status"] == "SUCCESS"
        assert world.alice.state == "ENABLED"

    @pytest.mark.parametrize("status", ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"])
    def test_a_resource_that_leaves_too_does_not_take_over(
        self, world: FunctionHarness, own: str, status: str
    ) -> None:
        world.stack.resources["Renamed"] = (own, status)
        world.send("Delete", own)
        assert world.alice.state == "DISABLED"

    @pytest.mark.parametrize(
        "status",
        [
            "ROLLBACK_IN_PROGRESS",
            "UPDATE_ROLLBACK_IN_PROGRESS",
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        ],
    )
    @pytest.mark.parametrize(("ago", "state"), [(3600, "ENABLED"), (30, "DISABLED")])
    def test_a_rollback_leaves_enabled_what_it_found_enabled(
        self, world: FunctionHarness, status: str, ago: float, state: str
    ) -> None:
        world.enable("alice", "alice@example.com", ago=ago)
        world.stack.status = status
        assert world.send("Delete", world.registration_id(world.alice))["Status"] == "SUCCESS"
        assert world.alice.state == state

    def test_the_operation_of_a_stack_never_updated_began_with_its_creation(
        self, world: FunctionHarness
    ) -> None:
        world.enable("alice", "alice@example.com", ago=30)
        world.stack = Stack("ROLLBACK_IN_PROGRESS", creation_time=world.now - 60)
        world.send("Delete", world.registration_id(world.alice))
        assert world.alice.state == "DISABLED"

    def test_a_missing_enabled_date_counts_as_before(
        self, world: FunctionHarness, own: str
    ) -> None:
        world.stack.status = "ROLLBACK_IN_PROGRESS"
        was = world.alice.registration
        world.alice.registration = type(was)(was.state, was.email, None)
        world.send("Delete", own)
        assert world.alice.state == "ENABLED"

    @pytest.mark.parametrize("own_status", ["DELETE_IN_PROGRESS", "CREATE_COMPLETE"])
    @pytest.mark.parametrize(("ago", "state"), [(3600, "ENABLED"), (30, "DISABLED")])
    def test_a_nested_stack_rolls_back_with_its_root(
        self, world: FunctionHarness, own_status: str, ago: float, state: str
    ) -> None:
        world.enable("alice", "alice@example.com", ago=ago)
        root = Stack("ROLLBACK_IN_PROGRESS", creation_time=world.now - 60)
        world.stack = Stack(own_status, creation_time=world.now - 50, root=root)
        world.send("Delete", world.registration_id(world.alice))
        assert world.alice.state == state

    @pytest.mark.parametrize("own_status", ["DELETE_IN_PROGRESS", "CREATE_COMPLETE"])
    def test_a_nested_stack_that_its_root_removes_is_deregistered(
        self, world: FunctionHarness, own: str, own_status: str
    ) -> None:
        root = Stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", world.now - 3600, world.now - 60)
        world.stack = Stack(own_status, creation_time=world.now - 3500, root=root)
        world.send("Delete", own)
        assert world.alice.state == "DISABLED"

    def test_a_nested_stack_that_is_gone_is_not_moved_by_its_root(
        self, world: FunctionHarness, own: str
    ) -> None:
        root = Stack("UPDATE_IN_PROGRESS", world.now - 3600, world.now - 60)
        world.stack = Stack("DELETE_COMPLETE", creation_time=world.now - 3500, root=root)
        assert world.send("Delete", own)["Status"] == "SUCCESS"
        assert world.alice.state == "ENABLED"

    @pytest.mark.parametrize("status", ["UPDATE_COMPLETE", "DELETE_COMPLETE", "ROLLBACK_COMPLETE"])
    def test_a_delete_that_nobody_waits_for_touches_nothing(
        self, world: FunctionHarness, own: str, status: str
    ) -> None:
        world.stack.status = status
        assert world.send("Delete", own)["Status"] == "SUCCESS"
        assert world.alice.state == "ENABLED"

    def test_a_stack_that_cannot_be_read_fails_the_delete(
        self, world: FunctionHarness, own: str
    ) -> None:
        world.stack_errors.append(client_error("DescribeStacks", "ValidationError", "no stack"))
        answer = world.send("Delete", own)
        assert answer["Status"] == "FAILED"
        assert (
            "stack Mail could not be read, so nothing was changed: look at it in CloudFormation, "
            "then try again (ValidationError: no stack)" in answer["Reason"]
        )
        assert world.alice.state == "ENABLED"

    def test_a_stack_that_may_not_be_read_fails_the_delete(
        self, world: FunctionHarness, own: str
    ) -> None:
        world.stack_errors += [
            client_error("DescribeStacks", "AccessDenied", "not authorized", 403)
        ] * 1000
        answer = world.send("Delete", own)
        assert "may not call cloudformation:DescribeStacks" in answer["Reason"]
        assert world.alice.state == "ENABLED"

    @pytest.mark.parametrize("fails", [True, False])
    @pytest.mark.parametrize("after_work", [False, True])
    def test_a_deregister_without_an_answer_is_looked_after(
        self, world: FunctionHarness, own: str, after_work: bool, fails: bool
    ) -> None:
        world.workmail.behaviour = Behaviour(deregister_disabled_fails=fails, settle_delay=5)
        world.workmail.faults.add("DeregisterFromWorkMail", Drop(after_work=after_work))
        assert world.send("Delete", own)["Status"] == "SUCCESS"
        assert world.alice.state == "DISABLED"

    def test_two_registrations_that_swap_their_entities_are_handed_over(
        self, world: FunctionHarness, own: str
    ) -> None:
        world.enable("bob", "bob@example.com")
        others = world.registration_id(world.bob)
        moved = world.send("Update", own, EntityId="bob", Email="bob@example.com")
        taken = world.send("Update", others, logical_id="Bob")
        assert (moved["PhysicalResourceId"], taken["PhysicalResourceId"]) == (others, own)
        world.stack.resources = {
            "Alice": (others, "UPDATE_COMPLETE"),
            "Bob": (own, "UPDATE_COMPLETE"),
        }
        world.send("Delete", own)
        world.send("Delete", others, logical_id="Bob")
        assert (world.alice.state, world.bob.state) == ("ENABLED", "ENABLED")


class TestBadProperties:
    @pytest.mark.parametrize(
        ("properties", "said"),
        [
            ({"EntityId": ""}, "EntityId is '', and must be a text"),
            ({"AdoptExisting": "maybe"}, "AdoptExisting is 'maybe', allowed are true and false"),
            ({"OrganizationId": "m-1"}, "OrganizationId has 3 characters"),
            ({"OrganizationId": "m-" + "g" * 32}, "does not match"),
            ({"EntityId": "a b"}, "EntityId does not match [a-zA-Z0-9._%+@-]+: correct 'a b'"),
            ({"EntityId": "a" * 257}, "has 257 characters, allowed are 1 to 256"),
            ({"Email": "alice"}, "Email does not match"),
            ({"Email": "a" * 250 + "@example.com"}, "has 262 characters"),
            ({"OrganizationRegion": ""}, "OrganizationRegion is ''"),
        ],
    )
    def test_a_bad_property_fails_before_anything_is_asked(
        self, world: FunctionHarness, properties: dict[str, Any], said: str
    ) -> None:
        answer = world.send("Create", **properties)
        assert said in answer["Reason"]
        assert answer["PhysicalResourceId"] == NEVER_CREATED
        assert world.operations == []


class TestSentences:
    """What a person reads for each exception that RegisterToWorkMail documents."""

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("DirectoryServiceAuthenticationFailedException", "refuses WorkMail's credentials"),
            ("DirectoryUnavailableException", "is not available: check it"),
            ("EntityNotFoundException", "create the user, group or resource first"),
            ("EntityStateException", "refuses to change the state of user alice"),
            ("EntityAlreadyRegisteredException", "refuses to change the state of user alice"),
            ("InvalidParameterException", "does not accept alice@example.com for user alice"),
            ("MailDomainNotFoundException", "example.com is not a domain of organization"),
            ("MailDomainStateException", "example.com is not verified in organization"),
            ("OrganizationNotFoundException", "does not exist in us-east-1"),
            ("OrganizationStateException", "not active, yet reads Active: try again"),
            ("UnsupportedOperationException", "is read-only: set the address of alice there"),
            ("ThrottlingException", "workmail:RegisterToWorkMail is being throttled"),
            ("AccessDeniedException", "may not call workmail:RegisterToWorkMail"),
            ("SurprisingException", "SurprisingException: This error was ordered by a test."),
        ],
    )
    def test_each_exception_has_its_sentence(
        self, world: FunctionHarness, code: str, said: str
    ) -> None:
        world.workmail.faults.add("RegisterToWorkMail", Failure(code), times=None)
        answer = world.send("Create")
        assert answer["Status"] == "FAILED"
        assert said in answer["Reason"]
        assert answer["PhysicalResourceId"] == world.registration_id(world.alice)

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("DirectoryServiceAuthenticationFailedException", "refuses WorkMail's credentials"),
            ("DirectoryUnavailableException", "is not available: check it"),
            ("OrganizationNotFoundException", "does not exist in us-east-1"),
            ("InvalidParameterException", "failed on user alice of organization"),
            ("ThrottlingException", f"is being throttled on organization {ORGANIZATION_ID}: "),
            ("AccessDeniedException", "may not call workmail:DescribeUser on organization m-"),
        ],
    )
    def test_each_exception_of_a_read_has_its_sentence(
        self, world: FunctionHarness, code: str, said: str
    ) -> None:
        world.workmail.faults.add("DescribeUser", Failure(code), times=None)
        answer = world.send("Create")
        assert said in answer["Reason"]
        assert answer["PhysicalResourceId"] == NEVER_CREATED

    def test_who_holds_an_address_is_told(self, world: FunctionHarness) -> None:
        world.enable("bob", "alice@example.com")
        assert world.send("Create")["Reason"].startswith(
            f"alice@example.com already belongs to user bob (id {world.bob.entity_id}): free that "
            "address or declare another"
        )

    def test_an_address_in_use_is_told_though_its_holder_is_not(
        self, world: FunctionHarness
    ) -> None:
        world.enable("bob", "alice@example.com")
        world.workmail.faults.add("DescribeEntity", Failure("EntityNotFoundException"), times=None)
        assert "already belongs to another entity" in world.send("Create")["Reason"]
