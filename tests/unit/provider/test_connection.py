"""The connection of an answer is used for the next one, and never at the cost of an answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from tests.unit.provider.lambda_fakes import SECRET, Context, event
from workmail_provider.answer import Answer
from workmail_provider.connection import ResponseConnection

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Host:
    """Where answers go to: each connection says what is next in `script`, or OK, to a request.

    None closes the connection instead; b"" says nothing and leaves it open.
    """

    port: int
    script: list[bytes | None] = field(default_factory=list)
    # Closed by the host after each response, as one does that has been idle for too long.
    hangs_up: bool = False
    # By the number of their connection.
    bodies: list[tuple[int, bytes]] = field(default_factory=list)
    opened: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/answer?{SECRET}"

    def serve(self, connection: socket.socket) -> None:
        number = len(self.opened)
        self.opened.append(connection)
        incoming = connection.makefile("rb")
        while line := incoming.readline():
            length = 0
            while line.strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
                line = incoming.readline()
            self.bodies.append((number, incoming.read(length)))
            said = self.script.pop(0) if self.script else OK
            if said is None:
                break
            connection.sendall(said)
            if self.hangs_up:
                break
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def a_host() -> Iterator[Host]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host = Host(listening.getsockname()[1])

        def serve() -> None:
            connection, _ = listening.accept()
            threading.Thread(target=listen, daemon=True).start()
            with connection, suppress(OSError):
                host.serve(connection)

        def listen() -> None:
            with suppress(OSError):
                serve()

        threading.Thread(target=listen, daemon=True).start()
        yield host
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


@dataclass
class Now:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def connection(now: Now) -> Iterator[ResponseConnection]:
    connection = ResponseConnection(now)
    yield connection
    connection.close()


@pytest.fixture
def host() -> Iterator[Host]:
    with a_host() as host:
        yield host


def test_the_next_answer_goes_out_on_the_same_connection(
    connection: ResponseConnection, host: Host
) -> None:
    assert [connection.put(host.url, body, 5.0) for body in (b"one", b"two")] == [200, 200]
    assert host.bodies == [(0, b"one"), (0, b"two")]


def test_an_idle_connection_is_not_used(
    connection: ResponseConnection, host: Host, now: Now
) -> None:
    connection.put(host.url, b"one", 5.0)
    now.seconds += 60
    connection.put(host.url, b"two", 5.0)
    assert host.bodies == [(0, b"one"), (1, b"two")]


def test_a_clock_that_was_set_back_is_not_trusted(
    connection: ResponseConnection, host: Host, now: Now
) -> None:
    connection.put(host.url, b"one", 5.0)
    now.seconds -= 60
    connection.put(host.url, b"two", 5.0)
    assert host.bodies == [(0, b"one"), (1, b"two")]


def test_an_answer_on_a_connection_that_was_closed_is_sent_again_on_a_new_one(
    connection: ResponseConnection, host: Host
) -> None:
    host.hangs_up = True
    assert connection.put(host.url, b"one", 5.0) == 200
    assert connection.put(host.url, b"two", 5.0) == 200
    assert host.bodies == [(0, b"one"), (1, b"two")]


@pytest.mark.parametrize("said", [None, b"nonsense\r\n\r\n", b"HTTP/1.1 2"])
def test_an_answer_that_gets_no_status_on_a_kept_connection_is_sent_again_once(
    said: bytes | None, connection: ResponseConnection, host: Host
) -> None:
    connection.put(host.url, b"one", 5.0)
    host.script = [said]
    assert connection.put(host.url, b"two", 0.4) == 200
    assert host.bodies == [(0, b"one"), (0, b"two"), (1, b"two")]


def test_a_new_connection_that_is_closed_is_for_the_caller_to_try_again(
    connection: ResponseConnection, host: Host
) -> None:
    connection.put(host.url, b"one", 5.0)
    host.script = [None, None]
    with pytest.raises(ConnectionError):
        connection.put(host.url, b"two", 5.0)
    assert host.bodies == [(0, b"one"), (0, b"two"), (1, b"two")]


def test_silence_on_a_kept_connection_leaves_time_for_a_new_one(
    connection: ResponseConnection, host: Host
) -> None:
    connection.put(host.url, b"one", 5.0)
    host.script = [b""]
    assert connection.put(host.url, b"two", 0.4) == 200
    assert [number for number, _ in host.bodies] == [0, 0, 1]


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + b"x" * 9999,
    ],
    ids=["refused", "closing", "more than an answer needs"],
)
def test_only_a_connection_that_is_ready_for_the_next_answer_is_kept(
    said: bytes, connection: ResponseConnection, host: Host
) -> None:
    host.script = [said]
    connection.put(host.url, b"one", 5.0)
    connection.put(host.url, b"two", 5.0)
    assert host.bodies == [(0, b"one"), (1, b"two")]


def test_a_body_that_comes_with_the_status_is_not_taken_for_the_next_status(
    connection: ResponseConnection, host: Host
) -> None:
    host.script = [b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\nHTTP/1.1 500 No\r\n"]
    assert connection.put(host.url, b"one", 5.0) == 200
    assert connection.put(host.url, b"two", 5.0) == 200
    assert host.bodies == [(0, b"one"), (0, b"two")]


def test_each_host_gets_its_own_answers(connection: ResponseConnection, host: Host) -> None:
    with a_host() as other:
        for body in (b"one", b"two"):
            connection.put(host.url, body, 5.0)
            connection.put(other.url, body, 5.0)
    for each in (host, other):
        assert each.bodies == [(0, b"one"), (1, b"two")]


def test_no_url_is_kept_with_the_connection(connection: ResponseConnection, host: Host) -> None:
    connection.put(host.url, b"one", 5.0)
    kept = connection._kept
    assert kept
    assert SECRET not in f"{kept} {vars(kept.connection)}"


@pytest.mark.parametrize("script", [[None] * 99, [b"nonsense\r\n\r\n"] * 99])
def test_what_breaks_a_kept_connection_tells_no_url(
    script: list[bytes | None],
    connection: ResponseConnection,
    host: Host,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    connection.put(host.url, b"one", 5.0)
    host.script = list(script)
    request = event(ResponseURL=host.url)
    Answer(request, Context(seconds=0.5), lambda _: None, connection.put).fail("no")
    logged = capsys.readouterr().out + caplog.text
    assert "no time is left" in logged
    assert SECRET not in logged
