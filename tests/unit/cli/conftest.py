"""The command beside a local WorkMail behind HTTP, in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cdk_workmail_cli.__main__ import main
from local_aws.workmail import Behaviour, Entity, Organization, WorkMail, WorkMailServer


@dataclass(frozen=True)
class Ended:
    """How a run of the command ended."""

    code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)

    @property
    def actions(self) -> list[tuple[str, str, str]]:
        return [
            (found["action"], found["entity"], found["detail"]) for found in self.json["findings"]
        ]


Command = Callable[..., Ended]
Write = Callable[..., str]


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[WorkMail, WorkMailServer]]:
    workmail = WorkMail()
    with WorkMailServer(workmail) as server:
        yield workmail, server


@pytest.fixture
def workmail(served: tuple[WorkMail, WorkMailServer]) -> Iterator[WorkMail]:
    served[0].reset()
    yield served[0]
    served[0].behaviour = Behaviour()
    served[0].authorize = None


@pytest.fixture
def organization(workmail: WorkMail) -> Organization:
    return workmail.add_organization("acme", domain="example.com")


@pytest.fixture
def enable(workmail: WorkMail, organization: Organization) -> Callable[..., None]:
    """Enables an entity under its own name, with aliases."""

    def enabled(entity: Entity, *aliases: str) -> None:
        where = {"OrganizationId": organization.organization_id, "EntityId": entity.entity_id}
        email = f"{entity.name}@example.com"
        workmail.perform("RegisterToWorkMail", {**where, "Email": email})
        for alias in aliases:
            workmail.perform("CreateAlias", {**where, "Alias": f"{alias}@example.com"})
        workmail.calls.clear()

    return enabled


@pytest.fixture
def command(
    served: tuple[WorkMail, WorkMailServer],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ENDPOINT_URL_WORKMAIL": served[1].endpoint_url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Ended:
        code = main(arguments)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run


@pytest.fixture
def write(tmp_path: Path, organization: Organization) -> Write:
    """Writes an organization file and gives its path."""

    def written(**document: Any) -> str:
        path = tmp_path / "organization.json"
        head = {"organization_id": organization.organization_id}
        path.write_text(json.dumps(head | document, indent=2))
        return str(path)

    return written
