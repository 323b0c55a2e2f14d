"""What a file or a deployed stack declares of one entity, in the same words for both."""

from __future__ import annotations

import hashlib
import re
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
    "revision",
    *_BOOKING_OPTIONS,
}
# What CreateUser accepts. The registration sets the other attributes of an enabled user.
_SET_BEFORE_ENABLING = {
    *("DisplayName", "Role", "FirstName", "LastName"),
    *("HiddenFromGlobalAddressList", "IdentityProviderUserId"),
}


@dataclass(frozen=True)
class Declaration:
    """One entity as it is declared.

    `kind` is None for a mere mailbox of an entity that exists without the declaration. What is None
    is not managed. Attributes and options have WorkMail's own names; the registration sets
    `user_attributes`. `entity_id` is the canonical id, which only a deployed stack knows.
    """

    where: str
    identifier: str
    kind: Kind | None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    user_attributes: Mapping[str, Any] = field(default_factory=dict)
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
    revision: str | None = None

    @property
    def has_member_list(self) -> bool:
        return self.associated is not None or bool(self.booking_options)

    def is_of_construct(self, key: str) -> bool:
        """Whether a deployed declaration is that of the construct with this id.

        Without a path in the template, the logical id is recognized where at most one construct
        with a plain id is above this one.
        """
        if self.construct_path:
            # The last component is the resource itself.
            return self.construct_path.split("/")[-2:-1] == [key]
        logical_id = self.where.rpartition("/")[2]
        scope = logical_id[:-8].removesuffix(re.sub(r"[^A-Za-z0-9]", "", key))
        path = "/".join(filter(None, (scope, key, "Resource")))
        return hashlib.md5(path.encode()).hexdigest()[:8].upper() == logical_id[-8:]


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
    late = attributes.keys() - _SET_BEFORE_ENABLING if entry.section == "users" else set[str]()
    if "email" not in options:
        late = set()
    associated = options.get("members", options.get("delegates"))
    aliases = options.get("aliases")
    return Declaration(
        where=f"{file.path}:{entry.line}",
        identifier=options["name"] if kind else options["entity_id"],
        kind=kind,
        attributes={name: attributes[name] for name in attributes.keys() - late} if kind else {},
        user_attributes={name: attributes[name] for name in late},
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
        mailbox_removal_policy=entry.mailbox_removal_policy or "DESTROY",
        organization_id=file.organization_id,
        construct_path=entry.key,
        revision=options.get("revision"),
    )
