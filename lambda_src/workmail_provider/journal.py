"""Structured logs: one JSON line for each decision, on standard output.

The function's own logger and handler; the root logger, and what Lambda made of it, stay as they
are.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping

_LOGGER = logging.getLogger("workmail_provider")


class _StandardOutput(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to whatever standard output is at the moment of writing."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


def set_up() -> None:
    """Gives the function's logger its handler, once."""
    if not _LOGGER.handlers:
        _LOGGER.addHandler(_StandardOutput())
        _LOGGER.setLevel(logging.INFO)
        _LOGGER.propagate = False


class Journal:
    """Writes lines that all tell which request they belong to."""

    def __init__(self, request: Mapping[str, str]) -> None:
        set_up()
        self._request = dict(request)

    def decision(self, action: str, why: str, **on: str) -> None:
        """One line: what is done, why, and on what."""
        self._write(logging.INFO, {"action": action, **on, "why": why})

    def trouble(self, action: str, why: str, **on: str) -> None:
        """The same for what went wrong."""
        self._write(logging.ERROR, {"action": action, **on, "why": why})

    def _write(self, level: int, line: Mapping[str, str]) -> None:
        _LOGGER.log(
            level, json.dumps({"level": logging.getLevelName(level), **line, **self._request})
        )
