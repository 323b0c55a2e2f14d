from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from cdk_workmail_cli.aws import Service
from cdk_workmail_cli.comparison import Comparison
from cdk_workmail_cli.declaration import Declaration
from cdk_workmail_cli.organization import Kind
from cdk_workmail_cli.organization import Organization as Reader
from local_aws.workmail import Behaviour, Failure, Organization, WorkMail
from local_aws.workmail.entities import Registration
from tests.unit.cli.conftest import Command, Write

Enable = Callable[..., None]


def mailbox(name: str, **options: Any) -> dict[str, Any]:
    return {name: {"entity_id": name, "email": f"{name}@example.com", **options}}


def test_what_is_as_declared_is_adopted_and_nothing_is_to_be_done(
    command: Command, write: Write, organization: Organization, enable: Enable
) -> None:
    enable(organization.add_user("alice"), "info")
    ended = command(
        "plan", write(mailboxes=mailbox("alice", aliases=["INFO@example.com"])), "--json"
    )
    assert ended.code == 0
    assert ended.actions == [("adopt", "user alice", "as declared already")]


def test_an_entity_that_another_declares_is_not_adopted_with_adopt_existing_false(
    command: Command, write: Write, organization: Organization, enable: Enable
) -> None:
    enable(organization.add_user("alice"))
    organization.add_user("bob")
    organization.add_user("dora")
    file = write(
        defaults={"adopt_existing": False},
        mailboxes=mailbox("alice") | mailbox("bob"),
        users={"dora": {"name": "dora", "display_name": "dora"}},
    )
    assert command("plan", file, "--json").actions == [
        ("in use by another", "user dora", "user dora exists already, and adopt_existing is false"),
        (
            "in use by another",
            "user alice",
            "user alice is enabled already, and adopt_existing is false",
        ),
        ("enable", "user bob", "it is disabled, declared is bob@example.com"),
    ]


def test_an_address_that_another_entity_has_as_primary_or_as_alias_is_in_use(
    command: Command, write: Write, organization: Organization, enable: Enable
) -> None:
    enable(organization.add_user("alice"), "info")
    organization.add_user("bob")
    organization.add_user("carol")
    boxes = mailbox("bob", email="alice@example.com") | mailbox("carol", email="info@example.com")
    assert command("plan", write(mailboxes=boxes), "--json").actions == [
        ("in use by another", "user bob", "alice@example.com is in use by user alice"),
        ("in use by another", "user carol", "info@example.com is in use by user alice"),
    ]


def test_an_address_needs_a_verified_domain_of_the_organization(
    command: Command, write: Write, workmail: WorkMail, organization: Organization
) -> None:
    organization.add_domain("pending.example", verified_at=None)
    for name in ("alice", "bob", "carol"):
        organization.add_user(name)
    boxes = (
        mailbox("alice", email="alice@pending.example")
        | mailbox("bob", email="bob@other.example")
        | mailbox("carol", email="carol@other.example")
    )
    assert command("plan", write(mailboxes=boxes), "--json").actions == [
        (
            "not possible",
            "user alice",
            "alice@pending.example needs the mail domain pending.example to be verified",
        ),
        *(
            (
                "not there",
                f"user {name}",
                f"{name}@other.example needs the mail domain other.example, which is not in the "
                "organization",
            )
            for name in ("bob", "carol")
        ),
    ]
    assert len(workmail.calls.of("GetMailDomain")) == 2


def test_an_own_alias_can_become_the_primary_address(
    command: Command, organization: Organization, enable: Enable
) -> None:
    alice = organization.add_user("alice")
    enable(alice, "info")
    deployed = owned(alice, email="alice@example.com")
    declared = Declaration(
        *("f.json:1", "alice", None),
        email="info@example.com",
        aliases=("alice@example.com",),
    )
    comparison = Comparison(reader(organization, command), [declared], [deployed])
    assert [(f.action, f.detail) for f in comparison.findings()] == [
        ("change address", "alice@example.com to info@example.com")
    ]


