"""The events of users, groups, resources, their members and delegates, and of aliases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from local_aws.workmail import Entity
from tests.faults.events import DELETED, DISABLED, ENABLED, Event, Request, States
from tests.support.harness import (
    DELEGATES,
    GROUP,
    MEMBERS,
    NEW_PASSWORD,
    PASSWORD,
    RESOURCE,
    SECRET_ARN,
    USER,
    FunctionHarness,
)
from tests.support.lambda_fakes import ORGANIZATION_ID

DORA = {"Name": "dora", "Attributes": {"DisplayName": "Dora", "JobTitle": "Explorer"}}
_INITIAL = ("alice", "bob", "team", "board-room")


def directory(harness: FunctionHarness) -> States:
    """The state and the declared values of every entity that differs from the initial ones."""
    found = {}
    for entity in harness.organization.entities.values():
        values = ", ".join(_values(harness, entity))
        if entity.state != DELETED and (entity.name not in _INITIAL or values):
            found[entity.name] = (entity.state, values or None)
    return found


def _values(harness: FunctionHarness, entity: Any) -> list[str]:
    attributes = getattr(entity, "attributes", {})
    members = [*getattr(entity, "members", ()), *getattr(entity, "delegates", ())]
    names = sorted(harness.organization.entities[member].name for member in members)
    values = [entity.registration.email, attributes.get("JobTitle"), *sorted(entity.aliases)]
    values += [f"with {name}" for name in names]
    if entity.kind == "RESOURCE" and not entity.booking_options["AutoAcceptRequests"]:
        values.append("asking")
    if attributes.get("DisplayName", entity.name) not in (entity.name, "Dora"):
        values.append(attributes["DisplayName"])
    if getattr(entity, "hidden", False):
        values.append("hidden")
    if entity.kind == "USER":
        values += ["with the new password"] if entity.has_password(NEW_PASSWORD) else []
    return [value for value in values if value]


def _declared(harness: FunctionHarness, resource_type: str, **properties: Any) -> dict[str, Any]:
    harness.secrets[SECRET_ARN] = PASSWORD
    declared = {"OrganizationId": ORGANIZATION_ID, **properties}
    if resource_type == USER:
        declared["PasswordSecretArn"] = SECRET_ARN
    return declared


def _existing(harness: FunctionHarness, name: str) -> Entity:
    """An entity that an earlier deployment created."""
    organization = harness.organization
    if name == "dora":
        organization.add_user(name)
    elif name == "sales":
        organization.add_group(name)
    else:
        organization.add_resource(name, resource_type="EQUIPMENT")
    return organization.entity(name)


def _entity_id(entity: Entity) -> str:
    return f"{ORGANIZATION_ID}/{entity.kind.lower()}/{entity.entity_id}"


def _create(resource_type: str, **properties: Any) -> Callable[[FunctionHarness], Request]:
    def prepare(harness: FunctionHarness) -> Request:
        return Request(
            "Create",
            properties=_declared(harness, resource_type, **properties),
            resource_type=resource_type,
        )

    return prepare


def _create_of_existing(adopt_existing: str) -> Callable[[FunctionHarness], Request]:
    def prepare(harness: FunctionHarness) -> Request:
        _existing(harness, "dora")
        return _create(USER, **DORA, AdoptExisting=adopt_existing)(harness)

    return prepare


def _update(
    resource_type: str, name: str, before: Mapping[str, Any], **properties: Any
) -> Callable[[FunctionHarness], Request]:
    def prepare(harness: FunctionHarness) -> Request:
        entity = _existing(harness, name)
        declared = _declared(harness, resource_type, **properties)
        return Request(
            "Update", _entity_id(entity), declared, resource_type, {**declared, **before}
        )

    return prepare


def _reset_password(harness: FunctionHarness) -> Request:
    request = _update(USER, "dora", {"ResetPassword": "1"}, Name="dora", ResetPassword="2")(harness)
    harness.secrets[SECRET_ARN] = NEW_PASSWORD
    return request


def _delete(
    resource_type: str, name: str, status: str = "DELETE_IN_PROGRESS"
) -> Callable[[FunctionHarness], Request]:
    def prepare(harness: FunctionHarness) -> Request:
        own = _entity_id(_existing(harness, name))
        harness.stack.status = status
        harness.stack.resources = {
            "Alice": (own, "DELETE_IN_PROGRESS"),
            "Other": ("x", "UPDATE_COMPLETE"),
            "Third": ("y", "UPDATE_COMPLETE"),
        }
        return Request("Delete", own, _declared(harness, resource_type, Name=name), resource_type)

    return prepare


def _delete_of_enabled(harness: FunctionHarness) -> Request:
    request = _delete(USER, "dora")(harness)
    harness.enable("dora", "dora@example.com")
    return request


def _handed_over(harness: FunctionHarness) -> Request:
    request = _delete(USER, "dora", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")(harness)
    harness.stack.resources["Renamed"] = (str(request.physical_id), "CREATE_COMPLETE")
    return request


def _declared_elsewhere(harness: FunctionHarness) -> Request:
    request = _delete(USER, "dora")(harness)
    harness.another_stack("Other", Dora=(str(request.physical_id), "CREATE_COMPLETE"))
    return request


def _deleted(harness: FunctionHarness) -> Request:
    request = _delete(USER, "dora")(harness)
    harness.organization.entity("dora").delete()
    return request


def _members(harness: FunctionHarness) -> Request:
    for name in ("alice", "bob", "team"):
        harness.enable(name, f"{name}@example.com")
    harness.team.members.append(harness.alice.entity_id)
    declared = _declared(harness, MEMBERS, GroupId=harness.team.entity_id, Members=["bob"])
    own = f"{_entity_id(harness.team)}/members"
    return Request("Update", own, declared, MEMBERS, {**declared, "Members": ["alice"]})


def _delegates(harness: FunctionHarness) -> Request:
    for name in ("alice", "board-room"):
        harness.enable(name, f"{name}@example.com")
    return _create(
        DELEGATES,
        ResourceId=harness.room.entity_id,
        Delegates=["alice"],
        BookingOptions={"AutoAcceptRequests": "false"},
    )(harness)


def _another_delegate(harness: FunctionHarness) -> Request:
    for name in ("alice", "bob", "board-room"):
        harness.enable(name, f"{name}@example.com")
    harness.room.delegates.append(harness.alice.entity_id)
    room = harness.room.entity_id
    declared = _declared(harness, DELEGATES, ResourceId=room, Delegates=["bob"])
    own = f"{_entity_id(harness.room)}/delegates"
    return Request("Update", own, declared, DELEGATES, {**declared, "Delegates": ["alice"]})


def _aliases(harness: FunctionHarness) -> Request:
    harness.enable("alice", "alice@example.com")
    harness.alice.aliases.append("old@example.com")
    return Request(
        "Update",
        harness.registration_id(harness.alice),
        {"Aliases": ["new@example.com"]},
        before={"Aliases": ["old@example.com"]},
    )


def _event(
    title: str,
    prepare: Callable[[FunctionHarness], Request],
    ends: Mapping[str, tuple[str, str | None]],
    **more: Any,
) -> Event:
    given = {"succeeds": True, "observe": directory, "unlisted": "not there", **more}
    return Event(title, prepare, ends=ends, **given)


EQUIPMENT = {"Type": "EQUIPMENT"}
EXPLORER = {"dora": (DISABLED, "Explorer")}
PLAIN_DORA = {"dora": (DISABLED, None)}
AS_ENABLED = {name: (ENABLED, f"{name}@example.com") for name in ("alice", "bob")}

ENTITY_EVENTS = (
    _event(
        "Create of a user, with a password",
        _create(USER, **DORA),
        EXPLORER,
        subject="dora",
        creates=True,
    ),
    _event(
        "Create of a user that exists already",
        _create_of_existing("true"),
        EXPLORER,
        subject="dora",
    ),
    _event(
        "Create that may not adopt a user that exists already",
        _create_of_existing("false"),
        PLAIN_DORA,
        subject="dora",
        succeeds=False,
    ),
    _event(
        "Update of a user's attributes",
        _update(USER, "dora", {"Attributes": {}}, **DORA),
        EXPLORER,
        subject="dora",
    ),
    _event(
        "Update that changes a user's name",
        _update(USER, "dora", {}, Name="theodora"),
        PLAIN_DORA,
        subject="dora",
        succeeds=False,
    ),
    _event(
        "Update that resets a password",
        _reset_password,
        {"dora": (DISABLED, "with the new password")},
        subject="dora",
    ),
    _event("Delete of a user", _delete(USER, "dora"), {}, subject="dora", may_delete={"dora"}),
    _event(
        "Delete of an enabled user",
        _delete_of_enabled,
        {"dora": (ENABLED, "dora@example.com")},
        subject="dora",
        succeeds=False,
    ),
    _event("Delete of a user that was handed over", _handed_over, PLAIN_DORA, subject="dora"),
    _event(
        "Delete of a user that another stack declares",
        _declared_elsewhere,
        PLAIN_DORA,
        subject="dora",
        may_delete={"dora"},
    ),
    _event(
        "Delete of a user in a rollback",
        _delete(USER, "dora", "UPDATE_ROLLBACK_IN_PROGRESS"),
        PLAIN_DORA,
        subject="dora",
    ),
    _event("Delete of a user that is deleted already", _deleted, {}, subject="dora", deleted=True),
    _event(
        "Create of a group",
        _create(GROUP, Name="sales"),
        {"sales": (DISABLED, None)},
        subject="sales",
        creates=True,
    ),
    _event(
        "Update that hides a group",
        _update(
            GROUP, "sales", {}, Name="sales", Attributes={"HiddenFromGlobalAddressList": "true"}
        ),
        {"sales": (DISABLED, "hidden")},
        subject="sales",
    ),
    _event("Delete of a group", _delete(GROUP, "sales"), {}, subject="sales", may_delete={"sales"}),
    _event(
        "Update of a group's members, one added and one removed",
        _members,
        {**AS_ENABLED, "team": (ENABLED, "team@example.com, with bob")},
        subject="team",
    ),
    _event(
        "Create of a resource",
        _create(RESOURCE, Name="beamer", Attributes=EQUIPMENT),
        {"beamer": (DISABLED, None)},
        subject="beamer",
        creates=True,
    ),
    _event(
        "Update that renames a resource",
        _update(RESOURCE, "beamer", {"Name": "beamer"}, Name="projector", Attributes=EQUIPMENT),
        {"projector": (DISABLED, None)},
        subject="beamer",
    ),
    _event(
        "Delete of a resource",
        _delete(RESOURCE, "beamer"),
        {},
        subject="beamer",
        may_delete={"beamer"},
    ),
    _event(
        "Create of a resource's delegates, with booking options",
        _delegates,
        {
            "alice": (ENABLED, "alice@example.com"),
            "board-room": (ENABLED, "board-room@example.com, with alice, asking"),
        },
        subject="board-room",
    ),
    _event(
        "Update of a resource's delegates, one added and one removed",
        _another_delegate,
        {**AS_ENABLED, "board-room": (ENABLED, "board-room@example.com, with bob")},
        subject="board-room",
    ),
    _event(
        "Update of aliases, one added and one removed",
        _aliases,
        {"alice": (ENABLED, "alice@example.com, new@example.com")},
    ),
)
