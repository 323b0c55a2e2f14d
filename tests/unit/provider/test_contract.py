"""The contract tests of CloudFormation's registry types, turned to a custom resource.

Those that begin with `contract_` have the names that the CloudFormation CLI gives them:
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/contract-tests.html
A custom resource has no read and no list handler: what is read is what WorkMail shows and what the
answer's Data say, what is listed are the entities that WorkMail lists as enabled. Nor has it error
codes: what a registry type answers with AlreadyExists or NotFound, a custom resource has to make
so, because CloudFormation delivers a request twice, and Delete for what is gone already.
Tags are the one thing that those tests ask for and a registration has not.
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
# Each way in which the documents leave WorkMail's behaviour open, the other way round.
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
KINDS = ["alice", "team", "board-room"]


@pytest.fixture(params=[DOCUMENTED, OTHERWISE], ids=["as documented", "otherwise"])
def world(request: pytest.FixtureRequest) -> FunctionHarness:
    world = FunctionHarness()
    world.workmail.behaviour = request.param
    return world


@pytest.fixture(params=KINDS)
def entity(request: pytest.FixtureRequest, world: FunctionHarness) -> Entity:
    return world.organization.entity(request.param)


class Handlers:
    """The five handlers of a registry type, for the registration of one entity."""

    def __init__(self, world: FunctionHarness, entity: Entity) -> None:
        self._world = world
        self._entity = entity
        self.address = f"{entity.name}@example.com"

    def create(self, email: str = "") -> Response:
        self._world.stack.status = "UPDATE_IN_PROGRESS"
        return self._send("Create", None, email or self.address)

    def update(self, physical_id: str, email: str) -> Response:
        self._world.stack.status = "UPDATE_IN_PROGRESS"
        return self._send("Update", physical_id, email)

    def delete(self, physical_id: str) -> Response:
        self._world.stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        return self._send("Delete", physical_id, self.address)

    def read(self) -> tuple[str, str | None]:
        """State and primary address, once WorkMail shows what it was asked for."""
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
            page = self._world.workmail.perform(operation, {"OrganizationId": ORGANIZATION_ID})
            listed |= {row["Id"] for row in page[member] if row["State"] == "ENABLED"}
        return listed

    def _send(self, request_type: str, physical_id: str | None, email: str) -> Response:
        return self._world.send(request_type, physical_id, EntityId=self._entity.name, Email=email)

    def _describe(self) -> dict[str, Any]:
        name = {"USER": "User", "GROUP": "Group", "RESOURCE": "Resource"}[self._entity.kind]
        return self._world.workmail.perform(
            f"Describe{name}",
            {"OrganizationId": ORGANIZATION_ID, f"{name}Id": self._entity.entity_id},
        )


@pytest.fixture
def handlers(world: FunctionHarness, entity: Entity) -> Handlers:
    return Handlers(world, entity)


@pytest.fixture
def created(handlers: Handlers) -> str:
    """The physical id of what was created."""
    answer = handlers.create()
    assert answer["Status"] == "SUCCESS"
    return str(answer["PhysicalResourceId"])


@pytest.fixture
def updated(handlers: Handlers, created: str) -> Response:
    answer = handlers.update(created, "new@example.com")
    assert answer["Status"] == "SUCCESS"
    return answer


@pytest.fixture
def deleted(handlers: Handlers, created: str) -> str:
    """The physical id of what was created and deleted again."""
    answer = handlers.delete(created)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", created)
    return created


def declared(handlers: Handlers, answer: Response, entity: Entity, email: str) -> None:
    """The input of a request equals the output of its answer and of a reading."""
    assert answer["Status"] == "SUCCESS"
    assert answer["PhysicalResourceId"] == f"{ORGANIZATION_ID}/{entity.entity_id}"
    assert answer["Data"] == {
        "OrganizationId": ORGANIZATION_ID,
        "EntityId": entity.entity_id,
        "EntityType": entity.kind,
        "Email": email,
    }
    assert handlers.read() == ("ENABLED", email)


class TestCreate:
    def test_contract_create_create(self, handlers: Handlers, entity: Entity, created: str) -> None:
        """The second is the same request delivered again, and has the same answer."""
        declared(handlers, handlers.create(), entity, handlers.address)

    def test_contract_create_read(self, handlers: Handlers, entity: Entity) -> None:
        declared(handlers, handlers.create(), entity, handlers.address)

    def test_contract_create_list(self, handlers: Handlers, entity: Entity, created: str) -> None:
        assert handlers.list() == {entity.entity_id}

    def test_contract_create_delete(self, handlers: Handlers, created: str) -> None:
        answer = handlers.delete(created)
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", created)
        assert answer["Data"] == {}
        assert handlers.read() == ("DISABLED", None)

    def test_update_of_what_was_just_created_changes_nothing(
        self, handlers: Handlers, entity: Entity, created: str
    ) -> None:
        declared(handlers, handlers.update(created, handlers.address), entity, handlers.address)

    def test_contract_invalid_create(self, handlers: Handlers) -> None:
        answer = handlers.create("not an address")
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", NEVER_CREATED)
        assert handlers.read() == ("DISABLED", None)
        # What CloudFormation sends after a failed Create.
        assert handlers.delete(NEVER_CREATED)["Status"] == "SUCCESS"


class TestUpdate:
    def test_contract_update_read(
        self, handlers: Handlers, entity: Entity, created: str, updated: Response
    ) -> None:
        assert updated["PhysicalResourceId"] == created
        declared(handlers, updated, entity, "new@example.com")

    def test_contract_update_list(
        self, handlers: Handlers, entity: Entity, created: str, updated: Response
    ) -> None:
        assert updated["PhysicalResourceId"] == created
        assert handlers.list() == {entity.entity_id}

    def test_an_update_delivered_twice_is_one(
        self, handlers: Handlers, entity: Entity, created: str, updated: Response
    ) -> None:
        declared(handlers, handlers.update(created, "new@example.com"), entity, "new@example.com")

    def test_delete_after_an_update_disables(
        self, handlers: Handlers, created: str, updated: Response
    ) -> None:
        assert handlers.delete(created)["Status"] == "SUCCESS"
        assert handlers.read() == ("DISABLED", None)

    def test_contract_update_without_create(self, handlers: Handlers, entity: Entity) -> None:
        """A registry type fails with NotFound; here what is declared is made so."""
        answer = handlers.update(f"{ORGANIZATION_ID}/{entity.entity_id}", handlers.address)
        declared(handlers, answer, entity, handlers.address)

    def test_contract_update_create_only_property(
        self, world: FunctionHarness, handlers: Handlers, entity: Entity, created: str
    ) -> None:
        """A registry type fails with NotUpdatable; here another entity is a replacement."""
        world.stack.resources["Alice"] = (created, "UPDATE_IN_PROGRESS")
        replacement = Handlers(world, world.bob)
        answer = replacement.update(created, "bob@example.com")
        declared(replacement, answer, world.bob, "bob@example.com")
        assert handlers.read() == ("ENABLED", handlers.address)
        # What CloudFormation sends in the clean-up phase after a replacement.
        world.stack.resources["Alice"] = (answer["PhysicalResourceId"], "UPDATE_COMPLETE")
        assert handlers.delete(created)["Status"] == "SUCCESS"
        assert handlers.list() == {world.bob.entity_id}

    def test_contract_update_non_existent_resource(
        self, world: FunctionHarness, handlers: Handlers, entity: Entity
    ) -> None:
        """What does not exist in WorkMail cannot be made so: the entity, not its registration."""
        entity.visible_from = world.now + 10_000
        own = f"{ORGANIZATION_ID}/{entity.entity_id}"
        answer = handlers.update(own, handlers.address)
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", own)
        assert f"{entity.name} is not in organization {ORGANIZATION_ID}" in answer["Reason"]
        entity.visible_from = 0.0

    def test_an_invalid_update_leaves_what_there_is(self, handlers: Handlers, created: str) -> None:
        answer = handlers.update(created, "not an address")
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", created)
        assert handlers.read() == ("ENABLED", handlers.address)


class TestDelete:
    def test_contract_delete_read(self, handlers: Handlers, deleted: str) -> None:
        assert handlers.read() == ("DISABLED", None)

    def test_contract_delete_list(self, handlers: Handlers, deleted: str) -> None:
        assert handlers.list() == set()

    def test_contract_delete_delete(self, handlers: Handlers, deleted: str) -> None:
        """A registry type fails with NotFound; here what is gone is what was asked for."""
        answer = handlers.delete(deleted)
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", deleted)

    def test_contract_delete_create(self, handlers: Handlers, entity: Entity, deleted: str) -> None:
        answer = handlers.create()
        declared(handlers, answer, entity, handlers.address)
        assert answer["PhysicalResourceId"] == deleted

    def test_contract_delete_update(self, handlers: Handlers, entity: Entity, deleted: str) -> None:
        """A registry type fails with NotFound; here what is declared is made so again."""
        declared(handlers, handlers.update(deleted, handlers.address), entity, handlers.address)

    @pytest.mark.parametrize("request_type", ["create", "update"])
    def test_create_or_update_within_a_month_of_the_delete_brings_the_mail_back(
        self,
        world: FunctionHarness,
        handlers: Handlers,
        entity: Entity,
        deleted: str,
        request_type: str,
    ) -> None:
        before = replace(entity.mailbox) if entity.mailbox else None
        world.pass_time(29 * 24 * 3600)
        answer = (
            handlers.create()
            if request_type == "create"
            else handlers.update(deleted, handlers.address)
        )
        declared(handlers, answer, entity, handlers.address)
        after = entity.mailbox
        assert (after and after.mailbox_id) == (before and before.mailbox_id)
        assert after is None or after.deprovisioned_at is None
