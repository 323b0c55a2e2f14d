"""What can go wrong, as sentences for the person who reads `cdk deploy`.

ProviderError
+-- Failure             final: the request fails with this sentence
+-- Unsettled           may pass by itself: look again inside the budget it names
+-- ServiceError        an AWS error code that the caller must judge
+-- Unfinished          takes longer than one invocation may: goes on in another one
"""

from __future__ import annotations

from collections.abc import Mapping

from workmail_provider.budgets import Budget


class ProviderError(Exception):
    """Everything that this function raises on purpose."""


class Failure(ProviderError):
    """The request fails; the message says what failed, on what, and what to do."""


class Unsettled(ProviderError):
    """Something that settles by itself has not yet; the message is for when it never does."""

    def __init__(self, budget: Budget, sentence: str) -> None:
        super().__init__(sentence)
        self.budget = budget


class ServiceError(ProviderError):
    """An error answer of an AWS service whose meaning depends on what was being done."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.operation = operation
        self.code = code
        self.message = message

    @property
    def in_brackets(self) -> str:
        """The message for the end of a sentence, nothing if there is none."""
        return f" ({self.message})" if self.message else ""


class Unfinished(ProviderError):
    """The request needs another invocation, which has to know what is `remembered`.

    The message is for when there is no time left for one.
    """

    def __init__(self, sentence: str, remembered: Mapping[str, str]) -> None:
        super().__init__(sentence)
        self.remembered = dict(remembered)
