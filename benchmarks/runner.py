"""A process of the function, as Lambda runs one: `runner.py HANDLER EVENTS RESULTS [WITHIN]`.

Loads the handler and gives it the events of a JSON file. RESULTS gets the peak of the process's
memory in MiB, and of each event the kind of request, its CPU seconds, and those of them within the
calls of the service named WITHIN.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from typing import Any


class Context:
    """What Lambda tells a handler."""

    function_name = "benchmark"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:benchmark"
    memory_limit_in_mb = 256
    aws_request_id = "11111111-2222-3333-4444-555555555555"
    log_group_name = "group"
    log_stream_name = "stream"

    def get_remaining_time_in_millis(self) -> int:
        return 600_000


class TimedClient:
    """A boto3 client that adds up the CPU seconds of its calls."""

    seconds = 0.0

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        return self._timed(attribute) if callable(attribute) else attribute

    def _timed(self, method: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            began = time.process_time()
            try:
                return method(*arguments, **keywords)
            finally:
                TimedClient.seconds += time.process_time() - began

        return call


def time_clients_of(service: str) -> None:
    import boto3

    make_client: Any = boto3.Session.client

    def client(session: Any, name: str, *arguments: Any, **keywords: Any) -> Any:
        made = make_client(session, name, *arguments, **keywords)
        return TimedClient(made) if name == service else made

    boto3.Session.client = client  # type: ignore[assignment]


def main(handler_name: str, events: str, results: str, within: str = "") -> None:
    if within:
        time_clients_of(within)
    module, _, name = handler_name.rpartition(".")
    handler = getattr(import_module(module), name)
    with open(events) as file:  # noqa: PTH123  # pathlib would add to what is measured
        requests = json.load(file)
    lines = []
    for request in requests:
        TimedClient.seconds = 0.0
        began = time.process_time()
        handler(request, Context())
        lines.append([request["RequestType"], time.process_time() - began, TimedClient.seconds])
    with open(results, "w") as file:  # noqa: PTH123
        json.dump({"peak": peak(), "events": lines}, file)


def peak() -> float:
    """Not by `getrusage`, which also counts what the parent had when it started this process."""
    with open("/proc/self/status") as file:  # noqa: PTH123
        (line,) = (line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
