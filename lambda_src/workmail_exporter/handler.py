"""The entry point of the Lambda function."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from workmail_exporter.actions import Exporter
from workmail_exporter.settings import Settings
from workmail_provider.aws import make_clients
from workmail_provider.retry import Clock


@cache
def _exporter() -> Exporter:
    settings = Settings.parse(os.environ["ORGANIZATION_EXPORT"])
    return Exporter(settings, make_clients(), Clock())


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Called by the state machine, once for each step."""
    return _exporter()(event, context.get_remaining_time_in_millis() / 1000)
