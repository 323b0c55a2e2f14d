"""The numbers in docs/lifecycle.md are those of the function."""

from __future__ import annotations

import re
from pathlib import Path

from workmail_provider import budgets
from workmail_provider.budgets import Budget

LIFECYCLE = Path(__file__).parents[3] / "docs" / "lifecycle.md"
_ROW = re.compile(
    r"\| (?:(?:an?|the) )?(?P<what>[^,|]+?)(?:, [^|]*)? \|[^|]+\| (\d+) \| ([\d.]+) to (\d+) \|"
)


def test_the_table_of_waits_has_every_budget() -> None:
    documented = {
        match["what"]: tuple(float(number) for number in match.groups()[1:])
        for match in _ROW.finditer(LIFECYCLE.read_text(encoding="utf-8"))
    }
    assert documented == {
        budget.name: (budget.seconds, budget.first_backoff, budget.longest_backoff)
        for budget in vars(budgets).values()
        if isinstance(budget, Budget)
    }
