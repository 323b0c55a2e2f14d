"""Faults as a boto3 client meets them, and as a caller without HTTP does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from local_aws.workmail import (
    Drop,
    Failure,
    NoAnswer,
    Organization,
    Stall,
    WorkMail,
    WorkMailError,
    WorkMailServer,
)

from .conftest import Clock, boto3_client

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient


@pytest.fixture
def impatient(server: WorkMailServer) -> Iterator[WorkMailClient]:
    client = boto3_client(server.endpoint_url, read_timeout=0.2)
    yield client
    client.close()


def registration(org: str, entity: str = "alice") -> dict[str, Any]:
    return {"OrganizationId": org, "EntityId": entity, "Email": f"{entity}@example.com"}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("DirectoryUnavailableException", 400),
        ("ThrottlingException", 400),
        ("AccessDeniedException", 400),
        ("TooManyRequestsException", 429),
        ("InternalServerError", 500),
        ("ServiceUnavailable", 503),
    ],
)
def test_an_error_instead_of_the_work(
    client: WorkMailClient,
    workmail: WorkMail,
    organization: Organization,
    org: str,
    code: str,
    status: int,
) -> None:
    workmail.faults.add("RegisterToWorkMail", Failure(code, status))
    with pytest.raises(ClientError) as raised:
        client.register_to_work_mail(**registration(org))
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert organization.entity("alice").state == "DISABLED"
    client.register_to_work_mail(**registration(org))
    assert [call.error_code for call in workmail.calls.of("RegisterToWorkMail")] == [code, None]


def test_documented_errors_are_the_clients_own_exceptions(
    client: WorkMailClient, workmail: WorkMail, org: str
) -> None:
    workmail.faults.add(None, Failure("DirectoryUnavailableException"))
    with pytest.raises(client.exceptions.DirectoryUnavailableException):
        client.list_users(OrganizationId=org)


def test_an_error_in_spite_of_the_work(
    client: WorkMailClient, workmail: WorkMail, organization: Organization, org: str
) -> None:
    workmail.faults.add("RegisterToWorkMail", Failure("InternalServerError", 500, after_work=True))
    with pytest.raises(ClientError):
        client.register_to_work_mail(**registration(org))
    assert organization.entity("alice").state == "ENABLED"


@pytest.mark.parametrize(("after_work", "state"), [(False, "DISABLED"), (True, "ENABLED")])
def test_a_lost_connection(
    client: WorkMailClient,
    workmail: WorkMail,
    organization: Organization,
    org: str,
    after_work: bool,
    state: str,
) -> None:
    workmail.faults.add("RegisterToWorkMail", Drop(after_work=after_work))
    with pytest.raises(ConnectionClosedError):
        client.register_to_work_mail(**registration(org))
    assert organization.entity("alice").state == state
    assert [call.error_code for call in workmail.calls] == ["NoAnswer"]
    client.register_to_work_mail(**registration(org))


@pytest.mark.parametrize(("after_work", "state"), [(False, "DISABLED"), (True, "ENABLED")])
def test_silence(
    impatient: WorkMailClient,
    workmail: WorkMail,
    organization: Organization,
    org: str,
    after_work: bool,
    state: str,
) -> None:
    workmail.faults.add("RegisterToWorkMail", Stall(0.4, after_work=after_work))
    with pytest.raises(ReadTimeoutError):
        impatient.register_to_work_mail(**registration(org))
    assert organization.entity("alice").state == state


def test_closing_the_server_ends_a_silence() -> None:
    workmail = WorkMail()
    workmail.faults.add(None, Stall(600))
    before = set(threading.enumerate())
    server = WorkMailServer(workmail)
    client = boto3_client(server.endpoint_url)
    failures: list[Exception] = []

    def call() -> None:
        try:
            client.list_organizations()
        except ConnectionClosedError as error:
            failures.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    while not len(workmail.calls):
        time.sleep(0.01)
    server.close()
    caller.join()
    client.close()
    assert len(failures) == 1
    assert set(threading.enumerate()) <= before


def test_closing_the_server_cuts_idle_connections() -> None:
    before = set(threading.enumerate())
    server = WorkMailServer(WorkMail())
    client = boto3_client(server.endpoint_url)
    client.list_organizations()
    assert set(threading.enumerate()) - before
    server.close()
    assert set(threading.enumerate()) <= before
    client.close()


def test_a_fault_for_so_many_calls(workmail: WorkMail, org: str) -> None:
    workmail.faults.add("ListUsers", Failure("ThrottlingException"), times=2)
    workmail.faults.add("ListUsers", Failure("InternalServerError", 500), times=None)
    codes = []
    for _ in range(4):
        with pytest.raises(WorkMailError) as raised:
            workmail.perform("ListUsers", {"OrganizationId": org})
        codes.append(raised.value.code)
    assert codes == ["ThrottlingException"] * 2 + ["InternalServerError"] * 2
    workmail.faults.clear()
    workmail.perform("ListUsers", {"OrganizationId": org})


@pytest.mark.parametrize("named", ["alice", "ALICE", "id", "alice@example.com"])
def test_a_fault_for_one_entity_however_it_is_named(
    workmail: WorkMail, organization: Organization, org: str, named: str
) -> None:
    workmail.perform("RegisterToWorkMail", registration(org))
    alice = organization.entity("alice").entity_id
    workmail.faults.add(
        None, Failure("ThrottlingException"), entity=alice if named == "id" else named
    )
    workmail.perform("DescribeUser", {"OrganizationId": org, "UserId": "bob"})
    with pytest.raises(WorkMailError, match="ThrottlingException"):
        workmail.perform("DescribeUser", {"OrganizationId": org, "UserId": alice})


def test_throttling(workmail: WorkMail, org: str, clock: Clock) -> None:
    workmail.faults.throttle(rate=2, burst=3)

    def answered(calls: int) -> int:
        count = 0
        for _ in range(calls):
            try:
                workmail.perform("ListUsers", {"OrganizationId": org})
                count += 1
            except WorkMailError as error:
                assert error.code == "ThrottlingException"
        return count

    assert answered(5) == 3
    clock.advance(1)
    assert answered(5) == 2


def test_latency(client: WorkMailClient, workmail: WorkMail, org: str) -> None:
    workmail.faults.latency = 0.1
    begun = time.monotonic()
    client.list_users(OrganizationId=org)
    assert time.monotonic() - begun >= 0.1


def test_without_http_a_lost_connection_is_an_exception(workmail: WorkMail, org: str) -> None:
    workmail.faults.add("ListUsers", Drop())
    workmail.faults.add("ListUsers", Stall(30))
    for seconds in (0, 30):
        with pytest.raises(NoAnswer) as raised:
            workmail.perform("ListUsers", {"OrganizationId": org})
        assert raised.value.seconds == seconds
