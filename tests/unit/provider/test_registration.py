"""The lifecycle contract of a registration, rule by rule, against the local WorkMail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from local_aws.workmail import Behaviour, Drop, Failure, NoResponse
from tests.support.harness import (
    OTHER_ORGANIZATION_ID,
    FunctionHarness,
    Stack,
    client_error,
    failed,
    succeeded,
)
from tests.support.lambda_fakes import ORGANIZATION_ID
from workmail_provider.aws import make_clients
from workmail_provider.cloudformation.response import NEVER_CREATED

DENIED = Failure("AccessDeniedException")


@pytest.fixture
def harness() -> FunctionHarness:
    return FunctionHarness()


def move_to_bob(harness: FunctionHarness, **changes: Any) -> dict[str, Any]:
    """The response to an Update of alice's registration that declares bob."""
    own = harness.registration_id(harness.alice)
    given = {"EntityId": "bob", "Email": "bob@example.com", **changes}
    response = harness.send("Update", own, **given)
    if response["Status"] == "FAILED":
        assert response["PhysicalResourceId"] == own
    return response


class TestIdentity:
    @pytest.mark.parametrize("written", ["alice", "ALICE", "id"])
    def test_an_entity_has_one_physical_id_however_it_is_declared(
        self, harness: FunctionHarness, written: str
    ) -> None:
        own = harness.registration_id(harness.alice)
        entity_id = harness.alice.entity_id if written == "id" else written
        assert succeeded(harness.send("Create", EntityId=entity_id)) == own
        harness.workmail.calls.clear()
        assert succeeded(harness.send("Update", own, EntityId=entity_id)) == own
        assert harness.operations == ["DescribeUser"]

    def test_an_update_to_another_organization_is_a_replacement(
        self, harness: FunctionHarness
    ) -> None:
        harness.enable("alice", "alice@example.com")
        own = harness.registration_id(harness.alice)
        other = harness.another_organization()
        response = harness.send("Update", own, OrganizationId=other, Email="alice@example.org")
        assert succeeded(response).startswith(f"{OTHER_ORGANIZATION_ID}/")
        assert harness.alice.state == "ENABLED"


class TestConverging:
    def test_a_disabled_entity_is_registered_once_and_read_until_enabled(
        self, harness: FunctionHarness
    ) -> None:
        harness.workmail.behaviour = Behaviour(settle_delay=30)
        succeeded(harness.send("Create"))
        assert harness.operations[:2] == ["DescribeUser", "RegisterToWorkMail"]
        assert set(harness.operations[2:]) == {"DescribeUser"}
        assert len(harness.operations) > 5

    def test_three_calls_enable_a_user(self, harness: FunctionHarness) -> None:
        succeeded(harness.send("Create", AdoptExisting="false"))
        assert harness.operations == ["DescribeUser", "RegisterToWorkMail", "DescribeUser"]
        assert harness.stack_calls == []

    @pytest.mark.parametrize("email", ["alice@example.com", "Alice@Example.COM"])
    def test_an_enabled_entity_with_the_address_is_only_read(
        self, harness: FunctionHarness, email: str
    ) -> None:
        harness.enable("alice", "alice@example.com")
        succeeded(harness.send("Create", Email=email))
        assert harness.operations == ["DescribeUser"]
        assert harness.stack_calls == []

    def test_another_address_becomes_primary_and_the_old_one_an_alias(
        self, harness: FunctionHarness
    ) -> None:
        harness.enable("alice", "old@example.com")
        response = harness.send("Update", harness.registration_id(harness.alice))
        assert response["Data"]["Email"] == "alice@example.com"
        assert harness.operations == ["DescribeUser", "UpdatePrimaryEmailAddress"]
        assert harness.alice.registration.email == "alice@example.com"
        assert harness.alice.aliases == ["old@example.com"]
        succeeded(harness.send("Update", succeeded(response), Email="old@example.com"))
        assert harness.alice.aliases == ["alice@example.com"]

    def test_a_deleted_entity_fails_at_once(self, harness: FunctionHarness) -> None:
        harness.alice.delete()
        began = harness.now
        reason = failed(harness.send("Create", EntityId=harness.alice.entity_id))
        assert "is deleted from organization" in reason
        assert harness.now == began

    def test_an_entity_that_shows_late_is_waited_for(self, harness: FunctionHarness) -> None:
        began, harness.alice.visible_from = harness.now, harness.now + 60
        succeeded(harness.send("Create"))
        assert 60 <= harness.now - began < 70

    @pytest.mark.parametrize("code", ["EntityNotFoundException", "ResourceNotFoundException"])
    def test_an_entity_that_a_registration_does_not_find_at_first_is_waited_for(
        self, harness: FunctionHarness, code: str
    ) -> None:
        harness.workmail.faults.add("RegisterToWorkMail", Failure(code), times=3)
        succeeded(harness.send("Create"))
        assert harness.alice.state == "ENABLED"

    def test_an_entity_that_never_shows_is_named_after_two_minutes(
        self, harness: FunctionHarness
    ) -> None:
        began = harness.now
        response = harness.send("Create", EntityId="unknown")
        assert failed(response).startswith(
            f"unknown is not in organization {ORGANIZATION_ID}: create the user, group or resource"
        )
        assert "waited 120 s" in response["Reason"]
        assert harness.now - began == pytest.approx(120)
        assert response["PhysicalResourceId"] == NEVER_CREATED

    def test_a_domain_that_is_verified_late_is_waited_for(self, harness: FunctionHarness) -> None:
        harness.organization.domain("example.com").verified_at = harness.now + 60
        succeeded(harness.send("Create"))
        assert harness.alice.state == "ENABLED"

    @pytest.mark.parametrize("fails", [True, False])
    def test_an_enabled_entity_that_still_reads_disabled_converges(
        self, harness: FunctionHarness, fails: bool
    ) -> None:
        harness.workmail.behaviour = Behaviour(
            settle_delay=30, register_enabled_same_address_fails=fails
        )
        harness.enable("alice", "alice@example.com", ago=10)
        succeeded(harness.send("Create"))
        assert harness.alice.registration.email == "alice@example.com"

    def test_the_declared_region_is_called(self, harness: FunctionHarness) -> None:
        harness.organization.region = "eu-west-1"
        succeeded(harness.send("Create", OrganizationRegion="eu-west-1"))
        reason = failed(harness.send("Create"))
        assert f"organization {ORGANIZATION_ID} does not exist in us-east-1" in reason


