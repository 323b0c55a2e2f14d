"""Mailboxes that CDK Pipelines deploys: plan, approve, deploy, compare."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from aws_cdk import App, Environment, Stack, Stage, pipelines
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_workmail import WorkMailRoster

# Yours.
REPOSITORY = "example/mail"
CONNECTION = (
    "arn:aws:codeconnections:us-east-1:111111111111:connection/12345678-1234-1234-1234-123456789012"
)
ENV = Environment(account="111111111111", region="us-east-1")
STACK_NAME = "Mail"


class MailStage(Stage):
    """The stack of the mailboxes."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id, env=ENV)
        stack = Stack(self, STACK_NAME, stack_name=STACK_NAME, termination_protection=True)
        self.roster = WorkMailRoster(stack, "Roster", source="organization.json")


class MailPipeline(Stack):
    """Deploys itself and the stage for each commit on main."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id, env=ENV)
        source = pipelines.CodePipelineSource.connection(
            REPOSITORY, "main", connection_arn=CONNECTION
        )
        pipeline = pipelines.CodePipeline(
            self,
            "Pipeline",
            synth=pipelines.ShellStep(
                "Synth",
                input=source,
                commands=[
                    "pip install -r requirements.txt",
                    "npx --yes aws-cdk@2.1148.1 synth --quiet",
                ],
            ),
            code_build_defaults=pipelines.CodeBuildOptions(
                build_environment=codebuild.BuildEnvironment(
                    build_image=codebuild.LinuxBuildImage.STANDARD_7_0
                ),
                partial_build_spec=codebuild.BuildSpec.from_object(
                    {"phases": {"install": {"runtime-versions": {"python": "3.13"}}}}
                ),
            ),
        )
        stage = MailStage(self, "Production")
        reading = policy(stage.roster.organization_id)
        plan = command_step(
            "Plan",
            source,
            reading,
            # 2 is a plan with something to do.
            f"cdk-workmail plan organization.json --stack {STACK_NAME} || test $? -eq 2",
        )
        permissions = pipelines.ConfirmPermissionsBroadening("Permissions", stage=stage)
        approval = pipelines.ManualApprovalStep("Approve", comment="Read the log of Plan first.")
        approval.add_step_dependency(plan)
        approval.add_step_dependency(permissions)
        pipeline.add_stage(
            stage,
            pre=[plan, permissions, approval],
            post=[
                command_step("Compare", source, reading, f"cdk-workmail drift --stack {STACK_NAME}")
            ],
        )


def command_step(
    id: str,
    source: pipelines.CodePipelineSource,
    statements: list[iam.PolicyStatement],
    command: str,
) -> pipelines.CodeBuildStep:
    """A step that runs `cdk-workmail`."""
    return pipelines.CodeBuildStep(
        id,
        input=source,
        install_commands=["pip install -r requirements.txt"],
        commands=[command],
        role_policy_statements=statements,
    )


def policy(organization_id: str) -> list[iam.PolicyStatement]:
    """What `cdk-workmail` needs to read this organization and stack."""
    printed = subprocess.check_output(
        [
            *(sys.executable, "-m", "cdk_workmail_cli", "policy"),
            *("--organization-id", organization_id, "--stack", STACK_NAME),
        ]
    )
    document: dict[str, Any] = json.loads(printed)
    return [iam.PolicyStatement.from_json(statement) for statement in document["Statement"]]


app = App()
MailPipeline(app, "MailPipeline")
app.synth()
