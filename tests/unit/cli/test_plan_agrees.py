"""A plan says what the function does: each situation is planned, and then deployed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from cdk_workmail_cli.aws import Service
from cdk_workmail_cli.comparison import Comparison, Finding, Part
from cdk_workmail_cli.declaration import Declaration
from cdk_workmail_cli.organization import Kind, Organization
from local_aws.workmail import WorkMailServer
from tests.support.harness import DELEGATES, GROUP, MEMBERS, RESOURCE, USER, EntityHarness
from tests.support.lambda_fakes import ORGANIZATION_ID, REGISTRATION
from tests.unit.cli.conftest import Command

ALICE = "alice@example.com"
OTHER = "other@example.com"
KINDS = {USER: Kind.USER, GROUP: Kind.GROUP, RESOURCE: Kind.RESOURCE}
KINDS |= {MEMBERS: Kind.GROUP, DELEGATES: Kind.RESOURCE}
PARTS = {REGISTRATION: Part.REGISTRATION, MEMBERS: Part.ASSOCIATED, DELEGATES: Part.ASSOCIATED}
PLURALS = {MEMBERS: "members", DELEGATES: "delegates"}
CALLS = {
    "enable": "RegisterToWorkMail",
    "deregister": "DeregisterFromWorkMail",
    "change address": "UpdatePrimaryEmailAddress",
    "add alias": "CreateAlias",
    "remove alias": "DeleteAlias",
    "add member": "AssociateMemberToGroup",
    "remove member": "DisassociateMemberFromGroup",
    "add delegate": "AssociateDelegateToResource",
    "remove delegate": "DisassociateDelegateFromResource",
    "create": "Create{}",
    "delete": "Delete{}",
    "rename": "Update{}",
    "change attribute": "Update{}",
}
Properties = Mapping[str, Any]
Prepare = Callable[[EntityHarness], None]


def enabled(email: str = ALICE, *aliases: str, name: str = "alice") -> Prepare:
    def prepare(harness: EntityHarness) -> None:
        harness.enable(name, email)
        entity_id = harness.entity(name).entity_id
        for alias in aliases:
            where = {"OrganizationId": ORGANIZATION_ID, "EntityId": entity_id}
            harness.workmail.perform("CreateAlias", {**where, "Alias": alias})

    return prepare


def with_members(*names: str) -> Prepare:
    def prepare(harness: EntityHarness) -> None:
        for owner, email in (("team", "team@example.com"), ("board-room", "room@example.com")):
            harness.enable(owner, email)
            entity: Any = harness.entity(owner)
            for name in names:
                entity.associated.append(harness.entity(name).entity_id)
        harness.enable("alice", ALICE)
        harness.enable("bob", "bob@example.com")

    return prepare


def disabled(harness: EntityHarness) -> None:
    """As the harness begins."""


@dataclass(frozen=True)
class Situation:
    """`before` is deployed, `declared` comes next; None is a resource that is not declared."""

    name: str
    prepare: Prepare
    before: Properties | None
    declared: Properties | None
    actions: list[str]
    type: str = REGISTRATION
    entity: str = "alice"
    same_construct: bool = True
    elsewhere: bool = False


BOX: dict[str, Any] = {"Email": ALICE}
TO_OTHER: dict[str, Any] = {"Email": OTHER}
SITUATIONS = [
    Situation("a first declaration enables", disabled, None, BOX, ["enable"]),
    Situation("a first declaration adopts", enabled(), None, BOX, []),
    Situation("case is ignored", enabled(), None, {"Email": ALICE.upper()}, []),
    Situation("a first declaration keeps the address", enabled(), None, TO_OTHER, ["refused"]),
    Situation("an update changes the address", enabled(), BOX, TO_OTHER, ["change address"]),
    Situation(
        "a renamed construct keeps the address",
        *(enabled(), BOX, TO_OTHER, ["refused"]),
        same_construct=False,
    ),
    Situation("a renamed construct", enabled(), BOX, BOX, [], same_construct=False),
    Situation(
        "adopt_existing",
        *(enabled(), None, {**BOX, "AdoptExisting": "false"}, ["in use by another"]),
    ),
    Situation(
        "a first declaration adds aliases",
        *(enabled(ALICE, "b@example.com"), None, {**BOX, "Aliases": ["a@example.com"]}),
        ["add alias"],
    ),
    Situation(
        "a first declaration keeps other aliases",
        enabled(ALICE, "b@example.com"),
        None,
        {**BOX, "Aliases": ["a@example.com"], "RemoveOtherAliases": "true"},
        ["refused"],
    ),
    Situation(
        "an update removes other aliases",
        enabled(ALICE, "b@example.com"),
        BOX,
        {**BOX, "Aliases": ["a@example.com"], "RemoveOtherAliases": "true"},
        ["add alias", "remove alias"],
    ),
    Situation(
        "an update removes aliases that were declared, whatever their case",
        enabled(ALICE, "b@example.com", "c@example.com"),
        {**BOX, "Aliases": ["B@EXAMPLE.com", "c@example.com"]},
        {**BOX, "Aliases": ["C@example.com"]},
        ["remove alias"],
    ),
    Situation(
        "a renamed construct removes no alias",
        enabled(ALICE, "b@example.com"),
        {**BOX, "Aliases": ["b@example.com"]},
        {**BOX, "Aliases": []},
        [],
        same_construct=False,
    ),
    Situation(
        "an update leaves a mailbox disabled",
        *(disabled, BOX, {**BOX, "Aliases": ["a@example.com"]}, ["stay disabled"]),
    ),
    Situation(
        "a revision enables it",
        *(disabled, BOX, {**BOX, "Revision": "2"}, ["enable"]),
    ),
    Situation("an address enables it", disabled, BOX, TO_OTHER, ["enable"]),
    Situation(
        "a renamed construct enables it", disabled, BOX, BOX, ["enable"], same_construct=False
    ),
    Situation("a removed declaration deregisters", enabled(), BOX, None, ["deregister"]),
    Situation("a removed declaration of a disabled mailbox", disabled, BOX, None, []),
    Situation(
        "what another stack declares is retained",
        *(enabled(), BOX, None, ["retain"]),
        elsewhere=True,
    ),
    Situation(
        "a first member list keeps undeclared members",
        *(with_members("bob"), None, {"Members": ["alice"]}, ["refused"]),
        type=MEMBERS,
        entity="team",
    ),
    Situation(
        "a first member list adds members",
        *(with_members("bob"), None, {"Members": ["alice", "bob"]}, ["add member"]),
        type=MEMBERS,
        entity="team",
    ),
    Situation(
        "an update of a member list removes members",
        with_members("bob"),
        {"Members": ["bob"]},
        {"Members": ["alice"]},
        ["add member", "remove member"],
        type=MEMBERS,
        entity="team",
    ),
    Situation(
        "a first list of delegates keeps undeclared delegates",
        *(with_members("bob"), None, {"Delegates": []}, ["refused"]),
        type=DELEGATES,
        entity="board-room",
    ),
    Situation(
        "a first declaration sets booking options",
        with_members("bob"),
        None,
        {"BookingOptions": {"AutoDeclineRecurringRequests": "true"}},
        ["change attribute"],
        type=DELEGATES,
        entity="board-room",
    ),
    Situation(
        "a first declaration sets attributes",
        enabled(),
        None,
        {"Name": "alice", "Attributes": {"DisplayName": "Alice A."}},
        ["change attribute"],
        type=USER,
    ),
    Situation(
        "a group cannot be renamed",
        disabled,
        {"Name": "team", "Attributes": {}},
        {"Name": "crew", "Attributes": {}},
        ["not possible"],
        type=GROUP,
        entity="team",
    ),
    Situation(
        "a resource is renamed",
        disabled,
        {"Name": "board-room", "Attributes": {}},
        {"Name": "hall", "Attributes": {}},
        ["rename"],
        type=RESOURCE,
        entity="board-room",
    ),
    Situation(
        "a removed entity is deleted",
        *(disabled, {"Name": "alice", "Attributes": {}}, None, ["delete"]),
        type=USER,
    ),
    Situation(
        "an entity that another stack declares is not deleted",
        *(disabled, {"Name": "alice", "Attributes": {}}, None, ["retain"]),
        type=USER,
        elsewhere=True,
    ),
]


@pytest.fixture
def harness() -> EntityHarness:
    return EntityHarness()


@pytest.fixture
def reader(
    harness: EntityHarness, command: Command, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Organization]:
    with WorkMailServer(harness.workmail) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_WORKMAIL", server.endpoint_url)
        service = Service("workmail", boto3.Session())
        yield Organization(service, ORGANIZATION_ID, lambda *_: None)


def declaration(situation: Situation, properties: Properties, entity_id: str | None) -> Declaration:
    """What the command reads of these properties; with an id, those of the deployed stack."""
    kind = KINDS.get(situation.type)
    key = "Alice" if entity_id or situation.same_construct else "Alicia"
    associated = properties.get("Members", properties.get("Delegates"))
    aliases = properties.get("Aliases")
    return Declaration(
        where="Mail/Alice",
        identifier=properties.get("Name", situation.entity),
        kind=kind,
        attributes=properties.get("Attributes", {}),
        booking_options={
            name: value == "true" for name, value in properties.get("BookingOptions", {}).items()
        },
        associated=None if associated is None else tuple(associated),
        email=properties.get("Email"),
        aliases=None if aliases is None else tuple(aliases),
        remove_other_aliases="RemoveOtherAliases" in properties,
        adopt_existing="AdoptExisting" not in properties,
        deletes_entity=kind is not None,
        entity_id=entity_id,
        construct_path=f"Mail/{key}/Resource" if entity_id else key,
        revision=properties.get("Revision"),
    )


def deployed(situation: Situation, harness: EntityHarness, physical_id: str) -> bool:
    """Whether the function succeeds."""
    given: dict[str, Any] = {"OrganizationId": ORGANIZATION_ID}
    entity_id = harness.entity(situation.entity).entity_id
    if situation.type == REGISTRATION:
        given |= {"EntityId": entity_id}
    elif situation.type in PARTS:
        given |= {f"{KINDS[situation.type].title()}Id": entity_id}
    common: dict[str, Any] = {"resource_type": situation.type}
    if situation.declared is None:
        harness.stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        before = situation.before or {}
        response = harness.send("Delete", physical_id, **common, **{**given, **before})
    elif situation.before is None or not situation.same_construct:
        response = harness.send("Create", **common, **{**given, **situation.declared})
    else:
        response = harness.send(
            "Update",
            physical_id,
            before={**given, **situation.before},
            **common,
            **{**given, **situation.declared},
        )
    return bool(response["Status"] == "SUCCESS")


def expected(findings: list[Finding], part: Part) -> Counter[str]:
    """The calls that findings lead to. One call changes all attributes of an entity."""
    calls = Counter[str]()
    for finding in findings:
        call = CALLS.get(finding.action)
        if finding.part is part and call:
            name = call.format(finding.entity.split()[0].title())
            calls[name] = 1 if name.startswith("Update") else calls[name] + 1
    return calls


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_the_function_does_what_the_plan_says(
    situation: Situation, harness: EntityHarness, reader: Organization
) -> None:
    situation.prepare(harness)
    entity = harness.entity(situation.entity)
    kind = KINDS.get(situation.type)
    word = f"{kind}/" if kind and situation.type not in PARTS else ""
    physical_id = f"{ORGANIZATION_ID}/{word}{entity.entity_id}"
    others = {}
    if situation.elsewhere:
        harness.another_stack("Other", There=(physical_id, "CREATE_COMPLETE"))
        others[physical_id] = "There of stack Other"
    before, declared = situation.before, situation.declared
    comparison = Comparison(
        reader,
        [] if declared is None else [declaration(situation, declared, None)],
        [] if before is None else [declaration(situation, before, entity.entity_id)],
        others,
    )
    part = PARTS.get(situation.type, Part.ENTITY)
    findings = [
        finding
        for finding in comparison.findings()
        if finding.part is part and finding.action != "adopt"
    ]
    assert [str(finding.action) for finding in findings] == situation.actions
    harness.workmail.calls.clear()
    fails = any(finding.action.fails for finding in findings)
    if kind and situation.type in PARTS:
        physical_id = f"{ORGANIZATION_ID}/{kind}/{entity.entity_id}/{PLURALS[situation.type]}"
    assert deployed(situation, harness, physical_id) is not fails
    done = Counter(harness.changes)
    assert done == (Counter() if fails else expected(findings, part))
