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
from tests.support.harness import FunctionHarness, failed, succeeded
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
NEW = "new@example.com"


class ContractHarness(FunctionHarness):
    """The handlers of a registry type, for the registration of one entity."""

    def __init__(self, name: str, behaviour: Behaviour) -> None:
        super().__init__()
        self.workmail.behaviour = behaviour
        self.entity: Entity = self.organization.entity(name)
        self.address = f"{name}@example.com"
        self.own = self.registration_id(self.entity)

    def create(self, email: str = "") -> Response:
        return self._request("UPDATE_IN_PROGRESS", "Create", None, email or self.address)

    def update(self, email: str) -> Response:
        return self._request("UPDATE_IN_PROGRESS", "Update", self.own, email)

    def delete(self, physical_id: str = "") -> Response:
        status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        return self._request(status, "Delete", physical_id or self.own, self.address)

    def reads_enabled(self, email: str) -> bool:
        """Whether WorkMail shows the entity with this address, and lists it and no other."""
        described = self._describe()
        enabled = (described["State"], described.get("Email")) == ("ENABLED", email)
        return enabled and self.list() == {self.entity.entity_id}

    def reads_disabled(self) -> bool:
        return self._describe()["State"] == "DISABLED" and self.list() == set()

    def list(self) -> set[str]:
        """The ids of the entities that WorkMail lists as enabled."""
        return {
            row["Id"]
            for kind in ("Users", "Groups", "Resources")
            for row in self.workmail.perform(f"List{kind}", {"OrganizationId": ORGANIZATION_ID})[
                kind
            ]
            if row["State"] == "ENABLED"
        }

    def is_registered(self, response: Response, email: str) -> bool:
        """Whether the response and what is read are as declared."""
        assert succeeded(response) == self.own
        assert response["Data"] == {
            "OrganizationId": ORGANIZATION_ID,
            "EntityId": self.entity.entity_id,
            "EntityType": self.entity.kind,
            "Email": email,
        }
        return self.reads_enabled(email)

    def _request(self, status: str, request_type: str, own: str | None, email: str) -> Response:
        self.stack.status = status
        return self.send(request_type, own, EntityId=self.entity.name, Email=email)

    def _describe(self) -> dict[str, Any]:
        name = self.entity.kind.title()
        return self.workmail.perform(
            f"Describe{name}",
            {"OrganizationId": ORGANIZATION_ID, f"{name}Id": self.entity.entity_id},
        )


@pytest.fixture(params=[DOCUMENTED, OTHERWISE], ids=["as documented", "otherwise"])
def behaviour(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=["alice", "team", "board-room"])
def harness(request: pytest.FixtureRequest, behaviour: Behaviour) -> ContractHarness:
    return ContractHarness(request.param, behaviour)


@pytest.fixture
def created(harness: ContractHarness) -> ContractHarness:
    succeeded(harness.create())
    return harness


@pytest.fixture
def updated(created: ContractHarness) -> ContractHarness:
    succeeded(created.update(NEW))
    return created


@pytest.fixture
def deleted(created: ContractHarness) -> ContractHarness:
    succeeded(created.delete())
    return created


def test_contract_create_read_and_list(harness: ContractHarness) -> None:
    assert harness.is_registered(harness.create(), harness.address)


def test_contract_create_create(created: ContractHarness) -> None:
    """The second is the same request delivered again: it has the same response."""
    assert created.is_registered(created.create(), created.address)


def test_contract_create_delete(created: ContractHarness) -> None:
    response = created.delete()
    assert succeeded(response) == created.own
    assert response["Data"] == {}
    assert created.reads_disabled()


def test_an_update_right_after_the_create_changes_nothing(created: ContractHarness) -> None:
    assert created.is_registered(created.update(created.address), created.address)


def test_contract_invalid_create(harness: ContractHarness) -> None:
    response = harness.create("not an address")
    assert "Email does not match" in failed(response)
    assert response["PhysicalResourceId"] == NEVER_CREATED
    # What CloudFormation sends after a failed Create.
    assert succeeded(harness.delete(NEVER_CREATED)) == NEVER_CREATED
    assert harness.reads_disabled()


def test_contract_update_read_and_list(created: ContractHarness) -> None:
    assert created.is_registered(created.update(NEW), NEW)


def test_an_update_delivered_twice_is_one(updated: ContractHarness) -> None:
    assert updated.is_registered(updated.update(NEW), NEW)


def test_a_delete_after_an_update_disables(updated: ContractHarness) -> None:
    assert succeeded(updated.delete()) == updated.own
    assert updated.reads_disabled()


def test_contract_update_without_create(harness: ContractHarness) -> None:
    """A registry type fails with NotFound; this one converges."""
    assert harness.is_registered(harness.update(harness.address), harness.address)


def test_contract_update_create_only_property(created: ContractHarness) -> None:
    """A registry type fails with NotUpdatable; this one replaces."""
    created.stack.resources["Alice"] = (created.own, "UPDATE_IN_PROGRESS")
    created.stack.status = "UPDATE_IN_PROGRESS"
    bob: dict[str, Any] = {"EntityId": "bob", "Email": "bob@example.com"}
    replacement = succeeded(created.send("Update", created.own, **bob))
    assert replacement == created.registration_id(created.bob)
    assert created.list() == {created.entity.entity_id, created.bob.entity_id}
    # What CloudFormation sends in the clean-up phase after a replacement.
    created.stack.resources["Alice"] = (replacement, "UPDATE_COMPLETE")
    succeeded(created.delete())
    assert created.list() == {created.bob.entity_id}


def test_contract_update_non_existent_resource(harness: ContractHarness) -> None:
    """An entity that does not exist cannot be registered."""
    harness.entity.visible_from = harness.now + 10_000
    response = harness.update(harness.address)
    assert f"{harness.entity.name} is not in organization" in failed(response)
    assert response["PhysicalResourceId"] == harness.own


def test_an_invalid_update_changes_nothing(created: ContractHarness) -> None:
    response = created.update("not an address")
    assert "Email does not match" in failed(response)
    assert response["PhysicalResourceId"] == created.own
    assert created.reads_enabled(created.address)


def test_contract_delete_read_and_list(deleted: ContractHarness) -> None:
    assert deleted.reads_disabled()


def test_contract_delete_delete(deleted: ContractHarness) -> None:
    """A registry type fails with NotFound; this one has nothing to delete."""
    assert succeeded(deleted.delete()) == deleted.own


@pytest.mark.parametrize("is_update", [False, True])
def test_contract_delete_create_and_update(deleted: ContractHarness, is_update: bool) -> None:
    """Within a month they restore the mailbox. A registry type fails the Update with NotFound."""
    before = replace(deleted.entity.mailbox) if deleted.entity.mailbox else None
    deleted.pass_time(29 * 24 * 3600)
    response = deleted.update(deleted.address) if is_update else deleted.create()
    assert deleted.is_registered(response, deleted.address)
    after = deleted.entity.mailbox
    assert (after and after.mailbox_id) == (before and before.mailbox_id)
    assert after is None or after.deprovisioned_at is None
