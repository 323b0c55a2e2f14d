"""What AWS does not document about WorkMail does not change how a deployment ends.

Each switch of the local WorkMail is played in both positions while a stack creates, updates and
deletes a user, a group with members, a resource with delegates, their registrations and an
export: once as it is, and once with changes that settle late and with each first response lost.
"""

from __future__ import annotations

from dataclasses import Field, fields, replace
from typing import Any

import pytest

from local_aws.workmail import Behaviour, Drop
from local_aws.workmail.entities import Moment
from tests.support.harness import (
    DELEGATES,
    EXPORT,
    GROUP,
    MEMBERS,
    NEW_PASSWORD,
    PASSWORD,
    RESOURCE,
    SECRET_ARN,
    USER,
    FunctionHarness,
    failed,
    succeeded,
)
from tests.support.lambda_fakes import ORGANIZATION_ID, REGISTRATION

# Each of them changes WorkMail, and may have to be sent again.
CHANGES = {
    *(
        f"{verb}{kind}"
        for verb in ("Create", "Update", "Delete")
        for kind in ("User", "Group", "Resource")
    ),
    "RegisterToWorkMail",
    "DeregisterFromWorkMail",
    "UpdatePrimaryEmailAddress",
    "CreateAlias",
    "DeleteAlias",
    "ResetPassword",
    "AssociateMemberToGroup",
    "DisassociateMemberFromGroup",
    "AssociateDelegateToResource",
    "DisassociateDelegateFromResource",
    "StartMailboxExportJob",
}
SNAPSHOT = {"ServiceTimeout": "3600", "MailboxExport": EXPORT}
NOT_ACCEPTING = {
    "AutoAcceptRequests": False,
    "AutoDeclineRecurringRequests": True,
    "AutoDeclineConflictingRequests": True,
}


class Deployment:
    """The requests that CloudFormation sends for one stack; each of them must succeed."""

    def __init__(self, harness: FunctionHarness) -> None:
        self._harness = harness
        self._properties: dict[str, dict[str, Any]] = {}
        self._types: dict[str, str] = {}

    def deploy(self, logical_id: str, resource_type: str, **properties: Any) -> None:
        before = self._properties.get(logical_id)
        self._properties[logical_id] = {"OrganizationId": ORGANIZATION_ID, **properties}
        self._types[logical_id] = resource_type
        self._send("Create" if before is None else "Update", logical_id, before)

    def begin_delete(self, logical_id: str) -> dict[str, Any]:
        """The response, whatever it is."""
        physical_id, _ = self._harness.stack.resources[logical_id]
        self._harness.stack.resources[logical_id] = (physical_id, "DELETE_IN_PROGRESS")
        self._harness.stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        return self._respond("Delete", logical_id, None)

    def delete(self, logical_id: str) -> None:
        succeeded(self.begin_delete(logical_id))
        del self._harness.stack.resources[logical_id], self._properties[logical_id]
        self._harness.stack.status = "UPDATE_IN_PROGRESS"

    def _send(self, request_type: str, logical_id: str, before: dict[str, Any] | None) -> None:
        before_id, _ = self._harness.stack.resources.get(logical_id, (None, ""))
        physical_id = succeeded(self._respond(request_type, logical_id, before))
        assert before_id in (None, physical_id)
        self._harness.stack.resources[logical_id] = (physical_id, "")

    def _respond(
        self, request_type: str, logical_id: str, before: dict[str, Any] | None
    ) -> dict[str, Any]:
        return self._harness.send(
            request_type,
            self._harness.stack.resources.get(logical_id, (None, ""))[0],
            logical_id=logical_id,
            resource_type=self._types[logical_id],
            before=before,
            **self._properties[logical_id],
        )

    def register(self, name: str, email: str, aliases: list[str], **more: Any) -> None:
        more |= {"EntityId": name, "Email": email, "Aliases": aliases}
        self.deploy(f"{name} registered", REGISTRATION, **more)

    def end(self, name: str) -> tuple[str | None, set[str], list[str]]:
        """The primary address, the other addresses, and the names of members or delegates."""
        entity: Any = self._harness.organization.entity(name)
        names = {e.entity_id: e.name for e in self._harness.organization.entities.values()}
        associated = [names[entity_id] for entity_id in getattr(entity, "associated", ())]
        email = entity.registration.email if entity.state == "ENABLED" else None
        return email, set(entity.aliases), associated


