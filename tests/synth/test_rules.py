"""What others check about templates."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from aws_cdk import Acknowledgment, App, NestedStack, RemovalPolicy, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from cfnlint import ManualArgs  # type: ignore[import-untyped]
from cfnlint.api import lint_file  # type: ignore[import-untyped]

from cdk_workmail import MailboxExport, OrganizationExport, WorkMailProvider
from tests.synth.conftest import ROOT
from tests.synth.roster import ORGANIZATION, OTHER_ORGANIZATION, register, team

# cfn-lint reads its rules and schemas once in a process.
pytestmark = pytest.mark.xdist_group("cfn_lint")

SECURITY = ROOT / "docs" / "security.md"
# As `docs/security.md` advises for checks with cdk-nag. The library acknowledges nothing itself:
# what a wildcard allows is for the owner of the account to accept.
OTHER_STACKS = (
    Acknowledgment(
        id=(
            "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:cloudformation:<AWS::Region>:"
            "<AWS::AccountId>:stack/*]"
        ),
        reason="which stacks declare the same mailbox is not known at synth",
    ),
    *(
        Acknowledgment(
            id=(
                "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:ssm:<AWS::Region>:"
                f"<AWS::AccountId>:parameter/cdk-workmail/{organization}/*]"
            ),
            reason="the parameters of all stacks with declarations of the organization",
        )
        for organization in (ORGANIZATION, OTHER_ORGANIZATION)
    ),
)
PASSWORDS = (
    Acknowledgment(
        id="AwsSolutions-SMG4",
        reason="a password that changes by itself locks its user out",
    ),
    Acknowledgment(
        id=(
            "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:secretsmanager:<AWS::Region>:"
            "<AWS::AccountId>:secret:*]"
        ),
        reason="a condition on their tag allows the generated passwords of this stack only",
    ),
)
UNAVOIDABLE = (
    *(
        Acknowledgment(
            id=f"AwsSolutions-IAM5[Resource::<ExportBucketFD42BCED.Arn>/workmail/{each}]",
            reason="objects are named after entity, time and run",
        )
        for each in (
            f"{ORGANIZATION}/*",
            f"{ORGANIZATION}/_manifest/*",
            f"{ORGANIZATION}/_runs/*",
        )
    ),
    Acknowledgment(
        id="AwsSolutions-S1",
        reason="CloudTrail has each use of the key, and so of each object",
    ),
)

EXECUTIONS = (
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>"
    ":execution:<DepartureStateMachine3853261F.Name>:*]"
)
OF_STATE_MACHINES = tuple(
    Acknowledgment(
        id=id, reason="its executions; the manifest has each result, Step Functions the history"
    )
    for id in ("AwsSolutions-SF1", "AwsSolutions-SF2", EXECUTIONS)
)


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every kind of stack: its own function, nested, shared, and several organizations."""
    folder = tmp_path_factory.mktemp("rules")
    app = App(outdir=str(folder))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = Stack(app, "Mail")
    register(stack, "Alice")
    register(stack, "Bob", organization_id=OTHER_ORGANIZATION, organization_region="eu-west-1")
    shared = WorkMailProvider(stack, "Shared", reserved_concurrent_executions=2)
    register(NestedStack(stack, "Nested"), provider=shared)
    register(NestedStack(stack, "Alone"))
    register(Stack(app, "Other"), provider=shared)
    exported = Stack(app, "Exported")
    export = MailboxExport(exported, "Export")
    register(exported, removal_policy=RemovalPolicy.SNAPSHOT, mailbox_export=export)
    Validations.of(exported).acknowledge(*UNAVOIDABLE)
    leaving = Stack(app, "Leaving")
    OrganizationExport(
        leaving, "Departure", organization_id=ORGANIZATION, export=MailboxExport(leaving, "Export")
    )
    Validations.of(leaving).acknowledge(*UNAVOIDABLE, *OF_STATE_MACHINES)
    declared = Stack(app, "Team")
    team(declared)
    Validations.of(declared).acknowledge(*PASSWORDS)
    Validations.of(app).acknowledge(*OTHER_STACKS)
    # Raises at the first finding that is not acknowledged.
    app.synth()
    return folder


def test_cdk_nag_has_no_findings(assembly: Path) -> None:
    assert json.loads((assembly / "validation-report.json").read_text())["pluginReports"] == []


def test_without_what_is_documented_cdk_nag_finds_exactly_the_two_wildcards() -> None:
    app = App()
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    register(Stack(app, "Mail"))
    with pytest.raises(RuntimeError) as found:
        app.synth()
    ids = set(re.findall(r"Acknowledge with 'AwsSolutions::(.*)'", str(found.value)))
    assert ids == {each.id for each in OTHER_STACKS[:2]}


@pytest.mark.parametrize("finding", (*OTHER_STACKS[:2], *PASSWORDS, *UNAVOIDABLE))
def test_what_cdk_nag_finds_is_explained(finding: Acknowledgment) -> None:
    rule, _, resource = finding.id.removesuffix("]").partition("[Resource::")
    text = SECURITY.read_text()
    assert f"`{rule}`" in text
    assert resource.rpartition(".Arn>")[2].replace(ORGANIZATION, "<organization id>") in text


def test_cfn_lint_has_no_findings(assembly: Path) -> None:
    templates = sorted(assembly.glob("*.template.json"))
    assert len(templates) == 7
    # The CDK makes each function depend on its role although it refers to it already.
    config = ManualArgs(ignore_checks=["W3005"])
    found = [str(match) for template in templates for match in lint_file(template, config)]
    assert found == []
