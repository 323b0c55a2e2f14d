"""The packages and files of the functions that are compared."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parent
NODE_MODULES = FOLDER / "node_modules"


def install() -> None:
    """Installs the AWS SDK of Lambda's Node in this folder, and what draws the pictures."""
    if not NODE_MODULES.exists():
        command = ["npm", "ci", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=FOLDER, check=True)
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*command, "-r", "requirements.txt"], cwd=FOLDER, check=True)


def assemble(folder: Path) -> Path:
    """One asset with this library's function, the peers' functions and crhelper, no byte code."""
    crhelper = find_spec("crhelper")
    assert crhelper and crhelper.origin
    for source, target in (
        (FOLDER.parent / "lambda_src" / "workmail_provider", "workmail_provider"),
        (FOLDER / "peers", "benchmarks/peers"),
        (Path(crhelper.origin).parent, "crhelper"),
    ):
        shutil.copytree(source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
    return folder
