"""The entry point of the Lambda function.

Everything that could fail while it is imported is imported inside `_start`: CloudFormation is
answered even then.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from workmail_provider.answer import NEVER_CREATED, Answer, LambdaContext
from workmail_provider.journal import Journal

Handler = Callable[[Mapping[str, Any], LambdaContext], None]


def _start() -> Handler:
    from workmail_provider.clients import client
    from workmail_provider.entity_types import ENTITY_TYPES
    from workmail_provider.protocol import CustomResource
    from workmail_provider.registration import RESOURCE_TYPE, WorkMailRegistration

    types = {RESOURCE_TYPE: WorkMailRegistration(), **ENTITY_TYPES}
    return CustomResource(types, cache(client))


def _refuse(error: Exception) -> Handler:
    sentence = f"the function could not start, deploy it again: {type(error).__name__}: {error}"
    told = "".join(traceback.format_exception(error))

    def refuse(event: Mapping[str, Any], context: LambdaContext) -> None:
        answer = Answer(event, context)
        journal = Journal({"request_id": str(event.get("RequestId"))})
        journal.trouble("fail", sentence, traceback=told)
        # The Create before it was refused as this one is: there is nothing to undo, and a first
        # deployment can roll back.
        if event.get("RequestType") == "Delete" and answer.physical_resource_id == NEVER_CREATED:
            journal.decision("pass over", f"{NEVER_CREATED!r} is not the id of a registration")
            answer.succeed(NEVER_CREATED, {})
        else:
            answer.fail(sentence)

    return refuse


try:
    _handle = _start()
except Exception as error:
    _handle = _refuse(error)


def handler(event: Mapping[str, Any], context: LambdaContext) -> None:
    """Called by Lambda, asynchronously, once for each request of CloudFormation."""
    _handle(event, context)
