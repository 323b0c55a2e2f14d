"""The function with a local WorkMail and a stack, in one process and on a simulated clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.model import ServiceModel

from local_aws.workmail import NoResponse, WorkMail, WorkMailError
from tests.support.lambda_fakes import ORGANIZATION_ID, REGISTRATION, STACK_ID, event
from tests.support.s3 import S3
from workmail_provider.cloudformation.custom_resource import CustomResource
from workmail_provider.resources.types import RESOURCE_TYPES
from workmail_provider.retry import Clock

USER = "Custom::WorkMailUser"
GROUP = "Custom::WorkMailGroup"
MEMBERS = "Custom::WorkMailGroupMembers"
RESOURCE = "Custom::WorkMailResource"
DELEGATES = "Custom::WorkMailResourceDelegates"
SECRET_ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:dora-AbCdEf"
PASSWORD = "Correct-Horse-9-Battery"
NEW_PASSWORD = "Another-Horse-8-Battery"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:provider"
OTHER_ORGANIZATION_ID = "m-fedcba9876543210fedcba9876543210"
EXPORT = {
    "RoleArn": "arn:aws:iam::000000000000:role/export",
    "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555",
    "BucketName": "mail-archive",
    "Prefix": "workmail",
    "MaximumAge": "86400",
}


def stack_id(name: str) -> str:
    return STACK_ID.replace("/Mail/", f"/{name}/")


ROOT_STACK_ID = stack_id("Root")


@cache
def service_model(service: str = "workmail") -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


class WorkMailClient:
    """A boto3 client of the local WorkMail, without HTTP."""

    def __init__(self, workmail: WorkMail, region: str) -> None:
        self._workmail = workmail
        self.meta = SimpleNamespace(service_model=service_model(), region_name=region)

    def __getattr__(self, method: str) -> Any:
        operation = {
            "register_to_work_mail": "RegisterToWorkMail",
            "deregister_from_work_mail": "DeregisterFromWorkMail",
        }.get(method, "".join(word.title() for word in method.split("_")))
        return lambda **parameters: self._perform(operation, parameters)

    def _perform(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._workmail.perform(operation, parameters, region=self.meta.region_name)
        except WorkMailError as error:
            raise client_error(operation, error.code, error.message, error.status) from error
        except NoResponse as error:
            raise ConnectionClosedError(endpoint_url="http://workmail") from error


def client_error(operation: str, code: str, message: str, status: int = 400) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {
                "HTTPStatusCode": status,
                "RequestId": "",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
                "HostId": "",
            },
        },
        operation,
    )


@dataclass
class Stack:
    """A stack as CloudFormation describes it. Times are seconds since the epoch."""

    status: str
    creation_time: float
    last_updated_time: float | None = None
    root: Stack | None = None
    deletion_time: float | None = None
    # Logical id -> (physical id, status).
    resources: dict[str, tuple[str, str]] = field(default_factory=dict)
    resource_type: str = REGISTRATION
    # The statuses of the stack itself, newest first.
    events: tuple[str, ...] = ("CREATE_COMPLETE", "CREATE_IN_PROGRESS")
    # What each call about it ends in.
    error: Exception | None = None


class CloudFormationClient:
    """A boto3 client of CloudFormation with these stacks by id; lists in pages of two."""

    def __init__(
        self, stacks: Mapping[str, Stack], calls: list[str], errors: list[Exception]
    ) -> None:
        self._stacks = stacks
        self._calls = calls
        self._errors = errors

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        stack = self._found("DescribeStacks", StackName)
        described = {
            "StackId": StackName,
            "StackStatus": stack.status,
            "CreationTime": datetime.fromtimestamp(stack.creation_time, UTC),
        }
        if stack.last_updated_time is not None:
            described["LastUpdatedTime"] = datetime.fromtimestamp(stack.last_updated_time, UTC)
        if stack.deletion_time is not None:
            described["DeletionTime"] = datetime.fromtimestamp(stack.deletion_time, UTC)
        if stack.root:
            described["RootId"] = ROOT_STACK_ID
        return {"Stacks": [described]}

    def describe_stack_events(self, StackName: str, NextToken: str = "0") -> dict[str, Any]:
        stack = self._found("DescribeStackEvents", StackName)
        rows = [
            {"PhysicalResourceId": physical_id, "ResourceStatus": shown}
            for status in stack.events
            for physical_id, shown in ((StackName, status), ("a-resource", "CREATE_COMPLETE"))
        ]
        return page("StackEvents", rows, NextToken)

    def list_stack_resources(self, StackName: str, NextToken: str = "0") -> dict[str, Any]:
        stack = self._found("ListStackResources", StackName)
        rows = [
            {
                "LogicalResourceId": logical_id,
                "ResourceStatus": status,
                "ResourceType": stack.resource_type,
                **({"PhysicalResourceId": physical_id} if physical_id else {}),
            }
            for logical_id, (physical_id, status) in stack.resources.items()
        ]
        return page("StackResourceSummaries", rows, NextToken)

    def _found(self, operation: str, stack_id: str) -> Stack:
        self._calls.append(operation)
        if self._errors:
            raise self._errors.pop(0)
        if stack_id not in self._stacks:
            message = f"Stack with id {stack_id} does not exist"
            raise client_error(operation, "ValidationError", message)
        stack = self._stacks[stack_id]
        if stack.error:
            raise stack.error
        return stack


class ParameterStoreClient:
    """A boto3 client of Systems Manager with these parameters by name."""

    def __init__(self, parameters: Mapping[str, str], errors: list[Exception]) -> None:
        self._parameters = parameters
        self._errors = errors

    def get_parameters_by_path(self, Path: str, NextToken: str = "0") -> dict[str, Any]:
        if self._errors:
            raise self._errors.pop(0)
        rows = [
            {"Name": name, "Value": value}
            for name, value in self._parameters.items()
            if name.rpartition("/")[0] == Path
        ]
        return page("Parameters", rows, NextToken)


def page(name: str, rows: list[dict[str, Any]], token: str) -> dict[str, Any]:
    """Two rows of a list, and the token of the next page."""
    first = int(token)
    response: dict[str, Any] = {name: rows[first : first + 2]}
    if first + 2 < len(rows):
        response["NextToken"] = str(first + 2)
    return response


class LambdaClient:
    """A boto3 client of Lambda that keeps what the function invokes."""

    def __init__(self, queue: list[dict[str, Any]], errors: list[Exception]) -> None:
        self._queue = queue
        self._errors = errors

    def invoke(self, FunctionName: str, InvocationType: str, Payload: str) -> dict[str, Any]:
        assert (FunctionName, InvocationType) == (FUNCTION_ARN, "Event")
        if self._errors:
            raise self._errors.pop(0)
        self._queue.append(json.loads(Payload))
        return {"StatusCode": 202}


class SecretsManagerClient:
    """A boto3 client of a Secrets Manager with these texts."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = secrets

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:
        if SecretId not in self._secrets:
            raise client_error("GetSecretValue", "ResourceNotFoundException", "no such secret")
        return {"SecretString": self._secrets[SecretId]}


