"""The acceptance run against the embedded AWS, so that it works on the day it has an account."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, replace

import pytest

from local_aws import LocalAws
from local_aws.workmail import Behaviour, Organization
from tests.acceptance.entities import Entities
from tests.acceptance.questions import Questions, as_behaviour
from tests.local.pipeline import ROOT, enable_by_hand

OTHER_POSITIONS: dict[str, object] = {
    switch: 0.5 if isinstance(position, float) else not position
    for switch, position in asdict(Behaviour()).items()
} | {"repeated_alias_error": "EmailAddressInUseException"}
ABOUT_EXPORTS = {"disabled_mailbox_can_be_exported", "failed_export_can_be_repeated"}


@pytest.fixture(autouse=True)
def alice(local_aws: LocalAws, organization: Organization) -> None:
    """What the run must not touch."""
    enable_by_hand(local_aws, organization, "alice")
    local_aws.workmail.calls.clear()


@contextmanager
def running(
    local_aws: LocalAws, organization: Organization, *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.acceptance"),
            *("--organization-id", organization.organization_id, *arguments),
        ],
        cwd=ROOT,
        env=local_aws.process_environment
        | {
            "PYTHONPATH": os.pathsep.join(str(ROOT / root) for root in ("constructs", ".")),
            "COLUMNS": "200",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        yield process


def run(local_aws: LocalAws, organization: Organization, *arguments: str) -> tuple[int, str]:
    with running(local_aws, organization, *arguments) as process:
        output, _ = process.communicate()
        return process.returncode, output


def left(local_aws: LocalAws, organization: Organization) -> set[str]:
    """What exists beside the four entities of the fixture and the bootstrap stack."""
    stacks = local_aws.client("cloudformation").describe_stacks()["Stacks"]
    return {
        *(
            entity.name
            for entity in organization.entities.values()
            if entity.state != "DELETED" and entity.name.startswith("accept-")
        ),
        *(
            stack["StackName"]
            for stack in stacks
            if "accept-" in stack["StackName"] and stack["StackStatus"] != "DELETE_COMPLETE"
        ),
    }


def touched(local_aws: LocalAws, organization: Organization) -> set[str]:
    """The names of existing entities that a call addressed, other than to read."""
    return {
        entity.name
        for call in local_aws.workmail.calls
        if call.parameters.get("OrganizationId") == organization.organization_id
        and not call.operation.startswith(("Create", "Describe", "Get", "List"))
        for entity in organization.known(
            str(call.parameters[name])
            for name in ("EntityId", "UserId", "GroupId", "ResourceId", "MemberId")
            if name in call.parameters
        )
    }


@pytest.mark.parametrize(
    ("behaviour", "arguments"),
    [
        pytest.param(Behaviour(), (), id="assumed"),
        pytest.param(Behaviour(), ("--export",), id="assumed, exported", marks=pytest.mark.long),
        pytest.param(
            Behaviour(**OTHER_POSITIONS),  # type: ignore[arg-type]
            ("--export",),
            id="all other positions",
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_run_passes_touches_its_own_entities_alone_and_leaves_nothing(
    local_aws: LocalAws,
    organization: Organization,
    behaviour: Behaviour,
    arguments: tuple[str, ...],
) -> None:
    local_aws.workmail.behaviour = behaviour
    code, output = run(local_aws, organization, *arguments)
    assert code == 0, output
    assert left(local_aws, organization) == set()
    assert {name.partition("-")[0] for name in touched(local_aws, organization)} == {"accept"}
    assert organization.entity("alice").registration.email == "alice@example.com"
    for switch in asdict(behaviour).keys() - (set() if arguments else ABOUT_EXPORTS):
        assert re.search(rf"^{switch} ", output, re.MULTILINE), output
    if behaviour == Behaviour():
        assert output.endswith("Behaviour()\n")


@pytest.mark.parametrize("switch", sorted(OTHER_POSITIONS.keys() - ABOUT_EXPORTS))
def test_each_other_position_of_a_switch_is_found(
    local_aws: LocalAws, organization: Organization, switch: str
) -> None:
    # What settles at once binds no call.
    also = {"settle_delay": 0.5} if switch == "settling_binds_calls" else {}
    changed: dict[str, object] = {switch: OTHER_POSITIONS[switch], **also}
    local_aws.workmail.behaviour = replace(Behaviour(), **changed)  # type: ignore[arg-type]
    workmail = local_aws.client("workmail")
    entities = Entities(workmail, organization.organization_id, "accept-000000")
    questions = Questions(entities, entities.domain())
    questions.ask()
    questions.ask_about_deletions()
    entities.delete_all()
    assert questions.findings.keys() == {f.name for f in fields(Behaviour)} - ABOUT_EXPORTS
    found = as_behaviour(questions.findings)
    assert found.keys() == changed.keys()
    for name, position in changed.items():
        is_time = isinstance(position, float)
        assert found[name] == position or (is_time and 0 < float(str(found[name])) < 5)


@pytest.mark.long
@pytest.mark.parametrize("after", ["Ask what disabled", "Deploy: create", "Roll back a"])
def test_an_interrupted_run_leaves_nothing(
    local_aws: LocalAws, organization: Organization, after: str
) -> None:
    with running(local_aws, organization) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith(after):
                break
        time.sleep(2)
        # Ctrl-C reaches all processes of the terminal, and is pressed again.
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)
        output = process.stdout.read()
        process.wait()
    assert process.returncode == 130, output
    assert "Interrupted" in output
    assert left(local_aws, organization) == set()


@pytest.mark.long
def test_a_failed_run_says_why_and_leaves_nothing(
    local_aws: LocalAws, organization: Organization
) -> None:
    """Only the default mail domain is known to be verified, and here it is not."""
    organization.add_domain("example.com", verified_at=None)
    code, output = run(local_aws, organization)
    assert code == 1
    assert "MailDomainStateException" in output
    assert left(local_aws, organization) == set()
