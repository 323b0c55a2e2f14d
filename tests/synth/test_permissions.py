from __future__ import annotations

import json
import re
from typing import Any, cast

import pytest
from aws_cdk import App, CfnParameter, Environment, NestedStack, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager

from cdk_workmail import WorkMailProvider
from cdk_workmail._role import FunctionRole
from tests.synth.roster import (
    ORGANIZATION,
    OTHER_ORGANIZATION,
    POLICY,
    REGISTRATION,
    declare_resource,
    declare_user,
    everything,
    needed_by,
    new_stack,
    only,
    organizations,
    register,
    resources,
    statements,
)

OWN_STACK = {"Ref": "AWS::StackId"}
LOG_ACTIONS = {"logs:CreateLogStream", "logs:PutLogEvents"}
STACK_ACTIONS = {"cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents"}
WORKMAIL_ACTIONS = {
    "workmail:RegisterToWorkMail",
    "workmail:DeregisterFromWorkMail",
    "workmail:UpdatePrimaryEmailAddress",
    "workmail:DescribeUser",
    "workmail:DescribeGroup",
    "workmail:DescribeResource",
    "workmail:DescribeEntity",
    "workmail:DescribeOrganization",
}


def test_the_role_may_do_exactly_what_the_function_does() -> None:
    stack = new_stack(env=Environment(account="111111111111", region="us-east-1"))
    provider = register(stack).provider
    log = stack.resolve(provider.function.log_group.log_group_arn)

    def arn(service: str, resource: str) -> dict[str, Any]:
        here = f":{service}:us-east-1:111111111111:{resource}"
        return {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, here]]}

    path = f"parameter/cdk-workmail/{ORGANIZATION}"
    expected = [
        (LOG_ACTIONS, [log]),
        (STACK_ACTIONS, [OWN_STACK]),
        ({"cloudformation:ListStackResources"}, [arn("cloudformation", "stack/*")]),
        ({"ssm:GetParametersByPath"}, [arn("ssm", path), arn("ssm", f"{path}/*")]),
        (WORKMAIL_ACTIONS, [arn("workmail", f"organization/{ORGANIZATION}")]),
    ]
    granted = list(statements(stack))
    assert len(granted) == len(expected)
    for statement in expected:
        assert statement in granted


def test_no_action_is_a_wildcard_no_policy_managed_and_no_stack_but_the_own_described() -> None:
    app = App()
    stack = Stack(app, "Mail")
    register(stack)
    nested = NestedStack(stack, "Nested")
    register(nested, provider=WorkMailProvider(stack, "Shared"))
    other = Stack(app, "Other")
    register(other, organization_region="eu-west-1")
    for each in (stack, nested, other):
        granted = list(statements(each))
        assert granted
        for actions, arns in granted:
            assert not any("*" in action for action in actions)
            assert "*" not in json.dumps(arns) or actions in (
                {"cloudformation:ListStackResources"},
                {"ssm:GetParametersByPath"},
            )
        assert "ManagedPolic" not in json.dumps(everything(each))


