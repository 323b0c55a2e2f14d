"""The floor: boto3, one client, and the WorkMail calls of the lifecycle contract; no response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3

workmail = boto3.client("workmail")


def handler(event: Mapping[str, Any], context: object) -> None:
    properties = event["ResourceProperties"]
    organization = {"OrganizationId": properties["OrganizationId"]}
    entity_id, email = properties["EntityId"], properties["Email"]
    print(event["RequestType"], entity_id)
    workmail.describe_user(**organization, UserId=entity_id)
    if event["RequestType"] == "Create":
        workmail.register_to_work_mail(**organization, EntityId=entity_id, Email=email)
    elif event["RequestType"] == "Update":
        workmail.update_primary_email_address(**organization, EntityId=entity_id, Email=email)
    else:
        workmail.deregister_from_work_mail(**organization, EntityId=entity_id)
    workmail.describe_user(**organization, UserId=entity_id)
