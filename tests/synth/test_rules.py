"""What others check about templates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aws_cdk import Acknowledgment, App, NestedStack, RemovalPolicy, Stack, Validations
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks
from cfnlint import ManualArgs  # type: ignore[import-untyped]
from cfnlint.api import lint_file  # type: ignore[import-untyped]

from cdk_workmail import MailboxExport, WorkMailProvider
from tests.synth.roster import ORGANIZATION, OTHER_ORGANIZATION, register, team

# As `docs/security.md` advises for checks with cdk-nag.
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
    Acknowledgment(
        id=(f"AwsSolutions-IAM5[Resource::<ExportBucketFD42BCED.Arn>/workmail/{ORGANIZATION}/*]"),
        reason="WorkMail names the objects of an export after entity and time",
    ),
    Acknowledgment(
        id="AwsSolutions-S1",
        reason="CloudTrail has each use of the key, and so of each object",
    ),
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
    declared = Stack(app, "Team")
    team(declared)
    Validations.of(declared).acknowledge(*PASSWORDS)
    # Raises at the first finding that is not acknowledged.
    app.synth()
    return folder


def test_cdk_nag_has_no_findings(assembly: Path) -> None:
    assert json.loads((assembly / "validation-report.json").read_text())["pluginReports"] == []


def test_cdk_nag_would_find_something() -> None:
    app = App()
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    s3.Bucket(Stack(app, "Mail"), "Bucket")
    with pytest.raises(RuntimeError, match=r"AwsSolutions::AwsSolutions-S1"):
        app.synth()


def test_cfn_lint_has_no_findings(assembly: Path) -> None:
    templates = sorted(assembly.glob("*.template.json"))
    assert len(templates) == 6
    # The CDK makes each function depend on its role although it refers to it already.
    config = ManualArgs(ignore_checks=["W3005"])
    found = [str(match) for template in templates for match in lint_file(template, config)]
    assert found == []
