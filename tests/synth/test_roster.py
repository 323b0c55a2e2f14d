"""A roster declares what an organization file lists: in lanes, in nested stacks, with a guard."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, NestedStack, RemovalPolicy, Stack
from aws_cdk.assertions import Template

from cdk_workmail import MailboxExport, WorkMailGroup, WorkMailRoster, WorkMailUser
from cdk_workmail._lanes import lanes_of
from cdk_workmail._placement import fewest_stacks, fits, place
from cdk_workmail._role import MOST_CHARACTERS, FunctionRole
from cdk_workmail_file import Entry, check
from tests.synth.roster import (
    GROUP,
    ORGANIZATION,
    OTHER_ORGANIZATION,
    REGISTRATION,
    RESOURCE,
    USER,
    register,
)

MEMBERS, DELEGATES = "Custom::WorkMailGroupMembers", "Custom::WorkMailResourceDelegates"
GUARD = "Custom::WorkMailRemovalGuard"
ENTRIES = (REGISTRATION, USER, GROUP, RESOURCE)
NESTED = "AWS::CloudFormation::Stack"
KEYS = [f"User{number}" for number in range(1000)]


def mailbox(name: str, **options: Any) -> dict[str, Any]:
    return {"entity_id": name, "email": f"{name}@example.com", **options}


def document(size: int = 20, **sections: Any) -> dict[str, Any]:
    """Mailboxes and one of everything else."""
    return {
        "organization_id": ORGANIZATION,
        "users": {
            "Dora": {
                "name": "dora",
                "display_name": "Dora Dean",
                "email": "dora@example.com",
                "aliases": ["info@example.com"],
                "job_title": "Explorer",
                "removal_policy": "DESTROY",
                "reset_password": "2026-11-26",
            },
            "Emil": {"name": "emil", "display_name": "Emil Ekman"},
        },
        "groups": {
            "Sales": {
                "name": "sales",
                "email": "sales@example.com",
                "members": ["dora", "emil", "all"],
                "mailbox_removal_policy": "RETAIN",
            },
            "All": {"name": "all", "members": ["user1"], "removal_policy": "DESTROY"},
        },
        "resources": {
            "Room": {
                "name": "room",
                "type": "ROOM",
                "email": "room@example.com",
                "auto_accept_requests": False,
                "delegates": ["sales"],
            }
        },
        "mailboxes": {f"User{number}": mailbox(f"user{number}") for number in range(size)},
        **sections,
    }


Templates = dict[str, dict[str, Any]]


def synthesized(source: Any, outdir: Path | None = None, **options: Any) -> Templates:
    """The resources of each stack, by the name of its template; "" is the stack of the roster."""
    app = App(outdir=str(outdir) if outdir else None)
    stack = Stack(app, "Mail", env=Environment(account="111111111111", region="us-east-1"))
    WorkMailRoster(stack, "Staff", source=source, **options)
    folder = Path(app.synth().directory)
    return {
        path.name.partition(".")[0].removeprefix("Mail"): json.loads(path.read_text())["Resources"]
        for path in folder.glob("*.template.json")
    }


def of_type(resources: Mapping[str, Any], *types: str) -> dict[str, Any]:
    return {id: found for id, found in resources.items() if found["Type"] in types}


def declared(templates: Templates) -> list[dict[str, Any]]:
    """The properties of all entries, without what differs between stacks."""
    return sorted(
        (
            {name: value for name, value in each["Properties"].items() if name[:7] != "Service"}
            for resources in templates.values()
            for each in of_type(resources, *ENTRIES).values()
        ),
        key=lambda properties: json.dumps(properties.get("Name") or properties["Email"]),
    )


def depends_on(resources: Mapping[str, Any], id: str) -> Iterator[str]:
    def referred(value: Any) -> Iterator[str]:
        match value:
            case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
                yield name
            case dict():
                for item in value.values():
                    yield from referred(item)
            case list():
                for item in value:
                    yield from referred(item)

    found = resources[id]
    yield from found.get("DependsOn", [])
    yield from referred(found.get("Properties", {}))


def needed(resources: Mapping[str, Any], id: str) -> set[str]:
    """All that CloudFormation creates before this resource of the template."""
    found: set[str] = set()
    ahead = [id]
    while ahead:
        for name in depends_on(resources, ahead.pop()):
            if name in resources and name not in found:
                found.add(name)
                ahead.append(name)
    return found


def most_at_once(resources: Mapping[str, Any], types: tuple[str, ...]) -> int:
    """How many resources of the types CloudFormation works on at once, if all take as long."""
    left = {
        id: {other for other in needed(resources, id) if resources[other]["Type"] in types}
        for id in of_type(resources, *types)
    }
    most = 0
    while left:
        ready = [id for id, waits in left.items() if not waits & left.keys()]
        assert ready, "the dependencies are a circle"
        most = max(most, len(ready))
        for id in ready:
            del left[id]
    return most


@pytest.fixture(scope="module")
def single() -> Templates:
    return synthesized(document(), concurrency=3)


@pytest.fixture(scope="module")
def nested() -> Templates:
    return synthesized(document(), stacks=3, concurrency=7)


def test_one_stack_and_nested_stacks_declare_the_same(single: Templates, nested: Templates) -> None:
    assert set(single) == {""}
    assert len(nested) == 4
    assert not of_type(nested[""], *ENTRIES)

    def comparable(templates: Templates) -> list[Any]:
        return [
            {
                name: each[name]
                for name in ("Name", "Email", "Aliases", "Attributes")
                if name in each
            }
            for each in declared(templates)
        ]

    assert comparable(single) == comparable(nested)
    assert len(declared(single)) == 20 + 3 + 3 + 2


def test_an_entry_is_what_its_construct_is(single: Templates) -> None:
    stack = Stack(App(), "Mail", env=Environment(account="111111111111", region="us-east-1"))
    options: dict[str, Any] = {"organization_id": ORGANIZATION}
    dora = WorkMailUser(
        stack,
        "Dora",
        name="dora",
        display_name="Dora Dean",
        job_title="Explorer",
        removal_policy=RemovalPolicy.DESTROY,
        reset_password="2026-11-26",
        **options,
    )
    dora.enable(email="dora@example.com", aliases=["info@example.com"])
    WorkMailGroup(stack, "Sales", name="sales", **options).enable(
        email="sales@example.com", removal_policy=RemovalPolicy.RETAIN
    )
    by_hand = of_type(Template.from_stack(stack).to_json()["Resources"], *ENTRIES)
    for found in by_hand.values():
        email, name = found["Properties"].get("Email"), found["Properties"].get("Name")
        (entry,) = (
            each
            for each in of_type(single[""], found["Type"]).values()
            if (each["Properties"].get("Email"), each["Properties"].get("Name")) == (email, name)
        )
        same = {"EntityId", "PasswordSecretArn", "Attributes"}
        for name, value in found["Properties"].items():
            assert name in same or entry["Properties"][name] == value
        assert entry.get("DeletionPolicy", "Delete") == found.get("DeletionPolicy", "Delete")


def test_policies_of_nested_stacks_are_those_of_the_stack_above(nested: Templates) -> None:
    """Except those that only removals need."""
    of_nested = [
        policy["Properties"]["PolicyDocument"]["Statement"][0]["Action"]
        for name, resources in nested.items()
        if name
        for policy in of_type(resources, "AWS::IAM::Policy").values()
    ]
    assert sorted(of_nested) == ["workmail:DeleteGroup", "workmail:DeleteUser"]
    for id in of_type(nested[""], NESTED):
        policies = {
            each.removeprefix("CustomWorkMailPermissions")
            for each in needed(nested[""], id)
            if nested[""][each]["Type"] == "AWS::IAM::Policy"
        }
        for policy in ("Announcements", "NestedStacks", "Organization", "Stack"):
            assert any(each.startswith(policy) for each in policies), policy


@pytest.mark.parametrize("stacks", [4, 20])
def test_the_policies_of_many_nested_stacks_fit_into_the_role(stacks: int) -> None:
    app = App()
    stack = Stack(app, "M" * 100)
    people = {
        key: {
            "name": key,
            "display_name": key,
            "email": f"{key}@example.com",
            "aliases": [f"{key}.alias@example.com"],
            "removal_policy": "DESTROY",
            "mailbox_removal_policy": "SNAPSHOT",
        }
        for key in KEYS[:60]
    }
    source = document(0) | {"users": people, "groups": {}, "mailbox_export": True}
    roster = WorkMailRoster(stack, "Staff", source=source, stacks=stacks)
    role = roster.provider.role
    assert isinstance(role, FunctionRole)
    assert role.size() <= MOST_CHARACTERS
    assert role.validate() == []


def test_each_nested_stack_announces_itself(nested: Templates) -> None:
    for name, resources in nested.items():
        (announcement,) = of_type(resources, "AWS::SSM::Parameter")
        for id in of_type(resources, *ENTRIES, *([] if name else [GUARD])):
            assert announcement in needed(resources, id)


def test_what_an_app_adds_to_a_nested_stack_waits_for_its_announcement() -> None:
    stack = Stack(App(), "Mail")
    roster = WorkMailRoster(stack, "Staff", source=document(1, groups={}), stacks=2)
    parts = [part for part in roster.node.children if isinstance(part, NestedStack)]
    organizations = (ORGANIZATION, OTHER_ORGANIZATION)
    for part, organization in zip(parts, organizations, strict=True):
        register(part, "Added", organization_id=organization, provider=roster.provider)
    for part, organization in zip(parts, organizations, strict=True):
        resources = Template.from_stack(part).to_json()["Resources"]
        (added,) = (id for id in resources if id.startswith("Added"))
        before = {id: resources[id] for id in needed(resources, added)}
        (announcement,) = of_type(before, "AWS::SSM::Parameter").values()
        assert organization in json.dumps(announcement["Properties"]["Name"])


def test_a_roster_in_a_nested_stack_refers_to_no_stack_from_within() -> None:
    """The generated passwords of its own nested stacks have that stack's id in their tag."""
    outer = Stack(App(), "Mail")
    team = NestedStack(outer, "Team")
    WorkMailRoster(team, "Staff", source=document(1), stacks=2)
    resources = Template.from_stack(outer).to_json()["Resources"]
    (id,) = of_type(resources, NESTED)
    assert id not in set(depends_on(resources, id))
    within = Template.from_stack(team).to_json()["Resources"].values()
    given = [each["Properties"].get("Parameters", {}) for each in within if each["Type"] == NESTED]
    assert {"Ref": "AWS::StackId"} in [value for each in given for value in each.values()]


