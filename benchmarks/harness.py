"""The function with a local WorkMail and a stack, in simulated time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore.exceptions import ClientError

from benchmarks.simulation import Simulation
from local_aws.workmail import Behaviour, WorkMail, WorkMailError
from workmail_provider.cloudformation.custom_resource import CustomResource
from workmail_provider.resources.registration import RegistrationResource
from workmail_provider.retry import Clock

ORGANIZATION_ID = "m-0123456789abcdef0123456789abcdef"
CALL_SECONDS = 0.05
TIMEOUT = 600.0  # seconds; the default of the provider
_RESOURCE_TYPE = "Custom::WorkMailRegistration"
_SERVICE_MODEL = botocore.session.get_session().get_service_model("workmail")
_OPERATIONS = {
    "register_to_work_mail": "RegisterToWorkMail",
    "deregister_from_work_mail": "DeregisterFromWorkMail",
}


class Harness:
    """An organization with so many users, and a stack that is created or deleted with them all."""

    def __init__(self, request_type: str, users: int) -> None:
        """`request_type` is Create or Delete."""
        self.simulation = Simulation()
        self.users = users
        self.workmail = WorkMail(clock=self.simulation.now)
        organization = self.workmail.add_organization(
            "acme", organization_id=ORGANIZATION_ID, domain="example.com"
        )
        self._request_type = request_type
        self._ids = [organization.add_user(f"user{index}").entity_id for index in range(users)]
        if request_type == "Delete":
            for index in range(users):
                self.workmail.perform("RegisterToWorkMail", registration(index))
            self.workmail.calls.clear()

    def settle_after(self, seconds: float) -> None:
        """A changed state shows so many seconds after the change."""
        self.workmail.behaviour = Behaviour(settle_delay=seconds)

    def event(self, user: int) -> dict[str, Any]:
        """CloudFormation's request for one of the users."""
        event: dict[str, Any] = {
            "RequestType": self._request_type,
            "ResponseURL": "https://responses.invalid/",
            "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/Mail/1111-2222",
            "RequestId": f"request-{user}",
            "ResourceType": _RESOURCE_TYPE,
            "LogicalResourceId": f"User{user}",
            "ResourceProperties": {
                "ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:provider",
                "AdoptExisting": "true",
                **registration(user),
            },
        }
        if self._request_type != "Create":
            event["PhysicalResourceId"] = f"{ORGANIZATION_ID}/{self._ids[user]}"
        return event

    def perform(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """One call of WorkMail, which arrives after half of its time. Raises ClientError."""
        self.simulation.sleep(CALL_SECONDS / 2)
        try:
            return self.workmail.perform(operation, parameters, region="us-east-1")
        except WorkMailError as error:
            response: Any = {
                "Error": {"Code": error.code, "Message": error.message},
                "ResponseMetadata": {"HTTPStatusCode": error.status},
            }
            raise ClientError(response, operation) from error
        finally:
            self.simulation.sleep(CALL_SECONDS / 2)

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        """One call of CloudFormation."""
        self.simulation.sleep(CALL_SECONDS)
        began = datetime.fromtimestamp(self.simulation.began_at, UTC)
        status = f"{self._request_type.upper()}_IN_PROGRESS"
        return {"Stacks": [{"StackId": StackName, "StackStatus": status, "CreationTime": began}]}

    def list_stack_resources(self, StackName: str) -> dict[str, Any]:
        """One call of CloudFormation: no other resource has the physical id."""
        self.simulation.sleep(CALL_SECONDS)
        return {"StackResourceSummaries": []}

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:
        """One call of CloudFormation: the creation of the stack succeeded."""
        self.simulation.sleep(CALL_SECONDS)
        event = {"PhysicalResourceId": StackName, "ResourceStatus": "CREATE_COMPLETE"}
        return {"StackEvents": [event]}

    def get_parameters_by_path(self, Path: str) -> dict[str, Any]:
        """One call of Systems Manager: no other stack announces itself."""
        self.simulation.sleep(CALL_SECONDS)
        return {"Parameters": []}


def registration(user: int) -> dict[str, str]:
    return {
        "OrganizationId": ORGANIZATION_ID,
        "EntityId": f"user{user}",
        "Email": f"user{user}@example.com",
    }


@dataclass
class Process:
    """One process of the function; `responded_at` is the time of its last response."""

    harness: Harness
    jitter: Callable[[], float]
    responded_at: float = 0.0
    _response: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        simulation = self.harness.simulation
        self._custom_resource = CustomResource(
            {_RESOURCE_TYPE: RegistrationResource()},
            self._client,
            Clock(now=simulation.now, sleep=simulation.sleep, jitter=self.jitter),
            self._put,
        )

    def serve(self, user: int) -> bool:
        """Whether the response to the request for this user is a success."""
        ends_at = self.harness.simulation.now() + TIMEOUT
        self._custom_resource(
            self.harness.event(user), _Context(self.harness.simulation.now, ends_at)
        )
        return bool(self._response["Status"] == "SUCCESS")

    def _client(self, service: str, region: str | None) -> Any:
        return _WorkMailClient(self.harness) if service == "workmail" else self.harness

    def _put(self, url: str, body: bytes, timeout: float) -> int:
        self._response = json.loads(body)
        self.responded_at = self.harness.simulation.now()
        return 200


class _WorkMailClient:
    """The part of a boto3 client that the function uses."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self.meta = SimpleNamespace(service_model=_SERVICE_MODEL, region_name="us-east-1")

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        operation = _OPERATIONS.get(method) or method.title().replace("_", "")
        return lambda **parameters: self._harness.perform(operation, parameters)


@dataclass
class _Context:
    """What Lambda passes to a handler, in simulated time."""

    now: Callable[[], float]
    ends_at: float
    log_group_name: str = "provider-logs"
    log_stream_name: str = "stream"
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:provider"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.ends_at - self.now()) * 1000))
