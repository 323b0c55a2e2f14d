from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cdk_workmail_file import SCHEMA_PATH, InvalidFile, check, parse, read

ROOT = Path(__file__).parents[3]
HEAD = {"organization_id": "m-0123456789abcdef0123456789abcdef"}
ALICE = {"entity_id": "alice", "email": "alice@example.com"}
DORA = {"name": "dora", "display_name": "Dora"}


def errors_of(document: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidFile) as raised:
        parse(json.dumps(HEAD | document), "f.json")
    return list(raised.value.errors)


def test_the_schema_is_a_valid_json_schema() -> None:
    Draft202012Validator.check_schema(json.loads(SCHEMA_PATH.read_text()))


def test_the_example_obeys_the_schema() -> None:
    file = read(ROOT / "organization.json")
    assert [entry.key for entry in file.entries] == [
        *("Dora", "Emil", "Fritz", "Sales", "BlueRoom"),
        *("Alice", "Team", "BoardRoom"),
    ]


def test_every_error_is_reported_at_once_with_its_line_and_what_is_allowed() -> None:
    text = """{
  "organization_id": "m-12",
  "usres": {},
  "users": {
    "A": {"name": "a b", "email": null, "reset_password": ""},
    "a/b": {
      "name": "al",
      "display_name": 3,
      "aliases": "b@example.com"
    }
  },
  "groups": {"G": {"name": "g", "members": ["a", 1]}}
}"""
    with pytest.raises(InvalidFile) as raised:
        parse(text, "f.json")
    allowed = (
        "$schema, organization_id, organization_region, defaults, mailbox_export, revision, users, "
        "groups, resources, mailboxes"
    )
    address = (
        "must be an address like alice@example.com, at most 64 characters before @ and 254 in all"
    )
    assert list(raised.value.errors) == [
        "f.json:2: $.organization_id: must be 'm-' and 32 hexadecimal digits in lower case, got "
        '"m-12"',
        f"f.json:3: $.usres: unknown key 'usres', allowed: {allowed}",
        'f.json:4: $.users: must be 1 to 200 characters without / and $, got "a/b"',
        "f.json:5: $.users.A: the key 'display_name' is missing: add it",
        f"f.json:5: $.users.A.email: {address}, got null",
        "f.json:5: $.users.A.name: must be 1 to 64 letters, digits and _ - . with or without a "
        'domain after an @, got "a b"',
        'f.json:5: $.users.A.reset_password: must be a text that is not empty, got ""',
        "f.json:8: $.users['a/b'].display_name: must be a text of at most 256 characters, got 3",
        "f.json:9: $.users['a/b'].aliases: aliases needs email: add email, or remove aliases",
        "f.json:9: $.users['a/b'].aliases: must be a list of at most 100 addresses, got "
        '"b@example.com"',
        "f.json:12: $.groups.G.members[1]: must be 1 to 256 letters, digits and . _ % + @ -, got 1",
    ]


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (
            {"mailboxes": {"A": ALICE, "B": {"entity_id": "Alice", "email": "b@example.com"}}},
            "$.mailboxes.B.entity_id: an entity must occur once, got 'Alice', as at "
            "$.mailboxes.A.entity_id",
        ),
        (
            {"users": {"D": DORA}, "mailboxes": {"A": ALICE | {"entity_id": "DORA"}}},
            "$.mailboxes.A.entity_id: an entity must occur once, got 'DORA', as at $.users.D.name",
        ),
        (
            {"mailboxes": {"A": ALICE | {"aliases": ["Alice@example.com"]}}},
            "$.mailboxes.A.aliases[0]: an address must occur once, got 'Alice@example.com', as at "
            "$.mailboxes.A.email",
        ),
        (
            {"groups": {"G": {"name": "g", "members": ["a", "A"]}}},
            "$.groups.G.members[1]: an entry of $.groups.G.members must occur once, got 'A', as at "
            "$.groups.G.members[0]",
        ),
        (
            {"users": {"A": DORA}, "mailboxes": {"a": ALICE}},
            "$.mailboxes.a: a key must occur once, got 'a', as at $.users.A",
        ),
        (
            {"mailboxes": {"A": ALICE | {"removal_policy": "SNAPSHOT"}}},
            "$.mailboxes.A.removal_policy: SNAPSHOT needs mailbox_export: add "
            '"mailbox_export": true to the file',
        ),
        (
            {"defaults": {"mailbox_removal_policy": "SNAPSHOT"}, "mailbox_export": False},
            "$.defaults.mailbox_removal_policy: SNAPSHOT needs mailbox_export: add "
            '"mailbox_export": true to the file',
        ),
    ],
)
def test_what_must_occur_once_or_together_is_checked(document: dict[str, Any], error: str) -> None:
    assert errors_of(document) == [f"f.json:1: {error}"]