def test_the_guard_comes_before_every_entry(single: Templates, nested: Templates) -> None:
    for templates, types in ((single, (*ENTRIES, MEMBERS, DELEGATES)), (nested, (NESTED,))):
        (guard,) = of_type(templates[""], GUARD)
        ids = of_type(templates[""], *types)
        assert ids
        for id in ids:
            assert guard in needed(templates[""], id)


def test_the_guard_knows_what_a_removal_disables_or_deletes(single: Templates) -> None:
    (guard,) = of_type(single[""], GUARD).values()
    properties = guard["Properties"]
    assert properties["MaximumRemovals"] == "25%"
    assert properties["OrganizationId"] == ORGANIZATION
    assert set(properties["Retained"]) == {
        *("user/emil", "group/sales", "resource/room", "registration/sales")
    }
    assert set(properties["Entries"]) == {
        *("user/dora", "group/all", "registration/dora", "registration/room"),
        *(f"registration/user{number}" for number in range(20)),
    }


@pytest.mark.parametrize(
    ("maximum", "property"), [(40, "40"), (0, "0"), (0.125, "12.5%"), (0.07, "7%"), (1.0, "100%")]
)
def test_the_limit_of_removals_is_a_number_or_a_share(maximum: float, property: str) -> None:
    stack = Stack(App(), "Mail")
    WorkMailRoster(stack, "Staff", source=document(0, users={}), maximum_removals=maximum)
    (found,) = of_type(Template.from_stack(stack).to_json()["Resources"], GUARD).values()
    assert found["Properties"]["MaximumRemovals"] == property


