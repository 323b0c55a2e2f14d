"""How many API calls each event costs: the least that the contract allows, ours, and peers'."""

from __future__ import annotations

import random
from dataclasses import dataclass

from benchmarks.function_model import Process, World
from benchmarks.simulation import Simulation

_ROSTER = 450


@dataclass(frozen=True)
class Event:
    """One row of the table. `least` is what the contract asks for, call by call."""

    title: str
    request_type: str
    least: tuple[str, ...]
    peers: tuple[str, ...]
    enabled: bool = True
    email: str = ""
    stack_status: str = "UPDATE_IN_PROGRESS"


_LISTED = ("ListStackResources",) * 5
EVENTS = (
    Event(
        "Create, disabled user",
        "Create",
        ("DescribeUser", "RegisterToWorkMail", "DescribeUser"),
        ("RegisterToWorkMail",),
        enabled=False,
    ),
    Event("Create, enabled already", "Create", ("DescribeUser",), ("RegisterToWorkMail",)),
    Event(
        "Update, another address",
        "Update",
        ("DescribeUser", "UpdatePrimaryEmailAddress"),
        ("UpdatePrimaryEmailAddress",),
        email="new@example.com",
    ),
    Event("Update, nothing to do", "Update", ("DescribeUser",), ("UpdatePrimaryEmailAddress",)),
    Event(
        "Delete with the stack",
        "Delete",
        ("DescribeUser", "DescribeStacks", "DeregisterFromWorkMail", "DescribeUser"),
        ("DeregisterFromWorkMail",),
        stack_status="DELETE_IN_PROGRESS",
    ),
    Event(
        f"Delete from a stack of {_ROSTER} that stays",
        "Delete",
        ("DescribeUser", "DescribeStacks", *_LISTED, "DeregisterFromWorkMail", "DescribeUser"),
        ("DeregisterFromWorkMail",),
        stack_status="UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    ),
    Event(
        "Delete, disabled already",
        "Delete",
        ("DescribeUser",),
        ("DeregisterFromWorkMail",),
        enabled=False,
    ),
)


def made(event: Event) -> list[str]:
    """The calls that the function makes for an event, in their order."""
    simulation = Simulation()
    world = World(simulation, users=_ROSTER, stack_status=event.stack_status)
    if event.enabled:
        world.enable_all()
    process = Process(world, random.Random(1).random)
    request = world.event(event.request_type, 0, event.email)
    simulation.start(lambda: process.serve(request, simulation.now() + 600))
    simulation.run()
    if process.answer["Status"] != "SUCCESS":
        raise AssertionError(f"{event.title}: {process.answer}")
    return world.calls
