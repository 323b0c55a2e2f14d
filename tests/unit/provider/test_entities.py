"""Users, groups and resources, rule by rule, against the local WorkMail."""

from __future__ import annotations

from typing import Any

import pytest

from local_aws.workmail import Behaviour, Drop, Failure
from tests.support.harness import (
    GROUP,
    NEW_PASSWORD,
    OTHER_ORGANIZATION_ID,
    PASSWORD,
    RESOURCE,
    SECRET_ARN,
    USER,
    EntityHarness,
    failed,
    succeeded,
)
from tests.support.lambda_fakes import ORGANIZATION_ID
from workmail_provider.cloudformation.response import NEVER_CREATED

NAMES = EntityHarness.names
# In physical ids and messages; with a capital letter in the names of the API.
WORDS = {USER: "user", GROUP: "group", RESOURCE: "resource"}
DORA = {"DisplayName": "Dora", "HiddenFromGlobalAddressList": "true", "JobTitle": "Explorer"}
NOT_FOUND = Failure("EntityNotFoundException")
every_kind = pytest.mark.parametrize("kind", [USER, GROUP, RESOURCE])


@pytest.fixture
def harness() -> EntityHarness:
    return EntityHarness()


def operation(verb: str, kind: str) -> str:
    return f"{verb}{WORDS[kind].title()}"


