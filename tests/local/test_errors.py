"""What a person reads when it goes wrong, from real runs; `docs/errors.md` is made of it.

`make errors` writes the file anew; `make test` compares what fails at once, `make long` all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aws_cdk import CfnParameter, RemovalPolicy, SecretValue, Stack
from aws_cdk import aws_secretsmanager as secretsmanager

from cdk_workmail import (
    WorkMailGroup,
    WorkMailRegistration,
    WorkMailResource,
    WorkMailResourceType,
    WorkMailUser,
)
from local_aws import ACCOUNT_ID, LocalAws
from local_aws.workmail import Behaviour, Failure, Organization, WorkMail
from local_aws.workmail.entities import Moment
from tests.local.pipeline import Pipeline, StackFailed
from tests.local.test_export import keeping

DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"
ALICE = "a11ce000-1111-4111-8111-111111111111"
BOB = "b0b00000-2222-4222-8222-222222222222"
SALES = "5a1e5000-3333-4333-8333-333333333333"
BLUE_ROOM = "r-b1e00000444444448444444444444444"

Prepare = Callable[[WorkMail, Organization], object]
Declare = Callable[[Organization, Stack], object]


def declaring(construct: Callable[..., object], **options: Any) -> Declare:
    def declare(organization: Organization, stack: Stack) -> None:
        construct(stack, "Declared", organization_id=organization.organization_id, **options)

    return declare


def registration(**changes: Any) -> Declare:
    return declaring(
        WorkMailRegistration, **{"entity_id": "alice", "email": "alice@example.com", **changes}
    )


def registration_of_a_token(organization: Organization, stack: Stack) -> None:
    token = CfnParameter(stack, "Email", default="alice").value_as_string
    registration(email=token)(organization, stack)


def registration_by_id(organization: Organization, stack: Stack) -> None:
    registration(entity_id=id_of("alice", organization))(organization, stack)


def user(**changes: Any) -> Declare:
    return declaring(WorkMailUser, **{"name": "alice", "display_name": "Alice", **changes})


def user_with_a_weak_password(organization: Organization, stack: Stack) -> None:
    secret = secretsmanager.Secret(
        stack, "Password", secret_string_value=SecretValue.unsafe_plain_text("weak")
    )
    user(name="carol", password=secret)(organization, stack)


def user_with_a_lost_password(organization: Organization, stack: Stack) -> None:
    secret = secretsmanager.Secret.from_secret_complete_arn(
        stack, "Password", f"arn:aws:secretsmanager:us-east-1:{ACCOUNT_ID}:secret:lost-AbCdEf"
    )
    user(name="carol", password=secret)(organization, stack)


def sales_with(*members: str) -> Declare:
    return declaring(WorkMailGroup, name="sales", members=members)


def sales_with_bob_by_id(organization: Organization, stack: Stack) -> None:
    sales_with(id_of("bob", organization))(organization, stack)


def id_of(name: str, organization: Organization) -> str:
    """Also of an entity that is deleted, which nobody finds by its name."""
    return next(e.entity_id for e in organization.entities.values() if e.name == name)


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
        # It shows at once, also while other changes do not.
        organization.entity(name).enable(email, Moment(workmail.clock(), Behaviour()))

    return prepare


def deleted(name: str) -> Prepare:
    def prepare(workmail: WorkMail, organization: Organization) -> None:
        organization.entity(name).delete()

    return prepare


def nothing(workmail: WorkMail, organization: Organization) -> None:
    pass


def unverified(workmail: WorkMail, organization: Organization) -> None:
    organization.domain("example.com").verified_at = None


def not_active(workmail: WorkMail, organization: Organization) -> None:
    organization.active_at = workmail.clock() + 1_000_000


def gone(workmail: WorkMail, organization: Organization) -> None:
    organization.deleted = True


def vanished(workmail: WorkMail, organization: Organization) -> None:
    del organization.entities[id_of("alice", organization)]


def sales(workmail: WorkMail, organization: Organization) -> None:
    organization.add_group("sales", entity_id=SALES)


def blue_room(workmail: WorkMail, organization: Organization) -> None:
    organization.add_resource("blue-room", entity_id=BLUE_ROOM)


REGISTRATION = registration()


@dataclass(frozen=True)
class Scenario:
    """One way to fail, in an organization that has the users alice and bob.

    What was declared `before` is deployed, then something is prepared that is not right, then what
    is declared fails. With None instead the stack is deleted.
    """

    title: str
    to_do: str
    prepare: Prepare = nothing
    declare: Declare | None = REGISTRATION
    before: Declare | None = None
    takes_minutes: bool = False


REGISTER = "RegisterToWorkMail"
REGISTRATIONS = [
    Scenario(
        "The address belongs to somebody else",
        "Free the address, or declare another.",
        enabled("bob", "alice@example.com"),
    ),
    Scenario(
        "An alias belongs to somebody else",
        "Free the address, or leave it out.",
        enabled("bob", "orders@example.com"),
        registration(aliases=["orders@example.com"]),
    ),
    Scenario(
        "The entity has as many aliases as WorkMail allows",
        "Declare fewer, or remove some in WorkMail: those that nobody declares count too.",
        fault("CreateAlias", "LimitExceededException"),
        registration(aliases=["orders@example.com"]),
    ),
    Scenario(
        "The address's domain is not the organization's",
        "Add the domain in WorkMail, or declare an address in a domain that is there.",
        declare=registration(email="alice@elsewhere.example"),
    ),
    Scenario(
        "Somebody else has enabled the entity, and `adopt_existing` is `False`",
        "Take it over with `adopt_existing=True`, or find out who enabled it.",
        enabled("alice", "alice@example.com"),
        registration(adopt_existing=False),
    ),
    Scenario(
        "The entity is deleted",
        "Declare an entity that exists; a deleted one does not come back.",
        deleted("alice"),
        registration_by_id,
    ),
    Scenario(
        "The organization does not exist, or not in this Region",
        "Correct `organization_id`, or give `organization_region`.",
        declare=registration(organization_region="eu-west-1"),
    ),
    Scenario("The organization is deleted", "Declare one that exists.", gone),
    Scenario(
        "The organization is not active yet",
        "Wait until WorkMail shows it as active.",
        not_active,
    ),
    Scenario(
        "The directory behind the organization is read-only",
        "Set the address in the directory, where it belongs.",
        fault(REGISTER, "UnsupportedOperationException"),
    ),
    Scenario(
        "The directory refuses WorkMail",
        "Renew the credentials that WorkMail has for the directory.",
        fault(REGISTER, "DirectoryServiceAuthenticationFailedException"),
    ),
    Scenario(
        "WorkMail does not accept a value",
        "Correct it. Literals are checked at synth, so this one came from a token.",
        fault(REGISTER, "InvalidParameterException"),
    ),
    Scenario(
        "A token turns out to be no address",
        "Correct what the token refers to.",
        declare=registration_of_a_token,
    ),
    Scenario(
        "WorkMail answers with something undocumented",
        "Look the code up, and tell us: it deserves a sentence.",
        fault(REGISTER, "SurprisingException"),
    ),
    Scenario(
        "The entity is not there",
        "Create the user, group or resource first, or correct `entity_id`.",
        declare=registration(entity_id="nobody"),
        takes_minutes=True,
    ),
    Scenario(
        "The domain is not verified",
        "Verify it in WorkMail, then deploy again.",
        unverified,
        takes_minutes=True,
    ),
    Scenario(
        "The directory is not available",
        "Check the directory, then deploy again.",
        fault(REGISTER, "DirectoryUnavailableException"),
        takes_minutes=True,
    ),
    Scenario(
        "WorkMail refuses the change of state",
        "Look at the entity in the WorkMail console: it may be in the middle of something else.",
        fault(REGISTER, "EntityStateException"),
        takes_minutes=True,
    ),
    Scenario(
        "WorkMail accepts the change and never shows it",
        "Look at the entity in the WorkMail console, then deploy again.",
        takes_minutes=True,
    ),
    Scenario(
        "A permission is missing",
        "Something denies what the function's own policy allows: a permission boundary, or a "
        "service control policy.",
        fault(REGISTER, "AccessDeniedException"),
        takes_minutes=True,
    ),
    Scenario(
        "WorkMail keeps failing",
        "Try again later; the AWS Health Dashboard may know more.",
        fault(REGISTER, "InternalServerError", 500),
        takes_minutes=True,
    ),
    Scenario(
        "WorkMail keeps throttling",
        "Deploy fewer registrations at a time, or try again later.",
        fault(REGISTER, "ThrottlingException"),
        takes_minutes=True,
    ),
]

ENTITIES = [
    Scenario(
        "The name of a user has changed",
        "Declare the old name. Another construct makes another user, with another mailbox.",
        declare=user(name="alicia"),
        before=user(),
    ),
    Scenario(
        "The user is there already, and `adopt_existing` is `False`",
        "Take the user over with `adopt_existing=True`, or declare another name.",
        declare=user(adopt_existing=False),
    ),
    Scenario(
        "Something else has the name",
        "Declare another name, or what has it by its own kind: here a `WorkMailGroup`.",
        sales,
        user(name="sales"),
    ),
    Scenario(
        "WorkMail reserves the name",
        "Declare another.",
        declare=user(name="administrator"),
    ),
    Scenario(
        "WorkMail does not accept the password",
        "Put a better one into the secret, then deploy again. There is no user yet.",
        declare=user_with_a_weak_password,
    ),
    Scenario(
        "The secret with the password cannot be read",
        "See that it is there, in the stack's Region, and not about to be deleted.",
        declare=user_with_a_lost_password,
    ),
    Scenario(
        "A member is deleted",
        "Declare who exists; a deleted one does not come back. With a delegate it is the same.",
        deleted("bob"),
        sales_with_bob_by_id,
    ),
    Scenario(
        "A resource neither accepts requests by itself nor has a delegate",
        "Declare `delegates`, or leave `auto_accept_requests` at `True`.",
        blue_room,
        declaring(
            WorkMailResource,
            name="blue-room",
            type=WorkMailResourceType.ROOM,
            auto_accept_requests=False,
        ),
    ),
    Scenario(
        "A member is not in the organization",
        "Create the member first, or correct the name or id. With a delegate it is the same.",
        declare=sales_with("nobody"),
        takes_minutes=True,
    ),
    Scenario(
        "A group or a member is not enabled",
        "Enable both, with `enable()` if they are declared in the stack.",
        sales,
        sales_with("bob"),
        takes_minutes=True,
    ),
    Scenario(
        "WorkMail does not find the user that it had",
        "If the user is deleted for good, declare another construct, which makes another user.",
        vanished,
        user(display_name="Alice Liddell"),
        before=user(),
        takes_minutes=True,
    ),
    Scenario(
        "A user with `DESTROY` is still enabled, not by this stack",
        "Disable the user in WorkMail if the mailbox is to go, then delete again.",
        enabled("alice", "alice@example.com"),
        None,
        before=user(removal_policy=RemovalPolicy.DESTROY),
        takes_minutes=True,
    ),
]


def fails_at_once(scenarios: Iterable[Scenario]) -> list[Scenario]:
    return [scenario for scenario in scenarios if not scenario.takes_minutes]


def waits(scenarios: Iterable[Scenario]) -> list[Scenario]:
    return [scenario for scenario in scenarios if scenario.takes_minutes]


def collect(local_aws: LocalAws, folder: Path, scenarios: Iterable[Scenario]) -> dict[str, str]:
    """The line of each scenario. The stacks run beside each other, since some wait for minutes."""
    organizations: list[Organization] = []
    pipelines: dict[str, Pipeline] = {}
    lines: dict[str, str] = {}
    try:
        for number, scenario in enumerate(scenarios):
            name = f"errors-{number}-{scenario.takes_minutes}".lower()
            organization = local_aws.workmail.add_organization(name, domain="example.com")
            organizations.append(organization)
            unique = f"{number:04d}{'9' if scenario.takes_minutes else '1'}111"
            organization.add_user("alice", entity_id=ALICE[:-8] + unique)
            organization.add_user("bob", entity_id=BOB[:-8] + unique)
            pipelines[scenario.title] = pipeline = Pipeline(local_aws, folder, name)
            begin(scenario, pipeline, local_aws.workmail, organization)
        for title, pipeline in pipelines.items():
            with pytest.raises(StackFailed) as failed:
                pipeline.finish()
            lines[title] = readable(failed.value.reasons[0])
    finally:
        local_aws.workmail.faults.clear()
        local_aws.workmail.behaviour = Behaviour()
        for organization in organizations:
            # Nothing keeps a stack from being deleted then.
            organization.deleted = True
        for pipeline in pipelines.values():
            pipeline.destroy()
    return lines


def begin(
    scenario: Scenario, pipeline: Pipeline, workmail: WorkMail, organization: Organization
) -> None:
    """Begins what is going to fail."""
    if scenario.before:
        pipeline.deploy(partial(scenario.before, organization))
    scenario.prepare(workmail, organization)
    if scenario.declare:
        pipeline.begin(partial(scenario.declare, organization))
    else:
        pipeline.begin_to_destroy()


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
        exports.cancel(organization.organization_id, exports.jobs[-1].job_id)
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


def chapters(scenarios: Iterable[Scenario], lines: dict[str, str]) -> list[str]:
    return [f"### {each.title}\n\n> {lines[each.title]}\n\n{each.to_do}\n" for each in scenarios]


INTRODUCTION = """\
# What you read when it goes wrong

