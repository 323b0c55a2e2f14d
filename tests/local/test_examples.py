"""Two of the examples, deployed as they are and destroyed."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_aws import LocalAws
from local_aws.cdk_cli import ROOT, run_cdk
from local_aws.workmail import Organization
from tests.local.pipeline import Pipeline, states

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
    ("name", "stack", "enabled", "retained"),
    [
        ("adopt_organization", "Adopted", {"alice", "team", "board-room"}, True),
        ("team", "Team", {"dora", "emil", "sales", "blue-room"}, False),
    ],
)
def test_an_example_deploys_as_it_is_and_its_deletion_disables_what_is_not_retained(
    local_aws: LocalAws,
    example_organization: Organization,
    tmp_path: Path,
    name: str,
    stack: str,
    enabled: set[str],
    retained: bool,
) -> None:
    run_cdk(
        "deploy",
        stack,
        "--require-approval=never",
        f"--app=python {ROOT / 'examples' / name / 'app.py'}",
        f"--output={tmp_path}",
        environment=local_aws.process_environment,
    )
    assert {states(example_organization)[entity] for entity in enabled} == {"ENABLED"}
    local_aws.client("cloudformation").update_termination_protection(
        StackName=stack, EnableTerminationProtection=False
    )
    Pipeline(local_aws, tmp_path, stack).destroy()
    after = "ENABLED" if retained else "DISABLED"
    assert {states(example_organization)[entity] for entity in enabled} == {after}
