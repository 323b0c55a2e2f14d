"""For crhelper, with the WorkMail calls of the lifecycle contract and nothing else of it."""

from __future__ import annotations

from typing import Any

from crhelper import CfnResource

from benchmarks.peers import floor

helper = CfnResource(sleep_on_delete=0)


@helper.create
@helper.update
@helper.delete
def perform(event: Any, context: Any) -> str:
    floor.handler(event, context)
    properties = event["ResourceProperties"]
    return f"{properties['OrganizationId']}/{properties['EntityId']}"


def handler(event: Any, context: Any) -> None:
    helper(event, context)