class TestUserAttributes:
    """Those that CreateUser does not accept, and that UpdateUser may refuse before enabling."""

    @pytest.fixture(params=[False, True], ids=["disabled or not", "only if enabled"])
    def harness(self, request: pytest.FixtureRequest) -> FunctionHarness:
        harness = FunctionHarness()
        harness.workmail.behaviour = Behaviour(update_disabled_fails=request.param)
        return harness

    def test_they_are_set_after_enabling_and_only_if_they_differ(
        self, harness: FunctionHarness
    ) -> None:
        declared: dict[str, Any] = {"UserAttributes": {"JobTitle": "Explorer"}}
        own = succeeded(harness.send("Create", **declared))
        assert harness.alice.attributes["JobTitle"] == "Explorer"
        assert harness.operations.index("RegisterToWorkMail") < harness.operations.index(
            "UpdateUser"
        )
        harness.workmail.calls.clear()
        succeeded(harness.send("Update", own, **declared))
        assert harness.workmail.calls.of("UpdateUser") == []

    def test_they_wait_for_a_state_as_long_as_the_registration_did_before(
        self, harness: FunctionHarness
    ) -> None:
        harness.workmail.behaviour = Behaviour(settle_delay=110)
        harness.workmail.faults.add("UpdateUser", Failure("EntityStateException"), times=8)
        succeeded(harness.send("Create", UserAttributes={"JobTitle": "Explorer"}))
        assert harness.alice.attributes["JobTitle"] == "Explorer"

    def test_one_that_is_not_declared_is_kept(self, harness: FunctionHarness) -> None:
        own = succeeded(harness.send("Create", UserAttributes={"JobTitle": "Explorer"}))
        succeeded(harness.send("Update", own, UserAttributes={"City": "Oxford"}))
        assert harness.alice.attributes["JobTitle"] == "Explorer"
        assert harness.alice.attributes["City"] == "Oxford"
        harness.workmail.calls.clear()
        succeeded(harness.send("Update", own))
        assert harness.operations == ["DescribeUser"]

    def test_a_rollback_restores_those_of_before(self, harness: FunctionHarness) -> None:
        before: dict[str, Any] = {"UserAttributes": {"JobTitle": "Explorer"}}
        after: dict[str, Any] = {"UserAttributes": {"JobTitle": "Queen"}}
        own = succeeded(harness.send("Create", **before))
        succeeded(harness.send("Update", own, before=before, **after))
        assert harness.alice.attributes["JobTitle"] == "Queen"
        harness.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        assert succeeded(harness.send("Update", own, before=after, **before)) == own
        assert harness.alice.attributes["JobTitle"] == "Explorer"

    @pytest.mark.parametrize("name", ["team", "board-room"])
    def test_a_group_or_resource_ignores_them(self, harness: FunctionHarness, name: str) -> None:
        declared: dict[str, Any] = {"UserAttributes": {"JobTitle": "Explorer"}}
        email = f"{name}@example.com"
        succeeded(harness.send("Create", EntityId=name, Email=email, **declared))
        assert harness.organization.entity(name).state == "ENABLED"
        assert not [name for name in harness.operations if name.startswith("Update")]

    def test_a_failed_update_of_them_disables_the_entity_that_it_moved_to(
        self, harness: FunctionHarness
    ) -> None:
        harness.workmail.faults.add("UpdateUser", Failure("InvalidParameterException"), times=None)
        failed(move_to_bob(harness, UserAttributes={"JobTitle": "Explorer"}))
        assert harness.bob.state == "DISABLED"


