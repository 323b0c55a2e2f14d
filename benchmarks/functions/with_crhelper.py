"""A handler of crhelper, as its README has it; how it sleeps is left to who makes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crhelper import CfnResource

from benchmarks.functions import calls


def handler_of(helper: CfnResource) -> Callable[[Any, Any], None]:
    helper.create(create)
    helper.update(update)
    helper.delete(delete)

    def handler(event: Any, context: Any) -> None:
        # Without a line on its output the local Lambda is slower than the function is.
        print(event["RequestType"], event["LogicalResourceId"])
        helper(event, context)

    return handler


def create(event: Any, context: Any) -> str:
    return calls.register(event["ResourceProperties"])


def update(event: Any, context: Any) -> str:
    calls.change_address(event["ResourceProperties"])
    physical_id: str = event["PhysicalResourceId"]
    return physical_id


def delete(event: Any, context: Any) -> None:
    calls.deregister(event["ResourceProperties"])
