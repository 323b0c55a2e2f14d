"""The adapter to crhelper: exactly one response to each request, whatever happens."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from crhelper import CfnResource

from tests.support.lambda_fakes import SECRET, Context, event
from workmail_provider.aws import SDK_LOG_LEVEL
from workmail_provider.cloudformation.custom_resource import CustomResource
from workmail_provider.cloudformation.request import Invocation, Outcome
from workmail_provider.cloudformation.response import NEVER_CREATED
from workmail_provider.errors import RequestFailed
from workmail_provider.retry import Clock

Work = Callable[[Invocation], Outcome]
LOGGERS = (None, "boto", "boto3", "botocore", "urllib3", "crhelper")


class StoppedTimer(threading.Timer):
    """A timer that a test fires by calling its `function`."""

    def start(self) -> None:
        pass


@dataclass
class Provider:
    """A custom resource type that does the same work for every request."""

    work: Work
    responses: list[dict[str, Any]] = field(default_factory=list)
    timers: list[StoppedTimer] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = Clock(timer=self._timer)
        types = {"Custom::WorkMailRegistration": self}
        self.function = CustomResource(types, lambda *_: None, clock, self._put)

    def create(self, invocation: Invocation) -> Outcome:
        return self.work(invocation)

    update = delete = create

    def respond(
        self, request_type: str = "Create", seconds: float = 60.0, **changes: Any
    ) -> dict[str, Any]:
        """The response to one request."""
        before = len(self.responses)
        self.function(event(request_type, **changes), Context(seconds))
        assert len(self.responses) == before + 1, "exactly one response to each request"
        return self.responses[-1]

    def _put(self, url: str, body: bytes, timeout: float) -> int:
        self.responses.append(json.loads(body))
        return 200

    def _timer(self, seconds: float, function: Callable[[], None]) -> StoppedTimer:
        self.timers.append(StoppedTimer(seconds, function))
        return self.timers[-1]


def succeed(invocation: Invocation) -> Outcome:
    return Outcome("an-id", {"Email": "alice@example.com"})


def raising(error: BaseException) -> Work:
    def work(invocation: Invocation) -> Outcome:
        invocation.set_physical_id("set")
        raise error

    return work


@pytest.fixture
def restored_loggers(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    for name in LOGGERS:
        caplog.set_level(logging.getLogger(name).level, logger=name)
    return caplog


@pytest.mark.parametrize("request_type", ["Create", "Update", "Delete"])
def test_a_success_has_the_id_and_data_of_the_outcome(request_type: str) -> None:
    response = Provider(succeed).respond(request_type, PhysicalResourceId="own")
    assert response["Status"] == "SUCCESS"
    assert response["PhysicalResourceId"] == "an-id"
    assert response["Data"] == {"Email": "alice@example.com"}


@pytest.mark.parametrize(
    "error",
    [
        RequestFailed("declare another address"),
        RuntimeError("surprise"),
        SystemExit(3),
        MemoryError(),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize(
    ("request_type", "expected"), [("Create", "set"), ("Update", "own"), ("Delete", "own")]
)
def test_every_error_is_one_failed_response_with_the_right_id(
    error: BaseException, request_type: str, expected: str
) -> None:
    """A Create responds with the id that was set, an Update or Delete with the event's own."""
    own = None if request_type == "Create" else "own"
    response = Provider(raising(error)).respond(request_type, PhysicalResourceId=own)
    assert response["Status"] == "FAILED"
    assert response["PhysicalResourceId"] == expected
    assert str(error) in response["Reason"]


@pytest.mark.parametrize(
    ("request_type", "expected"), [("Create", "set"), ("Update", "own"), ("Delete", "own")]
)
def test_a_timeout_is_the_only_response_and_has_the_right_id(
    request_type: str, expected: str
) -> None:
    def work(invocation: Invocation) -> Outcome:
        invocation.set_physical_id("set")
        provider.timers[0].function()
        return Outcome("too late")

    provider = Provider(work)
    own = None if request_type == "Create" else "own"
    response = provider.respond(request_type, PhysicalResourceId=own)
    assert (response["Status"], response["PhysicalResourceId"]) == ("FAILED", expected)
    assert "ran out of time" in response["Reason"]


def test_the_timeout_is_half_a_second_before_the_end_and_ends_with_the_request() -> None:
    provider = Provider(succeed)
    provider.respond(seconds=60.0)
    (timer,) = provider.timers
    assert timer.interval == pytest.approx(59.5, abs=0.2)
    assert timer.finished.is_set()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"RequestType": None}, "the event has no RequestType"),
        ({"ResourceType": None}, "the event has no ResourceType"),
        ({"StackId": None}, "the event has no StackId"),
        ({"RequestId": None}, "the event has no RequestId"),
        ({"LogicalResourceId": None}, "the event has no LogicalResourceId"),
        ({"RequestType": "Upsert"}, "'Upsert' is none of"),
        ({"ResourceType": "Custom::Else"}, "does not know resource type Custom::Else"),
    ],
)
def test_an_event_that_is_not_a_request_fails(changes: dict[str, Any], reason: str) -> None:
    response = Provider(succeed).respond(**changes)
    assert (response["Status"], response["PhysicalResourceId"]) == ("FAILED", NEVER_CREATED)
    assert reason in response["Reason"]


