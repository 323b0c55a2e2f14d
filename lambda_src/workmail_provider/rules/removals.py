"""How many entries of a roster one update may remove."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# With fewer entries a share is not checked: a quarter of three would forbid every removal.
_FEWEST_FOR_A_SHARE = 10


@dataclass(frozen=True)
class RosterDeclaration:
    """The entries of a roster whose removal disables or deletes something, and those retained.

    An entry is `<type>/<name>`, for example `registration/alice`.
    """

    organization_id: str
    entries: tuple[str, ...]
    retained: tuple[str, ...]
    # A number, or a share such as `25%`.
    maximum_removals: str


def removed_entries(before: RosterDeclaration, now: RosterDeclaration) -> list[str]:
    """Those that the update removes; an entry that is retained from now on is not removed."""
    return _without(before.entries, (*now.entries, *now.retained))


def added_entries(before: RosterDeclaration, now: RosterDeclaration) -> list[str]:
    """Those that the update adds: some may be removed ones by another name."""
    return _without((*now.entries, *now.retained), (*before.entries, *before.retained))


def entity_names(entries: Iterable[str]) -> list[str]:
    """The names of the entities; one that is disabled and deleted is one entity."""
    return sorted({entry.partition("/")[2] for entry in entries})


def allowed_removals(maximum: str, entities: int) -> int:
    """How many of so many entities one update may remove."""
    if not maximum.endswith("%"):
        return int(maximum)
    if entities < _FEWEST_FOR_A_SHARE:
        return entities
    return int(entities * float(maximum.removesuffix("%")) / 100)


def _without(entries: Iterable[str], others: Iterable[str]) -> list[str]:
    """WorkMail's names ignore case."""
    known = {*map(str.casefold, others)}
    return sorted(entry for entry in entries if entry.casefold() not in known)
