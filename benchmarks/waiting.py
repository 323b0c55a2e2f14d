"""How long after WorkMail has settled the function answers, in simulated time."""

from __future__ import annotations

import random
from dataclasses import dataclass

from benchmarks.function_model import Process, World
from benchmarks.samples import Samples
from benchmarks.simulation import Simulation
from local_aws.workmail import Behaviour

SETTLE_DELAYS = (0.1, 1.0, 5.0, 30.0)
_CALL_SECONDS = 0.05


@dataclass(frozen=True)
class Waiting:
    """Seconds between the moment when the state has settled and our answer; calls made."""

    late: Samples
    calls: Samples


def measure(settle_delay: float, runs: int) -> Waiting:
    """Of a Create whose entity reads DISABLED for so many seconds after it was registered."""
    measured = [_measure(settle_delay, seed) for seed in range(runs)]
    return Waiting(
        late=Samples([late for late, _ in measured]),
        calls=Samples([calls for _, calls in measured]),
    )


def _measure(settle_delay: float, seed: int) -> tuple[float, int]:
    simulation = Simulation()
    behaviour = Behaviour(settle_delay=settle_delay)
    world = World(simulation, users=1, call_seconds=_CALL_SECONDS, behaviour=behaviour)
    process = Process(world, random.Random(seed).random)
    request = world.event("Create", 0)
    simulation.start(lambda: process.serve(request, simulation.now() + 600))
    simulation.run()
    (registered,) = world.workmail.calls.of("RegisterToWorkMail")
    return process.answered_at - registered.at - settle_delay, len(world.calls)


def late_at_interval(settle_delay: float, interval: float) -> float:
    """How late one is who looks at once and then at fixed intervals."""
    return -settle_delay % interval
