"""The main job, step by step: the example app is deployed, changed and destroyed."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .cdk_cli import ROOT, CdkError, run_cdk
from .embedded import LocalAws
from .sample import SampleOrganization, sample_organization

LOG = ROOT / ".local_aws" / "demo.log"


class Demo:
    """Runs the steps and shows each with the time that it took."""

    def __init__(self, local_aws: LocalAws, folder: Path, console: Console) -> None:
        self._local_aws = local_aws
        self._console = console
        self._mailboxes = folder / "mailboxes.json"
        self._output = folder / "cdk.out"
        self._declared = json.loads((ROOT / "mailboxes.json").read_text())

    def run(self) -> None:
        with self._step("Start the embedded AWS and bootstrap it for the CDK"):
            self._local_aws.start()
            sample = sample_organization(self._local_aws.workmail)
            self._local_aws.bootstrap()
        self._show("Before", sample)
        self._deploy(
            "Deploy the example app: it takes over whom it finds, and makes a team", sample
        )

        def change_address(mailboxes: dict[str, Any]) -> None:
            mailboxes["Alice"]["email"] = "alice.liddell@example.com"

        self._deploy("Change Alice's address and deploy again", sample, change_address)

        def remove_board_room(mailboxes: dict[str, Any]) -> None:
            del mailboxes["BoardRoom"]

        self._deploy("Remove the room's registration and deploy again", sample, remove_board_room)
        with self._step("Destroy the stack"):
            self._cdk("destroy", "--force", f"--app={self._output}")
        self._show("In the end", sample)

    def _deploy(
        self,
        title: str,
        sample: SampleOrganization,
        change: Callable[[dict[str, Any]], None] = lambda mailboxes: None,
    ) -> None:
        with self._step(title):
            change(self._declared["mailboxes"])
            self._mailboxes.write_text(json.dumps(self._declared))
            self._cdk(
                "deploy",
                "--require-approval=never",
                "--method=direct",
                f"--context=mailboxes={self._mailboxes}",
                f"--output={self._output}",
            )
        self._show("Now", sample)

    def _cdk(self, command: str, *arguments: str) -> None:
        run_cdk(
            command,
            *arguments,
            environment=self._local_aws.process_environment,
            on_line=self._follow,
        )

    def _follow(self, line: str) -> None:
        with LOG.open("a") as log:
            log.write(f"{line}\n")
        # stack | count | time | status | type | name
        columns = [column.strip() for column in line.split(" | ")]
        if len(columns) == 6 and columns[4].startswith("Custom::"):
            status, name = columns[3], columns[5].partition(" (")[0]
            if not status.endswith("_IN_PROGRESS"):
                self._say(f"    {status:<20} {name}")

    def _show(self, title: str, sample: SampleOrganization) -> None:
        workmail = self._local_aws.client("workmail")
        table = Table(title=f"{title}, WorkMail says:", title_justify="left", title_style="italic")
        for column in ("Kind", "Name", "State", "Primary address", "Aliases", "Members, delegates"):
            table.add_column(column)
        for kind, entities in _entities(workmail, sample.organization_id):
            for entity in entities:
                table.add_row(
                    kind,
                    entity["Name"],
                    entity["State"],
                    entity.get("Email", ""),
                    ", ".join(_aliases(workmail, sample.organization_id, entity)),
                    ", ".join(sorted(_people(workmail, sample.organization_id, kind, entity))),
                    style="bold" if entity["State"] == "ENABLED" else "",
                )
        self._console.print(table)
        self._console.print()

    @contextmanager
    def _step(self, title: str) -> Iterator[None]:
        began = time.monotonic()
        self._console.print(f"[bold]{title}[/bold]")
        yield
        self._say(f"    done in {time.monotonic() - began:.1f} s\n")

    def _say(self, line: str) -> None:
        self._console.print(line, style="dim", highlight=False, markup=False)


def _entities(workmail: Any, organization_id: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    organization = {"OrganizationId": organization_id}
    yield "user", workmail.list_users(**organization)["Users"]
    yield "group", workmail.list_groups(**organization)["Groups"]
    yield "resource", workmail.list_resources(**organization)["Resources"]


def _aliases(workmail: Any, organization_id: str, entity: dict[str, Any]) -> list[str]:
    if entity["State"] != "ENABLED":
        return []
    answer = workmail.list_aliases(OrganizationId=organization_id, EntityId=entity["Id"])
    aliases: list[str] = answer["Aliases"]
    return [alias for alias in aliases if alias != entity.get("Email")]


def _people(
    workmail: Any, organization_id: str, kind: str, entity: dict[str, Any]
) -> Iterator[str]:
    """The names of a group's members, or of a resource's delegates."""
    organization = {"OrganizationId": organization_id}
    if kind == "group" and entity["State"] == "ENABLED":
        for member in workmail.list_group_members(**organization, GroupId=entity["Id"])["Members"]:
            yield member["Name"]
    if kind == "resource" and entity["State"] == "ENABLED":
        answer = workmail.list_resource_delegates(**organization, ResourceId=entity["Id"])
        for delegate in answer["Delegates"]:
            yield workmail.describe_user(**organization, UserId=delegate["Id"])["Name"]


def demo() -> int:
    """Run the demo; 1 if a step failed, after saying which and where its log is."""
    console = Console()
    console.width = max(console.width, 110)
    began = time.monotonic()
    LOG.parent.mkdir(exist_ok=True)
    LOG.write_text("")
    with (
        tempfile.TemporaryDirectory(prefix="cdk-workmail-") as folder,
        closing(LocalAws()) as local_aws,
    ):
        try:
            Demo(local_aws, Path(folder), console).run()
        except CdkError as error:
            console.print(f"{error}; the end of what it said:", style="bold red", highlight=False)
            tail = "\n".join(error.output.splitlines()[-15:])
            console.print(tail, highlight=False, markup=False)
            console.print(f"All of it: {LOG.relative_to(ROOT)}", highlight=False)
            return 1
    seconds = time.monotonic() - began
    console.print(f"Everything is stopped and removed. {seconds:.0f} s in all.", highlight=False)
    return 0
