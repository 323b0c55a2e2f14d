"""The parameters by which stacks that declare entities of one organization find each other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, NestedStack, Stack
from constructs import Construct

from cdk_workmail import WorkMailProvider
from tests.synth.roster import (
    ORGANIZATION,
    OTHER_ORGANIZATION,
    PARAMETER,
    POLICY,
    declare_group,
    declare_resource,
    declare_user,
    everything,
    needed_by,
    new_stack,
    only,
    properties_of,
    register,
    resources,
    team,
)


def path_of(organization: Any) -> dict[str, Any]:
    """The name of the announcement of an organization that is a literal or an intrinsic."""
    front = f"/cdk-workmail/{organization}/" if isinstance(organization, str) else None
    parts = [front] if front else ["/cdk-workmail/", organization, "/"]
    return {"Fn::Join": ["", [*parts, {"Ref": "AWS::StackName"}]]}


def readers(stack: Stack) -> dict[str, dict[str, Any]]:
    """The policies that let the function read announcements, by logical id."""
    return {
        id: policy
        for id, policy in resources(stack, POLICY).items()
        if "ssm:" in json.dumps(policy["Properties"]["PolicyDocument"])
    }


def custom_resources(stack: Stack) -> dict[str, dict[str, Any]]:
    return {
        id: each for id, each in everything(stack).items() if each["Type"].startswith("Custom::")
    }


def announced_before(stack: Stack, id: str) -> dict[str, dict[str, Any]]:
    """The reading policies that a custom resource waits for, by their announcements' names."""
    found = {}
    for reader in readers(stack).keys() & needed_by(stack, id):
        policy = readers(stack)[reader]
        (announcement,) = resources(stack, PARAMETER).keys() & set(policy["DependsOn"])
        name = resources(stack, PARAMETER)[announcement]["Properties"]["Name"]
        found[json.dumps(name)] = policy
    return found


@pytest.fixture(scope="module")
def mixed() -> Stack:
    """Every type of custom resource in one organization, and one registration in another."""
    stack = new_stack()
    team(stack)
    register(stack, "Far", organization_id=OTHER_ORGANIZATION)
    return stack


def test_a_stack_announces_its_id_under_the_organization_and_its_name() -> None:
    stack = new_stack()
    register(stack, "Alice")
    register(stack, "Bob")
    announcement = properties_of(stack, PARAMETER)
    assert announcement.pop("Description")
    assert announcement == {
        "Type": "String",
        "Name": path_of(ORGANIZATION),
        "Value": {"Ref": "AWS::StackId"},
    }


def test_a_stack_without_declarations_announces_nothing() -> None:
    stack = new_stack()
    WorkMailProvider(stack, "Provider")
    assert resources(stack, PARAMETER) == readers(stack) == {}


