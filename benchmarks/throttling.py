"""Registrations that are delivered at once to a WorkMail that allows ten requests a second.

The function runs in simulated time, in a model of Lambda. The peers' functions make one call, with
the default retries of their SDK.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from statistics import median

from botocore.exceptions import ClientError

from benchmarks import report
from benchmarks.harness import CALL_SECONDS, Harness, Process, registration
from benchmarks.lambda_model import LambdaModel, Serve
from cdk_workmail.roster import DEFAULT_CONCURRENCY

RATE, BURST = 10.0, 20
_SERVICE_TIMEOUT = 630.0
_LARGE = 450


@dataclass(frozen=True)
class Outcome:
    """Registrations that succeeded, requests, and seconds until the last response."""

    succeeded: int
    requests: int
    throttled: int
    seconds: float

    @property
    def to_the_limit(self) -> float:
        """The time in relation to what WorkMail's rate needs for the calls that succeeded."""
        return self.seconds / ((self.requests - self.throttled) / RATE)


def section(quick: bool) -> report.Section:
    seeds = range(1 if quick else 3)
    simulations: list[tuple[str, Callable[[str, int], Outcome]]] = [
        ("cdk-workmail", simulated),
        ("boto3's retries", boto3_default),
        ("AwsCustomResource", node_default),
        ("cdk-workmail, 10 reserved", partial(simulated, reserved=10)),
        ("cdk-workmail, 5 reserved", partial(simulated, reserved=5)),
        *(
            (f"roster of {size:,}", partial(simulated, size=size, lanes=DEFAULT_CONCURRENCY))
            for size in ((100,) if quick else (100, 1000, 10_000))
        ),
    ]
    rows = []
    succeeded: dict[str, list[float]] = {"Create": [], "Delete": []}
    for name, simulate in simulations:
        row = [name]
        for request_type, fewest in succeeded.items():
            runs = [simulate(request_type, seed) for seed in seeds]
            fewest.append(min(run.succeeded for run in runs))
            row.append(f"{fewest[-1]:,}")
            row.append(f"{median(run.throttled / run.requests for run in runs):.0%}")
            row.append(f"{median(run.seconds for run in runs):,.0f}")
            row.append(f"{median(run.to_the_limit for run in runs):.2f}")
        rows.append(row)
    header = ("succeed", "throttled", "seconds", "to the limit")
    return report.section(
        "Under throttling",
        f"{_LARGE} registrations are delivered at once to a WorkMail that allows {RATE:.0f} "
        f"requests a second with bursts of {BURST}; those of a roster in its {DEFAULT_CONCURRENCY} "
        f"lanes. Simulated time, {CALL_SECONDS * 1000:.0f} ms a call; medians, for those that "
        f"succeed the fewest, of {len(seeds)} runs. `to the limit` is the time in relation to what "
        "the calls that were not throttled need at that rate. `boto3's retries` is what crhelper "
        "and the handlers of Provider do.",
        report.table(
            (
                "",
                *(f"Create: {what}" for what in header),
                *(f"Delete: {what}" for what in header),
            ),
            rows,
        ),
        chart=report.Chart(
            "throttling",
            f"{_LARGE} registrations at once, {RATE:.0f} requests a second",
            "registrations that succeed",
            [name for name, _ in simulations[:3]],
            {name: fewest[:3] for name, fewest in succeeded.items()},
            decimals=0,
            line=("all", _LARGE),
        ),
    )


def simulated(
    request_type: str,
    seed: int,
    *,
    size: int = _LARGE,
    reserved: int | None = None,
    lanes: int | None = None,
) -> Outcome:
    """The function, with a request of this type for each of `size` users.

    In lanes, as in a roster, each is delivered after the one before it.
    """
    harness = Harness(request_type, size)
    chance = random.Random(seed)
    return _play(harness, chance, lambda: Process(harness, chance.random).serve, reserved, lanes)


def boto3_default(request_type: str, seed: int) -> Outcome:
    """One call in boto3's default mode, legacy: five attempts.

    https://docs.aws.amazon.com/boto3/latest/guide/retries.html
    """
    return _one_call(request_type, seed, attempts=5, base=1.0)


def node_default(request_type: str, seed: int) -> Outcome:
    """One call in the default mode of the AWS SDK for JavaScript, standard: three attempts.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    """
    return _one_call(request_type, seed, attempts=3, base=0.5)


def _one_call(request_type: str, seed: int, attempts: int, base: float) -> Outcome:
    harness = Harness(request_type, _LARGE)
    chance = random.Random(seed)

    def serve(user: int) -> bool:
        parameters = registration(user)
        operation = "RegisterToWorkMail"
        if request_type == "Delete":
            operation = "DeregisterFromWorkMail"
            del parameters["Email"]
        for attempt in range(attempts):
            if attempt:
                harness.simulation.sleep(chance.random() * base * 2 ** (attempt - 1))
            try:
                harness.perform(operation, parameters)
            except ClientError:
                continue
            return True
        return False

    return _play(harness, chance, lambda: serve)


def _play(
    harness: Harness,
    chance: random.Random,
    start_process: Callable[[], Callable[[int], bool]],
    reserved: int | None = None,
    lanes: int | None = None,
) -> Outcome:
    """A response after the service timeout comes too late. Without lanes all come at once."""
    harness.workmail.faults.throttle(RATE, BURST)
    simulation = harness.simulation
    delivered: dict[int, float] = {}
    responses: list[tuple[bool, float, float]] = []
    at_once = lanes or harness.users

    def deliver(user: int) -> None:
        if user < harness.users:
            delivered[user] = simulation.elapsed
            model.deliver(user)

    def start() -> Serve:
        serve = start_process()

        def respond(user: int) -> None:
            success = serve(user)
            responses.append((success, simulation.elapsed, simulation.elapsed - delivered[user]))
            deliver(user + at_once)

        return respond

    model = LambdaModel(simulation, reserved, start, chance)
    with redirect_stdout(StringIO()):
        for user in range(min(at_once, harness.users)):
            deliver(user)
        simulation.run()
    calls = harness.workmail.calls.of()
    return Outcome(
        succeeded=sum(success and took <= _SERVICE_TIMEOUT for success, _, took in responses),
        requests=len(calls),
        throttled=sum(call.error_code == "ThrottlingException" for call in calls),
        seconds=max(at for _, at, _ in responses),
    )
