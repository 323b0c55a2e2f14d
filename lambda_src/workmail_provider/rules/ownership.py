"""What manages an entity: this resource, another one, another stack, or something outside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Creation:
    """The creation of a stack."""

    stack_id: str
    began_at: datetime


@dataclass(frozen=True)
class StackOperation:
    """The operation that the stack of a request is in.

    `status` is the stack's own; `root_status` is that of the root stack above it, or None for a
    stack that is not nested. `began_at` is the begin of the operation that either is in; a
    deletion does not move it. `identity` is another one in each operation of the root stack.
    `creations` are those of the root stack, if there is one, and of the stack. LastUpdatedTime does
    not say whether they succeeded: a change set that creates a stack sets it too.
    """

    status: str
    root_status: str | None
    began_at: datetime
    identity: tuple[object, ...] = ()
    deletion_began_at: datetime | None = None
    creations: tuple[Creation, ...] = ()

    @property
    def deletes_stack(self) -> bool:
        return self.status == "DELETE_IN_PROGRESS"

    @property
    def only_removes(self) -> bool:
        """Whether the root stack and its nested stacks create and change nothing any more."""
        return (self.root_status or self.status) in (
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "DELETE_IN_PROGRESS",
        )

    @property
    def root_id(self) -> str:
        return self.creations[0].stack_id

    @property
    def rolls_back(self) -> bool:
        return any(_is_rolling_back(status) for status in (self.status, self.root_status))

    @property
    def is_over(self) -> bool:
        # An operation of the root stack reaches no nested stack that was deleted, and none whose
        # deletion failed until it deletes that one again.
        return self.status in ("DELETE_COMPLETE", "DELETE_FAILED") or not any(
            is_in_progress(status) for status in (self.status, self.root_status)
        )


@dataclass(frozen=True)
class StackResource:
    """One resource in the list of a stack's resources."""

    logical_id: str
    physical_id: str
    status: str
    resource_type: str


def other_declaration(
    physical_id: str, logical_id: str, resources: Iterable[StackResource]
) -> str | None:
    """The logical id of another resource of the stack with the same physical id."""
    for resource in resources:
        if (
            resource.physical_id == physical_id
            and resource.logical_id != logical_id
            and not resource.status.startswith(("DELETE_IN_PROGRESS", "DELETE_COMPLETE"))
        ):
            return resource.logical_id
    return None


def is_declared_again(
    physical_id: str, logical_id: str, resources: Iterable[StackResource]
) -> bool:
    """Whether the very resource of a Delete has this physical id, and is not being deleted.

    An update without rollback replaces alice by bob and fails, and the next one declares alice
    again: the clean-up may then delete both of the replaced ids. A Delete that Lambda delivers
    twice may come again in such an update. What CloudFormation removes reads DELETE_IN_PROGRESS.
    """
    return any(
        each.logical_id == logical_id
        and each.physical_id == physical_id
        and not each.status.startswith("DELETE")
        for each in resources
    )


def declared_elsewhere(
    physical_id: str, resources: Iterable[StackResource]
) -> StackResource | None:
    """The resource of another stack with the same physical id."""
    for resource in resources:
        if resource.physical_id == physical_id and is_declared(resource):
            return resource
    return None


def is_declared(resource: StackResource) -> bool:
    """A deleted stack lists what it retained as DELETE_SKIPPED: it no longer declares that."""
    return not resource.status.startswith(
        ("DELETE_IN_PROGRESS", "DELETE_COMPLETE", "DELETE_SKIPPED")
    )


def may_become_declaration(resource: StackResource, resource_type: str) -> bool:
    """Whether a resource of another stack may have another physical id in a moment."""
    return resource.resource_type == resource_type and resource.status in (
        "CREATE_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
    )


def is_managed_elsewhere(
    physical_id: str,
    logical_id: str,
    existed_before: bool,
    operation: StackOperation,
    resources: Iterable[StackResource],
) -> bool:
    """It existed before this stack operation, and no other resource of this stack declares it.

    A stack that rolls back declares what it managed before: that is never managed elsewhere.
    """
    return (
        not operation.rolls_back
        and existed_before
        and other_declaration(physical_id, logical_id, resources) is None
    )


def is_rolled_back(existed_before: bool, operation: StackOperation) -> bool:
    """A failed deployment retains what it found."""
    return operation.rolls_back and existed_before


def creation_completed(stack_statuses: Iterable[str]) -> bool | None:
    """Whether a stack was ever complete, from its own statuses, newest first.

    None if they do not reach back to its creation: CloudFormation keeps events for 90 days.
    """
    for status in stack_statuses:
        if status.endswith("_COMPLETE") and not status.startswith(("DELETE", "ROLLBACK")):
            return True
        if status == "CREATE_IN_PROGRESS":
            return False
    return None


def is_in_progress(status: str | None) -> bool:
    return status is not None and status.endswith("_IN_PROGRESS")


def _is_rolling_back(status: str | None) -> bool:
    return is_in_progress(status) and "ROLLBACK" in (status or "")
