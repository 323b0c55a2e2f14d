"""The demo: deploys, changes and destroys the example app, step by step."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from .cdk_cli import ROOT, CdkError, run_cdk
from .embedded import LocalAws
from .sample import sample_organization

LOG = ROOT / ".local_aws" / "demo.log"


class Demo:
    """Runs the steps, and shows for each what it is about and the time that it took."""

    def __init__(self, local_aws: LocalAws, folder: Path, console: Console) -> None:
        self._local_aws = local_aws
        self._console = console
        self._file = folder / "organization.json"
        self._output = folder / "cdk.out"
        self._declared = json.loads((ROOT / "organization.json").read_text())

    def run(self) -> None:
        with self._step(
            "Start the embedded AWS",
            "Everything runs on this machine; no AWS account is used.",
        ):
            self._local_aws.start()
            sample_organization(self._local_aws.workmail)
            self._local_aws.bootstrap()
        self._show("before")
        with self._step(
            "Deploy the example app",
            "It enables entities that exist, and creates three users, a group and a room.",
        ):
            self._deploy()
        self._show("now")
        with self._step(
            "Change the address of alice, and deploy again",
            "Her mailbox stays, and the old address becomes an alias.",
        ):
            self._declared["mailboxes"]["Alice"]["email"] = "alice.liddell@example.com"
            self._deploy()
        self._show("now")
        with self._step(
            "Remove the registration of board-room, and deploy again",
            "Only its mailbox is disabled. WorkMail keeps the mail for 30 days.",
        ):
            del self._declared["mailboxes"]["BoardRoom"]
            self._deploy()
        self._show("now")
        with self._step(
            "Destroy the stack",
            "Its mailboxes are disabled. Users, groups and resources are retained.",
        ):
            self._cdk("destroy", "--force", f"--app={self._output}")
        self._show("in the end")

    def _deploy(self) -> None:
        self._file.write_text(json.dumps(self._declared))
        self._cdk(
            "deploy",
            "--require-approval=never",
            "--method=direct",
            f"--context=organization={self._file}",
            f"--output={self._output}",
        )

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
            status, name = columns[3], columns[5].partition(" (")[0].removeprefix("Roster/")
            if not status.endswith("_IN_PROGRESS"):
                style = "red" if "FAILED" in status else "green"
                self._console.print(f"    [{style}]{status:<20}[/] {name}", highlight=False)

    def _show(self, when: str) -> None:
        client = self._local_aws.client("workmail")
        self._console.print(f"WorkMail {when}:", style="italic")
        self._console.print(entity_table(client, self._declared["organization_id"]), "")

    @contextmanager
    def _step(self, title: str, about: str) -> Iterator[None]:
        began = time.monotonic()
        self._console.print(title, style="bold cyan", highlight=False)
        self._console.print(about, highlight=False)
        yield
        seconds = time.monotonic() - began
        self._console.print(f"    done in {seconds:.1f} s\n", style="dim", highlight=False)


def entity_table(workmail: Any, organization_id: str) -> Table:
    """What WorkMail shows of each entity, in 80 columns."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in ("Entity", "State", "Addresses", "Members, delegates"):
        table.add_column(column, overflow="fold")
    for kind, entities in _entities(workmail, organization_id):
        for entity in entities:
            is_enabled = entity["State"] == "ENABLED"
            addresses, associated = [], []
            if is_enabled:
                addresses = [entity["Email"], *_aliases(workmail, organization_id, entity)]
                associated = sorted(_associated(workmail, organization_id, kind, entity))
            table.add_row(
                f"{kind} {entity['Name']}",
                entity["State"],
                "\n".join(addresses),
                ", ".join(associated),
                style="green" if is_enabled else "dim",
            )
    return table


def _entities(workmail: Any, organization_id: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    organization = {"OrganizationId": organization_id}
    yield "user", workmail.list_users(**organization)["Users"]
    yield "group", workmail.list_groups(**organization)["Groups"]
    yield "resource", workmail.list_resources(**organization)["Resources"]


def _aliases(workmail: Any, organization_id: str, entity: dict[str, Any]) -> list[str]:
    response = workmail.list_aliases(OrganizationId=organization_id, EntityId=entity["Id"])
    aliases: list[str] = response["Aliases"]
    return [alias for alias in aliases if alias != entity.get("Email")]


def _associated(
    workmail: Any, organization_id: str, kind: str, entity: dict[str, Any]
) -> Iterator[str]:
    """The names of the members of a group, or of the delegates of a resource."""
    organization = {"OrganizationId": organization_id}
    if kind == "group":
        for member in workmail.list_group_members(**organization, GroupId=entity["Id"])["Members"]:
            yield member["Name"]
    if kind == "resource":
        response = workmail.list_resource_delegates(**organization, ResourceId=entity["Id"])
        for delegate in response["Delegates"]:
            yield workmail.describe_user(**organization, UserId=delegate["Id"])["Name"]


def demo() -> int:
    """Run the demo; 1 if a step failed, after the end of its output."""
    console = Console()
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
            console.print(f"{error}; its output ends with:", style="bold red", highlight=False)
            tail = "\n".join(error.output.splitlines()[-15:])
            console.print(tail, highlight=False, markup=False)
            console.print(f"The whole output is in {LOG.relative_to(ROOT)}.", highlight=False)
            return 1
    seconds = time.monotonic() - began
    console.print(f"Done in {seconds:.0f} s. Everything is stopped and removed.", highlight=False)
    return 0
