"""The entry point in a process of its own, with and without modules that can be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.lambda_fakes import cloudformation, event

LAMBDA_SRC = Path(__file__).parents[3] / "lambda_src"

RUN = """
import json, sys
from workmail_provider.handler import handler

class Context:
    log_group_name = log_stream_name = "log"
    def get_remaining_time_in_millis(self):
        return 10_000

handler(json.loads(sys.argv[1]), Context())
"""


def respond(request: dict[str, Any], path: Path | None = None) -> dict[str, Any]:
    """The response of a new process, which looks for modules in `path` first."""
    places = [str(place) for place in (path, LAMBDA_SRC) if place]
    with cloudformation() as received:
        subprocess.run(
            [sys.executable, "-c", RUN, json.dumps({**request, "ResponseURL": received.url})],
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
                "PYTHONPATH": os.pathsep.join(places),
                "AWS_REGION": "us-east-1",
            },
            check=True,
            timeout=60,
        )
    return received.response


@pytest.fixture(params=["crhelper", "boto3"])
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with a module that cannot be imported."""
    (tmp_path / f"{request.param}.py").write_text("raise ImportError('half an asset')")
    return tmp_path


def test_a_function_that_cannot_start_responds_all_the_same(broken: Path) -> None:
    response = respond(event("Update", PhysicalResourceId="own"), broken)
    assert (response["Status"], response["PhysicalResourceId"]) == ("FAILED", "own")
    assert response["Reason"].startswith(
        "the function could not start, deploy it again: ImportError: half an asset"
    )


def test_a_first_deployment_whose_function_cannot_start_rolls_back(broken: Path) -> None:
    failed = respond(event(), broken)
    assert failed["Status"] == "FAILED"
    rolled_back = event("Delete", PhysicalResourceId=failed["PhysicalResourceId"])
    assert respond(rolled_back, broken)["Status"] == "SUCCESS"


def test_a_delete_of_what_was_never_created_needs_no_client() -> None:
    response = respond(event("Delete", PhysicalResourceId="never-created"))
    assert (response["Status"], response["PhysicalResourceId"]) == ("SUCCESS", "never-created")


def test_the_import_makes_no_client_and_no_tls_context_and_changes_no_root_logger() -> None:
    code = """
import boto3, logging, ssl
def unexpected(*args, **kwargs):
    raise AssertionError("made at import")
boto3.client = boto3.Session.client = ssl.create_default_context = unexpected
before = (logging.root.level, list(logging.root.handlers))
import workmail_provider.handler as entry
assert (logging.root.level, list(logging.root.handlers)) == before
assert type(entry._handle).__name__ == "CustomResource", entry._handle
"""
    subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(LAMBDA_SRC)},
        check=True,
        timeout=60,
    )
