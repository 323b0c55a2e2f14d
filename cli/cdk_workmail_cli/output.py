"""What the command prints: tables for people, Markdown for pull requests, JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Self, TextIO

from cdk_workmail_cli.comparison import Action, Finding

# What a difference means where nothing is to be deployed.
_DRIFT = {
    Action.CREATE: "missing",
    Action.NOT_THERE: "missing",
    Action.STAY_DISABLED: "off",
    Action.RENAME: "name changed",
    Action.CHANGE_ATTRIBUTE: "attribute changed",
    Action.CHANGE_ADDRESS: "address changed",
    Action.ADD_ALIAS: "alias removed",
    Action.REMOVE_ALIAS: "alias added",
    Action.ADD_MEMBER: "member removed",
    Action.REMOVE_MEMBER: "member added",
    Action.ADD_DELEGATE: "delegate removed",
    Action.REMOVE_DELEGATE: "delegate added",
}


@dataclass(frozen=True)
class Report:
    """What was found. `notes` are what a reader has to know besides."""

    subject: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    is_drift: bool

    @property
    def changes(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.action.changes_nothing)

    def as_json(self) -> str:
        document = {
            "subject": self.subject,
            "changes": len(self.changes),
            "findings": [
                {**asdict(finding), "finding": self._word(finding)} for finding in self.findings
            ],
            "notes": list(self.notes),
        }
        return json.dumps(document, indent=2, ensure_ascii=False)

    def as_markdown(self) -> str:
        lines = [f"### {self.subject}: {self._summary()}"]
        if self._rows():
            cells = [self._header(), ["---"] * len(self._header()), *self._rows()]
            lines += ["", *(f"| {' | '.join(map(_escaped, row))} |" for row in cells)]
        lines += [f"\n{note}" for note in self._all_notes()]
        return "\n".join(lines)

    def as_table(self) -> str:
        lines = [*_aligned([self._header(), *self._rows()]), ""] if self._rows() else []
        lines.append(f"{self.subject}: {self._summary()}")
        return "\n".join([*lines, *self._all_notes()])

    def _header(self) -> list[str]:
        return ["Finding" if self.is_drift else "Action", "Entity", "Detail", "Declared in"]

    def _rows(self) -> list[list[str]]:
        """Adopted entities are counted, not listed."""
        return [
            [
                f"{self._word(finding)}{' *' if finding.needs_revision else ''}",
                finding.entity,
                finding.detail,
                finding.where,
            ]
            for finding in self.findings
            if finding.action is not Action.ADOPT
        ]

    def _word(self, finding: Finding) -> str:
        return _DRIFT.get(finding.action, finding.action) if self.is_drift else finding.action

    def _summary(self) -> str:
        counts = Counter(self._word(finding) for finding in self.findings)
        counted = ", ".join(f"{word} {count}" for word, count in counts.items())
        if not self.changes:
            return f"nothing to do{f' ({counted})' if counted else ''}"
        return counted

    def _all_notes(self) -> list[str]:
        skipped = any(finding.needs_revision for finding in self.findings)
        repair = (
            "* The next deployment does not repair this: change the `revision` of the declaration."
        )
        return [*([repair] if skipped else []), *self.notes]


class Progress:
    """One line that counts, on a terminal only, and at the end how often calls were repeated."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_shown = stream.isatty()
        self._repeated = 0

    def __call__(self, what: str, count: int) -> None:
        if self._is_shown:
            print(f"\r{count} {what}\033[K", end="", file=self._stream, flush=True)

    def repeated(self, count: int) -> None:
        """Counts the calls that were sent again."""
        self._repeated += count

    def clear(self) -> None:
        """Before anything else is printed."""
        if self._is_shown:
            print("\r\033[K", end="", file=self._stream, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
        if self._repeated:
            print(
                f"cdk-workmail: {self._repeated} calls were sent again, because AWS throttled them "
                "or did not respond",
                file=self._stream,
            )


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows = [rows[0], ["-" * width for width in widths], *rows[1:]]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
