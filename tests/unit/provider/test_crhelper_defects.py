"""What is wrong with plain crhelper, each in a test that it fails and that ours passes.

The failures are expected strictly: a new crhelper that mends one is noticed, and the code of ours
that was there for it can go.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from types import SimpleNamespace
from typing import Any, NoReturn

import boto3
import pytest
from crhelper import CfnResource

from local_aws.certificate import Certificate, create_certificate
from tests.support.lambda_fakes import SECRET, Context, cloudformation, event, tls
from workmail_provider import answer, connection, handler
from workmail_provider.cloudformation.custom_resource import CustomResource
from workmail_provider.cloudformation.request import Invocation, Outcome
from workmail_provider.cloudformation.response import LambdaContext
from workmail_provider.retry import Clock

Work = Callable[[], Outcome]
Function = Callable[[dict[str, Any], LambdaContext], None]
LOGGERS = (None, "boto", "boto3", "botocore", "urllib3")


class StillTrying(BaseException):
    """Raised out of a pause that is longer than any function runs; nothing catches it."""


@dataclass
class Time:
    """A time in which pauses take no time, up to the longest that a function can run."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        if self.now > 900:
            raise StillTrying


@dataclass
class TimedContext:
    """Lambda's context object in a time of its own."""

    time: Time
    seconds: float
    log_group_name: str = "log"
    log_stream_name: str = "log"
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:provider"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.seconds - self.time.now) * 1000))


@dataclass
class Making:
    """Makes functions of one of the two; `time` is what their pauses are taken from."""

    function: Callable[[Making, Work], Function]
    broken: Callable[[Making, Exception], Function]
    time: Time = field(default_factory=Time)

    def of(self, work: Work) -> Function:
        return self.function(self, work)

    def that_could_not_start(self, error: Exception) -> Function:
        return self.broken(self, error)


def crhelper_function(making: Making, work: Work) -> Function:
    """As crhelper's README tells: a helper made with its defaults, and three decorators."""
    helper = CfnResource()

    def perform(event: Any, context: Any) -> str:
        outcome = work()
        helper.Data.update(outcome.data)
        return outcome.physical_resource_id

    for decorate in (helper.create, helper.update, helper.delete):
        decorate(perform)
    return helper


def broken_crhelper_function(making: Making, error: Exception) -> Function:
    helper = CfnResource()
    helper.init_failure(error)
    return helper


def our_function(making: Making, work: Work) -> Function:
    class Worked:
        def create(self, invocation: Invocation) -> Outcome:
            return work()

        update = delete = create

    return CustomResource(
        {"Custom::WorkMailRegistration": Worked()},
        no_client,
        Clock(now=lambda: making.time.now, sleep=making.time.sleep),
    )


def our_broken_function(making: Making, error: Exception) -> Function:
    return handler._refuse(error)


def no_client(service: str, region: str | None) -> NoReturn:
    raise AssertionError(f"a {service} client was made that this request does not need")


