"""The local WorkMail on a port of the loopback interface, in the protocol that boto3 speaks."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import uuid
from contextlib import suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from .exceptions import NoResponse, WorkMailError
from .service import WorkMail
from .wire import TARGET_PREFIX

CONTENT_TYPE = "application/x-amz-json-1.1"
_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[^/]+)/workmail/")


class WorkMailServer:
    """Serves a WorkMail on 127.0.0.1, on a free port, until it is closed."""

    def __init__(self, workmail: WorkMail) -> None:
        self._http = _HttpServer(workmail)
        self._thread = threading.Thread(
            target=self._http.serve_forever,
            kwargs={"poll_interval": 0.02},
            name="local-workmail",
            daemon=True,
        )
        self._thread.start()

    @property
    def endpoint_url(self) -> str:
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}"

    def close(self) -> None:
        """Cut every connection, also those that stall, and end every thread."""
        self._http.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.cut_connections()
        self._http.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, workmail: WorkMail) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.workmail = workmail
        self.closing = threading.Event()
        self._connections: dict[threading.Thread, socket.socket] = {}

    def process_request(self, request: Any, client_address: Any) -> None:
        # The base class does not join daemon threads; close() does.
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        self._connections[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.pop(threading.current_thread(), None)

    def cut_connections(self) -> None:
        for thread, connection in list(self._connections.items()):
            with suppress(OSError):  # closed by the client already
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that hangs up, as after its timeout, is no error.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in one packet: in two, Nagle's algorithm and the delayed
    # acknowledgement of the other side cost 40 ms for each call.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _HttpServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            response, status = self._perform(body), 200
        except WorkMailError as error:
            response, status = {"__type": error.code, "Message": error.message}, error.status
        except NoResponse as silence:
            self.server.closing.wait(silence.seconds)
            self.close_connection = True
            return
        if self.server.workmail.faults.latency:
            self.server.closing.wait(self.server.workmail.faults.latency)
        self._send(response, status)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: `WorkMail.calls` is the record."""

    def _perform(self, body: bytes) -> dict[str, Any]:
        prefix, _, operation = self.headers.get("X-Amz-Target", "").partition(".")
        if prefix != TARGET_PREFIX:
            raise WorkMailError("UnknownOperationException", "The target is not WorkMail.")
        try:
            parameters = json.loads(body or b"{}")
        except ValueError as error:
            raise WorkMailError("SerializationException", "The body is not JSON.") from error
        if not isinstance(parameters, dict):
            raise WorkMailError("SerializationException", "The body is not a JSON object.")
        signed = _CREDENTIAL.search(self.headers.get("Authorization", ""))
        access_key, region = (signed["key"], signed["region"]) if signed else (None, None)
        return self.server.workmail.perform(operation, parameters, access_key, region)

    def _send(self, response: dict[str, Any], status: int) -> None:
        body = json.dumps(response, default=datetime.timestamp).encode()
        self.send_response(status)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        if "__type" in response:
            self.send_header("x-amzn-ErrorType", response["__type"])
        self.end_headers()
        self.wfile.write(body)
