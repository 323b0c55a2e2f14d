"""The example app, run as the CLI and as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.synth.conftest import ROOT
from tests.synth.roster import GROUP, ORGANIZATION, REGISTRATION, RESOURCE, USER

CDK = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
ALICE, BOB, CAROL = (
    {"entity_id": name, "email": f"{name}@example.com"} for name in ("alice", "bob", "carol")
)


def run_app(tmp_path: Path, environment: dict[str, str], file: Path) -> tuple[str, Path]:
    """What the app says on standard error, and the folder of its assembly."""
    assembly = tmp_path / "cdk.out"
    context = {"organization": str(file)}
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
    path = tmp_path / "organization.json"
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
    created = ["dora", "emil", "fritz", "sales", "blue-room"]
    assert literal == [*created, "alice", "team", "board-room"]
    assert len(declared) == len(literal) + len(created), "each that is created is enabled too"


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
    file = written(
        tmp_path,
        {
            "organization_id": ORGANIZATION,
            "organization_region": "eu-west-1",
            "mailbox_export": True,
            "defaults": {"mailbox_removal_policy": "SNAPSHOT"},
            "mailboxes": {
                "Alice": ALICE,
                "Bob": BOB | {"removal_policy": "RETAIN"},
                "Carol": CAROL | {"removal_policy": "DESTROY"},
            },
        },
    )
    elsewhere = isolated | {"CDK_DEFAULT_REGION": "eu-west-1"}
    _, assembly = run_app(tmp_path, elsewhere, file)
    declared = registrations(assembly)
    assert {each["Properties"]["OrganizationRegion"] for each in declared.values()} == {"eu-west-1"}
    assert declared["alice"]["Properties"]["MailboxExport"]["Prefix"] == "workmail"
    assert "DeletionPolicy" not in declared["alice"]
    assert declared["bob"]["DeletionPolicy"] == "Retain"
    assert declared["carol"]["DeletionPolicy"] == "Delete"
    assert not {"MailboxExport"} & declared["bob"]["Properties"].keys()


def test_every_error_of_a_wrong_file_is_a_line(tmp_path: Path, isolated: dict[str, str]) -> None:
    declared = {
        "organization_id": "m-1",
        "export_before_removal": True,
        "mailboxes": {"Alice": ALICE | {"name": "x"}},
        "users": {"Bob": {"password": "hunter2"}},
    }
    file = written(tmp_path, declared)
    said, _ = run_app(tmp_path, isolated, file)
    lines = said.strip().splitlines()
    assert [line.partition(": ")[2].partition(",")[0] for line in lines] == [
        "$.export_before_removal: unknown key 'export_before_removal'",
        "$.mailboxes.Alice.name: unknown key 'name'",
        "$.organization_id: must be 'm-' and 32 hexadecimal digits in lower case",
        "$.users.Bob: the key 'display_name' is missing: add it",
        "$.users.Bob: the key 'name' is missing: add it",
        "$.users.Bob.password: unknown key 'password'",
    ]
    assert all(line.startswith(f"{file}:1: ") for line in lines)


def test_a_missing_file_is_one_line(tmp_path: Path, isolated: dict[str, str]) -> None:
    said, _ = run_app(tmp_path, isolated, tmp_path / "missing.json")
    assert said.count("\n") == 1
    assert "No such file" in said
    assert "missing.json" in said
