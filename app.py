"""The example app: one stack with the registrations that a file declares."""

import json
import os
import sys
from pathlib import Path

from aws_cdk import App, Environment, RemovalPolicy, Stack

from cdk_workmail import MailboxExport, WorkMailRegistration

app = App()
path = Path(app.node.get_context("mailboxes"))
# The CLI's region, so that one without WorkMail shows at synth; no account, so nothing to look up.
env = Environment(region=os.environ.get("CDK_DEFAULT_REGION"))
stack = Stack(app, "WorkMailMailboxes", env=env)
try:
    declared = json.loads(path.read_text())
    common = {"organization_id": declared["organization_id"]}
    common["organization_region"] = declared.get("organization_region")
    if declared.get("export_before_removal"):
        common["removal_policy"] = RemovalPolicy.SNAPSHOT
        common["mailbox_export"] = MailboxExport(stack, "Export")
    for name, mailbox in declared["mailboxes"].items():
        WorkMailRegistration(stack, name, **common, **mailbox)
except KeyError as key:
    sys.exit(f"{path}: the key {key} is missing")
except (AttributeError, OSError, TypeError, ValueError) as error:
    sys.exit(f"{path}: {error}")
app.synth()
