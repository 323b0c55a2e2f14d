from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cdk_workmail_file import read
from local_aws import seed_organization
from local_aws.workmail import Behaviour, Failure, Organization, Resource, WorkMail, WorkMailServer
from tests.unit.cli.conftest import Command, Ended

Enable = Callable[..., None]
Discover = Callable[..., Ended]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "organization.json"


@pytest.fixture
def dossier(path: Path) -> Path:
    return path.with_name("organization.dossier.json")


@pytest.fixture
def discover(command: Command, organization: Organization, path: Path) -> Discover:
    def run(*options: str) -> Ended:
        return command(
            *("discover", "--organization-id", organization.organization_id),
            *("--output", str(path), *options),
        )

    return run


@pytest.fixture
def team(organization: Organization, enable: Enable) -> None:
    for name in ("Zoe", "alice", "bob"):
        enable(organization.add_user(name))
    organization.add_user("off")
    gone = organization.add_user("gone")
    gone.delete()
    system = organization.add_user("system")
    system.role = "SYSTEM_USER"
    sales = organization.add_group("sales")
    enable(sales, "orders", "info")
    sales.members += [organization.entity(name).entity_id for name in ("bob", "Zoe", "alice")]
    sales.members.append(gone.entity_id)
    organization.add_group("north/south team")
    room: Resource = organization.add_resource("room")
    enable(room)
    room.hidden = True
    room.delegates.append(organization.entity("bob").entity_id)


def test_everything_that_can_be_declared_is_written_sorted(
    discover: Discover, team: None, path: Path, organization: Organization
) -> None:
    ended = discover("--json")
    assert ended.code == 0
    assert json.loads(path.read_text()) == {
        "organization_id": organization.organization_id,
        "organization_region": "us-east-1",
        "defaults": {"mailbox_removal_policy": "RETAIN"},
        "groups": {
            "north-south team": {"name": "north/south team"},
            "sales": {
                "name": "sales",
                "members": ["alice", "bob", "Zoe"],
                "email": "sales@example.com",
                "aliases": ["info@example.com", "orders@example.com"],
            },
        },
        "resources": {
            "room": {
                "name": "room",
                "type": "ROOM",
                "hidden_from_global_address_list": True,
                "auto_accept_requests": True,
                "auto_decline_recurring_requests": False,
                "auto_decline_conflicting_requests": True,
                "delegates": ["bob"],
                "email": "room@example.com",
            }
        },
        "mailboxes": {
            name: {"entity_id": name, "email": f"{name}@example.com"}
            for name in ("alice", "bob", "Zoe")
        },
    }
    assert [*read(path).document["mailboxes"]] == ["alice", "bob", "Zoe"]
    assert ended.json["counts"] == {
        "mailboxes": 3,
        "groups": 2,
        "resources": 1,
        "omitted deleted entities": 1,
        "omitted system users": 1,
        "omitted disabled users": 1,
    }


def test_a_discovered_file_plans_nothing(
    discover: Discover, command: Command, team: None, path: Path
) -> None:
    for options in ([], ["--attributes"]):
        discover("--force", *options)
        assert command("plan", str(path)).code == 0


