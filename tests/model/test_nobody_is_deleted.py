"""Whatever happens to stacks of users, groups and resources, and to these, in whatever order."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.teams import Teams

_EXAMPLES = 450
_STEPS = 8_000
_SEEN_OFTEN = 10
_OFTEN = (
    "Create of an entity failed",
    "a name was changed",
    "as declared, an entity",
    "at rest as declared",
    "created",
    "deleted",
    "deregistered",
    "kept, handed over",
    "kept, rolled back",
    "removed",
)
_SOMETIMES = (
    "a resource was changed in place",
    "Delete of an entity failed",
    "kept, late",
    "refused an entity",
    "cancelled",
    "undone",
)


def test_nobody_is_deleted_who_is_wanted() -> None:
    Teams.steps, Teams.seen = 0, Counter()
    profile = settings.get_profile("model")
    run_state_machine_as_test(
        Teams, settings=settings(profile, max_examples=_EXAMPLES, stateful_step_count=40)
    )
    print(f"{Teams.steps} steps, {dict(Teams.seen)}")
    assert Teams.steps >= _STEPS
    assert {what: Teams.seen[what] for what in _OFTEN if Teams.seen[what] < _SEEN_OFTEN} == {}
    assert {what for what in _SOMETIMES if not Teams.seen[what]} == set()
