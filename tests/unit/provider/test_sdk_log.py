"""No secret reaches a log through the AWS SDK, also where everything is logged at DEBUG."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from tests.support.harness import PASSWORD, SECRET_ARN, USER
from tests.support.lambda_fakes import ORGANIZATION_ID, SECRET, Context, event
from workmail_provider.aws import make_clients
from workmail_provider.cloudformation.custom_resource import CustomResource
from workmail_provider.cloudformation.request import Invocation, Outcome, ResourceType
from workmail_provider.errors import ContinueLater
from workmail_provider.resources.types import RESOURCE_TYPES

DORA = {"Name": "dora", "UserId": "12345678-1234-1234-1234-123456789012", "State": "DISABLED"}
RESPONSES: Mapping[str, Mapping[str, Any]] = {
    "CreateUser": DORA,
    "GetSecretValue": {"SecretString": PASSWORD},
}


class Account:
    """AWS behind real clients: what they send, and the responses that they read."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.bodies: list[bytes] = []
        self._has_dora = False

    def client(self, service: str, region: str | None) -> Any:
        client = make_clients()(service, region or "us-east-1")
        client.meta.events.register("before-send", self._respond)
        return client

    def serve(self, request: dict[str, Any], types: Mapping[str, ResourceType]) -> dict[str, Any]:
        """The response, or an empty one if there was none."""
        CustomResource(types, self.client, put=self._put)(request, Context())
        return json.loads(self.bodies[-1]) if self.bodies else {}

    def _respond(self, request: Any, **_: object) -> AWSResponse:
        operation = request.headers.get("X-Amz-Target", b"").decode().rpartition(".")[2]
        self.sent.append(str(request.body))
        response = RESPONSES.get(operation, {})
        status = 200
        if operation == "DescribeUser":
            response = DORA if self._has_dora else {"__type": "EntityNotFoundException"}
            status = 200 if self._has_dora else 400
        self._has_dora |= operation == "CreateUser"
        return AWSResponse(request.url, status, HTTPHeaders(), _Raw(json.dumps(response).encode()))

    def _put(self, url: str, body: bytes, timeout: float) -> int:
        self.bodies.append(body)
        return 200


class _Raw:
    """The body of a response as urllib3 has it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self._body]


class Continuing:
    """A resource type that continues in another invocation."""

    def create(self, invocation: Invocation) -> Outcome:
        raise ContinueLater("it takes long", {})

    update = delete = create


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Account:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    caplog.set_level(logging.DEBUG)
    return Account()


def test_the_event_of_a_continuation_is_in_no_log(
    account: Account, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    account.serve(event(), {"Custom::WorkMailRegistration": Continuing()})
    assert any(SECRET in body for body in account.sent)
    assert SECRET not in caplog.text + capsys.readouterr().out


def test_the_password_of_a_user_is_in_no_log(
    account: Account, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = {
        "OrganizationId": ORGANIZATION_ID,
        "Name": "dora",
        "Attributes": {"DisplayName": "Dora"},
        "PasswordSecretArn": SECRET_ARN,
    }
    request = event(ResourceType=USER, ResourceProperties=declared)
    response = account.serve(request, RESOURCE_TYPES)
    assert response["Status"] == "SUCCESS", response["Reason"]
    assert any(PASSWORD in body for body in account.sent)
    assert PASSWORD not in caplog.text + capsys.readouterr().out
