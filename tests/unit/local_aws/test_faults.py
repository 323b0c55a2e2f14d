"""Faults that a test injects, as a boto3 client and a caller without HTTP meet them."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from local_aws.workmail import (
    Drop,
    Failure,
    NoResponse,
    Organization,
    Stall,
    WorkMail,
    WorkMailError,
    WorkMailServer,
)

from .conftest import Api, Clock, boto3_client

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient


@pytest.fixture
def registration(organization: Organization) -> dict[str, Any]:
    given = {"OrganizationId": organization.organization_id, "EntityId": "alice"}
    return {**given, "Email": "alice@example.com"}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("DirectoryUnavailableException", 400),
        ("TooManyRequestsException", 429),
        ("ServiceUnavailable", 503),
    ],
)
@pytest.mark.parametrize("after_work", [False, True])
def test_a_failure_comes_instead_of_the_work_or_after_it(
    client: WorkMailClient,
    workmail: WorkMail,
    organization: Organization,
    registration: dict[str, Any],
    code: str,
    status: int,
    after_work: bool,
) -> None:
    workmail.faults.add("RegisterToWorkMail", Failure(code, status, after_work=after_work))
    with pytest.raises(ClientError) as raised:
        client.register_to_work_mail(**registration)
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert type(raised.value).__name__ in (code, "ClientError")
    assert organization.entity("alice").state == ("ENABLED" if after_work else "DISABLED")
    client.register_to_work_mail(**registration)
    assert [call.error_code for call in workmail.calls.of("RegisterToWorkMail")] == [code, None]


@pytest.mark.parametrize("after_work", [False, True])
@pytest.mark.parametrize("stalls", [False, True])
def test_a_response_is_lost_before_the_work_or_after_it(
    server: WorkMailServer,
    workmail: WorkMail,
    organization: Organization,
    registration: dict[str, Any],
    after_work: bool,
    stalls: bool,
) -> None:
    fault = Stall(0.4, after_work=after_work) if stalls else Drop(after_work=after_work)
    workmail.faults.add("RegisterToWorkMail", fault)
    client = boto3_client(server.endpoint_url, read_timeout=0.2)
    with pytest.raises(ReadTimeoutError if stalls else ConnectionClosedError):
        client.register_to_work_mail(**registration)
    client.close()
    assert organization.entity("alice").state == ("ENABLED" if after_work else "DISABLED")
    assert [call.error_code for call in workmail.calls] == ["NoResponse"]


def test_a_lost_response_without_http_is_an_exception(api: Api) -> None:
    for fault, seconds in ((Drop(), 0), (Stall(30), 30)):
        api.workmail.faults.add("ListUsers", fault)
        with pytest.raises(NoResponse) as raised:
            api("ListUsers")
        assert raised.value.seconds == seconds
    api.workmail.calls.clear()


def test_closing_the_server_ends_stalled_and_idle_connections() -> None:
    workmail = WorkMail()
    before = set(threading.enumerate())
    server = WorkMailServer(workmail)
    idle, stalled = boto3_client(server.endpoint_url), boto3_client(server.endpoint_url)
    idle.list_organizations()
    workmail.faults.add(None, Stall(600))
    failures: list[Exception] = []

    def call() -> None:
        try:
            stalled.list_organizations()
        except ConnectionClosedError as error:
            failures.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    while len(workmail.calls) < 2:
        time.sleep(0.01)
    server.close()
    caller.join()
    for client in (idle, stalled):
        client.close()
    assert len(failures) == 1
    assert set(threading.enumerate()) <= before


def test_a_fault_is_injected_into_a_number_of_calls(api: Api) -> None:
    faults = api.workmail.faults
    faults.add("ListUsers", Failure("OrganizationNotFoundException"), times=2)
    faults.add("ListUsers", Failure("OrganizationStateException"), times=None)
    codes = [api.error("ListUsers") for _ in range(4)]
    assert codes == ["OrganizationNotFoundException"] * 2 + ["OrganizationStateException"] * 2
    assert api.error("ListGroups") is None
    faults.clear()
    assert api.error("ListUsers") is None


@pytest.mark.parametrize("identifier", ["alice", "ALICE", "id", "alice@example.com"])
def test_a_fault_for_one_entity_finds_each_of_its_identifiers(
    api: Api, organization: Organization, identifier: str
) -> None:
    api.register("alice", "team")
    alice = organization.entity("alice").entity_id
    api.workmail.faults.add(
        None,
        Failure("EntityNotFoundException"),
        entity=alice if identifier == "id" else identifier,
        times=2,
    )
    assert api.error("DescribeUser", UserId="bob") is None
    assert api.error("DescribeUser", UserId=alice) == "EntityNotFoundException"
    error = api.error("AssociateMemberToGroup", GroupId="team", MemberId="alice")
    assert error == "EntityNotFoundException"


def test_calls_above_the_rate_are_throttled(workmail: WorkMail, clock: Clock) -> None:
    workmail.faults.throttle(rate=2, burst=3)

    def accepted(calls: int) -> int:
        count = 0
        for _ in range(calls):
            try:
                workmail.perform("ListOrganizations", {})
                count += 1
            except WorkMailError as error:
                assert error.code == "ThrottlingException"
        return count

    assert accepted(5) == 3
    clock.advance(1)
    assert accepted(5) == 2


def test_a_fault_is_injected_into_a_part_of_all_calls(workmail: WorkMail) -> None:
    draws = iter([0.1, 0.5, 0.2])
    workmail.faults.share(Failure("ThrottlingException"), 0.3, lambda: next(draws))
    for _ in range(3):
        with suppress(WorkMailError):
            workmail.perform("ListOrganizations", {})
    codes = [call.error_code for call in workmail.calls]
    assert codes == ["ThrottlingException", None, "ThrottlingException"]


def test_the_server_waits_for_the_latency(client: WorkMailClient, workmail: WorkMail) -> None:
    workmail.faults.latency = 0.1
    began = time.monotonic()
    client.list_organizations()
    assert time.monotonic() - began >= 0.1