def test_each_organization_is_announced_and_read_on_its_own(mixed: Stack) -> None:
    names = [each["Properties"]["Name"] for each in resources(mixed, PARAMETER).values()]
    assert names == [path_of(ORGANIZATION), path_of(OTHER_ORGANIZATION)]
    assert len(readers(mixed)) == 2
    for policy in readers(mixed).values():
        (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
        assert statement["Action"] == "ssm:GetParametersByPath"
        ends = [arn["Fn::Join"][1][-1] for arn in statement["Resource"]]
        (announcement,) = resources(mixed, PARAMETER).keys() & set(policy["DependsOn"])
        name = resources(mixed, PARAMETER)[announcement]["Properties"]["Name"]["Fn::Join"][1][0]
        assert ends == [f":parameter{name.removesuffix('/')}", f":parameter{name}*"]


def test_an_organization_in_two_regions_is_announced_once() -> None:
    """The parameter is in the region of the stack, where the function reads it."""
    stack = new_stack()
    register(stack, "Here")
    register(stack, "There", organization_region="eu-west-1")
    assert len(resources(stack, PARAMETER)) == len(readers(stack)) == 1


def test_every_declaration_is_created_after_the_announcement_and_deleted_before(
    mixed: Stack,
) -> None:
    """CloudFormation deletes in the reverse order of the dependencies."""
    types = {each["Type"] for each in custom_resources(mixed).values()}
    assert len(types) == 6
    for id, resource in custom_resources(mixed).items():
        name = json.dumps(path_of(resource["Properties"]["OrganizationId"]))
        assert announced_before(mixed, id).keys() == {name}
    for id in resources(mixed, PARAMETER):
        assert not needed_by(mixed, id) & everything(mixed).keys()


def test_an_organization_that_is_a_token_is_in_name_and_permission() -> None:
    stack = new_stack()
    organization = CfnParameter(stack, "Organization").value_as_string
    register(stack, organization_id=organization)
    assert properties_of(stack, PARAMETER)["Name"] == path_of({"Ref": "Organization"})
    (statement,) = only(readers(stack))["Properties"]["PolicyDocument"]["Statement"]
    for arn in statement["Resource"]:
        assert {"Ref": "Organization"} in arn["Fn::Join"][1]


@pytest.mark.parametrize("nested", [False, True])
def test_tokens_that_are_only_alike_until_deployed_are_both_announced(nested: bool) -> None:
    """One announcement of two organizations would hide this stack from the other's stacks."""
    app = App()
    mail = Stack(app, "Mail")
    scopes = [NestedStack(mail, id) if nested else Stack(app, id) for id in ("One", "Two")]
    for scope in scopes:
        organization = CfnParameter(scope, "Organization", default=ORGANIZATION).value_as_string
        for id in ("Alice", "Bob"):
            register(mail, f"{id}{scope.node.id}", organization_id=organization)
    assert len(resources(mail, PARAMETER)) == len(readers(mail)) == 2
    for id, resource in custom_resources(mail).items():
        organization_id = resource["Properties"]["OrganizationId"]
        policy = announced_before(mail, id)[json.dumps(path_of(organization_id))]
        assert json.dumps(organization_id) in json.dumps(policy)


def test_a_nested_stack_announces_itself() -> None:
    """Its name and its id are its own when deployed."""
    root = new_stack()
    stacks: list[Stack] = [root, NestedStack(root, "One"), NestedStack(root, "Two")]
    for stack in stacks:
        register(stack, stack.node.id)
    for stack in stacks:
        assert properties_of(stack, PARAMETER)["Name"] == path_of(ORGANIZATION)
        assert properties_of(stack, PARAMETER)["Value"] == {"Ref": "AWS::StackId"}
        (registration,) = custom_resources(stack)
        assert resources(stack, PARAMETER).keys() <= needed_by(stack, registration)


REVISION = "2027-01-01"


def revised(stack: Construct, revision: str | None) -> None:
    """Every type of custom resource, those of entities enabled by the short form."""
    options: dict[str, Any] = {"revision": revision} if revision else {}
    register(stack, "Plain", **options)
    declare_user(stack, **options).enable(email="a@example.com")
    declare_group(stack, members=["bob"], **options).enable(email="t@example.com")
    declare_resource(stack, delegates=["bob"], **options).enable(email="r@example.com")


@pytest.mark.parametrize("revision", [REVISION, None])
def test_a_revision_is_a_property_of_all_that_a_construct_declares(revision: str | None) -> None:
    """Member lists and registrations of the short form too; without the option there is none."""
    stack = new_stack()
    revised(stack, revision)
    declared = custom_resources(stack)
    assert len({each["Type"] for each in declared.values()}) == 6
    assert len(declared) == 9
    for each in declared.values():
        assert each["Properties"].get("Revision") == revision
        assert ("Revision" in each["Properties"]) == (revision is not None)


def test_a_new_revision_changes_nothing_else() -> None:
    one, two = new_stack(), new_stack()
    for stack, revision in ((one, "1"), (two, "2")):
        revised(stack, revision)
    before, after = (everything(stack) for stack in (one, two))
    assert before.keys() == after.keys()
    changed = {id for id in before if before[id] != after[id]}
    assert changed == custom_resources(one).keys()
    for id in changed:
        before[id]["Properties"].pop("Revision")
        after[id]["Properties"].pop("Revision")
    assert before == after
