"""The mailboxes of an organization, and the roles with which GitHub Actions deploys them."""

from __future__ import annotations

import os

from aws_cdk import App, Environment, Stack
from roles import GitHubRoles

from cdk_workmail import WorkMailRoster

# Yours. The account is that of your credentials.
REPOSITORY = "example/mail"
REGION = "us-east-1"

app = App()
env = Environment(account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=REGION)
mail = Stack(app, "Mail", env=env, termination_protection=True)
roster = WorkMailRoster(mail, "Roster", source="organization.json")
GitHubRoles(
    app,
    "MailPipeline",
    env=env,
    repository=REPOSITORY,
    organization_id=roster.organization_id,
    stack_name=mail.stack_name,
)
app.synth()
