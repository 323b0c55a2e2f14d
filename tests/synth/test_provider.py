from __future__ import annotations

from typing import Any, cast

import pytest
from aws_cdk import App, CfnParameter, Duration, Environment, NestedStack, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template

from cdk_workmail import MailboxExport, WorkMailProvider
from tests.synth.roster import REGISTRATION, new_stack, only, register, resources

FUNCTION = "AWS::Lambda::Function"
LOG_GROUP = "AWS::Logs::LogGroup"


def test_a_stack_has_one_function() -> None:
    stack = new_stack()
    assert register(stack, "Alice").provider is register(stack, "Bob").provider
    assert len(resources(stack, FUNCTION)) == 1


def test_the_function_keeps_its_logical_id() -> None:
    """CloudFormation refuses to update a custom resource whose function is another one."""
    stack = new_stack()
    register(stack)
    assert list(resources(stack, FUNCTION)) == ["CustomWorkMailProviderFunctionD5A068A6"]


def test_the_function_is_as_documented() -> None:
    stack = new_stack()
    register(stack)
    properties = only(resources(stack, FUNCTION))["Properties"]
    expected = {
        "Handler": "workmail_provider.handler.handler",
        "Architectures": ["arm64"],
        "MemorySize": 512,
        "Timeout": 600,
    }
    assert expected.items() <= properties.items()
    assert "ReservedConcurrentExecutions" not in properties


def test_the_runtime_is_the_newest_that_the_library_knows() -> None:
    stack = new_stack()
    register(stack)
    known = [r.name for r in lambda_.Runtime.ALL if r.name.startswith("python3")]
    newest = max(known, key=lambda name: int(name.partition(".")[2]))
    assert only(resources(stack, FUNCTION))["Properties"]["Runtime"] == newest


def test_no_event_is_repeated_or_handed_out_after_cloudformation_gave_up() -> None:
    stack = new_stack()
    register(stack, provider=WorkMailProvider(stack, "Own", timeout=Duration.minutes(5)))
    settings = only(resources(stack, "AWS::Lambda::EventInvokeConfig"))["Properties"]
    assert settings["MaximumRetryAttempts"] == 0
    timeout = only(resources(stack, REGISTRATION))["Properties"]["ServiceTimeout"]
    assert settings["MaximumEventAgeInSeconds"] == timeout == 330


def test_the_log_is_kept_three_months_and_outlives_the_stack() -> None:
    stack = new_stack()
    register(stack)
    log = only(resources(stack, LOG_GROUP))
    assert log["Properties"]["RetentionInDays"] == 90
    assert log["DeletionPolicy"] == log["UpdateReplacePolicy"] == "Retain"


def test_options_reach_the_function() -> None:
    stack = new_stack()
    provider = WorkMailProvider(
        stack,
        "Provider",
        memory_size=1024,
        timeout=Duration.minutes(15),
        log_retention=logs.RetentionDays.ONE_YEAR,
        reserved_concurrent_executions=4,
    )
    properties = only(resources(stack, FUNCTION))["Properties"]
    expected = {"MemorySize": 1024, "Timeout": 900, "ReservedConcurrentExecutions": 4}
    assert expected.items() <= properties.items()
    assert only(resources(stack, LOG_GROUP))["Properties"]["RetentionInDays"] == 365
    assert provider.service_timeout.to_seconds() == 930


