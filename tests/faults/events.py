"""The events that meet the faults: what exists before, the request, and the expected end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from local_aws.workmail import Behaviour
from tests.support.harness import EXPORT, FunctionHarness, Stack
from tests.support.lambda_fakes import REGISTRATION

ENABLED = "ENABLED"
DISABLED = "DISABLED"
DELETED = "DELETED"
FUNCTION_SECONDS = 600.0  # the provider's default timeout
HOUR = 3600.0

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


Prepare = Callable[[FunctionHarness], Request]
ALICE_EMAIL = "alice@example.com"
ENABLED_ALICE = {"alice": ALICE_EMAIL}
ALICE_BEFORE = {"alice": "old@example.com"}
TO_BOB: Mapping[str, Any] = {"EntityId": "bob", "Email": "bob@example.com"}


def _request(
    request_type: str,
    own: str | None = None,
    enabled: Mapping[str, str] | None = None,
    behaviour: Behaviour | None = None,
    before: Mapping[str, Any] | None = None,
    **properties: Any,
) -> Prepare:
    """A Create, or an Update of the registration of `own`, after these were enabled."""

    def prepare(harness: FunctionHarness) -> Request:
        harness.workmail.behaviour = behaviour or Behaviour()
        for name, email in (enabled or {}).items():
            harness.enable(name, email)
        own_id = harness.registration_id(harness.organization.entity(own)) if own else None
        return Request(request_type, own_id, properties, before=before)

    return prepare


def _delete(
    status: str, change: Callable[[FunctionHarness, str], object] | None = None, **properties: Any
) -> Prepare:
    """A Delete of alice's registration in a stack of this status, after one more change."""

    def prepare(harness: FunctionHarness) -> Request:
        harness.enable("alice", ALICE_EMAIL)
        harness.stack.status = status
        own = harness.registration_id(harness.alice)
        harness.stack.resources = {
            "Alice": (own, "DELETE_IN_PROGRESS"),
            "Other": ("x", "UPDATE_COMPLETE"),
            "Third": ("y", "UPDATE_COMPLETE"),
        }
        if change:
            change(harness, own)
        return Request("Delete", own, properties)

    return prepare


def _snapshot(job_seconds: float) -> Prepare:
    def set_duration(harness: FunctionHarness, own: str) -> None:
        harness.workmail.exports.duration = job_seconds

    properties = {"ServiceTimeout": "3600", "MailboxExport": EXPORT}
    return _delete("DELETE_IN_PROGRESS", set_duration, **properties)


def _renamed(harness: FunctionHarness) -> Request:
    request = _request("Create", enabled=ENABLED_ALICE, AdoptExisting="false")(harness)
    harness.stack.resources = {
        "Other": ("x", "UPDATE_COMPLETE"),
        "Before": ("y", "UPDATE_COMPLETE"),
        "Renamed": (harness.registration_id(harness.alice), "UPDATE_COMPLETE"),
    }
    return request


def _hand_over(harness: FunctionHarness, own: str) -> None:
    harness.stack.resources["Renamed"] = (own, "CREATE_COMPLETE")


def _begin_earlier(harness: FunctionHarness, own: str) -> None:
    """The operation began before alice was enabled."""
    harness.stack.last_updated_time = harness.now - 7200


def _roll_root_back(harness: FunctionHarness, own: str) -> None:
    harness.stack.root = Stack("ROLLBACK_IN_PROGRESS", harness.now - 60)


def _declare_elsewhere(harness: FunctionHarness, own: str) -> None:
    harness.another_stack("Other", Alice=(own, "CREATE_COMPLETE"))


def _deploy_elsewhere(harness: FunctionHarness, own: str) -> None:
    harness.another_stack("Other", Alice=("", "CREATE_IN_PROGRESS"))


def _never_complete(harness: FunctionHarness, own: str) -> None:
    harness.stack.last_updated_time = None
    harness.stack.creation_time = harness.now - 60
    harness.stack.events = ("ROLLBACK_FAILED", "ROLLBACK_IN_PROGRESS", "CREATE_IN_PROGRESS")


def _delete_alice(harness: FunctionHarness, own: str) -> None:
    harness.alice.delete()


def _hide_deleted_alice(harness: FunctionHarness, own: str) -> None:
    harness.alice.delete()
    harness.workmail.behaviour = Behaviour(deleted_entity_vanishes=True)


def _delete_organization(harness: FunctionHarness, own: str) -> None:
    harness.organization.deleted = True


def _disabled(harness: FunctionHarness) -> Request:
    harness.stack.status = "DELETE_IN_PROGRESS"
    return Request("Delete", harness.registration_id(harness.alice))


def _other_id(harness: FunctionHarness) -> Request:
    _delete("ROLLBACK_IN_PROGRESS")(harness)
    return Request("Delete", "Mail-Alice-1ABCDEFGHIJKL")


ALICE = {"alice": (ENABLED, ALICE_EMAIL)}
BOB = {"bob": (ENABLED, "bob@example.com")}
OWN = frozenset({"alice"})

