"""What the tests of the model share: how much is tried, and what becomes of the log."""

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
    "model", _UNTIMED, derandomize=True, database=None, max_examples=500, stateful_step_count=50
)
settings.register_profile(
    "model-long", _UNTIMED, derandomize=False, max_examples=20_000, stateful_step_count=80
)
# Hundreds of thousands of lines that nobody reads, kept by pytest until a test ends.
_FUNCTION = logging.getLogger("workmail_provider")
_CRHELPER = logging.getLogger("crhelper.resource_helper")


class _Ear(logging.Filter):
    """Lets nothing through, and keeps what must not be said."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = 0
        self.secrets: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        self.heard += 1
        line = record.getMessage()
        if SECRET in line or PASSWORD in line:
            self.secrets.append(line)
        return False


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Nothing of what the function logs, and neither response URL nor password in it."""
    ear = _Ear()
    _FUNCTION.addFilter(ear)
    _CRHELPER.disabled = True
    yield
    _FUNCTION.removeFilter(ear)
    _CRHELPER.disabled = False
    assert ear.heard
    assert not ear.secrets