def test_a_given_log_group_is_used() -> None:
    stack = new_stack()
    group = logs.LogGroup(stack, "Log")
    WorkMailProvider(stack, "Provider", log_group=group)
    assert list(resources(stack, LOG_GROUP)) == [stack.get_logical_id(group.node.default_child)]  # type: ignore[arg-type]
    logging = only(resources(stack, FUNCTION))["Properties"]["LoggingConfig"]
    assert logging["LogGroup"] == stack.resolve(group.log_group_name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory_size": 127}, "memory_size must be 128 to 10240 MiB, got 127"),
        ({"memory_size": 10241}, "memory_size must be 128 to 10240 MiB, got 10241"),
        ({"timeout": Duration.seconds(179)}, "timeout must be 180 to 900 seconds, got 179: "),
        ({"timeout": Duration.seconds(901)}, "timeout must be 180 to 900 seconds, got 901: "),
        (
            {"reserved_concurrent_executions": 0},
            "reserved_concurrent_executions must be at least 1, or -1 to reserve none, got 0: ",
        ),
        (
            {"reserved_concurrent_executions": -2},
            "reserved_concurrent_executions must be at least 1, or -1 to reserve none, got -2: ",
        ),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^Mail/Provider: {message}"):
        WorkMailProvider(new_stack(), "Provider", **options)


def test_retention_of_a_given_log_group_is_refused() -> None:
    stack = new_stack()
    with pytest.raises(ValueError, match=r"^Mail/Provider: log_retention is for .* got log_group"):
        WorkMailProvider(
            stack,
            "Provider",
            log_group=logs.LogGroup(stack, "Log"),
            log_retention=logs.RetentionDays.ONE_DAY,
        )


def test_numbers_may_be_tokens_and_the_timeout_may_not() -> None:
    stack = new_stack()
    number = cast(int, CfnParameter(stack, "Number", type="Number").value_as_number)
    WorkMailProvider(
        stack,
        "Provider",
        memory_size=number,
        reserved_concurrent_executions=number,
    )
    properties = only(resources(stack, FUNCTION))["Properties"]
    assert properties["MemorySize"] == {"Ref": "Number"}
    assert properties["ReservedConcurrentExecutions"] == {"Ref": "Number"}
    with pytest.raises(ValueError, match=r"^Mail/Timeout: timeout must be known at synth"):
        WorkMailProvider(stack, "Timeout", timeout=Duration.seconds(number))


def reserved(provider: WorkMailProvider) -> object:
    function = only(resources(Stack.of(provider), FUNCTION))
    return function["Properties"].get("ReservedConcurrentExecutions")


@pytest.mark.parametrize(
    ("registrations", "given", "expected"),
    [(8, None, None), (9, None, 5), (9, 4, 4), (9, -1, None), (1, 4, 4), (1, -1, None)],
)
def test_a_roster_reserves_five_unless_told_otherwise(
    registrations: int, given: int | None, expected: int | None
) -> None:
    stack = new_stack()
    provider = WorkMailProvider(stack, "Provider", reserved_concurrent_executions=given)
    for number in range(registrations):
        register(stack, f"Member{number}", provider=provider)
    assert reserved(provider) == expected


def test_what_was_chosen_is_reserved_with_exports_too() -> None:
    stack = new_stack()
    provider = WorkMailProvider(stack, "Provider", reserved_concurrent_executions=3)
    removal: dict[str, Any] = {
        "removal_policy": RemovalPolicy.SNAPSHOT,
        "mailbox_export": MailboxExport(stack, "Export"),
    }
    register(stack, provider=provider, **removal)
    assert reserved(provider) == 3


def test_an_app_with_exports_reserves_none() -> None:
    """Also when nothing is registered with one any more: what it registered has yet to leave."""
    stack = new_stack()
    MailboxExport(Stack(cast(App, stack.node.root), "Archive"), "Export")
    for number in range(9):
        provider = register(stack, f"Member{number}").provider
    assert reserved(provider) is None


def test_the_exports_of_another_app_change_nothing() -> None:
    MailboxExport(new_stack(), "Export")
    stack = new_stack()
    for number in range(9):
        provider = register(stack, f"Member{number}").provider
    assert reserved(provider) == 5


def test_the_rosters_of_all_stacks_that_share_a_function_count() -> None:
    app = App()
    provider = WorkMailProvider(Stack(app, "Shared"), "Provider")
    users = [Stack(app, "One"), Stack(app, "Two"), NestedStack(Stack.of(provider), "Nested")]
    for stack in users:
        for number in range(3):
            register(stack, f"Member{number}", provider=provider)
    assert reserved(provider) == 5


def test_what_is_reserved_is_decided_when_all_are_declared() -> None:
    stack = new_stack()
    provider = WorkMailProvider(stack, "Provider")
    for number in range(8):
        register(stack, f"Member{number}", provider=provider)
    function = cast(lambda_.CfnFunction, provider.function.node.default_child)
    assert stack.resolve(function.reserved_concurrent_executions) is None
    register(stack, "Last", provider=provider)
    assert reserved(provider) == 5


def test_a_provider_is_shared_within_a_stack() -> None:
    stack = new_stack()
    provider = WorkMailProvider(stack, "Provider")
    assert register(stack, "Alice", provider=provider).provider is provider
    register(stack, "Bob", provider=provider)
    assert len(resources(stack, FUNCTION)) == 1


def test_a_provider_is_shared_across_stacks() -> None:
    app = App()
    provider = WorkMailProvider(Stack(app, "Shared"), "Provider")
    consumer = Stack(app, "Mail")
    register(consumer, provider=provider)
    template = Template.from_stack(consumer)
    template.resource_count_is(FUNCTION, 0)
    token = only(resources(consumer, REGISTRATION))["Properties"]["ServiceToken"]
    assert list(token) == ["Fn::ImportValue"]


def test_a_nested_stack_may_use_the_provider_above_it() -> None:
    stack = new_stack()
    provider = WorkMailProvider(stack, "Provider")
    nested = NestedStack(stack, "Nested")
    register(nested, provider=provider)
    assert resources(nested, FUNCTION) == {}
    above = only(resources(stack, "AWS::CloudFormation::Stack"))
    function = stack.resolve(provider.service_token)
    assert function in above["Properties"]["Parameters"].values()


def test_a_stack_may_use_the_provider_of_a_stack_nested_in_it() -> None:
    stack = new_stack()
    provider = WorkMailProvider(NestedStack(stack, "Nested"), "Provider")
    register(stack, provider=provider)
    assert resources(stack, FUNCTION) == {}


@pytest.mark.parametrize(
    "elsewhere",
    [
        Environment(account="111111111111", region="us-west-2"),
        Environment(account="222222222222", region="us-east-1"),
        Environment(),
    ],
)
def test_a_provider_elsewhere_is_refused(elsewhere: Environment) -> None:
    app = App()
    provider = WorkMailProvider(Stack(app, "Shared", env=elsewhere), "Provider")
    here = Environment(account="111111111111", region="us-east-1")
    mail = Stack(app, "Mail", env=here)
    with pytest.raises(
        ValueError,
        match=r"^Mail/Alice: provider must be in aws://111111111111/us-east-1 like the stack, "
        r"got Shared/Provider in aws://",
    ):
        register(mail, provider=provider)
