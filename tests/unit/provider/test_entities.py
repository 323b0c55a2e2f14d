"""Users, groups and resources, rule by rule, against the local WorkMail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_aws.workmail import Behaviour, Drop, Failure, User
from tests.support.harness import OTHER_ORGANIZATION_ID, FunctionHarness
from tests.support.lambda_fakes import ORGANIZATION_ID
from workmail_provider.cloudformation.response import NEVER_CREATED

USER = "Custom::WorkMailUser"
GROUP = "Custom::WorkMailGroup"
MEMBERS = "Custom::WorkMailGroupMembers"
RESOURCE = "Custom::WorkMailResource"
DELEGATES = "Custom::WorkMailResourceDelegates"
SECRET_ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:dora-AbCdEf"
PASSWORD = "Correct-Horse-9-Battery"
NAMES = {USER: "dora", GROUP: "sales", RESOURCE: "beamer"}
WORDS = {USER: "user", GROUP: "group", RESOURCE: "resource"}
DORA = {"DisplayName": "Dora", "HiddenFromGlobalAddressList": "true", "JobTitle": "Explorer"}
every_kind = pytest.mark.parametrize("kind", [USER, GROUP, RESOURCE])


class Directory(FunctionHarness):
    """An organization in which dora, the sales group and the beamer are not there yet."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets[SECRET_ARN] = PASSWORD

    def declare(self, kind: str, physical_id: str | None = None, **changes: Any) -> dict[str, Any]:
        """Create, or with a physical id Update."""
        given: dict[str, Any] = {"OrganizationId": ORGANIZATION_ID}
        if kind in NAMES:
            given["Name"] = NAMES[kind]
        if kind == USER:
            given["Attributes"] = {"DisplayName": "Dora"}
        if kind == RESOURCE:
            given["Attributes"] = {"Type": "EQUIPMENT"}
        request_type = "Update" if physical_id else "Create"
        return self.send(request_type, physical_id, resource_type=kind, **{**given, **changes})

    def remove(self, kind: str, physical_id: str) -> dict[str, Any]:
        return self.send("Delete", physical_id, resource_type=kind, OrganizationId=ORGANIZATION_ID)

    def named(self, name: str) -> Any:
        return self.organization.entity(name)

    def has(self, name: str) -> bool:
        names = {
            entity.name
            for entity in self.organization.entities.values()
            if entity.state != "DELETED"
        }
        return name in names


@pytest.fixture
def world() -> Directory:
    return Directory()


