"""AWS's runtime client in its own process, and the Runtime API that it calls.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from typing import Any
from uuid import uuid4

FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:provider"
_API = "/2018-06-01/runtime"
_TIMEOUT = 60.0  # seconds, for a process that may have ended


@dataclass(frozen=True)
class Finished:
    """What the runtime client reports of an invocation: its result or its error."""

    path: str
    body: Any

    @property
    def failed(self) -> bool:
        return self.path.endswith("/error")


@dataclass(frozen=True)
class _Invocation:
    request_id: str
    event: bytes
    deadline: float


class LambdaRuntime:
    """A function in a warm process; `output` is its log so far."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._invocations: Queue[_Invocation] = Queue()
        self._finished: Queue[Finished] = Queue()

    def invoke(self, event: Mapping[str, Any], *, seconds: float = 60.0) -> None:
        """Start one invocation with a timeout of `seconds`."""
        self._invocations.put(
            _Invocation(str(uuid4()), json.dumps(event).encode(), time.time() + seconds)
        )

    def finish(self) -> Finished:
        """Wait until the function has returned, and return the outcome."""
        try:
            return self._finished.get(timeout=_TIMEOUT)
        except Empty:
            raise AssertionError(f"the function does not finish: {self.output}") from None

    @property
    def output(self) -> str:
        return self._log.read_text()


@contextmanager
def lambda_runtime(
    handler: str, asset: Path, folder: Path, environment: Mapping[str, str]
) -> Iterator[LambdaRuntime]:
    """Run `handler` of the asset as Lambda does."""
    runtime = LambdaRuntime(folder / "output.log")
    closing = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(runtime, closing))
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    with runtime._log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", handler],
            cwd=asset,
            env=_environment(asset, server.server_port) | dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield runtime
    finally:
        process.terminate()
        process.wait()
        closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _environment(asset: Path, port: int) -> dict[str, str]:
    nowhere = "http://127.0.0.1:9"
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(asset),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_LAMBDA_FUNCTION_NAME": "provider",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": "provider-logs",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/22/[$LATEST]0a1b",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        # Loopback alone.
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def _handler(runtime: LambdaRuntime, closing: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == f"{_API}/invocation/next"
            while not closing.is_set():
                try:
                    invocation = runtime._invocations.get(timeout=0.05)
                except Empty:
                    continue
                self._send(
                    200,
                    invocation.event,
                    {
                        "Content-Type": "application/json",
                        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                        "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
                        "Lambda-Runtime-Invoked-Function-Arn": FUNCTION_ARN,
                        "Lambda-Runtime-Trace-Id": "Root=1-0-0",
                    },
                )
                return

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(202, b"{}", {})
            runtime._finished.put(Finished(self.path, json.loads(body)))

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
