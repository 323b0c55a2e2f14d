"""Users, groups and resources: the state that WorkMail keeps of each."""

from __future__ import annotations

import hashlib
import string
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from .behaviour import Behaviour
from .exceptions import WorkMailError
from .mailboxes import Mailbox

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 63
CHARACTER_GROUPS_NEEDED = 3

State = Literal["ENABLED", "DISABLED", "DELETED"]


@dataclass(frozen=True)
class Moment:
    """When a call happens, and how WorkMail behaves then."""

    now: float
    behaviour: Behaviour


@dataclass(frozen=True)
class Registration:
    """What Describe shows of a registration. Times are seconds since the epoch."""

    state: State = "DISABLED"
    email: str | None = None
    enabled_at: float | None = None
    disabled_at: float | None = None


@dataclass
class Entity:
    """What users, groups and resources have in common.

    `registration` is the truth; `registration_seen` is what Describe and List show at a moment.
    """

    kind: ClassVar[Literal["USER", "GROUP", "RESOURCE"]]
    has_mailbox: ClassVar[bool] = True

    entity_id: str
    name: str
    hidden: bool = False
    visible_from: float = 0.0
    name_kept_until: float = 0.0
    registration: Registration = Registration()
    aliases: list[str] = field(default_factory=list)
    reserved_email: str | None = None
    mailbox: Mailbox | None = None
    _registration_before: Registration = Registration()
    _settles_at: float = 0.0

    @property
    def state(self) -> State:
        return self.registration.state

    @property
    def addresses(self) -> set[str]:
        """The addresses that no other entity can use, in lower case."""
        primary = self.registration.email if self.state == "ENABLED" else self.reserved_email
        return {address.lower() for address in (primary, *self.aliases) if address}

    def registration_seen(self, now: float) -> Registration:
        return self.registration if now >= self._settles_at else self._registration_before

    def state_for_calls(self, moment: Moment) -> State:
        """The state by which a call decides whether it is allowed."""
        if self.state != "DELETED" and moment.behaviour.settling_binds_calls:
            return self.registration_seen(moment.now).state
        return self.state

    def enable(self, email: str, moment: Moment) -> None:
        self._change(Registration("ENABLED", email, enabled_at=moment.now), moment)
        self.reserved_email = None
        if not self.has_mailbox:
            return
        if self.mailbox and self.mailbox.is_kept(moment.now):
            self.mailbox.deprovisioned_at = None
        else:
            self.mailbox = Mailbox.provisioned(email, moment.now)

    def disable(self, moment: Moment) -> None:
        was, behaviour = self.registration, moment.behaviour
        remaining = Registration(
            state="DISABLED",
            email=was.email if behaviour.email_remains else None,
            enabled_at=was.enabled_at if behaviour.enabled_date_remains else None,
            disabled_at=moment.now,
        )
        self._change(remaining, moment)
        if behaviour.address_stays_reserved:
            self.reserved_email = was.email
        else:
            self.aliases.clear()
        if self.mailbox:
            self.mailbox.deprovisioned_at = moment.now

    def delete(self, moment: Moment | None = None) -> None:
        """Without a moment: seen at once, for a test that deletes by hand."""
        if moment:
            self._change(Registration("DELETED"), moment)
            self.name_kept_until = moment.now + moment.behaviour.name_free_after
        else:
            self.registration = self._registration_before = Registration("DELETED")
        self.reserved_email = None
        self.aliases.clear()

    def change_primary_address(self, email: str) -> None:
        """The old primary address becomes an alias; the new one stops being one."""
        was = self.registration
        self.aliases = [alias for alias in self.aliases if alias.lower() != email.lower()]
        if was.email and was.email.lower() != email.lower():
            self.aliases.append(was.email)
        self.registration = replace(was, email=email)

    def _change(self, registration: Registration, moment: Moment) -> None:
        self._registration_before = self.registration_seen(moment.now)
        self._settles_at = moment.now + moment.behaviour.settle_delay
        self.registration = registration


@dataclass
class User(Entity):
    """A user. `attributes` has the texts of CreateUser and UpdateUser under their names there."""

    kind = "USER"
    role: str = "USER"
    attributes: dict[str, str] = field(default_factory=dict)
    _password_digest: str | None = field(default=None, repr=False)

    def set_password(self, password: str) -> None:
        """Raises InvalidPasswordException if it is too weak; only a digest of it is kept."""
        require_strong(password)
        self._password_digest = self._digest(password)

    def has_password(self, password: str) -> bool:
        return self._password_digest == self._digest(password)

    def _digest(self, password: str) -> str:
        return hashlib.sha256(f"{self.entity_id}:{password}".encode()).hexdigest()


@dataclass
class Group(Entity):
    """A group: an address with members, by their ids, and no mailbox of its own."""

    kind = "GROUP"
    has_mailbox = False
    members: list[str] = field(default_factory=list)

    @property
    def associated(self) -> list[str]:
        return self.members


@dataclass
class Resource(Entity):
    """A room or a piece of equipment, with the ids of its delegates.

    `booking_options` has the names of the API's BookingOptions.
    """

    kind = "RESOURCE"
    resource_type: str = "ROOM"
    description: str = ""
    delegates: list[str] = field(default_factory=list)
    booking_options: dict[str, bool] = field(
        default_factory=lambda: {
            "AutoAcceptRequests": True,
            "AutoDeclineRecurringRequests": False,
            "AutoDeclineConflictingRequests": True,
        }
    )

    @property
    def associated(self) -> list[str]:
        return self.delegates


def require_strong(password: str) -> None:
    """Raises InvalidPasswordException for what a WorkMail directory does not accept.

    8 to 63 characters, from three of five groups (administrator guide, "password policies").
    """
    groups = {_character_group(character) for character in password} - {None}
    long_enough = SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD
    if not long_enough or len(groups) < CHARACTER_GROUPS_NEEDED:
        raise WorkMailError(
            "InvalidPasswordException",
            f"The password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, from "
            f"{CHARACTER_GROUPS_NEEDED} of these groups: uppercase, lowercase, digits, special "
            "characters, Latin-1 supplement.",
        )


def _character_group(character: str) -> str | None:
    ascii_groups = (
        string.ascii_uppercase,
        string.ascii_lowercase,
        string.digits,
        string.punctuation,
    )
    for group in ascii_groups:
        if character in group:
            return group
    return None if character.isascii() else "Latin-1 supplement"
