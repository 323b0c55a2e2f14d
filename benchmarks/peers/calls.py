"""The calls of a handler without a lifecycle contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3

workmail = boto3.client("workmail")


def register(properties: Mapping[str, Any]) -> str:
    """Enables the entity and returns its physical id."""
    workmail.register_to_work_mail(**_identity(properties), Email=properties["Email"])
    return f"{properties['OrganizationId']}/{properties['EntityId']}"


def change_address(properties: Mapping[str, Any]) -> None:
    workmail.update_primary_email_address(**_identity(properties), Email=properties["Email"])


def deregister(properties: Mapping[str, Any]) -> None:
    workmail.deregister_from_work_mail(**_identity(properties))


def is_enabled(properties: Mapping[str, Any]) -> bool:
    user = workmail.describe_user(
        OrganizationId=properties["OrganizationId"], UserId=properties["EntityId"]
    )
    return bool(user["State"] == "ENABLED")


def _identity(properties: Mapping[str, Any]) -> dict[str, str]:
    return {name: properties[name] for name in ("OrganizationId", "EntityId")}
