"""What a process of the function meets: WorkMail, CloudFormation, and where answers go to."""

from __future__ import annotations

import json
import os
import ssl
import sys
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
from local_aws.workmail import Organization, WorkMail, WorkMailServer

_STACK_ID = "arn:aws:cloudformation:us-east-1:000000000000:stack/Mail/1111-2222"
_DESCRIBED_STACK = f"""<DescribeStacksResponse><DescribeStacksResult><Stacks><member>
<StackId>{_STACK_ID}</StackId><StackName>Mail</StackName>
<CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>DELETE_IN_PROGRESS</StackStatus>
</member></Stacks></DescribeStacksResult></DescribeStacksResponse>""".encode()


class Surroundings:
    """Servers on loopback, and the environment that leads a process to them."""

    def __init__(self, folder: Path, endpoints: dict[str, str], workmail: WorkMail) -> None:
        self.folder = folder
        self.workmail = workmail
        self._endpoints = endpoints

    def environment(self, asset: Path | None = None) -> dict[str, str]:
        """With what is installed and the asset, and nothing of what else is around."""
        packages = sysconfig.get_path("purelib")
        return {
            **self._endpoints,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([*([str(asset)] if asset else []), packages]),
            "PYTHONHASHSEED": "0",
            "NODE_PATH": str(NODE_MODULES),
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
        }

    def events(self, kinds: tuple[str, ...], users: int) -> list[dict[str, Any]]:
        """Requests of these kinds for each of so many users of a new organization."""
        organization = self.workmail.add_organization(
            f"o{uuid.uuid4().hex[:12]}", domain="example.com"
        )
        for index in range(users):
            organization.add_user(f"user{index}")
        return [self._event(kind, organization, index) for index in range(users) for kind in kinds]

    def _event(self, kind: str, organization: Organization, index: int) -> dict[str, Any]:
        (user,) = organization.known({f"user{index}"})
        identity = {"OrganizationId": organization.organization_id, "EntityId": user.entity_id}
        prefix = "new" if kind == "Update" else "mail"
        address = {"Email": f"{prefix}{index}@example.com"}
        physical_id = {"id": f"{organization.organization_id}/{user.entity_id}"}
        event: dict[str, Any] = {
            "RequestType": kind,
            "ResponseURL": f"{self._endpoints['ANSWERS']}/answer?signature=1",
            "StackId": _STACK_ID,
            "RequestId": f"{kind}-{index}",
            "ResourceType": "Custom::WorkMailRegistration",
            "LogicalResourceId": f"User{index}",
            "ResourceProperties": {
                "ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:benchmark",
                **identity,
                **address,
                # How AwsCustomResource has it.
                "Create": _sdk_call("registerToWorkMail", identity | address, physical_id),
                "Update": _sdk_call("updatePrimaryEmailAddress", identity | address, physical_id),
                "Delete": _sdk_call("deregisterFromWorkMail", identity),
                "InstallLatestAwsSdk": "false",
            },
        }
        if kind != "Create":
            event["PhysicalResourceId"] = physical_id["id"]
        return event


@contextmanager
def surroundings(folder: Path) -> Iterator[Surroundings]:
    """Starts them; all are gone at the end."""
    certificate = create_certificate(folder)
    authorities = folder / "authorities.pem"
    # As many as a system trusts, because reading them is a part of each cold start.
    known = (Path(botocore.__file__).parent / "cacert.pem").read_text()
    authorities.write_text(known + certificate.authority.read_text())
    workmail = WorkMail()
    with ExitStack() as running:
        endpoints = {
            "ANSWERS": running.enter_context(_server(_Answers, certificate)),
            "AWS_ENDPOINT_URL_CLOUDFORMATION": running.enter_context(_server(_CloudFormation)),
            "AWS_ENDPOINT_URL_WORKMAIL": running.enter_context(
                WorkMailServer(workmail)
            ).endpoint_url,
            "SSL_CERT_FILE": str(authorities),
            "NODE_EXTRA_CA_CERTS": str(certificate.authority),
        }
        yield Surroundings(folder, endpoints, workmail)


class _Quiet(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Standard error belongs to the caller."""

    def _answer(self, body: bytes = b"") -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Answers(_Quiet):
    # As the servers of S3, which takes the answers.
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_PUT(self) -> None:
        self._answer()


class _CloudFormation(_Quiet):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        self._answer(_DESCRIBED_STACK)


@contextmanager
def _server(handler: type[_Quiet], certificate: Certificate | None = None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    scheme = "http"
    if certificate:
        scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"{scheme}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _sdk_call(
    action: str, parameters: dict[str, str], physical_id: dict[str, str] | None = None
) -> str:
    call: dict[str, Any] = {"service": "WorkMail", "action": action, "parameters": parameters}
    if physical_id:
        call["physicalResourceId"] = physical_id
    return json.dumps(call)


def python_command() -> list[str]:
    """Python as Lambda has it: no site's start-up files, and an asset without byte code."""
    return [sys.executable, "-S", "-B", "-P"]
