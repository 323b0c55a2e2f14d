"""What holds for all that a stack can declare: registrations, exports, users, groups, resources."""

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
    register,
    resources,
    statements,
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
        declared = [id for id, each in everything(stack).items() if "Custom::" in each["Type"]]
        needed = set[str]().union(*(needed_by(stack, id) for id in declared))
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
