from __future__ import annotations

import re

import botocore.session
import pytest
from aws_cdk import Environment

from cdk_workmail._validation import (
    EMAIL,
    ENTITY_ID,
    ORGANIZATION_ID,
    WORKMAIL_REGIONS,
    FieldPattern,
)
from tests.synth.roster import ORGANIZATION, new_stack, register


@pytest.mark.parametrize(
    ("member", "rule"),
    [("OrganizationId", ORGANIZATION_ID), ("EntityId", ENTITY_ID), ("Email", EMAIL)],
)
def test_the_rules_are_those_of_the_service_model(member: str, rule: FieldPattern) -> None:
    model = botocore.session.get_session().get_service_model("workmail")
    shape = model.operation_model("RegisterToWorkMail").input_shape
    assert shape is not None
    described = shape.members[member].metadata
    assert rule.pattern.pattern == described["pattern"]
    assert rule.longest == described["max"]
    assert not rule.accepts("")
    assert described["min"] in (1, rule.longest)


@pytest.mark.parametrize("field", ["organization_id", "entity_id", "email"])
@pytest.mark.parametrize("value", ["", "two words", "alice\n", "änne@example.com"])
def test_a_literal_that_workmail_would_refuse_is_an_error(field: str, value: str) -> None:
    with pytest.raises(ValueError) as refused:
        register(new_stack(), **{field: value})
    message = str(refused.value)
    assert message.startswith(f"Mail/Alice: {field} must be ")
    assert message.endswith(f", got {value!r}")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("organization_id", ORGANIZATION.upper()),
        ("organization_id", f"{ORGANIZATION}0"),
        ("organization_id", f"{ORGANIZATION}\n"),
        ("entity_id", "a" * 257),
        ("email", "alice"),
        ("email", "alice@example"),
        ("email", f"{'a' * 65}@example.com"),
        ("email", f"alice@{'a' * 245}.com"),
    ],
)
def test_the_limits_are_checked(field: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"^Mail/Alice: {field} must be "):
        register(new_stack(), **{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("entity_id", "a" * 256),
        ("entity_id", "r-0123456789a0123456789b0123456789"),
        ("entity_id", "S-1-1-12-1234567890-123456789-123456789-1234"),
        ("entity_id", "alice@example.com"),
        ("email", f"{'a' * 64}@example.com"),
        ("email", f"alice@{'a' * 244}.com"),
    ],
)
def test_what_workmail_allows_is_allowed(field: str, value: str) -> None:
    register(new_stack(), **{field: value})


@pytest.mark.parametrize("region", WORKMAIL_REGIONS)
def test_workmails_regions_need_nothing_else(region: str) -> None:
    register(new_stack(env=Environment(region=region)))


def test_a_stack_elsewhere_needs_the_organizations_region() -> None:
    stack = new_stack(env=Environment(region="eu-central-1"))
    expected = re.escape(
        "Mail/Alice: WorkMail is not in the stack's region 'eu-central-1': "
        "give organization_region, one of us-east-1, us-west-2, eu-west-1"
    )
    with pytest.raises(ValueError, match=f"^{expected}$"):
        register(stack)
    register(stack, "Bob", organization_region="eu-west-1")


def test_the_organizations_region_is_checked() -> None:
    with pytest.raises(
        ValueError, match=r"^Mail/Alice: organization_region must be .*'eu-north-1'"
    ):
        register(new_stack(), organization_region="eu-north-1")


def test_a_stack_without_a_region_is_not_checked() -> None:
    register(new_stack())
