"""Each example is a whole app that synthesizes as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.synth.conftest import ROOT

EXAMPLES = {
    "one_mailbox": {"Registration": 1},
    "adopt_organization": {"Registration": 3, "Group": 1, "GroupMembers": 1, "RemovalGuard": 1},
    "team": {
        "User": 2,
        "Group": 1,
        "GroupMembers": 1,
        "Resource": 1,
        "ResourceDelegates": 1,
        "Registration": 4,
    },
    "large_roster": {"Registration": 300, "RemovalGuard": 1},
    "leaving": {"Registration": 2, "RemovalGuard": 1},
}


def test_every_example_is_known_here() -> None:
    folders = {path.parent.name for path in (ROOT / "examples").glob("*/app.py")}
    assert folders == {*EXAMPLES}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_declares_what_its_readme_says(
    tmp_path: Path, isolated: dict[str, str], name: str
) -> None:
    folder = ROOT / "examples" / name
    app = json.loads((folder / "cdk.json").read_text())["app"]
    assert app == "python app.py"
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=folder,
        env=isolated | {"CDK_OUTDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    types = Counter(
        resource["Type"].removeprefix("Custom::WorkMail")
        for template in tmp_path.glob("*.template.json")
        for resource in json.loads(template.read_text())["Resources"].values()
        if resource["Type"].startswith("Custom::WorkMail")
    )
    assert types == EXAMPLES[name]
    assert len((folder / "README.md").read_text().splitlines()) <= 12
