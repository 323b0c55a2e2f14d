"""The shell commands of the GitHub workflows, run against the embedded AWS."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local_aws import LocalAws
from local_aws.workmail import Organization
from tests.local.pipeline import ROOT, Pipeline, enable_by_hand
from tests.support.pipelines import GITHUB, commands


class Checkout:
    """A copy of the example, and what GitHub gives its steps."""

    def __init__(self, local_aws: LocalAws, folder: Path, organization: Organization) -> None:
        self.folder = folder / "checkout"
        shutil.copytree(GITHUB, self.folder)
        # Other tests have stacks too.
        self.stack_name = f"Mail{organization.alias}"
        app = self.folder / "app.py"
        app.write_text(app.read_text().replace('"Mail"', f'"{self.stack_name}"'))
        self._organization_id = organization.organization_id
        self.summary = folder / "summary.md"
        self.comment = folder / "comment.md"
        installed = folder / "bin"
        installed.mkdir()
        self._script(installed / "cdk-workmail", f'{sys.executable} -m cdk_workmail_cli "$@"')
        # Instead of GitHub's API.
        self._script(installed / "gh", f'cp plan.md {self.comment}; echo "$@" >> {self.comment}')
        binaries = (installed, ROOT / "node_modules" / ".bin", Path(sys.executable).parent)
        self._environment = local_aws.process_environment | {
            "PATH": os.pathsep.join([*map(str, binaries), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join(str(ROOT / root) for root in ("cli", "constructs")),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_REPOSITORY": "example/mail",
            "PULL_REQUEST": "7",
            "CI": "true",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "true",
        }

    def declare(self, **emails: str) -> None:
        mailboxes = {
            name.title(): {"entity_id": name, "email": f"{email}@example.com"}
            for name, email in emails.items()
        }
        file = {"organization_id": self._organization_id, "mailboxes": mailboxes}
        (self.folder / "organization.json").write_text(json.dumps(file))

    def run(self, workflow: str) -> dict[str, int]:
        """The exit codes of a workflow's steps, as GitHub runs them; all but Install."""
        codes = {}
        self.output = ""
        for name, text in commands(workflow).items():
            if name == "Install":
                continue
            text = re.sub(r"(--stack|cdk deploy) Mail\b", rf"\1 {self.stack_name}", text)
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
                cwd=self.folder,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            self.output += done.stdout
            codes[name] = done.returncode
            # After a failed deployment the next step runs too: `if: always()`.
            if done.returncode and workflow != "deploy":
                break
        return codes

    def _script(self, file: Path, command: str) -> None:
        file.write_text(f"#!/bin/sh\n{command}\n")
        file.chmod(0o755)


@pytest.fixture
def checkout(local_aws: LocalAws, tmp_path: Path, organization: Organization) -> Checkout:
    return Checkout(local_aws, tmp_path, organization)


@pytest.mark.long
def test_a_pull_request_a_deployment_a_failure_and_a_change_by_hand(
    local_aws: LocalAws, tmp_path: Path, organization: Organization, checkout: Checkout
) -> None:
    enable_by_hand(local_aws, organization, "alice")
    checkout.declare(alice="alice")
    assert checkout.run("deploy") == {"Deploy": 0, "Compare with WorkMail": 0}
    assert checkout.run("drift") == {"Compare with WorkMail": 0}

    checkout.declare(alice="alice.liddell", bob="bob")
    assert checkout.run("plan") == {"Plan": 0, "Comment": 0}
    comment = checkout.comment.read_text()
    assert "alice.liddell@example.com" in comment
    assert "bob@example.com" in comment
    assert "pr comment 7 --repo example/mail --body-file plan.md" in comment
    assert comment.splitlines()[0] in checkout.summary.read_text()
    assert checkout.run("deploy")["Deploy"] == 0
    assert organization.entity("bob").registration.email == "bob@example.com"

    # A failed deployment is rolled back; the log has the reason, and the summary no difference.
    enable_by_hand(local_aws, organization, "team")
    checkout.declare(alice="alice", bob="bob", team="another")
    codes = checkout.run("deploy")
    assert codes == {"Deploy": 1, "Compare with WorkMail": 0}
    assert "is enabled with address team@example.com" in " ".join(checkout.output.split())
    assert organization.entity("alice").registration.email == "alice.liddell@example.com"
    assert organization.entity("team").registration.email == "team@example.com"

    local_aws.client("workmail").deregister_from_work_mail(
        OrganizationId=organization.organization_id, EntityId=organization.entity("bob").entity_id
    )
    assert checkout.run("drift") == {"Compare with WorkMail": 2}
    assert "bob" in checkout.summary.read_text()
    stack = local_aws.client("cloudformation")
    stack.update_termination_protection(
        StackName=checkout.stack_name, EnableTerminationProtection=False
    )
    Pipeline(local_aws, tmp_path, checkout.stack_name).destroy()


def test_an_error_of_a_plan_fails_the_check(checkout: Checkout) -> None:
    (checkout.folder / "organization.json").write_text("{}")
    assert checkout.run("plan") == {"Plan": 1}
    assert "organization_id" in checkout.output
