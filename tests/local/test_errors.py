"""What a person reads when it goes wrong, from real runs; `docs/errors.md` is made of it.

`make errors` writes the file anew; `make test` compares what fails at once, `make long` all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aws_cdk import CfnParameter, Stack

from cdk_workmail import WorkMailRegistration
from local_aws import LocalAws
from local_aws.workmail import Behaviour, Failure, Organization, WorkMail
from tests.local.pipeline import Pipeline, StackFailed
from tests.local.test_export import keeping

DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"
ALICE = "a11ce000-1111-4111-8111-111111111111"
BOB = "b0b00000-2222-4222-8222-222222222222"

Prepare = Callable[[WorkMail, Organization], object]


@dataclass(frozen=True)
class Scenario:
    """One way to fail: alice is registered as alice@example.com, and something is not right."""

    title: str
    to_do: str
    prepare: Prepare
    changes: dict[str, Any]
    takes_minutes: bool = False


def fault(operation: str, code: str, status: int = 400) -> Prepare:
    def prepare(workmail: WorkMail, organization: Organization) -> None:
        workmail.faults.add(
            operation,
            Failure(code, status, "(what WorkMail says)"),
            times=None,
            entity=organization.entity("alice").entity_id,
        )

    return prepare


def enabled(name: str, email: str) -> Prepare:
    def prepare(workmail: WorkMail, organization: Organization) -> None:
        workmail.perform(
            "RegisterToWorkMail",
            {
                "OrganizationId": organization.organization_id,
                "EntityId": organization.entity(name).entity_id,
                "Email": email,
            },
            access_key="test",
        )

    return prepare


def nothing(workmail: WorkMail, organization: Organization) -> None:
    pass


def unverified(workmail: WorkMail, organization: Organization) -> None:
    organization.domain("example.com").verified_at = None


def deleted(workmail: WorkMail, organization: Organization) -> None:
    organization.entity("alice").delete()


def not_active(workmail: WorkMail, organization: Organization) -> None:
    organization.active_at = workmail.clock() + 1_000_000


def gone(workmail: WorkMail, organization: Organization) -> None:
    organization.deleted = True


REGISTER = "RegisterToWorkMail"
SCENARIOS = [
    Scenario(
        "The address belongs to somebody else",
        "Free the address, or declare another.",
        enabled("bob", "alice@example.com"),
        {},
    ),
    Scenario(
        "The address's domain is not the organization's",
        "Add the domain in WorkMail, or declare an address in a domain that is there.",
        nothing,
        {"email": "alice@elsewhere.example"},
    ),
    Scenario(
        "Somebody else has enabled the entity, and `adopt_existing` is `False`",
        "Take it over with `adopt_existing=True`, or find out who enabled it.",
        enabled("alice", "alice@example.com"),
        {"adopt_existing": False},
    ),
    Scenario(
        "The entity is deleted",
        "Declare an entity that exists; a deleted one does not come back.",
        deleted,
        {"entity_id": ALICE},
    ),
    Scenario(
        "The organization does not exist, or not in this Region",
        "Correct `organization_id`, or give `organization_region`.",
        nothing,
        {"organization_region": "eu-west-1"},
    ),
    Scenario("The organization is deleted", "Declare one that exists.", gone, {}),
    Scenario(
        "The organization is not active yet",
        "Wait until WorkMail shows it as active.",
        not_active,
        {},
    ),
    Scenario(
        "The directory behind the organization is read-only",
        "Set the address in the directory, where it belongs.",
        fault(REGISTER, "UnsupportedOperationException"),
        {},
    ),
    Scenario(
        "The directory refuses WorkMail",
        "Renew the credentials that WorkMail has for the directory.",
        fault(REGISTER, "DirectoryServiceAuthenticationFailedException"),
        {},
    ),
    Scenario(
        "WorkMail does not accept a value",
        "Correct it. Literals are checked at synth, so this one came from a token.",
        fault(REGISTER, "InvalidParameterException"),
        {},
    ),
    Scenario(
        "A token turns out to be no address",
        "Correct what the token refers to.",
        nothing,
        {"email": "TOKEN"},
    ),
    Scenario(
        "WorkMail answers with something undocumented",
        "Look the code up, and tell us: it deserves a sentence.",
        fault(REGISTER, "SurprisingException"),
        {},
    ),
    Scenario(
        "The entity is not there",
        "Create the user, group or resource first, or correct `entity_id`.",
        nothing,
        {"entity_id": "nobody"},
        takes_minutes=True,
    ),
    Scenario(
        "The domain is not verified",
        "Verify it in WorkMail, then deploy again.",
        unverified,
        {},
        takes_minutes=True,
    ),
    Scenario(
        "The directory is not available",
        "Check the directory, then deploy again.",
        fault(REGISTER, "DirectoryUnavailableException"),
        {},
        takes_minutes=True,
    ),
    Scenario(
        "WorkMail refuses the change of state",
        "Look at the entity in the WorkMail console: it may be in the middle of something else.",
        fault(REGISTER, "EntityStateException"),
        {},
        takes_minutes=True,
    ),
    Scenario(
        "WorkMail accepts the change and never shows it",
        "Look at the entity in the WorkMail console, then deploy again.",
        nothing,
        {},
        takes_minutes=True,
    ),
    Scenario(
        "A permission is missing",
        "Something denies what the function's own policy allows: a permission boundary, or a "
        "service control policy.",
        fault(REGISTER, "AccessDeniedException"),
        {},
        takes_minutes=True,
    ),
    Scenario(
        "WorkMail keeps failing",
        "Try again later; the AWS Health Dashboard may know more.",
        fault(REGISTER, "InternalServerError", 500),
        {},
        takes_minutes=True,
    ),
    Scenario(
        "WorkMail keeps throttling",
        "Deploy fewer registrations at a time, or try again later.",
        fault(REGISTER, "ThrottlingException"),
        {},
        takes_minutes=True,
    ),
]


def collect(local_aws: LocalAws, folder: Path, scenarios: Iterable[Scenario]) -> dict[str, str]:
    """The line of each scenario. The stacks run beside each other, since some wait for minutes."""
    pipelines: dict[str, Pipeline] = {}
    lines: dict[str, str] = {}
    try:
        for number, scenario in enumerate(scenarios):
            organization = local_aws.workmail.add_organization(
                f"errors-{number}-{scenario.takes_minutes}".lower(), domain="example.com"
            )
            unique = f"{number:04d}{'9' if scenario.takes_minutes else '1'}111"
            organization.add_user("alice", entity_id=ALICE[:-8] + unique)
            organization.add_user("bob", entity_id=BOB[:-8] + unique)
            scenario.prepare(local_aws.workmail, organization)
            pipelines[scenario.title] = pipeline = Pipeline(
                local_aws, folder, f"Errors{number}{scenario.takes_minutes}"
            )
            pipeline.begin(declare(scenario, organization))
        for title, pipeline in pipelines.items():
            with pytest.raises(StackFailed) as failed:
                pipeline.finish()
            lines[title] = readable(failed.value.reasons[0])
    finally:
        local_aws.workmail.faults.clear()
        local_aws.workmail.behaviour = Behaviour()
        for pipeline in pipelines.values():
            pipeline.destroy()
    return lines


REFUSED = "WorkMail does not take the export"
OVER = "CloudFormation's hour ends before the export"
TOO_SOON = "The mailbox was exported in the last 24 hours, and that export does not count"
FAILED = "An export fails"
REMOVALS = {
    REFUSED: "Correct the bucket, key or role of the `MailboxExport`, deploy, and delete again.",
    OVER: "Delete again: it goes on with the same export.",
    TOO_SOON: "Delete again at the time that it tells. An export counts if it went to the same "
    "bucket and is not older than `maximum_age`.",
    FAILED: "Mend what WorkMail names, then delete again.",
}


def collect_removals(local_aws: LocalAws, folder: Path) -> dict[str, str]:
    """The line of each removal, of one stack whose deletion fails in one way after the other."""
    organization = local_aws.workmail.add_organization(uuid4().hex[:12], domain="example.com")
    organization.add_user("alice", entity_id=ALICE)
    exports = local_aws.workmail.exports
    pipeline = Pipeline(local_aws, folder, f"Removals{uuid4().hex[:12]}")
    lines: dict[str, str] = {}

    def fail_to_destroy(title: str) -> None:
        before = len(pipeline.reasons())
        with pytest.raises(StackFailed) as failed:
            pipeline.destroy()
        lines[title] = readable(failed.value.reasons[before])

    pipeline.deploy(keeping(organization, "alice", timeout=12, service_timeout=60))
    try:
        fault("StartMailboxExportJob", "InvalidParameterException")(
            local_aws.workmail, organization
        )
        fail_to_destroy(REFUSED)
        local_aws.workmail.faults.clear()
        exports.hold()
        fail_to_destroy(OVER)
        exports.cancel(organization.organization_id, exports.jobs[-1].job_id, Behaviour())
        fail_to_destroy(TOO_SOON)
        exports.reset()
        exports.fail_next("(what WorkMail says)")
        fail_to_destroy(FAILED)
    finally:
        exports.reset()
        local_aws.workmail.faults.clear()
        pipeline.destroy()
        exports.reset()
    return lines


def removal_chapters(lines: dict[str, str]) -> list[str]:
    return [f"### {title}\n\n> {lines[title]}\n\n{REMOVALS[title]}\n" for title in REMOVALS]


def declare(scenario: Scenario, organization: Organization) -> Callable[[Stack], None]:
    def define(stack: Stack) -> None:
        options = {
            "organization_id": organization.organization_id,
            "entity_id": "alice",
            "email": "alice@example.com",
            **scenario.changes,
        }
        if options["email"] == "TOKEN":
            options["email"] = CfnParameter(stack, "Email", default="alice").value_as_string
        if options["entity_id"] == ALICE:
            options["entity_id"] = next(
                entity.entity_id for entity in organization.entities.values()
            )
        WorkMailRegistration(stack, "Alice", **options)

    return define


def readable(reason: str) -> str:
    """The line with the sample's ids, and without what is different in each run."""
    reason = re.sub(r"m-[0-9a-f]{32}", "m-0123456789abcdef0123456789abcdef", reason)
    reason = re.sub(r"(a11ce000-1111-4111-8111-1111)[0-9]{8}", ALICE, reason)
    reason = re.sub(r"(b0b00000-2222-4222-8222-2222)[0-9]{8}", BOB, reason)
    reason = re.sub(r"job [0-9a-f-]{36}", "job 5f0c3a8e-...", reason)
    reason = re.sub(r"removals[0-9a-z-]+", "the-bucket", reason)
    reason = re.sub(r"at [0-9]+ %", "at 38 %", reason)
    reason = re.sub(r"20[0-9-]{8} [0-9:]{5} UTC", "2026-12-01 09:30 UTC", reason)
    return re.sub(r"\[log group .*, log stream .*\]$", "[log group ..., log stream ...]", reason)


