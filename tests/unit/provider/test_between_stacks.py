"""What another stack declares is retained, whichever way this stack stops declaring it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.harness import (
    EXPORT,
    GROUP,
    OTHER_ORGANIZATION_ID,
    RESOURCE,
    USER,
    EntityHarness,
    Stack,
    client_error,
    failed,
    stack_id,
    succeeded,
)
from tests.support.lambda_fakes import ORGANIZATION_ID, REGISTRATION, STACK_ID
from workmail_provider.cloudformation.stacks import NESTED_STACK

CLEAN_UP = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
PATH = f"/cdk-workmail/{ORGANIZATION_ID}"
ALL_TYPES = [REGISTRATION, USER, GROUP, RESOURCE]


class MovingHarness(EntityHarness):
    """One resource, which was removed from the template of an update."""

    def __init__(self, resource_type: str) -> None:
        super().__init__()
        self.resource_type = resource_type
        if resource_type == REGISTRATION:
            self.enable("alice", "alice@example.com")
            self.own = self.registration_id(self.alice)
        else:
            self.own = succeeded(self.declare(resource_type))
        self.workmail.calls.clear()
        self.stack.status = CLEAN_UP
        self.stack.resources = {"Alice": (self.own, "DELETE_IN_PROGRESS")}
        self.announcements[f"{PATH}/Mail"] = STACK_ID

    def another(self, name: str = "Other", **resources: tuple[str, str]) -> Stack:
        stack = self.another_stack(name, **resources)
        stack.resource_type = self.resource_type
        return stack

    def remove(self, **properties: Any) -> dict[str, Any]:
        return self.send("Delete", self.own, resource_type=self.resource_type, **properties)

    def adopt(self) -> dict[str, Any]:
        self.stack.status = "UPDATE_IN_PROGRESS"
        self.stack.resources = {}
        if self.resource_type == REGISTRATION:
            return self.send("Create", AdoptExisting="false")
        return self.declare(self.resource_type, AdoptExisting="false")

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Acts when the function has waited for so long."""
        at = self.now + seconds

        def sleep(slept: float) -> None:
            self.now += slept
            if self.now >= at:
                act()

        self.on_sleep = sleep

    @property
    def is_kept(self) -> bool:
        if self.resource_type == REGISTRATION:
            return bool(self.alice.state == "ENABLED")
        return self.exists(self.names[self.resource_type])


@pytest.fixture(params=ALL_TYPES)
def harness(request: pytest.FixtureRequest) -> MovingHarness:
    return MovingHarness(request.param)


@pytest.fixture
def registration() -> MovingHarness:
    return MovingHarness(REGISTRATION)


def reasons(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line["why"] for line in lines if line["action"] == "retain"]


