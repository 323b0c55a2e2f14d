"""What holds for all that a stack can declare, and how it announces that to other stacks.

By the announcements, stacks that declare entities of one organization find each other.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from aws_cdk import App, CfnParameter, Fn, NestedStack, RemovalPolicy, Stack, Stage
from constructs import Construct

from cdk_workmail import MailboxExport, WorkMailProvider
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
    statements,
    team,
)

DESTROY: dict[str, Any] = {"removal_policy": RemovalPolicy.DESTROY}
Declare: TypeAlias = Callable[..., object]


def registered(scope: Construct, **options: Any) -> None:
    # An address is declared once in a stack.
    register(scope, f"{scope.node.id}Plain", **options)


def with_aliases(scope: Construct, **options: Any) -> None:
    name = scope.node.id
    register(scope, f"{name}Aliased", aliases=[f"{name}@example.com"], **options)


def exported(scope: Construct, **options: Any) -> None:
    export = MailboxExport(scope, "Export")
    snapshot = {"removal_policy": RemovalPolicy.SNAPSHOT, "mailbox_export": export}
    register(scope, f"{scope.node.id}Exported", **snapshot, **options)


def user(scope: Construct, **options: Any) -> None:
    declare_user(scope, reset_password="1", **DESTROY, **options)


def group(scope: Construct, **options: Any) -> None:
    declare_group(scope, members=["bob"], **DESTROY, **options)


def resource(scope: Construct, **options: Any) -> None:
    declare_resource(scope, delegates=["bob"], **DESTROY, **options)


REGISTRATIONS: tuple[Declare, ...] = (registered, with_aliases, exported)
ALL = (*REGISTRATIONS, user, group, resource)


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


def announced_name(stack: Stack, reader: dict[str, Any]) -> Any:
    """The name of the announcement that a reading policy waits for."""
    (announcement,) = resources(stack, PARAMETER).keys() & set(reader["DependsOn"])
    return resources(stack, PARAMETER)[announcement]["Properties"]["Name"]


def announced_before(stack: Stack, id: str) -> dict[str, dict[str, Any]]:
    """The reading policies that a custom resource waits for, by their announcements' names."""
    return {
        json.dumps(announced_name(stack, policy)): policy
        for reader, policy in readers(stack).items()
        if reader in needed_by(stack, id)
    }


@pytest.mark.parametrize("organization", [ORGANIZATION, OTHER_ORGANIZATION], ids=["same", "other"])
@pytest.mark.parametrize("declare", ALL)
def test_a_declaration_changes_nothing_that_is_there_without_it(
    declare: Declare, organization: str
) -> None:
    """What changed with the last declaration of a kind would be changed before its Delete."""
    without, beside = new_stack(), new_stack()
    for stack in (without, beside):
        register(stack, "Bob")
    declare(beside, organization_id=organization)
    before, after = everything(without), everything(beside)
    assert before == {id: after[id] for id in before}


def test_ids_are_the_same_in_each_stage_whatever_else_is_declared() -> None:
    def template(name: str, earlier: int) -> dict[str, Any]:
        stage = Stage(App(), name)
        other = CfnParameter(Stack(stage, "Other"), "Organization").value_as_string
        stack = Stack(stage, "Mail")
        for number in range(earlier):
            # Tokens are numbered as they are created.
            assert CfnParameter(stack, f"Earlier{number}").value_as_string
            register(stack, f"Member{number}")
        own = CfnParameter(stack, "Organization").value_as_string
        for id, organization in (("Literal", ORGANIZATION), ("Own", own), ("Other", other)):
            scope = Construct(stack, id)
            provider = WorkMailProvider(scope, "Provider")
            for declare in ALL:
                declare(scope, organization_id=organization, provider=provider)
            register(scope, f"{id}WithoutProvider", organization_id=organization)
        return everything(stack)

    beta = template("Beta", 0)
    assert json.dumps(template("Beta", 0)) == json.dumps(beta)
    assert beta.keys() <= template("Production", 3).keys()


