"""Whatever happens to stacks of users, groups, resources, members, delegates and aliases."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.teams import Teams

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
    "as declared, people",
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
    "Create of people failed",
    "Delete of an entity failed",
    "kept, late",
    "password reset",
    "refused an entity",
    "cancelled",
    "undone",
)


def test_nobody_is_deleted_who_is_wanted(pytestconfig: pytest.Config) -> None:
    Teams.steps, Teams.seen = 0, Counter()
    profile = settings.get_profile(pytestconfig.getoption("hypothesis_profile") or "model")
    run_state_machine_as_test(
        Teams, settings=settings(profile, max_examples=_TIMES_AS_MANY * profile.max_examples)
    )
    print(f"{Teams.steps} steps, {dict(Teams.seen)}")
    assert Teams.steps >= _STEPS
    assert {what: Teams.seen[what] for what in _OFTEN if Teams.seen[what] < _SEEN_OFTEN} == {}
    assert {what for what in _SOMETIMES if not Teams.seen[what]} == set()