@pytest.mark.parametrize("status", [CLEAN_UP, "DELETE_IN_PROGRESS"])
def test_what_another_stack_declares_is_retained(
    harness: MovingHarness, status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In an update of this stack and in its deletion."""
    harness.stack.status = status
    harness.another(Moved=(harness.own, "CREATE_COMPLETE"))
    assert succeeded(harness.remove()) == harness.own
    assert harness.is_kept
    assert harness.changes == []
    assert reasons(capsys) == ["declared by Moved of stack Other"]


def test_what_a_failed_operation_enabled_and_another_stack_declares_is_retained(
    registration: MovingHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    registration.enable("bob", "bob@example.com", ago=30)
    registration.own = registration.registration_id(registration.bob)
    registration.stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    registration.another(Moved=(registration.own, "CREATE_COMPLETE"))
    succeeded(registration.remove())
    assert registration.bob.state == "ENABLED"
    assert reasons(capsys) == ["declared by Moved of stack Other"]


@pytest.mark.parametrize(
    ("status", "is_kept"),
    [
        ("UPDATE_COMPLETE", True),
        ("UPDATE_IN_PROGRESS", True),
        ("UPDATE_ROLLBACK_COMPLETE", True),
        ("CREATE_FAILED", True),
        ("DELETE_FAILED", True),
        ("DELETE_IN_PROGRESS", False),
        ("DELETE_COMPLETE", False),
        ("DELETE_SKIPPED", False),
    ],
)
def test_a_declaration_counts_until_it_is_deleted(
    harness: MovingHarness, status: str, is_kept: bool
) -> None:
    """A deleted stack lists what it retained as DELETE_SKIPPED."""
    harness.another(Moved=(harness.own, status))
    began = harness.now
    succeeded(harness.remove())
    assert harness.is_kept == is_kept
    assert harness.now - began < 1


@pytest.mark.parametrize(
    "announced", ["nothing", "not there", "this stack", "another organization", "another entity"]
)
def test_what_no_other_stack_declares_is_removed(harness: MovingHarness, announced: str) -> None:
    if announced == "not there":
        harness.announcements[f"{PATH}/Gone"] = stack_id("Gone")
    elif announced == "this stack":
        harness.stack.status = "DELETE_IN_PROGRESS"
        harness.stack.resources["Twice"] = (harness.own, "CREATE_COMPLETE")
    elif announced == "another organization":
        harness.another(Moved=(harness.own, "CREATE_COMPLETE"))
        name = f"/cdk-workmail/{OTHER_ORGANIZATION_ID}/Other"
        harness.announcements = {name: stack_id("Other")}
    elif announced == "another entity":
        harness.another(Moved=(f"{harness.own}0", "CREATE_COMPLETE"))
    succeeded(harness.remove())
    assert not harness.is_kept


def test_every_page_of_announcements_and_resources_is_read(harness: MovingHarness) -> None:
    for number in range(5):
        rows = {f"Row{row}": (f"x{row}", "CREATE_COMPLETE") for row in range(5)}
        harness.another(f"Other{number}", **rows)
    harness.other_stacks["Other4"].resources["Moved"] = (harness.own, "CREATE_COMPLETE")
    succeeded(harness.remove())
    assert harness.is_kept


class TestAStackThatIsDeployed:
    """It may be about to declare what this stack no longer declares."""

    @pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"])
    @pytest.mark.parametrize("is_declared", [True, False])
    def test_it_is_waited_for(self, harness: MovingHarness, status: str, is_declared: bool) -> None:
        before = "" if status == "CREATE_IN_PROGRESS" else "another"
        other = harness.another(Moved=(before, status))
        declared = harness.own if is_declared else "another"
        row = {"Moved": (declared, "CREATE_COMPLETE")}
        began = harness.now
        harness.after(60, lambda: other.resources.update(row))
        succeeded(harness.remove())
        assert harness.is_kept == is_declared
        assert 60 <= harness.now - began < 90

    def test_it_fails_the_delete_after_eight_minutes(self, harness: MovingHarness) -> None:
        harness.another(Moved=("", "CREATE_IN_PROGRESS"))
        began = harness.now
        response = harness.remove()
        assert failed(response).startswith(
            f"stack Other is being deployed and may declare {harness.own}, so nothing was changed: "
            "try again when it is complete (waited 480 s for the other stacks to be deployed)"
        )
        assert response["PhysicalResourceId"] == harness.own
        assert harness.now - began == pytest.approx(480)
        assert harness.is_kept
        assert harness.changes == []

    @pytest.mark.parametrize("status", ["ROLLBACK_IN_PROGRESS", "CREATE_FAILED", "DELETE_FAILED"])
    def test_only_a_creation_or_an_update_is_waited_for(
        self, registration: MovingHarness, status: str
    ) -> None:
        registration.another(Moved=("", status))
        began = registration.now
        succeeded(registration.remove())
        assert (registration.is_kept, registration.now) == (False, began)

    def test_a_resource_of_another_type_is_not_waited_for(self, harness: MovingHarness) -> None:
        other = harness.another(Moved=("", "CREATE_IN_PROGRESS"))
        other.resource_type = "Custom::WorkMailGroupMembers"
        began = harness.now
        succeeded(harness.remove())
        assert (harness.is_kept, harness.now) == (False, began)

    def test_it_is_not_waited_for_if_a_third_stack_declares_the_same(
        self, harness: MovingHarness
    ) -> None:
        harness.another("First", Moved=("", "CREATE_IN_PROGRESS"))
        harness.another("Third", Moved=(harness.own, "CREATE_COMPLETE"))
        began = harness.now
        succeeded(harness.remove())
        assert (harness.is_kept, harness.now) == (True, began)


class TestNestedStacksOfOneRoot:
    """While the root stack only removes, its nested stacks are listed once in a process."""

    @pytest.fixture
    def nested(self) -> MovingHarness:
        """Of alice and bob, in a stack beside the nested stack Other."""
        harness = MovingHarness(REGISTRATION)
        harness.enable("bob", "bob@example.com")
        harness.another(Carol=("another", "CREATE_COMPLETE"))
        harness.stack.status = "DELETE_IN_PROGRESS"
        rows = {"Mail": (STACK_ID, ""), "Other": (stack_id("Other"), "")}
        root = Stack("DELETE_IN_PROGRESS", harness.now - 86400, resources=rows)
        root.resource_type = NESTED_STACK
        harness.stack.root = root
        return harness

    def remove_bob(self, harness: MovingHarness) -> None:
        succeeded(harness.send("Delete", harness.registration_id(harness.bob), logical_id="Bob"))
        assert harness.bob.state == "DISABLED"
        harness.stack_calls.clear()

    @pytest.mark.parametrize("status", ["DELETE_IN_PROGRESS", CLEAN_UP])
    def test_they_are_listed_once(self, nested: MovingHarness, status: str) -> None:
        assert nested.stack.root
        nested.stack.root.status = status
        self.remove_bob(nested)
        succeeded(nested.remove())
        assert not nested.is_kept
        # Its own stack, its root, and whether their creations succeeded.
        assert set(nested.stack_calls) <= {"DescribeStacks", "DescribeStackEvents"}

    def test_what_one_of_them_declared_is_read_again(self, nested: MovingHarness) -> None:
        """Otherwise each stack would leave the mailbox to the other one."""
        row = nested.other_stacks["Other"].resources
        row["Alice"] = (nested.own, "CREATE_COMPLETE")
        self.remove_bob(nested)
        succeeded(nested.remove())
        assert nested.is_kept
        row["Alice"] = (nested.own, "DELETE_COMPLETE")
        succeeded(nested.remove())
        assert not nested.is_kept

    @pytest.mark.parametrize("root_status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
    def test_they_are_listed_again_while_something_may_be_created(
        self, nested: MovingHarness, root_status: str
    ) -> None:
        assert nested.stack.root
        for stack in (nested.stack, nested.stack.root):
            # What both found is older than the operation; bob is not.
            stack.status, stack.last_updated_time = root_status, nested.now - 7200
        self.remove_bob(nested)
        nested.other_stacks["Other"].resources["Moved"] = (nested.own, "CREATE_COMPLETE")
        succeeded(nested.remove())
        assert nested.is_kept

    @pytest.mark.parametrize("moved", ["in another operation", "to a stack of another root"])
    def test_only_this_operation_of_this_root_is_remembered(
        self, nested: MovingHarness, moved: str
    ) -> None:
        root = nested.stack.root
        assert root
        if moved == "to a stack of another root":
            del root.resources["Other"]
        self.remove_bob(nested)
        if moved == "in another operation":
            root.deletion_time = nested.now
        nested.other_stacks["Other"].resources["Moved"] = (nested.own, "CREATE_COMPLETE")
        succeeded(nested.remove())
        assert nested.is_kept


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "ValidationException",
            f"the stacks below {PATH} in Systems Manager could not be read, so nothing was "
            "changed: look at it there, then try again (ValidationException: message)",
        ),
        ("AccessDeniedException", f"may not call ssm:GetParametersByPath on {PATH}"),
    ],
)
def test_announcements_that_cannot_be_read_fail_the_delete(
    harness: MovingHarness, code: str, said: str
) -> None:
    harness.announcement_errors += [client_error("GetParametersByPath", code, "message")] * 1000
    response = harness.remove()
    assert said in failed(response)
    assert response["PhysicalResourceId"] == harness.own
    assert harness.is_kept
    assert harness.changes == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ValidationError", "stack Other could not be read, so nothing was changed: look at it"),
        ("AccessDenied", "may not call cloudformation:ListStackResources on stack Other"),
    ],
)
def test_another_stack_that_cannot_be_read_fails_the_delete(
    harness: MovingHarness, code: str, said: str
) -> None:
    other = harness.another(Moved=("another", "CREATE_COMPLETE"))
    other.error = client_error("ListStackResources", code, "message")
    assert said in failed(harness.remove())
    assert harness.is_kept
    assert harness.changes == []


def test_two_stacks_that_are_deleted_at_once_disable_the_mailbox_once(
    registration: MovingHarness,
) -> None:
    registration.stack.status = "DELETE_IN_PROGRESS"
    registration.another(Alice=(registration.own, "DELETE_IN_PROGRESS"))
    for _ in range(2):
        succeeded(registration.remove())
    assert registration.changes == ["DeregisterFromWorkMail"]


@pytest.mark.parametrize("job_seconds", [0.0, 300.0])
def test_a_mailbox_that_another_stack_declares_is_not_exported_or_stays_after_it(
    registration: MovingHarness, job_seconds: float
) -> None:
    """An export can take hours: what another stack declares is read again after it."""
    registration.workmail.exports.duration = job_seconds
    other = registration.another()
    row = {"Moved": (registration.own, "CREATE_COMPLETE")}
    if job_seconds:
        registration.after(60, lambda: other.resources.update(row))
    else:
        other.resources.update(row)
    succeeded(registration.remove(ServiceTimeout="3600", MailboxExport=EXPORT))
    assert len(registration.workmail.exports.jobs) == bool(job_seconds)
    assert registration.is_kept


@pytest.mark.parametrize(
    ("found", "manager"),
    [
        ("declared", "declared by Moved of stack Other"),
        ("nothing", "managed elsewhere"),
        ("in progress", "managed elsewhere"),
        ("unreadable", "managed elsewhere"),
    ],
)
def test_adopt_existing_false_names_stack_and_resource_as_far_as_they_are_readable(
    harness: MovingHarness, found: str, manager: str
) -> None:
    other = harness.another()
    if found == "declared":
        other.resources["Moved"] = (harness.own, "CREATE_COMPLETE")
    elif found == "in progress":
        other.resources["Moved"] = ("", "CREATE_IN_PROGRESS")
    if found == "unreadable":
        error = client_error("GetParametersByPath", "AccessDeniedException", "")
        harness.announcement_errors += [error] * 1000
    began = harness.now
    does = "is already enabled" if harness.resource_type == REGISTRATION else "already exists"
    reason = failed(harness.adopt())
    assert f"{does}, {manager}, and adopt_existing is False: set it to True" in reason
    assert (harness.changes, harness.now) == ([], began)
