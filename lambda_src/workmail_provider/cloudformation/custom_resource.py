"""The adapter to crhelper, which dispatches each request to the function decorated for it.

What crhelper would do beyond that is replaced: its response, its timeout response, its random
physical ids, its sleep on Delete, and its log of whole events with their response URL.
https://github.com/aws-cloudformation/custom-resource-helper
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crhelper import FAILED, CfnResource

from workmail_provider.aws import SDK_LOG_LEVEL, Clients, call
from workmail_provider.cloudformation.continuation import Continuation
from workmail_provider.cloudformation.request import (
    Invocation,
    Outcome,
    Request,
    ResourceType,
    identification,
)
from workmail_provider.cloudformation.response import LambdaContext, Put, Response, put
from workmail_provider.cloudformation.stacks import StackMemory
from workmail_provider.errors import ContinueLater, ProviderError, RequestFailed
from workmail_provider.log import RequestLog
from workmail_provider.retry import Backoff, Clock, Retry, ThrottleDelay

_RESPOND_BEFORE_END = 0.5  # seconds
# Kept for a last call that hangs, for undoing a failed Update, and for responding, in seconds: an
# eighth of a short time.
_RESERVE = 20.0
_LAST_RESERVE = 2.0
# Kept for the work after a long wait: a quarter of a short time. With more, a chain of
# invocations would be longer than Lambda lets a function invoke itself.
_BACKOFF_RESERVE = 180.0

_TOO_LATE = "CloudFormation's hour ended before this continued, so nothing was changed: try again"
_OUT_OF_TIME = "the function ran out of time: deploy again, or give it a longer timeout"

# crhelper's switch for running without the three clients that only its polling needs.
os.environ["AWS_SAM_LOCAL"] = "true"
# crhelper logs whole events, with the response URL, to loggers below this one.
_CRHELPER_LOGGER = logging.getLogger("crhelper")
_CRHELPER_LOGGER.propagate = False
_CRHELPER_LOGGER.addHandler(logging.NullHandler())


class _Dispatcher(CfnResource):
    """crhelper for one request: it calls `perform` and sends the result to `response`."""

    def __init__(self, response: Response, perform: Callable[[], Outcome], clock: Clock) -> None:
        # The levels that the loggers have: crhelper sets them, by name or by number.
        level: Any = logging.root.level
        sdk_level: Any = SDK_LOG_LEVEL
        super().__init__(log_level=level, boto_level=sdk_level, sleep_on_delete=0)
        self._response = response
        self._clock = clock

        @self.create
        @self.update
        @self.delete
        def _perform(event: Mapping[str, Any], context: LambdaContext) -> str:
            outcome = perform()
            self.Data.update(outcome.data)
            return outcome.physical_resource_id

    def _set_timeout(self) -> None:
        self._timer = self._clock.timer(
            self._response.seconds_left - _RESPOND_BEFORE_END, self._timeout
        )
        self._timer.daemon = True
        self._timer.start()

    def _timeout(self) -> None:
        self._response.send_failure(_OUT_OF_TIME)

    def _cfn_response(self, event: Mapping[str, Any]) -> None:
        self._send()

    def _send(self, status: str | None = None, reason: str = "", *_: Any) -> None:
        if FAILED in (status, self.Status):
            self._response.send_failure(reason or self.Reason)
        else:
            self._response.send_success(self.PhysicalResourceId, self.Data)


class CustomResource:
    """Responds to each request of the custom resource types it is made with, exactly once."""

    def __init__(
        self,
        resource_types: Mapping[str, ResourceType],
        clients: Clients,
        clock: Clock | None = None,
        put: Put = put,
    ) -> None:
        self._resource_types = resource_types
        self._clients = clients
        self._clock = clock or Clock()
        self._put = put
        self._delay = ThrottleDelay()
        self._stack_memory = StackMemory()

    def __call__(self, event: Mapping[str, Any], context: LambdaContext) -> None:
        """Does what the event asks for and responds to CloudFormation, whatever happens."""
        log = RequestLog(identification(event))
        response = Response(event, context, self._clock.sleep, self._put)
        try:
            execution = _Execution(
                resource_types=self._resource_types,
                clients=self._clients,
                clock=self._clock,
                delay=self._delay,
                stack_memory=self._stack_memory,
                event=event,
                context=context,
                request=Request.parse(event),
                response=response,
                log=log,
            )
            dispatcher = _Dispatcher(response, execution.run, self._clock)
            # crhelper never sees the response URL.
            dispatcher({**event, "ResponseURL": ""}, context)
        # What would end the process (SystemExit, MemoryError) fails the request like another.
        except BaseException as error:
            response.send_failure(_logged(log, error))


@dataclass(frozen=True)
class _Execution:
    """One request and what it is done with."""

    resource_types: Mapping[str, ResourceType]
    clients: Clients
    clock: Clock
    delay: ThrottleDelay
    stack_memory: StackMemory
    # With the response URL, which is a secret.
    event: Mapping[str, Any] = field(repr=False)
    context: LambdaContext
    request: Request
    response: Response
    log: RequestLog

    def run(self) -> Outcome:
        """Raises RequestFailed, with a message that is in the log already."""
        try:
            return self._perform()
        except Exception as error:
            raise RequestFailed(_logged(self.log, error)) from error

    def _perform(self) -> Outcome:
        resource_type = self.resource_types.get(self.request.resource_type)
        if resource_type is None:
            raise RequestFailed(
                f"this function does not know resource type {self.request.resource_type}: update "
                "the library, or correct the type"
            )
        left = self.context.get_remaining_time_in_millis() / 1000
        now, utc_now = self.clock.now(), self.clock.utc_now()
        continuation = Continuation.of(self.event, utc_now, left)
        if not continuation.is_first and continuation.until <= utc_now:
            raise RequestFailed(_TOO_LATE)
        invocation = self._invocation(continuation, now, utc_now, left)
        operation = {
            "Create": resource_type.create,
            "Update": resource_type.update,
            "Delete": resource_type.delete,
        }[self.request.request_type]
        try:
            return operation(invocation)
        except ContinueLater as error:
            self._invoke_again(error, continuation, invocation)
            # Never sent: the next invocation responds.
            return Outcome(self.request.physical_resource_id or "")

    def _invocation(
        self, continuation: Continuation, now: float, utc_now: datetime, left: float
    ) -> Invocation:
        end = now + left
        until = now + (continuation.until - utc_now).total_seconds()
        return Invocation(
            request=self.request,
            clients=self.clients,
            log=self.log,
            retry=Retry(end - min(_RESERVE, left / 8), self.clock, self.delay),
            last_retry=Retry(end - min(_LAST_RESERVE, left / 16), self.clock),
            set_physical_id=self._set_physical_id,
            backoff=lambda: Backoff(min(end - min(_BACKOFF_RESERVE, left / 4), until), self.clock),
            utc_now=self.clock.utc_now,
            stack_memory=self.stack_memory,
            remembered=continuation.remembered,
        )

    def _invoke_again(
        self, unfinished: ContinueLater, continuation: Continuation, invocation: Invocation
    ) -> None:
        """Raises RequestFailed when CloudFormation does not wait any longer."""
        if self.clock.utc_now() >= continuation.until:
            raise RequestFailed(str(unfinished)) from unfinished
        self.log.info("continue in another invocation", str(unfinished))
        payload = json.dumps(continuation.event(self.event, unfinished.remembered))
        client = self.clients("lambda", None)

        def invoke() -> None:
            call(
                invocation.retry,
                "lambda",
                client,
                "Invoke",
                "itself",
                FunctionName=self.context.invoked_function_arn,
                InvocationType="Event",
                Payload=payload,
            )

        try:
            self.response.hand_off(lambda: invocation.retry.call(invoke))
        except ProviderError as error:
            # The progress so far is in the log.
            raise RequestFailed(
                f"the function could not invoke itself to continue, delete again: {error}"
            ) from error

    def _set_physical_id(self, physical_resource_id: str) -> None:
        if self.request.request_type == "Create":
            self.response.physical_resource_id = physical_resource_id


def _logged(log: RequestLog, error: BaseException) -> str:
    """The message for an error, after logging it."""
    if isinstance(error, ProviderError):
        log.error("fail", str(error))
        return str(error)
    message = f"the function failed unexpectedly, see its log: {type(error).__name__}: {error}"
    log.error("fail", message, traceback="".join(traceback.format_exception(error)))
    return message
