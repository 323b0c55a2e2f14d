"""Which aliases a registration adds, and which it removes."""

from __future__ import annotations

from collections.abc import Collection


def to_add(current: Collection[str], declared: Collection[str]) -> list[str]:
    known = {alias.casefold() for alias in current}
    return sorted({alias.casefold() for alias in declared} - known)


def to_remove(
    current: Collection[str],
    declared: Collection[str],
    declared_before: Collection[str],
    primary: str,
    *,
    remove_others: bool,
) -> list[str]:
    """Those removed from the declaration; with `remove_others` also those never declared.

    A former primary address was never declared as an alias.
    """
    kept = {alias.casefold() for alias in declared} | {primary.casefold()}
    before = {alias.casefold() for alias in declared_before}
    return sorted(
        alias
        for alias in current
        if alias.casefold() not in kept and (remove_others or alias.casefold() in before)
    )
