"""The IAM policy that the command needs: read-only, except that `export` starts runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cdk_workmail_cli import export
from cdk_workmail_cli.aws import READ_OPERATIONS
from cdk_workmail_cli.errors import CommandFailed
from cdk_workmail_cli.stack import ANNOUNCEMENTS

# CloudFormation chooses these names, so that they are known only after a deployment.
_ANY_EXPORT = {
    "states": "arn:aws:states:*:*:stateMachine:*",
    "s3": "arn:aws:s3:::*",
    "kms": "arn:aws:kms:*:*:key/*",
}


def policy(
    organization_ids: Sequence[str],
    stack_names: Sequence[str],
    export_arns: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Allows what the command calls, on the organizations and stacks given; on all if none are.

    With `export_arns` it allows `export` too, on the state machine, bucket and key given; of what
    is not given, on all. Raises CommandFailed for an ARN of anything else.
    """
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
    reading = {service: _actions(service, READ_OPERATIONS[service]) for service in READ_OPERATIONS}
    of_a_stack = [action for action in reading["cloudformation"] if action != listed]
    statements = [
        _statement("ReadOrganizations", reading["workmail"], organizations),
        _statement("ReadStacks", of_a_stack, stacks),
        # Any other stack may declare the same entities.
        _statement("FindOtherStacks", [listed], ["arn:aws:cloudformation:*:*:stack/*"]),
        _statement("FindAnnouncements", reading["ssm"], announcements),
    ]
    if export_arns is not None:
        jobs = _actions("workmail", export.OPERATIONS["workmail"])
        statements.append(_statement("ListExportJobs", jobs, organizations))
        statements += _of_exports(organization_ids, export_arns)
    return {"Version": "2012-10-17", "Statement": statements}


def _of_exports(organization_ids: Sequence[str], arns: Sequence[str]) -> list[dict[str, Any]]:
    given: dict[str, list[str]] = {service: [] for service in _ANY_EXPORT}
    for arn in arns:
        _, _, service, *_ = *arn.split(":"), "", ""
        if service not in given:
            raise CommandFailed(
                f"--export must be ARNs of a state machine, a bucket and a key, got {arn}"
            )
        given[service].append(arn)
    machines, buckets, keys = (given[service] or [_ANY_EXPORT[service]] for service in _ANY_EXPORT)
    executions = [f"{arn.replace(':stateMachine:', ':execution:')}:*" for arn in machines]
    # The runs with their reports, not the exported mailboxes.
    runs = [
        f"{bucket}/*{organization_id}/_runs/*"
        for bucket in buckets
        for organization_id in organization_ids or [""]
    ]
    states = _actions("states", export.OPERATIONS["stepfunctions"])
    through_s3 = {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}
    return [
        _statement("RunExports", states, [*machines, *executions]),
        _statement("ListExports", ["s3:ListBucket"], buckets),
        _statement("ReadRuns", ["s3:GetObject"], runs),
        {**_statement("DecryptRuns", ["kms:Decrypt"], keys), "Condition": through_s3},
    ]


def _actions(service: str, operations: Iterable[str]) -> list[str]:
    return [f"{service}:{operation}" for operation in operations]


def _statement(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
