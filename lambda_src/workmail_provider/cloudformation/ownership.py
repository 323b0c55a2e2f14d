"""What the stack says of one physical id, before it is adopted, disabled or deleted."""

from __future__ import annotations

from collections.abc import Callable

from workmail_provider.cloudformation.request import Invocation
from workmail_provider.cloudformation.stacks import Stack
from workmail_provider.rules.ownership import (
    StackOperation,
    is_managed_elsewhere,
    is_rolled_back,
    other_declaration,
)


def stack_operation(invocation: Invocation) -> StackOperation:
    """The operation that the request's stack is in. Raises RequestFailed if it is unreadable."""
    return _stack(invocation).operation()


class Ownership:
    """`existed_before`: whether what the id names existed, or was enabled, before an operation."""

    def __init__(
        self,
        invocation: Invocation,
        physical_id: str,
        existed_before: Callable[[StackOperation], bool],
    ) -> None:
        self._logical_id = invocation.request.logical_id
        self._physical_id = physical_id
        self._existed_before = existed_before
        self._stack = _stack(invocation)
        self._operation: StackOperation | None = None

    @property
    def operation(self) -> StackOperation:
        """The operation that the stack is in, read once. Raises RequestFailed."""
        if self._operation is None:
            self._operation = self._stack.operation()
        return self._operation

    def is_managed_elsewhere(self) -> bool:
        """Whether `adopt_existing` decides. Raises RequestFailed when the stack is unreadable."""
        return is_managed_elsewhere(
            self._physical_id,
            self._logical_id,
            self._existed_before(self.operation),
            self.operation,
            self._stack.resources(),
        )

    def reason_to_retain(self) -> str | None:
        """Why a Delete changes nothing: it is late, handed over, or rolled back.

        Raises RequestFailed when what decides that is unreadable.
        """
        operation = self.operation
        if operation.is_over:
            return f"the stack is {operation.status}: CloudFormation no longer waits for this"
        if not operation.deletes_stack:
            other = other_declaration(self._physical_id, self._logical_id, self._stack.resources())
            if other:
                return f"handed over to {other}"
        if is_rolled_back(self._existed_before(operation), operation):
            return f"it existed before {operation.began_at}, when the operation that failed began"
        return None


def _stack(invocation: Invocation) -> Stack:
    client = invocation.clients("cloudformation", None)
    return Stack(client, invocation.request.stack_id)
