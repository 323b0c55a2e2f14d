"""A local WorkMail behind HTTP with one organization, and a real boto3 client for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local_aws.workmail import Organization, WorkMail, WorkMailServer
from local_aws.workmail.wire import operation_model

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient


class Clock:
    """A time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def boto3_client(endpoint_url: str, **configuration: Any) -> WorkMailClient:
    options = {"retries": {"total_max_attempts": 1}, **configuration}
    return boto3.client(
        "workmail",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(**options),
    )


def error_of(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def code_of(call: Callable[..., Any], **parameters: Any) -> str:
    return error_of(call, **parameters)[0]


def register(client: WorkMailClient, org: str, entity: str, email: str | None = None) -> None:
    client.register_to_work_mail(
        OrganizationId=org, EntityId=entity, Email=email or f"{entity}@example.com"
    )


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[WorkMail, WorkMailServer, Clock, WorkMailClient]]:
    clock = Clock()
    workmail = WorkMail(clock=clock)
    with WorkMailServer(workmail) as server:
        client = boto3_client(server.endpoint_url)
        yield workmail, server, clock, client
        client.close()


@pytest.fixture
def workmail(served: tuple[WorkMail, WorkMailServer, Clock, WorkMailClient]) -> WorkMail:
    served[0].reset()
    return served[0]


@pytest.fixture
def server(served: tuple[WorkMail, WorkMailServer, Clock, WorkMailClient]) -> WorkMailServer:
    return served[1]


@pytest.fixture
def clock(served: tuple[WorkMail, WorkMailServer, Clock, WorkMailClient]) -> Clock:
    return served[2]


@pytest.fixture
def client(served: tuple[WorkMail, WorkMailServer, Clock, WorkMailClient]) -> WorkMailClient:
    return served[3]


@pytest.fixture
def organization(workmail: WorkMail) -> Organization:
    """The users alice and bob, the group team and the room board-room, all disabled."""
    organization = workmail.add_organization("acme", domain="example.com")
    organization.add_user("alice")
    organization.add_user("bob")
    organization.add_group("team")
    organization.add_resource("board-room")
    return organization


@pytest.fixture
def org(organization: Organization) -> str:
    return organization.organization_id


@pytest.fixture
def only_documented_errors(workmail: WorkMail) -> Iterator[None]:
    """Fails a test in which an operation answers an error that the model does not list for it."""
    yield
    for call in workmail.calls:
        documented = {shape.name for shape in operation_model(call.operation).error_shapes}
        assert call.error_code is None or call.error_code in documented, call
