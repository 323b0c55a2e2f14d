"""The example app: one stack with what a file declares."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from aws_cdk import App, Environment, RemovalPolicy, Stack

import cdk_workmail as workmail

MADE: dict[str, Any] = {
    "users": workmail.WorkMailUser,
    "groups": workmail.WorkMailGroup,
    "resources": workmail.WorkMailResource,
}
app = App()
path = Path(app.node.get_context("mailboxes"))
# The CLI's region, so that one without WorkMail shows at synth; no account, so nothing to look up.
env = Environment(region=os.environ.get("CDK_DEFAULT_REGION"))
stack = Stack(app, "WorkMailMailboxes", env=env)
try:
    declared = json.loads(path.read_text())
    where: dict[str, Any] = {"organization_id": declared["organization_id"]}
    where["organization_region"] = declared.get("organization_region")
    leaving: dict[str, Any] = {}
    if declared.get("export_before_removal"):
        leaving["removal_policy"] = RemovalPolicy.SNAPSHOT
        leaving["mailbox_export"] = workmail.MailboxExport(stack, "Export")
    for name, mailbox in declared["mailboxes"].items():
        workmail.WorkMailRegistration(stack, name, **where, **leaving, **mailbox)
    for kind, make in MADE.items():
        for name, entity in declared.get(kind, {}).items():
            email = entity.pop("email")
            make(stack, name, **where, **entity).enable(email=email, **leaving)
except KeyError as key:
    sys.exit(f"{path}: the key {key} is missing")
except (AttributeError, OSError, TypeError, ValueError) as error:
    sys.exit(f"{path}: {error}")
app.synth()
