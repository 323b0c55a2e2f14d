"""`cdk-workmail` beside deployed stacks: discover, plan, drift."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class CommandHarness:
    """The command as a process beside one stack."""

    local_aws: LocalAws
    organization: Organization
    pipeline: Pipeline
    folder: Path

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        roots = os.pathsep.join(str(ROOT / root) for root in ("cli", "constructs"))
        return subprocess.run(
            [sys.executable, "-m", "cdk_workmail_cli", *arguments],
            env=self.local_aws.process_environment | {"PYTHONPATH": roots} | environment,
            capture_output=True,
            text=True,
        )

    def report(self, *arguments: str) -> tuple[int, Any]:
        """The exit code and the JSON."""
        done = self.run(*arguments, "--json")
        assert not done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout)

    def plan(self, file: Path) -> tuple[int, Any]:
        return self.report("plan", str(file), "--stack", self.pipeline.stack_name)

    def drift(self) -> tuple[int, Any]:
        return self.report("drift", "--stack", self.pipeline.stack_name)

    def write(self, name: str, declared: dict[str, Any]) -> Path:
        """An organization file, of this organization unless declared otherwise."""
        file = self.folder / name
        organization_id = self.organization.organization_id
        file.write_text(json.dumps({"organization_id": organization_id} | declared))
        return file

    def enable(self, name: str, *aliases: str) -> None:
        workmail = self.local_aws.client("workmail")
        entity_id = self.organization.entity(name).entity_id
        where = {"OrganizationId": self.organization.organization_id, "EntityId": entity_id}
        workmail.register_to_work_mail(**where, Email=f"{name}@example.com")
        for alias in aliases:
            workmail.create_alias(**where, Alias=f"{alias}@example.com")

    def mutating_calls(self) -> Counter[str]:
        return Counter(
            call.operation
            for call in self.local_aws.workmail.calls
            if not call.operation.startswith(("Describe", "Get", "List"))
        )

    def forget_calls(self) -> None:
        self.local_aws.workmail.calls.clear()


@pytest.fixture
def harness(
    local_aws: LocalAws, organization: Organization, pipeline: Pipeline, tmp_path: Path
) -> CommandHarness:
    return CommandHarness(local_aws, organization, pipeline, tmp_path)


def declaring(file: Path) -> Callable[[Stack], None]:
    def define(stack: Stack) -> None:
        # As the CDK's command line has it.
        stack.node.set_context("aws:cdk:enable-path-metadata", True)
        WorkMailRoster(stack, "Roster", source=file)

    return define


def findings(report: Any) -> set[tuple[str, str, str]]:
    return {(found["finding"], found["entity"], found["detail"]) for found in report["findings"]}


def actions(report: Any) -> set[tuple[str, str]]:
    return {(found["action"], found["entity"]) for found in report["findings"]}


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


def test_a_discovered_organization_is_deployed_without_one_mutating_call(
    harness: CommandHarness,
) -> None:
    organization = harness.organization
    names = [f"user{number:03}" for number in range(46)]
    for number, name in enumerate(names):
        organization.add_user(name)
        harness.enable(name, *([f"alias{number}"] if number % 4 == 0 else []))
    for number in range(5):
        group = organization.add_group(f"group{number}")
        harness.enable(group.name)
        group.members += [organization.entity(name).entity_id for name in names[number::10]]
    for number in range(5):
        room = organization.add_resource(f"room{number}")
        harness.enable(room.name)
        room.delegates.append(organization.entity(names[number]).entity_id)
    assert len(organization.entities) == 60
    harness.forget_calls()
    file = harness.folder / "organization.json"
    code, found = harness.report(
        "discover", "--organization-id", organization.organization_id, "--output", str(file)
    )
    assert code == 0
    assert found["counts"] == {
        "mailboxes": 46,
        "groups": 6,
        "resources": 6,
        "omitted disabled users": 2,
    }
    assert harness.report("plan", str(file))[0] == 0
    harness.pipeline.deploy(declaring(file))
    assert len(harness.pipeline.resources("Custom::WorkMailRegistration")) == 46 + 5 + 5
    assert harness.drift()[0] == 0
    assert not harness.mutating_calls()


def enabled_team(harness: CommandHarness) -> dict[str, Any]:
    """Enables Alice and the board room; a deployment of the file creates or enables the others."""
    harness.enable("alice", "info")
    harness.enable("board-room")
    return {
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


def test_a_deployment_does_what_the_plan_says(harness: CommandHarness) -> None:
    declared = enabled_team(harness)
    file = harness.write("organization.json", declared)
    harness.forget_calls()
    code, report = harness.report("plan", str(file))
    assert (code, harness.mutating_calls()) == (2, Counter())
    harness.pipeline.deploy(declaring(file))
    # CreateUser takes no job title, so that the new user is updated too.
    assert harness.mutating_calls() == planned_calls(report) + Counter(UpdateUser=1)
    assert harness.plan(file)[0] == 0

    del declared["mailboxes"]["bob"], declared["users"]
    declared["mailboxes"]["alice"] |= {
        "email": "alice.new@example.com",
        "aliases": ["info@example.com"],
    }
    declared["groups"]["sales"]["members"] = ["alice"]
    declared["resources"]["board"] |= {"name": "blue-room", "auto_decline_recurring_requests": True}
    harness.write("organization.json", declared)
    harness.forget_calls()
    code, report = harness.plan(file)
    assert code == 2
    assert {
        ("deregister", "user bob"),
        ("deregister", "user dora"),
        ("delete", "user dora"),
        ("retain", "user emil"),
        ("rename", "resource board-room"),
        ("change address", "user alice"),
        ("remove alias", "user alice"),
    } < actions(report)
    harness.pipeline.deploy(declaring(file))
    assert harness.mutating_calls() == planned_calls(report)
    assert harness.plan(file)[0] == 0


def test_drift_finds_what_was_changed_by_hand_also_in_nested_stacks(
    harness: CommandHarness,
) -> None:
    organization = harness.organization
    declared = enabled_team(harness)
    bob = {"bob": declared["mailboxes"].pop("bob")}
    of_root = harness.write("root.json", declared)
    of_nested = harness.write("nested.json", {"mailboxes": bob})

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

    harness.pipeline.deploy(define)
    code, report = harness.drift()
    assert (code, report["findings"]) == (0, [])
    (note,) = report["notes"]
    assert note.startswith("Not compared, only CloudFormation knows its value: Aliases of ")
    _, report = harness.plan(of_root)
    assert actions(report) == {("deregister", "user bob"), ("deregister", "group team")}

    workmail = harness.local_aws.client("workmail")
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
    harness.local_aws.workmail.behaviour = Behaviour(deleted_entity_vanishes=True)
    code, report = harness.drift()
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
    harness: CommandHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.pipeline.deploy(
        lambda stack: WorkMailRegistration(
            NestedStack(stack, "Nested"),
            "Alice",
            organization_id=harness.organization.organization_id,
            entity_id="alice",
            email="alice@example.com",
            removal_policy=RemovalPolicy.SNAPSHOT,
            mailbox_export=MailboxExport(stack, "Export"),
        )
    )
    code, report = harness.plan(harness.write("empty.json", {}))
    assert (code, [found["action"] for found in report["findings"]]) == (
        2,
        ["export and deregister"],
    )
    stack_name = harness.pipeline.stack_name
    iam, name = harness.local_aws.client("iam"), f"reader-{stack_name}"
    iam.create_user(UserName=name)
    printed = harness.run("policy", "--stack", stack_name).stdout
    iam.put_user_policy(UserName=name, PolicyName="Read", PolicyDocument=printed)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    credentials = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    # Of WorkMail itself the local one knows the functions' keys alone; this is about the stack.
    monkeypatch.setattr(harness.local_aws.workmail, "authorize", lambda *_: True)
    done = harness.run("drift", "--stack", stack_name, **credentials)
    assert (done.returncode, done.stderr) == (0, "")
    done = harness.run("drift", "--stack", "Other", **credentials)
    assert (done.returncode, done.stderr) == (
        1,
        "cdk-workmail: cloudformation:GetTemplate is not allowed: attach the policy that "
        "`cdk-workmail policy` prints\n",
    )


@pytest.mark.long
def test_the_aws_cli_lists_the_addresses_and_aliases_that_discover_writes(
    harness: CommandHarness,
) -> None:
    harness.enable("alice", "info", "press")
    harness.enable("board-room")
    file = harness.folder / "organization.json"
    organization_id = ("--organization-id", harness.organization.organization_id)
    assert harness.report("discover", *organization_id, "--output", str(file))[0] == 0
    listed: dict[str, set[str]] = {}
    for kind in ("users", "groups", "resources"):
        query = f"{kind.title()}[?State=='ENABLED'].[Name,Id,Email]"
        for name, entity_id, email in aws(harness, f"list-{kind}", *organization_id, query=query):
            of_entity = (*organization_id, "--entity-id", entity_id)
            aliases = aws(harness, "list-aliases", *of_entity, query="Aliases")
            listed[name] = {email, *aliases}
    assert listed == {
        declared.identifier: {declared.email, *(declared.aliases or ())}
        for declared in of_file(read(file))
        if declared.email
    }


def aws(harness: CommandHarness, operation: str, *arguments: str, query: str) -> Any:
    """What the AWS CLI prints."""
    done = subprocess.run(
        ["aws", "workmail", operation, *arguments, "--query", query, "--output", "json"],
        env=harness.local_aws.process_environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_what_another_stack_declares_is_retained_as_the_plan_says(harness: CommandHarness) -> None:
    boxes = {name: {"entity_id": name, "email": f"{name}@example.com"} for name in ("alice", "bob")}
    both = harness.write("both.json", {"mailboxes": boxes})
    harness.pipeline.deploy(declaring(both))
    stack_name = f"{harness.pipeline.stack_name}There"
    there = Pipeline(harness.local_aws, harness.folder / "there", stack_name)
    there.deploy(declaring(both))
    harness.forget_calls()
    try:
        here = harness.write("here.json", {"mailboxes": {"bob": boxes["bob"]}})
        code, report = harness.plan(here)
        logical_ids = {
            physical_id.rpartition("/")[2]: logical_id
            for logical_id, physical_id in there.resources("Custom::WorkMailRegistration").items()
        }
        alice, bob = (
            f"{logical_ids[harness.organization.entity(name).entity_id]} of stack {stack_name}"
            for name in ("alice", "bob")
        )
        assert code == 0
        assert findings(report) == {
            ("declared twice", "user bob", f"declared by {bob} too"),
            ("retain", "user alice", f"no longer declared here, declared by {alice}"),
        }
        harness.pipeline.deploy(declaring(here))
    finally:
        there.destroy()
    assert harness.mutating_calls() == Counter(DeregisterFromWorkMail=1)


def test_a_plan_compares_the_organization_of_the_file_with_the_stack_and_no_other(
    harness: CommandHarness,
) -> None:
    workmail, alias = harness.local_aws.workmail, harness.organization.alias
    other = workmail.add_organization(f"{alias}-2", domain="other.example")
    other.add_user("zoe")
    box = {"entity_id": "alice", "email": "alice@example.com"}
    file = harness.write("here.json", {"mailboxes": {"alice": box}})
    there = {"entity_id": "zoe", "email": "zoe@other.example"}
    of_other = {"organization_id": other.organization_id, "mailboxes": {"zoe": there}}

    def define(stack: Stack) -> None:
        WorkMailRoster(stack, "Here", source=file)
        WorkMailRoster(stack, "There", source=of_other)

    harness.pipeline.deploy(define)
    code, report = harness.plan(file)
    note = f"Not compared, the file is of another organization: {other.organization_id}"
    assert (code, report["findings"], report["notes"]) == (0, [], [note])
    # A file of an organization that the stack does not declare replaces what it declares.
    third = workmail.add_organization(f"{alias}-3", domain="third.example")
    harness.write("here.json", {"organization_id": third.organization_id})
    code, report = harness.plan(file)
    assert (code, report["notes"]) == (2, [])
    assert actions(report) == {("deregister", "user alice"), ("deregister", "user zoe")}


def test_a_stack_that_does_not_exist_is_one_line(harness: CommandHarness) -> None:
    done = harness.run("drift", "--stack", "Nix")
    assert (done.returncode, done.stderr) == (
        1,
        "cdk-workmail: stack Nix is not found in us-east-1: check the name and the Region\n",
    )
