"""The protocol: what is checked, sent, recorded and authorized."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from local_aws.workmail import WorkMail, WorkMailError, WorkMailServer

from .conftest import Api, Clock

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
            ({"Email": "alice@example.com\n"}, "regular expression pattern"),
            ({"EntityId": "two words", "Email": "x"}, "2 validation errors"),
        ],
    )
    def test_a_registration_must_match_the_model(
        self, api: Api, parameters: dict[str, Any], message: str
    ) -> None:
        given = {"EntityId": "alice", "Email": "alice@example.com", **parameters}
        with pytest.raises(WorkMailError, match=message) as raised:
            api("RegisterToWorkMail", **given)
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
    def test_every_type_of_the_model_is_checked(
        self, workmail: WorkMail, operation: str, parameters: dict[str, Any]
    ) -> None:
        given = {"OrganizationId": "m-" + "0" * 32, **parameters}
        with pytest.raises(WorkMailError, match="InvalidParameterException"):
            workmail.perform(operation, given)

    def test_unknown_members_are_ignored(self, api: Api) -> None:
        assert len(api("ListUsers", Later=1)["Users"]) == 2

    @pytest.mark.parametrize("operation", ["MakeCoffee", "CreateOrganization"])
    def test_an_unknown_operation_is_an_error(self, workmail: WorkMail, operation: str) -> None:
        with pytest.raises(WorkMailError, match=f"UnknownOperationException: .*{operation}"):
            workmail.perform(operation, {"Alias": "new"})


class TestHttp:
    def post(self, server: WorkMailServer, target: str, body: bytes) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(urlsplit(server.endpoint_url).netloc)
        try:
            for _ in range(2):  # the connection stays open
                connection.request("POST", "/", body, {"X-Amz-Target": target})
                response = connection.getresponse()
                content = json.loads(response.read())
                assert response.getheader("Content-Type") == "application/x-amz-json-1.1"
                assert connection.sock is not None
        finally:
            connection.close()
        return response.status, content

    def test_times_are_epoch_seconds(self, api: Api, server: WorkMailServer, clock: Clock) -> None:
        api.register("alice")
        body = json.dumps({"OrganizationId": api.organization_id, "UserId": "alice"}).encode()
        status, user = self.post(server, "WorkMailService.DescribeUser", body)
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
    def test_a_malformed_request_is_an_error(
        self, server: WorkMailServer, target: str, body: bytes, code: str
    ) -> None:
        status, error = self.post(server, target, body)
        assert (status, error["__type"]) == (400, code)

    def test_only_the_loopback_interface_listens(self, server: WorkMailServer) -> None:
        assert urlsplit(server.endpoint_url).hostname == "127.0.0.1"

    def test_a_call_reaches_the_organizations_of_its_region(
        self, client: WorkMailClient, workmail: WorkMail
    ) -> None:
        irish = workmail.add_organization("irish", region="eu-west-1").organization_id
        with pytest.raises(client.exceptions.OrganizationNotFoundException):
            client.describe_organization(OrganizationId=irish)


class TestRecord:
    def test_calls_are_recorded_in_order(
        self, client: WorkMailClient, api: Api, clock: Clock
    ) -> None:
        org = api.organization_id
        client.describe_user(OrganizationId=org, UserId="alice")
        with pytest.raises(client.exceptions.EntityNotFoundException):
            client.describe_user(OrganizationId=org, UserId="unknown")
        client.list_users(OrganizationId=org)
        assert [(call.operation, call.error_code) for call in api.workmail.calls] == [
            ("DescribeUser", None),
            ("DescribeUser", "EntityNotFoundException"),
            ("ListUsers", None),
        ]
        (call,) = api.workmail.calls.of("DescribeUser", entity="alice")
        assert call.parameters == {"OrganizationId": org, "UserId": "alice"}
        assert (call.at, call.access_key) == (clock.now, "test")

    def test_passwords_are_kept_nowhere(self, api: Api) -> None:
        user = api("CreateUser", Name="carol", DisplayName="Carol", Password=PASSWORD)["UserId"]
        messages = []
        for operation, given in (
            ("ResetPassword", {"UserId": user, "Password": WEAK_PASSWORD}),
            ("CreateUser", {"Name": "d", "DisplayName": "D", "Password": PASSWORD + "\n"}),
        ):
            with pytest.raises(WorkMailError) as raised:
                api(operation, **given)
            messages.append(str(raised.value))
        state = repr(api.workmail.organization(api.organization_id))
        calls = repr([vars(call) for call in api.workmail.calls])
        for password in (PASSWORD, WEAK_PASSWORD):
            assert password not in state + calls + repr(messages)
        assert api.workmail.calls.of("CreateUser")[0].parameters["Password"] == "(redacted)"


def test_every_call_is_authorized(client: WorkMailClient, api: Api) -> None:
    requests = []

    def authorize(access_key: str | None, action: str, resource: str) -> bool:
        requests.append((access_key, action, resource))
        return action != "workmail:DescribeUser"

    api.workmail.authorize = authorize
    client.list_users(OrganizationId=api.organization_id)
    client.list_organizations()
    with pytest.raises(ClientError, match="AccessDeniedException") as raised:
        client.describe_user(OrganizationId=api.organization_id, UserId="alice")
    api.workmail.calls.clear()
    arn = f"arn:aws:workmail:us-east-1:000000000000:organization/{api.organization_id}"
    assert requests == [
        ("test", "workmail:ListUsers", arn),
        ("test", "workmail:ListOrganizations", "*"),
        ("test", "workmail:DescribeUser", arn),
    ]
    denied = f"not authorized to perform: workmail:DescribeUser on resource: {arn}"
    assert denied in raised.value.response["Error"]["Message"]
