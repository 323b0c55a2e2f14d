"""The example app, run as the CLI and as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.synth.conftest import ROOT
from tests.synth.roster import GROUP, ORGANIZATION, REGISTRATION, RESOURCE, USER

CDK = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
ALICE, BOB, CAROL = (
    {"entity_id": name, "email": f"{name}@example.com"} for name in ("alice", "bob", "carol")
)


def run_app(tmp_path: Path, environment: dict[str, str], mailboxes: Path) -> tuple[str, Path]:
    """What the app says on standard error, and the folder of its assembly."""
    assembly = tmp_path / "cdk.out"
    context = {"mailboxes": str(mailboxes)}
    done = subprocess.run(
        [sys.executable, ROOT / "app.py"],
        cwd=tmp_path,
        env=environment | {"CDK_OUTDIR": str(assembly), "CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) == (assembly / "manifest.json").exists()
    return done.stderr, assembly


def written(tmp_path: Path, declared: Any) -> Path:
    path = tmp_path / "mailboxes.json"
    path.write_text(json.dumps(declared))
    return path


def test_the_cli_synthesizes_the_example_as_it_is(tmp_path: Path, isolated: dict[str, str]) -> None:
    done = subprocess.run(
        ["node", CDK, "synth", "--quiet", "--no-notices", "--output", tmp_path / "cdk.out"],
        cwd=ROOT,
        env=isolated | {"AWS_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "feature flag" not in said
    assert "March 31, 2027" in said
    template = json.loads((tmp_path / "cdk.out" / "WorkMailMailboxes.template.json").read_text())
    declared = [
        resource["Properties"].get("Name") or resource["Properties"]["EntityId"]
        for resource in template["Resources"].values()
        if resource["Type"] in (REGISTRATION, USER, GROUP, RESOURCE)
    ]
    literal = [name for name in declared if isinstance(name, str)]
    made = ["dora", "emil", "fritz", "sales", "blue-room"]
    assert literal == ["alice", "team", "board-room", *made]
    assert len(declared) == len(literal) + len(made), "each that is made is enabled too"


def registrations(assembly: Path) -> dict[str, Any]:
    template = json.loads((assembly / "WorkMailMailboxes.template.json").read_text())
    return {
        resource["Properties"]["EntityId"]: resource
        for resource in template["Resources"].values()
        if resource["Type"] == REGISTRATION
    }


def test_the_file_decides_region_export_and_removal(
    tmp_path: Path, isolated: dict[str, str]
) -> None:
    mailboxes = written(
        tmp_path,
        {
            "organization_id": ORGANIZATION,
            "organization_region": "eu-west-1",
            "export_before_removal": True,
            "mailboxes": {
                "Alice": ALICE,
                "Bob": BOB | {"removal_policy": "RETAIN"},
                "Carol": CAROL | {"removal_policy": "DESTROY"},
            },
        },
    )
    elsewhere = isolated | {"CDK_DEFAULT_REGION": "eu-west-1"}
    _, assembly = run_app(tmp_path, elsewhere, mailboxes)
    declared = registrations(assembly)
    assert {each["Properties"]["OrganizationRegion"] for each in declared.values()} == {"eu-west-1"}
    assert declared["alice"]["Properties"]["MailboxExport"]["Prefix"] == "workmail"
    assert "DeletionPolicy" not in declared["alice"]
    assert declared["bob"]["DeletionPolicy"] == "Retain"
    assert declared["carol"]["DeletionPolicy"] == "Delete"
    assert not {"MailboxExport"} & declared["bob"]["Properties"].keys()


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        ({"mailboxes": {}}, "the key 'organization_id' is missing"),
        (
            {"organization_id": ORGANIZATION, "exports_before_removal": True, "mailboxes": {}},
            "unknown key 'exports_before_removal', allowed are export_before_removal, groups, ",
        ),
        ({"organization_id": ORGANIZATION, "mailboxes": []}, "'list' object has no attribute"),
        ({"organization_id": ORGANIZATION, "mailboxes": {"Alice": {}}}, "missing 2 required"),
        (
            {"organization_id": ORGANIZATION, "mailboxes": {"Alice": ALICE | {"name": "x"}}},
            "mailboxes/Alice: unknown key 'name', allowed are adopt_existing, aliases, email, ",
        ),
        (
            {"organization_id": ORGANIZATION, "users": {"Alice": {"password": "hunter2"}}},
            "users/Alice: unknown key 'password', allowed are adopt_existing, ",
        ),
        (
            {"organization_id": "m-1", "mailboxes": {"Alice": ALICE}},
            "WorkMailMailboxes/Alice: organization_id must be ",
        ),
    ],
)
def test_a_wrong_file_is_one_line(
    declared: object, complaint: str, tmp_path: Path, isolated: dict[str, str]
) -> None:
    said, _ = run_app(tmp_path, isolated, written(tmp_path, declared))
    (line,) = said.strip().splitlines()
    assert line.startswith(f"{tmp_path / 'mailboxes.json'}: ")
    assert complaint in line


def test_a_missing_file_is_one_line(tmp_path: Path, isolated: dict[str, str]) -> None:
    said, _ = run_app(tmp_path, isolated, tmp_path / "missing.json")
    assert said.count("\n") == 1
    assert "No such file" in said
    assert "missing.json" in said
