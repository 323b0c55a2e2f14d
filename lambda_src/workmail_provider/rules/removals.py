"""How many entries of a roster one update may remove."""

from __future__ import annotations

from dataclasses import dataclass

# With fewer entries a share is not checked: a quarter of three would forbid every removal.
_FEWEST_FOR_A_SHARE = 10


@dataclass(frozen=True)
class RosterDeclaration:
    """The entries of a roster whose removal disables or deletes something, and those retained.

    An entry is `<type>/<name>`, for example `registration/alice`.
    """

    organization_id: str
    region: str | None
    entries: tuple[str, ...]
    retained: tuple[str, ...]
    # A number, or a share such as `25%`.
    maximum_removals: str


def removed_entries(before: RosterDeclaration, now: RosterDeclaration) -> list[str]:
    """Those that the update removes; an entry that is retained from now on is not removed."""
    return sorted({*before.entries} - {*now.entries} - {*now.retained})


def allowed_removals(maximum: str, entries: int) -> int:
    """How many of so many entries one update may remove."""
    if not maximum.endswith("%"):
        return int(maximum)
    if entries < _FEWEST_FOR_A_SHARE:
        return entries
    return int(entries * float(maximum.removesuffix("%")) / 100)
