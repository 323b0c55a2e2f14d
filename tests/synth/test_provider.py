from __future__ import annotations

from typing import Any, cast

import pytest
from aws_cdk import App, CfnParameter, Duration, Environment, NestedStack, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from cdk_workmail import WorkMailProvider
from tests.synth.roster import REGISTRATION, new_stack, only, register, resources

FUNCTION = "AWS::Lambda::Function"
LOG_GROUP = "AWS::Logs::LogGroup"


def test_a_stack_has_one_function_which_keeps_its_logical_id() -> None:
    """CloudFormation refuses to update a custom resource with another function."""
    stack = new_stack()
    assert register(stack, "Alice").provider is register(stack, "Bob").provider
    assert list(resources(stack, FUNCTION)) == ["CustomWorkMailProviderFunctionD5A068A6"]


def test_nine_declarations_reserve_no_concurrent_executions() -> None:
    """An account's limit can be 10, and Lambda keeps some of them unreserved."""
    stack = new_stack()
    for number in range(9):
        register(stack, f"Member{number}")
    properties = only(resources(stack, FUNCTION))["Properties"]
    assert "ReservedConcurrentExecutions" not in properties


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


def test_the_runtime_is_the_newest_that_the_library_knows() -> None:
    stack = new_stack()
    register(stack)
    known = [r.name for r in lambda_.Runtime.ALL if r.name.startswith("python3")]
    newest = max(known, key=lambda name: int(name.partition(".")[2]))
    assert only(resources(stack, FUNCTION))["Properties"]["Runtime"] == newest


def test_lambda_repeats_no_event_and_drops_late_ones() -> None:
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory_size": 127}, "memory_size must be 128 to 10240 MiB, got 127"),
        ({"memory_size": 10241}, "memory_size must be 128 to 10240 MiB, got 10241"),
        ({"timeout": Duration.seconds(179)}, "timeout must be 180 to 900 seconds, got 179: "),
        ({"timeout": Duration.seconds(901)}, "timeout must be 180 to 900 seconds, got 901: "),
        ({"timeout": 600}, "timeout must be a Duration, got 600"),
        *(
            (
                {"reserved_concurrent_executions": number},
                f"reserved_concurrent_executions must be at least 1, got {number!r}: omit it to "
                "reserve none, which is the default",
            )
            for number in (0, -1, "5")
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
