"""A thousand mailboxes through the exporter's own code, in simulated time, and what that costs."""

from __future__ import annotations

import random
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO

from benchmarks import report
from local_aws.workmail import MimeFile
from tests.support.exporter import HOUR, PLACES, ExporterHarness, Run

# Dollars, in us-east-1: a state transition, a GB-second on ARM, a request of Lambda.
_TRANSITION, _GB_SECOND, _INVOCATION = 0.025 / 1000, 0.0000133334, 0.20 / 1_000_000
_MEMORY_GB = 1769 / 1024
# Seconds of a call over the network, and of an invocation besides.
_CALL, _OVERHEAD = 0.05, 0.02


@dataclass(frozen=True)
class Measured:
    """One execution."""

    jobs_hours: float
    # Of the ten places, until the last job begins.
    busy: float
    hours: float
    # The time over the sum of all jobs by ten, or over the longest job.
    over_bound: float
    dollars: float


def section(quick: bool) -> report.Section:
    count = 100 if quick else 1000
    runs = {
        "long tail, sizes known": measure(long_tail(count), sizes_known=True),
        "long tail, sizes unknown": measure(long_tail(count), sizes_known=False),
        "8 hours each": measure([8 * HOUR] * count, sizes_known=True),
    }
    rows = [
        [
            title,
            f"{run.jobs_hours:,.0f}",
            f"{run.busy:.1%}",
            f"{run.hours:,.1f}",
            f"{run.over_bound:.3f}",
            f"{run.dollars:,.2f}",
        ]
        for title, run in runs.items()
    ]
    header = ("mailboxes", "hours of jobs", "busy places", "hours in all", "over bound", "dollars")
    return report.section(
        "Export of an organization",
        f"{count:,} mailboxes through the state machine of `OrganizationExport`, in simulated "
        f"time, {PLACES} places. The long tail is log-normal with a median of 40 minutes; the "
        "largest mailboxes begin first, where WorkMail says the sizes. Places are busy until the "
        f"last job begins. The bound is the sum of all jobs by {PLACES}, or the longest job. "
        "Dollars are those of Step Functions and Lambda, at list prices of us-east-1, without S3 "
        "and KMS.",
        report.table(header, rows),
        chart=report.Chart(
            "export",
            f"Export of {count:,} mailboxes in {PLACES} places",
            "in relation to the bound, and to all places",
            [*runs],
            {
                "time in all": [run.over_bound for run in runs.values()],
                "busy places": [run.busy for run in runs.values()],
            },
            decimals=2,
            line=("bound", 1.0),
        ),
    )


def long_tail(count: int) -> list[float]:
    chance = random.Random(15)
    return [min(chance.lognormvariate(0, 1.2) * 40 * 60, 40 * HOUR) for _ in range(count)]


def measure(durations: list[float], *, sizes_known: bool) -> Measured:
    harness = ExporterHarness()
    chance = random.Random(27)
    for number, duration in enumerate(durations):
        user = harness.organization.add_user(f"user-{number:04}")
        harness.add(user)
        harness.durations[user.entity_id] = duration
        if sizes_known and user.mailbox:
            # An export takes about as long as its mailbox is large.
            size = int(duration / 10 * chance.uniform(0.7, 1.3))
            user.mailbox.files = [MimeFile("1.eml", bytes(size))]
    run, began = Run("run"), harness.now
    with redirect_stdout(StringIO()):
        harness.run_together(run)
    jobs = harness.jobs
    last_start = max(job.start_time for job in jobs)
    used = sum(min(job.due_at, last_start) - job.start_time for job in jobs)
    # Beside the steps of mailboxes: plans and a report.
    invocations = run.steps + run.passes + 1
    seconds = len(harness.workmail.calls) * _CALL + invocations * _OVERHEAD
    hours, bound = (harness.now - began) / HOUR, max(sum(durations) / PLACES, max(durations)) / HOUR
    return Measured(
        jobs_hours=sum(durations) / HOUR,
        busy=used / PLACES / (last_start - began),
        hours=hours,
        over_bound=hours / bound,
        dollars=run.transitions * _TRANSITION
        + seconds * _MEMORY_GB * _GB_SECOND
        + invocations * _INVOCATION,
    )
