"""One process of a Python function, as Lambda runs it: `runner.py HANDLER EVENTS RESULTS`.

RESULTS gets the CPU seconds of the process after each of the events, since its start.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module


class Context:
    """What Lambda passes to a handler."""

    function_name = "benchmark"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:benchmark"
    memory_limit_in_mb = 256
    aws_request_id = "11111111-2222-3333-4444-555555555555"
    log_group_name = "group"
    log_stream_name = "stream"

    def get_remaining_time_in_millis(self) -> int:
        return 600_000


def main(handler_name: str, events: str, results: str) -> None:
    module, _, name = handler_name.rpartition(".")
    handler = getattr(import_module(module), name)
    with open(events) as file:  # noqa: PTH123  # pathlib would add to the measured time
        requests = json.load(file)
    seconds = []
    for request in requests:
        handler(request, Context())
        seconds.append(time.process_time())
    with open(results, "w") as file:  # noqa: PTH123
        json.dump(seconds, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
