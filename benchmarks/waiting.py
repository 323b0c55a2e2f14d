"""How long after WorkMail shows a change the function responds, in simulated time."""

from __future__ import annotations

import random
from contextlib import redirect_stdout
from io import StringIO
from statistics import median

from benchmarks import report
from benchmarks.harness import CALL_SECONDS, Harness, Process

_OPERATIONS = {"Create": "RegisterToWorkMail", "Delete": "DeregisterFromWorkMail"}


def section(quick: bool) -> report.Section:
    runs = 11 if quick else 101
    rows = []
    for delay in (0.1, 1.0, 5.0, 30.0):
        late = {
            request_type: [measure(request_type, delay, seed) for seed in range(runs)]
            for request_type in _OPERATIONS
        }
        rows.append(
            [
                f"{delay:g} s",
                *(f"{median(seconds):.1f} / {max(seconds):.1f}" for seconds in late.values()),
                *(f"{late_at_interval(delay, interval):.1f}" for interval in (5.0, 120.0)),
            ]
        )
    return report.section(
        "Waiting",
        "Seconds between the moment when the entity reads ENABLED (Create) or DISABLED (Delete) "
        "and the response of `cdk-workmail`, median / longest, by the time until it does so. "
        f"Simulated time, {CALL_SECONDS * 1000:.0f} ms a call, {runs} runs. Beside it the peers "
        "that can wait, computed from their default intervals: Provider with is_complete 5 s, "
        "crhelper 120 s, which it sleeps in each Delete unless you set `sleep_on_delete`.",
        report.table(("shows after", "Create", "Delete", "Provider", "crhelper"), rows),
    )


def measure(request_type: str, settle_delay: float, seed: int) -> float:
    """One request. The entity shows its new state `settle_delay` seconds after the change."""
    harness = Harness(request_type, users=1)
    harness.settle_after(settle_delay)
    process = Process(harness, random.Random(seed).random)
    with redirect_stdout(StringIO()):
        harness.simulation.start(lambda: process.serve(0))
        harness.simulation.run()
    (change,) = harness.workmail.calls.of(_OPERATIONS[request_type])
    return process.responded_at - change.at - settle_delay


def late_at_interval(settle_delay: float, interval: float) -> float:
    """For a peer that looks at once and then at fixed intervals."""
    return -settle_delay % interval