class TestCreating:
    @every_kind
    def test_what_is_not_there_is_created(self, world: Directory, kind: str) -> None:
        answer = world.declare(kind)
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        entity = world.named(NAMES[kind])
        assert answer["PhysicalResourceId"] == (
            f"{ORGANIZATION_ID}/{WORDS[kind]}/{entity.entity_id}"
        )
        assert answer["Data"] == {
            "OrganizationId": ORGANIZATION_ID,
            f"{WORDS[kind].title()}Id": entity.entity_id,
            "Name": NAMES[kind],
        }

    @every_kind
    def test_what_is_there_is_taken_over(self, world: Directory, kind: str) -> None:
        first = world.declare(kind)
        world.workmail.calls.clear()
        assert world.declare(kind)["PhysicalResourceId"] == first["PhysicalResourceId"]
        assert not [name for name in world.operations if not name.startswith("Describe")]

    @every_kind
    def test_adopt_existing_false_refuses_what_is_there(self, world: Directory, kind: str) -> None:
        world.declare(kind)
        answer = world.declare(kind, AdoptExisting="false")
        assert answer["Status"] == "FAILED"
        assert "adopt_existing" in answer["Reason"]
        assert answer["PhysicalResourceId"] == NEVER_CREATED

    @every_kind
    def test_a_renamed_construct_is_not_somebody_else(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.stack.resources["Before"] = (own, "CREATE_COMPLETE")
        assert world.declare(kind, AdoptExisting="false")["PhysicalResourceId"] == own

    def test_who_only_has_the_name_as_an_address_is_another_one(self, world: Directory) -> None:
        world.enable("alice", "dora@example.com")
        answer = world.declare(USER, Name="dora@example.com", AdoptExisting="false")
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert answer["Data"]["UserId"] != world.alice.entity_id

    @every_kind
    def test_a_name_in_other_letters_is_the_same_name(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.workmail.calls.clear()
        for physical_id in (None, own):
            answer = world.declare(kind, physical_id, Name=NAMES[kind].title())
            assert answer["Status"] == "SUCCESS", answer["Reason"]
            assert answer["PhysicalResourceId"] == own
        assert world.operations == [f"Describe{WORDS[kind].title()}"] * 2

    @every_kind
    def test_one_of_that_name_that_is_deleted_is_not_taken_over(
        self, world: Directory, kind: str
    ) -> None:
        """Here its name is its id too: WorkMail may show the deleted by either."""
        name, organization = NAMES[kind], world.organization
        add: Any = {
            USER: organization.add_user,
            GROUP: organization.add_group,
            RESOURCE: organization.add_resource,
        }[kind]
        add(name, entity_id=name).delete()
        answer = world.declare(kind)
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert not answer["PhysicalResourceId"].endswith(f"/{name}")

    @every_kind
    def test_it_is_in_the_region_that_is_declared(self, world: Directory, kind: str) -> None:
        world.organization.region = "eu-west-1"
        elsewhere: dict[str, Any] = {"OrganizationRegion": "eu-west-1"}
        own = world.declare(kind, **elsewhere)["PhysicalResourceId"]
        assert world.has(NAMES[kind])
        world.send("Delete", own, resource_type=kind, OrganizationId=ORGANIZATION_ID, **elsewhere)
        assert not world.has(NAMES[kind])

    def test_one_whom_somebody_makes_meanwhile_is_somebody_elses(self, world: Directory) -> None:
        """A call that was throttled has made nobody."""
        world.workmail.faults.add("CreateUser", Failure("ThrottlingException"))

        def make(seconds: float) -> None:
            world.now += seconds
            if not world.has("dora"):
                world.organization.add_user("dora")

        world.on_sleep = make
        answer = world.declare(USER, AdoptExisting="false")
        assert answer["Status"] == "FAILED"
        assert "adopt_existing" in answer["Reason"]

    @every_kind
    def test_what_shows_late_is_waited_for(self, world: Directory, kind: str) -> None:
        world.workmail.behaviour = Behaviour(visible_after=20)
        assert world.declare(kind)["Status"] == "SUCCESS"
        assert len(world.workmail.calls.of(f"Create{WORDS[kind].title()}")) == 1

    @every_kind
    def test_a_creation_without_an_answer_is_not_done_twice(
        self, world: Directory, kind: str
    ) -> None:
        world.workmail.faults.add(f"Create{WORDS[kind].title()}", Drop(after_work=True))
        assert world.declare(kind, AdoptExisting="false")["Status"] == "SUCCESS"

    @every_kind
    def test_nor_is_its_name_taken_by_somebody_when_it_shows_late(
        self, world: Directory, kind: str
    ) -> None:
        """Here between the second creation, which WorkMail refuses, and the look at who has it."""
        operation, missing = WORDS[kind].title(), Failure("EntityNotFoundException")
        world.workmail.faults.add(f"Create{operation}", Drop(after_work=True))
        world.workmail.faults.add(f"Describe{operation}", missing, times=2)
        answer = world.declare(kind, AdoptExisting="false")
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert len(world.workmail.calls.of(f"Create{operation}")) == 2

    def test_a_creation_that_fails_later_names_what_it_left_behind(self, world: Directory) -> None:
        world.workmail.faults.add("UpdateUser", Failure("InvalidParameterException"), times=None)
        answer = world.declare(USER, Attributes=DORA)
        assert answer["Status"] == "FAILED"
        user = world.named("dora")
        assert answer["PhysicalResourceId"] == f"{ORGANIZATION_ID}/user/{user.entity_id}"

    def test_a_creation_without_an_answer_that_fails_later_names_it_too(
        self, world: Directory
    ) -> None:
        world.workmail.faults.add("CreateUser", Drop(after_work=True))
        world.workmail.faults.add("UpdateUser", Failure("InvalidParameterException"), times=None)
        answer = world.declare(USER, Attributes=DORA)
        assert answer["Status"] == "FAILED"
        assert answer["PhysicalResourceId"].endswith(world.named("dora").entity_id)

    def test_a_new_user_has_all_that_is_declared(self, world: Directory) -> None:
        world.declare(USER, Attributes=DORA)
        user = world.named("dora")
        assert user.hidden
        assert user.attributes["JobTitle"] == "Explorer"
        # CreateUser does not have it.
        (call,) = world.workmail.calls.of("CreateUser")
        assert "JobTitle" not in call.parameters

    def test_an_empty_text_is_not_sent_at_creation(self, world: Directory) -> None:
        answer = world.declare(RESOURCE, Attributes={"Type": "ROOM", "Description": ""})
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        (call,) = world.workmail.calls.of("CreateResource")
        assert "Description" not in call.parameters

    @every_kind
    def test_a_name_of_another_kind_is_told_at_once(self, world: Directory, kind: str) -> None:
        name = "alice" if kind == GROUP else "team"
        began, holder = world.now, "user alice (id" if kind == GROUP else "group team (id"
        answer = world.declare(kind, Name=name)
        assert answer["Reason"].startswith(f"the name of {WORDS[kind]} {name} of organization")
        assert f" is taken by {holder}" in answer["Reason"]
        assert world.now - began < 1

    @every_kind
    def test_a_name_that_nobody_shows_is_waited_for(self, world: Directory, kind: str) -> None:
        operation = f"Create{WORDS[kind].title()}"
        taken = Failure("NameAvailabilityException")
        world.workmail.faults.add(operation, taken, times=None)
        answer = world.declare(kind)
        assert answer["Reason"].startswith(f"the name of {WORDS[kind]} {NAMES[kind]} ")
        assert "nobody shows by it" in answer["Reason"]

    def test_the_case_of_a_taken_name_is_no_difference(self, world: Directory) -> None:
        began = world.now
        assert "is taken by group team (id" in world.declare(USER, Name="TEAM")["Reason"]
        assert world.now - began < 1

    def test_who_has_it_as_an_address_has_not_taken_the_name(self, world: Directory) -> None:
        world.enable("alice", "dora@example.com")
        world.workmail.faults.add("CreateUser", Failure("NameAvailabilityException"))
        answer = world.declare(USER, Name="dora@example.com")
        assert answer["Status"] == "SUCCESS", answer["Reason"]

    def test_who_has_taken_it_need_not_be_readable(self, world: Directory) -> None:
        world.workmail.faults.add("DescribeGroup", Failure("AccessDeniedException"), times=None)
        assert "is taken, nobody shows by it" in world.declare(USER, Name="team")["Reason"]

    @every_kind
    def test_one_who_shows_only_after_the_refusal_is_taken_over(
        self, world: Directory, kind: str
    ) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        missing = Failure("EntityNotFoundException")
        world.workmail.faults.add(f"Describe{WORDS[kind].title()}", missing)
        answer = world.declare(kind)
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert answer["PhysicalResourceId"] == own

    def test_a_new_name_of_a_resource_that_another_has_is_told_at_once(
        self, world: Directory
    ) -> None:
        own = world.declare(RESOURCE)["PhysicalResourceId"]
        began = world.now
        answer = world.declare(RESOURCE, own, Name="board-room")
        assert "is taken by resource board-room (id" in answer["Reason"]
        assert world.now - began < 1

    @every_kind
    def test_one_there_who_shows_late_is_taken_over(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.named(NAMES[kind]).visible_from = world.now + 30
        assert world.declare(kind)["PhysicalResourceId"] == own

    @every_kind
    def test_one_that_never_shows_is_named(self, world: Directory, kind: str) -> None:
        world.workmail.behaviour = Behaviour(visible_after=10_000)
        answer = world.declare(kind)
        assert answer["Status"] == "FAILED"
        assert "was created and does not show" in answer["Reason"]
        made = world.named(NAMES[kind])
        assert answer["PhysicalResourceId"].endswith(f"/{WORDS[kind]}/{made.entity_id}")

    @pytest.mark.parametrize(
        ("code", "told"),
        [
            ("ReservedNameException", "is reserved by WorkMail: declare another"),
            ("InvalidPasswordException", "does not accept the password of user dora"),
            ("UnsupportedOperationException", "read-only: change user dora of"),
        ],
    )
    def test_a_refusal_tells_what_to_do(self, world: Directory, code: str, told: str) -> None:
        world.workmail.faults.add("CreateUser", Failure(code))
        answer = world.declare(USER)
        assert answer["Status"] == "FAILED"
        assert told in answer["Reason"]


class TestPasswords:
    def test_a_new_user_has_the_password_of_the_secret(self, world: Directory) -> None:
        world.declare(USER, PasswordSecretArn=SECRET_ARN)
        user = world.named("dora")
        assert isinstance(user, User)
        assert user.has_password(PASSWORD)

    def test_one_that_is_there_keeps_its_own(self, world: Directory) -> None:
        world.declare(USER)
        world.declare(USER, PasswordSecretArn=SECRET_ARN)
        assert not world.named("dora").has_password(PASSWORD)

    def test_another_secret_resets_nothing(self, world: Directory) -> None:
        own = world.declare(USER, PasswordSecretArn=SECRET_ARN)["PhysicalResourceId"]
        world.secrets[SECRET_ARN] = "Another-Horse-8-Battery"
        world.declare(USER, own, PasswordSecretArn=SECRET_ARN)
        assert world.named("dora").has_password(PASSWORD)

    def test_it_is_reset_when_that_is_asked_for(self, world: Directory) -> None:
        own = world.declare(USER, PasswordSecretArn=SECRET_ARN)["PhysicalResourceId"]
        world.secrets[SECRET_ARN] = "Another-Horse-8-Battery"
        asked = {"PasswordSecretArn": SECRET_ARN, "ResetPassword": "2"}
        world.declare(USER, own, before={"ResetPassword": "1"}, **asked)
        assert world.named("dora").has_password("Another-Horse-8-Battery")
        world.workmail.calls.clear()
        world.declare(USER, own, before=asked, **asked)
        assert "ResetPassword" not in world.operations

    def test_no_longer_asking_for_it_resets_nothing(self, world: Directory) -> None:
        own = world.declare(USER, PasswordSecretArn=SECRET_ARN)["PhysicalResourceId"]
        world.declare(USER, own, before={"ResetPassword": "1"}, PasswordSecretArn=SECRET_ARN)
        assert "ResetPassword" not in world.operations

    def test_one_made_in_another_organization_has_it_already(self, world: Directory) -> None:
        own = world.declare(USER, PasswordSecretArn=SECRET_ARN)["PhysicalResourceId"]
        answer = world.declare(
            USER,
            own,
            before={"ResetPassword": "1"},
            OrganizationId=world.another_organization(),
            PasswordSecretArn=SECRET_ARN,
            ResetPassword="2",
        )
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert "ResetPassword" not in world.operations

    def test_it_cannot_be_reset_without_a_secret(self, world: Directory) -> None:
        own = world.declare(USER)["PhysicalResourceId"]
        answer = world.declare(USER, own, before={"ResetPassword": "1"}, ResetPassword="2")
        assert answer["Status"] == "FAILED"
        assert "declare PasswordSecretArn" in answer["Reason"]

    @pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_COMPLETE"])
    def test_neither_a_rollback_nor_a_late_update_resets_it(
        self, world: Directory, status: str
    ) -> None:
        own = world.declare(USER, PasswordSecretArn=SECRET_ARN)["PhysicalResourceId"]
        world.stack.status = status
        asked = {"PasswordSecretArn": SECRET_ARN, "ResetPassword": "1"}
        answer = world.declare(USER, own, before={"ResetPassword": "2"}, **asked)
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert "ResetPassword" not in world.operations

    @pytest.mark.parametrize(
        "code", ["InvalidPasswordException", "InvalidParameterException", "Surprising"]
    )
    def test_it_is_in_no_log_error_or_answer(
        self, world: Directory, code: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        world.workmail.faults.add("CreateUser", Failure(code, message=f"bad: {PASSWORD}"))
        world.declare(USER, PasswordSecretArn=SECRET_ARN)
        world.declare(USER, PasswordSecretArn=SECRET_ARN)
        told = capsys.readouterr()
        assert PASSWORD not in told.out + told.err
        assert PASSWORD.encode() not in b"".join(world.bodies)

    def test_it_is_not_reset_at_creation(self, world: Directory) -> None:
        world.declare(USER)
        world.declare(USER, PasswordSecretArn=SECRET_ARN, ResetPassword="1")
        assert "ResetPassword" not in world.operations

    def test_a_secret_that_cannot_be_read_is_told(self, world: Directory) -> None:
        answer = world.declare(
            USER, PasswordSecretArn="arn:aws:secretsmanager:us-east-1:0:secret:x"
        )
        assert answer["Status"] == "FAILED"
        assert "look at the secret (ResourceNotFoundException)" in answer["Reason"]
        assert not world.has("dora")

    def test_an_empty_secret_is_told(self, world: Directory) -> None:
        world.secrets[SECRET_ARN] = ""
        answer = world.declare(USER, PasswordSecretArn=SECRET_ARN)
        assert answer["Status"] == "FAILED"
        assert "holds no text: put the password of user dora into it" in answer["Reason"]
        assert not world.has("dora")


class TestUpdating:
    @every_kind
    def test_nothing_is_asked_for_that_is_as_declared(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.workmail.calls.clear()
        assert world.declare(kind, own)["PhysicalResourceId"] == own
        assert world.operations == [f"Describe{WORDS[kind].title()}"]

    @pytest.mark.parametrize(
        ("kind", "attributes"),
        [
            (USER, {"DisplayName": "Dora", "Role": "REMOTE_USER", "City": ""}),
            (GROUP, {"HiddenFromGlobalAddressList": "false"}),
            (RESOURCE, {"Type": "ROOM", "Description": ""}),
        ],
    )
    def test_what_reads_otherwise_is_as_declared_too(
        self, world: Directory, kind: str, attributes: dict[str, str]
    ) -> None:
        """A role is read by another name, and what is empty is not told."""
        own = world.declare(kind, Attributes=attributes)["PhysicalResourceId"]
        world.workmail.calls.clear()
        assert world.declare(kind, own, Attributes=attributes)["Status"] == "SUCCESS"
        assert world.operations == [f"Describe{WORDS[kind].title()}"]

    @every_kind
    def test_our_own_is_not_somebody_elses(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        answer = world.declare(kind, own, AdoptExisting="false")
        assert answer["Status"] == "SUCCESS", answer["Reason"]

    @pytest.mark.parametrize("clears", [False, True])
    def test_an_update_keeps_what_is_not_declared(self, world: Directory, clears: bool) -> None:
        own = world.declare(USER, Attributes=DORA)["PhysicalResourceId"]
        world.workmail.behaviour = Behaviour(update_clears_what_is_left_out=clears)
        world.declare(USER, own, Attributes={"DisplayName": "Dora M."})
        user = world.named("dora")
        assert user.attributes["DisplayName"] == "Dora M."
        assert user.attributes["JobTitle"] == "Explorer"
        assert user.hidden
        # What WorkMail does not tell is not sent; no client of AWS takes None.
        assert None not in world.workmail.calls.of("UpdateUser")[-1].parameters.values()

    @pytest.mark.parametrize("kind", [USER, GROUP])
    def test_a_changed_name_is_refused_with_an_explanation(
        self, world: Directory, kind: str
    ) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.workmail.calls.clear()
        answer = world.declare(kind, own, Name="another")
        assert answer["Status"] == "FAILED"
        assert "does not rename" in answer["Reason"]
        assert answer["PhysicalResourceId"] == own
        assert not [name for name in world.operations if not name.startswith("Describe")]

    @pytest.mark.parametrize("clears", [False, True])
    def test_a_resource_is_renamed_in_place(self, world: Directory, clears: bool) -> None:
        own = world.declare(RESOURCE)["PhysicalResourceId"]
        world.named("beamer").description = "by the door"
        world.workmail.behaviour = Behaviour(update_clears_what_is_left_out=clears)
        assert world.declare(RESOURCE, own, Name="projector")["PhysicalResourceId"] == own
        assert world.named("projector").description == "by the door"
        assert not world.has("beamer")

    @pytest.mark.parametrize(
        ("kind", "attributes"),
        [
            (USER, {"DisplayName": "Dora", "Role": "REMOTE_USER"}),
            (RESOURCE, {"Type": "ROOM", "Description": "by the door"}),
        ],
    )
    def test_role_and_type_change_in_place(
        self, world: Directory, kind: str, attributes: dict[str, str]
    ) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        answer = world.declare(kind, own, Attributes=attributes)
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", own)
        entity = world.named(NAMES[kind])
        changed = entity.role if kind == USER else entity.resource_type
        assert changed in attributes.values()

    def test_an_empty_text_empties_an_attribute(self, world: Directory) -> None:
        own = world.declare(USER, Attributes=DORA)["PhysicalResourceId"]
        world.declare(USER, own, Attributes={**DORA, "JobTitle": ""})
        assert world.named("dora").attributes["JobTitle"] == ""

    @every_kind
    def test_in_another_organization_it_is_another(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        answer = world.declare(kind, own, OrganizationId=world.another_organization())
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert answer["PhysicalResourceId"].startswith(f"{OTHER_ORGANIZATION_ID}/{WORDS[kind]}/")
        assert world.has(NAMES[kind])

    @every_kind
    def test_what_cannot_be_found_is_not_made_again(self, world: Directory, kind: str) -> None:
        """It would be replaced, and CloudFormation would then delete the one that was meant."""
        own = world.declare(kind)["PhysicalResourceId"]
        world.workmail.behaviour = Behaviour(deleted_entity_vanishes=True)
        world.named(NAMES[kind]).delete()
        answer = world.declare(kind, own)
        assert answer["Status"] == "FAILED"
        assert "declare another construct" in answer["Reason"]
        assert answer["PhysicalResourceId"] == own

    @every_kind
    def test_a_rollback_can_end_without_it(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.workmail.behaviour = Behaviour(deleted_entity_vanishes=True)
        world.named(NAMES[kind]).delete()
        world.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        answer = world.declare(kind, own)
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert answer["PhysicalResourceId"] == own
        assert len(world.workmail.calls.of(f"Create{WORDS[kind].title()}")) == 1

    @every_kind
    def test_what_reads_deleted_is_made_again(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.named(NAMES[kind]).delete()
        answer = world.declare(kind, own)
        assert answer["Status"] == "SUCCESS"
        assert answer["PhysicalResourceId"] != own

    def test_what_is_not_found_for_a_moment_is_not_made_again(self, world: Directory) -> None:
        own = world.declare(RESOURCE)["PhysicalResourceId"]
        missing = Failure("EntityNotFoundException")
        world.workmail.faults.add("DescribeResource", missing, times=6)
        answer = world.declare(RESOURCE, own, Name="projector")
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert answer["PhysicalResourceId"] == own
        assert len(world.workmail.calls.of("CreateResource")) == 1


class TestDeleting:
    @every_kind
    def test_what_is_removed_is_deleted(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        assert world.remove(kind, own)["Status"] == "SUCCESS"
        assert not world.has(NAMES[kind])

    @every_kind
    def test_a_deletion_has_to_show(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.workmail.behaviour = Behaviour(settle_delay=20)
        began = world.now
        assert world.remove(kind, own)["Status"] == "SUCCESS"
        assert world.now - began >= 20
        assert len(world.workmail.calls.of(f"Delete{WORDS[kind].title()}")) == 1

    @every_kind
    def test_one_that_never_shows_is_told(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.workmail.behaviour = Behaviour(settle_delay=10_000)
        answer = world.remove(kind, own)
        assert answer["Status"] == "FAILED"
        assert "still reads DISABLED: look at it in WorkMail" in answer["Reason"]

    @every_kind
    def test_what_is_enabled_is_not_deleted_with_its_mailbox(
        self, world: Directory, kind: str
    ) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.enable(NAMES[kind], f"{NAMES[kind]}@example.com", ago=0)
        answer = world.remove(kind, own)
        assert answer["Status"] == "FAILED"
        assert "remove its registration or disable it" in answer["Reason"]
        assert world.named(NAMES[kind]).state == "ENABLED"

    def test_a_registration_that_is_leaving_is_waited_for(self, world: Directory) -> None:
        own = world.declare(USER)["PhysicalResourceId"]
        world.enable("dora", "dora@example.com", ago=0)

        def deregister(seconds: float) -> None:
            world.now += seconds
            if world.named("dora").state == "ENABLED":
                world.workmail.perform(
                    "DeregisterFromWorkMail",
                    {"OrganizationId": ORGANIZATION_ID, "EntityId": own.rpartition("/")[2]},
                )

        world.on_sleep = deregister
        assert world.remove(USER, own)["Status"] == "SUCCESS"
        assert not world.has("dora")

    @every_kind
    def test_what_was_handed_over_stays(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.stack.resources["Other"] = (own, "CREATE_COMPLETE")
        assert world.remove(kind, own)["Status"] == "SUCCESS"
        assert world.has(NAMES[kind])

    @every_kind
    def test_what_is_rolled_back_stays(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.stack.status = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
        assert world.remove(kind, own)["Status"] == "SUCCESS"
        assert world.has(NAMES[kind])

    @every_kind
    def test_a_late_delete_touches_nothing(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.stack.status = "UPDATE_COMPLETE"
        assert world.remove(kind, own)["Status"] == "SUCCESS"
        assert world.has(NAMES[kind])

    @every_kind
    def test_what_is_gone_is_done(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.named(NAMES[kind]).delete()
        assert world.remove(kind, own)["Status"] == "SUCCESS"

    @every_kind
    def test_with_the_organization_it_is_gone(self, world: Directory, kind: str) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.organization.deleted = True
        assert world.remove(kind, own)["Status"] == "SUCCESS"
        assert f"Delete{WORDS[kind].title()}" not in world.operations

    @every_kind
    @pytest.mark.parametrize(
        "physical_id", [NEVER_CREATED, "Mail-Dora-1A2B3C", f"{ORGANIZATION_ID}/dora"]
    )
    def test_an_id_that_is_not_one_of_ours_touches_nothing(
        self, world: Directory, kind: str, physical_id: str
    ) -> None:
        assert world.remove(kind, physical_id)["Status"] == "SUCCESS"
        assert world.operations == []

    def test_the_id_of_another_kind_touches_nothing(self, world: Directory) -> None:
        own = world.declare(USER)["PhysicalResourceId"]
        world.workmail.calls.clear()
        assert world.remove(GROUP, own)["Status"] == "SUCCESS"
        assert world.operations == []

    @every_kind
    def test_a_stack_that_cannot_be_read_fails_the_delete(
        self, world: Directory, kind: str
    ) -> None:
        own = world.declare(kind)["PhysicalResourceId"]
        world.stack_errors.append(ValueError("no stack"))
        assert world.remove(kind, own)["Status"] == "FAILED"
        assert world.has(NAMES[kind])


class TestPeople:
    @pytest.fixture
    def team(self, world: Directory) -> str:
        for name in ("alice", "bob", "team", "board-room"):
            world.enable(name, f"{name}@example.com")
        team: str = world.team.entity_id
        return team

    def test_members_are_those_that_are_declared(self, world: Directory, team: str) -> None:
        first = world.declare(MEMBERS, GroupId=team, Members=["alice"])
        assert first["PhysicalResourceId"] == f"{ORGANIZATION_ID}/group/{team}/members"
        assert world.team.members == [world.alice.entity_id]
        own = first["PhysicalResourceId"]
        world.declare(MEMBERS, own, GroupId=team, Members=[world.bob.entity_id])
        assert world.team.members == [world.bob.entity_id]

    def test_a_member_by_name_and_id_is_one(self, world: Directory, team: str) -> None:
        members = ["alice", world.alice.entity_id]
        world.declare(MEMBERS, GroupId=team, Members=members)
        assert len(world.workmail.calls.of("AssociateMemberToGroup")) == 1

    def test_a_member_that_is_not_there_is_told(self, world: Directory, team: str) -> None:
        answer = world.declare(MEMBERS, GroupId=team, Members=["nobody"])
        assert answer["Status"] == "FAILED"
        assert "member nobody is not in organization" in answer["Reason"]

    def test_a_member_that_shows_late_is_waited_for(self, world: Directory, team: str) -> None:
        world.alice.visible_from = world.now + 30
        answer = world.declare(MEMBERS, GroupId=team, Members=["alice"])
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert world.team.members == [world.alice.entity_id]

    def test_a_member_that_shows_as_enabled_late_is_waited_for(
        self, world: Directory, team: str
    ) -> None:
        world.workmail.behaviour = Behaviour(settle_delay=30, settling_binds_calls=True)
        dora = world.declare(USER)["Data"]["UserId"]
        world.enable("dora", "dora@example.com", ago=0)
        answer = world.declare(MEMBERS, GroupId=team, Members=["dora"])
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert world.team.members == [dora]

    def test_as_many_as_there_are_leave(self, world: Directory, team: str) -> None:
        """WorkMail lists them page by page."""
        for number in range(101):
            world.team.members.append(world.organization.add_user(f"user{number}").entity_id)
        last = world.team.members[-1]
        answer = world.declare(MEMBERS, GroupId=team, Members=[])
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert last not in world.team.members

    def test_the_stack_is_not_asked_where_nobody_leaves(self, world: Directory, team: str) -> None:
        own = world.declare(MEMBERS, GroupId=team, Members=["alice"])["PhysicalResourceId"]
        world.declare(MEMBERS, own, GroupId=team, Members=["alice", "bob"])
        assert world.stack_calls == []

    def test_who_may_just_not_show_is_removed_all_the_same(
        self, world: Directory, team: str
    ) -> None:
        own = world.declare(MEMBERS, GroupId=team, Members=["alice"])["PhysicalResourceId"]
        missing = Failure("EntityNotFoundException")
        world.workmail.faults.add("DisassociateMemberFromGroup", missing, times=2)
        world.declare(MEMBERS, own, GroupId=team, Members=[])
        assert world.team.members == []

    def test_a_room_is_given_another_delegate_before_the_last_one_leaves(
        self, world: Directory, team: str
    ) -> None:
        world.workmail.behaviour = Behaviour(last_delegate_can_leave=False)
        room: dict[str, Any] = {
            "ResourceId": world.room.entity_id,
            "BookingOptions": {"AutoAcceptRequests": "false"},
        }
        own = world.declare(DELEGATES, Delegates=["alice"], **room)["PhysicalResourceId"]
        began = world.now
        world.declare(DELEGATES, own, Delegates=["bob"], **room)
        assert world.room.delegates == [world.bob.entity_id]
        assert world.now - began < 1

    def test_they_are_in_the_region_that_is_declared(self, world: Directory, team: str) -> None:
        world.organization.region = "eu-west-1"
        elsewhere: dict[str, Any] = {"OrganizationRegion": "eu-west-1"}
        answer = world.declare(MEMBERS, GroupId=team, Members=["alice"], **elsewhere)
        assert answer["Status"] == "SUCCESS", answer["Reason"]

    @pytest.mark.parametrize("vanishes", [False, True])
    def test_one_that_is_deleted_is_told(self, world: Directory, team: str, vanishes: bool) -> None:
        world.workmail.behaviour = Behaviour(deleted_entity_vanishes=vanishes)
        world.alice.delete()
        answer = world.declare(MEMBERS, GroupId=team, Members=[world.alice.entity_id])
        assert answer["Status"] == "FAILED"
        told = "is not in organization" if vanishes else "is deleted from organization"
        assert answer["Reason"].startswith(f"member {world.alice.entity_id} {told}")

    @pytest.mark.parametrize("vanishes", [False, True])
    def test_a_rollback_can_end_without_who_is_gone(
        self, world: Directory, team: str, vanishes: bool
    ) -> None:
        alice, bob = world.alice.entity_id, world.bob.entity_id
        own = world.declare(MEMBERS, GroupId=team, Members=[])["PhysicalResourceId"]
        world.workmail.behaviour = Behaviour(deleted_entity_vanishes=vanishes)
        world.alice.delete()
        world.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        answer = world.declare(MEMBERS, own, GroupId=team, Members=[alice, bob])
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert world.team.members == [bob]

    def test_a_rollback_removes_nobody_who_is_declared_and_does_not_show(
        self, world: Directory, team: str
    ) -> None:
        alice = world.alice.entity_id
        own = world.declare(MEMBERS, GroupId=team, Members=[alice])["PhysicalResourceId"]
        world.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        missing = Failure("EntityNotFoundException")
        world.workmail.faults.add("DescribeUser", missing, times=None, entity="alice")
        answer = world.declare(MEMBERS, own, GroupId=team, Members=[alice])
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert world.team.members == [alice]

    @pytest.mark.parametrize("vanishes", [False, True])
    def test_a_rollback_can_end_without_the_group(
        self, world: Directory, team: str, vanishes: bool
    ) -> None:
        own = world.declare(MEMBERS, GroupId=team, Members=[])["PhysicalResourceId"]
        world.workmail.behaviour = Behaviour(deleted_entity_vanishes=vanishes)
        world.team.delete()
        world.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        answer = world.declare(MEMBERS, own, GroupId=team, Members=["alice"])
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert answer["PhysicalResourceId"] == own

    def test_a_deleted_member_is_none(self, world: Directory, team: str) -> None:
        world.declare(MEMBERS, GroupId=team, Members=["alice", "bob"])
        world.alice.delete()
        world.declare(MEMBERS, GroupId=team, Members=["bob"])
        assert world.workmail.calls.of("DisassociateMemberFromGroup") == []

    def test_a_late_update_removes_none(self, world: Directory, team: str) -> None:
        own = world.declare(MEMBERS, GroupId=team, Members=["alice"])["PhysicalResourceId"]
        world.stack.status = "UPDATE_COMPLETE"
        answer = world.declare(MEMBERS, own, GroupId=team, Members=[])
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert world.team.members == [world.alice.entity_id]

    def test_a_rollback_removes_whom_the_update_added(self, world: Directory, team: str) -> None:
        own = world.declare(MEMBERS, GroupId=team, Members=["alice"])["PhysicalResourceId"]
        world.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        world.declare(MEMBERS, own, GroupId=team, Members=[])
        assert world.team.members == []

    def test_a_delegate_who_is_gone_is_none(self, world: Directory, team: str) -> None:
        room = world.room.entity_id
        own = world.declare(DELEGATES, ResourceId=room, Delegates=["alice", "bob"])
        world.alice.delete()
        world.workmail.behaviour = Behaviour(deleted_entity_vanishes=True)
        answer = world.declare(
            DELEGATES, own["PhysicalResourceId"], ResourceId=room, Delegates=["bob"]
        )
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        # WorkMail shows neither the state of a delegate nor, then, the delegate.
        assert len(world.workmail.calls.of("DisassociateDelegateFromResource")) == 1

    def test_removed_members_stay(self, world: Directory, team: str) -> None:
        own = world.declare(MEMBERS, GroupId=team, Members=["alice"])["PhysicalResourceId"]
        world.workmail.calls.clear()
        assert world.remove(MEMBERS, own)["Status"] == "SUCCESS"
        assert world.operations == []

    def test_a_room_that_asks_its_delegate(self, world: Directory, team: str) -> None:
        answer = world.declare(
            DELEGATES,
            ResourceId=world.room.entity_id,
            Delegates=["alice"],
            BookingOptions={"AutoAcceptRequests": "false"},
        )
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert world.room.delegates == [world.alice.entity_id]
        # WorkMail does not take the option from a room without a delegate.
        assert world.operations.index("AssociateDelegateToResource") < world.operations.index(
            "UpdateResource"
        )
        assert world.room.booking_options == {
            "AutoAcceptRequests": False,
            "AutoDeclineRecurringRequests": False,
            "AutoDeclineConflictingRequests": True,
        }

    def test_a_room_that_nobody_answers_for_is_told(self, world: Directory, team: str) -> None:
        answer = world.declare(
            DELEGATES,
            ResourceId=world.room.entity_id,
            BookingOptions={"AutoAcceptRequests": "false"},
        )
        assert answer["Status"] == "FAILED"
        assert "have a delegat" in answer["Reason"]
        assert "look at it in WorkMail" not in answer["Reason"]

    def test_delegates_that_are_not_declared_are_left_alone(
        self, world: Directory, team: str
    ) -> None:
        room = world.room.entity_id
        world.declare(DELEGATES, ResourceId=room, Delegates=["alice"])
        options = {"AutoDeclineRecurringRequests": "true"}
        world.declare(DELEGATES, ResourceId=room, BookingOptions=options)
        assert world.room.delegates == [world.alice.entity_id]
        assert world.room.booking_options["AutoDeclineRecurringRequests"]


class TestAliases:
    def test_declared_aliases_are_there(self, world: Directory) -> None:
        answer = world.send("Create", Aliases=["a@example.com", "b@example.com"])
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert sorted(world.alice.aliases) == ["a@example.com", "b@example.com"]

    def test_nothing_is_asked_for_where_they_are(self, world: Directory) -> None:
        own = world.send("Create", Aliases=["a@example.com"])["PhysicalResourceId"]
        world.workmail.calls.clear()
        world.send("Update", own, Aliases=["A@example.com"])
        assert world.operations == ["DescribeUser", "ListAliases"]
        assert world.stack_calls == []

    def test_letters_of_another_case_make_no_other_address(self, world: Directory) -> None:
        there = ["A@example.com", "B@example.com", "C@example.com"]
        world.enable("alice", "alice@example.com")
        world.alice.aliases = [*there]
        own = world.registration_id(world.alice)
        before = {"Aliases": ["a@example.com", "b@EXAMPLE.com", "D@example.com"]}
        world.send("Update", own, before=before, Aliases=["a@example.COM"])
        assert world.alice.aliases == ["A@example.com", "C@example.com"]
        assert world.workmail.calls.of("CreateAlias") == []

    def test_as_many_as_there_are_leave(self, world: Directory) -> None:
        """WorkMail lists them page by page."""
        world.enable("alice", "alice@example.com")
        world.alice.aliases = [f"{number}@example.com" for number in range(101)]
        own = world.registration_id(world.alice)
        world.send("Update", own, Aliases=[], RemoveOtherAliases="true")
        assert world.alice.aliases == []

    @pytest.mark.parametrize("operation", ["ListAliases", "CreateAlias"])
    @pytest.mark.parametrize("code", ["EntityStateException", "ThrottlingException"])
    def test_what_settles_is_waited_for(self, world: Directory, operation: str, code: str) -> None:
        """A registration of a moment ago may not be known everywhere."""
        world.workmail.faults.add(operation, Failure(code), times=3)
        answer = world.send("Create", Aliases=["a@example.com"])
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert world.alice.aliases == ["a@example.com"]

    def test_one_that_somebody_else_removed_is_removed(self, world: Directory) -> None:
        before: dict[str, Any] = {"Aliases": ["a@example.com"]}
        own = world.send("Create", **before)["PhysicalResourceId"]
        missing = Failure("EntityNotFoundException")
        world.workmail.faults.add("DeleteAlias", missing, times=None)
        began = world.now
        answer = world.send("Update", own, before=before, Aliases=[])
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        assert world.now - began < 1

    def test_without_a_declaration_they_are_not_looked_at(self, world: Directory) -> None:
        world.send("Create")
        assert "ListAliases" not in world.operations

    def test_one_that_leaves_the_declaration_is_removed(self, world: Directory) -> None:
        before: dict[str, Any] = {"Aliases": ["a@example.com", "b@example.com"]}
        own = world.send("Create", **before)["PhysicalResourceId"]
        world.send("Update", own, before=before, Aliases=["b@example.com"])
        assert world.alice.aliases == ["b@example.com"]

    def test_what_an_address_change_left_behind_stays(self, world: Directory) -> None:
        own = world.send("Create", Aliases=["a@example.com"])["PhysicalResourceId"]
        before: dict[str, Any] = {"Aliases": ["a@example.com"]}
        changed: dict[str, Any] = {"Email": "alice.liddell@example.com", **before}
        world.send("Update", own, before=before, **changed)
        world.send("Update", own, before=changed, **changed)
        assert sorted(world.alice.aliases) == ["a@example.com", "alice@example.com"]

    def test_it_is_removed_when_that_is_said(self, world: Directory) -> None:
        own = world.send("Create", Aliases=["a@example.com"])["PhysicalResourceId"]
        world.send(
            "Update",
            own,
            Email="alice.liddell@example.com",
            Aliases=["a@example.com"],
            RemoveOtherAliases="true",
        )
        assert world.alice.aliases == ["a@example.com"]

    @pytest.mark.parametrize("email", ["alice@example.com", "Alice@Example.com"])
    def test_the_primary_address_is_no_other_alias(self, world: Directory, email: str) -> None:
        world.workmail.behaviour = Behaviour(primary_is_listed_as_alias=True)
        world.send("Create", Email=email, Aliases=["a@example.com"], RemoveOtherAliases="true")
        assert world.workmail.calls.of("DeleteAlias") == []

    def test_nor_is_it_added(self, world: Directory) -> None:
        world.workmail.behaviour = Behaviour(repeated_alias_error="EmailAddressInUseException")
        answer = world.send("Create", Aliases=["Alice@example.com"])
        assert answer["Status"] == "SUCCESS", answer["Reason"]

    @pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_COMPLETE"])
    def test_neither_a_rollback_nor_a_late_update_removes_one(
        self, world: Directory, status: str
    ) -> None:
        own = world.send("Create", Aliases=["a@example.com"])["PhysicalResourceId"]
        world.stack.status = status
        world.send("Update", own, before={"Aliases": ["a@example.com"]}, Aliases=[])
        assert world.alice.aliases == ["a@example.com"]

    def test_a_renamed_construct_keeps_them(self, world: Directory) -> None:
        declared: dict[str, Any] = {"Aliases": ["a@example.com"]}
        own = world.send("Create", **declared)["PhysicalResourceId"]
        assert world.send("Create", logical_id="Renamed", **declared)["PhysicalResourceId"] == own
        world.stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        world.stack.resources["Renamed"] = (own, "CREATE_COMPLETE")
        world.send("Delete", own, **declared)
        assert world.alice.aliases == ["a@example.com"]
        assert world.alice.state == "ENABLED"

    def test_one_of_somebody_else_is_told(self, world: Directory) -> None:
        world.enable("bob", "bob@example.com")
        answer = world.send("Create", Aliases=["bob@example.com"])
        assert answer["Status"] == "FAILED"
        assert "bob@example.com already belongs to user bob" in answer["Reason"]

    def test_too_many_fail_at_once(self, world: Directory) -> None:
        world.workmail.faults.add("CreateAlias", Failure("LimitExceededException"))
        began = world.now
        answer = world.send("Create", Aliases=["a@example.com"])
        assert "declare fewer" in answer["Reason"]
        assert world.now - began < 1


def test_what_is_wrong_in_the_declaration_is_told(world: Directory) -> None:
    for changes, told in (
        ({"Name": ""}, "Name is ''"),
        ({"Attributes": "Dora"}, "Attributes is 'Dora'"),
        ({"Attributes": {"HiddenFromGlobalAddressList": "maybe"}}, "allowed are true and false"),
    ):
        answer = world.declare(USER, **changes)
        assert answer["Status"] == "FAILED"
        assert told in answer["Reason"]
    answer = world.declare(MEMBERS, GroupId=world.team.entity_id, Members="alice")
    assert "must be a list" in answer["Reason"]
    assert json.loads(world.bodies[-1])["PhysicalResourceId"] == NEVER_CREATED