def test_lanes_bound_how_many_entries_are_worked_on_at_once(
    single: Templates, nested: Templates
) -> None:
    # A user is created and enabled in one unit.
    assert most_at_once(single[""], ENTRIES) == 3
    assert most_at_once(single[""], (MEMBERS, DELEGATES)) <= 3
    assert sum(most_at_once(part, ENTRIES) for name, part in nested.items() if name) == 7


def test_fewer_lanes_than_nested_stacks_chain_the_stacks() -> None:
    templates = synthesized(document(), stacks=4, concurrency=2)
    assert most_at_once(templates[""], (NESTED,)) == 2
    for name, resources in templates.items():
        assert not name or most_at_once(resources, ENTRIES) == 1


@pytest.mark.parametrize(
    ("concurrency", "stacks", "lanes"), [(7, 3, [3, 2, 2]), (2, 4, [1, 1, 1, 1]), (5, 1, [5])]
)
def test_lanes_are_split_among_the_stacks(concurrency: int, stacks: int, lanes: list[int]) -> None:
    assert lanes_of(concurrency, stacks) == lanes


def test_another_entry_changes_dependencies_alone(single: Templates) -> None:
    more = synthesized(
        document()
        | {"users": {"Anna": {"name": "anna", "display_name": "A"}, **document()["users"]}},
        concurrency=3,
    )
    for id, before in single[""].items():
        now = more[""][id]
        same = {name: value for name, value in now.items() if name != "DependsOn"}
        before = {name: value for name, value in before.items() if name != "DependsOn"}
        assert before["Type"] == GUARD or same == before


