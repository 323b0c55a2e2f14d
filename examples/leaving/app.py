"""Every mailbox is exported and verified, and removed mailboxes use these exports."""

from pathlib import Path

from aws_cdk import App, Duration, RemovalPolicy, Stack

from cdk_workmail import MailboxExport, OrganizationExport, WorkMailRoster

app = App()
stack = Stack(app, "Leaving")
export = MailboxExport(stack, "Export", maximum_age=Duration.days(7))
OrganizationExport(
    stack,
    "Departure",
    organization_id="m-0123456789abcdef0123456789abcdef",
    organization_region="us-east-1",
    export=export,
)
WorkMailRoster(
    stack,
    "Roster",
    source=Path(__file__).with_name("organization.json"),
    removal_policy=RemovalPolicy.SNAPSHOT,
    mailbox_export=export,
)
app.synth()
