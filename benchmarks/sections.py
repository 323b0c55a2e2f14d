"""Each section of the report: measures something and tells it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO

from benchmarks import calls, functions_measured, memory, stacks, synth, throttling, waiting
from benchmarks.functions_measured import ColdStart, Warm
from benchmarks.markdown import milliseconds, section, table
from benchmarks.samples import Samples
from benchmarks.stacks import Size


@dataclass(frozen=True)
class Effort:
    """How often things are measured, and which sizes."""

    cold_rounds: int
    warm_users: int
    synth_rounds: int
    synth_sizes: tuple[int, ...]
    stack_sizes: tuple[Size, ...]
    seeds: int
    default_crhelper: int
    counts_instructions: bool


FULL = Effort(
    cold_rounds=15,
    warm_users=200,
    synth_rounds=5,
    synth_sizes=synth.SIZES,
    stack_sizes=(
        Size(1, 0.0, 3),
        Size(50, 0.0, 3),
        Size(450, 0.0, 1),
        Size(1, 0.05, 3),
        Size(50, 0.05, 1),
    ),
    seeds=5,
    default_crhelper=5,
    counts_instructions=True,
)
QUICK = Effort(
    cold_rounds=3,
    warm_users=20,
    synth_rounds=1,
    synth_sizes=(1, 100),
    stack_sizes=(Size(1, 0.0, 1), Size(20, 0.0, 1), Size(20, 0.05, 1)),
    seeds=1,
    default_crhelper=0,
    counts_instructions=False,
)
Tell = Callable[[str], None]


def cold_start(effort: Effort, tell: Tell) -> str:
    measured = functions_measured.cold_starts(effort.cold_rounds)
    counted = None
    if effort.counts_instructions:
        tell("instructions")
        counted = functions_measured.instructions(("floor", "ours"))
    floor = measured["floor"]
    rows = [
        [
            name,
            milliseconds(cold.ready_cpu.median),
            milliseconds(cold.ready_wall.median),
            f"{cold.ready_cpu.ratio_to(floor.ready_cpu):.2f}",
            milliseconds(cold.answered_cpu.median),
            milliseconds(cold.answered_wall.median),
            f"{cold.peak.median:.0f}",
        ]
        for name, cold in measured.items()
    ]
    return section(
        "Cold start",
        "A whole process, in ms: until its handler could take an event, and until it has done a "
        f"first Create. Medians of {effort.cold_rounds} interleaved rounds. The asset has no byte "
        "code, as in Lambda. The floor makes the API calls that the contract asks for and answers "
        "nobody; the other peers make one call. Provider needs its framework's Node function too.",
        table(
            (
                "",
                "ready, CPU",
                "ready, wall",
                "to the floor",
                "first Create, CPU",
                "wall",
                "peak MiB",
            ),
            rows,
        ),
        _smallest(measured),
        _instructions(counted),
    )


def _smallest(measured: Mapping[str, ColdStart]) -> str:
    ours, floor = measured["ours"].ready_cpu, measured["floor"].ready_cpu
    return (
        f"By the smallest of the rounds, which noise only adds to: ours "
        f"{milliseconds(ours.smallest)} ms of CPU, the floor {milliseconds(floor.smallest)} ms, "
        f"a ratio of {ours.smallest / floor.smallest:.2f}."
    )


def _instructions(counted: dict[str, int] | None) -> str:
    if counted is None:
        return "Instructions were not counted."
    ours, floor = counted["ours"], counted["floor"]
    return (
        f"Instructions until ready, by valgrind: ours {ours / 1e6:.0f} million, the floor "
        f"{floor / 1e6:.0f} million, a ratio of {ours / floor:.3f}."
    )


def warm(effort: Effort, tell: Tell) -> str:
    measured = functions_measured.warm(effort.warm_users)
    rows = [
        [name, *(_warm(by_kind[kind]) for kind in ("Create", "Update", "Delete"))]
        for name, by_kind in measured.items()
    ]
    return section(
        "Warm events",
        "CPU ms of one event in a process that has served one of each before: less the time inside "
        f"WorkMail calls / in all. Medians of {effort.warm_users}. Update changes the address. "
        "Ours answers over HTTPS and, in a Delete, asks CloudFormation about the stack; the floor "
        "and Provider's handler do neither. crhelper and cfn-handler read the system's "
        "certificates anew for each answer.",
        table(("", "Create", "Update", "Delete"), rows),
    )


def _warm(measured: Warm) -> str:
    own = f"{measured.own.median * 1000:.2f}" if measured.own else "not known"
    return f"{own} / {measured.whole.median * 1000:.2f}"


def api_calls(effort: Effort, tell: Tell) -> str:
    rows = []
    for event in calls.EVENTS:
        with redirect_stdout(StringIO()):
            ours = calls.made(event)
        least, peers = event.least, event.peers
        rows.append([event.title, _counted(least), _counted(ours), _counted(peers)])
    return section(
        "API calls",
        "The least that the lifecycle contract allows, ours (counted), and what the peers' "
        "handlers ask without looking. A list of resources has a hundred on a page. A group takes "
        "one more Describe, a resource two, unless its id says what it is.",
        table(("", "least", "ours", "peers"), rows),
    )


def _counted(made: tuple[str, ...] | list[str]) -> str:
    counts = Counter(made)
    parts = [name if count == 1 else f"{count} {name}" for name, count in counts.items()]
    return f"{len(made)}: {', '.join(parts)}"


def waits(effort: Effort, tell: Tell) -> str:
    rows = []
    for delay in waiting.SETTLE_DELAYS:
        with redirect_stdout(StringIO()):
            measured = waiting.measure(delay, 101)
        rows.append(
            [
                f"{delay:g} s",
                f"{measured.late.median:.2f}",
                f"{measured.late.largest:.2f}",
                f"{measured.calls.median:.0f}",
                f"{waiting.late_at_interval(delay, 5.0):.1f}",
                f"{waiting.late_at_interval(delay, 60.0):.0f}",
                f"{waiting.late_at_interval(delay, 120.0):.0f}",
            ]
        )
    return section(
        "Waiting",
        "Seconds between the moment when the entity reads ENABLED and our answer, by how long that "
        "takes; real code in simulated time, 50 ms a call, 101 runs. Beside it what the default "
        "interval of the peers that can wait makes of it: Provider with is_complete 5 s, "
        "cfn-handler 60 s, crhelper 120 s. AwsCustomResource and the others as they are usually "
        "written do not wait: they report success while the entity still reads DISABLED.",
        table(
            (
                "settles after",
                "ours, median",
                "ours, largest",
                "calls",
                "Provider",
                "cfn-handler",
                "crhelper",
            ),
            rows,
        ),
    )


def whole_stacks(effort: Effort, tell: Tell) -> str:
    sleeper = None
    if effort.default_crhelper:
        sleeper = stacks.start_default_crhelper(effort.default_crhelper)
    measured = stacks.measure(list(effort.stack_sizes), tell)
    parts = [_stack_table(size, by_peer) for size, by_peer in measured.items()]
    if FULL.stack_sizes == effort.stack_sizes:
        parts.append(_extrapolated(measured))
    if sleeper:
        tell("crhelper with its defaults, which sleeps for two minutes in each Delete")
        printed, _ = sleeper.communicate()
        times = json.loads(printed.splitlines()[-1])
        parts.append(
            f"{effort.default_crhelper} registrations with crhelper's defaults, at the same time "
            "on an embedded AWS of their own: "
            + ", ".join(f"{name} {times[name]:.1f} s" for name in stacks.OPERATIONS)
            + "."
        )
    return section(
        "Stacks",
        "Seconds from the API call to the end as CloudFormation tells it, without synth; a no-op "
        "deploy ends with the change set. The embedded CloudFormation runs custom resources one "
        "after the other where AWS runs them in parallel: this is the sum of the work. Each peer "
        "is checked to have done it: the entities are enabled, have the new addresses, and are "
        "disabled. The peers make one WorkMail call for each registration and operation, ours "
        "what the contract asks for (see API calls).",
        *parts,
    )


def _stack_table(size: Size, by_peer: Mapping[str, Mapping[str, Samples]]) -> str:
    rows = [
        [peer, *(f"{times[operation].median:.2f}" for operation in stacks.OPERATIONS)]
        for peer, times in by_peer.items()
    ]
    rounds = f"medians of {size.rounds}" if size.rounds > 1 else "one round"
    title = (
        f"**{size.registrations} registrations, {size.call_seconds * 1000:.0f} ms for each "
        f"WorkMail call** ({rounds})"
    )
    return f"{title}\n\n{table(('', *stacks.OPERATIONS), rows)}"


def _extrapolated(measured: stacks.Measured) -> str:
    rows = [
        [peer, *(f"{times[operation]:.0f}" for operation in stacks.OPERATIONS)]
        for peer, times in stacks.extrapolated(measured, 450, 50, 0.05).items()
    ]
    return (
        "**450 registrations, 50 ms for each WorkMail call** (not measured: what was measured "
        "with 0 ms, and nine times what 50 ms add to 50 registrations)\n\n"
        + table(("", *stacks.OPERATIONS), rows)
    )


def throttled(effort: Effort, tell: Tell) -> str:
    parts = []
    for request_type in ("Create", "Delete"):
        rows = []
        for concurrency in throttling.CONCURRENCIES:
            runs = [
                throttling.ours(request_type, concurrency, seed) for seed in range(effort.seeds)
            ]
            rows.append([f"ours, {_concurrency(concurrency)}", *_outcomes(runs)])
        for name, model in (
            ("boto3's defaults", throttling.boto3_default),
            ("AwsCustomResource", throttling.node_default),
        ):
            for concurrency in (None, 10):
                runs = [model(request_type, concurrency, seed) for seed in range(effort.seeds)]
                rows.append([f"{name}, {_concurrency(concurrency)}", *_outcomes(runs)])
        header = (request_type, "succeed, of 450", "requests", "throttled", "seconds")
        parts.append(table(header, rows))
    return section(
        "Under throttling",
        f"{throttling.REGISTRATIONS} registrations delivered at once to a WorkMail that allows "
        f"{throttling.RATE:g} requests a second with bursts of {throttling.BURST}, by reserved "
        "concurrency of the function. Real code in simulated time with 50 ms a call, in a model "
        "of Lambda's environments and of the queue before them, which tries again after 1 s, "
        "then at twice the time, up to 5 minutes, as documented. Medians, and for the "
        f"registrations the fewest, of {effort.seeds} runs. The peers are one call with the "
        "retries of their SDK: what crhelper, cfn-handler and Provider's handlers do, and what "
        "AwsCustomResource does. With ours, 1350 requests are what the contract asks for.",
        *parts,
        "The part of ours that is throttled, of Creates / Deletes, by the size of the roster:",
        _rosters(effort, tell),
        "Without any limit of WorkMail and with none reserved, when all 450 run at once, the last "
        f"answer of a Create comes after {_unlimited(effort)}, cold starts of 0.5 to 0.7 s "
        "included, which are the same for both here.",
    )


def _rosters(effort: Effort, tell: Tell) -> str:
    rows = []
    for size in throttling.ROSTERS:
        tell(f"a roster of {size}")
        row = [str(size)]
        for concurrency in throttling.ROSTER_CONCURRENCIES:
            wasted = []
            for request_type in ("Create", "Delete"):
                runs = [
                    throttling.ours(request_type, concurrency, seed, size)
                    for seed in range(3 * effort.seeds)
                ]
                wasted.append(f"{Samples([run.wasted for run in runs]).median:.0%}")
            row.append(" / ".join(wasted))
        rows.append(row)
    concurrencies = map(_concurrency, throttling.ROSTER_CONCURRENCIES)
    return table(("registrations", *concurrencies), rows)


def _unlimited(effort: Effort) -> str:
    seeds = range(effort.seeds)
    ours = Samples([throttling.ours("Create", None, seed, limited=False).seconds for seed in seeds])
    other = Samples([throttling.one_call("Create", seed).seconds for seed in seeds])
    return f"{ours.median:.2f} s with ours and {other.median:.2f} s with a peer's one call"


def _concurrency(concurrency: int | None) -> str:
    return "none reserved" if concurrency is None else f"{concurrency} reserved"


def _outcomes(runs: list[throttling.Outcome]) -> list[str]:
    return [
        f"{min(run.succeeded for run in runs)}",
        f"{Samples([run.requests for run in runs]).median:.0f}",
        f"{Samples([run.wasted for run in runs]).median:.0%}",
        f"{Samples([run.seconds for run in runs]).median:.0f}",
    ]


def synths(effort: Effort, tell: Tell) -> str:
    rows = []
    per_registration: dict[str, float] = {}
    for size in effort.synth_sizes:
        tell(f"synth of {size}")
        measured = synth.measure(size, effort.synth_rounds)
        ours, bare = measured["ours"], measured["bare"]
        row = [str(size)]
        for what in ("process", "app"):
            own, other = synth.samples(ours, what), synth.samples(bare, what)
            row += [f"{own.median:.2f}", f"{other.median:.2f}", f"{own.ratio_to(other):.2f}"]
        for kind, synthesized in (("ours", ours), ("bare", bare)):
            total = synthesized[0].template_bytes
            row.append(str(total))
            per_registration[kind] = total / size
        rows.append(row)
    shipped = synth.asset()
    return section(
        "Synth",
        "Seconds of synth, ours and of as many bare CustomResources with the same properties on "
        f"one Lambda function: the whole process, and from App to the end. Medians of "
        f"{effort.synth_rounds} interleaved rounds. Bytes of the template.",
        table(
            (
                "registrations",
                "ours",
                "bare",
                "ratio",
                "App, ours",
                "bare",
                "ratio",
                "bytes, ours",
                "bare",
            ),
            rows,
        ),
        f"At {effort.synth_sizes[-1]} registrations each takes {per_registration['ours']:.0f} "
        f"bytes of the template (bare: {per_registration['bare']:.0f}). The asset has "
        f"{shipped.files} files of {shipped.bytes} bytes in all, {shipped.zipped_bytes} zipped.",
    )


def memory_sizes(effort: Effort, tell: Tell) -> str:
    cold = functions_measured.cold_starts(effort.cold_rounds)["ours"]
    served = functions_measured.warm(effort.warm_users)["ours"]["Create"]
    rows = []
    for size in memory.SIZES:
        first, later = (
            memory.cost(size, cold.answered_cpu.median),
            memory.cost(size, served.whole.median),
        )
        rows.append(
            [
                str(size),
                f"{first.seconds:.2f}",
                f"{first.gb_seconds:.0f}",
                f"{later.seconds:.2f}",
                f"{later.gb_seconds:.0f}",
            ]
        )
    return section(
        "Memory",
        f"The peak of the function in a first Create is {cold.peak.median:.0f} MiB. The table is "
        "a model: processor time in proportion to memory with a whole processor at 1769 MB, the "
        f"CPU seconds that were measured here ({cold.answered_cpu.median:.2f} cold, "
        f"{served.whole.median:.3f} warm), and 50 ms for each of three calls and the answer.",
        table(
            (
                "memory_size, MB",
                "cold Create, s",
                f"{memory.REGISTRATIONS} of them, GB-s",
                "warm Create, s",
                f"{memory.REGISTRATIONS} of them, GB-s",
            ),
            rows,
        ),
    )


SECTIONS: Mapping[str, Callable[[Effort, Tell], str]] = {
    "cold": cold_start,
    "warm": warm,
    "calls": api_calls,
    "waiting": waits,
    "stacks": whole_stacks,
    "throttling": throttled,
    "synth": synths,
    "memory": memory_sizes,
}
