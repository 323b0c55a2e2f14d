"""The real function, with a local WorkMail and a stack, in a simulated time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from benchmarks.simulation import Simulation
from local_aws.workmail import Behaviour, WorkMail, WorkMailError
from local_aws.workmail.wire import service_model
from workmail_provider.protocol import CustomResource
from workmail_provider.registration import RESOURCE_TYPE, WorkMailRegistration
from workmail_provider.waiting import Clock

STACK_ID = "arn:aws:cloudformation:us-east-1:000000000000:stack/Mail/11111111-2222-3333-4444-5555"
ORGANIZATION_ID = "m-0123456789abcdef0123456789abcdef"

_OPERATIONS = {
    "register_to_work_mail": "RegisterToWorkMail",
    "deregister_from_work_mail": "DeregisterFromWorkMail",
}


@dataclass
class World:
    """An organization with so many users, and the stack that declares them.

    `call_seconds` pass with each call. `stack_status` is what the function is told.
    """

    simulation: Simulation
    users: int
    call_seconds: float = 0.0
    behaviour: Behaviour = field(default_factory=Behaviour)
    stack_status: str = "UPDATE_IN_PROGRESS"

    def __post_init__(self) -> None:
        self.began_at = self.simulation.now()
        self.workmail = WorkMail(clock=self.simulation.now, behaviour=self.behaviour)
        organization = self.workmail.add_organization(
            "acme", organization_id=ORGANIZATION_ID, domain="example.com"
        )
        self.entities = [organization.add_user(f"user{index}") for index in range(self.users)]
        self.calls: list[str] = []

    def enable_all(self) -> None:
        """Every user is enabled under the address that `event` declares, without a trace."""
        for index in range(self.users):
            parameters = {"EntityId": f"user{index}", "Email": f"user{index}@example.com"}
            self.workmail.perform(
                "RegisterToWorkMail", {"OrganizationId": ORGANIZATION_ID, **parameters}
            )
        self.workmail.calls.clear()

    def physical_id(self, index: int) -> str:
        return f"{ORGANIZATION_ID}/{self.entities[index].entity_id}"

    def event(self, request_type: str, index: int, email: str = "") -> dict[str, Any]:
        """A request of CloudFormation for one of the users."""
        event: dict[str, Any] = {
            "RequestType": request_type,
            "ResponseURL": "https://answers.invalid/",
            "StackId": STACK_ID,
            "RequestId": f"request-{index}",
            "ResourceType": RESOURCE_TYPE,
            "LogicalResourceId": f"User{index}",
            "ResourceProperties": {
                "ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:provider",
                "OrganizationId": ORGANIZATION_ID,
                "EntityId": f"user{index}",
                "Email": email or f"user{index}@example.com",
                "AdoptExisting": "true",
            },
        }
        if request_type != "Create":
            event["PhysicalResourceId"] = self.physical_id(index)
        return event

    def perform(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """One call of WorkMail, which arrives after half of its time."""
        self.simulation.sleep(self.call_seconds / 2)
        self.calls.append(operation)
        try:
            return self.workmail.perform(operation, parameters, region="us-east-1")
        except WorkMailError as error:
            raise _client_error(operation, error) from error
        finally:
            self.simulation.sleep(self.call_seconds / 2)


@dataclass
class Process:
    """One process of the function; `answer` is its last, and it came at `answered_at`."""

    world: World
    jitter: Callable[[], float]
    answer: dict[str, Any] = field(default_factory=dict)
    answered_at: float = 0.0

    def __post_init__(self) -> None:
        simulation = self.world.simulation
        clock = Clock(now=simulation.now, sleep=simulation.sleep, jitter=self.jitter)
        self._custom_resource = CustomResource(
            {RESOURCE_TYPE: WorkMailRegistration()}, self._client, clock, self._put
        )

    def serve(self, event: Mapping[str, Any], ends_at: float) -> dict[str, Any]:
        """The answer that CloudFormation gets."""
        self._custom_resource(event, _Context(self.world.simulation, ends_at))
        return self.answer

    def _client(self, service: str, region: str | None) -> Any:
        return WorkMailClient(self.world) if service == "workmail" else _StackClient(self.world)

    def _put(self, url: str, body: bytes, timeout: float) -> int:
        self.answer = json.loads(body)
        self.answered_at = self.world.simulation.now()
        return 200


class WorkMailClient:
    """A boto3 client of the world's WorkMail."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.meta = SimpleNamespace(service_model=service_model(), region_name="us-east-1")

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        words = method.split("_")
        operation = _OPERATIONS.get(method) or "".join(word.title() for word in words)
        return lambda **parameters: self._world.perform(operation, parameters)


class _StackClient:
    """A boto3 client of CloudFormation that knows the one stack."""

    def __init__(self, world: World) -> None:
        self._world = world

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        self._call("DescribeStacks")
        began_at = datetime.fromtimestamp(self._world.began_at, UTC)
        return {"Stacks": [{"StackStatus": self._world.stack_status, "CreationTime": began_at}]}

    def list_stack_resources(self, StackName: str, NextToken: str = "0") -> dict[str, Any]:
        self._call("ListStackResources")
        first = int(NextToken)
        page = range(first, min(first + 100, self._world.users))
        rows = [
            {
                "LogicalResourceId": f"User{index}",
                "PhysicalResourceId": self._world.physical_id(index),
                "ResourceStatus": "CREATE_COMPLETE",
            }
            for index in page
        ]
        more = {"NextToken": str(page.stop)} if page.stop < self._world.users else {}
        return {"StackResourceSummaries": rows, **more}

    def _call(self, operation: str) -> None:
        self._world.simulation.sleep(self._world.call_seconds)
        self._world.calls.append(operation)


@dataclass
class _Context:
    """Lambda's context object in the simulated time."""

    simulation: Simulation
    ends_at: float
    log_group_name: str = "provider-logs"
    log_stream_name: str = "stream"
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:provider"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.ends_at - self.simulation.now()) * 1000))


def _client_error(operation: str, error: WorkMailError) -> ClientError:
    response: Any = {
        "Error": {"Code": error.code, "Message": error.message},
        "ResponseMetadata": {"HTTPStatusCode": error.status},
    }
    return ClientError(response, operation)