def test_an_address_of_a_disabled_entity_is_free_also_where_it_still_shows(
    command: Command, write: Write, workmail: WorkMail, organization: Organization, enable: Enable
) -> None:
    workmail.behaviour = Behaviour(email_remains=True)
    alice = organization.add_user("alice")
    enable(alice)
    where = {"OrganizationId": organization.organization_id, "EntityId": alice.entity_id}
    workmail.perform("DeregisterFromWorkMail", where)
    organization.add_user("bob")
    boxes = mailbox("bob", email="alice@example.com")
    assert command("plan", write(mailboxes=boxes), "--json").actions == [
        ("enable", "user bob", "it is disabled, declared is alice@example.com")
    ]


def test_a_name_that_an_entity_of_another_kind_has_is_in_use(
    command: Command, write: Write, organization: Organization
) -> None:
    organization.add_group("dora")
    file = write(users={"dora": {"name": "dora", "display_name": "Dora"}})
    assert command("plan", file, "--json").actions == [
        ("in use by another", "user dora", "the name is in use by group dora")
    ]


def test_an_entity_that_is_deleted_is_not_there_as_a_mailbox_and_created_as_a_user(
    command: Command, write: Write, organization: Organization
) -> None:
    gone = organization.add_user("gone")
    gone.delete()
    boxes = mailbox("x", entity_id=gone.entity_id) | mailbox("nix")
    file = write(mailboxes=boxes, users={"gone": {"name": "gone", "display_name": "Gone"}})
    assert command("plan", file, "--json").actions == [
        ("create", "user gone", "not in the organization"),
        (
            "not there",
            "user gone",
            f"{gone.entity_id} is not in the organization any more: it is deleted",
        ),
        ("not there", "entity nix", "nix is not in the organization"),
    ]


def test_a_first_declaration_refuses_to_remove_members_aliases_and_addresses(
    command: Command, write: Write, organization: Organization, enable: Enable
) -> None:
    users = {name: organization.add_user(name) for name in ("a", "b", "c", "d", "e")}
    team = organization.add_group("team")
    for entity in (*users.values(), team):
        enable(entity)
    enable(organization.add_user("alice"), "info", "old")
    team.members += [user.entity_id for user in users.values()]
    boxes = mailbox("a", email="a.new@example.com") | mailbox(
        "alice", aliases=["info@example.com"], remove_other_aliases=True
    )
    ended = command(
        "plan",
        write(groups={"team": {"name": "team", "members": ["e"]}}, mailboxes=boxes),
        "--json",
    )
    then = "declare them, and remove them in a second deployment"
    assert (ended.code, ended.actions) == (
        2,
        [
            (
                "refused",
                "group team",
                f"it has 4 members that are not declared (a, b, c, ...): {then}",
            ),
            (
                "refused",
                "user a",
                "it has a@example.com, declared is a.new@example.com: declare the address it has, "
                "and change it in a second deployment",
            ),
            (
                "refused",
                "user alice",
                f"it has 1 aliases that are not declared (old@example.com): {then}",
            ),
        ],
    )


def test_members_are_added_also_those_that_the_deployment_creates(
    command: Command, write: Write, organization: Organization, enable: Enable
) -> None:
    for name in ("alice", "bob"):
        enable(organization.add_user(name))
    team = organization.add_group("team")
    team.members.append(organization.entity("alice").entity_id)
    file = write(
        users={"dora": {"name": "dora", "display_name": "Dora"}},
        groups={"team": {"name": "team", "members": ["alice", "bob", "dora", "nix"]}},
    )
    assert command("plan", file, "--json").actions == [
        ("create", "user dora", "not in the organization"),
        ("add member", "group team", "bob"),
        ("add member", "group team", "dora"),
        ("not there", "group team", "nix is not in the organization"),
    ]


def test_lists_that_workmail_refuses_for_disabled_entities_count_as_empty(
    command: Command, write: Write, workmail: WorkMail, organization: Organization
) -> None:
    workmail.behaviour = Behaviour(list_of_disabled_fails=True)
    organization.add_group("team")
    team = {"name": "team", "members": ["team2"], "email": "team@example.com", "aliases": []}
    organization.add_group("team2")
    assert command("plan", write(groups={"team": team}), "--json").actions == [
        ("enable", "group team", "it is disabled, declared is team@example.com"),
        ("add member", "group team", "team2"),
    ]


