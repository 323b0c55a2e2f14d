"""`cdk-workmail export` beside an exporter in memory; tests/local runs it on the embedded AWS."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cdk_workmail_cli import export
from cdk_workmail_cli.__main__ import main
from cdk_workmail_cli.aws import CallRefused
from local_aws.workmail import Failure
from tests.support.exporter import BUCKET, FOLDER, ExporterHarness, Run

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:Departure"
OUTPUTS = {
    "DepartureStateMachineArn0A1B2C3D": MACHINE,
    "DepartureBucket0A1B2C3D": BUCKET,
    "DepartureManifestPrefix0A1B2C3D": f"{FOLDER}/",
    "Other": "something",
}


class Services:
    """What the command calls, with the state of an execution."""

    def __init__(self, harness: ExporterHarness) -> None:
        self.harness = harness
        self.runs: dict[str, str] = {}
        self.input: Any = None
        self.is_denied = False
        self.outputs = dict(OUTPUTS)

    def call(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        match operation:
            case "DescribeStacks":
                rows = [{"OutputKey": k, "OutputValue": v} for k, v in self.outputs.items()]
                return {"Stacks": [{"Outputs": rows}]}
            case "StartExecution":
                self.runs["run-9"] = "RUNNING"
                self.input = json.loads(parameters["input"])
                return {"executionArn": f"{MACHINE.replace('stateMachine', 'execution')}:run-9"}
            case "ListExecutions":
                return {"executions": [{"name": name} for name in reversed(self.runs)]}
            case "DescribeExecution":
                run = parameters["executionArn"].rpartition(":")[2]
                return {"status": self.runs[run], "startDate": datetime(2026, 11, 18, tzinfo=UTC)}
            case "ListObjectsV2":
                return self.harness.s3.list_objects_v2(**parameters)
            case "GetObject":
                if self.is_denied:
                    raise CallRefused("AccessDenied", "s3:GetObject is not allowed")
                if parameters["Key"] not in self.harness.s3.objects[BUCKET]:
                    raise CallRefused("NoSuchKey", "there is none")
                return self.harness.s3.get_object(**parameters, Range="bytes=0-")
        return self.harness.perform(operation)


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    services = Services(ExporterHarness())

    class Service:
        def __init__(self, name: str, session: Any, **given: Any) -> None:
            self.name, self.operations = name, given["operations"]

        def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
            assert operation in self.operations
            return services.call(self.name, operation, parameters)

        def pages(self, operation: str, member: str, **parameters: Any) -> Any:
            return self.call(operation)[member]

    monkeypatch.setattr(export, "Service", Service)
    return services


def run_command(*arguments: str) -> int:
    return main(["export", *arguments, "--stack", "Mail", "--region", "us-east-1"])


def test_start_names_the_run_and_how_to_follow_it(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("start") == 0
    assert (
        "run run-9 is started: cdk-workmail export status --stack Mail" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ((), {}),
        (("--again",), {"again": True}),
        (("--again", "2026-11-18T10:00"), {"again": "2026-11-18T10:00:00Z"}),
        (("--again", "2026-11-18T10:00:00+02:00"), {"again": "2026-11-18T08:00:00Z"}),
    ],
)
def test_a_run_exports_again_only_with_the_option(
    services: Services, options: tuple[str, ...], given: dict[str, Any]
) -> None:
    assert run_command("start", *options) == 0
    assert services.input == given


@pytest.mark.parametrize("text", ["yesterday", "9000-01-01"])
def test_what_is_no_past_time_is_refused(
    services: Services, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run_command("start", "--again", text)
    assert f"must be a past time such as 2026-11-26T08:00:00Z, got {text!r}" in (
        capsys.readouterr().err
    )
    assert services.runs == {}


def test_the_report_says_how_to_repeat_what_failed_with_the_same_time(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    harness = services.harness
    harness.add_users("alice")
    harness.workmail.faults.add(
        "StartMailboxExportJob", Failure("InvalidParameterException"), times=None
    )
    harness.run("run-1", again="2026-11-18T10:00:00Z")
    services.runs["run-1"] = "FAILED"
    assert run_command("report") == 2
    command = "cdk-workmail export start --stack Mail --again 2026-11-18T10:00:00Z"
    assert command in capsys.readouterr().err


def test_status_counts_verdicts_and_shows_what_runs(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    harness = services.harness
    harness.add_users("alice", "bob", "carol")
    harness.durations[harness.organization.entity("bob").entity_id] = 9 * 3600.0
    run = Run("run-1")

    def stop(mailbox: dict[str, Any]) -> None:
        run.is_stopped = (
            harness.now > harness.jobs[0].start_time + 3 * 3600 if harness.jobs else False
        )

    harness.before_step = stop
    harness.run_together(run)
    services.runs["run-1"] = "RUNNING"
    assert run_command("status") == 2
    output = capsys.readouterr().out
    assert "run run-1: running, started 2026-11-18 00:00 UTC" in output
    assert "2 of 3 verified, 1 to go" in output
    assert "\nbob 3" in output


@pytest.mark.parametrize(("state", "code"), [("SUCCEEDED", 0), ("FAILED", 2)])
def test_the_exit_code_is_0_only_when_everything_is_verified(
    services: Services, state: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    harness = services.harness
    (alice,) = harness.add_users("alice")
    if state == "FAILED":
        harness.before_step = lambda mailbox: harness.perform(
            "DeregisterFromWorkMail", EntityId=alice.entity_id
        )
    harness.run("run-1")
    services.runs["run-1"] = state
    assert run_command("status", "--watch") == code
    assert run_command("report") == code
    assert f"{1 - code // 2} of 1 mailboxes are verified" in capsys.readouterr().out


def test_the_report_can_be_written_as_a_page(services: Services, tmp_path: Path) -> None:
    services.harness.add_users("alice")
    services.harness.run("run-1")
    services.runs["run-1"] = "SUCCEEDED"
    assert run_command("report", "--html", str(tmp_path / "report.html")) == 0
    assert "1 of 1 mailboxes" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({}, "stack Mail has no OrganizationExport: declare one and deploy it"),
        (
            {**OUTPUTS, **{name.replace("Departure", "B"): "x" for name in OUTPUTS}},
            "stack Mail has these OrganizationExports: Departure, B: name one with --name",
        ),
    ],
)
def test_without_one_export_the_command_says_what_to_do(
    services: Services,
    outputs: dict[str, str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    services.outputs = outputs
    assert run_command("start") == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "report"])
def test_a_denial_is_no_run_that_has_just_begun(
    services: Services, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    services.runs["run-1"] = "RUNNING"
    services.is_denied = True
    assert run_command(command) == 1
    captured = capsys.readouterr()
    assert "s3:GetObject is not allowed" in captured.err
    assert "has no report" not in captured.err


def test_a_run_that_has_just_begun_has_no_mailboxes_yet(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    services.runs["run-1"] = "RUNNING"
    assert run_command("status") == 2
    assert "the mailboxes are being listed" in capsys.readouterr().out


def test_a_stack_without_a_run_says_how_to_start_one(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("status") == 1
    assert "has no run: cdk-workmail export start --stack Mail" in capsys.readouterr().err
    services.runs["run-1"] = "ABORTED"
    assert run_command("report") == 1
    assert "run run-1 is aborted and has no report" in capsys.readouterr().err
