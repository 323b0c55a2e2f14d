"""The example app: one stack with what an organization file declares."""

import os
import sys

from aws_cdk import App, Environment, Stack

from cdk_workmail import WorkMailRoster

app = App()
# The CLI's region, so that one without WorkMail shows at synth; no account, so nothing to look up.
env = Environment(region=os.environ.get("CDK_DEFAULT_REGION"))
stack = Stack(app, "WorkMailMailboxes", env=env)
try:
    WorkMailRoster(stack, "Roster", source=app.node.get_context("organization"))
except (OSError, ValueError) as error:
    sys.exit(str(error))
app.synth()
