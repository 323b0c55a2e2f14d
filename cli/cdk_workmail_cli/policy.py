"""The read-only IAM policy that the command needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cdk_workmail_cli.aws import READ_OPERATIONS


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
    return {
        "Version": "2012-10-17",
        "Statement": [
            _statement("ReadOrganizations", "workmail", organizations),
            _statement("ReadStacks", "cloudformation", stacks),
        ],
    }


def _statement(sid: str, service: str, resources: Sequence[str]) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": [f"{service}:{operation}" for operation in READ_OPERATIONS[service]],
        "Resource": list(resources),
    }
