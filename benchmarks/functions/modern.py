"""For cfn-handler, as its README has it."""

from __future__ import annotations

from typing import Any

from cfn_handler import CustomResource  # type: ignore[import-not-found]

from benchmarks.functions import calls

resource = CustomResource()


@resource.create  # type: ignore[untyped-decorator]
def on_create(event: Any, context: Any) -> dict[str, Any]:
    resource.physical_resource_id = calls.register(event["ResourceProperties"])
    return {}


@resource.update  # type: ignore[untyped-decorator]
def on_update(event: Any, context: Any) -> None:
    calls.change_address(event["ResourceProperties"])


@resource.delete  # type: ignore[untyped-decorator]
def on_delete(event: Any, context: Any) -> None:
    calls.deregister(event["ResourceProperties"])


def handler(event: Any, context: Any) -> Any:
    # Without a line on its output the local Lambda is slower than the function is.
    print(event["RequestType"], event["LogicalResourceId"])
    return resource(event, context)
