"""The protocol: what is checked, what comes back, what is recorded, who is allowed."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from local_aws.workmail import WorkMail, WorkMailError, WorkMailServer

from .conftest import Clock, boto3_client

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient

PASSWORD = "Correct horse battery staple 7"
WEAK_PASSWORD = "hunter2hunter2"


class TestChecks:
    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"OrganizationId": None}, "'OrganizationId' failed to satisfy .* not be null"),
            ({"OrganizationId": "m-123"}, "length greater than or equal to 34"),
            ({"OrganizationId": "m-" + "X" * 32}, "regular expression pattern"),
            ({"EntityId": ""}, "length greater than or equal to 1"),
            ({"EntityId": "a" * 257}, "length less than or equal to 256"),
            ({"EntityId": "two words"}, "Value 'two words' at 'EntityId'"),
            ({"EntityId": 7}, "'EntityId' must be a string"),
            ({"EntityId": ["alice"]}, "'EntityId' must be a string"),
            ({"Email": "alice"}, "regular expression pattern"),
            ({"Email": "alice@example.com\n"}, "regular expression pattern"),
            ({"EntityId": "two words", "Email": "x"}, "2 validation errors"),
        ],
    )
    def test_a_registration(
        self, workmail: WorkMail, org: str, parameters: dict[str, Any], message: str
    ) -> None:
        right = {"OrganizationId": org, "EntityId": "alice", "Email": "alice@example.com"}
        with pytest.raises(WorkMailError, match=message) as raised:
            workmail.perform("RegisterToWorkMail", {**right, **parameters})
        assert (raised.value.code, raised.value.status) == ("InvalidParameterException", 400)

    @pytest.mark.parametrize(
        ("operation", "parameters"),
        [
            ("CreateResource", {"Name": "room", "Type": "CASTLE"}),
            ("ListUsers", {"MaxResults": 0}),
            ("ListUsers", {"MaxResults": 101}),
            ("ListUsers", {"MaxResults": "10"}),
            ("ListUsers", {"MaxResults": True}),
            ("ListUsers", {"Filters": {"State": "ASLEEP"}}),
            ("ListUsers", {"Filters": "ENABLED"}),
            ("CreateGroup", {"Name": "team", "HiddenFromGlobalAddressList": "yes"}),
        ],
    )
    def test_other_types(
        self, workmail: WorkMail, org: str, operation: str, parameters: dict[str, Any]
    ) -> None:
        with pytest.raises(WorkMailError, match="InvalidParameterException"):
            workmail.perform(operation, {"OrganizationId": org, **parameters})

    def test_lists(self, workmail: WorkMail) -> None:
        ok = {"DomainName": "ok.example"}
        wrong: list[list[dict[str, str]]] = [[{"DomainName": "x"}], [{}], [ok] * 6]
        for domains in wrong:
            with pytest.raises(WorkMailError, match="InvalidParameterException"):
                workmail.perform("CreateOrganization", {"Alias": "new", "Domains": domains})

    def test_unknown_members_are_ignored(self, workmail: WorkMail, org: str) -> None:
        workmail.perform("ListUsers", {"OrganizationId": org, "Later": 1})

    def test_the_error_reaches_boto3(self, client: WorkMailClient, org: str) -> None:
        with pytest.raises(client.exceptions.InvalidParameterException, match="two words"):
            client.describe_user(OrganizationId=org, UserId="two words")

    @pytest.mark.parametrize("operation", ["MakeCoffee", "CreateIdentityCenterApplication"])
    def test_an_operation_that_is_not_played(
        self, workmail: WorkMail, org: str, operation: str
    ) -> None:
        with pytest.raises(WorkMailError, match="UnknownOperationException"):
            workmail.perform(operation, {"OrganizationId": org})


class TestHttp:
    @pytest.fixture
    def connection(self, server: WorkMailServer) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection(urlsplit(server.endpoint_url).netloc)
        yield connection
        connection.close()

    def post(
        self, connection: http.client.HTTPConnection, target: str, body: bytes
    ) -> tuple[int, dict[str, Any]]:
        connection.request("POST", "/", body, {"X-Amz-Target": target})
        response = connection.getresponse()
        assert response.getheader("Content-Type") == "application/x-amz-json-1.1"
        return response.status, json.loads(response.read())

    def test_times_are_epoch_seconds(
        self,
        connection: http.client.HTTPConnection,
        workmail: WorkMail,
        org: str,
        clock: Clock,
    ) -> None:
        given = {"OrganizationId": org, "EntityId": "alice", "Email": "alice@example.com"}
        workmail.perform("RegisterToWorkMail", given)
        body = json.dumps({"OrganizationId": org, "UserId": "alice"}).encode()
        status, user = self.post(connection, "WorkMailService.DescribeUser", body)
        assert (status, user["EnabledDate"]) == (200, clock.now)
        assert "DisabledDate" not in user

    @pytest.mark.parametrize(
        ("target", "body", "code"),
        [
            ("WorkMailService.ListUsers", b"{", "SerializationException"),
            ("WorkMailService.ListUsers", b"[]", "SerializationException"),
            ("WorkMailService.MakeCoffee", b"{}", "UnknownOperationException"),
            ("AnotherService.ListUsers", b"{}", "UnknownOperationException"),
        ],
    )
    def test_what_is_no_call_of_workmail(
        self, connection: http.client.HTTPConnection, target: str, body: bytes, code: str
    ) -> None:
        status, error = self.post(connection, target, body)
        assert (status, error["__type"]) == (400, code)

    def test_a_connection_serves_many_calls(
        self, connection: http.client.HTTPConnection, workmail: WorkMail
    ) -> None:
        for _ in range(3):
            self.post(connection, "WorkMailService.ListOrganizations", b"{}")
            assert connection.sock is not None

    def test_only_the_loopback_interface_listens(self, server: WorkMailServer) -> None:
        assert urlsplit(server.endpoint_url).hostname == "127.0.0.1"


class TestRecord:
    def test_calls_are_recorded_in_order(
        self, client: WorkMailClient, workmail: WorkMail, org: str, clock: Clock
    ) -> None:
        client.describe_user(OrganizationId=org, UserId="alice")
        with pytest.raises(ClientError):
            client.describe_user(OrganizationId=org, UserId="nobody")
        client.list_users(OrganizationId=org)
        assert [(call.operation, call.error_code) for call in workmail.calls] == [
            ("DescribeUser", None),
            ("DescribeUser", "EntityNotFoundException"),
            ("ListUsers", None),
        ]
        (call,) = workmail.calls.of("DescribeUser", entity="alice")
        assert call.parameters == {"OrganizationId": org, "UserId": "alice"}
        assert (call.at, call.access_key) == (clock.now, "test")

    def test_passwords_are_kept_nowhere(
        self, client: WorkMailClient, workmail: WorkMail, org: str
    ) -> None:
        user = client.create_user(
            OrganizationId=org, Name="carol", DisplayName="Carol", Password=PASSWORD
        )["UserId"]
        client.reset_password(OrganizationId=org, UserId=user, Password=PASSWORD)
        with pytest.raises(ClientError) as refused:
            client.reset_password(OrganizationId=org, UserId=user, Password=WEAK_PASSWORD)
        assert WEAK_PASSWORD not in str(refused.value)
        with pytest.raises(ClientError) as raised:
            client.create_user(
                OrganizationId=org, Name="dave", DisplayName="Dave", Password=PASSWORD + "\n"
            )
        assert PASSWORD not in str(raised.value)
        for password in (PASSWORD, WEAK_PASSWORD):
            assert password not in repr([vars(call) for call in workmail.calls])
        assert PASSWORD not in repr(workmail.organization(org))
        assert workmail.calls.of("CreateUser")[0].parameters["Password"] == "(redacted)"


class TestAuthorization:
    def test_it_is_asked_and_obeyed(
        self, workmail: WorkMail, server: WorkMailServer, org: str
    ) -> None:
        asked = []

        def authorize(access_key: str | None, action: str, resource: str) -> bool:
            asked.append((access_key, action, resource))
            return action != "workmail:DescribeUser"

        workmail.authorize = authorize
        client = boto3_client(server.endpoint_url)
        try:
            client.list_users(OrganizationId=org)
            client.list_organizations()
            with pytest.raises(ClientError) as raised:
                client.describe_user(OrganizationId=org, UserId="alice")
        finally:
            client.close()
            workmail.authorize = None
        arn = f"arn:aws:workmail:us-east-1:000000000000:organization/{org}"
        assert asked == [
            ("test", "workmail:ListUsers", arn),
            ("test", "workmail:ListOrganizations", "*"),
            ("test", "workmail:DescribeUser", arn),
        ]
        error = raised.value.response["Error"]
        assert error["Code"] == "AccessDeniedException"
        assert (
            f"not authorized to perform: workmail:DescribeUser on resource: {arn}"
            in (error["Message"])
        )