def test_the_primary_address_is_no_other_alias_also_where_workmail_lists_it(
    command: Command, write: Write, workmail: WorkMail, organization: Organization, enable: Enable
) -> None:
    workmail.behaviour = Behaviour(primary_is_listed_as_alias=True)
    enable(organization.add_user("alice"), "info")
    exact = mailbox("alice", aliases=["info@example.com"], remove_other_aliases=True)
    assert command("plan", write(mailboxes=exact)).code == 0


def test_attributes_and_booking_options_are_compared(
    command: Command, write: Write, organization: Organization, enable: Enable
) -> None:
    enable(organization.add_user("alice"))
    organization.add_resource("room")
    alice = {
        "name": "Alice",
        "display_name": "Alice A.",
        "hidden_from_global_address_list": True,
        "city": "Oslo",
        "role": "USER",
    }
    room = {
        "name": "room",
        "type": "EQUIPMENT",
        "auto_accept_requests": True,
        "auto_decline_conflicting_requests": False,
    }
    file = write(users={"alice": alice}, resources={"room": room})
    assert sorted(command("plan", file, "--json").actions) == [
        ("change attribute", "resource room", "AutoDeclineConflictingRequests from True to False"),
        ("change attribute", "resource room", "Type from 'ROOM' to 'EQUIPMENT'"),
        ("change attribute", "user alice", "City from '' to 'Oslo'"),
        ("change attribute", "user alice", "DisplayName from 'alice' to 'Alice A.'"),
        ("change attribute", "user alice", "HiddenFromGlobalAddressList from False to True"),
    ]


@pytest.mark.parametrize("is_enabled", [True, False])
def test_a_thousand_mailboxes_are_planned_in_forty_calls(
    command: Command,
    write: Write,
    workmail: WorkMail,
    organization: Organization,
    is_enabled: bool,
) -> None:
    makers: list[Callable[[str], Any]] = [
        *[organization.add_user] * 8,
        organization.add_group,
        organization.add_resource,
    ]
    boxes: dict[str, Any] = {}
    for number in range(1000):
        entity = makers[number % 10](f"entity{number}")
        boxes |= mailbox(entity.name)
        if is_enabled:
            entity.registration = Registration("ENABLED", f"{entity.name}@example.com")
    ended = command("plan", write(mailboxes=boxes), "--json")
    assert {action for action, _, _ in ended.actions} == {"adopt" if is_enabled else "enable"}
    assert len(ended.actions) == 1000
    assert len(workmail.calls) <= 40
    assert ended.json["notes"] == (
        []
        if is_enabled
        else ["980 new addresses were compared with primary addresses only, not with aliases."]
    )


def test_an_entity_with_aliases_and_listed_attributes_costs_one_call(
    command: Command, write: Write, workmail: WorkMail, organization: Organization, enable: Enable
) -> None:
    enable(organization.add_user("alice"), "info")
    alice = {
        "name": "alice",
        "display_name": "alice",
        "email": "alice@example.com",
        "aliases": ["info@example.com"],
    }
    assert command("plan", write(users={"alice": alice})).code == 0
    assert [call.operation for call in workmail.calls] == [
        *("ListUsers", "ListGroups", "ListResources", "ListAliases")
    ]


def test_a_domain_in_use_costs_no_call(
    command: Command, write: Write, workmail: WorkMail, organization: Organization
) -> None:
    boxes: dict[str, Any] = {}
    for number in range(60):
        domain = f"d{number}.example"
        organization.add_domain(domain)
        enabled = organization.add_user(f"old{number}")
        enabled.registration = Registration("ENABLED", f"old@{domain}")
        organization.add_user(f"new{number}")
        boxes |= mailbox(f"new{number}", email=f"new@{domain}")
    assert command("plan", write(mailboxes=boxes)).code == 2
    assert not workmail.calls.of("GetMailDomain")


