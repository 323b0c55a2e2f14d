"""The aliases of registrations."""

from __future__ import annotations

from typing import Any

import pytest

from tests.synth.roster import (
    OTHER_ORGANIZATION,
    REGISTRATION,
    new_stack,
    only,
    organizations,
    register,
    resources,
    statements,
)

ALIAS_ACTIONS = {"workmail:ListAliases", "workmail:CreateAlias", "workmail:DeleteAlias"}
INFO = "info@example.com"


def declared(**options: Any) -> dict[str, Any]:
    stack = new_stack()
    register(stack, **options)
    properties: dict[str, Any] = only(resources(stack, REGISTRATION))["Properties"]
    return properties


def test_nothing_is_said_of_aliases_unless_they_are_declared() -> None:
    assert not {"Aliases", "RemoveOtherAliases"} & declared().keys()
    assert "RemoveOtherAliases" not in declared(aliases=[INFO])


@pytest.mark.parametrize("aliases", [[], [INFO, "a@example.com"]])
def test_the_resource_says_which_aliases_are_declared(aliases: list[str]) -> None:
    properties = declared(aliases=aliases, remove_other_aliases=True)
    assert properties["Aliases"] == aliases
    assert properties["RemoveOtherAliases"] is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"remove_other_aliases": True}, "remove_other_aliases must come with aliases, got none: "),
        (
            {"aliases": ["ALICE@example.com"]},
            "aliases must be other addresses than email, got 'ALICE@example.com'$",
        ),
        (
            {"aliases": [INFO, "b@example.com", "Info@example.com"]},
            "aliases must name each address once, got 'Info@example.com' twice$",
        ),
    ],
)
def test_aliases_that_cannot_be_meant_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^Mail/Alice: {message}"):
        register(new_stack(), **options)


def test_aliases_have_a_permission_of_their_own_in_each_organization() -> None:
    stack = new_stack()
    register(stack, "Alice", aliases=[INFO])
    register(stack, "Bob", aliases=[])
    register(stack, "Carol", organization_id=OTHER_ORGANIZATION, aliases=["c@example.com"])
    register(stack, "Dave")
    granted = [arns for actions, arns in statements(stack) if actions == ALIAS_ACTIONS]
    assert len(granted) == 2
    needed = {
        id: {policy for policy in resource["DependsOn"] if "Aliases" in policy}
        for id, resource in resources(stack, REGISTRATION).items()
    }
    assert [len(policies) for policies in needed.values()] == [1, 1, 1, 0]
    alice, bob, carol, _ = needed.values()
    assert alice == bob != carol
    assert alice | carol <= organizations(stack).keys()
