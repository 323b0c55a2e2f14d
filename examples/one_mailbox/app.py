"""One mailbox of an existing user."""

from aws_cdk import App, Stack

from cdk_workmail import WorkMailRegistration

app = App()
WorkMailRegistration(
    Stack(app, "OneMailbox"),
    "Alice",
    organization_id="m-0123456789abcdef0123456789abcdef",
    organization_region="us-east-1",
    entity_id="alice",
    email="alice@example.com",
)
app.synth()
