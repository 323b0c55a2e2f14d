"""What docs/lifecycle.md says in numbers is what the function does."""

from __future__ import annotations

import re
from pathlib import Path

from workmail_provider import budgets
from workmail_provider.budgets import Budget

LIFECYCLE = Path(__file__).parents[3] / "docs" / "lifecycle.md"
_ROW = re.compile(
    r"\| (?:(?:an?|the) )?(?P<what>[^,|]+?)(?:, [^|]*)? \|[^|]+\| (\d+) \| ([\d.]+) to (\d+) \|"
)


def test_the_table_of_what_is_waited_for_has_all_budgets() -> None:
    told = {
        match["what"]: tuple(float(number) for number in match.groups()[1:])
        for match in _ROW.finditer(LIFECYCLE.read_text(encoding="utf-8"))
    }
    assert told == {
        budget.name: (budget.seconds, budget.first_backoff, budget.longest_backoff)
        for budget in vars(budgets).values()
        if isinstance(budget, Budget)
    }
