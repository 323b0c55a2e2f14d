"""What the tests of the model share: how much is tried, and what happens to the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.model.function import PASSWORD
from tests.support.lambda_fakes import SECRET

_UNTIMED = settings(
    deadline=None,
    print_blob=True,
    phases=[Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
# The same steps in every run, and with `--hypothesis-profile model-long` others in each.
settings.register_profile(
    "model", _UNTIMED, derandomize=True, database=None, max_examples=330, stateful_step_count=50
)
settings.register_profile(
    "model-long", _UNTIMED, derandomize=False, max_examples=20_000, stateful_step_count=80
)


@pytest.fixture(autouse=True)
def log_without_secrets() -> Iterator[None]:
    """Drops hundreds of thousands of lines; the response URL and passwords are in none of them."""
    lines, with_secrets = 0, []

    def drop(record: logging.LogRecord) -> bool:
        nonlocal lines
        lines += 1
        line = record.getMessage()
        if SECRET in line or PASSWORD in line:
            with_secrets.append(line)
        return False

    function, crhelper = map(logging.getLogger, ("workmail_provider", "crhelper.resource_helper"))
    function.addFilter(drop)
    crhelper.disabled = True
    yield
    function.removeFilter(drop)
    crhelper.disabled = False
    assert lines
    assert not with_secrets
