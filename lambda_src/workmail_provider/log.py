"""Structured logs: one JSON line for each decision, on standard output.

The function has a logger and a handler of its own; Lambda's root logger stays as it is.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping

_LOGGER = logging.getLogger("workmail_provider")


class _StandardOutput(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to the standard output of the moment of writing."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


class RequestLog:
    """Writes lines that each identify their request."""

    def __init__(self, request: Mapping[str, str]) -> None:
        if not _LOGGER.handlers:
            _LOGGER.addHandler(_StandardOutput())
            _LOGGER.setLevel(logging.INFO)
            _LOGGER.propagate = False
        self._request = dict(request)

    def on(self, **on: str) -> RequestLog:
        """The same for lines that are all about this."""
        return RequestLog({**on, **self._request})

    def info(self, action: str, why: str, **on: str) -> None:
        """One line: what is done, why, and on what."""
        self._write(logging.INFO, {"action": action, **on, "why": why})

    def error(self, action: str, why: str, **on: str) -> None:
        """The same for what failed."""
        self._write(logging.ERROR, {"action": action, **on, "why": why})

    def _write(self, level: int, line: Mapping[str, str]) -> None:
        _LOGGER.log(
            level, json.dumps({"level": logging.getLevelName(level), **line, **self._request})
        )
