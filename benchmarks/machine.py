"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.installed import NODE_MODULES, PYTHON_PACKAGES

_PACKAGES = ("boto3", "botocore", "aws-cdk-lib", "constructs", "jsii", "ministack")


def versions() -> dict[str, str]:
    """Of everything that takes part."""
    found = {name: version(name) for name in _PACKAGES}
    for line in (PYTHON_PACKAGES / "requirements.txt").read_text().split():
        name, _, pinned = line.partition("==")
        found[name] = pinned
    manifest = NODE_MODULES / "@aws-sdk" / "client-workmail" / "package.json"
    found["@aws-sdk/client-workmail"] = manifest.read_text().split('"version": "')[1].split('"')[0]
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    return {"Python": platform.python_version(), "Node": node.stdout.strip()[1:], **found}


def description() -> str:
    """One line about the machine and the moment."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor() or "unknown processor",
    )
    load = os.getloadavg()[0]
    return (
        f"{platform.system()} on {platform.machine()}, {os.cpu_count()} cores ({processor}), "
        f"load average {load:.1f} at the beginning, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    )
