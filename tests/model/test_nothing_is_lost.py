"""Whatever CloudFormation, Lambda, WorkMail and administrators do, in whatever order."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.deployments import Deployments
from tests.model.entity_deployments import EntityDeployments
from tests.model.sequences import SEQUENCES, Sequence

# What has to be met often, or at all, or the model would pass for not looking.
_REGISTRATIONS_OFTEN = """
Create failed; Update failed; Delete failed; an id that is not ours; at rest as declared;
delivered again; continued; continued later; continued too late; deregistered;
ended CREATE_COMPLETE; ended DELETE_COMPLETE; ended DELETE_FAILED; ended ROLLBACK_COMPLETE;
ended UPDATE_COMPLETE; ended UPDATE_ROLLBACK_COMPLETE; export requested; exported; given up; killed;
retained, handed over; retained, late; retained, rolled back; retained, declared elsewhere;
ended CREATE_FAILED; ended UPDATE_FAILED; rolled back later
"""
_REGISTRATIONS_SOMETIMES = """
cancelled; ended ROLLBACK_FAILED; forgotten; joined; continuation killed; continuation lost;
refused; undone; used again; retained, failed creation; skipped; stays disabled;
ended UPDATE_ROLLBACK_FAILED
"""
_ENTITIES_OFTEN = """
Create of an entity failed; a name was changed; as declared, an entity; as declared, members;
at rest as declared; CreateAlias; DeleteAlias; AssociateMemberToGroup; DisassociateMemberFromGroup;
CreateUser; DeleteUser; deregistered; entity retained, handed over; entity retained, rolled back;
entity deleted
"""
_ENTITIES_SOMETIMES = """
a resource was changed in place; Create of members failed; Delete of an entity failed;
entity retained, late; entity retained, declared elsewhere; password reset; refused an entity;
cancelled; undone;
AssociateDelegateToResource; CreateGroup; CreateResource; DeleteGroup; DeleteResource
"""


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda one: one.steps.__name__)
def test_nothing_is_lost_in_sequence(sequence: Sequence) -> None:
    sequence.play()


def test_no_mailbox_is_lost(pytestconfig: pytest.Config) -> None:
    play(Deployments, pytestconfig, examples=2, steps=20_000)
    assert_seen(Deployments, _REGISTRATIONS_OFTEN, times=50)
    assert_seen(Deployments, _REGISTRATIONS_SOMETIMES, times=1)


def test_no_entity_is_deleted(pytestconfig: pytest.Config) -> None:
    play(EntityDeployments, pytestconfig, examples=2, steps=20_000)
    assert_seen(EntityDeployments, _ENTITIES_OFTEN, times=10)
    assert_seen(EntityDeployments, _ENTITIES_SOMETIMES, times=1)


def play(
    machine: type[Deployments], pytestconfig: pytest.Config, *, examples: int, steps: int
) -> None:
    """With so many times the examples of the profile, and at least so many steps."""
    machine.steps, machine.seen = 0, Counter()
    profile = settings.get_profile(pytestconfig.getoption("hypothesis_profile") or "model")
    run_state_machine_as_test(
        machine, settings=settings(profile, max_examples=examples * profile.max_examples)
    )
    print(f"{machine.steps} steps, {dict(machine.seen)}")
    assert machine.steps >= steps


def assert_seen(machine: type[Deployments], events: str, *, times: int) -> None:
    seen = {event: machine.seen[event] for event in " ".join(events.split()).split("; ")}
    assert {event: count for event, count in seen.items() if count < times} == {}
