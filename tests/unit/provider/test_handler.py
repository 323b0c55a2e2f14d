"""The entry point, in a Python of its own: what Lambda imports, and what happens if it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.lambda_fakes import Mailbox, cloudformation, event

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


def invoke(request: dict[str, Any], path: Path | None = None) -> Mailbox:
    """Has one request done by a fresh process, with `path` searched first for modules."""
    places = [str(place) for place in (path, LAMBDA_SRC) if place]
    with cloudformation() as mailbox:
        subprocess.run(
            [sys.executable, "-c", RUN, json.dumps({**request, "ResponseURL": mailbox.url})],
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
                "PYTHONPATH": os.pathsep.join(places),
                "AWS_REGION": "us-east-1",
            },
            check=True,
            timeout=60,
        )
    return mailbox


@pytest.mark.parametrize("module", ["crhelper", "boto3"])
def test_a_function_that_cannot_start_answers_all_the_same(module: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text("raise ImportError('half an asset')")
    answer = invoke(event("Update", PhysicalResourceId="own"), tmp_path).answer
    assert answer["Status"] == "FAILED"
    assert answer["PhysicalResourceId"] == "own"
    assert answer["Reason"].startswith(
        "the function could not start, deploy it again: ImportError: half an asset"
    )


def test_a_first_deployment_that_cannot_start_can_still_roll_back(tmp_path: Path) -> None:
    (tmp_path / "crhelper.py").write_text("raise ImportError('half an asset')")
    failed = invoke(event(), tmp_path).answer
    assert failed["Status"] == "FAILED"
    rolled_back = event("Delete", PhysicalResourceId=failed["PhysicalResourceId"])
    assert invoke(rolled_back, tmp_path).answer["Status"] == "SUCCESS"


def test_a_delete_of_what_was_never_created_needs_no_client() -> None:
    answer = invoke(event("Delete", PhysicalResourceId="never-created")).answer
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "never-created")


def test_nothing_is_made_at_import_that_the_request_does_not_need() -> None:
    """No client, no TLS context, no change of the root logger: importing only defines."""
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
