"""The events that meet the faults: what is there before, what is asked, what is to come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from local_aws.workmail import Behaviour
from tests.support.harness import FunctionHarness, Stack
from tests.support.lambda_fakes import ORGANIZATION_ID, REGISTRATION

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


def registrations(world: FunctionHarness) -> States:
    """The state and the address of all who are not disabled."""
    return {
        entity.name: (entity.state, entity.registration.email)
        for entity in world.organization.entities.values()
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
    """A request in its circumstances, and what the contract says of it when nothing goes wrong.

    `ends` is the real state of each entity that is not disabled afterwards, with its address, or
    whatever else the event is to `observe`; `may_deregister` the names of those whose mailbox this
    event may cost, and no other; `may_delete` the same of what it may delete; `makes` whether it
    creates its subject.
    """

    title: str
    prepare: Callable[[FunctionHarness], Request]
    succeeds: bool
    ends: Mapping[str, tuple[str, str | None]]
    subject: str = "alice"
    may_deregister: frozenset[str] = frozenset()
    seconds: float = FUNCTION_SECONDS
    gone: bool = False
    # How long CloudFormation waits, which is longer than the function has under SNAPSHOT only.
    waits: float = FUNCTION_SECONDS
    exports: bool = False
    observe: Callable[[FunctionHarness], States] = registrations
    unlisted: str = DISABLED
    may_delete: Set[str] = frozenset()
    makes: bool = False


def _create(world: FunctionHarness) -> Request:
    return Request("Create")


def _create_group(world: FunctionHarness) -> Request:
    return Request("Create", properties={"EntityId": "team", "Email": "team@example.com"})


def _create_room(world: FunctionHarness) -> Request:
    return Request(
        "Create", properties={"EntityId": "board-room", "Email": "board-room@example.com"}
    )


def _adopt(world: FunctionHarness) -> Request:
    world.enable("alice", "alice@example.com")
    return Request("Create")


def _adopt_address(world: FunctionHarness) -> Request:
    world.enable("alice", "old@example.com")
    return Request("Create")


def _refuse(world: FunctionHarness) -> Request:
    world.enable("alice", "alice@example.com")
    return Request("Create", properties={"AdoptExisting": "false"})


def _take_over(world: FunctionHarness) -> Request:
    world.enable("alice", "alice@example.com")
    world.stack.resources = {
        "Other": ("x", "UPDATE_COMPLETE"),
        "Before": ("y", "UPDATE_COMPLETE"),
        "Renamed": (world.registration_id(world.alice), "UPDATE_COMPLETE"),
    }
    return Request("Create", properties={"AdoptExisting": "false"})


def _address_in_use(world: FunctionHarness) -> Request:
    world.enable("bob", "alice@example.com")
    return Request("Create")


def _update_address(world: FunctionHarness) -> Request:
    world.enable("alice", "old@example.com")
    return Request("Update", world.registration_id(world.alice))


def _update_nothing(world: FunctionHarness) -> Request:
    world.enable("alice", "alice@example.com")
    return Request("Update", world.registration_id(world.alice))


def _update_disabled(world: FunctionHarness) -> Request:
    return Request("Update", world.registration_id(world.alice))


def _move(world: FunctionHarness) -> Request:
    world.enable("alice", "alice@example.com")
    return Request(
        "Update",
        world.registration_id(world.alice),
        {"EntityId": "bob", "Email": "bob@example.com"},
    )


def _move_to_enabled(world: FunctionHarness) -> Request:
    world.enable("bob", "old@example.com")
    return _move(world)


def _create_without_adopting(world: FunctionHarness) -> Request:
    return Request("Create", properties={"AdoptExisting": "false"})


def _move_that_does_not_settle(world: FunctionHarness) -> Request:
    world.workmail.behaviour = Behaviour(settle_delay=1000)
    return _move(world)


def _delete(status: str) -> Callable[[FunctionHarness], Request]:
    def prepare(world: FunctionHarness) -> Request:
        world.enable("alice", "alice@example.com")
        world.stack.status = status
        own = world.registration_id(world.alice)
        world.stack.resources = {
            "Alice": (own, "DELETE_IN_PROGRESS"),
            "Other": ("x", "UPDATE_COMPLETE"),
            "Third": ("y", "UPDATE_COMPLETE"),
        }
        return Request("Delete", own)

    return prepare


def _snapshot(job_seconds: float) -> Callable[[FunctionHarness], Request]:
    def prepare(world: FunctionHarness) -> Request:
        world.workmail.exports.duration = job_seconds
        own = _delete("DELETE_IN_PROGRESS")(world).physical_id
        return Request("Delete", own, {"ServiceTimeout": "3600", "MailboxExport": EXPORT})

    return prepare


def _handed_over(world: FunctionHarness) -> Request:
    request = _delete("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")(world)
    world.stack.resources["Renamed"] = (str(request.physical_id), "CREATE_COMPLETE")
    return request


def _undone(world: FunctionHarness) -> Request:
    """A deployment that fails takes back what it enabled a moment ago."""
    request = _delete("UPDATE_ROLLBACK_IN_PROGRESS")(world)
    world.stack.last_updated_time = world.now - 7200
    return request


def _root_rolls_back(world: FunctionHarness) -> Request:
    request = _delete("DELETE_IN_PROGRESS")(world)
    world.stack.root = Stack("ROLLBACK_IN_PROGRESS", world.now - 60)
    return request


def _deleted(world: FunctionHarness) -> Request:
    request = _delete("DELETE_IN_PROGRESS")(world)
    world.alice.delete()
    return request


def _vanished(world: FunctionHarness) -> Request:
    request = _deleted(world)
    world.workmail.behaviour = Behaviour(deleted_entity_vanishes=True)
    return request


def _disabled(world: FunctionHarness) -> Request:
    world.stack.status = "DELETE_IN_PROGRESS"
    return Request("Delete", world.registration_id(world.alice))


def _organization_deleted(world: FunctionHarness) -> Request:
    request = _delete("DELETE_IN_PROGRESS")(world)
    world.organization.deleted = True
    return request


def _not_ours(world: FunctionHarness) -> Request:
    _delete("ROLLBACK_IN_PROGRESS")(world)
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
    Event("Create that takes over from a renamed construct", _take_over, True, ALICE),
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
        "Update that moves to another user, who is enabled already",
        _move_to_enabled,
        True,
        ALICE | BOB,
        subject="bob",
    ),
    Event(
        "Update that moves to another user, who is never shown enabled",
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
        "Delete under SNAPSHOT, whose export is longer than an invocation",
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
    Event("Delete of a deleted user", _deleted, True, {"alice": (DELETED, None)}, gone=True),
    Event(
        "Delete of a deleted user that is not shown any more",
        _vanished,
        True,
        {"alice": (DELETED, None)},
        gone=True,
    ),
    Event("Delete in a deleted organization", _organization_deleted, True, ALICE, gone=True),
    Event("Delete of an id that is not ours", _not_ours, True, ALICE),
)

__all__ = ["EVENTS", "ORGANIZATION_ID", "Event", "Request", "States"]
