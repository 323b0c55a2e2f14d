"""The calls to CloudFormation about the stack of a request, and about other stacks.

Each stack with declarations of an organization announces itself in Systems Manager: the parameter
`/cdk-workmail/<organization id>/<stack name>` has the stack's id as its value.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from workmail_provider.aws import call, pages
from workmail_provider.errors import RequestFailed, ServiceError
from workmail_provider.retry import Retry
from workmail_provider.rules.ownership import Creation, StackOperation, StackResource

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

ANNOUNCEMENTS = "/cdk-workmail"
NESTED_STACK = "AWS::CloudFormation::Stack"


class Stack:
    """One stack."""

    def __init__(self, client: CloudFormationClient, stack_id: str, retry: Retry) -> None:
        self._client = client
        self._id = stack_id
        self._retry = retry

    @property
    def name(self) -> str:
        """The name in the stack's ARN, which is too long for a message."""
        return self._id.partition(":stack/")[2].partition("/")[0] or self._id

    def status(self) -> str:
        """Its own status. Raises RequestFailed."""
        return self._describe(self._id)["StackStatus"]

    def operation(self) -> StackOperation:
        """The operation that the stack, or the root stack above it, is in. Raises RequestFailed."""
        stack = self._describe(self._id)
        root_id = stack.get("RootId")
        root = self._describe(root_id) if root_id and root_id != self._id else None
        # A nested stack takes part in its root's operation, unless it is updated on its own.
        moving = root if root and root["StackStatus"].endswith("_IN_PROGRESS") else stack
        return StackOperation(
            status=stack["StackStatus"],
            root_status=root["StackStatus"] if root else None,
            began_at=_began_at(moving),
            identity=_identity(moving),
            deletion_began_at=stack.get("DeletionTime"),
            creations=tuple(_creation(each) for each in (root, stack) if each),
        )

    def resources(self) -> Iterator[StackResource]:
        """The stack's resources, page by page. Raises RequestFailed."""
        for page in pages(partial(self._call, "ListStackResources")):
            for row in page["StackResourceSummaries"]:
                yield StackResource(
                    logical_id=row["LogicalResourceId"],
                    physical_id=row.get("PhysicalResourceId", ""),
                    status=row["ResourceStatus"],
                    resource_type=row["ResourceType"],
                )

    def resources_if_exists(self) -> Iterator[StackResource]:
        """The same; nothing for a stack that does not exist."""
        try:
            yield from self.resources()
        except StackNotFound:
            return

    def statuses(self) -> Iterator[str]:
        """The statuses that the stack itself had, newest first. Raises RequestFailed."""
        for page in pages(partial(self._call, "DescribeStackEvents")):
            for event in page["StackEvents"]:
                if event.get("PhysicalResourceId") == self._id:
                    yield event["ResourceStatus"]

    def _describe(self, stack_id: str) -> StackTypeDef:
        described = self._call("DescribeStacks", StackName=stack_id)
        stack: StackTypeDef = described["Stacks"][0]
        return stack

    def _call(self, operation: str, **parameters: str) -> Any:
        stack = f"stack {self.name}"
        parameters = {"StackName": self._id, **parameters}
        try:
            return call(self._retry, "cloudformation", self._client, operation, stack, **parameters)
        except ServiceError as error:
            failed = StackNotFound if "does not exist" in error.message else RequestFailed
            raise failed(
                f"{stack} could not be read, so nothing was changed: look at it in CloudFormation, "
                f"then try again ({error.code}: {error.message})"
            ) from error


class StackMemory:
    """What one process has read of stacks and need not read again."""

    def __init__(self) -> None:
        # The ids of stacks that were complete once, which stays true.
        self.completed: set[str] = set()
        self._operation: tuple[object, ...] = ()
        self._listings: dict[str, list[StackResource]] = {}

    def listings(self, operation: StackOperation) -> dict[str, list[StackResource]]:
        """The resources of stacks by id, as they were listed in this operation of the root stack.

        Empty in an operation that may still create or change something.
        """
        if operation.identity != self._operation or not operation.only_removes:
            self._operation = operation.identity
            self._listings = {}
        return self._listings


class StackNotFound(RequestFailed):
    """CloudFormation does not know the stack."""


def announced_stacks(ssm: Any, organization_id: str, retry: Retry) -> list[str]:
    """The ids of the stacks that declare something of the organization. Raises RequestFailed."""
    path = f"{ANNOUNCEMENTS}/{organization_id}"
    request = partial(call, retry, "ssm", ssm, "GetParametersByPath", path, Path=path)
    try:
        return [parameter["Value"] for page in pages(request) for parameter in page["Parameters"]]
    except ServiceError as error:
        raise RequestFailed(
            f"the stacks below {path} in Systems Manager could not be read, so nothing was "
            f"changed: look at it there, then try again ({error.code}: {error.message})"
        ) from error


def _creation(stack: StackTypeDef) -> Creation:
    return Creation(stack["StackId"], stack["CreationTime"])


def _identity(stack: StackTypeDef) -> tuple[object, ...]:
    times = (_began_at(stack), stack.get("DeletionTime"))
    return (stack["StackId"], stack["StackStatus"], *times)


def _began_at(stack: StackTypeDef) -> datetime:
    return stack.get("LastUpdatedTime") or stack["CreationTime"]