def test_a_response_never_has_an_empty_physical_id() -> None:
    response = Provider(lambda _: Outcome("")).respond("Delete", PhysicalResourceId="")
    assert (response["Status"], response["PhysicalResourceId"]) == ("SUCCESS", NEVER_CREATED)


def test_one_request_leaves_nothing_for_the_next() -> None:
    outcomes: Iterator[Work] = iter(
        [
            raising(RequestFailed("first")),
            raising(SystemExit(3)),
            lambda _: Outcome("third", {"Email": "b"}),
            lambda _: Outcome("fourth"),
        ]
    )
    provider = Provider(lambda invocation: next(outcomes)(invocation))
    responses = [provider.respond() for _ in range(4)]
    assert [(r["Status"], r["PhysicalResourceId"], r["Data"]) for r in responses] == [
        ("FAILED", "set", {}),
        ("FAILED", "set", {}),
        ("SUCCESS", "third", {"Email": "b"}),
        ("SUCCESS", "fourth", {}),
    ]


@pytest.mark.parametrize("work", [succeed, raising(RuntimeError("surprise"))])
def test_the_response_url_is_in_no_log(
    work: Work, restored_loggers: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in (None, "crhelper", "crhelper.resource_helper", "crhelper.utils"):
        restored_loggers.set_level(logging.NOTSET, logger=name)
    response = Provider(work).respond()
    written = capfd.readouterr()
    assert SECRET not in written.out + written.err + restored_loggers.text + str(response)


def test_the_response_url_is_not_in_what_a_resource_type_receives() -> None:
    received: list[str] = []

    def work(invocation: Invocation) -> Outcome:
        received.append(repr(invocation))
        return Outcome("an-id")

    Provider(work).respond()
    assert SECRET not in received[0]


@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING])
def test_crhelper_makes_no_client_and_changes_no_logger(
    level: int, monkeypatch: pytest.MonkeyPatch, restored_loggers: pytest.LogCaptureFixture
) -> None:
    made: list[str] = []
    for owner in (boto3, boto3.Session):
        monkeypatch.setattr(owner, "client", lambda *given, **_: made.append(given[-1]))
    restored_loggers.set_level(level)
    for name in ("boto", "boto3", "botocore", "urllib3"):
        restored_loggers.set_level(SDK_LOG_LEVEL, logger=name)

    def loggers() -> list[Any]:
        levels = [logging.getLogger(name).level for name in LOGGERS]
        return [levels, [(handler, handler.formatter) for handler in logging.root.handlers]]

    before = loggers()
    assert Provider(succeed).respond()["Status"] == "SUCCESS"
    assert made == []
    assert loggers() == before


def test_a_crash_is_logged_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    Provider(raising(RuntimeError("surprise"))).respond()
    line = json.loads(capsys.readouterr().out)
    assert (line["action"], line["logical_id"]) == ("fail", "Alice")
    assert "RuntimeError: surprise" in line["traceback"]


class TestPlainCrhelper:
    """Why the adapter replaces parts of crhelper. A release that mends one of them fails here."""

    @pytest.fixture
    def slept(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """The seconds that crhelper's default argument, or the adapter, sleeps."""
        slept: list[float] = []
        monkeypatch.setattr("crhelper.CfnResource._wait_for_cwlogs.__defaults__", (slept.append,))
        monkeypatch.setattr(time, "sleep", slept.append)
        return slept

    @pytest.fixture
    def sent(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        def send(url: str, body: dict[str, Any], verify: object) -> None:
            sent.append(body)

        monkeypatch.setattr("crhelper.CfnResource._send.__defaults__", (None, "", send))
        return sent

    def test_a_delete_sleeps_only_there(
        self, slept: list[float], sent: list[Any], restored_loggers: pytest.LogCaptureFixture
    ) -> None:
        CfnResource()(event("Delete", PhysicalResourceId="own"), Context(600))
        assert slept == [120]
        Provider(succeed).respond("Delete", seconds=600, PhysicalResourceId="own")
        assert slept == [120]

    def test_a_timeout_has_no_id_and_a_second_response_there(
        self, sent: list[dict[str, Any]], restored_loggers: pytest.LogCaptureFixture
    ) -> None:
        helper = CfnResource()

        @helper.update
        def work(event: object, context: object) -> str:
            deadline = time.monotonic() + 30
            while not sent and time.monotonic() < deadline:
                time.sleep(0.01)
            return "own"

        helper(event("Update", PhysicalResourceId="own"), Context(seconds=0.6))
        assert [(body["Status"], body["PhysicalResourceId"]) for body in sent] == [
            ("FAILED", ""),
            ("SUCCESS", "own"),
        ]

    def test_the_event_with_its_response_url_is_logged_there(
        self, sent: list[Any], restored_loggers: pytest.LogCaptureFixture
    ) -> None:
        restored_loggers.set_level(logging.DEBUG, logger="crhelper")
        CfnResource()(event(), Context())
        assert SECRET in restored_loggers.text