def test_a_key_that_occurs_twice_in_one_object_is_an_error_and_not_the_last_one() -> None:
    text = """{
  "organization_id": "m-0123456789abcdef0123456789abcdef",
  "mailboxes": {
    "A": {"entity_id": "alice", "email": "alice@example.com"},
    "A": {"entity_id": "bob", "email": "bob@example.com"}
  }
}"""
    with pytest.raises(InvalidFile) as raised:
        parse(text, "f.json")
    assert raised.value.errors == (
        "f.json:5: $.mailboxes.A: the key occurs twice in one object: remove one of the two",
    )


def test_a_file_that_is_not_json_names_the_line() -> None:
    with pytest.raises(InvalidFile, match=r"^f\.json:2: the file is not JSON: "):
        parse('{\n "organization_id" }', "f.json")


def test_a_file_that_is_not_utf_8_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_bytes(b'{"organization_id": "\xff"}')
    with pytest.raises(InvalidFile, match=r"is not UTF-8: save it as UTF-8$"):
        read(path)


def test_a_document_of_python_values_is_read_as_json_would_have_it() -> None:
    members = ("alice", "bob")
    team = MappingProxyType({"name": "team", "members": members, "email": "team@example.com"})
    file = check(MappingProxyType({**HEAD, "groups": {"Team": team, 7: {"name": "seven"}}}), "app")
    assert [(entry.key, entry.options) for entry in file.entries] == [
        ("Team", {"name": "team", "members": ["alice", "bob"], "email": "team@example.com"}),
        ("7", {"name": "seven"}),
    ]
    assert json.loads(json.dumps(file.document)) == file.document


def test_a_value_that_json_lacks_is_an_error_with_its_path() -> None:
    box = ALICE | {"removal_policy": Path("RETAIN"), "aliases": {"a@example.com"}}
    with pytest.raises(InvalidFile) as raised:
        check(HEAD | {"mailboxes": {"A": box}}, "app")
    assert raised.value.errors == (
        "app: $.mailboxes.A.aliases: must be a list of at most 100 addresses, got "
        "\"{'a@example.com'}\"",
        "app: $.mailboxes.A.removal_policy: must be DESTROY, RETAIN, RETAIN_ON_UPDATE_OR_DELETE or "
        "SNAPSHOT, got \"PosixPath('RETAIN')\"",
    )


def test_defaults_fill_in_what_an_entry_does_not_give() -> None:
    document = {
        "defaults": {"adopt_existing": False, "mailbox_removal_policy": "RETAIN"},
        "revision": "1",
        "users": {
            "D": DORA | {"email": "dora@example.com"},
            "E": DORA | {"name": "emil"},
            "F": DORA
            | {"name": "f", "email": "f@example.com", "mailbox_removal_policy": "DESTROY"},
        },
        "mailboxes": {"A": ALICE | {"adopt_existing": True, "revision": "2"}},
    }
    entries = {entry.key: entry for entry in parse(json.dumps(HEAD | document), "f.json").entries}
    assert entries["D"].options["mailbox_removal_policy"] == "RETAIN"
    assert "mailbox_removal_policy" not in entries["E"].options
    policies = {key: entry.mailbox_removal_policy for key, entry in entries.items()}
    assert policies == {"D": "RETAIN", "E": None, "F": "DESTROY", "A": "RETAIN"}
    assert entries["A"].options["removal_policy"] == "RETAIN"
    assert [entries[key].options["adopt_existing"] for key in "DA"] == [False, True]
    assert [entries[key].options["revision"] for key in "DA"] == ["1", "2"]
