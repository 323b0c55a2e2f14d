"""docs/fault-matrix.md is what the cases came to, put so that a person can read it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.events import Event
from tests.faults.injection import AFTER_WORK, EVERYWHERE
from tests.faults.outcomes import ALL_EVENTS, FOR_EVER, Case, Outcome, all_cases, cases, clean

TROUBLE = {
    "trouble": [fault.name for fault in EVERYWHERE],
    "trouble after the work": [fault.name for fault in AFTER_WORK],
}
DOCUMENT = Path(__file__).parents[2] / "docs" / "fault-matrix.md"
INTRODUCTION = """\
# Every fault at every call

What each event comes to when one of its AWS calls meets each error that the service documents for
it, and what any call can meet: once, and for ever. {count} cases, run in one process against the
local WorkMail and checked against the lifecycle contract by `tests/faults/`.
This file is generated from them: `make documents`.

- **trouble** is any of: {trouble}.
- **trouble after the work**, which WorkMail has done then: {after_work}.
- **as without**: the same answer, physical id and state as without the fault; *waits* says that it
  took a while. "Once" is five times in a row for denied access, which passes within minutes and
  not with the next call.
- **FAILED at once**: the error is final, and nothing is tried a second time. **FAILED after
  waiting**: the budget that the sentence names was spent, inside the function's time.
- Under SNAPSHOT all invocations of a request are one event: the function calls itself by
  **Invoke**, and CloudFormation waits an hour. Calls are counted over all of them. If Lambda takes
  an Invoke and never says so, the request is answered FAILED and the invocation comes all the same:
  its answer does not count, and the mailbox that it disables is exported.
- Then comes the physical id of the answer: *event's*, *canonical*, or the *marker* of a Create
  that asked for nothing; and what is different in WorkMail from before. The numbers are those of
  the sentences at the end.
"""


def test_the_matrix_in_the_documents_is_that_of_this_code() -> None:
    """If this fails, look at the difference and write the file anew: `make documents`."""
    rendered = document()
    if os.environ.get("WRITE_DOCUMENTS"):
        DOCUMENT.write_text(rendered)
    assert DOCUMENT.read_text() == rendered


def document() -> str:
    sentences = Sentences()
    chapters = [chapter(event, sentences) for event in ALL_EVENTS]
    count = sum(1 for _ in all_cases())
    introduction = INTRODUCTION.format(
        count=count,
        trouble=", ".join(TROUBLE["trouble"]),
        after_work=", ".join(TROUBLE["trouble after the work"]),
    )
    return "\n".join([introduction, *chapters, sentences.chapter()])


class Sentences:
    """Sentences by number, in the order in which they first occur."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, case: Case) -> int:
        sentence = case.outcome.sentence
        for pattern, put in VARIABLE:
            sentence = re.sub(pattern, put, sentence)
        return self._numbers.setdefault(sentence, len(self._numbers) + 1)

    def chapter(self) -> str:
        lines = [f"{number}. {sentence}" for sentence, number in self._numbers.items()]
        return "\n".join(["## What is said", "", *lines, ""])


NAMES = "alice|bob|team|board-room|dora|theodora|sales|beamer|projector"
# What differs from case to case in a sentence that is otherwise the same.
VARIABLE = (
    (r"arn:aws:secretsmanager:\S+?:dora-AbCdEf", "`<secret>`"),
    (r"deregister it by hand: .*", "deregister it by hand: `<what failed>`"),
    (r"; until then .*", "; until then `<how far the export is>`"),
    (r"(workmail|cloudformation|lambda|secretsmanager):(\w+)", "`<call>`"),
    (r"job's id\.+", "`<job>`"),
    (r"is at \d+ %", "is at `<n>` %"),
    (r"m-[0-9a-f]{32}|[-\w]+'s id\.+", "`<id>`"),
    (r"\b[-\w]+@example.com", "`<address>`"),
    (r"\bexample.com", "`<domain>`"),
    (
        rf"(user|group|resource) ({NAMES}|`<id>`)",
        "`<entity>`",
    ),
    (r"`<entity>` \(id `<id>`\)", "`<entity>`"),
    (rf"\b({NAMES})\b", "`<entity>`"),
    (r"stack (Mail|Root)", "stack `<name>`"),
    (r"waited \d+ s", "waited `<n>` s"),
    (
        r"\b(\w+Exception|\w+Error|DecryptionFailure|InternalFailure|ServiceUnavailable|502)\b",
        "`<error>`",
    ),
    (r"This error was ordered by a test.", "`<message>`"),
)


