"""What a file or a deployed stack declares of one entity, in the same words for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cdk_workmail_cli.organization import Kind
from cdk_workmail_file import Entry, OrganizationFile

_KINDS = {"users": Kind.USER, "groups": Kind.GROUP, "resources": Kind.RESOURCE}
_BOOKING_OPTIONS = (
    "auto_accept_requests",
    "auto_decline_recurring_requests",
    "auto_decline_conflicting_requests",
)
# The options of an entry that are not attributes of its entity.
_NOT_ATTRIBUTES = {
    "name",
    "email",
    "aliases",
    "remove_other_aliases",
    "adopt_existing",
    "removal_policy",
    "mailbox_removal_policy",
    "members",
    "delegates",
    "reset_password",
    *_BOOKING_OPTIONS,
}


@dataclass(frozen=True)
class Declaration:
    """One entity as it is declared.

    `kind` is None for a mere mailbox of an entity that exists without the declaration. What is None
    is not managed. `attributes` and `booking_options` have WorkMail's own names. `entity_id` is the
    canonical id, which only a deployed stack knows.
    """

    where: str
    identifier: str
    kind: Kind | None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    booking_options: Mapping[str, bool] = field(default_factory=dict)
    associated: tuple[str, ...] | None = None
    email: str | None = None
    aliases: tuple[str, ...] | None = None
    remove_other_aliases: bool = False
    adopt_existing: bool = True
    deletes_entity: bool = False
    mailbox_removal_policy: str = "DESTROY"
    organization_id: str = ""
    entity_id: str | None = None
    construct_path: str = ""


def of_file(file: OrganizationFile) -> list[Declaration]:
    """The entries of a file."""
    return [_of_entry(file, entry) for entry in file.entries]


def workmails_name(option: str) -> str:
    """`display_name` as WorkMail writes it: `DisplayName`."""
    return "".join(word.capitalize() for word in option.split("_"))


def _of_entry(file: OrganizationFile, entry: Entry) -> Declaration:
    options = entry.options
    kind = _KINDS.get(entry.section)
    attributes = {
        workmails_name(option): value
        for option, value in options.items()
        if option not in _NOT_ATTRIBUTES
    }
    associated = options.get("members", options.get("delegates"))
    aliases = options.get("aliases")
    return Declaration(
        where=f"{file.path}:{entry.line}",
        identifier=options["name"] if kind else options["entity_id"],
        kind=kind,
        attributes=attributes if kind else {},
        booking_options={
            workmails_name(option): options[option]
            for option in _BOOKING_OPTIONS
            if option in options
        },
        associated=None if associated is None else tuple(associated),
        email=options.get("email"),
        aliases=None if aliases is None else tuple(aliases),
        remove_other_aliases=options.get("remove_other_aliases", False),
        adopt_existing=options.get("adopt_existing", True),
        deletes_entity=kind is not None and options.get("removal_policy") == "DESTROY",
        mailbox_removal_policy=entry.mailbox_removal_policy,
        organization_id=file.organization_id,
        construct_path=entry.key,
    )
