"""The boto3 clients, made when a request needs them."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

# One attempt a call: what is tried again, and for how long, is decided by the budgets, with the
# state read in between. The times are in seconds.
_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1})


def client(service: str, region: str | None) -> Any:
    """A client of `service` in `region`, or in the function's own Region."""
    return boto3.client(service, region_name=region, config=_CONFIG)  # type: ignore[call-overload]
