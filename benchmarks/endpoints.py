"""The servers that a function calls: WorkMail, those of its stack, and the response URL."""

from __future__ import annotations

import json
import os
import ssl
import sysconfig
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore

from benchmarks.installed import NODE_MODULES
from local_aws.certificate import Certificate, create_certificate
from local_aws.workmail import WorkMail, WorkMailServer

KINDS = ("Create", "Update", "Delete")
_STACK_ID = "arn:aws:cloudformation:us-east-1:000000000000:stack/Mail/1111-2222"
_DESCRIBED_STACK = f"""<DescribeStacksResponse><DescribeStacksResult><Stacks><member>
<StackId>{_STACK_ID}</StackId><StackName>Mail</StackName>
<CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>DELETE_IN_PROGRESS</StackStatus>
</member></Stacks></DescribeStacksResult></DescribeStacksResponse>""".encode()


class Endpoints:
    """Servers on loopback, and the environment variables that lead a process to them."""

    def __init__(self, workmail: WorkMail, variables: dict[str, str]) -> None:
        self.workmail = workmail
        self._variables = variables

    def environment(self, asset: Path) -> dict[str, str]:
        """The asset, the installed packages and the servers, nothing of the caller's."""
        return {
            **self._variables,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join((str(asset), sysconfig.get_path("purelib"))),
            "PYTHONHASHSEED": "0",
            "NODE_PATH": str(NODE_MODULES),
            "NODE_NO_WARNINGS": "1",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
        }

    def events(self, users: int) -> list[dict[str, Any]]:
        """A Create, an Update and a Delete for each user of a new organization."""
        organization = self.workmail.add_organization(
            f"o{uuid.uuid4().hex[:12]}", domain="example.com"
        )
        ids = [organization.add_user(f"user{index}").entity_id for index in range(users)]
        return [
            self._event(kind, index, organization.organization_id, entity_id)
            for index, entity_id in enumerate(ids)
            for kind in KINDS
        ]

    def _event(self, kind: str, index: int, organization_id: str, entity_id: str) -> dict[str, Any]:
        identity = {"OrganizationId": organization_id, "EntityId": entity_id}
        prefix = "new" if kind == "Update" else "mail"
        address = {"Email": f"{prefix}{index}@example.com"}
        physical_id = f"{organization_id}/{entity_id}"
        return {
            "RequestType": kind,
            "ResponseURL": f"{self._variables['RESPONSES']}/response?signature=1",
            "StackId": _STACK_ID,
            "RequestId": f"{kind}-{index}",
            "ResourceType": "Custom::WorkMailRegistration",
            "LogicalResourceId": f"User{index}",
            "ResourceProperties": {
                "ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:benchmark",
                **identity,
                **address,
                # The properties of AwsCustomResource.
                "Create": _sdk_call("registerToWorkMail", identity | address, physical_id),
                "Update": _sdk_call("updatePrimaryEmailAddress", identity | address, physical_id),
                "Delete": _sdk_call("deregisterFromWorkMail", identity, physical_id),
                "InstallLatestAwsSdk": "false",
            },
            **({} if kind == "Create" else {"PhysicalResourceId": physical_id}),
        }


@contextmanager
def endpoints(folder: Path) -> Iterator[Endpoints]:
    """Starts the servers; all are stopped at the end."""
    certificate = create_certificate(folder)
    authorities = folder / "authorities.pem"
    # As many as a system trusts, because reading them is a part of each cold start.
    known = (Path(botocore.__file__).parent / "cacert.pem").read_text()
    authorities.write_text(known + certificate.authority.read_text())
    workmail = WorkMail()
    with ExitStack() as running:
        server = running.enter_context(WorkMailServer(workmail))
        stacks = running.enter_context(_server())
        yield Endpoints(
            workmail,
            {
                "RESPONSES": running.enter_context(_server(certificate)),
                "AWS_ENDPOINT_URL_CLOUDFORMATION": stacks,
                "AWS_ENDPOINT_URL_SSM": stacks,
                "AWS_ENDPOINT_URL_WORKMAIL": server.endpoint_url,
                "SSL_CERT_FILE": str(authorities),
                "NODE_EXTRA_CA_CERTS": str(certificate.authority),
            },
        )


class _Handler(BaseHTTPRequestHandler):
    """What a function calls beside WorkMail: S3, CloudFormation and Systems Manager."""

    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_PUT(self) -> None:
        self._send(b"")

    def do_POST(self) -> None:
        # Systems Manager's protocol names the operation in a header; no stack announces itself.
        self._send(b'{"Parameters": []}' if "X-Amz-Target" in self.headers else _DESCRIBED_STACK)

    def _send(self, body: bytes) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Standard error is the caller's."""


@contextmanager
def _server(certificate: Certificate | None = None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _sdk_call(action: str, parameters: dict[str, str], physical_id: str) -> str:
    return json.dumps(
        {
            "service": "WorkMail",
            "action": action,
            "parameters": parameters,
            "physicalResourceId": {"id": physical_id},
        }
    )
