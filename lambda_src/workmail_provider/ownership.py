"""Whose something is: what the stack tells before it is taken over, or taken away."""

from __future__ import annotations

from collections.abc import Callable

from workmail_provider.invocation import Invocation
from workmail_provider.lifecycle import (
    StackOperation,
    belongs_to_somebody_else,
    is_rolled_back,
    other_holder,
)
from workmail_provider.stack import Stack


def stack_operation(invocation: Invocation) -> StackOperation:
    """What the request's stack is going through. Raises Failure when that cannot be read."""
    return _stack(invocation).operation()


class Ownership:
    """What the request's stack says of one physical id.

    `was_before` tells whether what it names was there, or enabled, when an operation began.
    """

    def __init__(
        self,
        invocation: Invocation,
        physical_id: str,
        was_before: Callable[[StackOperation], bool],
    ) -> None:
        self._invocation = invocation
        self._physical_id = physical_id
        self._was_before = was_before
        self._stack = _stack(invocation)
        self._operation: StackOperation | None = None

    @property
    def operation(self) -> StackOperation:
        """What the stack is going through, read once. Raises Failure when that cannot be read."""
        if self._operation is None:
            self._operation = self._stack.operation()
        return self._operation

    def is_somebody_elses(self) -> bool:
        """Whether `adopt_existing` decides. Raises Failure when the stack cannot be read."""
        return belongs_to_somebody_else(
            self._physical_id,
            self._invocation.request.logical_id,
            self._was_before(self.operation),
            self.operation,
            self._stack.resources(),
        )

    def reason_to_leave(self) -> str | None:
        """Why a Delete touches nothing: it is late, handed over, or rolled back.

        Raises Failure when what decides that cannot be read.
        """
        operation = self.operation
        if operation.is_over:
            return f"the stack is {operation.status}: nobody waits for this request any more"
        if not operation.deletes_stack:
            logical_id = self._invocation.request.logical_id
            holder = other_holder(self._physical_id, logical_id, self._stack.resources())
            if holder:
                return f"handed over to {holder}"
        if is_rolled_back(self._was_before(operation), operation):
            return f"it was there before {operation.began_at}, when what is rolled back began"
        return None


def _stack(invocation: Invocation) -> Stack:
    client = invocation.clients("cloudformation", None)
    return Stack(client, invocation.request.stack_id)
