"""The same WorkMail calls, after the calls with which the function reads the stacks."""

from __future__ import annotations

from typing import Any

import boto3

from benchmarks.peers import workmail_calls

cloudformation, ssm = boto3.client("cloudformation"), boto3.client("ssm")
# The physical ids of stacks, listed in one operation of a root stack that only removes.
_listings: dict[tuple[str, str, str], set[str]] = {}


def handler(event: Any, context: Any) -> None:
    if event["RequestType"] == "Update":
        _describe(event["StackId"])
    elif event["RequestType"] == "Delete":
        _read(event["StackId"], event["ResourceProperties"], event["PhysicalResourceId"])
    workmail_calls.handler(event, context)


def _read(own_id: str, properties: Any, physical_id: str) -> None:
    own = _describe(own_id)
    root = _describe(own["RootId"])
    operation = (root["StackStatus"], str(root.get("LastUpdatedTime")))
    if own["StackStatus"] != "DELETE_IN_PROGRESS":
        _physical_ids(own_id)
    path = f"/cdk-workmail/{properties['OrganizationId']}"
    announced = [
        parameter["Value"]
        for page in ssm.get_paginator("get_parameters_by_path").paginate(Path=path)
        for parameter in page["Parameters"]
    ]
    for stack_id in [root["StackId"], *announced]:
        listed = _listings.get((*operation, stack_id))
        if stack_id != own_id and (listed is None or physical_id in listed):
            _listings[*operation, stack_id] = _physical_ids(stack_id)


def _describe(stack_id: str) -> Any:
    return cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]


def _physical_ids(stack_id: str) -> set[str]:
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    return {
        row.get("PhysicalResourceId", "")
        for page in pages
        for row in page["StackResourceSummaries"]
    }
