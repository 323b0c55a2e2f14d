"""For crhelper, as its README shows, without its sleep of two minutes in each Delete."""

from __future__ import annotations

from typing import Any

from crhelper import CfnResource

from benchmarks.peers import calls

helper = CfnResource(sleep_on_delete=0)


@helper.create
def create(event: Any, context: Any) -> str:
    return calls.register(event["ResourceProperties"])


@helper.update
def update(event: Any, context: Any) -> str:
    calls.change_address(event["ResourceProperties"])
    return str(event["PhysicalResourceId"])


@helper.delete
def delete(event: Any, context: Any) -> None:
    calls.deregister(event["ResourceProperties"])


def handler(event: Any, context: Any) -> None:
    # MiniStack waits longer for a function that prints nothing.
    print(event["RequestType"], event["LogicalResourceId"])
    helper(event, context)
