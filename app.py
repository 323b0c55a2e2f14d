"""The example app: one stack with what a file declares."""

import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any

from aws_cdk import App, Environment, RemovalPolicy, Stack

import cdk_workmail as workmail

KINDS: dict[str, Any] = {
    "mailboxes": workmail.WorkMailRegistration,
    "users": workmail.WorkMailUser,
    "groups": workmail.WorkMailGroup,
    "resources": workmail.WorkMailResource,
}
WHERE = {"organization_id", "organization_region"}
NOT_IN_ENTRIES = WHERE | {"self", "scope", "id", "mailbox_export", "password", "provider"}


def check(place: str, declared: dict[str, Any], allowed: set[str]) -> None:
    for key in declared.keys() - allowed:
        raise ValueError(f"{place}unknown key {key!r}, allowed are {', '.join(sorted(allowed))}")


def declare(stack: Stack, file: dict[str, Any]) -> None:
    check("", file, {*KINDS, *WHERE, "export_before_removal"})
    where = {"organization_id": file["organization_id"]}
    where["organization_region"] = file.get("organization_region")
    removal: dict[str, Any] = {}
    if file.get("export_before_removal"):
        removal["removal_policy"] = RemovalPolicy.SNAPSHOT
        removal["mailbox_export"] = workmail.MailboxExport(stack, "Export")
    for kind, construct in KINDS.items():
        options = {*inspect.signature(construct.__init__).parameters} - NOT_IN_ENTRIES
        for name, entry in file.get(kind, {}).items():
            check(f"{kind}/{name}: ", entry, options | {"email"})
            policy = entry.get("removal_policy")
            if policy in ("DESTROY", "RETAIN"):
                entry["removal_policy"] = RemovalPolicy[policy]
            if kind == "mailboxes":
                construct(stack, name, **where, **(entry if policy else removal | entry))
            else:
                email = entry.pop("email")
                construct(stack, name, **where, **entry).enable(email=email, **removal)


app = App()
path = Path(app.node.get_context("mailboxes"))
# The CLI's region, so that one without WorkMail shows at synth; no account, so nothing to look up.
env = Environment(region=os.environ.get("CDK_DEFAULT_REGION"))
try:
    declare(Stack(app, "WorkMailMailboxes", env=env), json.loads(path.read_text()))
except KeyError as key:
    sys.exit(f"{path}: the key {key} is missing")
except (AttributeError, OSError, TypeError, ValueError) as error:
    sys.exit(f"{path}: {error}")
app.synth()
