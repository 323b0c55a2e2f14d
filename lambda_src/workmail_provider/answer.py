"""The one answer that CloudFormation gets to each request.

Standard library only: it must work when nothing else of the function could be imported.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any, Protocol

from workmail_provider.connection import ResponseConnection
from workmail_provider.journal import Journal

# What a Create answers with that failed before it asked for anything: a later Delete knows that
# there is nothing to undo.
NEVER_CREATED = "never-created"

_LONGEST_BODY = 4096  # bytes
_LONGEST_SENTENCE = 240  # characters
_PUT_TIMEOUT = 10.0  # seconds
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_CLIENT_ERROR = 400
_SERVER_ERROR = 500

_CONNECTION = ResponseConnection()


class LambdaContext(Protocol):
    """The part of Lambda's context object that is used."""

    log_group_name: str
    log_stream_name: str
    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int: ...


# Sends a body to a URL within a number of seconds and returns the HTTP status.
Put = Callable[[str, bytes, float], int]


class Answer:
    """Sends one answer, whoever asks first; a second one is not sent.

    Holds the response URL, which is a secret, and shows it to nobody.
    """

    def __init__(
        self,
        event: Mapping[str, Any],
        context: LambdaContext,
        sleep: Callable[[float], None] = time.sleep,
        put: Put | None = None,
    ) -> None:
        self._response_url = str(event.get("ResponseURL", ""))
        self._request = {
            name: str(event.get(name, "")) for name in ("StackId", "RequestId", "LogicalResourceId")
        }
        self._context = context
        self._sleep = sleep
        self._put = put or _CONNECTION.put
        # Held while sending: the function must not be frozen before the answer has gone out.
        self._lock = threading.Lock()
        self._sent = False
        # What a failed Update or Delete answers with is the event's own id, always.
        self.physical_resource_id = str(event.get("PhysicalResourceId") or NEVER_CREATED)

    def succeed(self, physical_resource_id: str, data: Mapping[str, str]) -> None:
        """Answers SUCCESS, or FAILED when the data would make it too long for CloudFormation."""
        physical_resource_id = physical_resource_id or self.physical_resource_id
        body = self._body("SUCCESS", "", physical_resource_id, data)
        if len(body) > _LONGEST_BODY:
            self.fail(f"the answer has {len(body)} bytes, CloudFormation takes {_LONGEST_BODY}")
            return
        self._send_once(body)

    def fail(self, sentence: str) -> None:
        """Answers FAILED; the log's place is added to the sentence."""
        self._send_once(self._failure(sentence))

    def leave_to_another(self, invoke: Callable[[], None]) -> None:
        """Has another invocation answer, which `invoke` calls; if that raises, this one has to."""
        with self._lock:
            if not self._sent:
                invoke()
                self._sent = True

    def _failure(self, sentence: str) -> bytes:
        log = (
            f" [log group {getattr(self._context, 'log_group_name', '')}, "
            f"log stream {getattr(self._context, 'log_stream_name', '')}]"
        )
        sentence = " ".join(sentence.split()) or "the request failed without a message: see the log"
        longest = _LONGEST_SENTENCE
        while True:
            reason = shortened(sentence, longest) + log
            body = self._body("FAILED", reason, self.physical_resource_id, {})
            if len(body) <= _LONGEST_BODY or longest <= 0:
                return body
            # A character outside ASCII takes up to twelve bytes.
            longest -= max(1, (len(body) - _LONGEST_BODY) // 12)

    def _body(self, status: str, reason: str, physical_id: str, data: Mapping[str, str]) -> bytes:
        return json.dumps(
            {
                "Status": status,
                "Reason": reason,
                "PhysicalResourceId": physical_id,
                **self._request,
                "NoEcho": False,
                "Data": data,
            }
        ).encode()

    def _send_once(self, body: bytes) -> None:
        with self._lock:
            if self._sent:
                return
            self._sent = True
            self._send(body)

    def _send(self, body: bytes) -> None:
        journal = Journal(self._request)
        pause = _FIRST_PAUSE
        while True:
            left = self._context.get_remaining_time_in_millis() / 1000
            try:
                status = self._put(self._response_url, body, min(_PUT_TIMEOUT, max(left, 0.1)))
            # The message of such an error can quote the response URL; its type cannot.
            except (OSError, HTTPException, ValueError) as error:
                trouble = type(error).__name__
            else:
                if status < _CLIENT_ERROR:
                    return
                trouble = f"HTTP {status}"
                if status < _SERVER_ERROR:
                    journal.trouble("give up answering", f"CloudFormation refused it: {trouble}")
                    return
            left = self._context.get_remaining_time_in_millis() / 1000
            if left <= pause:
                journal.trouble("give up answering", f"no time is left after {trouble}")
                return
            journal.trouble("answer again", trouble)
            self._sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def shortened(sentence: str, longest: int) -> str:
    """The sentence, cut at its end to at most so many characters."""
    if len(sentence) <= longest:
        return sentence
    return sentence[: max(0, longest - 3)].rstrip() + "..."
