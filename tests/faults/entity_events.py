"""The events of users, groups, resources and who belongs to them, and of aliases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from local_aws.workmail import Entity
from tests.faults.events import DELETED, DISABLED, ENABLED, Event, Request, States
from tests.support.harness import FunctionHarness
from tests.support.lambda_fakes import ORGANIZATION_ID

USER = "Custom::WorkMailUser"
GROUP = "Custom::WorkMailGroup"
MEMBERS = "Custom::WorkMailGroupMembers"
RESOURCE = "Custom::WorkMailResource"
DELEGATES = "Custom::WorkMailResourceDelegates"
SECRET_ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:dora-AbCdEf"
PASSWORD = "Correct-Horse-9-Battery"
NEW_PASSWORD = "Another-Horse-8-Battery"
DORA = {"Name": "dora", "Attributes": {"DisplayName": "Dora", "JobTitle": "Explorer"}}
_UNREMARKABLE = ("alice", "bob", "team", "board-room")


def directory(world: FunctionHarness) -> States:
    """All that is not as `FunctionHarness` makes it: the state, and what is declared of it."""
    found = {}
    for entity in world.organization.entities.values():
        told = ", ".join(_told(world, entity))
        if entity.state != DELETED and (entity.name not in _UNREMARKABLE or told):
            found[entity.name] = (entity.state, told or None)
    return found


def _told(world: FunctionHarness, entity: Any) -> list[str]:
    attributes = getattr(entity, "attributes", {})
    people = [*getattr(entity, "members", ()), *getattr(entity, "delegates", ())]
    names = sorted(world.organization.entities[person].name for person in people)
    told = [entity.registration.email, attributes.get("JobTitle"), *sorted(entity.aliases)]
    told += [f"with {name}" for name in names]
    if entity.kind == "RESOURCE" and not entity.booking_options["AutoAcceptRequests"]:
        told.append("asking")
    if attributes.get("DisplayName", entity.name) not in (entity.name, "Dora"):
        told.append(attributes["DisplayName"])
    if getattr(entity, "hidden", False):
        told.append("hidden")
    if entity.kind == "USER":
        told += ["with the new password"] if entity.has_password(NEW_PASSWORD) else []
    return [one for one in told if one]


def _declared(world: FunctionHarness, resource_type: str, **properties: Any) -> dict[str, Any]:
    world.secrets[SECRET_ARN] = PASSWORD
    declared = {"OrganizationId": ORGANIZATION_ID, **properties}
    if resource_type == USER:
        declared["PasswordSecretArn"] = SECRET_ARN
    return declared


def _there(world: FunctionHarness, name: str) -> Entity:
    """What an earlier deployment has made."""
    organization = world.organization
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
    def prepare(world: FunctionHarness) -> Request:
        return Request(
            "Create",
            properties=_declared(world, resource_type, **properties),
            resource_type=resource_type,
        )

    return prepare


def _create_of_one_there(adopt_existing: str) -> Callable[[FunctionHarness], Request]:
    def prepare(world: FunctionHarness) -> Request:
        _there(world, "dora")
        return _create(USER, **DORA, AdoptExisting=adopt_existing)(world)

    return prepare


def _update(
    resource_type: str, name: str, before: Mapping[str, Any], **properties: Any
) -> Callable[[FunctionHarness], Request]:
    def prepare(world: FunctionHarness) -> Request:
        entity = _there(world, name)
        declared = _declared(world, resource_type, **properties)
        return Request(
            "Update", _entity_id(entity), declared, resource_type, {**declared, **before}
        )

    return prepare


def _reset_password(world: FunctionHarness) -> Request:
    request = _update(USER, "dora", {"ResetPassword": "1"}, Name="dora", ResetPassword="2")(world)
    world.secrets[SECRET_ARN] = NEW_PASSWORD
    return request


def _delete(
    resource_type: str, name: str, status: str = "DELETE_IN_PROGRESS"
) -> Callable[[FunctionHarness], Request]:
    def prepare(world: FunctionHarness) -> Request:
        own = _entity_id(_there(world, name))
        world.stack.status = status
        world.stack.resources = {
            "Alice": (own, "DELETE_IN_PROGRESS"),
            "Other": ("x", "UPDATE_COMPLETE"),
            "Third": ("y", "UPDATE_COMPLETE"),
        }
        return Request("Delete", own, _declared(world, resource_type, Name=name), resource_type)

    return prepare


def _delete_of_an_enabled_one(world: FunctionHarness) -> Request:
    request = _delete(USER, "dora")(world)
    world.enable("dora", "dora@example.com")
    return request


def _handed_over(world: FunctionHarness) -> Request:
    request = _delete(USER, "dora", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")(world)
    world.stack.resources["Renamed"] = (str(request.physical_id), "CREATE_COMPLETE")
    return request


def _gone(world: FunctionHarness) -> Request:
    request = _delete(USER, "dora")(world)
    world.organization.entity("dora").delete()
    return request


def _members(world: FunctionHarness) -> Request:
    for name in ("alice", "bob", "team"):
        world.enable(name, f"{name}@example.com")
    world.team.members.append(world.alice.entity_id)
    declared = _declared(world, MEMBERS, GroupId=world.team.entity_id, Members=["bob"])
    own = f"{_entity_id(world.team)}/members"
    return Request("Update", own, declared, MEMBERS, {**declared, "Members": ["alice"]})


def _delegates(world: FunctionHarness) -> Request:
    for name in ("alice", "board-room"):
        world.enable(name, f"{name}@example.com")
    return _create(
        DELEGATES,
        ResourceId=world.room.entity_id,
        Delegates=["alice"],
        BookingOptions={"AutoAcceptRequests": "false"},
    )(world)


def _another_delegate(world: FunctionHarness) -> Request:
    for name in ("alice", "bob", "board-room"):
        world.enable(name, f"{name}@example.com")
    world.room.delegates.append(world.alice.entity_id)
    room = world.room.entity_id
    declared = _declared(world, DELEGATES, ResourceId=room, Delegates=["bob"])
    own = f"{_entity_id(world.room)}/delegates"
    return Request("Update", own, declared, DELEGATES, {**declared, "Delegates": ["alice"]})


def _aliases(world: FunctionHarness) -> Request:
    world.enable("alice", "alice@example.com")
    world.alice.aliases.append("old@example.com")
    return Request(
        "Update",
        world.registration_id(world.alice),
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
        makes=True,
    ),
    _event(
        "Create of a user who is there already",
        _create_of_one_there("true"),
        EXPLORER,
        subject="dora",
    ),
    _event(
        "Create that may not adopt a user who is there already",
        _create_of_one_there("false"),
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
        "Delete of a user who is enabled",
        _delete_of_an_enabled_one,
        {"dora": (ENABLED, "dora@example.com")},
        subject="dora",
        succeeds=False,
    ),
    _event("Delete of a user who was handed over", _handed_over, PLAIN_DORA, subject="dora"),
    _event(
        "Delete of a user in a rollback",
        _delete(USER, "dora", "UPDATE_ROLLBACK_IN_PROGRESS"),
        PLAIN_DORA,
        subject="dora",
    ),
    _event("Delete of a user who is gone", _gone, {}, subject="dora", gone=True),
    _event(
        "Create of a group",
        _create(GROUP, Name="sales"),
        {"sales": (DISABLED, None)},
        subject="sales",
        makes=True,
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
        "Update of a group's members, one comes and one goes",
        _members,
        {**AS_ENABLED, "team": (ENABLED, "team@example.com, with bob")},
        subject="team",
    ),
    _event(
        "Create of a resource",
        _create(RESOURCE, Name="beamer", Attributes=EQUIPMENT),
        {"beamer": (DISABLED, None)},
        subject="beamer",
        makes=True,
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
        "Update of a resource's delegates, one comes and one goes",
        _another_delegate,
        {**AS_ENABLED, "board-room": (ENABLED, "board-room@example.com, with bob")},
        subject="board-room",
    ),
    _event(
        "Update of aliases, one comes and one goes",
        _aliases,
        {"alice": (ENABLED, "alice@example.com, new@example.com")},
    ),
)