EVENTS = (
    Event("Create of a disabled user", _request("Create"), True, ALICE),
    Event("Create in a function of three minutes", _request("Create"), True, ALICE, seconds=180),
    Event(
        "Create of a disabled group",
        _request("Create", EntityId="team", Email="team@example.com"),
        True,
        {"team": (ENABLED, "team@example.com")},
        subject="team",
    ),
    Event(
        "Create of a disabled resource, by its name",
        _request("Create", EntityId="board-room", Email="board-room@example.com"),
        True,
        {"board-room": (ENABLED, "board-room@example.com")},
        subject="board-room",
    ),
    Event(
        "Create that adopts an enabled user with the same address",
        _request("Create", enabled=ENABLED_ALICE),
        True,
        ALICE,
    ),
    Event(
        "Create of an enabled user with another address",
        _request("Create", enabled=ALICE_BEFORE),
        False,
        {"alice": (ENABLED, "old@example.com")},
    ),
    Event(
        "Create that may not adopt, of a disabled user",
        _request("Create", AdoptExisting="false"),
        True,
        ALICE,
    ),
    Event(
        "Create that may not adopt an enabled user",
        _request("Create", enabled=ENABLED_ALICE, AdoptExisting="false"),
        False,
        ALICE,
    ),
    Event("Create of a renamed construct", _renamed, True, ALICE),
    Event(
        "Create with an address that another user has",
        _request("Create", enabled={"bob": ALICE_EMAIL}),
        False,
        {"bob": (ENABLED, "alice@example.com")},
    ),
    Event("Update of the address", _request("Update", "alice", ALICE_BEFORE), True, ALICE),
    Event("Update that changes nothing", _request("Update", "alice", ENABLED_ALICE), True, ALICE),
    Event(
        "Update of a user that was disabled by hand",
        _request("Update", "alice", before={"Email": ALICE_EMAIL}),
        True,
        {},
    ),
    Event("Update that enables a user again", _request("Update", "alice"), True, ALICE),
    Event(
        "Update that moves to another user",
        _request("Update", "alice", ENABLED_ALICE, **TO_BOB),
        True,
        ALICE | BOB,
        subject="bob",
        may_deregister=frozenset({"bob"}),
    ),
    Event(
        "Update that moves to another user, which is enabled already",
        _request("Update", "alice", {"bob": "bob@example.com", **ENABLED_ALICE}, **TO_BOB),
        True,
        ALICE | BOB,
        subject="bob",
    ),
    Event(
        "Update that moves to another user, which has another address",
        _request("Update", "alice", {"bob": "old@example.com", **ENABLED_ALICE}, **TO_BOB),
        False,
        {**ALICE, "bob": (ENABLED, "old@example.com")},
        subject="bob",
    ),
    Event(
        "Update that moves to another user, which never reads enabled",
        _request("Update", "alice", ENABLED_ALICE, Behaviour(settle_delay=1000), **TO_BOB),
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
    Event(
        "Delete of what was handed over",
        _delete("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", _hand_over),
        True,
        ALICE,
    ),
    Event(
        "Delete of what another stack declares",
        _delete("DELETE_IN_PROGRESS", _declare_elsewhere),
        True,
        ALICE,
        may_deregister=OWN,
    ),
    Event(
        "Delete while another stack is deployed",
        _delete("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", _deploy_elsewhere),
        False,
        ALICE,
        may_deregister=OWN,
    ),
    Event(
        "Delete with a stack whose creation failed",
        _delete("DELETE_IN_PROGRESS", _never_complete),
        True,
        ALICE,
    ),
    Event(
        "Delete in a rollback, of what was enabled before",
        _delete("UPDATE_ROLLBACK_IN_PROGRESS"),
        True,
        ALICE,
    ),
    Event(
        "Delete in a rollback, of what this deployment enabled",
        _delete("UPDATE_ROLLBACK_IN_PROGRESS", _begin_earlier),
        True,
        {},
        may_deregister=OWN,
    ),
    Event(
        "Delete in a nested stack whose root rolls back",
        _delete("DELETE_IN_PROGRESS", _roll_root_back),
        True,
        ALICE,
    ),
    Event("Delete of a disabled user", _disabled, True, {}),
    Event(
        "Delete of a deleted user",
        _delete("DELETE_IN_PROGRESS", _delete_alice),
        True,
        {"alice": (DELETED, None)},
        deleted=True,
    ),
    Event(
        "Delete of a deleted user that WorkMail does not show",
        _delete("DELETE_IN_PROGRESS", _hide_deleted_alice),
        True,
        {"alice": (DELETED, None)},
        deleted=True,
    ),
    Event(
        "Delete in a deleted organization",
        _delete("DELETE_IN_PROGRESS", _delete_organization),
        True,
        ALICE,
        deleted=True,
    ),
    Event("Delete of an id of another origin", _other_id, True, ALICE),
)