`cdk deploy` prints one line for what fails: what failed, on what, and what to do. It ends with
where the log is. Each line here comes from a deployment on the embedded AWS that failed in this
way; `make errors` collects them anew, which takes ten minutes.

After a failed deployment CloudFormation rolls back. What the deployment enabled is disabled again,
and what it found enabled stays as it was. Users, groups and resources that it created stay.

What may settle by itself is waited for; the line says how long that was.
"""
REGISTRATIONS_AT_ONCE = "\n## Registrations and aliases: at once\n\n"
REGISTRATIONS_LATER = "\n## Registrations and aliases: after waiting\n\n"
REMOVING = """
## Registrations: removal with `SNAPSHOT`

The mailbox stays enabled, and the removal can be done again. [Winding down](winding-down.md) tells
how long what takes.

"""
ENTITIES_AT_ONCE = "\n## Users, groups and resources: at once\n\n"
ENTITIES_LATER = "\n## Users, groups and resources: after waiting\n\n"
AT_SYNTH = """
## At synth

What is wrong in the call itself is a `ValueError` with the construct's path, the value, and what is
allowed: ids, names and addresses that break WorkMail's patterns, a Region without WorkMail, the
same entity, name or address twice in a stack.
"""


def test_what_fails_at_once_reads_as_documented(local_aws: LocalAws, tmp_path: Path) -> None:
    scenarios = fails_at_once(REGISTRATIONS + ENTITIES)
    lines = collect(local_aws, tmp_path, scenarios)
    written = DOCUMENT.read_text()
    for text in chapters(scenarios, lines):
        assert text in written


def test_what_fails_in_a_removal_reads_as_documented(local_aws: LocalAws, tmp_path: Path) -> None:
    written = DOCUMENT.read_text()
    for text in removal_chapters(collect_removals(local_aws, tmp_path)):
        assert text in written


@pytest.mark.long
def test_everything_reads_as_documented(local_aws: LocalAws, tmp_path: Path) -> None:
    lines = collect(local_aws, tmp_path, fails_at_once(REGISTRATIONS + ENTITIES))
    local_aws.workmail.behaviour = Behaviour(settle_delay=3600)
    lines |= collect(local_aws, tmp_path, waits(REGISTRATIONS + ENTITIES))
    document = (
        INTRODUCTION
        + REGISTRATIONS_AT_ONCE
        + "\n".join(chapters(fails_at_once(REGISTRATIONS), lines))
        + REGISTRATIONS_LATER
        + "\n".join(chapters(waits(REGISTRATIONS), lines))
        + REMOVING
        + "\n".join(removal_chapters(collect_removals(local_aws, tmp_path)))
        + ENTITIES_AT_ONCE
        + "\n".join(chapters(fails_at_once(ENTITIES), lines))
        + ENTITIES_LATER
        + "\n".join(chapters(waits(ENTITIES), lines))
        + AT_SYNTH
    )
    if os.environ.get("WRITE_DOCUMENTS"):
        DOCUMENT.write_text(document)
    assert DOCUMENT.read_text() == document
