"""The read-only IAM policy that the command needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cdk_workmail_cli.aws import READ_OPERATIONS
from cdk_workmail_cli.stack import ANNOUNCEMENTS


def policy(organization_ids: Sequence[str], stack_names: Sequence[str]) -> dict[str, Any]:
    """Allows what the command calls, on the organizations and stacks given; on all if none are."""
    organizations = [
        f"arn:aws:workmail:*:*:organization/{organization_id}"
        for organization_id in organization_ids or ["*"]
    ]
    # The name of a nested stack begins with that of its parent.
    stacks = [
        f"arn:aws:cloudformation:*:*:stack/{name}{end}"
        for name in stack_names
        for end in ("/*", "-*/*")
    ] or ["arn:aws:cloudformation:*:*:stack/*"]
    announcements = [
        f"arn:aws:ssm:*:*:parameter{ANNOUNCEMENTS}/{organization_id}"
        for organization_id in organization_ids or ["*"]
    ]
    listed = "cloudformation:ListStackResources"
    of_a_stack = [action for action in _actions("cloudformation") if action != listed]
    return {
        "Version": "2012-10-17",
        "Statement": [
            _statement("ReadOrganizations", _actions("workmail"), organizations),
            _statement("ReadStacks", of_a_stack, stacks),
            # Any other stack may declare the same entities.
            _statement("FindOtherStacks", [listed], ["arn:aws:cloudformation:*:*:stack/*"]),
            _statement("FindAnnouncements", _actions("ssm"), announcements),
        ],
    }


def _actions(service: str) -> list[str]:
    return [f"{service}:{operation}" for operation in READ_OPERATIONS[service]]


def _statement(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