class TestCreating:
    @every_kind
    def test_an_entity_that_does_not_exist_is_created(
        self, harness: EntityHarness, kind: str
    ) -> None:
        response = harness.declare(kind)
        entity_id = harness.entity(NAMES[kind]).entity_id
        assert succeeded(response) == f"{ORGANIZATION_ID}/{WORDS[kind]}/{entity_id}"
        assert response["Data"] == {
            "OrganizationId": ORGANIZATION_ID,
            f"{WORDS[kind].title()}Id": entity_id,
            "Name": NAMES[kind],
        }

    @every_kind
    def test_an_entity_that_exists_is_adopted_in_any_case_of_its_name(
        self, harness: EntityHarness, kind: str
    ) -> None:
        own = succeeded(harness.declare(kind))
        harness.workmail.calls.clear()
        for name in (NAMES[kind], NAMES[kind].title()):
            assert succeeded(harness.declare(kind, Name=name)) == own
            assert succeeded(harness.declare(kind, own, Name=name)) == own
        assert harness.operations == [operation("Describe", kind)] * 4

    @every_kind
    def test_adopt_existing_false_refuses_an_entity_of_no_construct_of_the_stack(
        self, harness: EntityHarness, kind: str
    ) -> None:
        own = succeeded(harness.declare(kind))
        response = harness.declare(kind, AdoptExisting="false")
        assert "already exists, managed elsewhere" in failed(response)
        assert response["PhysicalResourceId"] == NEVER_CREATED
        harness.stack.resources["Renamed"] = (own, "CREATE_COMPLETE")
        assert succeeded(harness.declare(kind, AdoptExisting="false")) == own

    def test_adopt_existing_false_refuses_an_entity_created_outside_meanwhile(
        self, harness: EntityHarness
    ) -> None:
        """A call that was throttled created nothing."""
        harness.workmail.faults.add("CreateUser", Failure("ThrottlingException"))

        def create(seconds: float) -> None:
            harness.now += seconds
            if not harness.exists("dora"):
                harness.organization.add_user("dora")

        harness.on_sleep = create
        assert "adopt_existing" in failed(harness.declare(USER, AdoptExisting="false"))

    @pytest.mark.parametrize("refused", [False, True])
    def test_a_user_with_the_name_as_an_address_is_another_one(
        self, harness: EntityHarness, refused: bool
    ) -> None:
        harness.enable("alice", "dora@example.com")
        if refused:
            harness.workmail.faults.add("CreateUser", Failure("NameAvailabilityException"))
        own = succeeded(harness.declare(USER, Name="dora@example.com", AdoptExisting="false"))
        assert not own.endswith(harness.alice.entity_id)

    @every_kind
    def test_a_deleted_entity_of_the_name_is_not_adopted(
        self, harness: EntityHarness, kind: str
    ) -> None:
        """Its name is its id too: WorkMail may show a deleted entity by either."""
        name, organization = NAMES[kind], harness.organization
        add: Any = {
            USER: organization.add_user,
            GROUP: organization.add_group,
            RESOURCE: organization.add_resource,
        }[kind]
        add(name, entity_id=name).delete()
        assert not succeeded(harness.declare(kind)).endswith(f"/{name}")

    @every_kind
    def test_the_declared_region_is_called(self, harness: EntityHarness, kind: str) -> None:
        harness.organization.region = "eu-west-1"
        own = succeeded(harness.declare(kind, OrganizationRegion="eu-west-1"))
        assert harness.exists(NAMES[kind])
        succeeded(harness.delete(kind, own, OrganizationRegion="eu-west-1"))
        assert not harness.exists(NAMES[kind])

    @every_kind
    @pytest.mark.parametrize("visible_after", [20, 10_000])
    def test_a_created_entity_is_waited_for_and_created_once(
        self, harness: EntityHarness, kind: str, visible_after: float
    ) -> None:
        harness.workmail.behaviour = Behaviour(visible_after=visible_after)
        response = harness.declare(kind)
        if visible_after == 20:
            succeeded(response)
        else:
            assert "was created and does not show" in failed(response)
        created = harness.entity(NAMES[kind])
        assert response["PhysicalResourceId"].endswith(f"/{WORDS[kind]}/{created.entity_id}")
        assert len(harness.workmail.calls.of(operation("Create", kind))) == 1

    @every_kind
    @pytest.mark.parametrize("hidden", [0, 2])
    def test_a_creation_without_a_response_is_found_as_its_own(
        self, harness: EntityHarness, kind: str, hidden: int
    ) -> None:
        """Also if it shows only after the second creation, which WorkMail refuses."""
        harness.workmail.faults.add(operation("Create", kind), Drop(after_work=True))
        if hidden:
            harness.workmail.faults.add(operation("Describe", kind), NOT_FOUND, times=hidden)
        own = succeeded(harness.declare(kind, AdoptExisting="false"))
        assert own.endswith(harness.entity(NAMES[kind]).entity_id)

    @pytest.mark.parametrize("is_lost", [False, True])
    def test_a_creation_that_fails_later_responds_with_the_created_id(
        self, harness: EntityHarness, is_lost: bool
    ) -> None:
        if is_lost:
            harness.workmail.faults.add("CreateUser", Drop(after_work=True))
        harness.workmail.faults.add("UpdateUser", Failure("InvalidParameterException"), times=None)
        response = harness.declare(USER, Attributes=DORA)
        failed(response)
        own = f"{ORGANIZATION_ID}/user/{harness.entity('dora').entity_id}"
        assert response["PhysicalResourceId"] == own

    def test_a_new_user_has_every_declared_attribute(self, harness: EntityHarness) -> None:
        succeeded(harness.declare(USER, Attributes=DORA))
        user = harness.entity("dora")
        assert (user.hidden, user.attributes["JobTitle"]) == (True, "Explorer")
        # CreateUser does not accept it.
        (call,) = harness.workmail.calls.of("CreateUser")
        assert "JobTitle" not in call.parameters

    def test_a_creation_sends_no_empty_text(self, harness: EntityHarness) -> None:
        succeeded(harness.declare(RESOURCE, Attributes={"Type": "ROOM", "Description": ""}))
        (call,) = harness.workmail.calls.of("CreateResource")
        assert "Description" not in call.parameters

    @pytest.mark.parametrize(
        ("kind", "name", "user"),
        [
            (USER, "team", "group team"),
            (USER, "TEAM", "group team"),
            (GROUP, "alice", "user alice"),
            (RESOURCE, "team", "group team"),
        ],
    )
    def test_a_name_of_another_kind_fails_at_once(
        self, harness: EntityHarness, kind: str, name: str, user: str
    ) -> None:
        began = harness.now
        reason = failed(harness.declare(kind, Name=name))
        assert reason.startswith(f"the name of {WORDS[kind]} {name} of organization")
        assert f" is in use by {user} (id" in reason
        assert harness.now - began < 1

    def test_a_new_name_of_a_resource_that_another_has_fails_at_once(
        self, harness: EntityHarness
    ) -> None:
        own = succeeded(harness.declare(RESOURCE))
        began = harness.now
        reason = failed(harness.declare(RESOURCE, own, Name="board-room"))
        assert "is in use by resource board-room (id" in reason
        assert harness.now - began < 1

    @every_kind
    def test_a_name_in_use_by_no_visible_entity_is_waited_for(
        self, harness: EntityHarness, kind: str
    ) -> None:
        in_use = Failure("NameAvailabilityException")
        harness.workmail.faults.add(operation("Create", kind), in_use, times=None)
        reason = failed(harness.declare(kind))
        assert reason.startswith(f"the name of {WORDS[kind]} {NAMES[kind]} ")
        assert "already in use, but no matching entity was found" in reason

    def test_a_name_in_use_by_an_unreadable_entity_is_waited_for(
        self, harness: EntityHarness
    ) -> None:
        denied = Failure("AccessDeniedException")
        harness.workmail.faults.add("DescribeGroup", denied, times=None)
        assert "but no matching entity was found" in failed(harness.declare(USER, Name="team"))

    @every_kind
    def test_an_existing_entity_that_shows_late_is_adopted(
        self, harness: EntityHarness, kind: str
    ) -> None:
        own = succeeded(harness.declare(kind))
        harness.entity(NAMES[kind]).visible_from = harness.now + 30
        assert succeeded(harness.declare(kind)) == own

    @every_kind
    @pytest.mark.parametrize("times", [1, 2, 3])
    def test_an_existing_entity_that_shows_between_two_calls_is_adopted(
        self, harness: EntityHarness, kind: str, times: int
    ) -> None:
        own = succeeded(harness.declare(kind))
        harness.workmail.faults.add(operation("Describe", kind), NOT_FOUND, times=times)
        assert succeeded(harness.declare(kind)) == own

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("ReservedNameException", "is reserved by WorkMail: declare another"),
            ("InvalidPasswordException", "refuses the password of user dora"),
            ("UnsupportedOperationException", "read-only: change user dora of"),
        ],
    )
    def test_a_refusal_says_what_to_do(self, harness: EntityHarness, code: str, said: str) -> None:
        harness.workmail.faults.add("CreateUser", Failure(code))
        assert said in failed(harness.declare(USER))