class TestAdopting:
    @pytest.mark.parametrize(
        ("ago", "renamed", "status", "refused"),
        [
            (3600, False, "UPDATE_IN_PROGRESS", True),
            # By the Create that is retried: the operation began 60 seconds ago.
            (30, False, "UPDATE_IN_PROGRESS", False),
            (3600, True, "UPDATE_IN_PROGRESS", False),
            (3600, False, "UPDATE_ROLLBACK_IN_PROGRESS", False),
        ],
        ids=["managed elsewhere", "retried", "renamed", "rolled back"],
    )
    @pytest.mark.parametrize("request_type", ["Create", "Update"])
    def test_adopt_existing_false_refuses_only_an_entity_that_is_managed_elsewhere(
        self,
        harness: FunctionHarness,
        request_type: str,
        ago: float,
        renamed: bool,
        status: str,
        refused: bool,
    ) -> None:
        harness.enable("alice", "alice@example.com", ago=ago)
        own = harness.registration_id(harness.alice)
        harness.stack.status = status
        before = None if request_type == "Create" else harness.registration_id(harness.bob)
        harness.stack.resources = {"Alice": (before or "", "UPDATE_COMPLETE")}
        if renamed:
            harness.stack.resources["Before"] = (own, "UPDATE_COMPLETE")
        response = harness.send(request_type, before, AdoptExisting="false")
        if refused:
            assert "is already enabled, managed elsewhere" in failed(response)
            assert response["PhysicalResourceId"] == (before or NEVER_CREATED)
        else:
            assert succeeded(response) == own
        assert set(harness.operations) == {"DescribeUser"}

    def test_an_update_never_refuses_its_own_entity(self, harness: FunctionHarness) -> None:
        harness.enable("alice", "old@example.com")
        own = harness.registration_id(harness.alice)
        succeeded(harness.send("Update", own, AdoptExisting="false"))
        assert harness.stack_calls == ["DescribeStacks"]


class TestAnotherAddress:
    """Only an Update of the same entity changes an address that it finds."""

    @pytest.mark.parametrize("renamed", [False, True])
    @pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
    def test_a_create_refuses_an_enabled_entity_with_another_address(
        self, harness: FunctionHarness, status: str, renamed: bool
    ) -> None:
        """Also a renamed construct with a new address: a rollback could not restore the old one.

        Lambda may deliver a Create again while the stack rolls back.
        """
        harness.stack.status = status
        harness.enable("alice", "old@example.com")
        if renamed:
            own = harness.registration_id(harness.alice)
            harness.stack.resources["Before"] = (own, "UPDATE_COMPLETE")
        response = harness.send("Create")
        assert failed(response).startswith(
            f"user alice (id {harness.alice.entity_id}) is enabled with address old@example.com, "
            "declared is alice@example.com: declare the address it has, and change it in a second "
            "deployment"
        )
        assert response["PhysicalResourceId"] == NEVER_CREATED
        assert harness.operations == ["DescribeUser"]

    def test_an_update_refuses_another_entity_with_another_address_but_in_a_rollback(
        self, harness: FunctionHarness
    ) -> None:
        harness.enable("bob", "old@example.com")
        assert "declare the address it has" in failed(move_to_bob(harness))
        assert harness.bob.registration.email == "old@example.com"
        harness.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        succeeded(move_to_bob(harness))
        assert harness.bob.registration.email == "bob@example.com"

    @pytest.mark.parametrize("fails", [True, False])
    def test_the_delete_of_a_refused_create_changes_nothing(
        self, harness: FunctionHarness, fails: bool
    ) -> None:
        """The entity was enabled during the operation, and read as disabled at first."""
        harness.workmail.behaviour = Behaviour(
            settle_delay=30, register_enabled_other_address_fails=fails
        )
        harness.enable("alice", "old@example.com", ago=10)
        response = harness.send("Create")
        assert harness.workmail.calls.of("RegisterToWorkMail")
        assert "declare the address it has" in failed(response)
        assert response["PhysicalResourceId"] == NEVER_CREATED
        harness.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        succeeded(harness.send("Delete", response["PhysicalResourceId"]))
        assert (harness.alice.state, harness.alice.registration.email) == (
            "ENABLED",
            "old@example.com",
        )

    @pytest.mark.parametrize("fails", [True, False])
    def test_the_delete_of_a_create_that_may_not_adopt_changes_nothing(
        self, harness: FunctionHarness, fails: bool
    ) -> None:
        """The entity was enabled before the deployment, and read as disabled at first."""
        harness.workmail.behaviour = Behaviour(
            settle_delay=3630, register_enabled_same_address_fails=fails
        )
        harness.enable("alice", "alice@example.com", ago=3600)
        response = harness.send("Create", AdoptExisting="false")
        assert harness.workmail.calls.of("RegisterToWorkMail")
        assert "adopt_existing is False" in failed(response)
        assert response["PhysicalResourceId"] == NEVER_CREATED
        # Without rollback, the stack is deleted later.
        harness.stack.status = "DELETE_IN_PROGRESS"
        succeeded(harness.send("Delete", response["PhysicalResourceId"]))
        assert harness.alice.state == "ENABLED"

    @pytest.mark.parametrize("fails", [False, True])
    def test_a_declared_address_that_shows_late_is_waited_for(
        self, harness: FunctionHarness, fails: bool
    ) -> None:
        """WorkMail accepted the registration, and shows another address at first.

        What fails after that is a Create that may have enabled the entity: its Delete cleans up.
        """
        harness.workmail.behaviour = Behaviour(settle_delay=30)
        harness.enable("alice", "old@example.com", ago=10)
        shows_at = harness.now + 60

        def sleep(seconds: float) -> None:
            harness.now += seconds
            if harness.now >= shows_at:
                registration = harness.alice.registration
                harness.alice.registration = replace(registration, email="alice@example.com")

        harness.on_sleep = sleep
        if fails:
            harness.workmail.faults.add("ListAliases", Failure("InvalidParameterException"))
        response = harness.send("Create", Aliases=[])
        assert response["Status"] == ("FAILED" if fails else "SUCCESS")
        assert response["PhysicalResourceId"] == harness.registration_id(harness.alice)
        assert harness.now - shows_at < 10


