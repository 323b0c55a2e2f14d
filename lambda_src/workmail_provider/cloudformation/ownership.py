"""What this stack and others say of one physical id, before it is adopted, disabled or deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime

from workmail_provider.budgets import DECLARATIONS_SETTLED
from workmail_provider.cloudformation.request import Invocation
from workmail_provider.cloudformation.stacks import NESTED_STACK, Stack, announced_stacks
from workmail_provider.errors import NotReady, ProviderError, RequestFailed
from workmail_provider.rules.ownership import (
    Creation,
    StackOperation,
    StackResource,
    creation_completed,
    declared_elsewhere,
    is_declared,
    is_declared_again,
    is_in_progress,
    is_managed_elsewhere,
    is_rolled_back,
    may_become_declaration,
    other_declaration,
)
from workmail_provider.rules.physical_ids import EntityPhysicalId, RegistrationId


def stack_operation(invocation: Invocation) -> StackOperation:
    """The operation that the request's stack is in. Raises RequestFailed if it is unreadable."""
    return _stack(invocation, invocation.request.stack_id).operation()


def restores(invocation: Invocation) -> bool:
    """Whether this is an Update of a rollback, which declares what the stack had before.

    A Create that Lambda delivers again while the stack rolls back restores nothing. Raises
    RequestFailed.
    """
    return invocation.request.request_type == "Update" and stack_operation(invocation).rolls_back


def status_if_over(invocation: Invocation) -> str | None:
    """The status of the request's stack, if CloudFormation waits for nothing of it any more.

    A stack that is in progress need not be asked for its root. Raises RequestFailed.
    """
    if is_in_progress(_stack(invocation, invocation.request.stack_id).status()):
        return None
    operation = stack_operation(invocation)
    return operation.status if operation.is_over else None


def declared_outside(invocation: Invocation, organization_id: str) -> set[str]:
    """The physical ids that other stacks declare; the nested stacks of this one are not others.

    Raises RequestFailed.
    """
    own = _stack(invocation, invocation.request.stack_id)
    nested = {each.physical_id for each in own.resources() if each.resource_type == NESTED_STACK}
    ssm, retry = invocation.clients("ssm", None), invocation.retry
    return {
        each.physical_id
        for stack_id in announced_stacks(ssm, organization_id, retry)
        if stack_id not in {invocation.request.stack_id, *nested}
        for each in _stack(invocation, stack_id).resources_if_exists()
        if is_declared(each)
    }


