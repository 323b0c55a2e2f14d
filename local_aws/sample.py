"""Organizations to start with: a small one with fixed ids, or one that a file declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .workmail import Organization, Resource, User, WorkMail
from .workmail.entities import Moment
from .workmail.responses import ATTRIBUTES


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


def seed_organization(workmail: WorkMail, declared: Mapping[str, Any]) -> Organization:
    """Create the organization of an organization file, with its users, groups and resources.

    Entities with an `email` are enabled. `mailboxes` are not created: the file does not say
    whether each of them is a user, a group or a resource. Raises WorkMailError for what WorkMail
    refuses, such as a name or an address that is declared twice, and KeyError for a missing key.
    """
    users, groups, resources = (
        [dict(entry) for entry in declared.get(kind, {}).values()]
        for kind in ("users", "groups", "resources")
    )
    entries = [*users, *groups, *resources]
    organization = workmail.add_organization(
        "seeded",
        organization_id=declared["organization_id"],
        region=declared.get("organization_region"),
    )
    for entry in users:
        organization.add_user(entry["name"], display_name=entry["display_name"])
    for entry in groups:
        organization.add_group(entry["name"])
    for entry in resources:
        organization.add_resource(entry["name"], resource_type=entry["type"])
    for entry in entries:
        _describe(organization, entry)
        _enable(organization, entry, Moment(workmail.clock(), workmail.behaviour))
    for entry in entries:
        owner: Any = organization.entity(entry["name"])
        for name in (*entry.get("members", ()), *entry.get("delegates", ())):
            owner.associated.append(organization.entity(name).entity_id)
    return organization


def _describe(organization: Organization, entry: Mapping[str, Any]) -> None:
    entity = organization.entity(entry["name"])
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


def _enable(organization: Organization, entry: Mapping[str, Any], moment: Moment) -> None:
    if "email" not in entry:
        return
    entity_id = organization.entity(entry["name"]).entity_id
    for address in (entry["email"], *entry.get("aliases", ())):
        organization.add_domain(address.rpartition("@")[2])
    organization.register(entity_id, entry["email"], moment)
    for alias in entry.get("aliases", ()):
        organization.create_alias(entity_id, alias, moment)