def chapter(event: Event, sentences: Sentences) -> str:
    outcome = clean(event)
    lines = [f"## {event.title}", "", f"Without a fault: {end(event, outcome)}", ""]
    if not outcome.calls:
        return "\n".join([*lines, "It makes no call.", ""])
    lines += ["| call | fault | once | for ever | said |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows(event, sentences)]
    return "\n".join([*lines, ""])


@dataclass
class Row:
    """The faults of a call that come to the same, and what is said then."""

    faults: list[str] = field(default_factory=list)
    numbers: set[int] = field(default_factory=set)


def rows(event: Event, sentences: Sentences) -> Iterator[tuple[str, ...]]:
    """One for the faults of a call that come to the same, and for the calls whose faults do."""
    passing: dict[tuple[str, str], str] = {}
    made: dict[tuple[str, str, str], Row] = {}
    said: dict[tuple[str, str], set[int]] = {}
    for case in cases(event):
        call = f"{case.order.operation} {nth(case)}"
        numbers = said.setdefault((call, case.fault.name), set())
        if case.outcome.sentence and case.outcome.sentence != clean(event).sentence:
            numbers.add(sentences.number(case))
        if case.order.times is not FOR_EVER:
            passing[call, case.fault.name] = cell(case)
            continue
        once, for_ever = passing[call, case.fault.name], cell(case)
        row = made.setdefault((call, once, "the same" if once == for_ever else for_ever), Row())
        row.faults.append(case.fault.name)
        row.numbers |= numbers
    calls: dict[tuple[str, ...], list[str]] = {}
    for (call, once, for_ever), row in made.items():
        numbered = ", ".join(map(str, sorted(row.numbers)))
        calls.setdefault((shortened(row.faults), once, for_ever, numbered), []).append(call)
    for rest, where in calls.items():
        yield (", ".join(where), *rest)


def nth(case: Case) -> str:
    """How many reads a wait takes is no matter of the contract: of many, the last is the last."""
    return str(case.order.occurrence) if case.order.occurrence <= 2 else "last"


def shortened(faults: list[str]) -> str:
    for name, meant in TROUBLE.items():
        if set(meant) <= set(faults):
            faults = [*(fault for fault in faults if fault not in meant), name]
    return ", ".join(faults)


def cell(case: Case) -> str:
    outcome, expected = case.outcome, clean(case.event)
    same = (outcome.succeeded, outcome.physical_id, outcome.after) == (
        expected.succeeded,
        expected.physical_id,
        expected.after,
    )
    waits = outcome.took > expected.took or "(waited " in outcome.sentence
    if same and outcome.sentence == expected.sentence:
        return "waits, as without" if waits else "as without"
    status = "SUCCESS" if outcome.succeeded else "FAILED"
    how = "after waiting" if waits else "at once"
    return f"{status} {how}, {identity(outcome)}, {difference(case.event, outcome)}"


def end(event: Event, outcome: Outcome) -> str:
    status = "SUCCESS" if outcome.succeeded else "FAILED"
    return f"{status}, {identity(outcome)}, {difference(event, outcome)}."


def identity(outcome: Outcome) -> str:
    return outcome.physical_id.removeprefix("the ").partition(":")[0]


def difference(event: Event, outcome: Outcome) -> str:
    names: Iterable[str] = sorted(outcome.before.keys() | outcome.after.keys())
    changed = [
        described(name, outcome, event.unlisted)
        for name in names
        if outcome.before.get(name) != outcome.after.get(name)
    ]
    return " and ".join(changed) or "nothing changed"


def described(name: str, outcome: Outcome, unlisted: str) -> str:
    state, told = outcome.after.get(name, (unlisted, None))
    return f"{name} is {state} as {told}" if told else f"{name} is {state}"
