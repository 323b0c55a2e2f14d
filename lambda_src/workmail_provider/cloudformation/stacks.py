"""The calls to CloudFormation about the stack of a request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from workmail_provider.aws import call, pages
from workmail_provider.errors import RequestFailed, ServiceError
from workmail_provider.rules.ownership import StackOperation, StackResource

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef


class Stack:
    """The stack that a request comes from."""

    def __init__(self, client: CloudFormationClient, stack_id: str) -> None:
        self._client = client
        self._id = stack_id

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
            deletion_began_at=stack.get("DeletionTime"),
        )

    def resources(self) -> Iterator[StackResource]:
        """The stack's resources, page by page. Raises RequestFailed."""
        for page in pages(partial(self._call, "ListStackResources", self._id)):
            for row in page["StackResourceSummaries"]:
                yield StackResource(
                    logical_id=row["LogicalResourceId"],
                    physical_id=row.get("PhysicalResourceId", ""),
                    status=row["ResourceStatus"],
                )

    def _describe(self, stack_id: str) -> StackTypeDef:
        stack: StackTypeDef = self._call("DescribeStacks", stack_id)["Stacks"][0]
        return stack

    def _call(self, operation: str, stack_id: str, **parameters: str) -> Any:
        stack = f"stack {_name(stack_id)}"
        try:
            return call(
                "cloudformation", self._client, operation, stack, StackName=stack_id, **parameters
            )
        except ServiceError as error:
            raise RequestFailed(
                f"{stack} could not be read, so nothing was changed: look at it in CloudFormation, "
                f"then try again ({error.code}: {error.message})"
            ) from error


def _name(stack_id: str) -> str:
    """The name in a stack's ARN, which is too long for a message."""
    return stack_id.partition(":stack/")[2].partition("/")[0] or stack_id


def _began_at(stack: StackTypeDef) -> datetime:
    return stack.get("LastUpdatedTime") or stack["CreationTime"]
