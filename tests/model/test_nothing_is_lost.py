"""Whatever CloudFormation, Lambda, WorkMail and administrators do, in whatever order."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.deployments import Deployments
from tests.model.entity_deployments import EntityDeployments
from tests.model.sequences import SEQUENCES, Sequence

_STEPS = 10_000
# What random steps have to meet, or they would pass for not looking; the sequences meet the rest.
_REGISTRATIONS = """
Create failed; Update failed; Delete failed; an id that is not ours; at rest as declared;
delivered again; continued; continued later; continued too late; deregistered;
ended CREATE_COMPLETE; ended DELETE_COMPLETE; ended DELETE_FAILED; ended ROLLBACK_COMPLETE;
ended UPDATE_COMPLETE; ended UPDATE_ROLLBACK_COMPLETE; export requested; exported; given up; killed;
retained, handed over; retained, late; retained, rolled back; retained, declared elsewhere;
ended CREATE_FAILED; ended UPDATE_FAILED; rolled back later; cancelled
"""
_ENTITIES = """
as declared, an entity; as declared, members; at rest as declared; deregistered; entity deleted;
Create of an entity failed; entity retained, late; entity retained, rolled back;
entity retained, declared elsewhere; AssociateMemberToGroup; CreateAlias; CreateUser; CreateGroup;
CreateResource; DeleteUser; DeleteGroup; DeleteResource
"""


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda one: one.steps.__name__)
def test_nothing_is_lost_in_sequence(sequence: Sequence) -> None:
    sequence.play()


@pytest.mark.parametrize(
    ("machine", "meets"), [(Deployments, _REGISTRATIONS), (EntityDeployments, _ENTITIES)]
)
def test_nothing_is_lost_in_random_steps(
    pytestconfig: pytest.Config, machine: type[Deployments], meets: str
) -> None:
    machine.steps, machine.seen = 0, Counter()
    profile = settings.get_profile(pytestconfig.getoption("hypothesis_profile") or "model")
    run_state_machine_as_test(machine, settings=profile)
    print(f"{machine.steps} steps, {dict(machine.seen)}")
    assert machine.steps >= _STEPS
    assert [event for event in " ".join(meets.split()).split("; ") if not machine.seen[event]] == []
