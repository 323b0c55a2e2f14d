"""The messages of failed deployments, from real runs: `docs/errors.md` is generated from them.

`make errors` writes the file; `make test` compares what fails at once, `make long` all.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aws_cdk import CfnParameter, RemovalPolicy, SecretValue, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from cdk_workmail import (
    WorkMailGroup,
    WorkMailRegistration,
    WorkMailResource,
    WorkMailResourceType,
    WorkMailRoster,
    WorkMailUser,
)
from local_aws import ACCOUNT_ID, LocalAws
from local_aws.workmail import Behaviour, ExportJob, Failure, Organization, WorkMail
from local_aws.workmail.entities import Moment
from tests.local.pipeline import Pipeline, StackFailed, exported, states

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


def user_with_a_missing_password(organization: Organization, stack: Stack) -> None:
    secret = secretsmanager.Secret.from_secret_complete_arn(
        stack, "Password", f"arn:aws:secretsmanager:us-east-1:{ACCOUNT_ID}:secret:lost-AbCdEf"
    )
    user(name="carol", password=secret)(organization, stack)


def user_with_a_short_timeout(organization: Organization, stack: Stack) -> None:
    """The function waits for ten seconds, not for two minutes."""
    user(name="carol")(organization, stack)
    for construct in stack.node.find_all():
        if isinstance(construct, lambda_.CfnFunction):
            construct.timeout = 12


def roster(size: int, organization_id: str | None = None) -> Declare:
    def declare(organization: Organization, stack: Stack) -> None:
        names = [f"user{number:02}" for number in range(size)]
        source = {
            "organization_id": organization_id or organization.organization_id,
            "users": {
                name: {"name": name, "display_name": name, "email": f"{name}@example.com"}
                for name in names
            },
        }
        WorkMailRoster(stack, "Declared", source=source)

    return declare


def sales_with(*members: str) -> Declare:
    return declaring(WorkMailGroup, name="sales", members=members)


def sales_with_bob_by_id(organization: Organization, stack: Stack) -> None:
    sales_with(id_of("bob", organization))(organization, stack)


def id_of(name: str, organization: Organization) -> str:
    """Also of a deleted entity, which is not found by its name."""
    return next(e.entity_id for e in organization.entities.values() if e.name == name)


def fault(operation: str, code: str, status: int = 400, entity: str = "alice") -> Prepare:
    def prepare(workmail: WorkMail, organization: Organization) -> None:
        workmail.faults.add(
            operation,
            Failure(code, status, "what WorkMail says"),
            times=None,
            entity=organization.entity(entity).entity_id,
        )

    return prepare


def enabled(name: str, email: str) -> Prepare:
    def prepare(workmail: WorkMail, organization: Organization) -> None:
        # This shows at once, also where other changes do not.
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


def name_kept(workmail: WorkMail, organization: Organization) -> None:
    carol = organization.add_user("carol")
    carol.delete()
    carol.name_kept_until = workmail.clock() + 1_000_000


def sales(workmail: WorkMail, organization: Organization) -> None:
    organization.add_group("sales", entity_id=SALES)


def sales_with_member(workmail: WorkMail, organization: Organization) -> None:
    group = organization.add_group("sales", entity_id=SALES)
    group.members.append(id_of("alice", organization))


def enabled_with_alias(workmail: WorkMail, organization: Organization) -> None:
    enabled("alice", "alice@example.com")(workmail, organization)
    organization.entity("alice").aliases.append("info@example.com")


def blue_room(workmail: WorkMail, organization: Organization) -> None:
    organization.add_resource("blue-room", entity_id=BLUE_ROOM)


REGISTRATION = registration()


@dataclass(frozen=True)
class Scenario:
    """One failure, in an organization with the users alice and bob.

    `elsewhere` is deployed in another stack, then `before` in this one. Then comes `prepare`, and
    `declare` fails, or the deletion of the stack if that is None.
    """

    title: str
    to_do: str
    prepare: Prepare = nothing
    declare: Declare | None = REGISTRATION
    before: Declare | None = None
    elsewhere: Declare | None = None
    takes_minutes: bool = False


REGISTER = "RegisterToWorkMail"
REGISTRATIONS = [
    Scenario(
        "The address is in use",
        "Free the address, or declare another.",
        enabled("bob", "alice@example.com"),
    ),
    Scenario(
        "An alias is in use",
        "Free the address, or do not declare it.",
        enabled("bob", "orders@example.com"),
        registration(aliases=["orders@example.com"]),
    ),
    Scenario(
        "The entity has as many aliases as WorkMail allows",
        "Declare fewer, or remove some in WorkMail: aliases that are not declared count too.",
        fault("CreateAlias", "LimitExceededException"),
        registration(aliases=["orders@example.com"]),
    ),
    Scenario(
        "The domain of the address is not in the organization",
        "Add the domain in WorkMail, or declare an address in one of its domains.",
        declare=registration(email="alice@elsewhere.example"),
    ),
    Scenario(
        "The entity is enabled already, and `adopt_existing` is `False`",
        "Adopt the entity with `adopt_existing=True`, or find out what manages it.",
        enabled("alice", "alice@example.com"),
        registration(adopt_existing=False),
    ),
    Scenario(
        "Another stack declares the entity, and `adopt_existing` is `False`",
        "Adopt the entity with `adopt_existing=True`: then the last stack that declares it "
        "disables it.",
        declare=registration(adopt_existing=False),
        elsewhere=REGISTRATION,
    ),
    Scenario(
        "The entity is enabled under another address",
        "Declare the address that it has. Change it in a second deployment: a rollback of that one "
        "restores the address.",
        enabled("alice", "liddell@example.com"),
    ),
    Scenario(
        "The entity has aliases that are not declared, and `remove_other_aliases` is `True`",
        "Declare them, and remove them in a second deployment: a rollback of that one restores "
        "them.",
        enabled_with_alias,
        registration(aliases=["orders@example.com"], remove_other_aliases=True),
    ),
    Scenario(
        "The entity is deleted",
        "Declare an entity that exists. A deleted entity cannot be restored.",
        deleted("alice"),
        registration_by_id,
    ),
    Scenario(
        "The organization does not exist, or not in this Region",
        "Correct `organization_id`, or set `organization_region`.",
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
        "Set the address in the directory.",
        fault(REGISTER, "UnsupportedOperationException"),
    ),
    Scenario(
        "The directory refuses WorkMail",
        "Renew the credentials that WorkMail uses for the directory.",
        fault(REGISTER, "DirectoryServiceAuthenticationFailedException"),
    ),
    Scenario(
        "WorkMail does not accept a value",
        "Correct the value. Literals are checked at synth, so this one came from a token.",
        fault(REGISTER, "InvalidParameterException"),
    ),
    Scenario(
        "A token does not resolve to an address",
        "Correct what the token refers to.",
        declare=registration_of_a_token,
    ),
    Scenario(
        "WorkMail responds with an undocumented error",
        "Look up the code, then report it: it has no message of its own yet.",
        fault(REGISTER, "SurprisingException"),
    ),
    Scenario(
        "The entity does not exist",
        "Create the user, group or resource first, or correct `entity_id`.",
        declare=registration(entity_id="carl"),
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
        "Look at the entity in the WorkMail console: another change may be in progress.",
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
        "Look for a permission boundary or a service control policy: they can deny what the "
        "function's own policy allows.",
        fault(REGISTER, "AccessDeniedException"),
        takes_minutes=True,
    ),
    Scenario(
        "WorkMail keeps failing",
        "Look at the AWS Health Dashboard, and try again later.",
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
        "The declared name of a user has changed",
        "Declare the old name. Another construct creates another user, with another mailbox.",
        declare=user(name="alicia"),
        before=user(),
    ),
    Scenario(
        "The user exists already, and `adopt_existing` is `False`",
        "Adopt the user with `adopt_existing=True`, or declare another name.",
        declare=user(adopt_existing=False),
    ),
    Scenario(
        "The name is in use by another kind of entity",
        "Declare another name, or declare that entity: here as a `WorkMailGroup`.",
        sales,
        user(name="sales"),
    ),
    Scenario(
        "WorkMail reserves the name",
        "Declare another name.",
        declare=user(name="administrator"),
    ),
    Scenario(
        "WorkMail does not accept the password",
        "Store another password in the secret, then deploy again. The user was not created.",
        declare=user_with_a_weak_password,
    ),
    Scenario(
        "The secret with the password cannot be read",
        "Check that the secret exists in the stack's Region and is not scheduled for deletion.",
        declare=user_with_a_missing_password,
    ),
    Scenario(
        "A member is deleted",
        "Declare a member that exists. The same rule holds for delegates.",
        deleted("bob"),
        sales_with_bob_by_id,
    ),
    Scenario(
        "A group has members that are not declared",
        "Declare them, and remove them in a second deployment: a rollback of that one restores "
        "them. The same rule holds for delegates.",
        sales_with_member,
        sales_with("bob"),
    ),
    Scenario(
        "A resource does not accept requests automatically and has no delegate",
        "Declare `delegates`, or keep `auto_accept_requests` at `True`.",
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
        "Create the member first, or correct its name or id. The same rule holds for delegates.",
        declare=sales_with("carl"),
        takes_minutes=True,
    ),
    Scenario(
        "A group or a member is not enabled",
        "Enable both. If the stack declares them, call `enable()`.",
        sales,
        sales_with("bob"),
        takes_minutes=True,
    ),
    Scenario(
        "The user of a deployed stack no longer exists",
        "If the user was deleted, declare another construct: it creates another user.",
        vanished,
        user(display_name="Alice Liddell"),
        before=user(),
        takes_minutes=True,
    ),
    Scenario(
        "The name is in use by an entity that WorkMail does not show",
        "Declare another name, or deploy again later: WorkMail may keep the name of an entity that "
        "was just deleted.",
        name_kept,
        user_with_a_short_timeout,
        takes_minutes=True,
    ),
    Scenario(
        "A user with `DESTROY` is enabled outside the stack",
        "Disable the user in WorkMail if it is to be deleted, then delete again.",
        enabled("alice", "alice@example.com"),
        None,
        before=user(removal_policy=RemovalPolicy.DESTROY),
        takes_minutes=True,
    ),
]

UPDATES = [
    Scenario(
        "An update would remove more entries of a roster than `maximum_removals`",
        "Compare the file with the deployed one: nothing was changed. Set `maximum_removals` only "
        "if all of these entries are to be removed.",
        declare=roster(8),
        before=roster(12),
    ),
    Scenario(
        "A roster declares another organization",
        "Declare the new roster beside the old one. If you remove the old one, the removal "
        "policies of its mailboxes apply, and `maximum_removals` does not.",
        declare=roster(1, f"m-{'0' * 32}"),
        before=roster(1),
    ),
    Scenario(
        "An update fails, and what it enabled cannot be disabled again",
        "The message ends with the reason of the failed update. Correct that, then deploy again.",
        fault(
            "DeregisterFromWorkMail", "DirectoryServiceAuthenticationFailedException", entity="bob"
        ),
        registration(entity_id="bob", email="bob@example.com", aliases=["bob@elsewhere.example"]),
        before=REGISTRATION,
    ),
]


def fails_at_once(scenarios: Iterable[Scenario]) -> list[Scenario]:
    return [scenario for scenario in scenarios if not scenario.takes_minutes]


def waits(scenarios: Iterable[Scenario]) -> list[Scenario]:
    return [scenario for scenario in scenarios if scenario.takes_minutes]


def collect(local_aws: LocalAws, folder: Path, scenarios: Iterable[Scenario]) -> dict[str, str]:
    """The message of each scenario. The stacks run in parallel, because some wait for minutes."""
    organizations: list[Organization] = []
    others: list[Pipeline] = []
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
            if scenario.elsewhere:
                others.append(Pipeline(local_aws, folder, f"{name}-other"))
                others[-1].deploy(partial(scenario.elsewhere, organization))
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
            # Then every stack can be deleted.
            organization.deleted = True
        for pipeline in (*pipelines.values(), *others):
            pipeline.destroy()
    return lines


def begin(
    scenario: Scenario, pipeline: Pipeline, workmail: WorkMail, organization: Organization
) -> None:
    """Begins the operation that fails."""
    if scenario.before:
        pipeline.deploy(partial(scenario.before, organization))
    scenario.prepare(workmail, organization)
    if scenario.declare:
        pipeline.begin(partial(scenario.declare, organization))
    else:
        pipeline.begin_to_destroy()


REFUSED = "WorkMail refuses the export"
OVER = "The export lasts longer than CloudFormation waits"
TOO_SOON = "The mailbox was exported in the last 24 hours, and that export cannot stand in"
FAILED = "An export fails"
ENABLED_AGAIN = "The mailbox is enabled again during its export"
NOT_STORED = "The export is complete, and its archive is not in the bucket"
REMOVALS = {
    REFUSED: "Correct the bucket, key or role of the `MailboxExport`, deploy, then delete again.",
    OVER: "Delete again: it continues with the same export.",
    TOO_SOON: "Delete again after that time. An export stands in if it went to the same bucket, "
    "began after the mailbox was last enabled, and is not older than `maximum_age`.",
    FAILED: "Correct what WorkMail names, then delete again.",
    ENABLED_AGAIN: "Delete again 24 hours after the export began.",
    NOT_STORED: "Restore the archive, or delete again 24 hours after the export began: then "
    "WorkMail exports the mailbox again.",
}


def collect_removals(local_aws: LocalAws, folder: Path, *, rare: bool) -> dict[str, str]:
    """The message of each removal, `rare` ones too. One stack is deleted again and again."""
    organization = local_aws.workmail.add_organization(uuid4().hex[:12], domain="example.com")
    organization.add_user("alice", entity_id=ALICE)
    workmail, exports = local_aws.workmail, local_aws.workmail.exports
    pipeline = Pipeline(local_aws, folder, f"Removals{uuid4().hex[:12]}")
    lines: dict[str, str] = {}

    def fail_to_destroy(title: str, meanwhile: Callable[[], object] | None = None) -> None:
        """`meanwhile` is done during the export, which is held until then."""
        pipeline.begin_to_destroy()
        if meanwhile:
            wait_until(lambda: bool(exports.jobs))
            meanwhile()
            exports.release()
        with pytest.raises(StackFailed) as failed:
            pipeline.finish_destroying()
        # Only the function's reason has a log group: what it needs is kept, which fails too.
        lines[title] = readable([each for each in failed.value.reasons if "[log group" in each][-1])
        assert states(organization)["alice"] == "ENABLED"

    pipeline.deploy(exported(organization, "alice", timeout=12, service_timeout=60))
    try:
        fault("StartMailboxExportJob", "InvalidParameterException")(workmail, organization)
        fail_to_destroy(REFUSED)
        workmail.faults.clear()
        exports.hold()
        fail_to_destroy(OVER)
        exports.cancel(organization.organization_id, exports.jobs[-1].job_id)
        fail_to_destroy(TOO_SOON)
        exports.reset()
        exports.fail_next("what WorkMail says")
        fail_to_destroy(FAILED)
        if rare:
            exports.reset()
            exports.hold()
            enabled_again = partial(enabled("alice", "alice@example.com"), workmail, organization)
            fail_to_destroy(ENABLED_AGAIN, enabled_again)
            exports.reset()
            exports.hold()
            fail_to_destroy(NOT_STORED, lambda: lose_archive(exports.jobs[-1]))
    finally:
        exports.reset()
        workmail.faults.clear()
        pipeline.destroy()
        exports.reset()
    return lines


def lose_archive(job: ExportJob) -> None:
    job.write = lambda archive: None


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("the condition did not become true")


def removal_chapters(lines: dict[str, str]) -> list[str]:
    return [f"### {title}\n\n> {lines[title]}\n\n{REMOVALS[title]}\n" for title in lines]


def readable(reason: str) -> str:
    """The message with the ids of the documents, and without what differs in each run."""
    reason = re.sub(r"m-[0-9a-f]{32}", "m-0123456789abcdef0123456789abcdef", reason)
    reason = re.sub(r"(a11ce000-1111-4111-8111-1111)[0-9]{8}", ALICE, reason)
    reason = re.sub(r"(b0b00000-2222-4222-8222-2222)[0-9]{8}", BOB, reason)
    reason = re.sub(r"job [0-9a-f-]{36}", "job 5f0c3a8e-...", reason)
    reason = re.sub(r"removals[0-9a-z-]+", "the-bucket", reason)
    reason = re.sub(r"Declared\w+ of stack [\w-]+", "Alice of stack Other", reason)
    # A function with a short timeout has waited as long as it could.
    reason = re.sub(r"waited [0-9]{1,2} s", "waited ... s", reason)
    reason = re.sub(r"at [0-9]+ %", "at 38 %", reason)
    reason = re.sub(r"20[0-9-]{8} [0-9:]{5} UTC", "2026-12-01 09:30 UTC", reason)
    return re.sub(r"\[log group .*, log stream .*\]$", "[log group ..., log stream ...]", reason)


def chapters(scenarios: Iterable[Scenario], lines: dict[str, str]) -> list[str]:
    return [f"### {each.title}\n\n> {lines[each.title]}\n\n{each.to_do}\n" for each in scenarios]


INTRODUCTION = """\
# Errors by message

