"""The built asset under AWS's runtime client: its logs, timeouts and crashes as in Lambda."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack

from local_aws.workmail import Entity, Stall, WorkMail, WorkMailServer
from tests.local.lambda_runtime import LambdaRuntime, lambda_runtime
from tests.support.lambda_fakes import (
    ORGANIZATION_ID,
    SECRET,
    STACK_ID,
    ResponseServer,
    cloudformation,
    event,
)
from tests.synth.roster import register

HANDLER = "workmail_provider.handler.handler"
DEBUG = {"AWS_LAMBDA_LOG_LEVEL": "DEBUG"}
PROBE = """
import logging

def loggers():
    named = [logging.getLogger(name) for name in (None, "boto3", "botocore", "urllib3")]
    return [
        logging.root.manager.disable,
        [repr(handler) for handler in logging.root.handlers],
        [repr(handler.formatter) for handler in logging.root.handlers],
        *([logger.level, logger.propagate, logger.disabled] for logger in named),
    ]

before = loggers()
from workmail_provider.handler import handler as provider
imported = loggers()

def handler(event, context):
    provider(event, context)
    return [before, imported, loggers()]
"""


@dataclass
class Deployed:
    """The function in Lambda, with WorkMail and CloudFormation."""

    runtime: LambdaRuntime
    workmail: WorkMail
    alice: Entity
    cloudformation: ResponseServer

    def request(self, request_type: str = "Create", **changes: Any) -> dict[str, Any]:
        return event(request_type, ResponseURL=self.cloudformation.url, **changes)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log of the process; each line is JSON."""
        return [json.loads(line) for line in self.runtime.output.splitlines()]


