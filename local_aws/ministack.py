"""MiniStack, the part of the embedded AWS that serves everything except WorkMail."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from .certificate import Certificate

START_SECONDS = 60.0
STOP_SECONDS = 2.0

_PROCESS = Path(__file__).with_name("ministack_process.py")
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")


class MiniStackError(Exception):
    """MiniStack did not start; the message holds the end of its log."""


class MiniStack:
    """One MiniStack on one port of the loopback interface, in its own process.

    It writes to `folder` alone; its functions have the variables of `function_environment`.
    """

    def __init__(
        self,
        folder: Path,
        certificate: Certificate,
        *,
        region: str,
        enforce_iam: bool,
        function_environment: Mapping[str, str],
    ) -> None:
        self._folder = folder
        self._certificate = certificate
        self._region = region
        self._enforce_iam = enforce_iam
        self._function_environment = function_environment
        self._log = folder / "ministack.log"
        self._temporary = folder / "tmp"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def endpoint_url(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Return when it responds. Raises MiniStackError if it ends, or after START_SECONDS."""
        self._temporary.mkdir()
        # An open socket, so that no other process can use the port in between.
        with socket.create_server(("127.0.0.1", 0)) as listener, self._log.open("wb") as log:
            self._port = listener.getsockname()[1]
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    str(_PROCESS),
                    str(listener.fileno()),
                    str(self._certificate.chain),
                    str(self._certificate.key),
                    str(self._folder),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                cwd=self._folder,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._responds():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise MiniStackError(f"MiniStack did not start:\n{self._end_of_log()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it and its functions, by force after STOP_SECONDS."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin:
            process.stdin.close()
        self._process = None

    def _environment(self) -> dict[str, str]:
        """No AWS_* variables and certificates are inherited: they would win."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        temporary = str(self._temporary)
        return {
            **inherited,
            **self._function_environment,
            "HOME": str(self._folder),
            "TMPDIR": temporary,
            "STATE_DIR": temporary,
            "S3_DATA_DIR": temporary,
            "GATEWAY_PORT": str(self._port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_REGION": self._region,
            "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(self._certificate.chain),
            "MINISTACK_SSL_KEY": str(self._certificate.key),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AUTH": str(self._enforce_iam).lower(),
            # An export takes 0.2 s here, and state machines wait for minutes and hours.
            "SFN_WAIT_SCALE": "0.002",
            # Without Docker: MiniStack removes containers that are not its own.
            "DOCKER_HOST": f"unix://{self._folder / 'no-docker.sock'}",
        }

    def _responds(self) -> bool:
        context = ssl.create_default_context(cafile=self._certificate.authority)
        https = urllib.request.HTTPSHandler(context=context)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)
        try:
            with opener.open(f"{self.endpoint_url}/_ministack/ready", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def _end_of_log(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])


def remove_folder(folder: Path) -> None:
    """Remove it also while a process that was just killed still writes to it."""
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)
    shutil.rmtree(folder)
