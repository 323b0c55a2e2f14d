"""Checks requests and shapes responses with botocore's own service model of WorkMail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from .exceptions import WorkMailError, invalid_parameter

TARGET_PREFIX = "WorkMailService"


@cache
def service_model() -> ServiceModel:
    return botocore.session.Session().get_service_model("workmail")


def operation_model(operation: str) -> OperationModel:
    """The model of an operation. Raises UnknownOperationException if WorkMail has none."""
    if operation not in service_model().operation_names:
        raise WorkMailError("UnknownOperationException", f"Unknown operation: {operation}")
    return service_model().operation_model(operation)


def check_request(operation: OperationModel, parameters: Mapping[str, Any]) -> None:
    """Raises InvalidParameterException unless the parameters match the model.

    botocore checks a request only for types, required members and minimum lengths; the service
    also checks patterns, maximum lengths and enumerations, and so does this.
    """
    problems: list[str] = []
    if operation.input_shape is not None:
        _check(operation.input_shape, parameters, "", problems)
    if problems:
        noun = "validation error" if len(problems) == 1 else "validation errors"
        raise invalid_parameter(f"{len(problems)} {noun} detected: {'; '.join(problems)}")


def shaped_response(operation: OperationModel, members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that the model knows, without those that are None, as boto3 gives them.

    Times, in seconds since the epoch, become datetimes.
    """
    shape = operation.output_shape
    return {} if shape is None else _shaped(shape, members)


def _check(shape: Shape, value: Any, path: str, problems: list[str]) -> None:
    expected, kind = _TYPES[shape.type_name]
    is_misplaced_bool = isinstance(value, bool) and shape.type_name != "boolean"
    if not isinstance(value, expected) or is_misplaced_bool:
        problems.append(f"Value at '{path}' must be {kind}")
    elif isinstance(shape, StructureShape):
        _check_structure(shape, value, path, problems)
    elif shape.type_name == "string":
        _check_size(shape, len(value), path, problems)
        _check_text(shape, value, path, problems)
    elif shape.type_name == "integer":
        _check_size(shape, value, path, problems)


def _check_structure(
    shape: StructureShape, value: Mapping[str, Any], path: str, problems: list[str]
) -> None:
    for name, member in shape.members.items():
        member_path = f"{path}.{name}" if path else name
        if value.get(name) is not None:
            _check(member, value[name], member_path, problems)
        elif name in shape.required_members:
            problems.append(
                f"Value null at '{member_path}' failed to satisfy constraint: "
                "Member must not be null"
            )


def _check_size(shape: Shape, size: int, path: str, problems: list[str]) -> None:
    noun = "length " if shape.type_name == "string" else "value "
    for bound, fails, words in (
        ("min", int.__lt__, "greater than or equal to"),
        ("max", int.__gt__, "less than or equal to"),
    ):
        limit = shape.metadata.get(bound)
        if limit is not None and fails(size, limit):
            problems.append(
                f"Value at '{path}' failed to satisfy constraint: "
                f"Member must have {noun}{words} {limit}"
            )


def _check_text(shape: Shape, value: str, path: str, problems: list[str]) -> None:
    pattern, enum = shape.metadata.get("pattern"), shape.metadata.get("enum")
    shown = "Value" if shape.metadata.get("sensitive") else f"Value '{value}'"
    if pattern and not _compiled(pattern).fullmatch(value):
        problems.append(
            f"{shown} at '{path}' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {pattern}"
        )
    if enum and value not in enum:
        problems.append(
            f"Value '{value}' at '{path}' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(enum)}]"
        )


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_TYPES: dict[str, tuple[Any, str]] = {
    "boolean": (bool, "a boolean"),
    "integer": (int, "an integer"),
    "string": (str, "a string"),
    "structure": (dict, "a structure"),
}


def _shaped(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return {
            name: _shaped(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if isinstance(shape, ListShape):
        return [_shaped(shape.member, item) for item in value]
    return datetime.fromtimestamp(value, UTC) if shape.type_name == "timestamp" else value