def test_a_plan_finishes_while_three_calls_in_ten_are_throttled(
    command: Command,
    write: Write,
    workmail: WorkMail,
    organization: Organization,
    enable: Enable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    boxes: dict[str, Any] = {}
    for number in range(50):
        enable(organization.add_user(f"user{number}"))
        boxes |= mailbox(f"user{number}", aliases=[])
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    workmail.faults.share(Failure("ThrottlingException"), 0.3, random.Random(13).random)
    ended = command("plan", write(mailboxes=boxes))
    throttled = [call for call in workmail.calls if call.error_code == "ThrottlingException"]
    assert len(slept) == len(throttled) > 10
    assert (ended.code, ended.errors) == (
        0,
        f"cdk-workmail: {len(slept)} calls were sent again, because AWS throttled them or did not "
        "respond\n",
    )
    assert all(0 <= seconds <= 20 for seconds in slept)


def reader(organization: Organization, command: Command) -> Reader:
    return Reader(
        Service("workmail", boto3.Session()), organization.organization_id, lambda *_: None
    )


def owned(entity: Any, **options: Any) -> Declaration:
    return Declaration(
        identifier=entity.name,
        organization_id="m",
        entity_id=entity.entity_id,
        **{"where": "Mail/X", "kind": None, **options},
    )


@pytest.mark.parametrize(
    ("options", "kind", "actions"),
    [
        ({"email": "x@example.com"}, "user", ["deregister"]),
        ({"email": "x@example.com", "mailbox_removal_policy": "RETAIN"}, "user", ["retain"]),
        (
            {"email": "x@example.com", "mailbox_removal_policy": "SNAPSHOT"},
            "user",
            ["export and deregister"],
        ),
        (
            {"email": "x@example.com", "mailbox_removal_policy": "SNAPSHOT"},
            "group",
            ["deregister"],
        ),
        (
            {"email": "x@example.com", "kind": Kind.USER, "deletes_entity": True},
            "user",
            ["deregister", "delete"],
        ),
        ({"email": "x@example.com", "kind": Kind.USER}, "user", ["deregister"]),
        ({"kind": Kind.USER}, "user", ["retain"]),
    ],
)
def test_a_removed_entry_does_what_its_removal_policies_say(
    command: Command,
    organization: Organization,
    enable: Enable,
    options: dict[str, Any],
    kind: str,
    actions: list[str],
) -> None:
    entity = organization.add_group("x") if kind == "group" else organization.add_user("x")
    enable(entity)
    comparison = Comparison(reader(organization, command), [], [owned(entity, **options)])
    assert [finding.action for finding in comparison.findings()] == actions


def test_a_removed_entry_of_a_disabled_or_missing_entity_changes_nothing(
    command: Command, organization: Organization
) -> None:
    off, gone = organization.add_user("off"), organization.add_user("gone")
    gone.delete()
    deployed = [owned(off, email="off@example.com"), owned(gone, email="gone@example.com")]
    assert not [*Comparison(reader(organization, command), [], deployed).findings()]


def test_an_entry_that_is_written_with_the_name_or_the_id_is_the_same_entry(
    command: Command, organization: Organization, enable: Enable
) -> None:
    alice = organization.add_user("alice")
    enable(alice)
    deployed = owned(alice, email="alice@example.com")
    for identifier in ("alice", "ALICE", alice.entity_id):
        declared = Declaration("f.json:1", identifier, None, email="alice@example.com")
        comparison = Comparison(reader(organization, command), [declared], [deployed])
        assert not [*comparison.findings()]


def test_a_renamed_user_is_not_possible_and_a_renamed_resource_is_renamed(
    command: Command, organization: Organization
) -> None:
    organization.add_user("alice")
    organization.add_resource("room")
    deployed = [
        owned(organization.entity(name), kind=kind, construct_path=f"Mail/{name}/Resource")
        for name, kind in (("alice", Kind.USER), ("room", Kind.RESOURCE))
    ]
    declared = [
        Declaration("f.json:1", "alicia", Kind.USER, construct_path="alice"),
        Declaration("f.json:2", "hall", Kind.RESOURCE, construct_path="room"),
    ]
    comparison = Comparison(reader(organization, command), declared, deployed)
    assert [(f.action, f.detail) for f in comparison.findings()] == [
        ("not possible", "WorkMail does not rename a user: it is alice, declared is alicia"),
        ("rename", "room to hall"),
    ]


@pytest.mark.parametrize(
    ("logical_id", "is_found"),
    [
        # What the CDK gives the paths Blue-Room/Resource and Staff/Blue-Room/Resource in a stack.
        ("BlueRoomB13C995F", True),
        ("StaffBlueRoomE136E482", True),
        ("StaffBlueRoomE136E483", False),
    ],
)
def test_a_renamed_resource_is_recognized_by_its_logical_id(
    command: Command, organization: Organization, logical_id: str, is_found: bool
) -> None:
    room = organization.add_resource("old-name")
    deployed = owned(room, kind=Kind.RESOURCE, where=f"Mail/{logical_id}")
    declared = Declaration("f.json:2", "hall", Kind.RESOURCE, construct_path="Blue-Room")
    comparison = Comparison(reader(organization, command), [declared], [deployed])
    actions = [finding.action for finding in comparison.findings()]
    assert actions == (["rename"] if is_found else ["create", "retain"])


def test_what_another_stack_declares_is_retained_and_reported(
    command: Command, organization: Organization, enable: Enable
) -> None:
    alice, bob = (organization.add_user(name) for name in ("alice", "bob"))
    for user in (alice, bob):
        enable(user)
    deployed = [owned(user, email=f"{user.name}@example.com") for user in (alice, bob)]
    declared = Declaration("f.json:1", "bob", None, email="bob@example.com")
    others = {
        f"{organization.organization_id}/{user.entity_id}": f"X of stack {user.name}"
        for user in (alice, bob)
    }
    comparison = Comparison(reader(organization, command), [declared], deployed, others)
    findings = [*comparison.findings()]
    assert [(f.action, f.entity, f.detail) for f in findings] == [
        ("declared twice", "user bob", "declared by X of stack bob too"),
        ("retain", "user alice", "no longer declared here, declared by X of stack alice"),
    ]
    assert all(finding.action.changes_nothing for finding in findings)


def test_a_finding_needs_a_revision_only_if_no_property_of_its_resource_changes(
    command: Command, organization: Organization, enable: Enable
) -> None:
    alice = organization.add_user("alice")
    enable(alice)
    deployed = owned(alice, email="alice@example.com", aliases=("info@example.com",))
    for aliases, needs_revision in (
        (("info@example.com",), True),
        (("info@example.com", "press@example.com"), False),
    ):
        declared = Declaration(
            "f.json:1", "alice", None, email="alice@example.com", aliases=aliases
        )
        comparison = Comparison(reader(organization, command), [declared], [deployed])
        assert {finding.needs_revision for finding in comparison.findings()} == {needs_revision}


@pytest.mark.parametrize(
    ("revision", "action", "needs_revision"),
    [("1", "stay disabled", True), (None, "stay disabled", True), ("2", "enable", False)],
)
def test_a_file_without_a_revision_leaves_that_of_the_roster(
    command: Command,
    organization: Organization,
    revision: str | None,
    action: str,
    needs_revision: bool,
) -> None:
    alice = organization.add_user("alice")
    deployed = owned(alice, email="alice@example.com", revision="1")
    declared = Declaration("f.json:1", "alice", None, email="alice@example.com", revision=revision)
    comparison = Comparison(reader(organization, command), [declared], [deployed])
    assert [(found.action, found.needs_revision) for found in comparison.findings()] == [
        (action, needs_revision)
    ]


def test_an_operation_that_is_not_listed_as_reading_is_refused_before_it_is_sent(
    command: Command, workmail: WorkMail, organization: Organization
) -> None:
    service = Service("workmail", boto3.Session())
    with pytest.raises(AssertionError, match="DeleteUser is not one of"):
        service.call("DeleteUser", OrganizationId=organization.organization_id, UserId="alice")
    assert not len(workmail.calls)
