"""The events that meet the faults: what exists before, the request, and the expected end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from local_aws.workmail import Behaviour
from tests.support.harness import FunctionHarness, Stack
from tests.support.lambda_fakes import REGISTRATION

ENABLED = "ENABLED"
DISABLED = "DISABLED"
DELETED = "DELETED"
FUNCTION_SECONDS = 600.0  # the provider's default timeout
HOUR = 3600.0
EXPORT = {
    "RoleArn": "arn:aws:iam::000000000000:role/export",
    "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555",
    "BucketName": "mail-archive",
    "Prefix": "workmail",
    "MaximumAge": "86400",
}

States = Mapping[str, tuple[str, str | None]]


def registrations(harness: FunctionHarness) -> States:
    """The state and the address of every entity that is not disabled."""
    return {
        entity.name: (entity.state, entity.registration.email)
        for entity in harness.organization.entities.values()
        if entity.state != DISABLED
    }


@dataclass(frozen=True)
class Request:
    """One request of CloudFormation; `before` are the old properties of an Update."""

    request_type: str
    physical_id: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    resource_type: str = REGISTRATION
    before: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class Event:
    """A request, its circumstances, and what the contract promises without a fault.

    `ends` is the real state of each entity that is not disabled afterwards, with its address, or
    whatever else the event is to `observe`. `may_deregister` and `may_delete` are the names of the
    only entities that this event may deregister and delete. `creates` is whether it creates its
    subject, `deleted` whether that is deleted before.
    """

    title: str
    prepare: Callable[[FunctionHarness], Request]
    succeeds: bool
    ends: Mapping[str, tuple[str, str | None]]
    subject: str = "alice"
    may_deregister: frozenset[str] = frozenset()
    seconds: float = FUNCTION_SECONDS
    deleted: bool = False
    # How long CloudFormation waits, which is longer than the function has under SNAPSHOT only.
    waits: float = FUNCTION_SECONDS
    exports: bool = False
    observe: Callable[[FunctionHarness], States] = registrations
    unlisted: str = DISABLED
    may_delete: Set[str] = frozenset()
    creates: bool = False


def _create(harness: FunctionHarness) -> Request:
    return Request("Create")


def _create_group(harness: FunctionHarness) -> Request:
    return Request("Create", properties={"EntityId": "team", "Email": "team@example.com"})


def _create_room(harness: FunctionHarness) -> Request:
    return Request(
        "Create", properties={"EntityId": "board-room", "Email": "board-room@example.com"}
    )


def _adopt(harness: FunctionHarness) -> Request:
    harness.enable("alice", "alice@example.com")
    return Request("Create")


def _adopt_address(harness: FunctionHarness) -> Request:
    harness.enable("alice", "old@example.com")
    return Request("Create")


def _refuse(harness: FunctionHarness) -> Request:
    harness.enable("alice", "alice@example.com")
    return Request("Create", properties={"AdoptExisting": "false"})


def _renamed(harness: FunctionHarness) -> Request:
    harness.enable("alice", "alice@example.com")
    harness.stack.resources = {
        "Other": ("x", "UPDATE_COMPLETE"),
        "Before": ("y", "UPDATE_COMPLETE"),
        "Renamed": (harness.registration_id(harness.alice), "UPDATE_COMPLETE"),
    }
    return Request("Create", properties={"AdoptExisting": "false"})


def _address_in_use(harness: FunctionHarness) -> Request:
    harness.enable("bob", "alice@example.com")
    return Request("Create")


def _update_address(harness: FunctionHarness) -> Request:
    harness.enable("alice", "old@example.com")
    return Request("Update", harness.registration_id(harness.alice))


def _update_nothing(harness: FunctionHarness) -> Request:
    harness.enable("alice", "alice@example.com")
    return Request("Update", harness.registration_id(harness.alice))


def _update_disabled(harness: FunctionHarness) -> Request:
    return Request("Update", harness.registration_id(harness.alice))


def _move(harness: FunctionHarness) -> Request:
    harness.enable("alice", "alice@example.com")
    return Request(
        "Update",
        harness.registration_id(harness.alice),
        {"EntityId": "bob", "Email": "bob@example.com"},
    )


def _move_to_enabled(harness: FunctionHarness) -> Request:
    harness.enable("bob", "old@example.com")
    return _move(harness)


def _create_without_adopting(harness: FunctionHarness) -> Request:
    return Request("Create", properties={"AdoptExisting": "false"})


def _move_that_does_not_settle(harness: FunctionHarness) -> Request:
    harness.workmail.behaviour = Behaviour(settle_delay=1000)
    return _move(harness)


def _delete(status: str) -> Callable[[FunctionHarness], Request]:
    def prepare(harness: FunctionHarness) -> Request:
        harness.enable("alice", "alice@example.com")
        harness.stack.status = status
        own = harness.registration_id(harness.alice)
        harness.stack.resources = {
            "Alice": (own, "DELETE_IN_PROGRESS"),
            "Other": ("x", "UPDATE_COMPLETE"),
            "Third": ("y", "UPDATE_COMPLETE"),
        }
        return Request("Delete", own)

    return prepare


def _snapshot(job_seconds: float) -> Callable[[FunctionHarness], Request]:
    def prepare(harness: FunctionHarness) -> Request:
        harness.workmail.exports.duration = job_seconds
        own = _delete("DELETE_IN_PROGRESS")(harness).physical_id
        return Request("Delete", own, {"ServiceTimeout": "3600", "MailboxExport": EXPORT})

    return prepare


def _handed_over(harness: FunctionHarness) -> Request:
    request = _delete("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")(harness)
    harness.stack.resources["Renamed"] = (str(request.physical_id), "CREATE_COMPLETE")
    return request


def _undone(harness: FunctionHarness) -> Request:
    """A deployment that fails disables what it enabled a moment ago."""
    request = _delete("UPDATE_ROLLBACK_IN_PROGRESS")(harness)
    harness.stack.last_updated_time = harness.now - 7200
    return request


def _root_rolls_back(harness: FunctionHarness) -> Request:
    request = _delete("DELETE_IN_PROGRESS")(harness)
    harness.stack.root = Stack("ROLLBACK_IN_PROGRESS", harness.now - 60)
    return request


def _deleted(harness: FunctionHarness) -> Request:
    request = _delete("DELETE_IN_PROGRESS")(harness)
    harness.alice.delete()
    return request


def _vanished(harness: FunctionHarness) -> Request:
    request = _deleted(harness)
    harness.workmail.behaviour = Behaviour(deleted_entity_vanishes=True)
    return request


def _disabled(harness: FunctionHarness) -> Request:
    harness.stack.status = "DELETE_IN_PROGRESS"
    return Request("Delete", harness.registration_id(harness.alice))


def _organization_deleted(harness: FunctionHarness) -> Request:
    request = _delete("DELETE_IN_PROGRESS")(harness)
    harness.organization.deleted = True
    return request


def _not_ours(harness: FunctionHarness) -> Request:
    _delete("ROLLBACK_IN_PROGRESS")(harness)
    return Request("Delete", "Mail-Alice-1ABCDEFGHIJKL")


ALICE = {"alice": (ENABLED, "alice@example.com")}
ALICE_BEFORE = {"alice": (ENABLED, "old@example.com")}
BOB = {"bob": (ENABLED, "bob@example.com")}
OWN = frozenset({"alice"})

EVENTS = (
    Event("Create of a disabled user", _create, True, ALICE),
    Event("Create in a function of three minutes", _create, True, ALICE, seconds=180),
    Event(
        "Create of a disabled group",
        _create_group,
        True,
        {"team": (ENABLED, "team@example.com")},
        subject="team",
    ),
    Event(
        "Create of a disabled resource, by its name",
        _create_room,
        True,
        {"board-room": (ENABLED, "board-room@example.com")},
        subject="board-room",
    ),
    Event("Create that adopts an enabled user with the same address", _adopt, True, ALICE),
    Event("Create that adopts an enabled user with another address", _adopt_address, True, ALICE),
    Event("Create that may not adopt, of a disabled user", _create_without_adopting, True, ALICE),
    Event("Create that may not adopt an enabled user", _refuse, False, ALICE),
    Event("Create of a renamed construct", _renamed, True, ALICE),
    Event(
        "Create with an address that another user has",
        _address_in_use,
        False,
        {"bob": (ENABLED, "alice@example.com")},
    ),
    Event("Update of the address", _update_address, True, ALICE),
    Event("Update that changes nothing", _update_nothing, True, ALICE),
    Event("Update of a user that was disabled by hand", _update_disabled, True, ALICE),
    Event(
        "Update that moves to another user",
        _move,
        True,
        ALICE | BOB,
        subject="bob",
        may_deregister=frozenset({"bob"}),
    ),
    Event(
        "Update that moves to another user, which is enabled already",
        _move_to_enabled,
        True,
        ALICE | BOB,
        subject="bob",
    ),
    Event(
        "Update that moves to another user, which never reads enabled",
        _move_that_does_not_settle,
        False,
        ALICE,
        subject="bob",
        may_deregister=frozenset({"bob"}),
    ),
    Event("Delete with its stack", _delete("DELETE_IN_PROGRESS"), True, {}, may_deregister=OWN),
    Event(
        "Delete in an update's clean-up",
        _delete("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        True,
        {},
        may_deregister=OWN,
    ),
    Event(
        "Delete under SNAPSHOT",
        _snapshot(60),
        True,
        {},
        may_deregister=OWN,
        waits=HOUR,
        exports=True,
    ),
    Event(
        "Delete under SNAPSHOT with an export that is longer than an invocation",
        _snapshot(720),
        True,
        {},
        may_deregister=OWN,
        waits=HOUR,
        exports=True,
    ),
    Event("Delete of what was handed over", _handed_over, True, ALICE),
    Event(
        "Delete in a rollback, of what was enabled before",
        _delete("UPDATE_ROLLBACK_IN_PROGRESS"),
        True,
        ALICE,
    ),
    Event(
        "Delete in a rollback, of what this deployment enabled",
        _undone,
        True,
        {},
        may_deregister=OWN,
    ),
    Event("Delete in a nested stack whose root rolls back", _root_rolls_back, True, ALICE),
    Event("Delete of a disabled user", _disabled, True, {}),
    Event("Delete of a deleted user", _deleted, True, {"alice": (DELETED, None)}, deleted=True),
    Event(
        "Delete of a deleted user that WorkMail does not show",
        _vanished,
        True,
        {"alice": (DELETED, None)},
        deleted=True,
    ),
    Event("Delete in a deleted organization", _organization_deleted, True, ALICE, deleted=True),
    Event("Delete of an id that is not ours", _not_ours, True, ALICE),
)
