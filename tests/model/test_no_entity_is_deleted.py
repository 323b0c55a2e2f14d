"""Whatever happens to stacks of users, groups, resources, members, delegates and aliases."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.entity_deployments import EntityDeployments

# More of them than for registrations alone: there is more to meet.
_TIMES_AS_MANY = 2
_STEPS = 20_000
_SEEN_OFTEN = 10
_OFTEN = (
    "Create of an entity failed",
    "a name was changed",
    "alias added",
    "alias removed",
    "as declared, an entity",
    "as declared, members",
    "associated",
    "at rest as declared",
    "created",
    "deleted",
    "deregistered",
    "disassociated",
    "kept, handed over",
    "kept, rolled back",
    "removed",
)
_SOMETIMES = (
    "a resource was changed in place",
    "Create of members failed",
    "Delete of an entity failed",
    "kept, late",
    "password reset",
    "refused an entity",
    "cancelled",
    "undone",
)


def test_nobody_is_deleted_who_is_wanted(pytestconfig: pytest.Config) -> None:
    EntityDeployments.steps, EntityDeployments.seen = 0, Counter()
    profile = settings.get_profile(pytestconfig.getoption("hypothesis_profile") or "model")
    run_state_machine_as_test(
        EntityDeployments,
        settings=settings(profile, max_examples=_TIMES_AS_MANY * profile.max_examples),
    )
    print(f"{EntityDeployments.steps} steps, {dict(EntityDeployments.seen)}")
    assert EntityDeployments.steps >= _STEPS
    assert {
        what: EntityDeployments.seen[what]
        for what in _OFTEN
        if EntityDeployments.seen[what] < _SEEN_OFTEN
    } == {}
    assert {what for what in _SOMETIMES if not EntityDeployments.seen[what]} == set()
