"""A local WorkMail with one organization, called directly, and behind HTTP for a real boto3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from local_aws.workmail import Organization, WorkMail, WorkMailError, WorkMailServer
from local_aws.workmail.wire import operation_model

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient


class Clock:
    """A time that a test advances."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Api:
    """Calls about one organization, without HTTP."""

    def __init__(self, workmail: WorkMail, organization_id: str) -> None:
        self.workmail = workmail
        self.organization_id = organization_id

    def __call__(self, operation: str, **parameters: Any) -> Any:
        given = {"OrganizationId": self.organization_id, **parameters}
        return self.workmail.perform(operation, given)

    def error(self, operation: str, **parameters: Any) -> str | None:
        """The code of the error, None after success."""
        try:
            self(operation, **parameters)
        except WorkMailError as error:
            return error.code
        return None

    def register(self, *names: str) -> None:
        for name in names:
            self("RegisterToWorkMail", EntityId=name, Email=f"{name}@example.com")

    def deregister(self, name: str) -> None:
        self("DeregisterFromWorkMail", EntityId=name)

    def user(self, name: str = "alice") -> Any:
        return self("DescribeUser", UserId=name)


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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def workmail(clock: Clock) -> WorkMail:
    return WorkMail(clock=clock)


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
def api(workmail: WorkMail, organization: Organization) -> Iterator[Api]:
    """Fails a test in which an operation raises an error that the model does not list for it."""
    yield Api(workmail, organization.organization_id)
    for call in workmail.calls:
        documented = {shape.name for shape in operation_model(call.operation).error_shapes}
        assert call.error_code is None or call.error_code in documented, call


@pytest.fixture
def server(workmail: WorkMail) -> Iterator[WorkMailServer]:
    with WorkMailServer(workmail) as server:
        yield server


@pytest.fixture
def client(server: WorkMailServer, organization: Organization) -> Iterator[WorkMailClient]:
    client = boto3_client(server.endpoint_url)
    yield client
    client.close()