def test_member_lists_wait_for_all_nested_stacks_and_nothing_waits_for_them(
    nested: Templates,
) -> None:
    lists = of_type(nested[""], MEMBERS, DELEGATES)
    assert len(lists) == 3
    for id in lists:
        assert set(of_type(nested[""], NESTED)) <= needed(nested[""], id)
    for id in of_type(nested[""], NESTED):
        assert not needed(nested[""], id) & lists.keys()


def test_member_lists_keep_their_logical_ids_in_any_number_of_stacks(
    single: Templates, nested: Templates
) -> None:
    types = (MEMBERS, DELEGATES)
    assert set(of_type(single[""], *types)) == set(of_type(nested[""], *types))


def test_another_entry_moves_none() -> None:
    before = {key: place(key, 4) for key in KEYS}
    assert {key: place(key, 4) for key in [*KEYS, "New"]} == before | {"New": place("New", 4)}
    # Literals, so that no version of the library moves an entry.
    assert [before[key] for key in KEYS[:12]] == [1, 0, 0, 3, 2, 3, 1, 1, 1, 3, 2, 1]


@pytest.mark.parametrize("stacks", [1, 2, 4, 9])
def test_one_more_stack_moves_its_share_into_the_new_stack_alone(stacks: int) -> None:
    moved = [key for key in KEYS if place(key, stacks) != place(key, stacks + 1)]
    assert {place(key, stacks + 1) for key in moved} == {stacks}
    expected = len(KEYS) / (stacks + 1)
    assert 0.8 * expected < len(moved) < 1.2 * expected


def test_entries_are_spread_evenly() -> None:
    sizes = Counter(place(key, 4) for key in KEYS)
    assert all(200 < size < 300 for size in sizes.values())


def entries(size: int) -> list[Entry]:
    return [Entry("mailboxes", key, {"email": "x"}, 0) for key in KEYS[:size]]


def test_the_error_of_too_many_entries_says_how_many_stacks_fit() -> None:
    size = 1000
    names = {key: mailbox(key) for key in KEYS[:size]}
    source = {"organization_id": ORGANIZATION, "mailboxes": names}
    fewest = fewest_stacks(entries(size))
    assert fewest == 3
    assert not fits(entries(size), fewest - 1)
    stack = Stack(App(), "Mail")
    with pytest.raises(ValueError) as raised:
        WorkMailRoster(stack, "Staff", source=source, stacks=2)
    assert str(raised.value) == (
        "Mail/Staff: stacks must be at least 3 for the 1000 entries of Mail/Staff: source, got 2: "
        "a stack has 500 resources at most"
    )


