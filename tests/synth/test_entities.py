"""What users, groups and resources have in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from aws_cdk import RemovalPolicy

from cdk_workmail import MailboxExport, WorkMailProvider, WorkMailRegistration
from tests.synth.roster import (
    ACTIONS,
    GROUP,
    ORGANIZATION,
    OTHER_ORGANIZATION,
    REGISTRATION,
    RESOURCE,
    USER,
    declare_group,
    declare_resource,
    declare_user,
    everything,
    granted_on,
    needed_by,
    new_stack,
    only,
    organizations,
    properties_of,
    register,
    resources,
    team,
)


class Kind(NamedTuple):
    """Users, groups or resources."""

    declare: Callable[..., Any]
    type: str
    id_attribute: str


OF_EACH_KIND = pytest.mark.parametrize(
    "kind",
    [
        Kind(declare_user, USER, "UserId"),
        Kind(declare_group, GROUP, "GroupId"),
        Kind(declare_resource, RESOURCE, "ResourceId"),
    ],
)
DELETION = {
    USER: {"workmail:DeleteUser"},
    GROUP: {"workmail:DeleteGroup"},
    RESOURCE: {"workmail:DeleteResource"},
}


@OF_EACH_KIND
def test_the_resource_says_what_was_declared_and_nothing_else(kind: Kind) -> None:
    plain, full = new_stack(), new_stack()
    provider = kind.declare(plain, "It").provider
    given = {GROUP: {}, RESOURCE: {"Type": "ROOM"}, USER: {"DisplayName": "It"}}
    properties = properties_of(plain, kind.type)
    properties.pop("PasswordSecretArn", None)
    assert properties == {
        "ServiceToken": plain.resolve(provider.service_token),
        "ServiceTimeout": 630,
        "OrganizationId": ORGANIZATION,
        "Name": "it",
        "AdoptExisting": True,
        "Attributes": given[kind.type],
    }
    options = {"adopt_existing": False, "organization_region": "eu-west-1"}
    kind.declare(full, "It", **options, hidden_from_global_address_list=True)
    expected = {
        "AdoptExisting": False,
        "OrganizationRegion": "eu-west-1",
        "Attributes": given[kind.type] | {"HiddenFromGlobalAddressList": True},
    }
    assert expected.items() <= properties_of(full, kind.type).items()


@OF_EACH_KIND
def test_an_entity_gives_its_id_name_and_organization(kind: Kind) -> None:
    stack = new_stack()
    entity = kind.declare(stack)
    assert entity.organization_id == ORGANIZATION
    (logical_id,) = resources(stack, kind.type)
    ids = {"UserId": "user_id", "GroupId": "group_id", "ResourceId": "resource_id"}
    for value, attribute in (
        (getattr(entity, ids[kind.id_attribute]), kind.id_attribute),
        (entity.name, "Name"),
    ):
        assert stack.resolve(value) == {"Fn::GetAtt": [logical_id, attribute]}


@OF_EACH_KIND
@pytest.mark.parametrize(
    ("policy", "deletion", "replacement"),
    [
        (None, "Retain", "Retain"),
        (RemovalPolicy.RETAIN, "Retain", "Retain"),
        (RemovalPolicy.DESTROY, "Delete", "Delete"),
    ],
)
def test_an_entity_is_retained_by_default_and_deleted_only_with_the_permission(
    kind: Kind, policy: RemovalPolicy | None, deletion: str, replacement: str
) -> None:
    stack = new_stack()
    kind.declare(stack, removal_policy=policy)
    policy_deletes = policy is RemovalPolicy.DESTROY
    resource = only(resources(stack, kind.type))
    assert resource["DeletionPolicy"] == deletion
    assert resource["UpdateReplacePolicy"] == replacement
    assert granted_on(stack) == [
        ACTIONS[kind.type],
        *([DELETION[kind.type]] if policy_deletes else []),
    ]


@OF_EACH_KIND
def test_what_may_delete_is_there_as_long_as_something_may_have_to_be_deleted(kind: Kind) -> None:
    """A policy of its own, which CloudFormation deletes after what depends on it."""
    without, beside = new_stack(), new_stack()
    for stack in (without, beside):
        kind.declare(stack, "Kept")
    kind.declare(beside, "Destroyed", removal_policy=RemovalPolicy.DESTROY)
    (deleting,) = (id for id in organizations(beside) if "Deletion" in id)
    before, after = everything(without), everything(beside)
    unchanged = [id for id in before if "Passwords" not in id]
    assert {id: before[id] for id in unchanged} == {id: after[id] for id in unchanged}
    found = resources(beside, kind.type)
    assert {id.startswith("Destroyed"): deleting in found[id]["DependsOn"] for id in found} == {
        True: True,
        False: False,
    }


@OF_EACH_KIND
def test_an_entity_needs_all_that_its_function_needs(kind: Kind) -> None:
    stack = new_stack()
    kind.declare(stack, removal_policy=RemovalPolicy.DESTROY)
    (id,) = resources(stack, kind.type)
    expected = {
        *resources(stack, "AWS::IAM::Policy"),
        *resources(stack, "AWS::Lambda::EventInvokeConfig"),
    }
    assert expected <= needed_by(stack, id)


@OF_EACH_KIND
def test_each_organization_and_kind_has_policies_of_its_own(kind: Kind) -> None:
    stack = new_stack()
    kind.declare(stack, "One")
    kind.declare(stack, "Two")
    kind.declare(stack, "Far", organization_id=OTHER_ORGANIZATION)
    register(stack, "Registered")
    assert granted_on(stack, OTHER_ORGANIZATION) == [ACTIONS[kind.type]]
    assert len(granted_on(stack)) == 2
    for resource in resources(stack, kind.type).values():
        (policy,) = (id for id in resource["DependsOn"] if id in organizations(stack))
        organization = resource["Properties"]["OrganizationId"]
        assert organization in json.dumps(organizations(stack)[policy])


@OF_EACH_KIND
def test_the_short_form_is_a_registration_of_the_entity(kind: Kind) -> None:
    stack = new_stack()
    provider = WorkMailProvider(stack, "Provider")
    entity = kind.declare(stack, provider=provider, organization_region="eu-west-1")
    enabled = entity.enable(
        email="it@example.com", adopt_existing=False, aliases=[], remove_other_aliases=True
    )
    (logical_id,) = resources(stack, kind.type)
    assert isinstance(enabled, WorkMailRegistration)
    assert enabled is entity.node.find_child("Registration")
    assert enabled.provider is provider
    assert properties_of(stack, REGISTRATION) == {
        "ServiceToken": stack.resolve(provider.service_token),
        "ServiceTimeout": 630,
        "OrganizationId": ORGANIZATION,
        "OrganizationRegion": "eu-west-1",
        "EntityId": {"Fn::GetAtt": [logical_id, kind.id_attribute]},
        "Email": "it@example.com",
        "AdoptExisting": False,
        "Aliases": [],
        "RemoveOtherAliases": True,
    }


@OF_EACH_KIND
def test_the_short_form_has_the_registrations_removal(kind: Kind) -> None:
    stack = new_stack()
    export = MailboxExport(stack, "Export")
    kind.declare(stack).enable(
        email="it@example.com", removal_policy=RemovalPolicy.SNAPSHOT, mailbox_export=export
    )
    assert "MailboxExport" in properties_of(stack, REGISTRATION)


@OF_EACH_KIND
def test_a_registration_leaves_before_its_entity(kind: Kind) -> None:
    stack = new_stack()
    kind.declare(stack, removal_policy=RemovalPolicy.DESTROY).enable(email="it@example.com")
    (entity,), (registration,) = resources(stack, kind.type), resources(stack, REGISTRATION)
    assert entity in needed_by(stack, registration)


@OF_EACH_KIND
def test_an_entity_is_declared_once_in_a_stack(kind: Kind) -> None:
    stack = new_stack()
    kind.declare(stack, "One", name="it")
    kind.declare(stack, "Far", name="it", organization_id=OTHER_ORGANIZATION)
    with pytest.raises(
        ValueError, match=r"^Mail/Two: name must be declared once .* got 'IT', which Mail/One "
    ):
        kind.declare(stack, "Two", name="IT")


def test_the_ids_are_kept() -> None:
    """Another logical id is another secret, and another policy."""
    stack = new_stack()
    team(stack)
    made = everything(stack)
    assert {id for id in made if "WorkMailProvider" not in id} == {
        "AliceD4D33764",
        "AlicePassword25D58691",
        "AliceRegistration1792E95A",
        "Bob4B8519C4",
        "BobPassword0A6A4E60",
        "BobRegistration42F392F4",
        "Team8E98563C",
        "TeamRegistration9FFCF706",
        "Room4AB29A70",
        "RoomRegistration9DE038E7",
        "CustomWorkMailGroupMembers90bd5cb7D9E092EB",
        "CustomWorkMailResourceDelegatesb79fdd999DE44BAE",
        "CustomWorkMailAnnouncementdad3aeb389E5FA19",
        "CustomWorkMailPermissionsAnnouncementsdad3aeb3163671BC",
        "CustomWorkMailPermissionsStackA64CF1FC",
        "CustomWorkMailPermissionsOrganizationa13be70bFC0AED40",
        "CustomWorkMailPermissionsPasswords956932BB",
        "CustomWorkMailPermissionsUsera13be70b1C5B6DF2",
        "CustomWorkMailPermissionsUserPassworda13be70bCEB6D2A2",
        "CustomWorkMailPermissionsUserDeletiona13be70b6D0C02A7",
        "CustomWorkMailPermissionsGroupa13be70b442BB935",
        "CustomWorkMailPermissionsGroupMembersa13be70bFA804A0D",
        "CustomWorkMailPermissionsResourcea13be70b8941DEA6",
        "CustomWorkMailPermissionsResourceDelegatesa13be70bFC98A79F",
    }
