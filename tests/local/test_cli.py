"""The example app and the real CDK CLI: deploy, update, a deployment that fails, destroy."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from local_aws import LocalAws
from local_aws.cdk_cli import CdkError, run_cdk
from local_aws.workmail import Organization


class ExampleApp:
    """The app of this repository, with an organization file of its own."""

    def __init__(self, local_aws: LocalAws, folder: Path, organization: Organization) -> None:
        self._environment = local_aws.process_environment
        self._assembly = folder / "cdk.out"
        self._file = folder / "file.json"
        self._organization_id = organization.organization_id

    def deploy(self, **mailboxes: Any) -> None:
        file = {"organization_id": self._organization_id, "mailboxes": mailboxes}
        self._file.write_text(json.dumps(file))
        run_cdk(
            "deploy",
            "--require-approval=never",
            f"--context=organization={self._file}",
            f"--output={self._assembly}",
            environment=self._environment,
        )

    def destroy(self) -> None:
        """Without another synthesis."""
        run_cdk("destroy", "--force", f"--app={self._assembly}", environment=self._environment)


def test_the_example_app_deploys_updates_rolls_back_and_destroys(
    local_aws: LocalAws, tmp_path: Path, organization: Organization
) -> None:
    app = ExampleApp(local_aws, tmp_path, organization)
    alice = {"entity_id": "alice", "email": "alice@example.com"}
    team = {"entity_id": "team", "email": "team@example.com"}

    app.deploy(Alice=alice)
    assert organization.entity("alice").registration.email == "alice@example.com"
    mailbox = organization.entity("alice").mailbox

    app.deploy(Alice={**alice, "email": "liddell@example.com"}, Team=team)
    assert organization.entity("alice").aliases == ["alice@example.com"]
    assert organization.entity("team").state == "ENABLED"

    with pytest.raises(CdkError) as failed:
        app.deploy(Liddell=alice, Bob={"entity_id": "bob", "email": "team@example.com"})
    named = re.search(
        r"team@example.com .* group team .*\[log group (\S+), log stream (\S+)\]",
        failed.value.output,
    )
    assert named
    logged = local_aws.client("logs").filter_log_events(
        logGroupName=named[1], logStreamNames=[named[2]]
    )
    assert "group team" in str(logged["events"])
    assert organization.entity("alice").state == "ENABLED"
    assert organization.entity("alice").mailbox is mailbox
    assert organization.entity("team").state == "ENABLED"
    assert organization.entity("bob").state == "DISABLED"

    app.destroy()
    assert {entity.state for entity in organization.entities.values()} == {"DISABLED"}
