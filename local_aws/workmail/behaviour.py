"""Where the documents leave the real WorkMail's behaviour open, a switch plays either way."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Behaviour:
    """How the local WorkMail behaves where AWS's documents leave it open, and how fast it settles.

    The defaults follow the API reference where it says anything, and settle at once. All times
    are in seconds. A change takes effect on the next call: `workmail.behaviour = Behaviour(...)`.
    """

    register_enabled_same_address_fails: bool = False
    """Register of an enabled entity with the address it has: EntityAlreadyRegisteredException,
    not "performs no change"."""

    register_enabled_other_address_fails: bool = False
    """Register of an enabled entity with another address: EntityAlreadyRegisteredException,
    not silence in which the address stays as it was."""

    deregister_disabled_fails: bool = False
    """Deregister of a disabled entity: EntityStateException, not success."""

    deleted_entity_vanishes: bool = False
    """Describe of a deleted entity: EntityNotFoundException, not State DELETED."""

    email_remains: bool = False
    """Describe and List still show the Email of a deregistered entity."""

    enabled_date_remains: bool = False
    """Describe and List still show the EnabledDate of a deregistered entity."""

    address_stays_reserved: bool = False
    """A deregistered entity keeps its address and aliases: nobody else can have them."""

    disabled_mailbox_can_be_exported: bool = False
    """StartMailboxExportJob for a deregistered entity works while its mailbox is kept, and is
    not an InvalidParameterException."""

    failed_export_can_be_repeated: bool = False
    """A job that FAILED or was CANCELLED is not the mailbox's one export in 24 hours."""

    cancel_ended_export_fails: bool = False
    """Cancel of an export job that has ended: InvalidParameterException, not silence."""

    update_clears_what_is_left_out: bool = False
    """UpdateUser and UpdateResource empty the texts that the call leaves out, and unhide the
    entity unless told otherwise ("the dataset in the request should be the one expected" of the
    next Describe); not: what is left out stays."""

    left_out_booking_option_is_false: bool = True
    """A member that BookingOptions leaves out is false, as the model's plain Boolean has it;
    not: it stays as it was."""

    empty_attribute_is_shown: bool = False
    """Describe shows an emptied attribute of a user as an empty text, not at all otherwise."""

    update_disabled_fails: bool = False
    """UpdateUser, UpdateGroup, UpdateResource of a disabled entity: EntityStateException."""

    reset_disabled_password_fails: bool = False
    """ResetPassword of a disabled user: EntityStateException."""

    password_required: bool = False
    """CreateUser without a password: InvalidParameterException, except for a REMOTE_USER or with
    an IdentityProviderUserId."""

    delete_missing_fails: bool = False
    """Delete of an entity that is unknown, of another kind or deleted: EntityNotFoundException,
    although no Delete operation lists it; not silence."""

    disabled_can_be_associated: bool = False
    """Associate works while the group or resource, or the member, is disabled, and is not an
    EntityStateException."""

    disabled_can_be_disassociated: bool = True
    """Disassociate works while one of the two is disabled; not: EntityStateException."""

    deregistration_ends_associations: bool = False
    """A deregistered entity is no longer a member or delegate of others."""

    repeated_association_error: str | None = None
    """What Associate answers for who is a member or delegate already; None: success."""

    missing_association_error: str | None = None
    """What Disassociate answers for who is no member or delegate; None: success."""

    last_delegate_can_leave: bool = True
    """Disassociate of the only delegate works for a resource that does not accept requests by
    itself; not: EntityStateException."""

    repeated_alias_error: str | None = None
    """What CreateAlias answers for an address that the entity itself has; None: success."""

    missing_alias_error: str | None = None
    """What DeleteAlias answers for an address that is no alias of the entity; None: success."""

    primary_is_listed_as_alias: bool = False
    """ListAliases begins with the primary address."""

    list_of_disabled_fails: bool = False
    """ListAliases, ListGroupMembers, ListResourceDelegates of a disabled entity:
    EntityStateException."""

    settling_binds_calls: bool = False
    """Until a change has settled, calls other than Register and Deregister also go by the state
    before it: Delete of an entity just deregistered is an EntityStateException."""

    old_export_job_vanishes: bool = False
    """Describe of an export job older than the seven days that List covers:
    EntityNotFoundException, not the job."""

    settle_delay: float = 0.0
    """How long after Register, Deregister and Delete Describe and List still show the state
    before."""

    visible_after: float = 0.0
    """How long after its creation an entity is found by any call."""

    name_free_after: float = 0.0
    """How long after the deletion of an entity its name is still taken."""

    domain_verified_after: float | None = None
    """How long after RegisterMailDomain the domain is verified. None: it stays pending until
    the test verifies it."""

    organization_active_after: float = 0.0
    """How long after CreateOrganization the organization is active."""
