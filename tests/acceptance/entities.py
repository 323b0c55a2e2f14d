"""The users, groups and resources that the acceptance run creates, and no others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

POLL_SECONDS = 0.2
SETTLE_SECONDS = 120.0


class AcceptanceFailed(Exception):
    """Something is not as it should be."""


@dataclass(frozen=True)
class Outcome:
    """How a call ended: with a response, or with an error of the service."""

    response: dict[str, Any] | None
    code: str | None = None
    message: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.code else "success"


@dataclass(frozen=True)
class Kind:
    """The names of the operations and members for one kind of entity."""

    name: str

    @property
    def id(self) -> str:
        return f"{self.name}Id"


USER, GROUP, RESOURCE = KINDS = (Kind("User"), Kind("Group"), Kind("Resource"))


class Entities:
    """Entities of one organization with names that begin with `prefix`."""

    def __init__(self, workmail: Any, organization_id: str, prefix: str) -> None:
        self._workmail = workmail
        self._organization_id = organization_id
        self.prefix = prefix

    def domain(self) -> str:
        described = self.call("DescribeOrganization")
        domain: str = described["DefaultMailDomain"]
        return domain

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """The response. Raises ClientError."""
        method = "".join(f"_{c.lower()}" if c.isupper() else c for c in operation).lstrip("_")
        response: dict[str, Any] = getattr(self._workmail, method)(
            OrganizationId=self._organization_id, **parameters
        )
        return response

    def attempt(self, operation: str, **parameters: Any) -> Outcome:
        """The outcome, when the service has decided about the call."""
        try:
            return Outcome(self.call(operation, **parameters))
        except ClientError as error:
            return Outcome(
                None, error.response["Error"]["Code"], error.response["Error"]["Message"]
            )

    def describe(self, kind: Kind, entity_id: str) -> Outcome:
        return self.attempt(f"Describe{kind.name}", **{kind.id: entity_id})

    def state(self, kind: Kind, entity_id: str) -> str:
        """ENABLED, DISABLED or DELETED, which also stands for an entity that is not found."""
        described = self.describe(kind, entity_id)
        if described.code == "EntityNotFoundException":
            return "DELETED"
        if described.response is None:
            raise AcceptanceFailed(f"{kind.name} {entity_id} cannot be described: {described}")
        return str(described.response["State"])

    def wait_for(self, kind: Kind, entity_id: str, state: str) -> float:
        """The seconds until that state was seen; 0.0 if the first look showed it."""
        return seconds_until(
            lambda: self.state(kind, entity_id) == state, f"{kind.name} {entity_id} is {state}"
        )

    def own(self) -> Iterator[tuple[Kind, dict[str, Any]]]:
        """Those of this run that are not deleted."""
        for kind, entity in self._all():
            if entity["Name"].startswith(f"{self.prefix}-") and entity["State"] != "DELETED":
                yield kind, entity

    def others(self) -> dict[str, tuple[Any, ...]]:
        """What the lists show of all other entities."""
        return {
            f"{kind.name} {entity['Name']} ({entity['Id']})": (
                entity["State"],
                entity.get("Email"),
                entity.get("EnabledDate"),
                entity.get("DisabledDate"),
            )
            for kind, entity in self._all()
            if not entity["Name"].startswith(f"{self.prefix}-")
        }

    def find(self, kind: Kind, name: str) -> dict[str, Any]:
        """What the list shows of an entity of this run. Raises AcceptanceFailed."""
        for found, entity in self.own():
            if (found, entity["Name"]) == (kind, name):
                return entity
        raise AcceptanceFailed(f"{kind.name} {name} is not in WorkMail")

    def delete_all(self) -> None:
        """Disables and deletes all entities of this run, until none is listed."""
        seconds_until(lambda: self._delete_listed() == 0, f"no {self.prefix} entity is left")

    def _delete_listed(self) -> int:
        listed = [*self.own()]
        for kind, entity in listed:
            if entity["State"] == "ENABLED":
                self.call("DeregisterFromWorkMail", EntityId=entity["Id"])
                self.wait_for(kind, entity["Id"], "DISABLED")
            self.delete(kind, entity["Id"])
        return len(listed)

    def delete(self, kind: Kind, entity_id: str) -> None:
        seconds_until(
            lambda: (
                self.attempt(f"Delete{kind.name}", **{kind.id: entity_id}).code
                in (None, "EntityNotFoundException")
            ),
            f"{kind.name} {entity_id} can be deleted",
        )
        self.wait_for(kind, entity_id, "DELETED")

    def _all(self) -> Iterator[tuple[Kind, dict[str, Any]]]:
        for kind in KINDS:
            pages = self._workmail.get_paginator(f"list_{kind.name.lower()}s").paginate(
                OrganizationId=self._organization_id
            )
            for page in pages:
                for entity in page[f"{kind.name}s"]:
                    yield kind, entity


def seconds_until(reached: Callable[[], bool], what: str, budget: float = SETTLE_SECONDS) -> float:
    """How long that took; 0.0 if it was so at once. Raises AcceptanceFailed after `budget`."""
    if reached():
        return 0.0
    began = time.monotonic()
    while time.monotonic() - began < budget:
        time.sleep(POLL_SECONDS)
        if reached():
            return round(time.monotonic() - began, 1)
    raise AcceptanceFailed(f"after {budget:.0f} seconds it is not so that {what}")