@dataclass
class HarnessContext:
    """Lambda's context object on the harness's clock."""

    harness: FunctionHarness
    ends_at: float
    log_group_name: str = "provider-logs"
    log_stream_name: str = "stream"
    invoked_function_arn: str = FUNCTION_ARN

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.ends_at - self.harness.now) * 1000))


class FunctionHarness:
    """An organization with alice, bob, a group and a room, all disabled, and one stack."""

    def __init__(self) -> None:
        self.now = 1_750_000_000.0
        self.s3 = S3()
        self.workmail = WorkMail(clock=lambda: self.now, destination=self.s3.write_exports)
        self.organization = self.workmail.add_organization(
            "acme", organization_id=ORGANIZATION_ID, domain="example.com"
        )
        self.alice = self.organization.add_user("alice")
        self.bob = self.organization.add_user("bob")
        self.team = self.organization.add_group("team")
        self.room = self.organization.add_resource("board-room")
        self.stack = Stack("UPDATE_IN_PROGRESS", self.now - 86400, self.now - 60)
        self.stack_calls: list[str] = []
        self.stack_errors: list[Exception] = []
        # Other stacks by name, and what announces stacks, by the names of parameters.
        self.other_stacks: dict[str, Stack] = {}
        self.announcements: dict[str, str] = {}
        self.announcement_errors: list[Exception] = []
        self.bodies: list[bytes] = []
        # Events that the function has invoked itself with, and the errors of the next Invokes.
        self.queue: list[dict[str, Any]] = []
        self.invoke_errors: list[Exception] = []
        self.invocations = 0
        self.secrets: dict[str, str] = {}
        # Called instead of passing time when the function sleeps.
        self.on_sleep: Callable[[float], None] | None = None
        self.provider = CustomResource(
            RESOURCE_TYPES,
            self._client,
            Clock(
                now=lambda: self.now,
                sleep=self.pass_time,
                jitter=lambda: 0.5,
                utc_now=lambda: datetime.fromtimestamp(self.now, UTC),
            ),
            self._put,
        )

    def pass_time(self, seconds: float) -> None:
        if self.on_sleep:
            self.on_sleep(seconds)
        else:
            self.now += seconds

    def enable(self, name: str, email: str, *, ago: float = 3600.0) -> None:
        """Enables an entity outside the stack, `ago` seconds ago: before the operation began."""
        now, self.now = self.now, self.now - ago
        self.workmail.perform(
            "RegisterToWorkMail",
            {"OrganizationId": ORGANIZATION_ID, "EntityId": name, "Email": email},
        )
        self.now = now
        self.workmail.calls.clear()

    def another_organization(self) -> str:
        """Adds an organization with a user alice and returns its id."""
        another = self.workmail.add_organization(
            "other", organization_id=OTHER_ORGANIZATION_ID, domain="example.org"
        )
        another.add_user("alice")
        return OTHER_ORGANIZATION_ID

    def another_stack(self, name: str, **resources: tuple[str, str]) -> Stack:
        """Adds a stack that announces itself for the organization, with these resources."""
        other = Stack("UPDATE_COMPLETE", self.now - 86400, resources=resources)
        self.other_stacks[name] = other
        self.announcements[f"/cdk-workmail/{ORGANIZATION_ID}/{name}"] = stack_id(name)
        return other

    def _stacks(self) -> dict[str, Stack]:
        stacks = {stack_id(name): stack for name, stack in self.other_stacks.items()}
        stacks[STACK_ID] = self.stack
        if self.stack.root:
            stacks[ROOT_STACK_ID] = self.stack.root
        return stacks

    def registration_id(self, entity: Any) -> str:
        return f"{ORGANIZATION_ID}/{entity.entity_id}"

    def send(
        self,
        request_type: str,
        physical_id: str | None = None,
        *,
        seconds: float = 600.0,
        **given: Any,
    ) -> dict[str, Any]:
        """The one response to a request, with all its invocations. See `request`."""
        before = len(self.bodies)
        self.queue.append(self.request(request_type, physical_id, **given))
        while self.queue:
            self.invoke(seconds)
        assert len(self.bodies) == before + 1, "exactly one response to each request"
        response: dict[str, Any] = json.loads(self.bodies[-1])
        return response

    def request(
        self,
        request_type: str,
        physical_id: str | None = None,
        *,
        logical_id: str = "Alice",
        request_id: str = "request-1",
        resource_type: str = REGISTRATION,
        before: Mapping[str, Any] | None = None,
        **properties: Any,
    ) -> dict[str, Any]:
        """One event of CloudFormation; `before` has the old properties of an Update."""
        request = event(
            request_type,
            LogicalResourceId=logical_id,
            PhysicalResourceId=physical_id,
            RequestId=request_id,
            ResourceType=resource_type,
            OldResourceProperties=before,
        )
        registration = request["ResourceProperties"] if resource_type == REGISTRATION else {}
        request["ResourceProperties"] = {**registration, **properties}
        return request

    def invoke(self, seconds: float) -> None:
        """Invokes the function with the next event of the queue."""
        self.invocations += 1
        self.provider(self.queue.pop(0), HarnessContext(self, self.now + seconds))

    @property
    def operations(self) -> list[str]:
        """The names of the WorkMail calls so far."""
        return [call.operation for call in self.workmail.calls]

    def _client(self, service: str, region: str | None) -> Any:
        if service == "workmail":
            return WorkMailClient(self.workmail, region or "us-east-1")
        if service == "s3":
            return self.s3
        if service == "secretsmanager":
            return SecretsManagerClient(self.secrets)
        if service == "lambda":
            return LambdaClient(self.queue, self.invoke_errors)
        if service == "ssm":
            return ParameterStoreClient(self.announcements, self.announcement_errors)
        assert (service, region) == ("cloudformation", None)
        return CloudFormationClient(self._stacks(), self.stack_calls, self.stack_errors)

    def _put(self, url: str, body: bytes, timeout: float) -> int:
        self.bodies.append(body)
        return 200


