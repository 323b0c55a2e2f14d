"""The rules of aliases: which of them a registration adds, and which it removes.

Nothing here calls AWS.
"""

from __future__ import annotations

from collections.abc import Collection


def to_add(there: Collection[str], declared: Collection[str]) -> list[str]:
    known = {alias.casefold() for alias in there}
    return sorted({alias.casefold() for alias in declared} - known)


def to_remove(
    there: Collection[str],
    declared: Collection[str],
    declared_before: Collection[str],
    primary: str,
    *,
    others_too: bool,
) -> list[str]:
    """Those that left the declaration; with `others_too` also those that were never in it.

    What an address change left behind was never declared as an alias.
    """
    stay = {alias.casefold() for alias in declared} | {primary.casefold()}
    before = {alias.casefold() for alias in declared_before}
    return sorted(
        alias
        for alias in there
        if alias.casefold() not in stay and (others_too or alias.casefold() in before)
    )