def test_tokens_that_are_alike_share_what_one_organization_shares() -> None:
    """Two announcements of one name cannot be created, and statements count for IAM's limit."""
    literal, imported, referred = new_stack(), new_stack(), new_stack()
    own = CfnParameter(referred, "Organization").value_as_string
    found = []
    for stack, organizations in (
        (literal, [ORGANIZATION, ORGANIZATION]),
        (imported, [Fn.import_value("Organization"), Fn.import_value("Organization")]),
        (referred, [own, Fn.ref("Organization")]),
    ):
        first, second = organizations
        export = MailboxExport(stack, "Export")
        snapshot = {"removal_policy": RemovalPolicy.SNAPSHOT, "mailbox_export": export}
        register(stack, "Alice", organization_id=first, **snapshot)
        register(stack, "Bob", organization_id=second, **snapshot)
        declare_user(stack, "Carol", organization_id=first)
        declare_user(stack, "Dora", organization_id=second)
        types = Counter(each["Type"] for each in everything(stack).values())
        found.append((types, sum(1 for _ in statements(stack))))
    assert found[0] == found[1] == found[2]
    assert found[0][0][PARAMETER] == 1


# All of them together exceed IAM's limit of one role.
@pytest.mark.parametrize("declarations", [REGISTRATIONS, (user, group), (group, resource)])
def test_stacks_that_share_a_provider_each_bring_what_it_needs_for_them(
    declarations: tuple[Declare, ...],
) -> None:
    app = App()
    shared = Stack(app, "Shared")
    provider = WorkMailProvider(shared, "Provider")
    stacks = [Stack(app, "One"), Stack(app, "Two"), NestedStack(shared, "Nested")]
    for stack in stacks:
        for declare in declarations:
            declare(stack, provider=provider)
    assert [actions for actions, _ in statements(shared)] == [
        {"logs:CreateLogStream", "logs:PutLogEvents"}
    ]
    assert resources(shared, PARAMETER) == {}
    names = []
    for stack in stacks:
        assert resources(stack, "AWS::Lambda::Function") == {}
        assert len(resources(stack, PARAMETER)) == 1
        needed = set[str]().union(*(needed_by(stack, id) for id in custom_resources(stack)))
        assert {*resources(stack, POLICY), *resources(stack, PARAMETER)} <= needed
        names += [each["Properties"]["PolicyName"] for each in resources(stack, POLICY).values()]
    # On one role, a policy overwrites another of the same name.
    assert len(set(names)) == len(names) > len(stacks)


def test_two_functions_of_a_stack_each_may_do_the_same() -> None:
    stack = new_stack()
    one, two = Construct(stack, "One"), Construct(stack, "Two")
    another = WorkMailProvider(stack, "Provider")
    for declare in ALL:
        declare(one)
        declare(two, organization_id=OTHER_ORGANIZATION, provider=another)
    allowed: dict[str, list[str]] = defaultdict(list)
    for policy in resources(stack, POLICY).values():
        (role,) = policy["Properties"]["Roles"]
        allowed[role["Ref"]] += [
            json.dumps(statement["Action"])
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        ]
    first, second = (sorted(actions) for actions in allowed.values())
    assert first == second


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
        name = announced_name(mixed, policy)["Fn::Join"][1][0]
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
    for id, each in custom_resources(mixed).items():
        name = json.dumps(path_of(each["Properties"]["OrganizationId"]))
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
    for id, each in custom_resources(mail).items():
        organization_id = each["Properties"]["OrganizationId"]
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


def revised(stack: Construct, revision: str | None) -> None:
    """Every type of custom resource, those of entities enabled by the short form."""
    options: dict[str, Any] = {"revision": revision} if revision else {}
    register(stack, "Plain", **options)
    declare_user(stack, **options).enable(email="a@example.com")
    declare_group(stack, members=["bob"], **options).enable(email="t@example.com")
    declare_resource(stack, delegates=["bob"], **options).enable(email="r@example.com")


@pytest.mark.parametrize("revision", ["2027-01-01", None])
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
