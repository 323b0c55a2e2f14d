"""For crhelper without its sleep on Delete."""

from __future__ import annotations

from typing import Any

from crhelper import CfnResource

from benchmarks.functions import calls

helper = CfnResource(sleep_on_delete=0)


@helper.create
def create(event: Any, context: Any) -> str:
    return calls.register(event["ResourceProperties"])


@helper.update
def update(event: Any, context: Any) -> str:
    calls.change_address(event["ResourceProperties"])
    physical_id: str = event["PhysicalResourceId"]
    return physical_id


@helper.delete
def delete(event: Any, context: Any) -> None:
    calls.deregister(event["ResourceProperties"])


def handler(event: Any, context: Any) -> None:
    # Without a line on its output the local Lambda is slower than the function is.
    print(event["RequestType"], event["LogicalResourceId"])
    helper(event, context)
