"""The entry point of the Lambda function.

Everything that could fail while it is imported is imported inside `_start`: CloudFormation is
answered even then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from workmail_provider.answer import Answer, LambdaContext

Handler = Callable[[Mapping[str, Any], LambdaContext], None]


def _start() -> Handler:
    from workmail_provider.clients import client
    from workmail_provider.protocol import CustomResource
    from workmail_provider.registration import RESOURCE_TYPE, WorkMailRegistration

    return CustomResource({RESOURCE_TYPE: WorkMailRegistration()}, cache(client))


def _refuse(error: Exception) -> Handler:
    sentence = f"the function could not start: {type(error).__name__}: {error}"
    return lambda event, context: Answer(event, context).fail(sentence)


try:
    _handle = _start()
except Exception as error:
    _handle = _refuse(error)


def handler(event: Mapping[str, Any], context: LambdaContext) -> None:
    """Called by Lambda, asynchronously, once for each request of CloudFormation."""
    _handle(event, context)
