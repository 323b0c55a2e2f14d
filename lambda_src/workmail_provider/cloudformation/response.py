"""The one response to each request of CloudFormation.

Only the standard library is imported: it works when the rest of the function cannot be imported.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Protocol
from urllib.parse import urlsplit

from workmail_provider.log import RequestLog

# The physical id of a Create that failed before it changed anything: a later Delete of it has
# nothing to undo.
NEVER_CREATED = "never-created"

_LONGEST_BODY = 4096  # bytes
_LONGEST_MESSAGE = 240  # characters
_PUT_TIMEOUT = 10.0  # seconds
_FIRST_BACKOFF = 0.2
_LONGEST_BACKOFF = 5.0
_CLIENT_ERROR = 400
_SERVER_ERROR = 500


class LambdaContext(Protocol):
    """The part of Lambda's context object that is used."""

    log_group_name: str
    log_stream_name: str
    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int: ...


# Sends a body to a URL within a number of seconds and returns the HTTP status.
Put = Callable[[str, bytes, float], int]


def put(url: str, body: bytes, timeout: float) -> int:
    """Raises OSError, HTTPException or ValueError."""
    parts = urlsplit(url)
    connection = (
        HTTPSConnection(parts.netloc, timeout=timeout, context=tls_context())
        if parts.scheme == "https"
        else HTTPConnection(parts.netloc, timeout=timeout)
    )
    try:
        # The URL is signed for an empty content type.
        connection.request("PUT", f"{parts.path}?{parts.query}", body, {"Content-Type": ""})
        return connection.getresponse().status
    finally:
        connection.close()


# Reading the certificates of the authorities takes longer than the rest of a request.
tls_context = cache(ssl.create_default_context)


class Response:
    """Sends one response to one request; a second one is not sent.

    Holds the response URL, which is a secret and appears nowhere else.
    """

    def __init__(
        self,
        event: Mapping[str, Any],
        context: LambdaContext,
        sleep: Callable[[float], None] = time.sleep,
        put: Put = put,
    ) -> None:
        self._response_url = str(event.get("ResponseURL", ""))
        self._request = {
            name: str(event.get(name, "")) for name in ("StackId", "RequestId", "LogicalResourceId")
        }
        self._context = context
        self._sleep = sleep
        self._put = put
        # Held while sending: Lambda must not freeze the function before the response is sent.
        self._lock = threading.Lock()
        self._sent = False
        # A failed Update or Delete responds with the event's own id, always.
        self.physical_resource_id = str(event.get("PhysicalResourceId") or NEVER_CREATED)

    def send_success(self, physical_resource_id: str, data: Mapping[str, str]) -> None:
        """Sends SUCCESS, or FAILED when the data is too long for CloudFormation."""
        physical_resource_id = physical_resource_id or self.physical_resource_id
        body = self._body("SUCCESS", "", physical_resource_id, data)
        if len(body) > _LONGEST_BODY:
            self.send_failure(
                f"the response has {len(body)} bytes, CloudFormation accepts {_LONGEST_BODY}: "
                "declare fewer or shorter values"
            )
            return
        self._send_once(body)

    def send_failure(self, message: str) -> None:
        """Sends FAILED with the message and the place of the log."""
        self._send_once(self._failure(message))

    def hand_off(self, invoke: Callable[[], None]) -> None:
        """Leaves the response to the invocation that `invoke` starts, unless that raises."""
        with self._lock:
            if not self._sent:
                invoke()
                self._sent = True

    @property
    def seconds_left(self) -> float:
        """Until the function's time ends."""
        return self._context.get_remaining_time_in_millis() / 1000

    def _failure(self, message: str) -> bytes:
        log = (
            f" [log group {getattr(self._context, 'log_group_name', '')}, "
            f"log stream {getattr(self._context, 'log_stream_name', '')}]"
        )
        message = " ".join(message.split()) or "the request failed without a message: see the log"
        longest = _LONGEST_MESSAGE
        while True:
            body = self._body(
                "FAILED", shortened(message, longest) + log, self.physical_resource_id, {}
            )
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
        log = RequestLog(self._request)
        backoff = _FIRST_BACKOFF
        while True:
            try:
                timeout = max(0.1, min(_PUT_TIMEOUT, self.seconds_left))
                status = self._put(self._response_url, body, timeout)
            # The message of such an error can quote the response URL; its type cannot.
            except (OSError, HTTPException, ValueError) as error:
                failure = type(error).__name__
            else:
                if status < _CLIENT_ERROR:
                    return
                failure = f"HTTP {status}"
                if status < _SERVER_ERROR:
                    log.error("give up", f"CloudFormation refused the response: {failure}")
                    return
            if self.seconds_left <= backoff:
                log.error("give up", f"no time is left to send the response again: {failure}")
                return
            log.error("send again", failure)
            self._sleep(backoff)
            backoff = min(backoff * 2, _LONGEST_BACKOFF)


def shortened(message: str, longest: int) -> str:
    """The message, cut at its end to at most so many characters."""
    if len(message) <= longest:
        return message
    return message[: max(0, longest - 3)].rstrip() + "..."