def test_the_role_is_lambdas_alone() -> None:
    stack = new_stack()
    register(stack)
    role = only(resources(stack, "AWS::IAM::Role"))["Properties"]
    assert [
        (statement["Principal"], statement["Action"])
        for statement in role["AssumeRolePolicyDocument"]["Statement"]
    ] == [({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")]
    assert role["Description"]


def test_a_given_log_group_is_the_one_written_to() -> None:
    stack = new_stack()
    group = logs.LogGroup(stack, "Log")
    WorkMailProvider(stack, "Provider", log_group=group)
    assert list(statements(stack)) == [(LOG_ACTIONS, [stack.resolve(group.log_group_arn)])]


def test_an_organization_is_another_in_another_region() -> None:
    stack = new_stack()
    register(stack, "Here")
    register(stack, "There", organization_region="eu-west-1")
    assert len(organizations(stack)) == 2
    for registration in resources(stack, REGISTRATION).values():
        (policy,) = organizations(stack).keys() & set(registration["DependsOn"])
        elsewhere = registration["Properties"].get("OrganizationRegion")
        granted = json.dumps(organizations(stack)[policy])
        assert (":workmail:eu-west-1:" in granted) == (elsewhere == "eu-west-1")


def test_each_organization_has_a_policy_that_its_registrations_depend_on() -> None:
    stack = new_stack()
    register(stack, "Alice")
    register(stack, "Bob")
    register(stack, "Carol", organization_id=OTHER_ORGANIZATION)
    policies = organizations(stack)
    assert len(policies) == 2
    for registration in resources(stack, REGISTRATION).values():
        (policy,) = policies.keys() & set(registration["DependsOn"])
        assert registration["Properties"]["OrganizationId"] in json.dumps(policies[policy])


def test_registrations_also_wait_for_the_stacks_policy_and_the_invocation_settings() -> None:
    stack = new_stack()
    register(stack)
    (registration,) = resources(stack, REGISTRATION)
    needed = needed_by(stack, registration)
    # The function's log and the stack's operations, besides announcements and organization.
    assert resources(stack, POLICY).keys() <= needed
    assert len(resources(stack, POLICY)) == 4
    assert resources(stack, "AWS::Lambda::EventInvokeConfig").keys() <= needed


def test_a_nested_stack_reads_itself_and_its_root() -> None:
    root = new_stack()
    nested = NestedStack(NestedStack(root, "Middle"), "Nested")
    register(nested)
    ((own, above),) = (arns for actions, arns in statements(nested) if actions == STACK_ACTIONS)
    assert own == OWN_STACK
    parameter = above["Ref"]
    middle = only(resources(root, "AWS::CloudFormation::Stack"))["Properties"]["Parameters"]
    assert middle[parameter] == OWN_STACK


def test_policy_names_fit_into_iams_limit_at_the_longest_stack_name() -> None:
    stack = Stack(App(), "Mail" * 32)
    declare_resource(stack, delegates=["alice"], removal_policy=RemovalPolicy.DESTROY)
    declare_user(stack, reset_password="1").enable(email="alice@example.com", aliases=[])
    names = [policy["Properties"]["PolicyName"] for policy in resources(stack, POLICY).values()]
    assert len(set(names)) == len(names) == 11
    assert max(map(len, names)) <= 128


def test_tokens_that_are_only_alike_until_deployed_are_both_granted() -> None:
    app = App()
    mail = Stack(app, "Mail")
    for id in ("One", "Two"):
        organization = CfnParameter(Stack(app, id), "Organization").value_as_string
        register(mail, f"Alice{id}", organization_id=organization)
    for allowed in (WORKMAIL_ACTIONS, {"ssm:GetParametersByPath"}):
        text = json.dumps([arns for actions, arns in statements(mail) if actions == allowed])
        assert "One:Exports" in text
        assert "Two:Exports" in text


@pytest.mark.parametrize("stacks", [1, 3])
def test_what_exceeds_iams_limit_fails_at_synth_with_numbers_and_what_to_do(stacks: int) -> None:
    """Over all stacks that share the provider."""
    app = App()
    provider = WorkMailProvider(Stack(app, "Shared"), "Provider")
    for number in range(stacks):
        stack = Stack(app, f"Mail{number}")
        for other in range(48 // stacks):
            organization = f"m-{number:016x}{other:016x}"
            names = {"entity_id": f"user{number}x{other}", "email": f"{number}x{other}@example.com"}
            register(stack, f"A{other}", provider=provider, organization_id=organization, **names)
    with pytest.raises(RuntimeError) as refused:
        app.synth()
    message = str(refused.value)
    assert "[Shared/Provider/Role]" in message
    assert re.search(rf"can come to \d\d,\d{{3}} characters, .* of {stacks + 1} stacks", message)
    assert "IAM allows 10,240: " in message
    assert "second WorkMailProvider" in message


def test_given_passwords_and_own_statements_count_and_generated_passwords_do_not() -> None:
    def synthesized(count: int, given: bool, size: int = 0) -> None:
        stack = new_stack()
        for number in range(count):
            secret = secretsmanager.Secret(stack, f"Secret{number}") if given else None
            user = declare_user(stack, f"User{number}", password=secret)
        if size:
            arns = [f"arn:aws:s3:::{number:0100}" for number in range(size // 100)]
            user.provider.role.add_to_policy(
                iam.PolicyStatement(actions=["s3:GetObject"], resources=arns)
            )
        assert resources(stack, "AWS::SecretsManager::Secret")

    synthesized(100, given=False)
    synthesized(40, given=True)
    with pytest.raises(RuntimeError, match="IAM allows 10,240"):
        synthesized(80, given=True)
    with pytest.raises(RuntimeError, match="IAM allows 10,240"):
        synthesized(40, given=True, size=5_000)


def test_the_size_is_that_of_the_deployed_documents() -> None:
    """As JSON without white space, which IAM does not count."""
    stack = new_stack(env=Environment(account="111111111111", region="ap-southeast-1"))
    register(stack, organization_region="eu-west-1")
    size = 0
    for policy in resources(stack, POLICY).values():
        text = json.dumps(policy["Properties"]["PolicyDocument"], separators=(",", ":"))
        text = text.replace('{"Ref":"AWS::Partition"}', '"aws"')
        text = re.sub(r'{"Fn::Join":\["",\["([^"]*)","([^"]*)","([^"]*)"\]\]}', r'"\1\2\3"', text)
        text = text.replace('{"Ref":"AWS::StackId"}', f'"{"s" * 98}"')
        size += len(re.sub(r'{"Fn::GetAtt":\["\w+","Arn"\]}', f'"{"a" * 150}"', text))
    role = cast(FunctionRole, stack.node.find_child("Custom::WorkMail").provider.role)  # type: ignore[attr-defined]
    assert role.size() == size
