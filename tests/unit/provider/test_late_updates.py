"""An Update that comes after its operation changes nothing, whatever it declares."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.harness import (
    MEMBERS,
    NEW_PASSWORD,
    SECRET_ARN,
    USER,
    EntityHarness,
    Stack,
    client_error,
    failed,
    succeeded,
)
from tests.support.lambda_fakes import REGISTRATION

EMAIL: dict[str, Any] = {"Email": "alice@example.com"}
NEW_EMAIL: dict[str, Any] = {"Email": "new@example.com"}


@pytest.mark.parametrize(
    ("resource_type", "before", "declared"),
    [
        (REGISTRATION, EMAIL, NEW_EMAIL),
        (REGISTRATION, EMAIL, {"EntityId": "bob", "Email": "bob@example.com"}),
        (REGISTRATION, EMAIL, {**EMAIL, "UserAttributes": {"JobTitle": "Explorer"}}),
        (REGISTRATION, EMAIL, {**EMAIL, "Aliases": ["a@example.com"]}),
        (REGISTRATION, {**EMAIL, "Aliases": ["a@example.com"]}, {**EMAIL, "Aliases": []}),
        (USER, {}, {"Attributes": {"DisplayName": "Erin"}}),
        (USER, {}, {"PasswordSecretArn": SECRET_ARN, "ResetPassword": "2"}),
        (MEMBERS, {"Members": ["alice"]}, {"Members": ["alice", "bob"]}),
        (MEMBERS, {"Members": ["alice"]}, {"Members": []}),
    ],
)
@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", "DELETE_COMPLETE"])
def test_a_late_update_fails_and_changes_nothing(
    status: str, resource_type: str, before: dict[str, Any], declared: dict[str, Any]
) -> None:
    harness = EntityHarness()
    if resource_type == REGISTRATION:
        own = succeeded(harness.send("Create", **before))
    else:
        if resource_type == MEMBERS:
            for name in ("team", "alice", "bob"):
                harness.enable(name, f"{name}@example.com")
            before, declared = ({**each, "GroupId": "team"} for each in (before, declared))
        own = succeeded(harness.declare(resource_type, **before))
    harness.secrets[SECRET_ARN] = NEW_PASSWORD
    harness.workmail.calls.clear()
    harness.stack.status = status
    if resource_type == REGISTRATION:
        response = harness.send("Update", own, before=before, **declared)
    else:
        response = harness.declare(resource_type, own, before=before, **declared)
    assert failed(response).startswith(
        f"the stack is {status}: CloudFormation no longer waits for this update, so nothing was "
        "changed"
    )
    assert response["PhysicalResourceId"] == own
    assert harness.changes == []


def test_an_update_of_a_nested_stack_is_late_when_its_root_is_complete_too() -> None:
    harness = EntityHarness()
    own = succeeded(harness.send("Create", **EMAIL))
    harness.stack.status = "UPDATE_COMPLETE"
    harness.stack.root = Stack("UPDATE_COMPLETE", harness.stack.creation_time)
    assert failed(harness.send("Update", own, before=EMAIL, **NEW_EMAIL)).startswith("the stack is")
    harness.stack.root.status = "UPDATE_IN_PROGRESS"
    assert succeeded(harness.send("Update", own, before=EMAIL, **NEW_EMAIL)) == own


def test_an_update_of_an_unreadable_stack_changes_nothing_and_has_nothing_to_undo() -> None:
    """Reading the stack fails, before a registration is sent."""
    harness = EntityHarness()
    own = succeeded(harness.send("Create", **EMAIL))
    harness.stack.error = client_error("DescribeStacks", "InternalFailure", "", 500)
    response = harness.send("Update", own, EntityId="bob", Email="bob@example.com")
    assert failed(response).startswith("cloudformation:DescribeStacks keeps failing on stack Mail")
    assert harness.changes == ["RegisterToWorkMail"]


def test_a_late_update_that_would_change_nothing_does_not_read_the_stack() -> None:
    harness = EntityHarness()
    own = succeeded(harness.send("Create", **EMAIL))
    harness.stack.status = "UPDATE_COMPLETE"
    assert succeeded(harness.send("Update", own, **EMAIL)) == own
    assert harness.stack_calls == []
