"""An organization that exists: its file retains everything, and the stack cannot be deleted."""

from pathlib import Path

from aws_cdk import App, Stack

from cdk_workmail import WorkMailRoster

app = App()
WorkMailRoster(
    Stack(app, "Adopted", termination_protection=True),
    "Roster",
    source=Path(__file__).with_name("organization.json"),
)
app.synth()