def chapter(scenario: Scenario, line: str) -> str:
    return f"### {scenario.title}\n\n> {line}\n\n{scenario.to_do}\n"


def chapters(scenarios: Iterable[Scenario], lines: dict[str, str]) -> list[str]:
    return [chapter(scenario, lines[scenario.title]) for scenario in scenarios]


INTRODUCTION = """\
# What you read when it goes wrong

`cdk deploy` prints one line for a registration that fails: what failed, on what, and what to do. It
ends with where the log is. Each line here comes from a deployment on the embedded AWS that failed
in this way; `make errors` collects them anew, which takes ten minutes.

After a failed deployment CloudFormation rolls back. What the deployment enabled is disabled again,
and what it found enabled stays as it was.
"""
AT_ONCE = "\n## Fails at once\n\n"
LATER = """
## Fails after waiting

What may settle by itself is waited for; the line says how long that was.

"""
REMOVING = """
## Fails in a removal with `SNAPSHOT`

The mailbox stays enabled, and the removal can be done again. [Winding down](winding-down.md) tells
how long what takes.

"""
AT_SYNTH = """
## Fails at synth

What is wrong in the call itself is a `ValueError` with the construct's path, the value, and what is
allowed: ids and addresses that break WorkMail's patterns, a Region without WorkMail, the same
entity or address twice in a stack.
"""


