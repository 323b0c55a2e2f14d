"""What all tests of the function have in common."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_instance_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that finds no credentials would ask 169.254.169.254 for them."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
