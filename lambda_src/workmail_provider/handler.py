"""The entry point of the Lambda function.

Whatever could fail while it is imported is imported in `_start`: CloudFormation receives a
response even then.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any

from workmail_provider.cloudformation.response import NEVER_CREATED, LambdaContext, Response
from workmail_provider.log import RequestLog

Handler = Callable[[Mapping[str, Any], LambdaContext], None]


def _start() -> Handler:
    from workmail_provider.aws import make_clients
    from workmail_provider.cloudformation.custom_resource import CustomResource
    from workmail_provider.resources.types import RESOURCE_TYPES

    return CustomResource(RESOURCE_TYPES, make_clients())


def _refuse(error: Exception) -> Handler:
    message = f"the function could not start, deploy it again: {type(error).__name__}: {error}"
    details = "".join(traceback.format_exception(error))

    def refuse(event: Mapping[str, Any], context: LambdaContext) -> None:
        response = Response(event, context)
        log = RequestLog({"request_id": str(event.get("RequestId"))})
        log.error("fail", message, traceback=details)
        # The Create was refused too: there is nothing to undo, and a first deployment can roll
        # back.
        if event.get("RequestType") == "Delete" and response.physical_resource_id == NEVER_CREATED:
            log.info("ignore", f"{NEVER_CREATED!r} was never created")
            response.send_success(NEVER_CREATED, {})
        else:
            response.send_failure(message)

    return refuse


try:
    _handle = _start()
except Exception as error:
    _handle = _refuse(error)


def handler(event: Mapping[str, Any], context: LambdaContext) -> None:
    """Called by Lambda, asynchronously, once for each request of CloudFormation."""
    _handle(event, context)
