"""Values in a request's properties.

CloudFormation sends every value as a string, whatever the template has. Each function raises
RequestFailed for a value that is missing or wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workmail_provider.errors import RequestFailed

_BOOLEANS = {"true": True, "false": False}


def text(properties: Mapping[str, Any], name: str) -> str:
    value = properties.get(name)
    if not isinstance(value, str) or not value:
        raise RequestFailed(f"{name} is {value!r}, must be a text that is not empty: declare it")
    return value


def optional_text(properties: Mapping[str, Any], name: str) -> str | None:
    return text(properties, name) if name in properties else None


def boolean(properties: Mapping[str, Any], name: str, default: str) -> bool:
    value = properties.get(name, default)
    if value not in _BOOLEANS:
        raise RequestFailed(f"{name} is {value!r}, must be true or false: correct it")
    return _BOOLEANS[value]


def optional_texts(properties: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    values = properties.get(name)
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise RequestFailed(f"{name} is {values!r}, must be a list of texts: correct it")
    return tuple(values)


def structure(properties: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Empty when it is not declared."""
    declared = properties.get(name, {})
    if not isinstance(declared, Mapping):
        raise RequestFailed(f"{name} is {declared!r}, must be an object: correct it")
    return declared


def seconds(properties: Mapping[str, Any], name: str) -> int:
    value = text(properties, name)
    if not value.isdecimal():
        raise RequestFailed(f"{name} is {value!r}, must be a number of seconds: correct it")
    return int(value)
