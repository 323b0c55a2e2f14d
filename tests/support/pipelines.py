"""The examples of pipelines, as the tests read and run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / "examples" / "pipelines"
GITHUB = PIPELINES / "github_actions"
WORKFLOWS = sorted((GITHUB / ".github" / "workflows").glob("*.yml"))


def workflow(name: str) -> dict[Any, Any]:
    """The parsed workflow; YAML 1.1 reads its key `on` as True."""
    parsed: dict[Any, Any] = yaml.safe_load((WORKFLOWS[0].parent / f"{name}.yml").read_text())
    return parsed


def job(name: str) -> dict[str, Any]:
    """The one job of a workflow."""
    (only,) = workflow(name)["jobs"].values()
    return dict(only)


def commands(name: str) -> dict[str, str]:
    """The shell commands of a workflow, by the names of their steps."""
    return {step["name"]: step["run"] for step in job(name)["steps"] if "run" in step}
