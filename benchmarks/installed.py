"""What only the peers need, installed beside this file and nowhere else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from local_aws.cdk_cli import cli_environment

FOLDER = Path(__file__).parent
NODE_MODULES = FOLDER / "node_modules"
PYTHON_PACKAGES = FOLDER / ".installed"
_ROOT = FOLDER.parent


def install() -> None:
    """Installs the pinned packages, unless they are there."""
    requirements, done = FOLDER / "requirements.txt", PYTHON_PACKAGES / "requirements.txt"
    if not done.exists() or done.read_text() != requirements.read_text():
        shutil.rmtree(PYTHON_PACKAGES, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
        _run(*pip, "--target", str(PYTHON_PACKAGES), "-r", str(requirements))
        shutil.copy(requirements, done)
    if not NODE_MODULES.exists():
        _run("npm", "ci", "--no-audit", "--no-fund", "--silent")


def assemble_peers(folder: Path) -> Path:
    """One asset for all of the peers' Python functions."""
    functions = folder / "benchmarks" / "functions"
    shutil.copytree(FOLDER / "functions", functions, ignore=shutil.ignore_patterns("__pycache__"))
    for package in ("crhelper", "cfn_handler"):
        shutil.copytree(PYTHON_PACKAGES / package, folder / package)
    return folder


def assemble_ours(folder: Path) -> Path:
    """The files of our asset, as the construct puts them together."""
    source = _ROOT / "lambda_src" / "workmail_provider"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source, folder / "workmail_provider", ignore=ignored)
    shutil.copytree(PYTHON_PACKAGES / "crhelper", folder / "crhelper")
    return folder


def _run(*command: str) -> None:
    subprocess.run(command, cwd=FOLDER, env=cli_environment(os.environ), check=True)