class Ownership:
    """`existed_at`: whether what the id names existed, or was enabled, at a time."""

    def __init__(
        self,
        invocation: Invocation,
        physical_id: RegistrationId | EntityPhysicalId,
        existed_at: Callable[[datetime], bool],
    ) -> None:
        self._invocation = invocation
        self._request = invocation.request
        self._organization_id = physical_id.organization_id
        self._physical_id = str(physical_id)
        self._existed_at = existed_at
        self._stack = _stack(invocation, self._request.stack_id)
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
            self._request.logical_id,
            self._existed_at(self.operation.began_at),
            self.operation,
            self._stack.resources(),
        )

    def manager(self) -> str:
        """For a message: the stack that declares it, as far as that is readable."""
        with suppress(ProviderError):
            return self._declared_elsewhere() or "managed elsewhere"
        return "managed elsewhere"

    def reason_to_retain(self) -> str | None:
        """Why a Delete changes nothing: it is late, handed over, or rolled back.

        Raises RequestFailed when what decides that is unreadable.
        """
        operation = self.operation
        if operation.is_over:
            return f"the stack is {operation.status}: CloudFormation no longer waits for this"
        if not operation.deletes_stack:
            resources, logical_id = list(self._stack.resources()), self._request.logical_id
            other = other_declaration(self._physical_id, logical_id, resources)
            if other:
                return f"handed over to {other}"
            if is_declared_again(self._physical_id, logical_id, resources):
                return f"declared again by {logical_id}"
        if is_rolled_back(self._existed_at(operation.began_at), operation):
            return f"it existed before {operation.began_at}, when the operation that failed began"
        return self._found_by_failed_creation() or self._declared_elsewhere()

    def declaration(self) -> str | None:
        """What declares it in this stack or another one, the resource of the request included.

        Raises NotReady while another stack may be about to declare it, and RequestFailed.
        """
        found = declared_elsewhere(self._physical_id, self._stack.resources())
        return f"declared by {found.logical_id}" if found else self._declared_elsewhere()

    def _found_by_failed_creation(self) -> str | None:
        """A stack whose creation failed retains what it found when it is deleted."""
        if not self.operation.deletes_stack:
            return None
        for creation in self.operation.creations:
            if self._existed_at(creation.began_at) and not self._completed(creation):
                return (
                    f"it existed before {creation.began_at}, and the creation of the stack failed"
                )
        return None

    def _completed(self, creation: Creation) -> bool:
        """Whether the stack was ever complete, which stays true: it is read once in a process."""
        if creation.stack_id in self._invocation.stack_memory.completed:
            return True
        stack = _stack(self._invocation, creation.stack_id)
        completed = creation_completed(stack.statuses())
        is_root = creation is self.operation.creations[0]
        if completed is None and is_root:
            raise RequestFailed(
                f"the events of stack {stack.name} do not say whether its creation succeeded, so "
                "nothing was changed: update the stack once, then delete it again"
            )
        if completed is False:
            return False
        # A nested stack without events of its creation was complete with its root.
        self._invocation.stack_memory.completed.add(creation.stack_id)
        return True

    def _declared_elsewhere(self) -> str | None:
        """The declaration in another stack. Raises NotReady while one may be in progress."""
        in_progress = None
        ssm, retry = self._invocation.clients("ssm", None), self._invocation.retry
        for stack_id in announced_stacks(ssm, self._organization_id, retry):
            if stack_id == self._request.stack_id:
                continue
            stack = _stack(self._invocation, stack_id)
            resources = self._resources_of(stack_id)
            found = declared_elsewhere(self._physical_id, resources)
            if found:
                return f"declared by {found.logical_id} of stack {stack.name}"
            if self._may_become_declaration(resources):
                in_progress = stack.name
        if in_progress:
            raise NotReady(
                DECLARATIONS_SETTLED,
                f"stack {in_progress} is being deployed and may declare {self._physical_id}, so "
                "nothing was changed: try again when it is complete",
            )
        return None

    def _resources_of(self, stack_id: str) -> list[StackResource]:
        """The resources of another stack, listed once while they can only become fewer.

        While a root stack only removes, it and its nested stacks declare nothing new: what one of
        them did not declare at an earlier request, it does not declare now. What it did declare is
        read again. Without this, the deletion of a roster of a thousand mailboxes makes more than
        ten thousand calls to CloudFormation, which allows few a second.
        """
        listings = self._invocation.stack_memory.listings(self.operation)
        listed = listings.get(stack_id)
        if (
            listed is None
            or declared_elsewhere(self._physical_id, listed)
            or self._may_become_declaration(listed)
        ):
            listed = list(_stack(self._invocation, stack_id).resources_if_exists())
            if stack_id in self._stacks_of_root(listings):
                listings[stack_id] = listed
        return listed

    def _stacks_of_root(self, listings: dict[str, list[StackResource]]) -> set[str]:
        """The root stack and its nested stacks, of an operation that only removes."""
        if not self.operation.only_removes:
            return set()
        root_id = self.operation.root_id
        if root_id not in listings:
            listings[root_id] = list(_stack(self._invocation, root_id).resources())
        rows = listings[root_id]
        return {root_id, *(row.physical_id for row in rows if row.resource_type == NESTED_STACK)}

    def _may_become_declaration(self, resources: Iterable[StackResource]) -> bool:
        return any(may_become_declaration(row, self._request.resource_type) for row in resources)


def _stack(invocation: Invocation, stack_id: str) -> Stack:
    return Stack(invocation.clients("cloudformation", None), stack_id, invocation.retry)
