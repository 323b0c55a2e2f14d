"""The embedded AWS: MiniStack and the local WorkMail, started and stopped together."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import botocore.session
from botocore.config import Config

from .bootstrap import bootstrap
from .certificate import create_certificate
from .export_bucket import ExportBucket
from .iam import ADMINISTRATOR_ACCESS_KEY, RoleAuthorizer
from .ministack import MiniStack, remove_folder
from .workmail import Behaviour, WorkMail, WorkMailServer

ACCOUNT_ID = "000000000000"

_ADMINISTRATOR = {
    "aws_access_key_id": ADMINISTRATOR_ACCESS_KEY,
    "aws_secret_access_key": "test",
}


class LocalAws:
    """An AWS account on this machine, for as long as the `with` block lasts.

    `workmail` exists from the beginning, for a test to add organizations; everything else starts
    with `start()`, which `with` calls. `enforce_iam` denies what policies do not allow, in
    MiniStack and in WorkMail; without it everything is allowed. Several can run at the same time.
    After `close()`, or an interrupted start, no process, thread, port or folder remains.
    """

    def __init__(
        self,
        *,
        region: str = "us-east-1",
        enforce_iam: bool = False,
        behaviour: Behaviour | None = None,
    ) -> None:
        self.region = region
        self.workmail = WorkMail(
            behaviour=behaviour,
            region=region,
            account_id=ACCOUNT_ID,
            destination=ExportBucket(self.client, self._new_client, enforce_iam=enforce_iam).open,
        )
        self._enforce_iam = enforce_iam
        self._clients: dict[tuple[str, str], Any] = {}
        self._creating_client = threading.Lock()
        self._running = ExitStack()

    def start(self) -> None:
        """Start both and wait until they respond. Raises MiniStackError if they do not."""
        with ExitStack() as running:
            folder = Path(tempfile.mkdtemp(prefix="local-aws-"))
            running.callback(remove_folder, folder)
            self._certificate = create_certificate(folder)
            self._server = running.enter_context(WorkMailServer(self.workmail))
            self._ministack = MiniStack(
                folder,
                self._certificate,
                region=self.region,
                enforce_iam=self._enforce_iam,
                function_environment=self._function_environment(),
            )
            running.callback(self._ministack.stop)
            # Before the stop: MiniStack waits for clients that hold a connection.
            running.callback(self._close_clients)
            if self._enforce_iam:
                self.workmail.authorize = RoleAuthorizer(self.client)
            self._ministack.start()
            self._running = running.pop_all()

    def close(self) -> None:
        """Stop and remove everything; closing twice does nothing more."""
        self._running.close()

    def bootstrap(self) -> None:
        """Bootstrap the account's Region for the CDK. Raises BootstrapError without the CLI."""
        bootstrap(self.client("cloudformation"))

    @property
    def endpoint_url(self) -> str:
        """The endpoint of all services except WorkMail."""
        return self._ministack.endpoint_url

    @property
    def workmail_endpoint_url(self) -> str:
        return self._server.endpoint_url

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which the CDK CLI, the AWS CLI and boto3 use the embedded AWS."""
        authority = str(self._certificate.authority)
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "AWS_ENDPOINT_URL_WORKMAIL": self.workmail_endpoint_url,
            "AWS_ACCESS_KEY_ID": ADMINISTRATOR_ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_CA_BUNDLE": authority,
            "NODE_EXTRA_CA_CERTS": authority,
            "NO_PROXY": ",".join(("127.0.0.1", "localhost", *_inherited("NO_PROXY"))),
        }

    @property
    def process_environment(self) -> dict[str, str]:
        """The environment of a subprocess: the inherited one, with these AWS_ variables alone."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return {**inherited, **self.environment}

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client of the embedded AWS; each is created once and closed by `close()`."""
        key = (service, region or self.region)
        with self._creating_client:  # the local WorkMail uses clients in threads
            if key not in self._clients:
                self._clients[key] = self._new_client(*key)
            return self._clients[key]

    def _new_client(
        self, service: str, region: str, credentials: Mapping[str, str] = _ADMINISTRATOR
    ) -> Any:
        is_workmail = service == "workmail"
        return boto3.Session(botocore_session=_session_without_profile()).client(
            service,  # type: ignore[call-overload]  # its names are literals there
            region_name=region,
            endpoint_url=self.workmail_endpoint_url if is_workmail else self.endpoint_url,
            verify=str(self._certificate.authority),
            **credentials,
            config=Config(
                retries={"total_max_attempts": 2, "mode": "standard"},
                connect_timeout=5,
                read_timeout=60,
                proxies={},
                s3={"addressing_style": "path"},
            ),
        )

    def _close_clients(self) -> None:
        while self._clients:
            self._clients.popitem()[1].close()

    def _function_environment(self) -> dict[str, str]:
        authority = str(self._certificate.authority)
        return {
            "AWS_ENDPOINT_URL_WORKMAIL": self.workmail_endpoint_url,
            "AWS_CA_BUNDLE": authority,
            "SSL_CERT_FILE": authority,
            "NODE_EXTRA_CA_CERTS": authority,
            "REQUESTS_CA_BUNDLE": authority,
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _inherited(variable: str) -> list[str]:
    return [os.environ[variable]] if variable in os.environ else []


def _session_without_profile() -> botocore.session.Session:
    """A session without personal profiles and configuration files."""
    nothing: dict[str, Any] = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    return botocore.session.Session(session_vars=nothing)
