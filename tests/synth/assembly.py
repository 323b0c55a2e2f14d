"""Cloud assemblies and their files, for the tests of the asset and the wheel."""

from __future__ import annotations

from pathlib import Path

SYNTH = """
import sys
from aws_cdk import App, Stack
from cdk_workmail import WorkMailRegistration, _asset
assert _asset.__file__.startswith(sys.argv[1]), _asset.__file__
app = App(outdir=sys.argv[2])
WorkMailRegistration(Stack(app, "Mail"), "Alice", organization_id="m-" + 32 * "0",
                     entity_id="alice", email="alice@example.com")
app.synth()
"""


def asset_of(assembly: Path) -> Path:
    (asset,) = (path for path in assembly.iterdir() if path.name.startswith("asset."))
    return asset


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
