"""For the CDK's `custom_resources.Provider`. Its framework sends the response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.peers import calls


def on_event(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    print(event["RequestType"], event["LogicalResourceId"])
    properties = event["ResourceProperties"]
    if event["RequestType"] == "Create":
        return {"PhysicalResourceId": calls.register(properties)}
    if event["RequestType"] == "Update":
        calls.change_address(properties)
    else:
        calls.deregister(properties)
    return {"PhysicalResourceId": event["PhysicalResourceId"]}


def is_complete(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    print("is complete?", event["LogicalResourceId"])
    expected = event["RequestType"] != "Delete"
    return {"IsComplete": calls.is_enabled(event["ResourceProperties"]) is expected}
