"""What the tests of the model share: how much is tried, and that nothing is logged."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

_UNTIMED = settings(
    deadline=None,
    print_blob=True,
    phases=[Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
# The same steps in every run, and with `--hypothesis-profile model-long` others in each.
settings.register_profile(
    "model", _UNTIMED, derandomize=True, database=None, max_examples=500, stateful_step_count=50
)
settings.register_profile(
    "model-long", _UNTIMED, derandomize=False, max_examples=20_000, stateful_step_count=80
)
# Hundreds of thousands of lines that nobody reads, kept by pytest until a test ends.
_LOGGERS = ("workmail_provider", "crhelper.resource_helper")


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Nothing of what the function logs."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.disabled = True
    yield
    for logger in loggers:
        logger.disabled = False