`cdk deploy` prints one line for each failed resource: what failed, on what, and what to do. It ends
with the log group and the log stream. Each message here comes from a failed deployment on the
embedded AWS. `make errors` collects them again, which takes ten minutes.

After a failed deployment CloudFormation rolls back. What the deployment enabled is disabled again,
and what it found enabled stays enabled. Users, groups and resources that it created are retained.

The function waits for what may settle by itself. The message says how long it waited.
"""
REGISTRATIONS_AT_ONCE = "\n## Registrations and aliases: at once\n\n"
REGISTRATIONS_LATER = "\n## Registrations and aliases: after waiting\n\n"
REMOVING = """
## Registrations: removal with `SNAPSHOT`

The mailbox stays enabled, and you can repeat the removal. [Leave WorkMail](winding-down.md) says
how long each step takes.

"""
ENTITIES_AT_ONCE = "\n## Users, groups and resources: at once\n\n"
ENTITIES_LATER = "\n## Users, groups and resources: after waiting\n\n"
UPDATING = "\n## Updates: at once\n\n"
AT_SYNTH = """
## At synth

A wrong option raises `ValueError` with the construct's path, the value, and what is allowed: ids,
names and addresses that do not match WorkMail's patterns, a Region without WorkMail, and the same
entity, name or address declared twice in a stack.
"""


def test_messages_that_come_at_once_are_documented(local_aws: LocalAws, tmp_path: Path) -> None:
    scenarios = fails_at_once(REGISTRATIONS + ENTITIES)
    lines = collect(local_aws, tmp_path, scenarios)
    written = DOCUMENT.read_text()
    for text in chapters(scenarios, lines):
        assert text in written


def test_messages_of_failed_exports_are_documented(local_aws: LocalAws, tmp_path: Path) -> None:
    written = DOCUMENT.read_text()
    for text in removal_chapters(collect_removals(local_aws, tmp_path, rare=False)):
        assert text in written


@pytest.mark.long
def test_all_messages_are_documented(local_aws: LocalAws, tmp_path: Path) -> None:
    lines = collect(local_aws, tmp_path, fails_at_once(REGISTRATIONS + ENTITIES) + UPDATES)
    local_aws.workmail.behaviour = Behaviour(settle_delay=3600)
    lines |= collect(local_aws, tmp_path, waits(REGISTRATIONS + ENTITIES))
    document = (
        INTRODUCTION
        + REGISTRATIONS_AT_ONCE
        + "\n".join(chapters(fails_at_once(REGISTRATIONS), lines))
        + REGISTRATIONS_LATER
        + "\n".join(chapters(waits(REGISTRATIONS), lines))
        + REMOVING
        + "\n".join(removal_chapters(collect_removals(local_aws, tmp_path, rare=True)))
        + ENTITIES_AT_ONCE
        + "\n".join(chapters(fails_at_once(ENTITIES), lines))
        + ENTITIES_LATER
        + "\n".join(chapters(waits(ENTITIES), lines))
        + UPDATING
        + "\n".join(chapters(UPDATES, lines))
        + AT_SYNTH
    )
    if os.environ.get("WRITE_DOCUMENTS"):
        DOCUMENT.write_text(document)
    assert DOCUMENT.read_text() == document