class TestDisabledOutsideTheStack:
    """By a person, since the last deployment."""

    @pytest.fixture
    def own(self, harness: FunctionHarness) -> str:
        own = harness.registration_id(harness.alice)
        harness.workmail.calls.clear()
        return own

    @pytest.mark.parametrize(
        ("before", "changes", "state"),
        [
            ({}, {}, "DISABLED"),
            ({}, {"AdoptExisting": "false", "Aliases": ["a@example.com"]}, "DISABLED"),
            ({}, {"UserAttributes": {"JobTitle": "Queen"}}, "DISABLED"),
            ({}, {"Email": "ALICE@example.com"}, "DISABLED"),
            ({"Revision": "1"}, {"Revision": "1"}, "DISABLED"),
            ({}, {"Email": "new@example.com"}, "ENABLED"),
            ({}, {"Revision": "1"}, "ENABLED"),
            ({"Revision": "1"}, {"Revision": "2"}, "ENABLED"),
            ({"Revision": "1"}, {}, "ENABLED"),
        ],
    )
    def test_only_a_new_address_or_revision_enables_an_entity_again(
        self,
        harness: FunctionHarness,
        own: str,
        before: dict[str, Any],
        changes: dict[str, Any],
        state: str,
    ) -> None:
        old = {"EntityId": "alice", "Email": "alice@example.com", **before}
        response = harness.send("Update", own, before=old, **changes)
        assert succeeded(response) == own
        assert response["Data"]["Email"] == changes.get("Email", "alice@example.com")
        assert harness.alice.state == state
        if state == "DISABLED":
            assert set(harness.operations) == {"DescribeUser"}

    def test_a_create_enables_it(self, harness: FunctionHarness, own: str) -> None:
        """So does an Update that moves to it."""
        succeeded(harness.send("Create"))
        succeeded(move_to_bob(harness, before={"EntityId": "alice", "Email": "bob@example.com"}))
        assert (harness.alice.state, harness.bob.state) == ("ENABLED", "ENABLED")


