"""What is declared in a request's properties.

CloudFormation sends every value as a string, whatever the template holds. Each function raises
Failure for a value that is missing or wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workmail_provider.errors import Failure

_BOOLEANS = {"true": True, "false": False}


def text(properties: Mapping[str, Any], name: str) -> str:
    value = properties.get(name)
    if not isinstance(value, str) or not value:
        raise Failure(f"{name} is {value!r}, and must be a text that is not empty: declare it")
    return value


def text_if_any(properties: Mapping[str, Any], name: str) -> str | None:
    return text(properties, name) if name in properties else None


def boolean(properties: Mapping[str, Any], name: str, default: str) -> bool:
    value = properties.get(name, default)
    if value not in _BOOLEANS:
        raise Failure(f"{name} is {value!r}, allowed are true and false: correct it")
    return _BOOLEANS[value]


def texts_if_any(properties: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    values = properties.get(name)
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise Failure(f"{name} is {values!r}, and must be a list of texts: correct it")
    return tuple(values)


def structure(properties: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An empty one when it is not declared."""
    declared = properties.get(name, {})
    if not isinstance(declared, Mapping):
        raise Failure(f"{name} is {declared!r}, and must be an object: declare one")
    return declared
