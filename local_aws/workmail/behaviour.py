"""Switches for what the AWS documents leave open: a test plays each of them both ways."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Behaviour:
    """How WorkMail behaves where the AWS documents leave it open, and how fast it settles.

    The defaults follow the API reference where it says anything, and settle at once. All times
    are in seconds. A change applies from the next call on: `workmail.behaviour = Behaviour(...)`.
    """

    register_enabled_same_address_fails: bool = False
    """Register of an enabled entity with its own address raises
    EntityAlreadyRegisteredException. Otherwise the call "performs no change"."""

    register_enabled_other_address_fails: bool = False
    """Register of an enabled entity with another address raises
    EntityAlreadyRegisteredException. Otherwise the call succeeds and the address stays."""

    deregister_disabled_fails: bool = False
    """Deregister of a disabled entity raises EntityStateException. Otherwise it succeeds."""

    deleted_entity_vanishes: bool = False
    """Describe of a deleted entity raises EntityNotFoundException. Otherwise it reads DELETED."""

    email_remains: bool = False
    """Describe and List still show the Email of a deregistered entity."""

    enabled_date_remains: bool = False
    """Describe and List still show the EnabledDate of a deregistered entity."""

    address_stays_reserved: bool = False
    """No other entity can use the address and aliases of a deregistered entity."""

    disabled_mailbox_can_be_exported: bool = False
    """StartMailboxExportJob works for a deregistered entity while its mailbox is kept.
    Otherwise it raises InvalidParameterException."""

    failed_export_can_be_repeated: bool = False
    """A FAILED or CANCELLED job does not count as the mailbox's one export in 24 hours."""

    update_clears_what_is_left_out: bool = False
    """UpdateUser and UpdateResource clear the texts that the call omits, and unhide the entity
    ("the dataset in the request should be the one expected" of the next Describe). Otherwise
    what is omitted stays."""

    left_out_booking_option_is_false: bool = True
    """A member that BookingOptions omits becomes false, as a plain Boolean of the model.
    Otherwise it stays."""

    empty_attribute_is_shown: bool = False
    """Describe shows a cleared attribute of a user as an empty text. Otherwise it omits it."""

    update_disabled_fails: bool = False
    """UpdateUser, UpdateGroup, UpdateResource of a disabled entity raise EntityStateException."""

    reset_disabled_password_fails: bool = False
    """ResetPassword of a disabled user raises EntityStateException."""

    delete_missing_fails: bool = False
    """Delete of an entity that is unknown, of another kind or deleted raises
    EntityNotFoundException, although no Delete operation lists it. Otherwise it succeeds."""

    disabled_can_be_associated: bool = False
    """Associate works while the group or resource, or the member, is disabled. Otherwise it
    raises EntityStateException."""

    disabled_can_be_disassociated: bool = True
    """Disassociate works while one of the two is disabled. Otherwise it raises
    EntityStateException."""

    deregistration_ends_associations: bool = False
    """A deregistered entity stops being a member or delegate of others."""

    last_delegate_can_leave: bool = True
    """Disassociate of the only delegate works for a resource that does not accept requests
    automatically. Otherwise it raises EntityStateException."""

    repeated_alias_error: str | None = None
    """The error of CreateAlias for an address that the entity itself has. None: success."""

    primary_is_listed_as_alias: bool = False
    """ListAliases begins with the primary address."""

    list_of_disabled_fails: bool = False
    """ListAliases, ListGroupMembers, ListResourceDelegates of a disabled entity raise
    EntityStateException."""

    settling_binds_calls: bool = False
    """Until a change has settled, calls other than Register and Deregister see the state before
    it: Delete of an entity that was just deregistered raises EntityStateException."""

    settle_delay: float = 0.0
    """How long after Register, Deregister and Delete Describe and List show the state before."""

    visible_after: float = 0.0
    """How long after its creation an entity is found by any call."""

    name_free_after: float = 0.0
    """How long after the deletion of an entity its name stays in use."""