def test_a_local_organization_that_starts_with_a_discovered_file_is_like_it(
    discover: Discover, command: Command, team: None, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for options in (["--force"], ["--force", "--attributes"]):
        discover(*options)
        local = WorkMail()
        seed_organization(local, read(path))
        with WorkMailServer(local) as server, monkeypatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_WORKMAIL", server.endpoint_url)
            assert command("plan", str(path)).code == 0


def test_two_runs_write_the_same_bytes(discover: Discover, team: None, path: Path) -> None:
    discover()
    first = path.read_bytes()
    discover("--force")
    assert path.read_bytes() == first
    discover("--merge")
    assert path.read_bytes() == first


def test_the_primary_address_is_no_alias_also_where_workmail_lists_it(
    discover: Discover, workmail: WorkMail, organization: Organization, enable: Enable, path: Path
) -> None:
    workmail.behaviour = Behaviour(primary_is_listed_as_alias=True)
    enable(organization.add_user("alice"))
    discover()
    assert read(path).document["mailboxes"] == {
        "alice": {"entity_id": "alice", "email": "alice@example.com"}
    }


def test_attributes_are_read_on_request_for_disabled_users_too(
    discover: Discover, organization: Organization, enable: Enable, path: Path
) -> None:
    alice = organization.add_user("alice", display_name="Alice A.")
    enable(alice)
    alice.attributes |= {"JobTitle": "Explorer", "City": ""}
    organization.add_user("off")
    discover("--attributes")
    assert read(path).document["users"] == {
        "alice": {
            "name": "alice",
            "display_name": "Alice A.",
            "job_title": "Explorer",
            "role": "USER",
            "email": "alice@example.com",
        },
        "off": {"name": "off", "display_name": "off", "role": "USER"},
    }


def test_an_existing_file_is_kept(discover: Discover, path: Path, workmail: WorkMail) -> None:
    path.write_text("{}")
    ended = discover()
    assert (ended.code, path.read_text(), len(workmail.calls)) == (1, "{}", 0)
    assert ended.errors == (
        f"cdk-workmail: {path} exists: add --merge to keep its keys and options, or --force to "
        "replace it\n"
    )


def test_merging_keeps_keys_options_and_entries_without_an_entity(
    discover: Discover, team: None, path: Path, organization: Organization
) -> None:
    before: Any = {
        "organization_id": organization.organization_id,
        "mailbox_export": True,
        "users": {
            "Boss": {
                "name": "alice",
                "display_name": "Old name",
                "city": "Oslo",
                "email": "old@example.com",
                "removal_policy": "DESTROY",
                "revision": "1",
            }
        },
        "mailboxes": {
            "Robert": {
                "entity_id": "bob",
                "email": "bob@example.com",
                "aliases": ["gone@example.com"],
                "remove_other_aliases": True,
                "removal_policy": "SNAPSHOT",
            },
            "Off": {"entity_id": "off", "email": "off@example.com"},
            "New": {"entity_id": "new", "email": "new@example.com"},
        },
    }
    path.write_text(json.dumps(before))
    alice: Any = organization.entity("alice")
    alice.attributes["DisplayName"] = "Alice A."
    ended = discover("--merge", "--json")
    merged: Any = read(path).document
    assert {name: merged[name] for name in ("mailbox_export", "users")} == {
        "mailbox_export": True,
        "users": {
            "Boss": {
                "name": "alice",
                "display_name": "Alice A.",
                "city": "Oslo",
                "email": "alice@example.com",
                "removal_policy": "DESTROY",
                "revision": "1",
            }
        },
    }
    assert "defaults" not in merged
    assert merged["mailboxes"] == {
        "New": before["mailboxes"]["New"],
        "Off": before["mailboxes"]["Off"],
        "Robert": {
            "entity_id": "bob",
            "email": "bob@example.com",
            "aliases": [],
            "remove_other_aliases": True,
            "removal_policy": "SNAPSHOT",
        },
        "Zoe": {"entity_id": "Zoe", "email": "Zoe@example.com"},
    }
    assert ended.json["counts"]["entries kept without an entity"] == 1


@pytest.mark.parametrize("options", [[], ["--attributes"]])
def test_merging_keeps_the_revision_of_every_kind_of_entry(
    discover: Discover, team: None, path: Path, organization: Organization, options: list[str]
) -> None:
    revision = {"revision": "2026-11-26"}
    before: Any = {
        "organization_id": organization.organization_id,
        "revision": "of the file",
        "users": {"Alice": {"name": "alice", "display_name": "alice", **revision}},
        "groups": {"Sales": {"name": "sales", **revision}},
        "resources": {"Room": {"name": "room", "type": "ROOM", **revision}},
        "mailboxes": {"Bob": {"entity_id": "bob", "email": "bob@example.com", **revision}},
    }
    path.write_text(json.dumps(before))
    discover("--merge", *options)
    merged = read(path).document
    assert merged["revision"] == "of the file"
    for section in ("users", "groups", "resources", "mailboxes"):
        (key,) = before[section]
        assert merged[section][key]["revision"] == "2026-11-26"


def test_merging_keeps_lists_that_are_declared_empty_or_of_what_is_not_enabled_yet(
    discover: Discover, organization: Organization, enable: Enable, path: Path
) -> None:
    groups = {name: organization.add_group(name) for name in ("empty", "left", "new", "joined")}
    for name in ("empty", "left"):
        enable(groups[name])
    for name in ("alice", "bob"):
        enable(organization.add_user(name))
    organization.add_resource("room")
    groups["joined"].members.append(organization.entity("bob").entity_id)
    declared = {"empty": [], "left": ["alice"], "new": ["alice"], "joined": ["alice"]}
    before: Any = {
        "organization_id": organization.organization_id,
        "groups": {name: {"name": name, "members": declared[name]} for name in declared},
        "resources": {"room": {"name": "room", "type": "ROOM", "delegates": ["alice"]}},
    }
    path.write_text(json.dumps(before))
    discover("--merge")
    merged = read(path).document
    assert {name: entry["members"] for name, entry in merged["groups"].items()} == {
        "empty": [],
        "left": [],
        "new": ["alice"],
        "joined": ["bob"],
    }
    assert merged["resources"]["room"]["delegates"] == ["alice"]


def test_two_entries_of_one_entity_are_an_error_and_neither_is_dropped(
    discover: Discover, team: None, organization: Organization, path: Path
) -> None:
    entity_id = organization.entity("alice").entity_id
    before: Any = {
        "organization_id": organization.organization_id,
        "users": {"Boss": {"name": "alice", "display_name": "Alice"}},
        "mailboxes": {"Box": {"entity_id": entity_id, "email": "alice@example.com"}},
    }
    path.write_text(json.dumps(before))
    ended = discover("--merge")
    assert (ended.code, ended.errors) == (
        1,
        f"{path}:1: mailboxes 'Box' is user alice, as is users 'Boss': remove one of the two\n",
    )
    assert json.loads(path.read_text()) == before


@pytest.mark.parametrize(("region", "code"), [("us-east-1", 0), ("eu-west-1", 1), (None, 1)])
def test_a_merge_reads_the_region_of_the_file(
    discover: Discover, organization: Organization, path: Path, region: str | None, code: int
) -> None:
    head = {"organization_id": organization.organization_id}
    path.write_text(json.dumps(head | ({"organization_region": region} if region else {})))
    assert discover("--merge", "--region", "eu-west-1").code == code


def test_a_file_of_another_organization_is_not_merged(discover: Discover, path: Path) -> None:
    other = f"m-{'0' * 32}"
    path.write_text(json.dumps({"organization_id": other}))
    ended = discover("--merge")
    assert (ended.code, ended.errors) == (
        1,
        f"cdk-workmail: {path} is of organization {other}: name another file\n",
    )


def test_a_merge_that_would_break_the_schema_writes_nothing(
    discover: Discover, team: None, path: Path, organization: Organization
) -> None:
    before = {
        "organization_id": organization.organization_id,
        "mailboxes": {"new": {"entity_id": "new", "email": "alice@example.com"}},
    }
    path.write_text(json.dumps(before))
    ended = discover("--merge")
    assert ended.code == 1
    assert "an address must occur once, got 'alice@example.com'" in ended.errors
    assert json.loads(path.read_text()) == before


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file can get longer than 4 KB; Python ignores the signal, so that the write fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_file_that_is_merged(
    discover: Discover, organization: Organization, path: Path, full_disk: None
) -> None:
    for number in range(80):
        organization.add_group(f"group-with-a-long-name-{number}")
    text = json.dumps({"organization_id": organization.organization_id})
    path.write_text(text)
    ended = discover("--merge", "--no-dossier")
    assert (ended.code, ended.output, ended.errors) == (
        1,
        "",
        f"cdk-workmail: {path} is not written: File too large\n",
    )
    assert path.read_text() == text
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_merged_link_stays_a_link(
    discover: Discover, team: None, path: Path, organization: Organization
) -> None:
    target = path.with_name("target.json")
    target.write_text(json.dumps({"organization_id": organization.organization_id}))
    path.symlink_to(target)
    assert discover("--merge").code == 0
    assert path.is_symlink()
    assert len(read(target).entries) == 6


def test_an_entity_that_the_schema_does_not_allow_goes_into_the_dossier(
    discover: Discover, organization: Organization, path: Path, dossier: Path
) -> None:
    organization.add_resource("a-name-of-more-than-twenty")
    assert discover("--json").json["counts"] == {
        "entities that cannot be declared (see the dossier)": 1
    }
    assert "resources" not in read(path).document
    assert json.loads(dossier.read_text())["not_declared"] == [
        {
            "entity": "resource a-name-of-more-than-twenty",
            "problem": "name: must be 1 to 20 letters, digits and _ - . with or without a domain "
            'after an @, got "a-name-of-more-than-twenty"',
        }
    ]


def test_a_user_and_a_group_with_the_same_key_get_different_keys(
    discover: Discover, organization: Organization, path: Path
) -> None:
    first, second = organization.add_group("a/b"), organization.add_group("a$b")
    discover()
    assert {key: entry["name"] for key, entry in read(path).document["groups"].items()} == {
        "a-b": "a$b",
        f"a-b-{first.entity_id}": "a/b",
    }
    assert second.name == "a$b"


def test_long_names_get_different_keys_that_the_schema_allows(
    discover: Discover, organization: Organization, path: Path
) -> None:
    names = ["n" * 200, "n" * 201, "n" * 255 + "1", "n" * 255 + "2"]
    for name in names:
        organization.add_group(name)
    assert discover().code == 0
    groups = read(path).document["groups"]
    assert sorted(entry["name"] for entry in groups.values()) == names
    assert groups["n" * 200] == {"name": "n" * 200}
    written = path.read_bytes()
    assert discover("--merge").code == 0
    assert path.read_bytes() == written


def test_the_dossier_has_permissions_quotas_and_what_could_not_be_read(
    discover: Discover,
    organization: Organization,
    enable: Enable,
    dossier: Path,
    workmail: WorkMail,
) -> None:
    for name in ("alice", "bob"):
        enable(organization.add_user(name))
    alice: Any = organization.entity("alice")
    alice.mailbox.permissions[organization.entity("bob").entity_id] = ["SEND_AS"]
    for name in ("alice", "bob"):
        mailbox: Any = organization.entity(name)
        mailbox.mailbox.files.clear()
    aaron = organization.add_user("Aaron")
    enable(aaron)
    workmail.faults.add("GetMailboxDetails", Failure("EntityStateException"), entity="Aaron")
    discover()
    found = json.loads(dossier.read_text())
    assert f"GetMailboxDetails of {aaron.entity_id}" in found["not_read"]
    del found["mailboxes"]["Aaron"]
    assert found["mailboxes"] == {
        "alice": {
            "kind": "user",
            "state": "ENABLED",
            "email": "alice@example.com",
            "quota_mb": 51200,
            "size_mb": 0.0,
            "permissions": [{"grantee": "bob", "grantee_type": "USER", "permissions": ["SEND_AS"]}],
        },
        "bob": {
            "kind": "user",
            "state": "ENABLED",
            "email": "bob@example.com",
            "quota_mb": 51200,
            "size_mb": 0.0,
        },
    }
    assert found["organization"]["Alias"] == "acme"
    assert "example.com" in found["domains"]
    assert "ListImpersonationRoles" in found["not_read"]
    assert "rules and forwarding" in found["not_read"]


def test_what_is_refused_for_all_entities_is_asked_once(
    discover: Discover, team: None, workmail: WorkMail
) -> None:
    workmail.authorize = lambda _, action, resource: action != "workmail:GetMailboxDetails"
    discover()
    assert len(workmail.calls.of("GetMailboxDetails")) == 1
