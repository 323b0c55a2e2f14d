"""Whatever CloudFormation, WorkMail, members and bad luck do in whatever order."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.deployments import Deployments

_STEPS = 10_000
# What has to be met so often, or at all, or the model would pass for not looking.
_SEEN_OFTEN = 50
_OFTEN = (
    "Create failed",
    "Update failed",
    "Delete failed",
    "an id that is not ours",
    "at rest as declared",
    "changed by change",
    "delivered again",
    "continued",
    "continued too late",
    "deregistered",
    "ended CREATE_COMPLETE",
    "ended DELETE_COMPLETE",
    "ended DELETE_FAILED",
    "ended ROLLBACK_COMPLETE",
    "ended UPDATE_COMPLETE",
    "ended UPDATE_ROLLBACK_COMPLETE",
    "export asked for",
    "exported",
    "given up",
    "killed",
    "left, handed over",
    "left, late",
    "left, rolled back",
    "went on",
)
_SOMETIMES = (
    "cancelled",
    "ended ROLLBACK_FAILED",
    "forgotten",
    "joined",
    "killed between",
    "lost between",
    "refused",
    "undone",
    "used again",
)


def test_no_mailbox_is_lost(pytestconfig: pytest.Config) -> None:
    Deployments.steps, Deployments.seen = 0, Counter()
    profile = pytestconfig.getoption("hypothesis_profile") or "model"
    run_state_machine_as_test(Deployments, settings=settings.get_profile(profile))
    print(f"{Deployments.steps} steps, {dict(Deployments.seen)}")
    assert Deployments.steps >= _STEPS
    seen = Deployments.seen
    assert {what: seen[what] for what in _OFTEN if seen[what] < _SEEN_OFTEN} == {}
    assert {what for what in _SOMETIMES if not seen[what]} == set()
