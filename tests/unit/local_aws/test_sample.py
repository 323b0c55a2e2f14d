"""The organizations to start with, and how the demo shows one."""

from __future__ import annotations

import io
import json
from typing import Any

from rich.console import Console

from cdk_workmail_file import OrganizationFile, parse
from local_aws import SampleOrganization, WorkMail, sample_organization, seed_organization
from local_aws.demo import entity_table
from local_aws.workmail import Resource, User, WorkMailServer

from .conftest import boto3_client

ORGANIZATION_ID = "m-0123456789abcdef0123456789abcdef"
DECLARED: dict[str, Any] = {
    "organization_id": ORGANIZATION_ID,
    "organization_region": "eu-west-1",
    "users": {
        "Dora": {
            "name": "dora",
            "display_name": "Dora Dean",
            "job_title": "Explorer",
            "email": "dora.explorer@example.com",
            "aliases": ["dora@example.org"],
        },
        "Emil": {"name": "emil", "display_name": "Emil", "hidden_from_global_address_list": True},
    },
    "groups": {
        "Sales": {"name": "sales", "email": "sales@example.com", "members": ["dora", "emil"]}
    },
    "resources": {
        "Room": {
            "name": "blue-room",
            "type": "EQUIPMENT",
            "description": "Second floor",
            "email": "blue-room@example.com",
            "auto_accept_requests": False,
            "delegates": ["dora"],
        }
    },
}


def declared(**changes: Any) -> OrganizationFile:
    return parse(json.dumps({**DECLARED, **changes}), "organization.json")


def test_the_sample_has_four_disabled_entities_with_fixed_ids() -> None:
    workmail = WorkMail(region="eu-west-1")
    sample = sample_organization(workmail)
    assert sample == SampleOrganization()
    assert sample.organization_id == ORGANIZATION_ID
    organization = workmail.organization(sample.organization_id)
    assert {e.entity_id: (e.name, e.state) for e in organization.entities.values()} == {
        sample.alice_id: ("alice", "DISABLED"),
        sample.bob_id: ("bob", "DISABLED"),
        sample.team_id: ("team", "DISABLED"),
        sample.board_room_id: ("board-room", "DISABLED"),
    }
    assert organization.region == "eu-west-1"
    given: dict[str, Any] = {"OrganizationId": sample.organization_id}
    workmail.perform("DescribeResource", {**given, "ResourceId": sample.board_room_id})


def test_an_organization_starts_as_its_file_declares() -> None:
    organization = seed_organization(WorkMail(), declared())
    assert (organization.organization_id, organization.region) == (ORGANIZATION_ID, "eu-west-1")
    dora, emil, sales, room = (
        organization.entity(name) for name in ("dora", "emil", "sales", "blue-room")
    )
    assert isinstance(dora, User) and isinstance(room, Resource)
    assert dora.attributes == {"DisplayName": "Dora Dean", "JobTitle": "Explorer"}
    assert dora.addresses == {"dora.explorer@example.com", "dora@example.org"}
    assert (emil.state, emil.hidden) == ("DISABLED", True)
    assert (sales.state, sales.associated) == ("ENABLED", [dora.entity_id, emil.entity_id])  # type: ignore[attr-defined]
    assert (room.resource_type, room.description) == ("EQUIPMENT", "Second floor")
    assert (room.booking_options["AutoAcceptRequests"], room.delegates) == (False, [dora.entity_id])


def test_mailboxes_are_users_except_those_with_the_id_of_a_resource() -> None:
    room_id, user_id = f"r-{'0' * 32}", "b0b00000-2222-4222-8222-222222222222"
    boxes = {
        str(number): {"entity_id": name, "email": f"box{number}@example.com"}
        for number, name in enumerate(("alice", room_id, user_id))
    }
    organization = seed_organization(WorkMail(), declared(mailboxes=boxes))
    alice, room, user = (organization.entity(name) for name in ("alice", room_id, user_id))
    assert isinstance(alice, User) and isinstance(user, User) and isinstance(room, Resource)
    assert (room.entity_id, user.entity_id) == (room_id, user_id)
    assert [entity.state for entity in (alice, room, user)] == ["ENABLED"] * 3


def test_members_that_the_file_does_not_declare_are_disabled_users() -> None:
    groups = {"Sales": {"name": "sales", "members": ["dora", "off"]}}
    organization = seed_organization(WorkMail(), declared(groups=groups))
    off = organization.entity("off")
    assert (isinstance(off, User), off.state) == (True, "DISABLED")


def test_the_demo_fits_80_columns_and_has_colour_on_a_terminal() -> None:
    workmail = WorkMail()
    seed_organization(workmail, declared(organization_region="us-east-1"))
    with WorkMailServer(workmail) as server:
        client = boto3_client(server.endpoint_url)
        table = entity_table(client, ORGANIZATION_ID)
        client.close()
    plain, terminal = io.StringIO(), io.StringIO()
    Console(file=plain, width=80).print(table)
    Console(file=terminal, width=80, force_terminal=True).print(table)
    lines = plain.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    for text in ("resource blue-room", "dora.explorer@example.com", "dora, emil"):
        assert any(text in line for line in lines)
    assert "\x1b[32m" in terminal.getvalue()