class EntityHarness(FunctionHarness):
    """For custom resources that create entities: none of `names` exists yet."""

    names: Mapping[str, str] = {USER: "dora", GROUP: "sales", RESOURCE: "beamer"}

    def __init__(self) -> None:
        super().__init__()
        self.secrets[SECRET_ARN] = PASSWORD

    def declare(
        self, resource_type: str, physical_id: str | None = None, **changes: Any
    ) -> dict[str, Any]:
        """The response to a Create, or with a physical id to an Update."""
        declared: dict[str, Any] = {"OrganizationId": ORGANIZATION_ID}
        if resource_type in self.names:
            declared["Name"] = self.names[resource_type]
        if resource_type == USER:
            declared["Attributes"] = {"DisplayName": "Dora"}
        if resource_type == RESOURCE:
            declared["Attributes"] = {"Type": "EQUIPMENT"}
        request_type = "Update" if physical_id else "Create"
        given = {**declared, **changes}
        return self.send(request_type, physical_id, resource_type=resource_type, **given)

    def delete(self, resource_type: str, physical_id: str, **changes: Any) -> dict[str, Any]:
        given = {"OrganizationId": ORGANIZATION_ID, **changes}
        return self.send("Delete", physical_id, resource_type=resource_type, **given)

    def entity(self, name: str) -> Any:
        return self.organization.entity(name)

    def exists(self, name: str) -> bool:
        entities = self.organization.entities.values()
        return any(entity.name == name and entity.state != "DELETED" for entity in entities)

    @property
    def changes(self) -> list[str]:
        """The names of the calls so far that do not only read."""
        return [name for name in self.operations if not name.startswith(("Describe", "List"))]


def succeeded(response: Mapping[str, Any]) -> str:
    """The physical id."""
    assert response["Status"] == "SUCCESS", response["Reason"]
    return str(response["PhysicalResourceId"])


def failed(response: Mapping[str, Any]) -> str:
    """The reason."""
    assert response["Status"] == "FAILED"
    return str(response["Reason"])
