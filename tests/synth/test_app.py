"""The example app, run as the CLI and as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cdk_workmail import WorkMailRoster
from tests.synth.conftest import ROOT
from tests.synth.roster import (
    GROUP,
    ORGANIZATION,
    REGISTRATION,
    RESOURCE,
    USER,
    new_stack,
    properties_of,
)

CDK = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"


def test_the_cli_synthesizes_the_example_with_one_warning(
    tmp_path: Path, isolated: dict[str, str]
) -> None:
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
    (warning,) = (line for line in said.splitlines() if "WARNING" in line or "arning at" in line)
    assert "March 31, 2027" in warning
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


def test_the_region_of_the_file_is_declared(tmp_path: Path) -> None:
    file = tmp_path / "organization.json"
    alice = {"entity_id": "alice", "email": "alice@example.com"}
    declared = {"organization_id": ORGANIZATION, "organization_region": "eu-west-1"}
    file.write_text(json.dumps({**declared, "mailboxes": {"Alice": alice}}))
    stack = new_stack()
    WorkMailRoster(stack, "Roster", source=str(file))
    assert properties_of(stack, REGISTRATION)["OrganizationRegion"] == "eu-west-1"


def test_a_missing_file_is_one_line(tmp_path: Path, isolated: dict[str, str]) -> None:
    context = json.dumps({"organization": str(tmp_path / "missing.json")})
    done = subprocess.run(
        [sys.executable, ROOT / "app.py"],
        cwd=tmp_path,
        env=isolated | {"CDK_OUTDIR": str(tmp_path / "cdk.out"), "CDK_CONTEXT_JSON": context},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "No such file" in done.stderr
    assert "missing.json" in done.stderr
