"""The connection that answers go out on, kept open for the next one.

The requests of a roster come one after the other, and all of their answers go to one host; a TLS
handshake for each would cost more processor time than the rest of the answer. Standard library
only, as `answer` is.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

# Seconds. The other side closes what is idle after some more of them.
_LONGEST_IDLE = 2.0
# For the status on a connection that was kept, and may be dead without a sign of it.
_LONGEST_SILENCE = 2.0
_MOST_READ = 4096  # bytes
_CLIENT_ERROR = 400


@dataclass(frozen=True)
class _Kept:
    connection: HTTPConnection
    scheme: str
    host: str
    since: float


class ResponseConnection:
    """Sends bodies to URLs, one connection at most left open. Remembers no URL, only its host."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        # Not a monotonic clock: that may stand still while Lambda freezes the process.
        self._now = now
        self._lock = threading.Lock()
        self._kept: _Kept | None = None

    def put(self, url: str, body: bytes, timeout: float) -> int:
        """The HTTP status. Raises OSError, HTTPException or ValueError after `timeout` at most."""
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection = self._take(parts.scheme, parts.netloc)
        if connection:
            silence = min(_LONGEST_SILENCE, timeout / 2)
            timeout -= silence
            connection.sock.settimeout(silence)
            # Without a status it may have been closed by the other side before it was used: sent
            # again at once, on a new one. The same answer twice is the same answer.
            with suppress(OSError, HTTPException):
                return self._put(connection, parts.scheme, parts.netloc, target, body)
        connection = _connection(parts.scheme, parts.netloc, timeout)
        return self._put(connection, parts.scheme, parts.netloc, target, body)

    def close(self) -> None:
        """Leaves nothing open."""
        with self._lock:
            kept, self._kept = self._kept, None
        if kept:
            kept.connection.close()

    def _put(
        self, connection: HTTPConnection, scheme: str, host: str, target: str, body: bytes
    ) -> int:
        keep = False
        try:
            # The URL is signed for an empty content type.
            connection.request("PUT", target, body, {"Content-Type": ""})
            response = connection.getresponse()
            keep = response.status < _CLIENT_ERROR and _is_read(response) and bool(connection.sock)
            return response.status
        finally:
            if keep:
                self._keep(_Kept(connection, scheme, host, self._now()))
            else:
                connection.close()

    def _take(self, scheme: str, host: str) -> HTTPConnection | None:
        """The connection that was kept, if it leads there and has not been idle for long."""
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is None:
            return None
        is_fresh = 0 <= self._now() - kept.since < _LONGEST_IDLE
        if is_fresh and (kept.scheme, kept.host) == (scheme, host):
            return kept.connection
        kept.connection.close()
        return None

    def _keep(self, kept: _Kept) -> None:
        with self._lock:
            before, self._kept = self._kept, kept
        if before:
            before.connection.close()


def _is_read(response: HTTPResponse) -> bool:
    """Whether all of it has been read, so that the next response can follow."""
    with suppress(OSError, HTTPException):
        response.read(_MOST_READ)
    return response.isclosed()


def _connection(scheme: str, host: str, timeout: float) -> HTTPConnection:
    if scheme == "https":
        return HTTPSConnection(host, timeout=timeout, context=_tls())
    return HTTPConnection(host, timeout=timeout)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
