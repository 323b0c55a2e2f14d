from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def without_logs() -> Iterator[None]:
    """Logging thousands of tracebacks takes longer than the failures."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
