"""Stand-ins for Lambda and CloudFormation, for tests without either."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from local_aws.certificate import Certificate

STACK_ID = "arn:aws:cloudformation:us-east-1:000000000000:stack/Mail/11111111-2222-3333-4444-5555"
ORGANIZATION_ID = "m-0123456789abcdef0123456789abcdef"
REGISTRATION = "Custom::WorkMailRegistration"
SECRET = "X-Amz-Signature=5ec2e7"


@dataclass
class Context:
    """Lambda's context object; its time ends after `seconds`."""

    seconds: float = 60.0
    log_group_name: str = "provider-logs"
    log_stream_name: str = "2026/11/22/[$LATEST]0a1b"
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:provider"
    started: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.seconds - (time.monotonic() - self.started)) * 1000))


def event(request_type: str = "Create", **changes: Any) -> dict[str, Any]:
    """A request as CloudFormation sends it; a change to None removes the key."""
    sent = {
        "RequestType": request_type,
        "ResponseURL": f"http://127.0.0.1:9/response?{SECRET}",
        "StackId": STACK_ID,
        "RequestId": "request-1",
        "ResourceType": REGISTRATION,
        "LogicalResourceId": "Alice",
        "ResourceProperties": {
            "ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:provider",
            "OrganizationId": ORGANIZATION_ID,
            "EntityId": "alice",
            "Email": "alice@example.com",
            "AdoptExisting": "true",
        },
        **changes,
    }
    return {name: value for name, value in sent.items() if value is not None}


@dataclass
class ResponseServer:
    """A server on loopback that receives the responses to CloudFormation and keeps them."""

    url: str
    bodies: list[bytes] = field(default_factory=list)
    # The HTTP status of the next requests; 200 when none is left.
    statuses: list[int] = field(default_factory=list)
    # The number of connections to close without a status, before `statuses` is used.
    drops: int = 0

    @property
    def responses(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    @property
    def response(self) -> dict[str, Any]:
        """The only response."""
        assert len(self.bodies) == 1, self.bodies
        return self.responses[0]


@contextmanager
def cloudformation(certificate: Certificate | None = None) -> Iterator[ResponseServer]:
    """Speaks HTTPS if it is given a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if received.drops:
                received.drops -= 1
                self.close_connection = True
                return
            status = received.statuses.pop(0) if received.statuses else 200
            # The URL is signed with its query and an empty content type.
            if (self.path, self.headers["Content-Type"]) != (f"/response?{SECRET}", ""):
                status = 403
            if status == 200:
                received.bodies.append(body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        scheme, server.socket = "https", context.wrap_socket(server.socket, True)
    received = ResponseServer(f"{scheme}://127.0.0.1:{server.server_port}/response?{SECRET}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
