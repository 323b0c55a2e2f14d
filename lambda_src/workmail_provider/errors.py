"""What can go wrong, as sentences for the reader of `cdk deploy`.

ProviderError
+-- RequestFailed       final: the request fails with this message
|   +-- BudgetSpent     what was waited for did not settle in time
+-- NotReady            may settle by itself: retry within the budget that it names
+-- ServiceError        an AWS error code that the caller must judge
+-- ContinueLater       takes longer than one invocation: another one continues
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workmail_provider.budgets import Budget


class ProviderError(Exception):
    """Every error that this function raises on purpose."""


class RequestFailed(ProviderError):
    """The request fails; the message says what failed, on what, and what to do."""


class BudgetSpent(RequestFailed):
    """A step was still not ready when its budget or the request's time was spent."""

    def __init__(self, budget: Budget, message: str) -> None:
        super().__init__(message)
        self.budget = budget


class NotReady(ProviderError):
    """A step that may succeed later; the message is used if it never does."""

    def __init__(self, budget: Budget, message: str) -> None:
        super().__init__(message)
        self.budget = budget


class ServiceError(ProviderError):
    """An error response of an AWS service whose meaning depends on the call."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.operation = operation
        self.code = code
        self.message = message

    @property
    def detail(self) -> str:
        """The message in brackets for the end of a sentence, empty if there is none."""
        return f" ({self.message})" if self.message else ""


class ContinueLater(ProviderError):
    """The request needs another invocation, which receives what is `remembered`.

    The message is used if there is no time left for one.
    """

    def __init__(self, message: str, remembered: Mapping[str, str]) -> None:
        super().__init__(message)
        self.remembered = dict(remembered)


def shown(values: Sequence[str]) -> str:
    """The first of many values, for a message."""
    return ", ".join(values[:2]) + (", ..." if len(values) > 2 else "")
