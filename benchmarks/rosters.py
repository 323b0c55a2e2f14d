"""A thousand mailboxes in four nested stacks, beside as many bare custom resources."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import definitions, report
from benchmarks.definitions import STACKS, Define, members
from benchmarks.installed import assemble
from benchmarks.stacks import run
from local_aws import LocalAws

KINDS: Mapping[str, Define] = {
    "WorkMailRoster": definitions.nested_cdk_workmail,
    "bare": definitions.nested_bare,
    "same calls": definitions.nested_same_calls,
}
COMPARED = ("deploy", "change 10", "remove 10", "destroy")
_CHANGED = 10
_LEAST_SECONDS = 0.1  # a ratio of less is noise


def section(quick: bool) -> report.Section:
    size, rounds = (40, 1) if quick else (1000, 3)
    before = members(size)
    changed = members(_CHANGED, prefix="new") + before[_CHANGED:]
    steps = {
        "deploy": before,
        "no change": before,
        "change 10": changed,
        "remove 10": changed[:-_CHANGED],
    }
    with tempfile.TemporaryDirectory() as folder, LocalAws() as local_aws:
        local_aws.bootstrap()
        asset = assemble(Path(folder))
        runs = report.interleaved(
            rounds,
            {kind: partial(run, local_aws, define, steps, asset) for kind, define in KINDS.items()},
        )
    seconds = {
        name: [median(times[name] for times in runs[kind]) for kind in KINDS]
        for name in (*steps, "destroy")
    }
    return report.section(
        "Rosters",
        f"Seconds for {size:,} mailboxes in {STACKS} nested stacks on the embedded AWS, medians "
        f"of {rounds} interleaved rounds. Beside the roster are as many bare custom resources. "
        "Their handler makes the same WorkMail calls in `bare`. In `same calls` it also reads the "
        "stacks, as the function does before it changes an address or deregisters a mailbox.",
        report.table(
            ("", *KINDS, "to bare", "to same calls"),
            [row(name, *each) for name, each in seconds.items()],
        ),
        chart=report.Chart(
            "rosters",
            f"{size:,} mailboxes in {STACKS} nested stacks",
            "time in relation to bare custom resources",
            COMPARED,
            {
                f"to {kind}": [seconds[name][0] / seconds[name][place] for name in COMPARED]
                for place, kind in enumerate(KINDS)
                if place > 0
            },
            decimals=2,
            line=("bare", 1.0),
        ),
    )


def row(name: str, ours: float, *others: float) -> list[str]:
    seconds = (
        f"{each:.1f}" if each >= _LEAST_SECONDS else f"below {_LEAST_SECONDS}"
        for each in (ours, *others)
    )
    ratios = (f"{ours / other:.2f}" if other >= _LEAST_SECONDS else "" for other in others)
    return [name, *seconds, *ratios]
