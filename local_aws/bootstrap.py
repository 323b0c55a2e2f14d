"""The bootstrap stack of the CDK: its own template, created through boto3 to save time."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .cdk_cli import CDK, ROOT, cli_environment

STACK_NAME = "CDKToolkit"
CACHE = ROOT / ".local_aws"


class BootstrapError(Exception):
    """The CDK CLI is not installed, or its bootstrap stack could not be created."""


def bootstrap(cloudformation: Any) -> None:
    """Create the CDK's bootstrap stack if it does not exist, and wait until it is complete."""
    if _stack_exists(cloudformation):
        return
    cloudformation.create_stack(
        StackName=STACK_NAME,
        TemplateBody=bootstrap_template(),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[
            _parameter(
                "CloudFormationExecutionPolicies", "arn:aws:iam::aws:policy/AdministratorAccess"
            ),
            _parameter("FileAssetsBucketKmsKeyId", "AWS_MANAGED_KEY"),
        ],
    )
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=STACK_NAME, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})


def bootstrap_template() -> str:
    """The template of the CDK CLI in node_modules, cached in .local_aws."""
    try:
        version = json.loads((CDK.parents[1] / "package.json").read_text())["version"]
    except FileNotFoundError as error:
        raise BootstrapError("the CDK CLI is not in node_modules: run `make install`") from error
    cached = CACHE / f"bootstrap-{version}.yaml"
    if not cached.exists():
        _keep(_template_of_cli(), cached)
    return cached.read_text()


def _template_of_cli() -> str:
    shown = subprocess.run(
        [str(CDK), "bootstrap", "--show-template", "--no-notices"],
        env=cli_environment(os.environ),
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        check=False,
    )
    if shown.returncode != 0:
        raise BootstrapError(f"cdk bootstrap --show-template failed:\n{shown.stderr.strip()}")
    return shown.stdout


def _keep(template: str, file: Path) -> None:
    """Rename a whole file into place, so that two processes can write at the same time."""
    file.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as written:
        written.write(template)
    Path(written.name).replace(file)


def _stack_exists(cloudformation: Any) -> bool:
    try:
        cloudformation.describe_stacks(StackName=STACK_NAME)
    except cloudformation.exceptions.ClientError:
        return False
    return True


def _parameter(key: str, value: str) -> dict[str, str]:
    return {"ParameterKey": key, "ParameterValue": value}
