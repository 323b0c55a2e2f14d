"""450 registrations delivered at once to a WorkMail that allows ten requests a second.

The function's real code runs in simulated time, in a model of Lambda that plays CloudFormation's
parallel invocations. The peers' handlers make one call each, with the retries of their SDK's
defaults.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO

from botocore.exceptions import ClientError

from benchmarks.function_model import ORGANIZATION_ID, Process, World
from benchmarks.lambda_model import Environment, LambdaModel, Settings
from benchmarks.simulation import Simulation

REGISTRATIONS = 450
RATE, BURST = 10.0, 20
CONCURRENCIES = (None, 1, 2, 5, 10, 20, 50)
ROSTERS = (5, 8, 10, 15, 20, 30, 50, 100)
ROSTER_CONCURRENCIES = (None, 4, 5, 10)
SERVICE_TIMEOUT = 630.0
_CALL_SECONDS = 0.05


@dataclass(frozen=True)
class Outcome:
    """How it ended: registrations, requests, and seconds until the last answer."""

    registrations: int
    succeeded: int
    requests: int
    throttled: int
    seconds: float

    @property
    def wasted(self) -> float:
        """The part of the requests that were throttled."""
        return self.throttled / self.requests


@dataclass(frozen=True)
class Answer:
    """One answer to CloudFormation, so many seconds after the events were delivered."""

    succeeded: bool
    at: float


Serve = Callable[[Environment, int, float], bool]


def ours(
    request_type: str,
    concurrency: int | None,
    seed: int,
    registrations: int = REGISTRATIONS,
    call_seconds: float = _CALL_SECONDS,
    limited: bool = True,
) -> Outcome:
    """Every user gets a request of this type; `limited` is WorkMail's rate."""
    world = _world(request_type, registrations, call_seconds, limited)
    chance = random.Random(seed)

    class FunctionEnvironment(Environment):
        def __init__(self) -> None:
            super().__init__()
            self.process = Process(world, chance.random)

        def serve(self, user: int, ends_at: float) -> bool:
            answer = self.process.serve(world.event(request_type, user), ends_at)
            return bool(answer["Status"] == "SUCCESS")

    return _play(world, concurrency, chance, FunctionEnvironment)


def boto3_default(request_type: str, concurrency: int | None, seed: int) -> Outcome:
    """One call, in the legacy mode that boto3 has by default: five attempts.

    https://docs.aws.amazon.com/boto3/latest/guide/retries.html
    """
    return _plain(request_type, concurrency, seed, attempts=5, base=1.0)


def one_call(request_type: str, seed: int) -> Outcome:
    """One call for each user of a WorkMail that throttles nobody."""
    return _plain(request_type, None, seed, attempts=1, base=0.0, limited=False)


def node_default(request_type: str, concurrency: int | None, seed: int) -> Outcome:
    """One call, in the standard mode of the AWS SDK for JavaScript: three attempts.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    """
    return _plain(request_type, concurrency, seed, attempts=3, base=0.5)


def _plain(
    request_type: str,
    concurrency: int | None,
    seed: int,
    attempts: int,
    base: float,
    limited: bool = True,
) -> Outcome:
    world = _world(request_type, REGISTRATIONS, _CALL_SECONDS, limited)
    chance = random.Random(seed)
    operation = "RegisterToWorkMail" if request_type == "Create" else "DeregisterFromWorkMail"

    class PlainEnvironment(Environment):
        def serve(self, user: int, ends_at: float) -> bool:
            parameters = _identity(user)
            if request_type == "Create":
                parameters["Email"] = f"user{user}@example.com"
            for attempt in range(attempts):
                if attempt:
                    world.simulation.sleep(chance.random() * base * 2 ** (attempt - 1))
                try:
                    world.perform(operation, parameters)
                except ClientError:
                    continue
                return True
            return False

    return _play(world, concurrency, chance, PlainEnvironment)


def _world(request_type: str, registrations: int, call_seconds: float, limited: bool) -> World:
    deleting = request_type == "Delete"
    status = "DELETE_IN_PROGRESS" if deleting else "CREATE_IN_PROGRESS"
    world = World(Simulation(), registrations, call_seconds, stack_status=status)
    if deleting:
        world.enable_all()
    if limited:
        world.workmail.faults.throttle(RATE, BURST)
    return world


def _play(
    world: World,
    concurrency: int | None,
    chance: random.Random,
    make_environment: Callable[[], Environment],
) -> Outcome:
    simulation = world.simulation
    answers: dict[int, Answer] = {}

    def serve(environment: Environment, user: int, ends_at: float) -> None:
        succeeded = environment.serve(user, ends_at)
        answers[user] = Answer(succeeded, simulation.elapsed)

    model = LambdaModel(simulation, Settings(concurrency), make_environment, serve, chance)
    with redirect_stdout(StringIO()):
        for user in range(world.users):
            model.deliver(user)
        simulation.run()
    return _outcome(world, answers)


def _outcome(world: World, answers: dict[int, Answer]) -> Outcome:
    """An answer after the service timeout comes too late: CloudFormation has given up."""
    in_time = [
        answer for answer in answers.values() if answer.succeeded and answer.at <= SERVICE_TIMEOUT
    ]
    calls = world.workmail.calls.of()
    return Outcome(
        registrations=world.users,
        succeeded=len(in_time),
        requests=len(calls),
        throttled=sum(call.error_code == "ThrottlingException" for call in calls),
        seconds=max((answer.at for answer in answers.values()), default=0.0),
    )


def _identity(user: int) -> dict[str, str]:
    return {"OrganizationId": ORGANIZATION_ID, "EntityId": f"user{user}"}
