"""The layer over crhelper: its dispatch and its decorators, without what is wrong with it.

crhelper keeps the flow of a request: it reads the event, calls the function that is decorated for
the request type, catches what that raises, and asks for the answer. What it would do beyond that
is replaced here: its clients and the root logger's level at construction, its log of whole events,
its sleep on Delete, its invented physical ids, its time-out and its sending.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import traceback
from collections.abc import Mapping
from typing import Any

from crhelper import FAILED, SUCCESS, CfnResource

from workmail_provider.answer import Answer, LambdaContext, Put
from workmail_provider.aws import call
from workmail_provider.continuation import Continuation
from workmail_provider.errors import Failure, ProviderError, Unfinished
from workmail_provider.invocation import (
    Clients,
    Invocation,
    Outcome,
    Request,
    ResourceType,
    identification,
)
from workmail_provider.journal import Journal
from workmail_provider.waiting import Clock, Pace, Patience, Pauses

_ANSWER_BEFORE_END = 0.5  # seconds
# Kept for undoing a failed Update, and for answering, in seconds: of a short time an eighth.
_RESERVE = 15.0
_LAST_RESERVE = 2.0
# Kept for what comes after a long wait: of a short time a quarter. With more, a chain of
# invocations would be longer than Lambda lets a function call itself.
_PAUSES_RESERVE = 180.0

_TOO_LATE = (
    "CloudFormation's hour was over before this could go on, so nothing was changed: try again"
)
_OUT_OF_TIME = "the function's time ran out: deploy again, or give it a longer timeout"

# crhelper logs whole events, and in them the response URL, to loggers below this one.
_CRHELPER_LOGGER = logging.getLogger("crhelper")
_CRHELPER_LOGGER.propagate = False
_CRHELPER_LOGGER.addHandler(logging.NullHandler())


class CustomResource(CfnResource):
    """Answers each request of the custom resource types it is made with, exactly once."""

    def __init__(
        self,
        resource_types: Mapping[str, ResourceType],
        clients: Clients,
        clock: Clock | None = None,
        put: Put | None = None,
    ) -> None:
        # Not super().__init__(): it makes three clients that only polling needs and sets the root
        # logger's level. These are the attributes that crhelper's methods read.
        self.Status = SUCCESS
        self.Reason = ""
        self.PhysicalResourceId = ""
        self.StackId = ""
        self.RequestId = ""
        self.LogicalResourceId = ""
        self.Data = {}
        self.NoEcho = False
        self._timer: threading.Timer | None = None
        self._init_failed = None
        self._sam_local = None
        self._poll_create_func = None
        self._poll_update_func = None
        self._poll_delete_func = None
        for decorate in (self.create, self.update, self.delete):
            decorate(self._perform)

        self._resource_types = resource_types
        self._clients = clients
        self._clock = clock or Clock()
        self._pace = Pace()
        self._put = put

    def __call__(self, event: Mapping[str, Any], context: LambdaContext) -> None:
        """Does what the event asks for and answers CloudFormation, whatever happens."""
        self._answer = Answer(event, context, self._clock.sleep, self._put)
        self._lambda_context = context
        self._journal = Journal(identification(event))
        self._whole_event = event
        try:
            self._request = Request.parse(event)
            # crhelper never sees the response URL.
            super().__call__({**event, "ResponseURL": ""}, context)
        # What would end the process (SystemExit, MemoryError) fails the request like another.
        except BaseException as error:
            self._answer.fail(self._told(error))

    def _perform(self, event: Mapping[str, Any], context: LambdaContext) -> str:
        try:
            outcome = self._dispatch()
        except Exception as error:
            raise Failure(self._told(error)) from error
        self.Data = dict(outcome.data)
        return outcome.physical_resource_id

    def _dispatch(self) -> Outcome:
        request = self._request
        resource_type = self._resource_types.get(request.resource_type)
        if resource_type is None:
            raise Failure(
                f"resource type {request.resource_type} is not known here: deploy the function "
                "that knows it, or correct the type"
            )
        left = self._seconds_left()
        now, utc_now = self._clock.now(), self._clock.utc_now()
        end = now + left
        continuation = Continuation.of(self._whole_event, utc_now, left)
        if not continuation.is_first and continuation.until <= utc_now:
            raise Failure(_TOO_LATE)
        until = now + (continuation.until - utc_now).total_seconds()
        invocation = Invocation(
            request=request,
            clients=self._clients,
            journal=self._journal,
            patience=Patience(end - min(_RESERVE, left / 8), self._clock, self._pace),
            last_patience=Patience(end - min(_LAST_RESERVE, left / 16), self._clock),
            claim=self._claim,
            pauses=lambda: Pauses(min(end - min(_PAUSES_RESERVE, left / 4), until), self._clock),
            utc_now=self._clock.utc_now,
            remembered=continuation.remembered,
        )
        operation = {
            "Create": resource_type.create,
            "Update": resource_type.update,
            "Delete": resource_type.delete,
        }[request.request_type]
        try:
            return operation(invocation)
        except Unfinished as unfinished:
            self._go_on(unfinished, continuation, invocation)
            # Never sent: the next invocation answers.
            return Outcome(request.physical_resource_id or "")

    def _go_on(
        self, unfinished: Unfinished, continuation: Continuation, invocation: Invocation
    ) -> None:
        """Calls the next invocation, or raises Failure when CloudFormation waits no longer."""
        if self._clock.utc_now() >= continuation.until:
            raise Failure(str(unfinished)) from unfinished
        self._journal.decision("go on in another invocation", str(unfinished))
        payload = json.dumps(continuation.event(self._whole_event, unfinished.remembered))
        arn = self._lambda_context.invoked_function_arn
        client = self._clients("lambda", None)

        def invoke() -> None:
            call(
                "lambda",
                "InvokeFunction",
                client.invoke,
                "itself",
                FunctionName=arn,
                InvocationType="Event",
                Payload=payload,
            )

        try:
            self._answer.leave_to_another(lambda: invocation.last_patience.persist(invoke))
        except ProviderError as error:
            # How far it was is in the log.
            raise Failure(
                f"the function could not go on by itself, delete again: {error}"
            ) from error

    def _claim(self, physical_resource_id: str) -> None:
        if self._request.request_type == "Create":
            self._answer.physical_resource_id = physical_resource_id

    def _poll_enabled(self) -> bool:
        return False

    def _wait_for_cwlogs(self, sleep: Any = time.sleep) -> None:
        """Nothing sleeps for the log's sake."""

    def _log_setup(self, event: Any, context: Any) -> None:
        """The root logger and the loggers of boto3 stay as they are."""

    def _set_timeout(self) -> None:
        self._timer = threading.Timer(self._seconds_left() - _ANSWER_BEFORE_END, self._timeout)
        self._timer.daemon = True
        self._timer.start()

    def _timeout(self) -> None:
        self._send(FAILED, self._told(Failure(_OUT_OF_TIME)))

    def _cfn_response(self, event: Mapping[str, Any]) -> None:
        self._send()

    def _send(self, status: str | None = None, reason: str = "", *_: Any) -> None:
        if status == FAILED or self.Status == FAILED:
            self._answer.fail(reason or self.Reason)
        else:
            self._answer.succeed(self.PhysicalResourceId, self.Data)

    def _told(self, error: BaseException) -> str:
        """The sentence for an error, after logging it."""
        if isinstance(error, ProviderError):
            self._journal.trouble("fail", str(error))
            return str(error)
        sentence = (
            "the function failed unexpectedly, its log tells where: "
            f"{type(error).__name__}: {error}"
        )
        told = "".join(traceback.format_exception(error))
        self._journal.trouble("fail", sentence, traceback=told)
        return sentence

    def _seconds_left(self) -> float:
        return self._lambda_context.get_remaining_time_in_millis() / 1000
