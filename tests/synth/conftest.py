from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def nothing_beyond_loopback() -> Iterator[None]:
    """Fails a test that connects to another machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        assert host in ("127.0.0.1", "::1", "localhost"), f"connected to {address}"
        connect(self, address)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(scope="session")
def isolated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment for other processes without AWS settings and without a way out."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "CDK_", "JSII_", "PYTHON", "npm_"))
        and not name.lower().endswith("_proxy")
    }
    nowhere = "http://127.0.0.1:9"
    return kept | {
        "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path_factory.mktemp("home")),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
