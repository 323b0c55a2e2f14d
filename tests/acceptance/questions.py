"""What WorkMail does where the AWS documents leave it open.

Each question is a switch of the local WorkMail's `Behaviour`, and each finding comes from calls on
entities that this run created.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from local_aws.workmail import Behaviour
from tests.acceptance.entities import (
    GROUP,
    RESOURCE,
    USER,
    AcceptanceFailed,
    Entities,
    Kind,
    Outcome,
    seconds_until,
)

NAME_SECONDS = 30.0
_WRONG_STATE = ("EntityStateException",)
_IN_USE = ("EmailAddressInUseException",)


@dataclass(frozen=True)
class Finding:
    """The position of a switch that the service shows; None if it shows neither."""

    found: object
    said: str


@dataclass
class Questions:
    """Asks in three parts: before the deployments, during them about exports, and at the end."""

    entities: Entities
    domain: str
    findings: dict[str, Finding] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.user = self.group = self.room = ""

    def name(self, of: str) -> str:
        return f"{self.entities.prefix}-{of}"

    def address(self, of: str) -> str:
        return f"{self.name(of)}@{self.domain}"

    def ask(self) -> None:
        """Ends with a disabled user, and with a group and a room that are enabled."""
        self._create()
        self._ask_while_disabled()
        self._enable_all()
        self._ask_about_addresses()
        self._ask_about_attributes()
        self._ask_about_delegates()
        self._ask_after_deregistration()

    def ask_about_exports(self, destination: Mapping[str, str]) -> None:
        """`destination` has the role, key, bucket and prefix of StartMailboxExportJob."""
        outcome = self._start_export(self.user, destination)
        self._succeeds("disabled_mailbox_can_be_exported", outcome, "InvalidParameterException")
        self._cancel(outcome)
        outcome = self._start_export(self.room, destination)
        state = self._cancel(outcome)
        if state != "CANCELLED":
            self._record("failed_export_can_be_repeated", None, f"the first export is {state}")
            return
        outcome = self._start_export(self.room, destination)
        self._succeeds("failed_export_can_be_repeated", outcome, "LimitExceededException")
        self._cancel(outcome)

    def ask_about_deletions(self) -> None:
        """Ends without any entity of these questions."""
        call, attempt = self.entities.call, self.entities.attempt
        call("DeregisterFromWorkMail", EntityId=self.room)
        outcome = attempt("DeleteResource", ResourceId=self.room)
        self._fails("settling_binds_calls", outcome, *_WRONG_STATE)
        self.entities.wait_for(RESOURCE, self.room, "DISABLED" if outcome.code else "DELETED")
        self.entities.delete(RESOURCE, self.room)
        described = self.entities.describe(RESOURCE, self.room)
        vanished = described.code == "EntityNotFoundException"
        state = str(described) if described.response is None else described.response["State"]
        self._record("deleted_entity_vanishes", vanished, state)
        outcome = attempt("DeleteResource", ResourceId=self.room)
        self._fails("delete_missing_fails", outcome, "EntityNotFoundException")
        self._ask_for_the_name_again()

    # What disabled entities allow

    def _create(self) -> None:
        call = self.entities.call
        self.user = call(
            "CreateUser",
            Name=self.name("user1"),
            DisplayName="cdk-workmail acceptance",
            Password=f"Aa1-{secrets.token_urlsafe(24)}",
        )["UserId"]
        self._record(
            "visible_after",
            found := self._visible(USER, self.user),
            f"DescribeUser found the user after {found} s",
        )
        self.group = call("CreateGroup", Name=self.name("group1"))["GroupId"]
        self.room = call("CreateResource", Name=self.name("room1"), Type="ROOM")["ResourceId"]
        self._visible(GROUP, self.group)
        self._visible(RESOURCE, self.room)

    def _visible(self, kind: Kind, entity_id: str) -> float:
        return seconds_until(
            lambda: self.entities.describe(kind, entity_id).code is None,
            f"{kind.name} {entity_id} is found",
        )

    def _ask_while_disabled(self) -> None:
        attempt = self.entities.attempt
        self._fails(
            "deregister_disabled_fails",
            attempt("DeregisterFromWorkMail", EntityId=self.user),
            *_WRONG_STATE,
        )
        self._fails("update_disabled_fails", self._update_user(Initials="CA"), *_WRONG_STATE)
        self._fails(
            "reset_disabled_password_fails",
            attempt("ResetPassword", UserId=self.user, Password=f"Aa1-{secrets.token_urlsafe(24)}"),
            *_WRONG_STATE,
        )
        self._fails(
            "list_of_disabled_fails", attempt("ListAliases", EntityId=self.user), *_WRONG_STATE
        )
        outcome = self._associate()
        self._succeeds("disabled_can_be_associated", outcome, *_WRONG_STATE)

    def _enable_all(self) -> None:
        settled = 0.0
        for kind, entity_id, of in (
            (USER, self.user, "user1"),
            (GROUP, self.group, "group1"),
            (RESOURCE, self.room, "room1"),
        ):
            self.entities.call("RegisterToWorkMail", EntityId=entity_id, Email=self.address(of))
            settled = max(settled, self.entities.wait_for(kind, entity_id, "ENABLED"))
        self._record("settle_delay", settled, f"ENABLED was seen after {settled} s at most")

    # What enabled entities allow

    def _ask_about_addresses(self) -> None:
        attempt = self.entities.attempt
        alias = self.address("alias")
        for switch, email in (
            ("register_enabled_same_address_fails", self.address("user1")),
            ("register_enabled_other_address_fails", alias),
        ):
            outcome = attempt("RegisterToWorkMail", EntityId=self.user, Email=email)
            self._fails(switch, outcome, "EntityAlreadyRegisteredException")
        shown = self._described_user()["Email"]
        if shown != self.address("user1"):
            said = f"the primary address became {shown}"
            self._record("register_enabled_other_address_fails", None, said)
            self.entities.call(
                "UpdatePrimaryEmailAddress", EntityId=self.user, Email=self.address("user1")
            )
        listed = self.entities.call("ListAliases", EntityId=self.user)["Aliases"]
        is_listed = self.address("user1") in listed
        self._record("primary_is_listed_as_alias", is_listed, f"{len(listed)} aliases are listed")
        created = self.address("alias2")
        self.entities.call("CreateAlias", EntityId=self.user, Alias=created)
        outcome = attempt("CreateAlias", EntityId=self.user, Alias=created)
        self._record("repeated_alias_error", outcome.code, str(outcome))

    def _ask_about_attributes(self) -> None:
        self._update_user(Company="Example", City="Berlin")
        self._update_user(City="Paris")
        kept = self._described_user().get("Company") == "Example"
        said = f"Company {'stays' if kept else 'is cleared'} when only City is updated"
        self._record("update_clears_what_is_left_out", not kept, said)
        outcome = self._update_user(City="")
        described = self._described_user()
        shown = described.get("City")
        if shown not in (None, ""):
            said = f"City is still {shown} ({outcome})"
            self._record("empty_attribute_is_shown", None, said)
        else:
            said = f"City is {'shown empty' if shown == '' else 'omitted'}"
            self._record("empty_attribute_is_shown", shown == "", said)

    def _ask_about_delegates(self) -> None:
        call, attempt = self.entities.call, self.entities.attempt
        delegate = {"ResourceId": self.room, "EntityId": self.user}
        call("AssociateDelegateToResource", **delegate)
        options = {"AutoAcceptRequests": True, "AutoDeclineConflictingRequests": True}
        call("UpdateResource", ResourceId=self.room, BookingOptions=options)
        call("UpdateResource", ResourceId=self.room, BookingOptions={"AutoAcceptRequests": False})
        shown = call("DescribeResource", ResourceId=self.room)["BookingOptions"]
        is_false = not shown.get("AutoDeclineConflictingRequests", False)
        said = f"AutoDeclineConflictingRequests {'becomes false' if is_false else 'stays true'}"
        self._record("left_out_booking_option_is_false", is_false, said)
        outcome = attempt("DisassociateDelegateFromResource", **delegate)
        self._succeeds("last_delegate_can_leave", outcome, *_WRONG_STATE)

    def _ask_after_deregistration(self) -> None:
        call, attempt = self.entities.call, self.entities.attempt
        if not self._is_member():
            call("AssociateMemberToGroup", GroupId=self.group, MemberId=self.user)
        call("DeregisterFromWorkMail", EntityId=self.user)
        self.entities.wait_for(USER, self.user, "DISABLED")
        described = self._described_user()
        for switch, member in (("email_remains", "Email"), ("enabled_date_remains", "EnabledDate")):
            shown = described.get(member)
            self._record(switch, bool(shown), f"{member} is {shown or 'omitted'}")
        is_member = self._is_member()
        said = f"the user is {'still' if is_member else 'no longer'} a member"
        self._record("deregistration_ends_associations", not is_member, said)
        if is_member:
            outcome = attempt("DisassociateMemberFromGroup", GroupId=self.group, MemberId=self.user)
            self._succeeds("disabled_can_be_disassociated", outcome, *_WRONG_STATE)
        else:
            said = "no association remains to be ended"
            self._record("disabled_can_be_disassociated", None, said)
        alias = {"EntityId": self.group, "Alias": self.address("user1")}
        outcome = attempt("CreateAlias", **alias)
        self._fails("address_stays_reserved", outcome, *_IN_USE)
        if not outcome.code:
            call("DeleteAlias", **alias)

    def _ask_for_the_name_again(self) -> None:
        name = self.name("group1")
        self.entities.call("DeregisterFromWorkMail", EntityId=self.group)
        self.entities.wait_for(GROUP, self.group, "DISABLED")
        self.entities.delete(GROUP, self.group)
        try:
            seconds = seconds_until(
                lambda: self.entities.attempt("CreateGroup", Name=name).code is None,
                f"the name {name} can be used again",
                NAME_SECONDS,
            )
            self._record("name_free_after", seconds, f"CreateGroup succeeded after {seconds} s")
            # A deletion could miss a group that is not visible yet.
            seconds_until(
                lambda: any(entity["Name"] == name for _, entity in self.entities.own()),
                f"group {name} is listed",
            )
        except AcceptanceFailed:
            self._record("name_free_after", NAME_SECONDS, f"in use for over {NAME_SECONDS:.0f} s")

    # What several questions share

    def _record(self, switch: str, found: object, said: str) -> None:
        self.findings[switch] = Finding(found, said)

    def _fails(self, switch: str, outcome: Outcome, *codes: str) -> None:
        """True for one of these errors, False for success; another error is neither."""
        found = None if outcome.code not in (None, *codes) else outcome.code is not None
        self._record(switch, found, str(outcome))

    def _succeeds(self, switch: str, outcome: Outcome, *codes: str) -> None:
        self._fails(switch, outcome, *codes)
        finding = self.findings[switch]
        if finding.found is not None:
            self._record(switch, not finding.found, finding.said)

    def _described_user(self) -> dict[str, Any]:
        return self.entities.call("DescribeUser", UserId=self.user)

    def _update_user(self, **attributes: str) -> Outcome:
        return self.entities.attempt("UpdateUser", UserId=self.user, **attributes)

    def _associate(self) -> Outcome:
        return self.entities.attempt(
            "AssociateMemberToGroup", GroupId=self.group, MemberId=self.user
        )

    def _is_member(self) -> bool:
        members = self.entities.call("ListGroupMembers", GroupId=self.group)["Members"]
        return self.user in [member["Id"] for member in members]

    def _start_export(self, entity_id: str, destination: Mapping[str, str]) -> Outcome:
        return self.entities.attempt(
            "StartMailboxExportJob",
            ClientToken=str(uuid.uuid4()),
            EntityId=entity_id,
            **destination,
        )

    def _cancel(self, started: Outcome) -> str:
        """The state in which the export ends."""
        if started.response is None:
            return str(started)
        job = {"JobId": started.response["JobId"]}
        self.entities.attempt("CancelMailboxExportJob", ClientToken=str(uuid.uuid4()), **job)
        states: list[str] = []

        def has_ended() -> bool:
            states.append(self.entities.call("DescribeMailboxExportJob", **job)["State"])
            return states[-1] != "RUNNING"

        with suppress(AcceptanceFailed):
            seconds_until(has_ended, "the export has ended")
        return states[-1]


def as_behaviour(findings: Mapping[str, Finding]) -> dict[str, object]:
    """The switches that the service shows in another position than the local WorkMail's own."""
    assumed = Behaviour()
    return {
        switch: finding.found
        for switch, finding in findings.items()
        if finding.found != getattr(assumed, switch)
        and (finding.found is not None or switch == "repeated_alias_error")
    }
