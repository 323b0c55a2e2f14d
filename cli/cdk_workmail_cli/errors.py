"""The error that ends the command with one line."""

from __future__ import annotations


class CommandFailed(Exception):
    """What failed, on what, and what to do."""