@pytest.fixture(scope="module")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that is deployed to Lambda."""
    folder = tmp_path_factory.mktemp("assembly")
    app = App(outdir=str(folder))
    register(Stack(app, "Mail"))
    app.synth()
    (synthesized,) = folder.glob("asset.*")
    return synthesized


@contextmanager
def deployed(
    asset: Path, folder: Path, environment: Mapping[str, str] | None = None, handler: str = HANDLER
) -> Iterator[Deployed]:
    workmail = WorkMail()
    organization = workmail.add_organization(
        "acme", organization_id=ORGANIZATION_ID, domain="example.com"
    )
    alice = organization.add_user("alice")
    with (
        WorkMailServer(workmail) as server,
        cloudformation() as mailbox,
        lambda_runtime(
            handler,
            asset,
            folder,
            {"AWS_ENDPOINT_URL_WORKMAIL": server.endpoint_url, **(environment or {})},
        ) as runtime,
    ):
        yield Deployed(runtime, workmail, alice, mailbox)


@pytest.mark.parametrize(
    "environment",
    [{}, {"AWS_LAMBDA_LOG_FORMAT": "JSON"}, {"AWS_LAMBDA_LOG_FORMAT": "JSON", **DEBUG}, DEBUG],
    ids=["as deployed", "JSON", "JSON at DEBUG", "text at DEBUG"],
)
def test_a_create_registers_sends_one_response_and_logs_its_decisions(
    asset: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    with deployed(asset, tmp_path, environment) as function:
        function.runtime.invoke(function.request())
        finished = function.runtime.finish()
        assert (finished.failed, finished.body) == (False, None)
        assert function.alice.registration.email == "alice@example.com"
        assert function.cloudformation.response["Status"] == "SUCCESS"
        assert SECRET not in function.runtime.output
        assert function.cloudformation.url not in function.runtime.output
        lines = [
            json.loads(line)
            for line in function.runtime.output.splitlines()
            if '"action"' in line or environment.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
        ]
    decisions = [line for line in lines if "action" in line]
    assert [line["action"] for line in decisions] == ["register", "done"]
    for line in decisions:
        assert (
            line.items()
            >= {
                "level": "INFO",
                "organization_id": ORGANIZATION_ID,
                "entity_id": function.alice.entity_id,
                "email": "alice@example.com",
                "request_type": "Create",
                "logical_id": "Alice",
                "stack_id": STACK_ID,
                "request_id": "request-1",
            }.items()
        )
        assert line["why"]


def test_a_function_logs_its_decisions_alone(asset: Path, tmp_path: Path) -> None:
    with deployed(asset, tmp_path) as function:
        function.runtime.invoke(function.request())
        function.runtime.finish()
        assert [line["action"] for line in function.lines] == ["register", "done"]


def test_a_failure_is_one_log_line_and_the_reason_of_the_response(
    asset: Path, tmp_path: Path
) -> None:
    with deployed(asset, tmp_path) as function:
        function.alice.delete()
        properties = {**event()["ResourceProperties"], "EntityId": function.alice.entity_id}
        function.runtime.invoke(function.request(ResourceProperties=properties))
        assert not function.runtime.finish().failed
        (line,) = function.lines
    assert (line["level"], line["action"]) == ("ERROR", "fail")
    assert function.cloudformation.response["Reason"] == (
        f"{line['why']} [log group provider-logs, log stream 2026/11/22/[$LATEST]0a1b]"
    )


def test_a_timeout_sends_one_response_before_it(asset: Path, tmp_path: Path) -> None:
    with deployed(asset, tmp_path) as function:
        function.workmail.faults.add("DescribeUser", Stall(7.5))
        request = function.request("Update", PhysicalResourceId=f"{ORGANIZATION_ID}/own")
        deadline = time.time() + 6
        function.runtime.invoke(request, seconds=6)
        while time.time() < deadline and not function.cloudformation.bodies:
            time.sleep(0.01)
        answer = function.cloudformation.response
        assert answer["Status"] == "FAILED"
        assert answer["PhysicalResourceId"] == f"{ORGANIZATION_ID}/own"
        assert answer["Reason"].startswith("the function ran out of time")
        # Lambda would have ended the process; here it continues, without a second response.
        function.runtime.finish()
        assert function.cloudformation.responses == [answer]
        # The same process handles the next request.
        function.runtime.invoke(function.request())
        function.runtime.finish()
        assert function.cloudformation.responses[1]["Status"] == "SUCCESS"


@pytest.mark.parametrize(
    "module",
    ["crhelper/__init__.py", "workmail_provider/rules/registration.py"],
    ids=["crhelper", "provider"],
)
def test_an_incomplete_asset_sends_a_response_to_every_request(
    asset: Path, tmp_path: Path, module: str
) -> None:
    incomplete = tmp_path / "incomplete"
    shutil.copytree(asset, incomplete)
    (incomplete / module).write_text("raise ImportError('missing code')")
    with deployed(incomplete, tmp_path) as function:
        for request_type in ("Update", "Delete"):
            function.runtime.invoke(function.request(request_type, PhysicalResourceId="own"))
            assert not function.runtime.finish().failed
        first, second = function.cloudformation.responses
        assert first == second
        assert (first["Status"], first["PhysicalResourceId"]) == ("FAILED", "own")
        assert first["Reason"].startswith(
            "the function could not start, deploy it again: ImportError: missing code [log group"
        )
        assert [line["why"] for line in function.lines] == [first["Reason"].split(" [")[0]] * 2
        assert module in function.lines[0]["traceback"]
        assert len(function.workmail.calls) == 0


def test_a_warm_process_succeeds_after_a_failure(asset: Path, tmp_path: Path) -> None:
    with deployed(asset, tmp_path) as function:
        function.runtime.invoke(function.request(ResourceProperties={}))
        function.runtime.invoke({"not": "of CloudFormation"}, seconds=2)
        function.runtime.invoke(function.request())
        assert [function.runtime.finish().failed for _ in range(3)] == [False] * 3
        failed, succeeded = function.cloudformation.responses
    assert (failed["Status"], failed["PhysicalResourceId"]) == ("FAILED", "never-created")
    assert failed["Reason"].startswith("OrganizationId is None")
    assert succeeded["Status"] == "SUCCESS"
    assert succeeded["PhysicalResourceId"] == f"{ORGANIZATION_ID}/{function.alice.entity_id}"


@pytest.mark.parametrize("environment", [{}, {"AWS_LAMBDA_LOG_FORMAT": "JSON", **DEBUG}])
def test_the_loggers_of_lambda_do_not_change(
    asset: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    probed = tmp_path / "probed"
    shutil.copytree(asset, probed)
    (probed / "probe.py").write_text(PROBE)
    with deployed(probed, tmp_path, environment, "probe.handler") as function:
        function.runtime.invoke(function.request())
        before, imported, afterwards = function.runtime.finish().body
    assert function.cloudformation.response["Status"] == "SUCCESS"
    assert len(before[1]) == 1, "Lambda has given the root logger a handler"
    # The SDK's own, which would log whole requests, are set once.
    assert before[:4] == imported[:4]
    assert imported == afterwards
