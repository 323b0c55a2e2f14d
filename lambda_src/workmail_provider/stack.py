"""What the function asks of CloudFormation about its own stack."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workmail_provider.aws import call
from workmail_provider.errors import Failure, ServiceError
from workmail_provider.lifecycle import StackOperation, StackResource

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef


class Stack:
    """The stack that a request comes from."""

    def __init__(self, client: CloudFormationClient, stack_id: str) -> None:
        self._client = client
        self._id = stack_id

    def operation(self) -> StackOperation:
        """What the stack, or the root stack above it, is going through. Raises Failure."""
        stack = self._describe(self._id)
        root_id = stack.get("RootId")
        root = self._describe(root_id) if root_id and root_id != self._id else None
        # A nested stack moves as part of its root's operation, unless it is updated on its own.
        moving = root if root and root["StackStatus"].endswith("_IN_PROGRESS") else stack
        return StackOperation(
            status=stack["StackStatus"],
            root_status=root["StackStatus"] if root else None,
            began_at=_began_at(moving),
            deletion_began_at=stack.get("DeletionTime"),
        )

    def resources(self) -> Iterator[StackResource]:
        """The stack's resources, page by page. Raises Failure."""
        token: dict[str, str] = {}
        while True:
            page = self._call("ListStackResources", self._client.list_stack_resources, **token)
            for row in page["StackResourceSummaries"]:
                yield StackResource(
                    logical_id=row["LogicalResourceId"],
                    physical_id=row.get("PhysicalResourceId", ""),
                    status=row["ResourceStatus"],
                )
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def _describe(self, stack_id: str) -> StackTypeDef:
        answer = self._call("DescribeStacks", self._client.describe_stacks, stack_id)
        stack: StackTypeDef = answer["Stacks"][0]
        return stack

    def _call(self, operation: str, method: Any, stack_id: str = "", **parameters: str) -> Any:
        stack_id = stack_id or self._id
        stack = f"stack {_name(stack_id)}"
        try:
            return call(
                "cloudformation", operation, method, stack, StackName=stack_id, **parameters
            )
        except ServiceError as error:
            raise Failure(
                f"{stack} could not be read, so nothing was changed: look at it in CloudFormation, "
                f"then try again ({error.code}: {error.message})"
            ) from error


def _name(stack_id: str) -> str:
    """The name in a stack's ARN, which is too long for a sentence."""
    return stack_id.partition(":stack/")[2].partition("/")[0] or stack_id


def _began_at(stack: StackTypeDef) -> datetime:
    return stack.get("LastUpdatedTime") or stack["CreationTime"]
