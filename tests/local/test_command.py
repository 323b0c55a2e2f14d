"""`cdk-workmail` beside deployed stacks: discover, plan, drift."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import CfnParameter, Fn, NestedStack, RemovalPolicy, Stack

from cdk_workmail import MailboxExport, WorkMailRegistration, WorkMailRoster
from cdk_workmail_cli.declaration import of_file
from cdk_workmail_file import read
from local_aws import LocalAws
from local_aws.workmail import Behaviour, Organization
from tests.local.pipeline import ROOT, Pipeline

Command = Callable[..., tuple[int, Any]]
Run = Callable[..., subprocess.CompletedProcess[str]]

_OPERATIONS = {
    "create": "Create{kind}",
    "delete": "Delete{kind}",
    "enable": "RegisterToWorkMail",
    "deregister": "DeregisterFromWorkMail",
    "change address": "UpdatePrimaryEmailAddress",
    "add alias": "CreateAlias",
    "remove alias": "DeleteAlias",
    "add member": "AssociateMemberToGroup",
    "remove member": "DisassociateMemberFromGroup",
    "add delegate": "AssociateDelegateToResource",
    "remove delegate": "DisassociateDelegateFromResource",
}


@pytest.fixture
def run(local_aws: LocalAws) -> Run:
    """Runs the command as a process."""
    roots = os.pathsep.join(str(ROOT / root) for root in ("cli", "constructs"))

    def run_it(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cdk_workmail_cli", *arguments],
            env=local_aws.process_environment | {"PYTHONPATH": roots} | environment,
            capture_output=True,
            text=True,
        )

    return run_it


@pytest.fixture
def command(run: Run) -> Command:
    """Runs the command and gives its exit code and its JSON."""

    def run_it(*arguments: str) -> tuple[int, Any]:
        done = run(*arguments, "--json")
        assert not done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout)

    return run_it


def declaring(file: Path) -> Callable[[Stack], None]:
    def define(stack: Stack) -> None:
        # As the CDK's command line has it.
        stack.node.set_context("aws:cdk:enable-path-metadata", True)
        WorkMailRoster(stack, "Roster", source=file)

    return define


def written(path: Path, document: dict[str, Any]) -> Path:
    path.write_text(json.dumps(document))
    return path


def findings(report: Any) -> set[tuple[str, str, str]]:
    return {(found["finding"], found["entity"], found["detail"]) for found in report["findings"]}


def planned_calls(report: Any) -> Counter[str]:
    """The mutating calls that a plan leads to. One call changes all attributes of an entity."""
    updated = {
        (found["entity"], found["part"])
        for found in report["findings"]
        if found["action"] in ("change attribute", "rename")
    }
    calls = Counter(f"Update{entity.split()[0].title()}" for entity, _ in updated)
    for found in report["findings"]:
        kind = found["entity"].split()[0].title()
        operation = _OPERATIONS.get(found["action"])
        if operation:
            calls[operation.format(kind=kind)] += 1
    return calls


def mutating_calls(local_aws: LocalAws) -> Counter[str]:
    return Counter(
        call.operation
        for call in local_aws.workmail.calls
        if not call.operation.startswith(("Describe", "Get", "List"))
    )


def enabled(local_aws: LocalAws, organization: Organization, name: str, *aliases: str) -> None:
    workmail = local_aws.client("workmail")
    entity_id = organization.entity(name).entity_id
    where = {"OrganizationId": organization.organization_id, "EntityId": entity_id}
    workmail.register_to_work_mail(**where, Email=f"{name}@example.com")
    for alias in aliases:
        workmail.create_alias(**where, Alias=f"{alias}@example.com")


def test_a_discovered_organization_is_deployed_without_one_mutating_call(
    local_aws: LocalAws,
    pipeline: Pipeline,
    organization: Organization,
    command: Command,
    tmp_path: Path,
) -> None:
    names = [f"user{number:03}" for number in range(46)]
    for number, name in enumerate(names):
        organization.add_user(name)
        enabled(local_aws, organization, name, *([f"alias{number}"] if number % 4 == 0 else []))
    for number in range(5):
        group = organization.add_group(f"group{number}")
        enabled(local_aws, organization, group.name)
        group.members += [organization.entity(name).entity_id for name in names[number::10]]
    for number in range(5):
        room = organization.add_resource(f"room{number}")
        enabled(local_aws, organization, room.name)
        room.delegates.append(organization.entity(names[number]).entity_id)
    assert len(organization.entities) == 60
    local_aws.workmail.calls.clear()
    file = tmp_path / "organization.json"
    code, found = command(
        "discover", "--organization-id", organization.organization_id, "--output", str(file)
    )
    assert code == 0
    assert found["counts"] == {
        "mailboxes": 46,
        "groups": 6,
        "resources": 6,
        "omitted disabled users": 2,
    }
    assert command("plan", str(file))[0] == 0
    pipeline.deploy(declaring(file))
    assert len(pipeline.resources("Custom::WorkMailRegistration")) == 46 + 5 + 5
    assert command("drift", "--stack", pipeline.stack_name)[0] == 0
    assert not mutating_calls(local_aws)


def team(organization: Organization) -> dict[str, Any]:
    """Alice and the board room exist and are enabled; everything else is created."""
    return {
        "organization_id": organization.organization_id,
        "mailboxes": {
            "alice": {
                "entity_id": "alice",
                "email": "alice@example.com",
                "aliases": ["info@example.com", "press@example.com"],
            },
            "bob": {"entity_id": "bob", "email": "bob@example.com"},
        },
        "users": {
            "dora": {
                "name": "dora",
                "display_name": "Dora Dean",
                "job_title": "Explorer",
                "email": "dora@example.com",
                "removal_policy": "DESTROY",
            },
            "emil": {
                "name": "emil",
                "display_name": "Emil Ekman",
                "email": "emil@example.com",
                "mailbox_removal_policy": "RETAIN",
            },
        },
        "groups": {
            "sales": {
                "name": "sales",
                "email": "sales@example.com",
                "aliases": ["orders@example.com"],
                "members": ["dora", "emil"],
            }
        },
        "resources": {
            "board": {
                "name": "board-room",
                "type": "ROOM",
                "description": "Third floor",
                "email": "board-room@example.com",
                "auto_accept_requests": False,
                "delegates": ["emil"],
            }
        },
    }


def test_a_deployment_does_what_the_plan_says(
    local_aws: LocalAws,
    pipeline: Pipeline,
    organization: Organization,
    command: Command,
    tmp_path: Path,
) -> None:
    enabled(local_aws, organization, "alice", "info")
    enabled(local_aws, organization, "board-room")
    declared = team(organization)
    file = written(tmp_path / "organization.json", declared)
    local_aws.workmail.calls.clear()
    code, report = command("plan", str(file))
    assert (code, mutating_calls(local_aws)) == (2, Counter())
    pipeline.deploy(declaring(file))
    # CreateUser takes no job title, so that the new user is updated too.
    assert mutating_calls(local_aws) == planned_calls(report) + Counter(UpdateUser=1)
    assert command("plan", str(file), "--stack", pipeline.stack_name)[0] == 0

    del declared["mailboxes"]["bob"], declared["users"]
    declared["mailboxes"]["alice"] |= {
        "email": "alice.new@example.com",
        "aliases": ["info@example.com"],
    }
    declared["groups"]["sales"]["members"] = ["alice"]
    declared["resources"]["board"] |= {"name": "blue-room", "auto_decline_recurring_requests": True}
    written(file, declared)
    local_aws.workmail.calls.clear()
    code, report = command("plan", str(file), "--stack", pipeline.stack_name)
    assert code == 2
    assert {
        ("deregister", "user bob"),
        ("deregister", "user dora"),
        ("delete", "user dora"),
        ("retain", "user emil"),
        ("rename", "resource board-room"),
        ("change address", "user alice"),
        ("remove alias", "user alice"),
    } < {(found["action"], found["entity"]) for found in report["findings"]}
    pipeline.deploy(declaring(file))
    assert mutating_calls(local_aws) == planned_calls(report)
    assert command("plan", str(file), "--stack", pipeline.stack_name)[0] == 0


def test_drift_finds_what_was_changed_by_hand_also_in_nested_stacks(
    local_aws: LocalAws,
    pipeline: Pipeline,
    organization: Organization,
    command: Command,
    tmp_path: Path,
) -> None:
    enabled(local_aws, organization, "alice")
    enabled(local_aws, organization, "board-room")
    declared = team(organization)
    bob = {**declared, "mailboxes": {"bob": declared["mailboxes"].pop("bob")}}
    for section in ("users", "groups", "resources"):
        del bob[section]
    of_root = written(tmp_path / "root.json", declared)
    of_nested = written(tmp_path / "nested.json", bob)

    def define(stack: Stack) -> None:
        WorkMailRoster(stack, "Roster", source=of_root, stacks=2)
        nested = NestedStack(stack, "Nested")
        WorkMailRoster(nested, "Roster", source=of_nested)
        email = CfnParameter(stack, "Email", default="team@example.com").value_as_string
        aliases = CfnParameter(stack, "Aliases", default="crew@example.com|x").value_as_string
        WorkMailRegistration(
            nested,
            "Team",
            organization_id=organization.organization_id,
            entity_id="team",
            email=email,
            aliases=[Fn.select(0, Fn.split("|", aliases))],
        )

    pipeline.deploy(define)
    code, report = command("drift", "--stack", pipeline.stack_name)
    assert (code, report["findings"]) == (0, [])
    (note,) = report["notes"]
    assert note.startswith("Not compared, only CloudFormation knows its value: Aliases of ")
    code, report = command("plan", str(of_root), "--stack", pipeline.stack_name)
    planned = {(found["action"], found["entity"]) for found in report["findings"]}
    assert planned == {("deregister", "user bob"), ("deregister", "group team")}

    workmail = local_aws.client("workmail")
    where = {"OrganizationId": organization.organization_id}
    ids = {entity.name: entity.entity_id for entity in organization.entities.values()}
    workmail.deregister_from_work_mail(**where, EntityId=ids["bob"])
    workmail.update_primary_email_address(**where, EntityId=ids["team"], Email="t@example.com")
    workmail.delete_alias(**where, EntityId=ids["alice"], Alias="press@example.com")
    workmail.update_primary_email_address(
        **where, EntityId=ids["board-room"], Email="board@example.com"
    )
    workmail.update_user(**where, UserId=ids["dora"], JobTitle="Captain")
    workmail.disassociate_member_from_group(**where, GroupId=ids["sales"], MemberId=ids["emil"])
    workmail.associate_member_to_group(**where, GroupId=ids["sales"], MemberId=ids["alice"])
    workmail.deregister_from_work_mail(**where, EntityId=ids["emil"])
    workmail.delete_user(**where, UserId=ids["emil"])
    local_aws.workmail.behaviour = Behaviour(deleted_entity_vanishes=True)
    code, report = command("drift", "--stack", pipeline.stack_name)
    assert code == 2
    assert findings(report) == {
        ("off", "user bob", "it is disabled, declared is bob@example.com"),
        ("address changed", "group team", "t@example.com to team@example.com"),
        ("alias removed", "user alice", "press@example.com"),
        ("address changed", "resource board-room", "board@example.com to board-room@example.com"),
        ("attribute changed", "user dora", "JobTitle from 'Captain' to 'Explorer'"),
        ("member added", "group sales", "alice"),
        ("missing", "user emil", f"the stack owns id {ids['emil']}, which WorkMail does not find"),
        ("missing", "group sales", "emil is not in the organization"),
        ("missing", "resource board-room", "emil is not in the organization"),
    }
    assert all(found["needs_revision"] for found in report["findings"])


def test_the_printed_policy_allows_to_read_the_stack_with_its_nested_stacks_and_no_other(
    local_aws: LocalAws,
    pipeline: Pipeline,
    organization: Organization,
    run: Run,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline.deploy(
        lambda stack: WorkMailRegistration(
            NestedStack(stack, "Nested"),
            "Alice",
            organization_id=organization.organization_id,
            entity_id="alice",
            email="alice@example.com",
            removal_policy=RemovalPolicy.SNAPSHOT,
            mailbox_export=MailboxExport(stack, "Export"),
        )
    )
    empty = written(tmp_path / "f.json", {"organization_id": organization.organization_id})
    code, report = command("plan", str(empty), "--stack", pipeline.stack_name)
    assert (code, [found["action"] for found in report["findings"]]) == (
        2,
        ["export and deregister"],
    )
    iam, name = local_aws.client("iam"), f"reader-{pipeline.stack_name}"
    iam.create_user(UserName=name)
    printed = run("policy", "--stack", pipeline.stack_name).stdout
    iam.put_user_policy(UserName=name, PolicyName="Read", PolicyDocument=printed)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    credentials = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    # Of WorkMail itself the local one knows the functions' keys alone; this is about the stack.
    monkeypatch.setattr(local_aws.workmail, "authorize", lambda *_: True)
    done = run("drift", "--stack", pipeline.stack_name, **credentials)
    assert (done.returncode, done.stderr) == (0, "")
    done = run("drift", "--stack", "Other", **credentials)
    assert (done.returncode, done.stderr) == (
        1,
        "cdk-workmail: cloudformation:GetTemplate is not allowed: attach the policy that "
        "`cdk-workmail policy` prints\n",
    )


@pytest.mark.long
def test_the_aws_cli_lists_the_addresses_and_aliases_that_discover_writes(
    local_aws: LocalAws, organization: Organization, command: Command, tmp_path: Path
) -> None:
    enabled(local_aws, organization, "alice", "info", "press")
    enabled(local_aws, organization, "board-room")
    file = tmp_path / "organization.json"
    organization_id = ("--organization-id", organization.organization_id)
    assert command("discover", *organization_id, "--output", str(file))[0] == 0
    listed: dict[str, set[str]] = {}
    for kind in ("users", "groups", "resources"):
        query = f"{kind.title()}[?State=='ENABLED'].[Name,Id,Email]"
        for name, entity_id, email in aws(local_aws, f"list-{kind}", *organization_id, query=query):
            of_entity = (*organization_id, "--entity-id", entity_id)
            aliases = aws(local_aws, "list-aliases", *of_entity, query="Aliases")
            listed[name] = {email, *aliases}
    assert listed == {
        declared.identifier: {declared.email, *(declared.aliases or ())}
        for declared in of_file(read(file))
        if declared.email
    }


def aws(local_aws: LocalAws, operation: str, *arguments: str, query: str) -> Any:
    """What the AWS CLI prints."""
    done = subprocess.run(
        ["aws", "workmail", operation, *arguments, "--query", query, "--output", "json"],
        env=local_aws.process_environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_what_another_stack_declares_is_retained_as_the_plan_says(
    local_aws: LocalAws,
    pipeline: Pipeline,
    organization: Organization,
    command: Command,
    tmp_path: Path,
) -> None:
    boxes = {name: {"entity_id": name, "email": f"{name}@example.com"} for name in ("alice", "bob")}
    document = {"organization_id": organization.organization_id, "mailboxes": boxes}
    pipeline.deploy(declaring(written(tmp_path / "here.json", document)))
    there = Pipeline(local_aws, tmp_path / "there", f"{pipeline.stack_name}There")
    there.deploy(declaring(written(tmp_path / "there.json", document)))
    local_aws.workmail.calls.clear()
    try:
        here = written(tmp_path / "here.json", {**document, "mailboxes": {"bob": boxes["bob"]}})
        code, report = command("plan", str(here), "--stack", pipeline.stack_name)
        logical_ids = {
            physical_id.rpartition("/")[2]: logical_id
            for logical_id, physical_id in there.resources("Custom::WorkMailRegistration").items()
        }
        alice, bob = (
            f"{logical_ids[organization.entity(name).entity_id]} of stack {there.stack_name}"
            for name in ("alice", "bob")
        )
        assert code == 0
        assert findings(report) == {
            ("declared twice", "user bob", f"declared by {bob} too"),
            ("retain", "user alice", f"no longer declared here, declared by {alice}"),
        }
        pipeline.deploy(declaring(here))
    finally:
        there.destroy()
    assert mutating_calls(local_aws) == Counter(DeregisterFromWorkMail=1)


def test_a_plan_compares_the_organization_of_the_file_with_the_stack_and_no_other(
    local_aws: LocalAws,
    pipeline: Pipeline,
    organization: Organization,
    command: Command,
    tmp_path: Path,
) -> None:
    other = local_aws.workmail.add_organization(f"{organization.alias}-2", domain="other.example")
    other.add_user("zoe")
    box = {"entity_id": "alice", "email": "alice@example.com"}
    here: dict[str, Any] = {"organization_id": organization.organization_id}
    file = written(tmp_path / "here.json", here | {"mailboxes": {"alice": box}})
    there = {"entity_id": "zoe", "email": "zoe@other.example"}
    of_other = {"organization_id": other.organization_id, "mailboxes": {"zoe": there}}

    def define(stack: Stack) -> None:
        WorkMailRoster(stack, "Here", source=file)
        WorkMailRoster(stack, "There", source=of_other)

    pipeline.deploy(define)
    code, report = command("plan", str(file), "--stack", pipeline.stack_name)
    note = f"Not compared, the file is of another organization: {other.organization_id}"
    assert (code, report["findings"], report["notes"]) == (0, [], [note])
    # A file of an organization that the stack does not declare replaces what it declares.
    third = local_aws.workmail.add_organization(f"{organization.alias}-3", domain="third.example")
    written(file, {"organization_id": third.organization_id})
    code, report = command("plan", str(file), "--stack", pipeline.stack_name)
    assert (code, report["notes"]) == (2, [])
    assert {(found["action"], found["entity"]) for found in report["findings"]} == {
        ("deregister", "user alice"),
        ("deregister", "user zoe"),
    }


def test_a_stack_that_does_not_exist_is_one_line(run: Run) -> None:
    done = run("drift", "--stack", "Nix")
    assert (done.returncode, done.stderr) == (
        1,
        "cdk-workmail: stack Nix is not found in us-east-1: check the name and the Region\n",
    )