class TestFailing:
    """A failed Update disables what it enabled, and nothing else."""

    def test_a_create_that_sent_register_responds_with_the_canonical_id(
        self, harness: FunctionHarness
    ) -> None:
        harness.enable("bob", "alice@example.com")
        response = harness.send("Create")
        failed(response)
        assert response["PhysicalResourceId"] == harness.registration_id(harness.alice)

    @pytest.mark.parametrize("refusals", [0, 1])
    def test_an_entity_that_never_reads_enabled_is_disabled(
        self, harness: FunctionHarness, refusals: int
    ) -> None:
        """Also if WorkMail refuses that for a moment."""
        harness.enable("alice", "alice@example.com")
        harness.workmail.behaviour = Behaviour(settle_delay=1000)
        if refusals:
            refused = Failure("EntityStateException")
            harness.workmail.faults.add("DeregisterFromWorkMail", refused, times=refusals)
        reason = failed(move_to_bob(harness))
        assert "still reads DISABLED: look at it in WorkMail" in reason
        states = {entity.name: entity.state for entity in harness.organization.entities.values()}
        disabled = dict.fromkeys(("bob", "team", "board-room"), "DISABLED")
        assert states == {"alice": "ENABLED", **disabled}

    @pytest.mark.parametrize("fails", [True, False])
    @pytest.mark.parametrize("after_work", [True, False])
    def test_an_entity_that_may_be_enabled_is_disabled(
        self, harness: FunctionHarness, after_work: bool, fails: bool
    ) -> None:
        harness.workmail.behaviour = Behaviour(deregister_disabled_fails=fails, settle_delay=1000)
        harness.workmail.faults.add("RegisterToWorkMail", Drop(after_work=after_work), times=None)
        assert "stays enabled" not in failed(move_to_bob(harness))
        assert harness.bob.state == "DISABLED"

    def test_a_registration_that_hangs_at_the_last_moment_is_undone_in_time(
        self, harness: FunctionHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = make_clients()("workmail", "us-east-1").meta.config
        hangs_for = config.connect_timeout + config.read_timeout
        began, sent_at, perform = harness.now, list[float](), harness.workmail.perform

        def hang_at_register(operation: str, *given: Any, **named: Any) -> dict[str, Any]:
            response = perform(operation, *given, **named)
            if operation == "RegisterToWorkMail":
                sent_at.append(harness.now)
                harness.now += hangs_for
                raise NoResponse(hangs_for)
            return response

        monkeypatch.setattr(harness.workmail, "perform", hang_at_register)
        # The attempt that succeeds is moments before none may begin.
        harness.workmail.faults.add("DescribeUser", Failure("ThrottlingException"), times=15)
        failed(move_to_bob(harness, seconds=180))
        assert began + 150 < sent_at[-1]
        assert harness.bob.state == "DISABLED"
        assert harness.now < began + 180

    def test_an_entity_is_disabled_after_a_crash_while_it_is_registered(
        self, harness: FunctionHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        perform = harness.workmail.perform

        def crash_after_register(operation: str, *given: Any, **named: Any) -> dict[str, Any]:
            response = perform(operation, *given, **named)
            if operation == "RegisterToWorkMail":
                raise MemoryError
            return response

        monkeypatch.setattr(harness.workmail, "perform", crash_after_register)
        failed(move_to_bob(harness))
        assert harness.bob.state == "DISABLED"

    @pytest.mark.parametrize(
        ("ago", "email", "said"),
        [
            (10, "old@example.com", "is enabled with address old@example.com"),
            (1, "old@example.com", "is enabled with address old@example.com"),
            # Under the declared address, its date shows that it was enabled before.
            (10, "bob@example.com", "may not call workmail:ListAliases"),
        ],
    )
    def test_an_entity_enabled_elsewhere_that_still_read_disabled_stays_enabled(
        self, harness: FunctionHarness, ago: float, email: str, said: str
    ) -> None:
        """Register changes nothing then."""
        harness.workmail.behaviour = Behaviour(settle_delay=40)
        harness.enable("bob", email, ago=ago)
        harness.workmail.faults.add("ListAliases", DENIED, times=None)
        assert said in failed(move_to_bob(harness, Aliases=[]))
        assert harness.workmail.calls.of("RegisterToWorkMail")
        assert harness.bob.state == "ENABLED"

    def test_an_entity_that_was_enabled_in_the_past_is_disabled_again(
        self, harness: FunctionHarness
    ) -> None:
        """It may show the date of then, until that of now shows."""
        harness.workmail.behaviour = Behaviour(enabled_date_remains=True)
        harness.enable("bob", "bob@example.com")
        succeeded(harness.send("Delete", harness.registration_id(harness.bob)))
        harness.workmail.behaviour = Behaviour(enabled_date_remains=True, settle_delay=1000)
        assert "still reads DISABLED" in failed(move_to_bob(harness))
        assert harness.bob.state == "DISABLED"

    @pytest.mark.parametrize("behind", [0, 1, None])
    def test_an_entity_whose_date_is_of_now_or_missing_is_disabled(
        self, harness: FunctionHarness, behind: float | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also if WorkMail's clock is a second behind the function's."""
        if behind is None:
            enable = harness.bob.enable

            def without_date(email: str, moment: Any) -> None:
                enable(email, moment)
                harness.bob.registration = replace(harness.bob.registration, enabled_at=None)

            monkeypatch.setattr(harness.bob, "enable", without_date)
        else:
            harness.workmail.clock = lambda: harness.now - behind
            harness.workmail.behaviour = Behaviour(settle_delay=40)
        harness.workmail.faults.add("ListAliases", DENIED, times=None)
        failed(move_to_bob(harness, Aliases=[]))
        assert harness.bob.state == "DISABLED"

    def test_an_entity_that_cannot_be_disabled_is_named(self, harness: FunctionHarness) -> None:
        harness.workmail.behaviour = Behaviour(settle_delay=1000)
        harness.workmail.faults.add("DeregisterFromWorkMail", DENIED, times=None)
        assert failed(move_to_bob(harness)).startswith(
            f"user bob (id {harness.bob.entity_id}) stays enabled and should not, deregister it by "
            "hand unless another stack declares it: "
        )

    @pytest.mark.parametrize(
        ("logical_id", "status", "state"),
        [
            # The same Update, delivered twice: the other one has succeeded.
            ("Alice", "UPDATE_COMPLETE", "ENABLED"),
            ("Bob", "CREATE_COMPLETE", "ENABLED"),
            ("Bob", "DELETE_IN_PROGRESS", "DISABLED"),
        ],
    )
    @pytest.mark.parametrize("is_own_stack", [True, False])
    def test_an_entity_that_a_stack_declares_by_now_stays_enabled(
        self,
        harness: FunctionHarness,
        is_own_stack: bool,
        logical_id: str,
        status: str,
        state: str,
    ) -> None:
        stack = harness.stack if is_own_stack else harness.another_stack("Other")
        stack.resources[logical_id] = (harness.registration_id(harness.bob), status)
        harness.workmail.faults.add("ListAliases", DENIED, times=None)
        assert "stays enabled" not in failed(move_to_bob(harness, Aliases=[]))
        assert harness.bob.state == state

    @pytest.mark.parametrize(("declared", "state"), [("bob", "ENABLED"), ("alice", "DISABLED")])
    def test_an_entity_that_another_stack_may_be_about_to_declare_is_disabled_only_if_it_does_not(
        self, harness: FunctionHarness, declared: str, state: str
    ) -> None:
        other = harness.another_stack("Other", Bob=("", "CREATE_IN_PROGRESS"))
        physical_id = harness.registration_id(harness.organization.entity(declared))
        complete_at = harness.now + 200

        def sleep(seconds: float) -> None:
            harness.now += seconds
            if harness.now >= complete_at:
                other.resources["Bob"] = (physical_id, "CREATE_COMPLETE")

        harness.on_sleep = sleep
        harness.workmail.faults.add("ListAliases", DENIED, times=None)
        failed(move_to_bob(harness, Aliases=[]))
        assert harness.bob.state == state

    @pytest.mark.parametrize("unreadable", ["own", "other", "announcements", "in progress"])
    def test_an_entity_that_a_stack_may_declare_stays_enabled_and_is_named(
        self, harness: FunctionHarness, unreadable: str
    ) -> None:
        other = harness.another_stack("Other")

        def sleep(seconds: float) -> None:
            """It is readable before the registration."""
            harness.now += seconds
            harness.stack.error = client_error("ListStackResources", "ValidationError", "")

        if unreadable == "own":
            harness.on_sleep = sleep
        elif unreadable == "other":
            other.error = client_error("ListStackResources", "ValidationError", "")
        elif unreadable == "announcements":
            error = client_error("GetParametersByPath", "ValidationException", "")
            harness.announcement_errors.append(error)
        else:
            other.resources["Bob"] = ("", "CREATE_IN_PROGRESS")
        harness.workmail.faults.add("ListAliases", DENIED, times=None)
        reason = failed(move_to_bob(harness, Aliases=[]))
        assert "stays enabled and should not, deregister it by hand unless another stack" in reason
        assert harness.bob.state == "ENABLED"

    def test_the_events_own_entity_stays_enabled(self, harness: FunctionHarness) -> None:
        """It was disabled elsewhere, and registering it again does not settle."""
        harness.workmail.behaviour = Behaviour(settle_delay=1000)
        failed(harness.send("Update", harness.registration_id(harness.alice)))
        assert "DeregisterFromWorkMail" not in harness.operations
        assert harness.alice.state == "ENABLED"

    def test_an_entity_that_was_enabled_before_stays_enabled(
        self, harness: FunctionHarness
    ) -> None:
        harness.enable("bob", "bob@example.com")
        harness.workmail.faults.add("ListAliases", DENIED, times=None)
        failed(move_to_bob(harness, Aliases=[]))
        assert harness.bob.state == "ENABLED"


class TestDeleting:
    @pytest.fixture
    def own(self, harness: FunctionHarness) -> str:
        """Alice's registration, removed from the template of an update."""
        harness.enable("alice", "alice@example.com")
        harness.stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        own = harness.registration_id(harness.alice)
        harness.stack.resources = {"Alice": (own, "DELETE_IN_PROGRESS"), "Other": ("x", "CREATE")}
        return own

    @pytest.mark.parametrize("settle_delay", [0, 30])
    def test_a_removed_registration_is_deregistered_once_and_read_until_disabled(
        self, harness: FunctionHarness, own: str, settle_delay: float
    ) -> None:
        harness.workmail.behaviour = Behaviour(settle_delay=settle_delay)
        began = harness.now
        assert succeeded(harness.send("Delete", own)) == own
        assert harness.now - began >= settle_delay
        (call,) = harness.workmail.calls.of("DeregisterFromWorkMail")
        assert call.parameters["EntityId"] == harness.alice.entity_id
        assert harness.alice.state == "DISABLED"

    @pytest.mark.parametrize(
        "other", ["Mail-Alice-1ABCDEFGHIJKL", "Mail_Alice_1A2B3C4D", NEVER_CREATED, "m-1/alice"]
    )
    def test_an_id_of_another_origin_is_ignored_whatever_the_properties(
        self, harness: FunctionHarness, own: str, other: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        response = harness.send("Delete", other, AdoptExisting="?", EntityId="")
        assert succeeded(response) == other
        assert harness.operations == harness.stack_calls == []
        assert "is not a registration's id" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "found", ["deleted", "vanished", "disabled", "no organization", "deleted organization"]
    )
    def test_an_entity_that_is_not_enabled_or_does_not_exist_is_success(
        self, harness: FunctionHarness, own: str, found: str
    ) -> None:
        if found == "disabled":
            succeeded(harness.send("Delete", own))
            harness.workmail.calls.clear()
            harness.stack_calls.clear()
        elif found == "no organization":
            harness.workmail.reset()
        elif found == "deleted organization":
            harness.organization.deleted = True
        else:
            harness.alice.delete()
            harness.workmail.behaviour = Behaviour(deleted_entity_vanishes=found == "vanished")
        succeeded(harness.send("Delete", own))
        assert "DeregisterFromWorkMail" not in harness.operations
        assert harness.stack_calls == []

    @pytest.mark.parametrize("request_type", ["Create", "Update"])
    def test_a_create_or_update_within_a_month_restores_the_mailbox(
        self, harness: FunctionHarness, own: str, request_type: str
    ) -> None:
        mailbox: Any = harness.alice.mailbox
        mailbox_id = mailbox.mailbox_id
        succeeded(harness.send("Delete", own))
        harness.pass_time(29 * 24 * 3600)
        assert succeeded(harness.send(request_type, own)) == own
        mailbox = harness.alice.mailbox
        assert (mailbox.mailbox_id, mailbox.deprovisioned_at) == (mailbox_id, None)

    def test_an_organization_that_is_not_active_yet_fails(
        self, harness: FunctionHarness, own: str
    ) -> None:
        harness.organization.active_at = harness.now + 10_000
        assert "is not active (state Requested)" in failed(harness.send("Delete", own))

    def test_a_deletion_of_the_whole_stack_hands_nothing_over(
        self, harness: FunctionHarness, own: str
    ) -> None:
        harness.stack.status = "DELETE_IN_PROGRESS"
        harness.stack.resources["Other"] = (own, "CREATE_COMPLETE")
        succeeded(harness.send("Delete", own))
        assert harness.alice.state == "DISABLED"
        assert harness.stack_calls == ["DescribeStacks"]

    @pytest.mark.parametrize(
        ("other", "state"),
        [
            ("CREATE_COMPLETE", "ENABLED"),
            ("UPDATE_IN_PROGRESS", "ENABLED"),
            ("DELETE_FAILED", "ENABLED"),
            ("DELETE_IN_PROGRESS", "DISABLED"),
            ("DELETE_COMPLETE", "DISABLED"),
        ],
    )
    @pytest.mark.parametrize(
        "status", ["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_IN_PROGRESS"]
    )
    def test_renaming_a_construct_keeps_the_mailbox(
        self, harness: FunctionHarness, own: str, status: str, other: str, state: str
    ) -> None:
        """Unless the other resource of the stack is deleted too."""
        harness.stack.status = status
        for number in range(5):  # on a later page
            harness.stack.resources[f"Other{number}"] = (f"x{number}", "CREATE_COMPLETE")
        harness.stack.resources["Renamed"] = (own, other)
        succeeded(harness.send("Delete", own))
        assert harness.alice.state == state

    @pytest.mark.parametrize(
        "status",
        [
            "ROLLBACK_IN_PROGRESS",
            "UPDATE_ROLLBACK_IN_PROGRESS",
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        ],
    )
    @pytest.mark.parametrize(("ago", "state"), [(3600, "ENABLED"), (30, "DISABLED")])
    def test_a_rollback_keeps_enabled_what_it_found_enabled(
        self, harness: FunctionHarness, status: str, ago: float, state: str
    ) -> None:
        harness.enable("alice", "alice@example.com", ago=ago)
        harness.stack.status = status
        succeeded(harness.send("Delete", harness.registration_id(harness.alice)))
        assert harness.alice.state == state

    def test_the_operation_of_a_stack_never_updated_began_with_its_creation(
        self, harness: FunctionHarness
    ) -> None:
        harness.enable("alice", "alice@example.com", ago=30)
        harness.stack = Stack("ROLLBACK_IN_PROGRESS", creation_time=harness.now - 60)
        succeeded(harness.send("Delete", harness.registration_id(harness.alice)))
        assert harness.alice.state == "DISABLED"

    def test_a_missing_enabled_date_counts_as_before(
        self, harness: FunctionHarness, own: str
    ) -> None:
        harness.stack.status = "ROLLBACK_IN_PROGRESS"
        harness.alice.registration = replace(harness.alice.registration, enabled_at=None)
        succeeded(harness.send("Delete", own))
        assert harness.alice.state == "ENABLED"

    @pytest.mark.parametrize("own_status", ["DELETE_IN_PROGRESS", "CREATE_COMPLETE"])
    @pytest.mark.parametrize(
        ("root_status", "ago", "state"),
        [
            ("ROLLBACK_IN_PROGRESS", 3600, "ENABLED"),
            ("ROLLBACK_IN_PROGRESS", 30, "DISABLED"),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", 3600, "DISABLED"),
        ],
    )
    def test_a_nested_stack_rolls_back_with_its_root_and_is_removed_by_it(
        self, harness: FunctionHarness, own_status: str, root_status: str, ago: float, state: str
    ) -> None:
        harness.enable("alice", "alice@example.com", ago=ago)
        root = Stack(root_status, creation_time=harness.now - 60)
        harness.stack = Stack(own_status, creation_time=harness.now - 50, root=root)
        succeeded(harness.send("Delete", harness.registration_id(harness.alice)))
        assert harness.alice.state == state

    @pytest.mark.parametrize(
        ("status", "root_status"),
        [
            ("UPDATE_COMPLETE", None),
            ("DELETE_COMPLETE", None),
            ("ROLLBACK_COMPLETE", None),
            ("DELETE_COMPLETE", "UPDATE_IN_PROGRESS"),
            ("DELETE_FAILED", "UPDATE_IN_PROGRESS"),
        ],
    )
    def test_a_delete_after_the_operation_changes_nothing(
        self, harness: FunctionHarness, own: str, status: str, root_status: str | None
    ) -> None:
        """An operation of the root stack reaches no nested stack that was deleted or forgotten."""
        root = Stack(root_status, harness.now - 3600, harness.now - 60) if root_status else None
        harness.stack = Stack(status, creation_time=harness.now - 3500, root=root)
        succeeded(harness.send("Delete", own))
        assert harness.alice.state == "ENABLED"

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            (
                "ValidationError",
                "stack Mail could not be read, so nothing was changed: look at it in "
                "CloudFormation, then try again (ValidationError: message)",
            ),
            ("AccessDenied", "may not call cloudformation:DescribeStacks"),
        ],
    )
    def test_a_stack_that_cannot_be_read_fails_the_delete(
        self, harness: FunctionHarness, own: str, code: str, said: str
    ) -> None:
        harness.stack_errors += [client_error("DescribeStacks", code, "message")] * 1000
        assert said in failed(harness.send("Delete", own))
        assert harness.alice.state == "ENABLED"

    def test_two_registrations_that_swap_their_entities_keep_both_mailboxes(
        self, harness: FunctionHarness, own: str
    ) -> None:
        harness.enable("bob", "bob@example.com")
        other = harness.registration_id(harness.bob)
        assert succeeded(move_to_bob(harness)) == other
        assert succeeded(harness.send("Update", other, logical_id="Bob")) == own
        harness.stack.resources = {
            "Alice": (other, "UPDATE_COMPLETE"),
            "Bob": (own, "UPDATE_COMPLETE"),
        }
        succeeded(harness.send("Delete", own))
        succeeded(harness.send("Delete", other, logical_id="Bob"))
        assert (harness.alice.state, harness.bob.state) == ("ENABLED", "ENABLED")


class TestMessages:
    @pytest.mark.parametrize(
        ("properties", "said"),
        [
            ({"EntityId": ""}, "EntityId is '', must be a text"),
            ({"AdoptExisting": "maybe"}, "AdoptExisting is 'maybe', must be true or false"),
            ({"Aliases": "a@example.com"}, "Aliases is 'a@example.com', must be a list"),
            ({"UserAttributes": "Queen"}, "UserAttributes is 'Queen', must be an object"),
            ({"OrganizationId": "m-1"}, "OrganizationId has 3 characters"),
            ({"OrganizationId": "m-" + "g" * 32}, "does not match"),
            ({"EntityId": "a b"}, "EntityId does not match [a-zA-Z0-9._%+@-]+: correct 'a b'"),
            ({"EntityId": "a" * 257}, "has 257 characters, must have 1 to 256"),
            ({"Email": "alice"}, "Email does not match"),
            ({"Email": "a" * 250 + "@example.com"}, "has 262 characters"),
            ({"OrganizationRegion": ""}, "OrganizationRegion is ''"),
        ],
    )
    def test_a_wrong_property_fails_before_any_call(
        self, harness: FunctionHarness, properties: dict[str, Any], said: str
    ) -> None:
        own = harness.registration_id(harness.alice)
        for before, physical_id in ((None, NEVER_CREATED), (own, own)):
            response = harness.send("Update" if before else "Create", before, **properties)
            assert said in failed(response)
            assert response["PhysicalResourceId"] == physical_id
        assert harness.operations == []

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("DirectoryServiceAuthenticationFailedException", "refuses WorkMail's credentials"),
            ("DirectoryUnavailableException", "is not available: check it"),
            ("EntityNotFoundException", "create the user, group or resource first"),
            ("ResourceNotFoundException", "create the user, group or resource first"),
            ("EntityStateException", "refuses to change the state of user alice"),
            ("EntityAlreadyRegisteredException", "refuses to change the state of user alice"),
            ("InvalidParameterException", "does not accept alice@example.com for user alice"),
            ("MailDomainNotFoundException", "example.com is not a domain of organization"),
            ("MailDomainStateException", "example.com is not verified in organization"),
            ("OrganizationNotFoundException", "does not exist in us-east-1"),
            ("OrganizationStateException", "not active, yet reads Active: try again"),
            ("UnsupportedOperationException", "is read-only: set the address of alice there"),
            ("ThrottlingException", "workmail:RegisterToWorkMail is throttled"),
            ("AccessDeniedException", "may not call workmail:RegisterToWorkMail"),
            ("SurprisingException", "SurprisingException: This error was ordered by a test."),
        ],
    )
    def test_each_exception_of_a_registration_has_its_message(
        self, harness: FunctionHarness, code: str, said: str
    ) -> None:
        harness.workmail.faults.add("RegisterToWorkMail", Failure(code), times=None)
        response = harness.send("Create")
        assert said in failed(response)
        assert response["PhysicalResourceId"] == harness.registration_id(harness.alice)

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("DirectoryServiceAuthenticationFailedException", "refuses WorkMail's credentials"),
            ("DirectoryUnavailableException", "is not available: check it"),
            ("OrganizationNotFoundException", "does not exist in us-east-1"),
            ("InvalidParameterException", "failed on user alice of organization"),
            ("ThrottlingException", f"is throttled on organization {ORGANIZATION_ID}: "),
            ("AccessDeniedException", "may not call workmail:DescribeUser on organization m-"),
        ],
    )
    def test_each_exception_of_a_read_has_its_message(
        self, harness: FunctionHarness, code: str, said: str
    ) -> None:
        harness.workmail.faults.add("DescribeUser", Failure(code), times=None)
        response = harness.send("Create")
        assert said in failed(response)
        assert response["PhysicalResourceId"] == NEVER_CREATED

    @pytest.mark.parametrize("is_readable", [True, False])
    def test_an_address_in_use_names_its_user_if_it_can_be_read(
        self, harness: FunctionHarness, is_readable: bool
    ) -> None:
        harness.enable("bob", "alice@example.com")
        user = f"user bob (id {harness.bob.entity_id})"
        if not is_readable:
            harness.workmail.faults.add("DescribeEntity", DENIED, times=None)
            user = "another entity"
        assert failed(harness.send("Create")).startswith(
            f"alice@example.com is in use by {user}: free that address or declare another"
        )
