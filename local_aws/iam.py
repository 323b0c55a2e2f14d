"""Decides with MiniStack's IAM whether the role of a function allows a WorkMail call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from .export_bucket import EXPORT_SERVICE

ADMINISTRATOR_ACCESS_KEY = "test"


class RoleAuthorizer:
    """Decides `authorize(access_key, action, resource_arn)` by the policies of a role.

    MiniStack derives the access key of a function from its ARN and its role's, so the role of a
    key is cached. Policies change with each deployment and are evaluated for each call. Functions
    of other Regions than the client's are unknown, and nothing is allowed to them.
    """

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = client
        self._roles: dict[str, str] = {}

    def __call__(self, access_key: str | None, action: str, resource_arn: str) -> bool:
        if access_key == ADMINISTRATOR_ACCESS_KEY:
            return True
        role_arn = self._role(access_key) if access_key else None
        if role_arn is None:
            return False
        response = self._client("iam").simulate_principal_policy(
            PolicySourceArn=role_arn,
            ActionNames=[action],
            ResourceArns=[resource_arn],
            # WorkMail passes a role to its exports alone.
            ContextEntries=[
                {
                    "ContextKeyName": "iam:PassedToService",
                    "ContextKeyValues": [EXPORT_SERVICE],
                    "ContextKeyType": "string",
                }
            ]
            if action == "iam:PassRole"
            else [],
        )
        return all(result["EvalDecision"] == "allowed" for result in response["EvaluationResults"])

    def _role(self, access_key: str) -> str | None:
        if access_key not in self._roles:
            pages = self._client("lambda").get_paginator("list_functions").paginate()
            for function in (f for page in pages for f in page["Functions"]):
                key = _access_key(function["FunctionArn"], function["Role"])
                self._roles[key] = function["Role"]
        return self._roles.get(access_key)


def _access_key(function_arn: str, role_arn: str) -> str:
    digest = hashlib.sha256(f"{function_arn}:{role_arn}".encode()).hexdigest()
    return f"ASIA{digest[:16].upper()}"
