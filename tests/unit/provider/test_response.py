"""CloudFormation receives one response, in time and within its limits; its URL stays secret."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_aws.certificate import Certificate, create_certificate
from tests.support.lambda_fakes import SECRET, Context, cloudformation, event
from workmail_provider.cloudformation.response import NEVER_CREATED, Response, tls_context


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return create_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Certificate], None]]:
    """Trusts the authority of a certificate, and no other one."""

    def trust(certificate: Certificate) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
        tls_context.cache_clear()

    yield trust
    tls_context.cache_clear()


def failure(message: str, context: Context | None = None, **changes: Any) -> dict[str, Any]:
    """The response to a request that fails with the message."""
    with cloudformation() as received:
        request = event(**{"ResponseURL": received.url, **changes})
        Response(request, context or Context()).send_failure(message)
    assert len(received.bodies[0]) <= 4096
    return received.response


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_success_has_all_that_cloudformation_needs(
    scheme: str, certificate: Certificate, trust: Callable[[Certificate], None]
) -> None:
    trust(certificate)
    with cloudformation(certificate if scheme == "https" else None) as received:
        assert received.url.startswith(f"{scheme}://")
        Response(event(ResponseURL=received.url), Context()).send_success(
            "an-id", {"Email": "a@b.example"}
        )
    assert received.response == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "an-id",
        "StackId": event()["StackId"],
        "RequestId": "request-1",
        "LogicalResourceId": "Alice",
        "NoEcho": False,
        "Data": {"Email": "a@b.example"},
    }


def test_a_server_without_a_trusted_certificate_receives_nothing(
    certificate: Certificate, tmp_path: Path, trust: Callable[[Certificate], None]
) -> None:
    trust(create_certificate(tmp_path))
    slept: list[float] = []
    with cloudformation(certificate) as received:
        request = event(ResponseURL=received.url)
        Response(request, Context(seconds=0.5), slept.append).send_success("an-id", {})
    assert received.bodies == []


def test_a_reason_is_one_line_that_ends_with_the_log_stream() -> None:
    assert failure("look\n at   the domain")["Reason"] == (
        "look at the domain [log group provider-logs, log stream 2026/11/22/[$LATEST]0a1b]"
    )


@pytest.mark.parametrize(
    ("request_type", "own", "expected"),
    [("Create", None, NEVER_CREATED), ("Update", "own", "own"), ("Delete", "own", "own")],
)
def test_a_failure_has_the_events_own_id_or_the_marker(
    request_type: str, own: str | None, expected: str
) -> None:
    response = failure("no", RequestType=request_type, PhysicalResourceId=own)
    assert (response["Status"], response["PhysicalResourceId"]) == ("FAILED", expected)


def test_a_second_response_is_not_sent() -> None:
    with cloudformation() as received:
        response = Response(event(ResponseURL=received.url), Context())
        response.send_failure("ran out of time")
        response.send_success("an-id", {})
        response.send_failure("again")
        response.hand_off(lambda: received.bodies.append(b"invoked"))
    assert received.response["Status"] == "FAILED"


def test_a_handler_waits_until_the_timeout_response_is_sent() -> None:
    """Lambda freezes the process when the handler returns, and a response that is being sent."""
    sending, proceed = threading.Event(), threading.Event()
    sent: list[bytes] = []

    def put(url: str, body: bytes, timeout: float) -> int:
        sending.set()
        proceed.wait(10)
        sent.append(body)
        return 200

    response = Response(event(), Context(), put=put)
    timeout = threading.Thread(target=response.send_failure, args=("ran out of time",))
    handler = threading.Thread(target=response.send_success, args=("an-id", {}))
    timeout.start()
    assert sending.wait(10)
    handler.start()
    handler.join(0.1)
    assert handler.is_alive()
    proceed.set()
    timeout.join()
    handler.join()
    assert [json.loads(body)["Status"] for body in sent] == ["FAILED"]


@pytest.mark.parametrize("text", ["x" * 10_000, "ä" * 10_000, "\U0001f4ee" * 10_000])
def test_the_whole_response_has_at_most_4096_bytes(text: str) -> None:
    response = failure(
        text,
        Context(log_group_name="g" * 512, log_stream_name="l" * 512),
        RequestType="Delete",
        StackId="s" * 255,
        LogicalResourceId="l" * 255,
        PhysicalResourceId="p" * 1024,
    )
    assert response["Reason"].startswith(text[:30])
    assert response["Reason"].endswith("l" * 512 + "]")


def test_a_message_has_at_most_240_characters_before_the_log_stream() -> None:
    message, _, _ = failure("word " * 100)["Reason"].partition(" [log group")
    assert 230 < len(message) <= 240
    assert message.endswith("...")


def test_data_that_makes_the_response_too_long_fails_the_request() -> None:
    with cloudformation() as received:
        Response(event(ResponseURL=received.url), Context()).send_success(
            "an-id", {"Email": "e" * 4096}
        )
    assert received.response["Status"] == "FAILED"
    assert "CloudFormation accepts 4096" in received.response["Reason"]


@pytest.mark.parametrize(
    ("statuses", "drops", "retries"),
    [([500], 0, 1), ([503, 503, 500], 0, 3), ([], 2, 2), ([400], 0, None), ([403], 0, None)],
)
def test_server_errors_and_lost_connections_are_retried_and_refusals_are_not(
    statuses: list[int], drops: int, retries: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    slept: list[float] = []
    with cloudformation() as received:
        received.statuses, received.drops = list(statuses), drops
        response = Response(event(ResponseURL=received.url), Context(), slept.append)
        response.send_success("an-id", {})
    assert len(slept) == (retries or 0)
    assert slept == sorted(set(slept)), "each backoff is longer than the one before"
    assert len(received.bodies) == (retries is not None)
    if retries is None:
        assert f"refused the response: HTTP {statuses[0]}" in capsys.readouterr().out


def test_retries_end_before_the_functions_time(capsys: pytest.CaptureFixture[str]) -> None:
    with cloudformation() as received:
        received.statuses = [503] * 1000
        context = Context(seconds=1.0)
        Response(event(ResponseURL=received.url), context).send_success("an-id", {})
        assert context.get_remaining_time_in_millis() > 0
    assert "no time is left" in capsys.readouterr().out


def test_a_silent_server_is_given_up_at_the_end_of_the_functions_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/response?{SECRET}"
        Response(event(ResponseURL=url), Context(seconds=0.5)).send_success("an-id", {})
    assert time.monotonic() - began < 5
    assert "no time is left to send the response again: TimeoutError" in capsys.readouterr().out


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
    Response(event(ResponseURL=url), Context(seconds=0.3), lambda _: None).send_failure("no")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["action"] == "give up"
    assert SECRET not in json.dumps(lines) + caplog.text