class TestPasswords:
    @pytest.fixture
    def own(self, harness: EntityHarness) -> str:
        """A user with the first password, whose secret has another one now."""
        own = succeeded(harness.declare(USER, PasswordSecretArn=SECRET_ARN))
        assert harness.entity("dora").has_password(PASSWORD)
        harness.secrets[SECRET_ARN] = NEW_PASSWORD
        return own

    @pytest.mark.parametrize(
        ("before", "wanted", "is_reset"),
        [("1", "2", True), (None, "1", True), ("1", "1", False), ("1", None, False)],
    )
    def test_a_password_is_reset_when_the_declared_text_changes(
        self,
        harness: EntityHarness,
        own: str,
        before: str | None,
        wanted: str | None,
        is_reset: bool,
    ) -> None:
        """Another secret alone resets nothing."""
        texts: dict[str, Any] = {"ResetPassword": wanted} if wanted else {}
        old = {"ResetPassword": before} if before else {}
        given = {"PasswordSecretArn": SECRET_ARN, **texts}
        succeeded(harness.declare(USER, own, before=old, **given))
        assert harness.entity("dora").has_password(NEW_PASSWORD if is_reset else PASSWORD)

    def test_an_adopted_user_keeps_its_password(self, harness: EntityHarness) -> None:
        succeeded(harness.declare(USER))
        given: dict[str, Any] = {"PasswordSecretArn": SECRET_ARN, "ResetPassword": "1"}
        succeeded(harness.declare(USER, **given))
        assert not harness.entity("dora").has_password(PASSWORD)

    def test_an_update_that_creates_a_user_does_not_reset_its_password(
        self, harness: EntityHarness, own: str
    ) -> None:
        given: dict[str, Any] = {"PasswordSecretArn": SECRET_ARN, "ResetPassword": "2"}
        other = harness.another_organization()
        succeeded(harness.declare(USER, own, before={}, OrganizationId=other, **given))
        assert "ResetPassword" not in harness.operations

    def test_a_rollback_resets_no_password(self, harness: EntityHarness, own: str) -> None:
        harness.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        given: dict[str, Any] = {"PasswordSecretArn": SECRET_ARN, "ResetPassword": "1"}
        succeeded(harness.declare(USER, own, before={"ResetPassword": "2"}, **given))
        assert harness.entity("dora").has_password(PASSWORD)

    @pytest.mark.parametrize(
        "code", ["InvalidPasswordException", "InvalidParameterException", "Surprising"]
    )
    def test_a_password_is_in_no_log_and_no_response(
        self, harness: EntityHarness, code: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        harness.workmail.faults.add("CreateUser", Failure(code, message=f"bad: {PASSWORD}"))
        failed(harness.declare(USER, PasswordSecretArn=SECRET_ARN))
        succeeded(harness.declare(USER, PasswordSecretArn=SECRET_ARN))
        written = capsys.readouterr()
        assert PASSWORD not in written.out + written.err
        assert PASSWORD.encode() not in b"".join(harness.bodies)

    @pytest.mark.parametrize(
        ("arn", "said"),
        [
            (f"{SECRET_ARN}-x", "look at the secret (ResourceNotFoundException)"),
            (SECRET_ARN, "has no text: store the password of user dora in it"),
        ],
    )
    def test_a_secret_without_a_password_creates_no_user(
        self, harness: EntityHarness, arn: str, said: str
    ) -> None:
        harness.secrets[SECRET_ARN] = ""
        assert said in failed(harness.declare(USER, PasswordSecretArn=arn))
        assert not harness.exists("dora")

    def test_a_reset_needs_a_secret(self, harness: EntityHarness, own: str) -> None:
        response = harness.declare(USER, own, before={}, ResetPassword="2")
        assert "declare PasswordSecretArn" in failed(response)


class TestUpdating:
    @pytest.mark.parametrize(
        ("kind", "attributes"),
        [
            (USER, {"DisplayName": "Dora", "Role": "REMOTE_USER", "City": ""}),
            (GROUP, {"HiddenFromGlobalAddressList": "false"}),
            (RESOURCE, {"Type": "ROOM", "Description": ""}),
        ],
    )
    def test_an_entity_as_declared_is_only_read(
        self, harness: EntityHarness, kind: str, attributes: dict[str, str]
    ) -> None:
        """WorkMail shows a role by another name, and empty texts not at all."""
        own = succeeded(harness.declare(kind, Attributes=attributes))
        harness.workmail.calls.clear()
        given: dict[str, Any] = {"Attributes": attributes, "AdoptExisting": "false"}
        assert succeeded(harness.declare(kind, own, **given)) == own
        assert harness.operations == [operation("Describe", kind)]
        assert harness.stack_calls == []

    @pytest.mark.parametrize("clears", [False, True])
    def test_an_update_keeps_undeclared_attributes(
        self, harness: EntityHarness, clears: bool
    ) -> None:
        own = succeeded(harness.declare(USER, Attributes=DORA))
        harness.workmail.behaviour = Behaviour(update_clears_what_is_left_out=clears)
        succeeded(harness.declare(USER, own, Attributes={"DisplayName": "Dora M."}))
        user = harness.entity("dora")
        assert user.hidden
        assert user.attributes["DisplayName"] == "Dora M."
        assert user.attributes["JobTitle"] == "Explorer"
        # No client of AWS accepts None for an attribute that WorkMail does not show.
        assert None not in harness.workmail.calls.of("UpdateUser")[-1].parameters.values()

    @pytest.mark.parametrize("kind", [USER, GROUP])
    def test_a_changed_name_of_a_user_or_group_is_refused(
        self, harness: EntityHarness, kind: str
    ) -> None:
        own = succeeded(harness.declare(kind))
        harness.workmail.calls.clear()
        response = harness.declare(kind, own, Name="another")
        assert "does not rename" in failed(response)
        assert response["PhysicalResourceId"] == own
        assert harness.changes == []

    @pytest.mark.parametrize("clears", [False, True])
    def test_a_resource_is_renamed_in_place(self, harness: EntityHarness, clears: bool) -> None:
        own = succeeded(harness.declare(RESOURCE))
        harness.entity("beamer").description = "by the door"
        harness.workmail.behaviour = Behaviour(update_clears_what_is_left_out=clears)
        assert succeeded(harness.declare(RESOURCE, own, Name="projector")) == own
        assert harness.entity("projector").description == "by the door"
        assert not harness.exists("beamer")

    @pytest.mark.parametrize(
        ("kind", "attributes"),
        [
            (USER, {"DisplayName": "Dora", "Role": "REMOTE_USER"}),
            (RESOURCE, {"Type": "ROOM", "Description": "by the door"}),
        ],
    )
    def test_role_and_type_change_in_place(
        self, harness: EntityHarness, kind: str, attributes: dict[str, str]
    ) -> None:
        own = succeeded(harness.declare(kind))
        assert succeeded(harness.declare(kind, own, Attributes=attributes)) == own
        entity = harness.entity(NAMES[kind])
        changed = entity.role if kind == USER else entity.resource_type
        assert changed in attributes.values()

    def test_an_empty_text_empties_an_attribute(self, harness: EntityHarness) -> None:
        own = succeeded(harness.declare(USER, Attributes=DORA))
        succeeded(harness.declare(USER, own, Attributes={**DORA, "JobTitle": ""}))
        assert harness.entity("dora").attributes["JobTitle"] == ""

    @every_kind
    def test_an_update_to_another_organization_is_a_replacement(
        self, harness: EntityHarness, kind: str
    ) -> None:
        own = succeeded(harness.declare(kind))
        response = harness.declare(kind, own, OrganizationId=harness.another_organization())
        assert succeeded(response).startswith(f"{OTHER_ORGANIZATION_ID}/{WORDS[kind]}/")
        assert harness.exists(NAMES[kind])

    @every_kind
    @pytest.mark.parametrize("rolls_back", [False, True])
    def test_an_own_entity_that_is_not_found_is_not_created_again(
        self, harness: EntityHarness, kind: str, rolls_back: bool
    ) -> None:
        """It would have a new id, and CloudFormation would then delete the old one.

        A rollback ends without it.
        """
        own = succeeded(harness.declare(kind))
        harness.workmail.behaviour = Behaviour(deleted_entity_vanishes=True)
        harness.entity(NAMES[kind]).delete()
        if rolls_back:
            harness.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        response = harness.declare(kind, own)
        if rolls_back:
            succeeded(response)
        else:
            assert "replace its construct by one with another id" in failed(response)
        assert response["PhysicalResourceId"] == own
        assert len(harness.workmail.calls.of(operation("Create", kind))) == 1

    @every_kind
    def test_an_own_entity_that_reads_deleted_is_created_again(
        self, harness: EntityHarness, kind: str
    ) -> None:
        own = succeeded(harness.declare(kind))
        harness.entity(NAMES[kind]).delete()
        assert succeeded(harness.declare(kind, own)) != own

    def test_an_own_entity_that_is_not_found_for_a_moment_is_waited_for(
        self, harness: EntityHarness
    ) -> None:
        own = succeeded(harness.declare(RESOURCE))
        harness.workmail.faults.add("DescribeResource", NOT_FOUND, times=6)
        assert succeeded(harness.declare(RESOURCE, own, Name="projector")) == own
        assert len(harness.workmail.calls.of("CreateResource")) == 1


class TestDeleting:
    @every_kind
    @pytest.mark.parametrize("settle_delay", [0, 20, 10_000])
    def test_a_removed_entity_is_deleted_once_and_read_until_it_is(
        self, harness: EntityHarness, kind: str, settle_delay: float
    ) -> None:
        own = succeeded(harness.declare(kind))
        harness.workmail.behaviour = Behaviour(settle_delay=settle_delay)
        began = harness.now
        response = harness.delete(kind, own)
        if settle_delay < 120:
            succeeded(response)
        else:
            assert "still reads DISABLED: look at it in WorkMail" in failed(response)
        assert harness.now - began >= min(settle_delay, 120)
        assert len(harness.workmail.calls.of(operation("Delete", kind))) == 1
        assert not harness.exists(NAMES[kind])

    @every_kind
    def test_an_enabled_entity_is_not_deleted(self, harness: EntityHarness, kind: str) -> None:
        own = succeeded(harness.declare(kind))
        harness.enable(NAMES[kind], f"{NAMES[kind]}@example.com", ago=0)
        assert "remove its registration or disable it" in failed(harness.delete(kind, own))
        assert harness.entity(NAMES[kind]).state == "ENABLED"

    def test_a_deregistration_in_progress_is_waited_for(self, harness: EntityHarness) -> None:
        own = succeeded(harness.declare(USER))
        harness.enable("dora", "dora@example.com", ago=0)

        def deregister(seconds: float) -> None:
            harness.now += seconds
            if harness.entity("dora").state == "ENABLED":
                harness.workmail.perform(
                    "DeregisterFromWorkMail",
                    {"OrganizationId": ORGANIZATION_ID, "EntityId": own.rpartition("/")[2]},
                )

        harness.on_sleep = deregister
        succeeded(harness.delete(USER, own))
        assert not harness.exists("dora")

    @every_kind
    @pytest.mark.parametrize(
        "reason",
        ["UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE", "handed over", "error"],
    )
    def test_an_entity_that_a_rule_retains_is_not_deleted(
        self, harness: EntityHarness, kind: str, reason: str
    ) -> None:
        """It is rolled back, late, handed over, or the stack cannot be read."""
        own = succeeded(harness.declare(kind))
        if reason == "handed over":
            harness.stack.resources["Other"] = (own, "CREATE_COMPLETE")
        elif reason == "error":
            harness.stack_errors.append(ValueError("no stack"))
        else:
            harness.stack.status = reason
        response = harness.delete(kind, own)
        assert response["Status"] == ("FAILED" if reason == "error" else "SUCCESS")
        assert harness.exists(NAMES[kind])

    @every_kind
    @pytest.mark.parametrize("is_organization", [False, True])
    def test_an_entity_or_organization_that_is_deleted_already_is_success(
        self, harness: EntityHarness, kind: str, is_organization: bool
    ) -> None:
        own = succeeded(harness.declare(kind))
        if is_organization:
            harness.organization.deleted = True
        else:
            harness.entity(NAMES[kind]).delete()
        assert succeeded(harness.delete(kind, own)) == own
        assert operation("Delete", kind) not in harness.operations

    @every_kind
    @pytest.mark.parametrize(
        "physical_id",
        [
            NEVER_CREATED,
            "Mail-Dora-1A2B3C",
            f"{ORGANIZATION_ID}/dora",
            f"{ORGANIZATION_ID}/account/dora",
            f"{ORGANIZATION_ID}/user/dora/members",
        ],
    )
    def test_an_id_of_another_origin_is_ignored(
        self, harness: EntityHarness, kind: str, physical_id: str
    ) -> None:
        assert succeeded(harness.delete(kind, physical_id)) == physical_id
        assert harness.operations == []

    def test_the_id_of_another_kind_is_ignored(self, harness: EntityHarness) -> None:
        own = succeeded(harness.declare(USER))
        harness.workmail.calls.clear()
        assert succeeded(harness.delete(GROUP, own)) == own
        assert harness.operations == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Name": ""}, "Name is ''"),
        ({"Attributes": "Dora"}, "Attributes is 'Dora', must be an object"),
        ({"Attributes": {"HiddenFromGlobalAddressList": "maybe"}}, "must be true or false"),
    ],
)
def test_a_wrong_declaration_fails_before_any_call(
    harness: EntityHarness, changes: dict[str, Any], said: str
) -> None:
    response = harness.declare(USER, **changes)
    assert said in failed(response)
    assert response["PhysicalResourceId"] == NEVER_CREATED
    assert harness.operations == []
