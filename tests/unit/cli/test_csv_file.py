"""A CSV file of mailboxes, as spreadsheets export it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdk_workmail_file import InvalidFile, OrganizationFile, read_csv

ORGANIZATION = "m-0123456789abcdef0123456789abcdef"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "staff.csv"


def of(path: Path, text: str, encoding: str = "utf-8") -> OrganizationFile:
    path.write_bytes(text.encode(encoding))
    return read_csv(path, organization_id=ORGANIZATION)


def errors(path: Path, text: str) -> list[str]:
    with pytest.raises(InvalidFile) as raised:
        of(path, text)
    return [error.removeprefix(f"{path}:") for error in raised.value.errors]


def test_each_row_is_a_mailbox(path: Path) -> None:
    file = of(
        path,
        "entity_id,email,aliases,removal_policy,key\n"
        "alice,alice@example.com,,,\n"
        'bob,bob@example.com,"a@example.com b@example.com",RETAIN,Bob\n'
        "\n"
        ",,,,\n",
    )
    assert file.organization_id == ORGANIZATION
    assert [(entry.section, entry.key, entry.options, entry.line) for entry in file.entries] == [
        ("mailboxes", "alice", {"entity_id": "alice", "email": "alice@example.com"}, 2),
        (
            "mailboxes",
            "Bob",
            {
                "entity_id": "bob",
                "email": "bob@example.com",
                "aliases": ["a@example.com", "b@example.com"],
                "removal_policy": "RETAIN",
            },
            3,
        ),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_all_that_spreadsheets_write_is_read(
    path: Path, encoding: str, ending: str, delimiter: str
) -> None:
    rows = [["Entity_ID", " Email "], ["alice", "alice@example.com"]]
    text = "".join(f"{delimiter.join(row)}{ending}" for row in rows)
    (entry,) = of(path, text, encoding).entries
    assert entry.options == {"entity_id": "alice", "email": "alice@example.com"}


def test_every_error_has_its_row(path: Path) -> None:
    assert errors(
        path,
        "entity_id,email,removal_policy\n"
        "alice,alice\n"
        "bob,bob@example.com,KEEP\n"
        "carol,,,x\n"
        "alice,second@example.com,\n",
    ) == [
        "2: $.mailboxes.alice.email: must be an address like alice@example.com, at most 64 "
        'characters before @ and 254 in all, got "alice"',
        "3: $.mailboxes.bob.removal_policy: must be DESTROY, RETAIN, RETAIN_ON_UPDATE_OR_DELETE "
        'or SNAPSHOT, got "KEEP"',
        "4: $.mailboxes.carol: the key 'email' is missing: add it",
        "4: $.mailboxes.carol: the row must have 3 cells, got 4",
        "5: $.mailboxes.alice: a key must occur once, got 'alice', as in line 2",
    ]


def test_addresses_occur_once(path: Path) -> None:
    (error,) = errors(path, "entity_id,email\nalice,a@example.com\nbob,A@example.com\n")
    assert error.startswith("3: $.mailboxes.bob.email: an address must occur once")


def test_wrong_columns_are_errors_of_the_first_line(path: Path) -> None:
    assert errors(path, "name,email,email\nalice,alice@example.com,\n") == [
        "1: unknown column 'name', allowed: entity_id, email, aliases, removal_policy, key",
        "1: the column 'entity_id' is missing: add it",
        "1: the column 'email' occurs twice: remove one of the two",
    ]
    assert errors(path, "")[0] == "1: the column 'entity_id' is missing: add it"


def test_a_file_that_is_not_csv_or_not_utf_8_is_one_error(path: Path) -> None:
    (error,) = errors(path, 'entity_id,email\n"alice,alice@example.com\n')
    assert error.startswith("2: the file is not CSV: ")
    with pytest.raises(InvalidFile, match="the file is not UTF-8: save it as UTF-8"):
        of(path, "entity_id,email\nälice,a@example.com\n", "latin-1")
