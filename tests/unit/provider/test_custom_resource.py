"""The layer over crhelper: exactly one answer to every request, whatever happens."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from crhelper import CfnResource

from tests.support.lambda_fakes import SECRET, Context, Mailbox, cloudformation, event
from workmail_provider.cloudformation.custom_resource import CustomResource
from workmail_provider.cloudformation.request import Invocation, Outcome
from workmail_provider.cloudformation.response import NEVER_CREATED
from workmail_provider.errors import RequestFailed

Work = Callable[[Invocation], Outcome]


@dataclass
class Scripted:
    """A resource type that does the same work for every request."""

    work: Work

    def create(self, invocation: Invocation) -> Outcome:
        return self.work(invocation)

    update = delete = create


def respond(work: Work, request: dict[str, Any], context: Context | None = None) -> Mailbox:
    """Has one request done and returns what CloudFormation got."""

    def no_clients(service: str, region: str | None) -> Any:
        raise AssertionError(f"a {service} client was made that this request does not need")

    provider = CustomResource({"Custom::WorkMailRegistration": Scripted(work)}, no_clients)
    with cloudformation() as mailbox:
        provider({**request, "ResponseURL": mailbox.url}, context or Context())
    return mailbox


def succeed(invocation: Invocation) -> Outcome:
    return Outcome("an-id", {"Email": "alice@example.com"})


def raising(error: BaseException) -> Work:
    def work(invocation: Invocation) -> Outcome:
        raise error

    return work


@pytest.mark.parametrize("request_type", ["Create", "Update", "Delete"])
def test_what_succeeds_is_answered_with_its_id_and_data(request_type: str) -> None:
    answer = respond(succeed, event(request_type, PhysicalResourceId="own")).answer
    assert answer["Status"] == "SUCCESS"
    assert answer["PhysicalResourceId"] == "an-id"
    assert answer["Data"] == {"Email": "alice@example.com"}


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
def test_whatever_is_raised_is_one_failed_answer(error: BaseException) -> None:
    answer = respond(raising(error), event("Update", PhysicalResourceId="own")).answer
    assert answer["Status"] == "FAILED"
    assert answer["PhysicalResourceId"] == "own"
    assert str(error) in answer["Reason"]


def test_a_failed_create_answers_with_what_it_has_claimed() -> None:
    def work(invocation: Invocation) -> Outcome:
        invocation.set_physical_id("claimed")
        raise RequestFailed("then it failed")

    assert respond(work, event()).answer["PhysicalResourceId"] == "claimed"
    assert respond(raising(RequestFailed("at once")), event()).answer["PhysicalResourceId"] == (
        NEVER_CREATED
    )


@pytest.mark.parametrize("request_type", ["Update", "Delete"])
def test_a_failed_update_keeps_its_own_id_whatever_it_asked_for(request_type: str) -> None:
    def work(invocation: Invocation) -> Outcome:
        invocation.set_physical_id("the id of a stranger")
        raise RequestFailed("then it failed")

    request = event(request_type, PhysicalResourceId="own")
    assert respond(work, request).answer["PhysicalResourceId"] == "own"


@pytest.mark.parametrize(
    ("request_type", "physical_id"), [("Create", "claimed"), ("Update", "own"), ("Delete", "own")]
)
def test_a_time_out_is_answered_once_and_with_the_right_id(
    request_type: str, physical_id: str
) -> None:
    bodies: list[bytes] = []
    answered = threading.Event()

    def put(url: str, body: bytes, timeout: float) -> int:
        bodies.append(body)
        answered.set()
        return 200

    def work(invocation: Invocation) -> Outcome:
        invocation.set_physical_id("claimed")
        assert answered.wait(30)
        return Outcome("too late")

    provider = CustomResource(
        {"Custom::WorkMailRegistration": Scripted(work)}, lambda *_: None, put=put
    )
    own = None if request_type == "Create" else "own"
    provider(event(request_type, PhysicalResourceId=own), Context(seconds=1.0))
    (answer,) = map(json.loads, bodies)
    assert answer["Status"] == "FAILED"
    assert answer["PhysicalResourceId"] == physical_id
    assert "ran out of time" in answer["Reason"]


def test_no_timer_is_left_after_an_answer() -> None:
    respond(succeed, event())
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    for timer in timers:
        timer.join(5)
        assert not timer.is_alive()


@pytest.mark.parametrize(
    "missing", ["RequestType", "ResourceType", "StackId", "RequestId", "LogicalResourceId"]
)
def test_an_event_that_lacks_something_is_answered(missing: str) -> None:
    answer = respond(succeed, {k: v for k, v in event().items() if k != missing}).answer
    assert answer["Status"] == "FAILED"
    assert f"the event has no {missing}" in answer["Reason"]


def test_an_unknown_request_type_is_answered() -> None:
    assert "'Upsert' is none of" in respond(succeed, event("Upsert")).answer["Reason"]


def test_an_unknown_resource_type_is_answered() -> None:
    answer = respond(succeed, event(ResourceType="Custom::Else")).answer
    assert "Custom::Else is not known here" in answer["Reason"]


def test_an_answer_never_has_an_empty_physical_id() -> None:
    answer = respond(lambda _: Outcome(""), event("Delete", PhysicalResourceId="")).answer
    assert answer["Status"] == "SUCCESS"
    assert answer["PhysicalResourceId"] == NEVER_CREATED


def test_one_request_leaves_nothing_for_the_next() -> None:
    outcomes: Iterator[RequestFailed | Outcome] = iter(
        [RequestFailed("first"), Outcome("second", {"Email": "b"}), Outcome("third")]
    )

    def work(invocation: Invocation) -> Outcome:
        outcome = next(outcomes)
        if isinstance(outcome, RequestFailed):
            invocation.set_physical_id("claimed")
            raise outcome
        return outcome

    provider = CustomResource({"Custom::WorkMailRegistration": Scripted(work)}, lambda *_: None)
    with cloudformation() as mailbox:
        for _ in range(3):
            provider(event(ResponseURL=mailbox.url), Context())
    found = [(a["Status"], a["PhysicalResourceId"], a["Data"]) for a in mailbox.answers]
    assert found == [
        ("FAILED", "claimed", {}),
        ("SUCCESS", "second", {"Email": "b"}),
        ("SUCCESS", "third", {}),
    ]


@pytest.mark.parametrize("work", [succeed, raising(RuntimeError("surprise"))])
def test_the_response_url_reaches_neither_logs_nor_the_work(
    work: Work, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def look(invocation: Invocation) -> Outcome:
        assert SECRET not in repr(invocation)
        return work(invocation)

    caplog.set_level(logging.NOTSET)
    for name in ("crhelper", "crhelper.resource_helper", "crhelper.utils"):
        caplog.set_level(logging.NOTSET, logger=name)
    mailbox = respond(look, event())
    written = capfd.readouterr()
    assert SECRET not in written.out + written.err + caplog.text
    assert SECRET not in mailbox.bodies[0].decode()


def test_the_root_logger_is_left_alone() -> None:
    root = logging.getLogger()
    before = (
        root.level,
        list(root.handlers),
        [logging.getLogger(n).level for n in ("boto3", "botocore")],
    )
    respond(succeed, event())
    after = (
        root.level,
        list(root.handlers),
        [logging.getLogger(n).level for n in ("boto3", "botocore")],
    )
    assert after == before


def test_a_crash_is_logged_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    respond(raising(RuntimeError("surprise")), event())
    line = json.loads(capsys.readouterr().out)
    assert line["logical_id"] == "Alice"
    assert "RuntimeError: surprise" in line["traceback"]


def test_delete_does_not_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_sleep(seconds: float) -> None:
        raise AssertionError(f"slept {seconds} s")

    # crhelper bound its own name for it; both are watched.
    monkeypatch.setattr("crhelper.resource_helper.sleep", no_sleep)
    monkeypatch.setattr(time, "sleep", no_sleep)
    provider = CustomResource({"Custom::WorkMailRegistration": Scripted(succeed)}, lambda *_: None)
    provider(
        event("Delete", ResponseURL="http://127.0.0.1:9/", PhysicalResourceId="own"), Context(0.4)
    )


def test_crhelper_keeps_no_state_that_is_not_set_here(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A new crhelper that reads an attribute more must be looked at."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    for name in (None, "boto", "boto3", "botocore", "urllib3"):
        caplog.set_level(logging.getLogger(name).level, logger=name)  # put back after the test
    theirs = set(vars(CfnResource(sleep_on_delete=0)))
    read_by_what_is_replaced = {
        "_boto_level",
        "_events_client",
        "_json_logging",
        "_lambda_client",
        "_log_level",
        "_logs_client",
        "_polling_interval",
        "_region",
        "_sleep_on_delete",
        "_ssl_verify",
    }
    set_for_each_request = {"_context", "_event", "_response_url", "_send_response"}
    ours = set(vars(CustomResource({}, lambda *_: None)))
    assert theirs - ours == read_by_what_is_replaced | set_for_each_request
