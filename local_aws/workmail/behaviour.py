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

    old_export_job_vanishes: bool = False
    """Describe of an export job older than the seven days that List covers:
    EntityNotFoundException, not the job."""

    settle_delay: float = 0.0
    """How long after Register and Deregister Describe and List still show the state before."""

    visible_after: float = 0.0
    """How long after its creation an entity is found by any call."""

    domain_verified_after: float | None = None
    """How long after RegisterMailDomain the domain is verified. None: it stays pending until
    the test verifies it."""

    organization_active_after: float = 0.0
    """How long after CreateOrganization the organization is active."""
