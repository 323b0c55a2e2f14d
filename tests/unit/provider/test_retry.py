"""Waiting ends: with the thing, with its budget, or with the function's time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from workmail_provider.budgets import DOMAIN_VERIFIED, ENTITY_VISIBLE
from workmail_provider.errors import NotReady, RequestFailed
from workmail_provider.retry import Clock, Retry


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def patience(self, deadline: float) -> Retry:
        return Retry(deadline, Clock(lambda: self.now, self.sleep, lambda: 1.0))


def unsettled_until(time: Time, moment: float) -> Callable[[], str]:
    def step() -> str:
        if time.now < moment:
            raise NotReady(ENTITY_VISIBLE, "alice is not there")
        return "there"

    return step


def test_what_settles_is_returned_soon_after() -> None:
    time = Time()
    assert time.patience(500).call(unsettled_until(time, 60)) == "there"
    assert 60 <= time.now <= 60 + ENTITY_VISIBLE.longest_backoff


def test_pauses_start_small_and_grow_to_a_ceiling() -> None:
    time = Time()
    time.patience(500).call(unsettled_until(time, 60))
    assert time.pauses[0] == pytest.approx(ENTITY_VISIBLE.first_backoff)
    assert max(time.pauses) == ENTITY_VISIBLE.longest_backoff
    assert time.pauses == sorted(time.pauses)


def test_a_budget_ends_and_the_sentence_says_how_long_was_waited() -> None:
    time = Time()
    with pytest.raises(
        RequestFailed, match=r"alice is not there \(waited 120 s for the entity to appear"
    ):
        time.patience(500).call(unsettled_until(time, 9999))
    assert time.now == pytest.approx(ENTITY_VISIBLE.seconds)


def test_the_functions_time_ends_a_budget_before_it_is_spent() -> None:
    time = Time()
    with pytest.raises(RequestFailed, match="waited 30 s"):
        time.patience(30).call(unsettled_until(time, 9999))
    assert time.now == pytest.approx(30)


def test_each_kind_of_thing_has_a_budget_of_its_own() -> None:
    time = Time()

    def step() -> str:
        if time.now < 100:
            raise NotReady(ENTITY_VISIBLE, "alice is not there")
        if time.now < 200:
            raise NotReady(DOMAIN_VERIFIED, "example.com is not verified")
        return "there"

    assert time.patience(500).call(step) == "there"


def test_nothing_begins_after_the_functions_time() -> None:
    time = Time()
    time.now = 31

    def never() -> str:
        raise AssertionError("begun")

    with pytest.raises(RequestFailed, match="ran out of time"):
        time.patience(30).call(never)


def test_everything_else_fails_at_once() -> None:
    time = Time()

    def step() -> str:
        raise RequestFailed("the domain is unknown")

    with pytest.raises(RequestFailed, match="unknown"):
        time.patience(30).call(step)
    assert time.pauses == []
