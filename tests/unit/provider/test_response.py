"""CloudFormation gets one answer, in time, within its limits; nobody else sees its URL."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from tests.support.lambda_fakes import SECRET, Context, cloudformation, event
from workmail_provider.cloudformation.response import NEVER_CREATED, Response


def test_a_success_carries_what_cloudformation_needs() -> None:
    with cloudformation() as mailbox:
        Response(event(ResponseURL=mailbox.url), Context()).send_success(
            "an-id", {"Email": "a@b.example"}
        )
    assert mailbox.answer == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "an-id",
        "StackId": event()["StackId"],
        "RequestId": "request-1",
        "LogicalResourceId": "Alice",
        "NoEcho": False,
        "Data": {"Email": "a@b.example"},
    }


def test_a_reason_ends_with_the_log_stream() -> None:
    with cloudformation() as mailbox:
        Response(event(ResponseURL=mailbox.url), Context()).fail("look\n at   the domain")
    assert mailbox.answer["Reason"] == (
        "look at the domain [log group provider-logs, log stream 2026/11/22/[$LATEST]0a1b]"
    )


def test_a_failed_create_that_asked_for_nothing_answers_with_the_marker() -> None:
    with cloudformation() as mailbox:
        Response(event(ResponseURL=mailbox.url), Context()).fail("no")
    assert mailbox.answer["PhysicalResourceId"] == NEVER_CREATED


@pytest.mark.parametrize("request_type", ["Update", "Delete"])
def test_a_failed_update_or_delete_answers_with_the_events_own_id(request_type: str) -> None:
    with cloudformation() as mailbox:
        Response(
            event(request_type, ResponseURL=mailbox.url, PhysicalResourceId="own"), Context()
        ).fail("no")
    assert mailbox.answer["PhysicalResourceId"] == "own"


def test_a_second_answer_is_not_sent() -> None:
    with cloudformation() as mailbox:
        answer = Response(event(ResponseURL=mailbox.url), Context())
        answer.send_failure("ran out of time")
        answer.send_success("an-id", {})
        answer.send_failure("again")
    assert mailbox.answer["Status"] == "FAILED"


def test_who_finishes_while_the_answer_goes_out_waits_until_it_has_gone() -> None:
    """Lambda freezes the process when the handler returns, and with it a time-out's sending."""
    with cloudformation() as mailbox:
        mailbox.delay = 0.3
        answer = Response(event(ResponseURL=mailbox.url), Context())
        timer = threading.Thread(target=answer.fail, args=("ran out of time",))
        timer.start()
        while not answer._lock.locked():
            pass
        answer.send_success("an-id", {})
        assert len(mailbox.bodies) == 1
        timer.join()


@pytest.mark.parametrize("text", ["x" * 10_000, "ä" * 10_000, "\U0001f4ee" * 10_000])
def test_the_whole_answer_stays_within_4096_bytes(text: str) -> None:
    long = event(
        "Delete",
        StackId="s" * 255,
        LogicalResourceId="l" * 255,
        PhysicalResourceId="p" * 1024,
    )
    with cloudformation() as mailbox:
        context = Context(log_group_name="g" * 512, log_stream_name="l" * 512)
        Response({**long, "ResponseURL": mailbox.url}, context).send_failure(text)
    assert len(mailbox.bodies[0]) <= 4096
    assert mailbox.answer["Reason"].startswith(text[:30])
    assert mailbox.answer["Reason"].endswith("l" * 512 + "]")


def test_a_sentence_has_at_most_240_characters_before_the_log_stream() -> None:
    with cloudformation() as mailbox:
        Response(event(ResponseURL=mailbox.url), Context()).fail("word " * 100)
    sentence, _, _ = mailbox.answer["Reason"].partition(" [log group")
    assert 230 < len(sentence) <= 240
    assert sentence.endswith("...")


def test_data_that_makes_the_answer_too_long_fails_the_request() -> None:
    with cloudformation() as mailbox:
        Response(event(ResponseURL=mailbox.url), Context()).send_success(
            "an-id", {"Email": "e" * 4096}
        )
    assert mailbox.answer["Status"] == "FAILED"
    assert "CloudFormation takes 4096" in mailbox.answer["Reason"]


@pytest.mark.parametrize("statuses", [[500], [503, 503, 500]])
def test_an_answer_that_meets_a_server_error_is_sent_again(statuses: list[int]) -> None:
    pauses: list[float] = []
    with cloudformation() as mailbox:
        mailbox.statuses = list(statuses)
        Response(event(ResponseURL=mailbox.url), Context(), pauses.append).send_success("an-id", {})
    assert mailbox.answer["Status"] == "SUCCESS"
    assert len(pauses) == len(statuses)
    assert pauses == sorted(set(pauses)), "each pause is longer than the one before"


def test_an_answer_whose_connection_breaks_is_sent_again() -> None:
    with cloudformation() as mailbox:
        mailbox.drops = 2
        Response(event(ResponseURL=mailbox.url), Context(), lambda _: None).send_success(
            "an-id", {}
        )
    assert mailbox.answer["Status"] == "SUCCESS"


@pytest.mark.parametrize("status", [400, 403])
def test_an_answer_that_is_refused_is_not_sent_again(status: int) -> None:
    with cloudformation() as mailbox:
        mailbox.statuses = [status]
        Response(event(ResponseURL=mailbox.url), Context(), lambda _: None).send_success(
            "an-id", {}
        )
    assert mailbox.bodies == []


def test_sending_ends_when_the_functions_time_does(capsys: pytest.CaptureFixture[str]) -> None:
    with cloudformation() as mailbox:
        mailbox.statuses = [503] * 1000
        context = Context(seconds=1.0)
        Response(event(ResponseURL=mailbox.url), context).send_success("an-id", {})
        assert context.get_remaining_time_in_millis() > 0
    assert "no time is left" in capsys.readouterr().out


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:9/closed?{SECRET}",
        f"http://127.0.0.1:9/a b\x01?{SECRET}",
        f"http://[::1/broken?{SECRET}",
        f"nonsense?{SECRET}",
        "",
    ],
)
def test_a_url_that_cannot_be_reached_is_not_logged(
    url: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    Response(event(ResponseURL=url), Context(seconds=0.3), lambda _: None).fail("no")
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in capsys.readouterr().out.split("\n") if line
    ]
    assert lines[-1]["action"] == "give up answering"
    assert SECRET not in json.dumps(lines) + caplog.text
