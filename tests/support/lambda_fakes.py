"""What Lambda and CloudFormation give to the function, for tests without either."""

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
    """Lambda's context object; its time runs out after `seconds`."""

    seconds: float = 60.0
    log_group_name: str = "provider-logs"
    log_stream_name: str = "2026/11/22/[$LATEST]0a1b"
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:provider"
    started: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.seconds - (time.monotonic() - self.started)) * 1000))


def event(request_type: str = "Create", **changes: Any) -> dict[str, Any]:
    """A request as CloudFormation sends it; a change to None takes the key away."""
    made = {
        "RequestType": request_type,
        "ResponseURL": f"http://127.0.0.1:9/answer?{SECRET}",
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
    return {name: value for name, value in made.items() if value is not None}


@dataclass
class Mailbox:
    """Where CloudFormation waits for answers: a server on loopback that keeps what it got."""

    url: str
    bodies: list[bytes] = field(default_factory=list)
    # What the next requests are answered with; 200 when there is none left.
    statuses: list[int] = field(default_factory=list)
    # Connections to close without an answer, before `statuses` is looked at.
    drops: int = 0
    delay: float = 0.0

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    @property
    def answer(self) -> dict[str, Any]:
        """The only answer."""
        assert len(self.bodies) == 1, self.bodies
        return self.answers[0]


@contextmanager
def cloudformation(certificate: Certificate | None = None) -> Iterator[Mailbox]:
    """A server that takes the answers, by HTTPS if it is given a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if mailbox.drops:
                mailbox.drops -= 1
                self.close_connection = True
                return
            time.sleep(mailbox.delay)
            status = mailbox.statuses.pop(0) if mailbox.statuses else 200
            if status == 200:
                mailbox.bodies.append(body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate:
        scheme, server.socket = "https", tls(certificate).wrap_socket(server.socket, True)
    mailbox = Mailbox(f"{scheme}://127.0.0.1:{server.server_port}/answer?{SECRET}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield mailbox
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def tls(certificate: Certificate) -> ssl.SSLContext:
    """What a server with this certificate wraps its socket with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context