def test_as_many_resources_as_fit_synthesize() -> None:
    """A user with a generated password and a mailbox is three resources."""
    names = {
        key: {"name": key, "display_name": key, "email": f"{key}@example.com"} for key in KEYS[:153]
    }
    source = {"organization_id": ORGANIZATION, "users": names}
    (resources,) = synthesized(source).values()
    assert 459 < len(resources) <= 500
    names |= {"Last": {"name": "last", "display_name": "Last"}}
    with pytest.raises(ValueError, match="stacks must be at least 2"):
        WorkMailRoster(Stack(App(), "Mail"), "Staff", source=source)


def test_more_member_lists_than_a_stack_can_have_are_refused() -> None:
    groups = {key: {"name": key, "members": []} for key in KEYS[:461]}
    source = {"organization_id": ORGANIZATION, "groups": groups}
    with pytest.raises(ValueError, match=r"at most 460 entries with members, .* got 461"):
        WorkMailRoster(Stack(App(), "Mail"), "Staff", source=source, stacks=9)


def test_removal_policies_come_from_the_entry_the_file_and_the_roster_in_this_order() -> None:
    source = {
        "organization_id": ORGANIZATION,
        "mailboxes": {"A": mailbox("a"), "B": mailbox("b", removal_policy="DESTROY")},
    }

    def policies(**options: Any) -> list[str | None]:
        (resources,) = synthesized(options.pop("source", source), **options).values()
        found = of_type(resources, REGISTRATION).values()
        return [each.get("DeletionPolicy") for each in found]

    # CloudFormation's own default is Delete.
    assert policies() == [None, "Delete"]
    assert policies(removal_policy=RemovalPolicy.RETAIN) == ["Retain", "Delete"]
    in_file = source | {"defaults": {"mailbox_removal_policy": "RETAIN_ON_UPDATE_OR_DELETE"}}
    assert policies(source=in_file, removal_policy=RemovalPolicy.DESTROY) == [
        "RetainExceptOnCreate",
        "Delete",
    ]


@pytest.mark.parametrize("stacks", [1, 2])
def test_revisions_come_from_the_entry_the_file_and_the_roster_in_this_order(stacks: int) -> None:
    source = document(1)
    for section, key in (("users", "Dora"), ("groups", "Sales"), ("resources", "Room")):
        source[section][key]["revision"] = key
    source["mailboxes"]["Own"] = mailbox("own", revision="own")

    def revisions(source: Any, **options: Any) -> dict[str, set[str | None]]:
        """Of each entity its resources' revisions, by name or address."""
        found: dict[str, set[str | None]] = {}
        for each in declared(synthesized(source, stacks=stacks, **options)):
            name = each.get("Name") or each["Email"].partition("@")[0]
            found.setdefault(name, set()).add(each.get("Revision"))
        return found

    own = {"dora": {"Dora"}, "sales": {"Sales"}, "room": {"Room"}, "own": {"own"}}

    def others(revision: str | None) -> dict[str, set[str | None]]:
        return {name: {revision} for name in ("emil", "all", "user0")}

    assert revisions(source) == own | others(None)
    assert revisions(source, revision="roster") == own | others("roster")
    in_file = source | {"revision": "file"}
    assert revisions(in_file, revision="roster") == own | others("file")


@pytest.mark.parametrize("stacks", [1, 2])
def test_exports_are_those_of_the_file_or_of_the_roster(stacks: int) -> None:
    export: dict[str, Any] = {"prefix": "mail", "maximum_age_hours": 48}
    source: dict[str, Any] = {
        "organization_id": ORGANIZATION,
        "mailbox_export": export,
        "mailboxes": {"A": mailbox("a", removal_policy="SNAPSHOT"), "B": mailbox("b")},
    }
    templates = synthesized(source, stacks=stacks)
    exported, plain = declared(templates)
    assert exported["MailboxExport"]["Prefix"] == "mail"
    assert exported["MailboxExport"]["MaximumAge"] == 48 * 3600
    assert "MailboxExport" not in plain
    assert len(of_type(templates[""], "AWS::S3::Bucket")) == 1
    # With nested stacks it is there while any entry could still be exported.
    del source["mailboxes"]["A"]
    roles = of_type(synthesized(source, stacks=stacks)[""], "AWS::IAM::Role")
    assert len(roles) == stacks