def play(harness: FunctionHarness) -> None:
    """Create, update and delete all that a stack can declare."""
    deployment = Deployment(harness)
    organization = harness.organization
    dora: dict[str, Any] = {"Name": "dora", "Attributes": {"DisplayName": "Dora"}}
    dora |= {"PasswordSecretArn": SECRET_ARN}
    # What CreateUser does not accept: a registration sets it.
    attributes = {"JobTitle": "Explorer", "City": "Bath"}
    harness.secrets[SECRET_ARN] = PASSWORD

    deployment.deploy("dora", USER, **dora)
    deployment.deploy("sales", GROUP, Name="sales")
    deployment.deploy("beamer", RESOURCE, Name="beamer", Attributes={"Type": "EQUIPMENT"})
    deployment.register(
        "dora", "dora@example.com", ["the-dora@example.com"], UserAttributes=attributes
    )
    # Enabled by hand a moment before the registration.
    harness.bob.enable("robert@example.com", Moment(harness.now, harness.workmail.behaviour))
    bobs = ["the-bob@example.com"]
    deployment.register("bob", "robert@example.com", bobs)
    for name in ("sales", "beamer"):
        deployment.register(name, f"{name}@example.com", [f"the-{name}@example.com"])
    sales, beamer = (organization.entity(name).entity_id for name in ("sales", "beamer"))
    options = {name: str(value).lower() for name, value in NOT_ACCEPTING.items()}
    del options["AutoDeclineConflictingRequests"]
    requests = {"ResourceId": beamer, "BookingOptions": options}
    deployment.deploy("members", MEMBERS, GroupId=sales, Members=["dora"])
    deployment.deploy("delegates", DELEGATES, Delegates=["dora"], **requests)
    for name, associated in (("dora", []), ("sales", ["dora"]), ("beamer", ["dora"])):
        aliases = {f"the-{name}@example.com"}
        assert deployment.end(name) == (f"{name}@example.com", aliases, associated)
    assert deployment.end("bob")[0] == "robert@example.com"
    user: Any = organization.entity("dora")
    room: Any = organization.entity("beamer")
    assert user.attributes == {"DisplayName": "Dora", **attributes}
    assert user.has_password(PASSWORD)
    assert room.booking_options == NOT_ACCEPTING

    harness.now += 3600
    harness.secrets[SECRET_ARN] = NEW_PASSWORD
    attributes = {"JobTitle": "Boss", "City": ""}
    dora |= {"ResetPassword": "2"}
    deployment.deploy("dora", USER, **dora)
    hidden = {"HiddenFromGlobalAddressList": "true"}
    deployment.deploy("sales", GROUP, Name="sales", Attributes=hidden)
    for name in ("dora", "sales", "beamer"):
        # The primary address is not another alias.
        aliases = {f"{name}@example.com", f"more-{name}@example.com"}
        deployment.register(
            name,
            f"new-{name}@example.com",
            [f"New-{name}@example.com", *aliases],
            UserAttributes=attributes,
        )
    deployment.register("bob", "bob@example.com", bobs)
    deployment.deploy("members", MEMBERS, GroupId=sales, Members=["bob"])
    deployment.deploy("delegates", DELEGATES, Delegates=["bob"], **requests)
    for name, associated in (("dora", []), ("sales", ["bob"]), ("beamer", ["bob"])):
        aliases = {f"{name}@example.com", f"more-{name}@example.com"}
        assert deployment.end(name) == (f"new-{name}@example.com", aliases, associated)
    assert deployment.end("bob")[:2] == ("bob@example.com", {"robert@example.com", *bobs})
    shown = {name: text for name, text in user.attributes.items() if text}
    assert shown == {"DisplayName": "Dora", "JobTitle": "Boss"}
    assert user.has_password(NEW_PASSWORD)
    assert organization.entity("sales").hidden
    updates = len(harness.workmail.calls.of("UpdateUser", "UpdateResource"))
    deployment.deploy("dora", USER, **dora)
    deployment.deploy("delegates", DELEGATES, Delegates=["bob"], **requests)
    deployment.register("dora", "new-dora@example.com", [], UserAttributes=attributes)
    assert len(harness.workmail.calls.of("UpdateUser", "UpdateResource")) == updates

    harness.now += 3600
    deployment.register("dora", "new-dora@example.com", [], **SNAPSHOT)
    for logical_id in ("members", "delegates"):
        deployment.delete(logical_id)
    for name in ("dora", "sales", "beamer"):
        deployment.delete(f"{name} registered")
    assert [job.state for job in harness.workmail.exports.jobs] == ["COMPLETED"]
    for name in ("dora", "sales", "beamer"):
        deployment.delete(name)
    states = {entity.name: entity.state for entity in organization.entities.values()}
    assert states == {
        "alice": "DISABLED",
        "bob": "ENABLED",
        "team": "DISABLED",
        "board-room": "DISABLED",
        "dora": "DELETED",
        "sales": "DELETED",
        "beamer": "DELETED",
    }

    deployment.deploy("dora", USER, **dora)
    assert organization.entity("dora") is not user