def defect(what: str) -> pytest.MarkDecorator:
    """The test is for both: crhelper fails it because of `what`, ours passes it."""
    crhelper = pytest.param(
        (crhelper_function, broken_crhelper_function),
        marks=pytest.mark.xfail(reason=f"crhelper: {what}", raises=AssertionError, strict=True),
        id="crhelper",
    )
    ours = pytest.param((our_function, our_broken_function), id="ours")
    return pytest.mark.parametrize("making", [crhelper, ours], indirect=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder: Path = tmp_path_factory.mktemp("certificate")
    return create_certificate(folder)


@pytest.fixture
def making(
    request: pytest.FixtureRequest,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Making]:
    """Leaves the process as it was: loggers, threads, and what was patched in crhelper."""
    making = Making(*request.param)
    for name in LOGGERS:
        caplog.set_level(logging.getLogger(name).level, logger=name)  # put back after the test
    # Ours keeps crhelper's loggers quiet; on its own it is not.
    monkeypatch.setattr(
        logging.getLogger("crhelper"), "propagate", making.function is crhelper_function
    )
    monkeypatch.setattr("crhelper.utils.time", SimpleNamespace(sleep=making.time.sleep))
    monkeypatch.setattr("crhelper.CfnResource._wait_for_cwlogs.__defaults__", (making.time.sleep,))
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    connection._tls.cache_clear()
    before = set(threading.enumerate())
    yield making
    connection._tls.cache_clear()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()


def done() -> Outcome:
    return Outcome("an-id")


def raising(error: BaseException) -> Work:
    def work() -> Outcome:
        raise error

    return work


@defect("sleep_on_delete is 120 s by default")
def test_a_delete_does_not_sleep(making: Making, certificate: Certificate) -> None:
    with cloudformation(certificate) as mailbox:
        making.of(done)(
            event("Delete", ResponseURL=mailbox.url, PhysicalResourceId="an-id"),
            TimedContext(making.time, 600),
        )
    assert mailbox.answer["Status"] == "SUCCESS"
    assert making.time.pauses == []


@defect("its constructor makes clients of lambda, events and logs")
def test_no_client_is_made_before_a_request_needs_one(
    making: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(boto3.Session, "client", lambda _, service, **__: made.append(service))
    making.of(done)
    assert made == []


@defect("its constructor and every request set the levels of the root logger and of boto3's")
def test_the_root_logger_and_those_of_boto3_stay_as_they_are(
    making: Making, certificate: Certificate
) -> None:
    def levels() -> list[int]:
        return [logging.getLogger(name).level for name in LOGGERS]

    before = levels()
    with cloudformation(certificate) as mailbox:
        making.of(done)(event(ResponseURL=mailbox.url), Context())
    assert levels() == before


def timed_out(making: Making, certificate: Certificate) -> list[dict[str, Any]]:
    """The answers to an Update that works until its time-out was answered, and then succeeds."""
    with cloudformation(certificate) as mailbox:

        def work() -> Outcome:
            waited = threading.Event()
            for _ in range(1000):
                if mailbox.bodies:
                    break
                waited.wait(0.01)
            return Outcome("own")

        request = event("Update", ResponseURL=mailbox.url, PhysicalResourceId="own")
        making.of(work)(request, Context(seconds=0.7))
        return mailbox.answers


@defect("a time-out is answered with an empty physical id")
def test_a_time_out_keeps_the_physical_id(making: Making, certificate: Certificate) -> None:
    first = timed_out(making, certificate)[0]
    assert first["Status"] == "FAILED"
    assert first["PhysicalResourceId"] == "own"


@defect("the handler finishes after a time-out and answers a second time")
def test_a_time_out_is_the_only_answer(making: Making, certificate: Certificate) -> None:
    assert [answer["Status"] for answer in timed_out(making, certificate)] == ["FAILED"]


@defect("a failed Create gets a random physical id")
def test_a_failed_create_has_an_id_that_its_delete_recognises(
    making: Making, certificate: Certificate
) -> None:
    function = making.of(raising(RuntimeError("no")))
    with cloudformation(certificate) as mailbox:
        for _ in range(2):
            function(event(ResponseURL=mailbox.url), Context())
    first, second = (answer["PhysicalResourceId"] for answer in mailbox.answers)
    assert first
    assert first == second


@pytest.mark.parametrize(("request_type", "own"), [("Create", None), ("Update", "own")])
@defect("init_failure answers with an empty physical id")
def test_a_function_that_could_not_start_answers_with_an_id(
    making: Making, certificate: Certificate, request_type: str, own: str | None
) -> None:
    with cloudformation(certificate) as mailbox:
        making.that_could_not_start(ImportError("half an asset"))(
            event(request_type, ResponseURL=mailbox.url, PhysicalResourceId=own), Context()
        )
    assert mailbox.answer["Status"] == "FAILED"
    assert "half an asset" in mailbox.answer["Reason"]
    assert mailbox.answer["PhysicalResourceId"] == (own or answer.NEVER_CREATED)


@defect("only Exception is caught, and what ends the process is never answered")
def test_work_that_ends_the_process_is_answered(making: Making, certificate: Certificate) -> None:
    function = making.of(raising(SystemExit(3)))
    with cloudformation(certificate) as mailbox, suppress(SystemExit):
        function(event(ResponseURL=mailbox.url), Context())
    assert len(mailbox.bodies) == 1


def send(making: Making, url: str) -> None:
    """A Create that succeeds, in a function with a minute of time."""
    try:
        making.of(done)(event(ResponseURL=url), TimedContext(making.time, 60))
    except StillTrying as error:
        raise AssertionError("it sends on after the function's time") from error


@defect("the send loop never ends")
def test_sending_ends_with_the_functions_time(making: Making) -> None:
    send(making, "https://127.0.0.1:9/closed")
    assert 0 < making.time.now <= 60


@defect("HTTP 503 counts as delivered")
def test_an_answer_that_meets_a_server_error_is_sent_again(
    making: Making, certificate: Certificate
) -> None:
    with cloudformation(certificate) as mailbox:
        mailbox.statuses = [503]
        send(making, mailbox.url)
    assert mailbox.answer["Status"] == "SUCCESS"


@defect("HTTP 403 counts as delivered")
def test_an_answer_that_is_refused_is_told_in_the_log(
    making: Making,
    certificate: Certificate,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with cloudformation(certificate) as mailbox:
        mailbox.statuses = [403]
        send(making, mailbox.url)
    assert mailbox.bodies == []
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    for line in capsys.readouterr().out.splitlines():
        told = json.loads(line)
        if told["level"] == "ERROR":
            errors.append(told["why"])
    assert any("403" in error for error in errors)


@defect("it speaks HTTPS only")
def test_an_answer_goes_where_the_url_says(making: Making) -> None:
    with cloudformation() as mailbox:
        send(making, mailbox.url)
    assert mailbox.answer["Status"] == "SUCCESS"


@contextmanager
def silence(certificate: Certificate) -> Iterator[tuple[str, list[bool]]]:
    """A URL where nothing is said for two seconds, and for each who came: whether they left."""
    left: list[bool] = []

    class Handler(StreamRequestHandler):
        timeout = 2

        def handle(self) -> None:
            try:
                while self.connection.recv(4096):
                    pass
            except TimeoutError:
                left.append(False)
                self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
            else:
                left.append(True)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = tls(certificate).wrap_socket(server.socket, True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_address[1]}/answer", left
        finally:
            server.shutdown()
            thread.join()


@defect("its connection has no time-out")
def test_a_server_that_says_nothing_is_left_in_time(
    making: Making, certificate: Certificate
) -> None:
    with silence(certificate) as (url, left):
        making.of(done)(event(ResponseURL=url), Context(seconds=0.8))
    assert left == [True]


@defect("Data is not budgeted")
def test_the_whole_answer_stays_within_4096_bytes(making: Making, certificate: Certificate) -> None:
    with cloudformation(certificate) as mailbox:
        making.of(lambda: Outcome("an-id", {"Email": "e" * 4096}))(
            event(ResponseURL=mailbox.url), Context()
        )
    assert len(mailbox.bodies[0]) <= 4096


@defect("a long reason is cut to its last 240 characters")
def test_a_reason_starts_with_what_a_person_should_do(
    making: Making, certificate: Certificate
) -> None:
    sentence = "verify the domain in WorkMail, then deploy again. " + "word " * 100
    with cloudformation(certificate) as mailbox:
        making.that_could_not_start(RuntimeError(sentence))(
            event(ResponseURL=mailbox.url), Context()
        )
    assert "verify the domain in WorkMail" in mailbox.answer["Reason"]


@defect("at its default level it logs the whole event and the response URL")
def test_the_response_url_is_not_logged(
    making: Making,
    certificate: Certificate,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    logging.getLogger().setLevel(logging.NOTSET)
    with cloudformation(certificate) as mailbox:
        making.of(done)(event(ResponseURL=mailbox.url), Context())
    written = capfd.readouterr()
    assert SECRET not in caplog.text + written.out + written.err


@defect("the answer to an unknown request type has an empty physical id")
def test_an_unknown_request_type_is_answered_with_an_id(
    making: Making, certificate: Certificate
) -> None:
    with cloudformation(certificate) as mailbox:
        making.of(done)(
            event("Upsert", ResponseURL=mailbox.url, PhysicalResourceId="own"), Context()
        )
    assert (mailbox.answer["Status"], mailbox.answer["PhysicalResourceId"]) == ("FAILED", "own")
