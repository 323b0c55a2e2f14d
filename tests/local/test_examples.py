"""Two of the examples, deployed as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_aws import LocalAws
from local_aws.cdk_cli import ROOT, run_cdk
from local_aws.workmail import Organization

# The one that the examples name.
ORGANIZATION_ID = "m-0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def example_organization(local_aws: LocalAws) -> Organization:
    organization = local_aws.workmail.add_organization(
        "example-apps", organization_id=ORGANIZATION_ID, domain="example.com"
    )
    organization.add_user("alice")
    organization.add_group("team")
    organization.add_resource("board-room")
    return organization


@pytest.mark.parametrize(
    ("name", "stack", "enabled"),
    [
        ("adopt_organization", "Adopted", {"alice", "team", "board-room"}),
        ("team", "Team", {"dora", "emil", "sales", "blue-room"}),
    ],
)
def test_an_example_deploys_as_it_is(
    local_aws: LocalAws,
    example_organization: Organization,
    tmp_path: Path,
    name: str,
    stack: str,
    enabled: set[str],
) -> None:
    run_cdk(
        "deploy",
        stack,
        "--require-approval=never",
        f"--app=python {ROOT / 'examples' / name / 'app.py'}",
        f"--output={tmp_path}",
        environment=local_aws.process_environment,
    )
    entities = example_organization.entities.values()
    assert {entity.name for entity in entities if entity.state == "ENABLED"} >= enabled
