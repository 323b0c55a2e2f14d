from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest

from cdk_workmail_cli import export
from cdk_workmail_cli.aws import CallRefused, Service
from local_aws.workmail import Organization, WorkMail
from tests.unit.cli.conftest import Command, Write

ROOT = Path(__file__).parents[3]
Enable = Callable[..., None]

# Run alone, with the roots of the command and of the file on the path.
ALONE = "import sys; sys.path[:0] = sys.argv[1:3]; "
PRINT_SCHEMA = "import cdk_workmail_cli.__main__ as m; sys.exit(m.main(['schema']))"


def alone(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ALONE + code, ROOT / "cli", ROOT / "constructs"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_command_loads_no_cdk() -> None:
    loaded = alone("import cdk_workmail_cli.command; print(*sys.modules)").split()
    assert "boto3" in loaded
    assert {"aws_cdk", "jsii", "constructs", "cdk_workmail"}.isdisjoint(loaded)


def test_without_boto3_the_command_says_what_to_install() -> None:
    code = "import cdk_workmail_cli.__main__ as m; sys.modules['boto3'] = None; print(m.main([]))"
    done = subprocess.run(
        [sys.executable, "-c", ALONE + code, ROOT / "cli", ROOT / "constructs"],
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == (
        "1\n",
        "cdk-workmail: boto3 is not installed: pip install 'cdk-workmail[cli]'\n",
    )


@pytest.fixture
def file(write: Write, organization: Organization, enable: Enable) -> str:
    """Alice is as declared, bob is to be enabled."""
    enable(organization.add_user("alice"))
    organization.add_user("bob")
    boxes = {name: {"entity_id": name, "email": f"{name}@example.com"} for name in ("alice", "bob")}
    return write(mailboxes=boxes)


def test_a_table_lists_the_changes_and_counts_what_is_adopted(command: Command, file: str) -> None:
    ended = command("plan", file)
    assert ended.code == 2
    detail = "it is disabled, declared is bob@example.com"
    where = f"{file}:8"
    assert ended.output.splitlines() == [
        f"Action  Entity    {'Detail':{len(detail)}}  Declared in",
        f"------  --------  {'-' * len(detail)}  {'-' * len(where)}",
        f"enable  user bob  {detail}  {where}",
        "",
        f"{file}: adopt 1, enable 1",
    ]
    assert ended.errors == ""


def test_markdown_is_for_pull_requests(command: Command, file: str) -> None:
    assert command("plan", file, "--markdown").output.splitlines() == [
        f"### {file}: adopt 1, enable 1",
        "",
        "| Action | Entity | Detail | Declared in |",
        "| --- | --- | --- | --- |",
        f"| enable | user bob | it is disabled, declared is bob@example.com | {file}:8 |",
    ]


def test_json_has_every_finding(command: Command, file: str, organization: Organization) -> None:
    report = command("plan", file, "--json").json
    assert report["changes"] == 1
    assert report["findings"][1] == {
        "action": "enable",
        "finding": "enable",
        "part": "registration",
        "entity": "user bob",
        "detail": "it is disabled, declared is bob@example.com",
        "where": f"{file}:8",
        "organization_id": organization.organization_id,
        "entity_id": organization.entity("bob").entity_id,
        "needs_revision": False,
    }


def test_nothing_to_do_is_exit_code_0_and_one_line(
    command: Command, file: str, organization: Organization, enable: Enable
) -> None:
    enable(organization.entity("bob"))
    ended = command("plan", file)
    assert (ended.code, ended.output) == (0, f"{file}: nothing to do (adopt 2)\n")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["plan", "nix.json"], "nix.json: No such file or directory: check the path"),
        (["plan"], "name an organization file, a deployed stack with --stack, or both"),
        (
            ["discover", "--profile", "nix", "--organization-id", "m-1"],
            "The config profile (nix) could not be found",
        ),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(
    command: Command, arguments: list[str], error: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = command(*arguments)
    assert (ended.code, ended.output, ended.errors) == (1, "", f"cdk-workmail: {error}\n")


def test_an_error_without_a_file_does_not_name_one() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", ALONE + PRINT_SCHEMA, ROOT / "cli", ROOT / "constructs"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (1, "cdk-workmail: No space left on device\n")


def test_an_organization_that_does_not_exist_is_one_line(command: Command, tmp_path: Path) -> None:
    other = f"m-{'0' * 32}"
    path = str(tmp_path / "f.json")
    ended = command("discover", "--organization-id", other, "--output", path)
    assert (ended.code, ended.errors) == (
        1,
        f"cdk-workmail: organization {other} is not found in us-east-1: check the id and the "
        "Region\n",
    )


@pytest.mark.parametrize("way", ["refuses", "drops"])
def test_an_endpoint_that_cannot_be_reached_is_one_line_in_a_few_seconds(
    command: Command, file: str, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    with ExitStack() as connections:
        listener = connections.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        host, port = listener.getsockname()
        url = f"http://{host}:{port}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_WORKMAIL", url)
        if way == "refuses":
            listener.close()
        else:
            # Linux drops what comes after the connection that waits to be accepted.
            connections.enter_context(socket.create_connection((host, port)))
        begun = time.monotonic()
        ended = command("plan", file)
    assert time.monotonic() - begun < 8
    (line,) = ended.errors.splitlines()
    assert (ended.code, ended.output) == (1, "")
    assert line.startswith("cdk-workmail: workmail:ListUsers failed: ") and url in line
    assert line.endswith(": check the Region, the endpoint and the network")


def test_an_invalid_file_is_a_line_for_each_error(command: Command, write: Write) -> None:
    ended = command("plan", write(usres={}, mailboxes=[]))
    assert ended.code == 1
    assert len(ended.errors.splitlines()) == 2


@pytest.fixture
def policy(command: Command, workmail: WorkMail, organization: Organization) -> dict[str, Any]:
    """What the command prints, in force."""
    printed: dict[str, Any] = command(
        "policy", "--organization-id", organization.organization_id
    ).json

    def authorize(_: str | None, action: str, resource: str) -> bool:
        return any(
            action in statement["Action"]
            and any(fnmatchcase(resource, allowed) for allowed in statement["Resource"])
            for statement in printed["Statement"]
        )

    workmail.authorize = authorize
    return printed


@pytest.fixture
def team(organization: Organization, enable: Enable) -> None:
    for entity in (organization.add_group("team"), organization.add_resource("room")):
        enable(entity)


def test_the_printed_policy_allows_what_the_command_calls_and_no_more(
    command: Command,
    file: str,
    team: None,
    policy: dict[str, Any],
    workmail: WorkMail,
    organization: Organization,
    tmp_path: Path,
) -> None:
    of_organization = ("--organization-id", organization.organization_id)
    output = ("--output", str(tmp_path / "f.json"), "--attributes")
    assert command("discover", *of_organization, *output).code == 0
    assert command("plan", file).code == 2
    assert {call.error_code for call in workmail.calls} == {
        *(None, "EntityNotFoundException", "UnknownOperationException")
    }
    called = {f"workmail:{call.operation}" for call in workmail.calls}
    assert called == set(policy["Statement"][0]["Action"])


def test_the_printed_policy_allows_nothing_that_changes_and_no_other_organization(
    command: Command, policy: dict[str, Any], workmail: WorkMail, tmp_path: Path
) -> None:
    actions = [action for statement in policy["Statement"] for action in statement["Action"]]
    names = [action.partition(":")[2] for action in actions]
    assert [name for name in names if not name.startswith(("Describe", "Get", "List"))] == []
    other = workmail.add_organization("other")
    ended = command(
        *("discover", "--organization-id", other.organization_id),
        *("--output", str(tmp_path / "f.json")),
    )
    assert (ended.code, ended.errors) == (
        1,
        "cdk-workmail: workmail:ListUsers is not allowed: attach the policy that `cdk-workmail "
        "policy` prints\n",
    )


def test_the_printed_policy_covers_nested_stacks_and_finds_other_stacks(command: Command) -> None:
    of_organization = ("--organization-id", "m-1")
    printed = command("policy", "--stack", "Mail", *of_organization).json["Statement"]
    assert printed[2:] == [
        {
            "Sid": "FindOtherStacks",
            "Effect": "Allow",
            "Action": ["cloudformation:ListStackResources"],
            "Resource": ["arn:aws:cloudformation:*:*:stack/*"],
        },
        {
            "Sid": "FindAnnouncements",
            "Effect": "Allow",
            "Action": ["ssm:GetParametersByPath"],
            "Resource": ["arn:aws:ssm:*:*:parameter/cdk-workmail/m-1"],
        },
    ]
    assert printed[1]["Resource"] == [
        "arn:aws:cloudformation:*:*:stack/Mail/*",
        "arn:aws:cloudformation:*:*:stack/Mail-*/*",
    ]


MACHINE = "arn:aws:states:us-east-1:111111111111:stateMachine:Departure"
BUCKET = "arn:aws:s3:::mail-archive"
KEY = "arn:aws:kms:us-east-1:111111111111:key/1234abcd"


@pytest.mark.parametrize(
    ("given", "machine", "bucket", "key"),
    [
        (
            [],
            "arn:aws:states:*:*:stateMachine:*",
            "arn:aws:s3:::*",
            "arn:aws:kms:*:*:key/*",
        ),
        ([BUCKET, MACHINE, KEY], MACHINE, BUCKET, KEY),
    ],
)
def test_the_printed_policy_allows_export_on_request_on_what_is_given(
    command: Command, given: list[str], machine: str, bucket: str, key: str
) -> None:
    options = ("policy", "--organization-id", "m-1")
    without = command(*options).json["Statement"]
    printed = command(*options, "--export", *given).json["Statement"]
    assert printed[: len(without)] == without
    execution = machine.replace("stateMachine", "execution")
    allowed = {each["Sid"]: each["Resource"] for each in printed[len(without) :]}
    assert allowed == {
        "ListExportJobs": ["arn:aws:workmail:*:*:organization/m-1"],
        "RunExports": [machine, f"{execution}:*"],
        "ListExports": [bucket],
        "ReadRuns": [f"{bucket}/*m-1/_runs/*"],
        "DecryptRuns": [key],
    }
    assert printed[-1]["Condition"] == {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}


def test_the_printed_policy_allows_each_operation_of_export_and_no_more(command: Command) -> None:
    names = {"stepfunctions": "states"}
    called = {
        f"{names.get(service, service)}:{operation.replace('ListObjectsV2', 'ListBucket')}"
        for service, operations in export.OPERATIONS.items()
        for operation in operations
    }
    without, printed = (
        {action for statement in each.json["Statement"] for action in statement["Action"]}
        for each in (command("policy"), command("policy", "--export"))
    )
    assert printed - without == called - without | {"kms:Decrypt"}
    assert called <= printed


@pytest.mark.parametrize("arn", ["Departure", "arn:aws:sns:us-east-1:111111111111:topic"])
def test_an_arn_that_export_does_not_use_is_an_error(command: Command, arn: str) -> None:
    ended = command("policy", "--export", arn)
    assert (ended.code, ended.output, ended.errors) == (
        1,
        "",
        f"cdk-workmail: --export must be ARNs of a state machine, a bucket and a key, got {arn}\n",
    )


def test_a_denied_call_of_export_names_the_policy_that_allows_it(
    command: Command, workmail: WorkMail, organization: Organization
) -> None:
    workmail.authorize = lambda *_: False
    jobs = Service("workmail", boto3.Session(), operations=export.OPERATIONS["workmail"])
    with pytest.raises(CallRefused, match="the policy that `cdk-workmail policy --export` prints"):
        jobs.call("ListMailboxExportJobs", OrganizationId=organization.organization_id)


def test_the_schema_is_printed(command: Command) -> None:
    assert json.loads(command("schema").output)["title"] == "Amazon WorkMail organization"
