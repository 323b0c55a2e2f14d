"""The CDK CLI of node_modules, without telemetry and version checks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CDK = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"


class CdkError(Exception):
    """The CDK CLI failed; `output` is all that it printed."""

    def __init__(self, arguments: tuple[str, ...], output: str) -> None:
        super().__init__(f"cdk {' '.join(arguments)} failed")
        self.output = output


def run_cdk(
    *arguments: str,
    environment: Mapping[str, str],
    folder: Path = ROOT,
    on_line: Callable[[str], None] = lambda line: None,
) -> str:
    """Run the CLI and return its output; `on_line` gets each line as it comes. Raises CdkError.

    `environment` is the whole environment, such as `LocalAws.process_environment`.
    """
    process = subprocess.Popen(
        [str(CDK), *arguments, "--no-notices", "--no-color"],
        cwd=folder,
        # With CI all output is standard output.
        env={**cli_environment(environment), "CI": "true"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    with process:
        assert process.stdout
        for line in process.stdout:
            lines.append(line)
            on_line(line.rstrip())
    if process.returncode != 0:
        raise CdkError(arguments, "".join(lines))
    return "".join(lines)


def cli_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Adds Node and Python of the virtual environment, activated or not; no telemetry."""
    binaries = str(Path(sys.executable).parent)
    return {
        **environment,
        "PATH": os.pathsep.join((binaries, environment.get("PATH", ""))),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DISABLE_VERSION_CHECK": "true",
    }
