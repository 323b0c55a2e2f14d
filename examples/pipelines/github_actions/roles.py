"""The roles of the workflows. You deploy them yourself; no workflow can change them."""

from __future__ import annotations

import json
import subprocess
import sys

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

ISSUER = "token.actions.githubusercontent.com"


class GitHubRoles(Stack):
    """A role that reads, for pull requests and the nightly check, and one that deploys."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        repository: str,
        organization_id: str,
        stack_name: str,
    ) -> None:
        super().__init__(scope, id, env=env)
        # An account has one provider for GitHub: refer to yours by its ARN if it exists.
        provider = iam.CfnOIDCProvider(
            self, "GitHub", url=f"https://{ISSUER}", client_id_list=["sts.amazonaws.com"]
        )
        reading = policy(organization_id, stack_name)
        # Bootstrapping created these roles; CloudFormation's own role is passed by the first.
        assumed = [
            f"arn:{self.partition}:iam::{self.account}:role/"
            f"cdk-hnb659fds-{role}-role-{self.account}-{self.region}"
            for role in ("deploy", "file-publishing", "lookup")
        ]
        assuming = iam.PolicyStatement(actions=["sts:AssumeRole"], resources=assumed)
        deploying = policy(organization_id, stack_name)
        deploying.add_statements(assuming)
        for name, subjects, document in (
            ("Reader", ["pull_request", "ref:refs/heads/main"], reading),
            ("Deployer", ["environment:production"], deploying),
        ):
            role = iam.Role(
                self,
                name,
                assumed_by=iam.WebIdentityPrincipal(
                    provider.attr_arn,
                    {
                        "StringEquals": {
                            f"{ISSUER}:aud": "sts.amazonaws.com",
                            f"{ISSUER}:sub": [f"repo:{repository}:{end}" for end in subjects],
                        }
                    },
                ),
                inline_policies={name: document},
            )
            CfnOutput(self, f"{name}Role", value=role.role_arn)


def policy(organization_id: str, stack_name: str) -> iam.PolicyDocument:
    """What `cdk-workmail` needs to read this organization and stack."""
    printed = subprocess.check_output(
        [
            *(sys.executable, "-m", "cdk_workmail_cli", "policy"),
            *("--organization-id", organization_id, "--stack", stack_name),
        ]
    )
    return iam.PolicyDocument.from_json(json.loads(printed))