def test_a_given_export_serves_the_roster() -> None:
    stack = Stack(App(), "Mail")
    given = MailboxExport(stack, "Export")
    source: dict[str, Any] = {
        "organization_id": ORGANIZATION,
        "mailboxes": {"A": mailbox("a", removal_policy="SNAPSHOT")},
    }
    roster = WorkMailRoster(stack, "Staff", source=source, mailbox_export=given)
    assert roster.mailbox_export is given
    with pytest.raises(ValueError, match="SNAPSHOT needs mailbox_export"):
        WorkMailRoster(stack, "Other", source=source)
    del source["mailboxes"]
    with pytest.raises(ValueError, match="removal_policy SNAPSHOT must come with mailbox_export"):
        WorkMailRoster(stack, "Third", source=source, removal_policy=RemovalPolicy.SNAPSHOT)


def test_the_end_of_support_is_warned_of_once() -> None:
    stack = Stack(App(), "Mail")
    WorkMailRoster(stack, "Staff", source=document(), stacks=3)
    warnings = [
        entry
        for construct in stack.node.find_all()
        for entry in construct.node.metadata
        if entry.type == "aws:cdk:warning"
    ]
    assert len(warnings) == 1
    assert "March 31, 2027" in str(warnings[0].data)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"stacks": 0}, "stacks must be a whole number of at least 1, got 0"),
        ({"stacks": True}, "stacks must be a whole number of at least 1, got True"),
        ({"concurrency": 1.5}, "concurrency must be a whole number of at least 1, got 1.5"),
        ({"maximum_removals": -1}, "maximum_removals must be a whole number, or a share from 0.0 "),
        (
            {"maximum_removals": 1.5},
            "maximum_removals must be a whole number, or a share from 0.0 ",
        ),
        ({"maximum_removals": True}, "maximum_removals must be a whole number, or a share "),
        ({"removal_policy": "RETAIN"}, "removal_policy must be a RemovalPolicy, got 'RETAIN'"),
        ({"mailbox_export": True}, "mailbox_export must be a MailboxExport, got True"),
        ({"provider": "x"}, "provider must be a WorkMailProvider, got 'x'"),
        ({"organization_id": ORGANIZATION}, "organization_id must be in the source, except "),
        ({"source": 7}, "source must be a path or a dict, got 7"),
        ({"source": "staff.csv"}, "organization_id must be given with a .csv file, got None"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], complaint: str) -> None:
    given: dict[str, Any] = {"source": document(), **options}
    with pytest.raises(ValueError) as raised:
        WorkMailRoster(Stack(App(), "Mail"), "Staff", **given)
    assert str(raised.value).startswith(f"Mail/Staff: {complaint}")


def test_errors_of_a_file_have_its_name_and_line(tmp_path: Path) -> None:
    path = tmp_path / "organization.json"
    text = json.dumps(document(2) | {"usres": {}}, indent=2)
    path.write_text(text.replace("dora@example.com", "dora"))
    with pytest.raises(ValueError) as raised:
        WorkMailRoster(Stack(App(), "Mail"), "Staff", source=str(path))
    unknown, email = str(raised.value).splitlines()[::-1]
    assert unknown.startswith(f"{path}:") and "$.usres: unknown key 'usres'" in unknown
    line = 1 + text[: text.index("dora@example.com")].count("\n")
    assert email.startswith(f"{path}:{line}: $.users.Dora.email: must be an address")


def test_errors_of_a_dict_have_the_construct_and_no_line() -> None:
    with pytest.raises(ValueError, match=r"^Mail/Staff: source: \$\.usres: unknown key 'usres'"):
        WorkMailRoster(Stack(App(), "Mail"), "Staff", source=document() | {"usres": {}})


def test_keys_cannot_collide_with_the_ids_of_the_roster() -> None:
    for id in ("$Guard", "$Export", "$Stack1"):
        with pytest.raises(ValueError, match=r"must be 1 to 200 characters without / and \$"):
            check({"organization_id": ORGANIZATION, "mailboxes": {id: mailbox("a")}}, "x")
    templates = synthesized(
        {
            "organization_id": ORGANIZATION,
            "mailboxes": {id: mailbox(id) for id in ("Guard", "Export", "Stack1")},
        },
        stacks=2,
    )
    assert len(declared(templates)) == 3
