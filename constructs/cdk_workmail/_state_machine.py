"""The state machine of an `OrganizationExport`, in the Amazon States Language.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from __future__ import annotations

from typing import Any

# https://docs.aws.amazon.com/workmail/latest/adminguide/mail-export.html
_EXPORTS_AT_A_TIME = 10
_RUN = {"run.$": "$$.Execution.Name"}
_STARTED = {"input.$": "$$.Execution.Input", "started_at.$": "$$.Execution.StartTime"}


def definition(partition: str, function_arn: str, bucket_name: str) -> dict[str, Any]:
    """Passes over the mailboxes, each a child execution, until a plan has none left; then reports.

    A child waits between steps without cost. It never fails the run: one that ends without a line
    in the manifest is planned again, and the report says so in the end.
    """
    return {
        "Comment": "Exports and verifies all mailboxes of an Amazon WorkMail organization.",
        "StartAt": "Begin",
        "States": {
            "Begin": {"Type": "Pass", "Result": {"pass": 0}, "Next": "Plan"},
            "Plan": {
                **_step(function_arn, {"action": "plan", "pass.$": "$.pass", **_RUN, **_STARTED}),
                "Next": "Any left?",
            },
            "Any left?": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.count", "NumericGreaterThan": 0, "Next": "Mailboxes"}],
                "Default": "Report",
            },
            "Mailboxes": {
                "Type": "Map",
                "Label": "Mailboxes",
                "ItemReader": {
                    "Resource": f"arn:{partition}:states:::s3:getObject",
                    "ReaderConfig": {"InputType": "JSON"},
                    "Parameters": {"Bucket": bucket_name, "Key.$": "$.key"},
                },
                "MaxConcurrency": _EXPORTS_AT_A_TIME,
                "ToleratedFailurePercentage": 100,
                "ItemProcessor": _mailbox(function_arn),
                "ResultPath": "$.ended",
                "Next": "Plan",
            },
            "Report": {
                **_step(function_arn, {"action": "report", **_RUN}),
                "Next": "All verified?",
            },
            "All verified?": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.unverified", "NumericEquals": 0, "Next": "Verified"}],
                "Default": "Not verified",
            },
            "Verified": {"Type": "Succeed"},
            "Not verified": {"Type": "Fail", "Error": "NotVerified", "CausePath": "$.cause"},
        },
    }


def _mailbox(function_arn: str) -> dict[str, Any]:
    return {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Advance",
        "States": {
            "Advance": {
                **_step(function_arn, {"action": "advance", "mailbox.$": "$"}),
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Ended"}],
                "Next": "Done?",
            },
            "Done?": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.done", "BooleanEquals": True, "Next": "Ended"}],
                "Default": "Wait",
            },
            "Wait": {"Type": "Wait", "SecondsPath": "$.wait", "Next": "Advance"},
            # All results together are the output of the map, which may have 256 KiB.
            "Ended": {"Type": "Pass", "Result": {}, "End": True},
        },
    }


def _step(function_arn: str, parameters: dict[str, str]) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": function_arn,
        "Parameters": parameters,
        "Retry": [
            {
                "ErrorEquals": ["States.ALL"],
                "IntervalSeconds": 30,
                "BackoffRate": 3,
                "MaxAttempts": 4,
                "JitterStrategy": "FULL",
            }
        ],
    }
