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

from hypercorn.asyncio import serve
from hypercorn.config import Config

KEEP_ALIVE_SECONDS = 75


def end_with_parent(folder: str) -> None:
    os.read(sys.stdin.fileno(), 1)
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def main(socket_number: str, chain: str, key: str, folder: str) -> None:
    threading.Thread(target=end_with_parent, args=(folder,), daemon=True).start()
    from ministack.app import app  # type: ignore[import-untyped]

    config = Config()
    config.bind = [f"fd://{socket_number}"]
    config.certfile, config.keyfile = chain, key
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.graceful_timeout = 0.1
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main(*sys.argv[1:])
