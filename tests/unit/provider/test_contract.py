"""The contract tests of CloudFormation's registry types, applied to a custom resource.

Those that begin with `contract_` have the names that the CloudFormation CLI gives them:
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/contract-tests.html
A custom resource has neither a read nor a list handler: a read is what WorkMail shows and what the
response's Data say, a list are the entities that WorkMail lists as enabled. It has no error codes
either: where a registry type fails with AlreadyExists or NotFound, a custom resource converges,
because CloudFormation may deliver a request twice. A registration has no tags.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from local_aws.workmail import Behaviour, Entity
from tests.support.harness import FunctionHarness
from tests.support.lambda_fakes import ORGANIZATION_ID
from workmail_provider.cloudformation.response import NEVER_CREATED

Response = dict[str, Any]

DOCUMENTED = Behaviour()
# The opposite of each behaviour that the documents leave open.
OTHERWISE = Behaviour(
    register_enabled_same_address_fails=True,
    register_enabled_other_address_fails=True,
    deregister_disabled_fails=True,
    deleted_entity_vanishes=True,
    email_remains=True,
    enabled_date_remains=True,
    address_stays_reserved=True,
    settle_delay=20,
)
NAMES = ["alice", "team", "board-room"]


@pytest.fixture(params=[DOCUMENTED, OTHERWISE], ids=["as documented", "otherwise"])
def harness(request: pytest.FixtureRequest) -> FunctionHarness:
    harness = FunctionHarness()
    harness.workmail.behaviour = request.param
    return harness


@pytest.fixture(params=NAMES)
def entity(request: pytest.FixtureRequest, harness: FunctionHarness) -> Entity:
    return harness.organization.entity(request.param)


class Handlers:
    """The five handlers of a registry type, for the registration of one entity."""

    def __init__(self, harness: FunctionHarness, entity: Entity) -> None:
        self._harness = harness
        self._entity = entity
        self.address = f"{entity.name}@example.com"

    def create(self, email: str = "") -> Response:
        self._harness.stack.status = "UPDATE_IN_PROGRESS"
        return self._send("Create", None, email or self.address)

    def update(self, physical_id: str, email: str) -> Response:
        self._harness.stack.status = "UPDATE_IN_PROGRESS"
        return self._send("Update", physical_id, email)

    def delete(self, physical_id: str) -> Response:
        self._harness.stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        return self._send("Delete", physical_id, self.address)

    def read(self) -> tuple[str, str | None]:
        """State and primary address, once WorkMail shows them."""
        described = self._describe()
        email = described.get("Email") if described["State"] == "ENABLED" else None
        return described["State"], email

    def list(self) -> set[str]:
        """The ids of the entities that WorkMail lists as enabled."""
        listed: set[str] = set()
        for operation, member in (
            ("ListUsers", "Users"),
            ("ListGroups", "Groups"),
            ("ListResources", "Resources"),
        ):
            page = self._harness.workmail.perform(operation, {"OrganizationId": ORGANIZATION_ID})
            listed |= {row["Id"] for row in page[member] if row["State"] == "ENABLED"}
        return listed

    def _send(self, request_type: str, physical_id: str | None, email: str) -> Response:
        return self._harness.send(
            request_type, physical_id, EntityId=self._entity.name, Email=email
        )

    def _describe(self) -> dict[str, Any]:
        name = {"USER": "User", "GROUP": "Group", "RESOURCE": "Resource"}[self._entity.kind]
        return self._harness.workmail.perform(
            f"Describe{name}",
            {"OrganizationId": ORGANIZATION_ID, f"{name}Id": self._entity.entity_id},
        )


@pytest.fixture
def handlers(harness: FunctionHarness, entity: Entity) -> Handlers:
    return Handlers(harness, entity)


@pytest.fixture
def created(handlers: Handlers) -> str:
    """The physical id of a registration that was created."""
    response = handlers.create()
    assert response["Status"] == "SUCCESS"
    return str(response["PhysicalResourceId"])


@pytest.fixture
def updated(handlers: Handlers, created: str) -> Response:
    response = handlers.update(created, "new@example.com")
    assert response["Status"] == "SUCCESS"
    return response


@pytest.fixture
def deleted(handlers: Handlers, created: str) -> str:
    """The physical id of a registration that was created and deleted."""
    response = handlers.delete(created)
    assert (response["Status"], response["PhysicalResourceId"]) == ("SUCCESS", created)
    return created


def is_as_declared(handlers: Handlers, response: Response, entity: Entity, email: str) -> None:
    """The input of a request equals its response and what is read."""
    assert response["Status"] == "SUCCESS"
    assert response["PhysicalResourceId"] == f"{ORGANIZATION_ID}/{entity.entity_id}"
    assert response["Data"] == {
        "OrganizationId": ORGANIZATION_ID,
        "EntityId": entity.entity_id,
        "EntityType": entity.kind,
        "Email": email,
    }
    assert handlers.read() == ("ENABLED", email)


class TestCreate:
    def test_contract_create_create(self, handlers: Handlers, entity: Entity, created: str) -> None:
        """The second is the same request delivered again: it has the same response."""
        is_as_declared(handlers, handlers.create(), entity, handlers.address)

    def test_contract_create_read(self, handlers: Handlers, entity: Entity) -> None:
        is_as_declared(handlers, handlers.create(), entity, handlers.address)

    def test_contract_create_list(self, handlers: Handlers, entity: Entity, created: str) -> None:
        assert handlers.list() == {entity.entity_id}

    def test_contract_create_delete(self, handlers: Handlers, created: str) -> None:
        response = handlers.delete(created)
        assert (response["Status"], response["PhysicalResourceId"]) == ("SUCCESS", created)
        assert response["Data"] == {}
        assert handlers.read() == ("DISABLED", None)

    def test_an_update_right_after_the_create_changes_nothing(
        self, handlers: Handlers, entity: Entity, created: str
    ) -> None:
        is_as_declared(
            handlers, handlers.update(created, handlers.address), entity, handlers.address
        )

    def test_contract_invalid_create(self, handlers: Handlers) -> None:
        response = handlers.create("not an address")
        assert (response["Status"], response["PhysicalResourceId"]) == ("FAILED", NEVER_CREATED)
        assert handlers.read() == ("DISABLED", None)
        # What CloudFormation sends after a failed Create.
        assert handlers.delete(NEVER_CREATED)["Status"] == "SUCCESS"


class TestUpdate:
    def test_contract_update_read(
        self, handlers: Handlers, entity: Entity, created: str, updated: Response
    ) -> None:
        assert updated["PhysicalResourceId"] == created
        is_as_declared(handlers, updated, entity, "new@example.com")

    def test_contract_update_list(
        self, handlers: Handlers, entity: Entity, created: str, updated: Response
    ) -> None:
        assert updated["PhysicalResourceId"] == created
        assert handlers.list() == {entity.entity_id}

    def test_an_update_delivered_twice_is_one(
        self, handlers: Handlers, entity: Entity, created: str, updated: Response
    ) -> None:
        is_as_declared(
            handlers, handlers.update(created, "new@example.com"), entity, "new@example.com"
        )

    def test_delete_after_an_update_disables(
        self, handlers: Handlers, created: str, updated: Response
    ) -> None:
        assert handlers.delete(created)["Status"] == "SUCCESS"
        assert handlers.read() == ("DISABLED", None)

    def test_contract_update_without_create(self, handlers: Handlers, entity: Entity) -> None:
        """A registry type fails with NotFound; this one converges."""
        response = handlers.update(f"{ORGANIZATION_ID}/{entity.entity_id}", handlers.address)
        is_as_declared(handlers, response, entity, handlers.address)

    def test_contract_update_create_only_property(
        self, harness: FunctionHarness, handlers: Handlers, entity: Entity, created: str
    ) -> None:
        """A registry type fails with NotUpdatable; this one replaces."""
        harness.stack.resources["Alice"] = (created, "UPDATE_IN_PROGRESS")
        replacement = Handlers(harness, harness.bob)
        response = replacement.update(created, "bob@example.com")
        is_as_declared(replacement, response, harness.bob, "bob@example.com")
        assert handlers.read() == ("ENABLED", handlers.address)
        # What CloudFormation sends in the clean-up phase after a replacement.
        harness.stack.resources["Alice"] = (response["PhysicalResourceId"], "UPDATE_COMPLETE")
        assert handlers.delete(created)["Status"] == "SUCCESS"
        assert handlers.list() == {harness.bob.entity_id}

    def test_contract_update_non_existent_resource(
        self, harness: FunctionHarness, handlers: Handlers, entity: Entity
    ) -> None:
        """An entity that does not exist cannot be registered."""
        entity.visible_from = harness.now + 10_000
        own = f"{ORGANIZATION_ID}/{entity.entity_id}"
        response = handlers.update(own, handlers.address)
        assert (response["Status"], response["PhysicalResourceId"]) == ("FAILED", own)
        assert f"{entity.name} is not in organization {ORGANIZATION_ID}" in response["Reason"]
        entity.visible_from = 0.0

    def test_an_invalid_update_changes_nothing(self, handlers: Handlers, created: str) -> None:
        response = handlers.update(created, "not an address")
        assert (response["Status"], response["PhysicalResourceId"]) == ("FAILED", created)
        assert handlers.read() == ("ENABLED", handlers.address)


class TestDelete:
    def test_contract_delete_read(self, handlers: Handlers, deleted: str) -> None:
        assert handlers.read() == ("DISABLED", None)

    def test_contract_delete_list(self, handlers: Handlers, deleted: str) -> None:
        assert handlers.list() == set()

    def test_contract_delete_delete(self, handlers: Handlers, deleted: str) -> None:
        """A registry type fails with NotFound; this one has nothing to delete."""
        response = handlers.delete(deleted)
        assert (response["Status"], response["PhysicalResourceId"]) == ("SUCCESS", deleted)

    def test_contract_delete_create(self, handlers: Handlers, entity: Entity, deleted: str) -> None:
        response = handlers.create()
        is_as_declared(handlers, response, entity, handlers.address)
        assert response["PhysicalResourceId"] == deleted

    def test_contract_delete_update(self, handlers: Handlers, entity: Entity, deleted: str) -> None:
        """A registry type fails with NotFound; this one converges again."""
        is_as_declared(
            handlers, handlers.update(deleted, handlers.address), entity, handlers.address
        )

    @pytest.mark.parametrize("request_type", ["create", "update"])
    def test_a_create_or_update_within_a_month_of_the_delete_restores_the_mailbox(
        self,
        harness: FunctionHarness,
        handlers: Handlers,
        entity: Entity,
        deleted: str,
        request_type: str,
    ) -> None:
        before = replace(entity.mailbox) if entity.mailbox else None
        harness.pass_time(29 * 24 * 3600)
        response = (
            handlers.create()
            if request_type == "create"
            else handlers.update(deleted, handlers.address)
        )
        is_as_declared(handlers, response, entity, handlers.address)
        after = entity.mailbox
        assert (after and after.mailbox_id) == (before and before.mailbox_id)
        assert after is None or after.deprovisioned_at is None
