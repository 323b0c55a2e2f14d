"""The process that MiniStack runs in: `python -P ministack_process.py SOCKET CHAIN KEY FOLDER`.

MiniStack's own entry point would also take port 443 where it may, and would outlive a parent
that is killed. This one listens on the socket that it is given and nowhere else, and when its
standard input closes, which happens however the parent ends, it ends too and removes FOLDER.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import threading
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

KEEP_ALIVE_SECONDS = 75


def end_with_parent(folder: str) -> None:
    os.read(sys.stdin.fileno(), 1)
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def tell_roots() -> None:
    """DescribeStacks tells the root and the parent of a nested stack, as on AWS.

    MiniStack knows them, and leaves them out of the answer.
    """
    from ministack.services import cloudformation  # type: ignore[import-untyped]
    from ministack.services.cloudformation import handlers  # type: ignore[import-untyped]

    describe_stacks = handlers._ACTION_HANDLERS["DescribeStacks"]

    def with_roots(parameters: Any) -> tuple[int, dict[str, str], bytes]:
        status, headers, body = describe_stacks(parameters)
        for stack in cloudformation._stacks.values():
            if "RootId" in stack:
                own = f"<StackId>{stack['StackId']}</StackId>"
                above = "".join(f"<{key}>{stack[key]}</{key}>" for key in ("RootId", "ParentId"))
                body = body.replace(own.encode(), f"{own}{above}".encode())
        return status, headers, body

    handlers._ACTION_HANDLERS["DescribeStacks"] = with_roots


def main(socket_number: str, chain: str, key: str, folder: str) -> None:
    threading.Thread(target=end_with_parent, args=(folder,), daemon=True).start()
    from ministack.app import app  # type: ignore[import-untyped]

    tell_roots()
    config = Config()
    config.bind = [f"fd://{socket_number}"]
    config.certfile, config.keyfile = chain, key
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.graceful_timeout = 0.1
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main(*sys.argv[1:])