@pytest.fixture
def scenarios_that_fail_at_once() -> list[Scenario]:
    return [scenario for scenario in SCENARIOS if not scenario.takes_minutes]


@pytest.fixture
def scenarios_that_wait() -> list[Scenario]:
    return [scenario for scenario in SCENARIOS if scenario.takes_minutes]


def test_what_fails_at_once_reads_as_documented(
    local_aws: LocalAws, tmp_path: Path, scenarios_that_fail_at_once: list[Scenario]
) -> None:
    lines = collect(local_aws, tmp_path, scenarios_that_fail_at_once)
    written = DOCUMENT.read_text()
    for text in chapters(scenarios_that_fail_at_once, lines):
        assert text in written


def test_what_fails_in_a_removal_reads_as_documented(local_aws: LocalAws, tmp_path: Path) -> None:
    written = DOCUMENT.read_text()
    for text in removal_chapters(collect_removals(local_aws, tmp_path)):
        assert text in written


@pytest.mark.long
def test_everything_reads_as_documented(
    local_aws: LocalAws,
    tmp_path: Path,
    scenarios_that_fail_at_once: list[Scenario],
    scenarios_that_wait: list[Scenario],
) -> None:
    at_once = collect(local_aws, tmp_path, scenarios_that_fail_at_once)
    local_aws.workmail.behaviour = Behaviour(settle_delay=3600)
    later = collect(local_aws, tmp_path, scenarios_that_wait)
    document = (
        INTRODUCTION
        + AT_ONCE
        + "\n".join(chapters(scenarios_that_fail_at_once, at_once))
        + LATER
        + "\n".join(chapters(scenarios_that_wait, later))
        + REMOVING
        + "\n".join(removal_chapters(collect_removals(local_aws, tmp_path)))
        + AT_SYNTH
    )
    if os.environ.get("WRITE_DOCUMENTS"):
        DOCUMENT.write_text(document)
    assert DOCUMENT.read_text() == document
