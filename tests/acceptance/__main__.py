"""`make acceptance`: tries cdk-workmail in an AWS account, on entities of its own.

It creates two users, two groups and two rooms in an organization and a stack in its Region,
deploys, changes, renames, rolls back and removes them through the CDK CLI, and shows what WorkMail
does where the AWS documents leave it open. It deletes all of it at the end, also after a failure
or Ctrl-C. AWS charges for two users until then.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from local_aws.cdk_cli import CdkError
from local_aws.workmail import Behaviour
from tests.acceptance.entities import GROUP, RESOURCE, USER, AcceptanceFailed, Entities, Kind
from tests.acceptance.questions import Questions, as_behaviour
from tests.acceptance.stack import Declared, DeployedStack

PREFIX = re.compile(r"accept-[0-9a-f]{6}")
Look = dict[str, Any]


class Acceptance:
    """One run: the steps in their order, and the clean-up."""

    def __init__(
        self,
        entities: Entities,
        stack: DeployedStack,
        organization_id: str,
        console: Console,
        *,
        exports: bool,
    ) -> None:
        self._entities = entities
        self._stack = stack
        self._console = console
        self._exports = exports
        self._before = entities.others()
        self._questions = Questions(entities, entities.domain())
        self._declared = Declared(
            organization_id, entities.prefix, self._questions.domain, exports=exports
        )

    def run(self) -> None:
        """Raises AcceptanceFailed, CdkError, ClientError."""
        with self._step("Ask what disabled and enabled entities allow"):
            self._questions.ask()
        with self._step("Deploy: create a user, a group and a room, and adopt a room"):
            self._deploy()
        with self._step("Change the address and the job title of the user"):
            self._change()
        with self._step("Rename all constructs"):
            self._rename()
        with self._step("Roll back a deployment that fails after it changed the address"):
            self._roll_back()
        if self._exports:
            with self._step("Ask what exports allow"):
                self._questions.ask_about_exports(self._stack.export_destination())
        with self._step("Remove the mailbox of the user, and retain the adopted room"):
            self._remove()
        with self._step("Destroy the stack"):
            self._stack.destroy(self._declared)
            for kind, of in ((USER, "user2"), (GROUP, "group2"), (RESOURCE, "room2")):
                self._expect_gone(kind, of)
        with self._step("Ask what deleted entities allow"):
            self._questions.ask_about_deletions()

    def clean_up(self) -> None:
        """Deletes the stack and all entities of this run. Raises AcceptanceFailed."""
        with self._step("Delete what this run created"):
            try:
                self._stack.remove()
            finally:
                self._entities.delete_all()
        changed = {
            name
            for name, shown in self._before.items() ^ self._entities.others().items()
            if not isinstance(shown, str)
        }
        if changed:
            raise AcceptanceFailed(
                f"these entities are not of this run and changed meanwhile: "
                f"{', '.join(sorted(changed))}: find out what changed them"
            )
        self._console.print(f"All {len(self._before)} other entities are as before.\n")

    def show(self) -> None:
        """The findings beside what the local WorkMail assumes."""
        findings = self._questions.findings
        differing = as_behaviour(findings)
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for column in ("Undocumented", "Assumed", "Found", "The service"):
            table.add_column(column, overflow="fold")
        for switch, finding in findings.items():
            known = finding.found is not None or switch == "repeated_alias_error"
            found = _shown(finding.found) if known else "neither"
            assumed = _shown(getattr(Behaviour(), switch))
            style = "yellow" if switch in differing or not known else ""
            table.add_row(switch, assumed, found, finding.said, style=style)
        self._console.print(table, "")
        arguments = ", ".join(f"{switch}={found!r}" for switch, found in differing.items())
        self._console.print(f"Behaviour({arguments})", highlight=False, markup=False)

    # The steps

    def _deploy(self) -> None:
        adopted = self._look(RESOURCE, "room1")
        self._stack.deploy(self._declared)
        self._expect(RESOURCE, "room1", adopted)
        for kind, of in ((USER, "user2"), (GROUP, "group2"), (RESOURCE, "room2")):
            self._expect(kind, of, {"State": "ENABLED", "Email": self._declared.address(of)})
        self._expect_addresses("user2", "info")
        user = self._look(USER, "user2")["Id"]
        for kind, of, operation, member in (
            (GROUP, "group2", "ListGroupMembers", "Members"),
            (RESOURCE, "room2", "ListResourceDelegates", "Delegates"),
        ):
            owner = {kind.id: self._look(kind, of)["Id"]}
            found = [entry["Id"] for entry in self._entities.call(operation, **owner)[member]]
            if found != [user]:
                raise AcceptanceFailed(f"{operation} must have the user {user} alone, got {found}")

    def _change(self) -> None:
        before = self._look(USER, "user2")
        self._declared = replace(self._declared, email="user3", job_title="Explorer")
        self._stack.deploy(self._declared)
        self._expect(USER, "user2", before | {"Email": self._declared.address("user3")})
        self._expect_addresses("user3", "info", "user2")
        described = self._entities.call("DescribeUser", UserId=before["Id"])
        if described.get("JobTitle") != "Explorer":
            raise AcceptanceFailed(f"the job title must be Explorer, got {described}")

    def _rename(self) -> None:
        self._declared = replace(self._declared, ids="Second")
        self._while_nothing_changes(lambda: self._stack.deploy(self._declared))

    def _roll_back(self) -> None:
        self._while_nothing_changes(self._fail)
        # The new address stays as an alias, as after each change.
        self._expect_addresses("user3", "info", "user2", "user4")

    def _fail(self) -> None:
        try:
            self._stack.deploy(replace(self._declared, email="user4", fails=True))
        except CdkError:
            if self._stack.status() != "UPDATE_ROLLBACK_COMPLETE":
                raise
            for reason in self._stack.reasons("Fails"):
                self._console.print(f"    {reason}", style="dim", highlight=False, markup=False)
        else:
            raise AcceptanceFailed("a deployment that must fail has succeeded")

    def _remove(self) -> None:
        user = self._look(USER, "user2")
        room = self._look(RESOURCE, "room1")
        self._declared = replace(self._declared, enables_user=False, adopts_room=False)
        self._stack.deploy(self._declared)
        self._expect(USER, "user2", {"State": "DISABLED"})
        self._expect(RESOURCE, "room1", room)
        exported = self._stack.exported()
        if self._exports and not any(user["Id"] in key for key in exported):
            raise AcceptanceFailed(f"the export of user {user['Id']} must be in S3, got {exported}")

    # What several steps share

    def _while_nothing_changes(self, act: Callable[[], None]) -> None:
        seen = ((USER, "user2"), (GROUP, "group2"), (RESOURCE, "room2"), (RESOURCE, "room1"))
        before = [self._look(kind, of) for kind, of in seen]
        act()
        for (kind, of), shown in zip(seen, before, strict=True):
            self._expect(kind, of, shown)

    def _look(self, kind: Kind, of: str) -> Look:
        found = self._entities.find(kind, self._declared.name(of))
        shown = ("Id", "State", "Email", "EnabledDate")
        return {name: found[name] for name in shown if name in found}

    def _expect(self, kind: Kind, of: str, expected: Look) -> None:
        found = self._look(kind, of)
        for name, value in expected.items():
            if found.get(name) != value:
                raise AcceptanceFailed(
                    f"{kind.name} {self._declared.name(of)}: {name} must be {value}, got "
                    f"{found.get(name)}"
                )

    def _expect_addresses(self, primary: str, *aliases: str) -> None:
        user = self._look(USER, "user2")
        listed = self._entities.call("ListAliases", EntityId=user["Id"])["Aliases"]
        found = sorted({user["Email"], *listed})
        expected = sorted(map(self._declared.address, (primary, *aliases)))
        if found != expected:
            raise AcceptanceFailed(f"the addresses must be {expected}, got {found}")

    def _expect_gone(self, kind: Kind, of: str) -> None:
        name = self._declared.name(of)
        if any(found == kind and entity["Name"] == name for found, entity in self._entities.own()):
            raise AcceptanceFailed(
                f"{kind.name} {name} must be deleted, got {self._look(kind, of)}"
            )

    @contextmanager
    def _step(self, title: str) -> Iterator[None]:
        self._console.print(title, style="bold cyan", highlight=False)
        yield
        self._console.print("    as expected\n", style="green", highlight=False)


def _shown(position: object) -> str:
    if isinstance(position, float):
        return f"{position} s"
    return {True: "yes", False: "no", None: "success"}.get(position) or str(position)  # type: ignore[call-overload]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance", description=__doc__)
    parser.add_argument("--organization-id", required=True, metavar="ID")
    parser.add_argument("--region", help="the organization's Region (default: your configuration)")
    parser.add_argument("--export", action="store_true", help="export mailboxes too")
    parser.add_argument(
        "--clean-up",
        metavar="PREFIX",
        help="only delete what an interrupted run with this prefix left, such as accept-0a1b2c",
    )
    given = parser.parse_args(arguments)
    prefix = given.clean_up or f"accept-{secrets.token_hex(3)}"
    if not PREFIX.fullmatch(prefix):
        parser.error(f"PREFIX must be accept- and six hexadecimal digits, got {prefix}")
    session = boto3.Session(region_name=given.region)
    if session.region_name is None:
        parser.error("no Region is configured: give --region")
    console = Console()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    with tempfile.TemporaryDirectory(prefix="cdk-workmail-") as folder:
        stack = DeployedStack(
            lambda service: session.client(service),  # type: ignore[call-overload]
            f"cdk-workmail-{prefix}",
            session.region_name,
            Path(folder),
            {**os.environ, "AWS_REGION": session.region_name},
            lambda line: _follow(console, line),
        )
        entities = Entities(session.client("workmail"), given.organization_id, prefix)
        console.print(f"Everything of this run is named {prefix}.\n", highlight=False)
        try:
            acceptance = Acceptance(
                entities, stack, given.organization_id, console, exports=given.export
            )
        except (BotoCoreError, ClientError) as error:
            console.print(str(error), style="red", highlight=False, markup=False)
            return 1
        return _run(acceptance, console, only_clean_up=given.clean_up is not None)


def _run(acceptance: Acceptance, console: Console, *, only_clean_up: bool) -> int:
    failed = 0
    try:
        if not only_clean_up:
            acceptance.run()
    except KeyboardInterrupt:
        console.print("Interrupted.", style="red")
        failed = 130
    except Exception as error:  # whatever it is, the clean-up comes next
        _show_error(console, "failed", error)
        failed = 1
    # A second Ctrl-C must not interrupt the clean-up.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        acceptance.clean_up()
    except Exception as error:
        _show_error(console, "the clean-up failed", error)
        failed = failed or 1
    acceptance.show()
    return failed


def _show_error(console: Console, what: str, error: Exception) -> None:
    console.print(f"{what}: {error}", style="red", highlight=False, markup=False)
    if isinstance(error, CdkError):
        console.print("\n".join(error.output.splitlines()[-25:]), highlight=False, markup=False)
    elif not isinstance(error, (AcceptanceFailed, BotoCoreError, ClientError)):
        console.print("".join(traceback.format_exception(error)), highlight=False, markup=False)


def _follow(console: Console, line: str) -> None:
    """Shows what became of custom resources: stack | count | time | status | type | name."""
    columns = [column.strip() for column in line.split(" | ")]
    if len(columns) == 6 and columns[4].startswith("Custom::") and "_IN_PROG" not in columns[3]:
        shown = f"    {columns[3]:<16} {columns[5].partition(' (')[0]}"
        console.print(shown, style="dim", highlight=False, markup=False)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
