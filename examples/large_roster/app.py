"""Three hundred mailboxes from a spreadsheet, in two nested stacks."""

from pathlib import Path

from aws_cdk import App, Stack

from cdk_workmail import WorkMailRoster

app = App()
WorkMailRoster(
    # Termination protection: an update is guarded by the roster, a deletion of the stack by this.
    Stack(app, "Staff", termination_protection=True),
    "Roster",
    source=Path(__file__).with_name("staff.csv"),
    organization_id="m-0123456789abcdef0123456789abcdef",
    organization_region="us-east-1",
    stacks=2,
    maximum_removals=20,
)
app.synth()