def otherwise(switch: Field[Any]) -> Behaviour:
    values: dict[type, Any] = {
        bool: not switch.default,
        float: 20.0,
        type(None): "EmailAddressInUseException",
    }
    return replace(Behaviour(), **{switch.name: values[type(switch.default)]})


def positions() -> list[Any]:
    """As documented, and each switch the other way."""
    switches = [pytest.param(otherwise(each), id=each.name) for each in fields(Behaviour)]
    return [pytest.param(Behaviour(), id="as_documented"), *switches]


@pytest.mark.parametrize("behaviour", positions())
def test_a_deployment_ends_as_declared(behaviour: Behaviour) -> None:
    harness = FunctionHarness()
    harness.workmail.behaviour = behaviour
    play(harness)


@pytest.mark.parametrize("behaviour", positions())
def test_a_deployment_of_repeated_calls_ends_as_declared(behaviour: Behaviour) -> None:
    harness = FunctionHarness()
    harness.workmail.behaviour = replace(behaviour, settle_delay=behaviour.settle_delay or 5.0)
    for operation in CHANGES:
        harness.workmail.faults.add(operation, Drop(after_work=True))
    play(harness)
    lost = {call.operation for call in harness.workmail.calls if call.error_code == "NoResponse"}
    assert lost == CHANGES


@pytest.mark.parametrize("exportable", [True, False])
@pytest.mark.parametrize("settle_delay", [0.0, 5.0])
def test_a_mailbox_that_was_just_disabled_by_hand_is_kept(
    exportable: bool, settle_delay: float
) -> None:
    """While it still reads enabled and cannot be exported, the Delete fails; the next succeeds."""
    harness = FunctionHarness()
    harness.workmail.behaviour = Behaviour(
        disabled_mailbox_can_be_exported=exportable, settle_delay=settle_delay
    )
    deployment = Deployment(harness)
    deployment.register("alice", "alice@example.com", [], **SNAPSHOT)
    harness.now += 3600
    mailbox: Any = harness.alice.mailbox
    harness.alice.disable(Moment(harness.now, harness.workmail.behaviour))
    disabled_at = harness.now
    if settle_delay and not exportable:
        reason = failed(deployment.begin_delete("alice registered"))
        assert reason.startswith(
            f"user alice (id {harness.alice.entity_id}) cannot be exported to bucket mail-archive "
            "and stays enabled: correct the MailboxExport ("
        )
        harness.now += settle_delay
    deployment.delete("alice registered")
    assert harness.alice.state == "DISABLED"
    # WorkMail keeps it for 30 days from then.
    assert (harness.alice.mailbox, mailbox.deprovisioned_at) == (mailbox, disabled_at)
