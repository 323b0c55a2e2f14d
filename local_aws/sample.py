"""A small organization with fixed ids, for the demo, the README and first experiments."""

from __future__ import annotations

from dataclasses import dataclass

from .workmail import WorkMail


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
    """Make the sample organization in the Region of this WorkMail."""
    sample = SampleOrganization()
    organization = workmail.add_organization(
        "example", organization_id=sample.organization_id, domain=sample.domain
    )
    organization.add_user("alice", entity_id=sample.alice_id, display_name="Alice")
    organization.add_user("bob", entity_id=sample.bob_id, display_name="Bob")
    organization.add_group("team", entity_id=sample.team_id)
    organization.add_resource("board-room", entity_id=sample.board_room_id)
    return sample
