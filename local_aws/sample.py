"""Organizations to start with: a small one with fixed ids, or one that a file declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdk_workmail_file import Entry, OrganizationFile

from .workmail import Entity, Organization, Resource, User, WorkMail
from .workmail.entities import Moment
from .workmail.responses import ATTRIBUTES

_ENTITY_ID = "r-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|S-1-[0-9-]+"


@dataclass(frozen=True)
class SampleOrganization:
    """The ids of the sample: two users, a group and a room, all of them disabled."""

    organization_id: str = "m-0123456789abcdef0123456789abcdef"
    domain: str = "example.com"
    alice_id: str = "a11ce000-1111-4111-8111-111111111111"
    bob_id: str = "b0b00000-2222-4222-8222-222222222222"
    team_id: str = "7ea30000-3333-4333-8333-333333333333"
    board_room_id: str = "r-b0a4d400444444444444444444444444"


def sample_organization(workmail: WorkMail) -> SampleOrganization:
    """Create the sample organization in the Region of this WorkMail."""
    sample = SampleOrganization()
    organization = workmail.add_organization(
        "example", organization_id=sample.organization_id, domain=sample.domain
    )
    organization.add_user("alice", entity_id=sample.alice_id, display_name="Alice")
    organization.add_user("bob", entity_id=sample.bob_id, display_name="Bob")
    organization.add_group("team", entity_id=sample.team_id)
    organization.add_resource("board-room", entity_id=sample.board_room_id)
    return sample


def seed_organization(workmail: WorkMail, file: OrganizationFile) -> Organization:
    """Create the organization of an organization file.

    Entries with an `email` are enabled. The file does not say of which kind `mailboxes`, members
    and delegates are: those with the id of a resource are rooms, the others users. Raises
    WorkMailError for what WorkMail refuses.
    """
    organization = workmail.add_organization(
        "seeded",
        organization_id=file.organization_id,
        region=file.organization_region,
    )
    seeded = [(_create(organization, entry), entry.options) for entry in file.entries]
    for entity, options in seeded:
        _describe(entity, options)
        _enable(organization, entity, options, Moment(workmail.clock(), workmail.behaviour))
    for entity, options in seeded:
        owner: Any = entity
        for name in (*options.get("members", ()), *options.get("delegates", ())):
            owner.associated.append(_find_or_create(organization, name).entity_id)
    return organization


def _create(organization: Organization, entry: Entry) -> Entity:
    options = entry.options
    match entry.section:
        case "users":
            return organization.add_user(options["name"], display_name=options["display_name"])
        case "groups":
            return organization.add_group(options["name"])
        case "resources":
            return organization.add_resource(options["name"], resource_type=options["type"])
    return _find_or_create(organization, options["entity_id"])


def _find_or_create(organization: Organization, identifier: str) -> Entity:
    for entity in organization.known([identifier]):
        return entity
    entity_id = identifier if re.fullmatch(_ENTITY_ID, identifier) else None
    if entity_id and entity_id.startswith("r-"):
        return organization.add_resource(entity_id[:20], entity_id=entity_id)
    return organization.add_user(identifier, entity_id=entity_id)


def _describe(entity: Entity, entry: Mapping[str, Any]) -> None:
    entity.hidden = entry.get("hidden_from_global_address_list", False)
    options = {name.title().replace("_", ""): value for name, value in entry.items()}
    if isinstance(entity, User):
        entity.role = entry.get("role", entity.role)
        entity.attributes |= {name: options[name] for name in ATTRIBUTES if name in options}
    if isinstance(entity, Resource):
        entity.description = entry.get("description", "")
        entity.booking_options |= {
            name: options[name] for name in entity.booking_options if name in options
        }


def _enable(
    organization: Organization, entity: Entity, entry: Mapping[str, Any], moment: Moment
) -> None:
    if "email" not in entry:
        return
    for address in (entry["email"], *entry.get("aliases", ())):
        organization.add_domain(address.rpartition("@")[2])
    organization.register(entity.entity_id, entry["email"], moment)
    for alias in entry.get("aliases", ()):
        organization.create_alias(entity.entity_id, alias, moment)
