"""The site builds without a broken link, its snippets synthesize, and its commands exist."""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

import aws_cdk
import botocore.session
import pytest
from aws_cdk import App, Environment, RemovalPolicy, Stack
from botocore import xform_name

import cdk_workmail
from cdk_workmail import MailboxExport, WorkMailRegistration, WorkMailUser
from cdk_workmail_cli.__main__ import main
from tests.synth.conftest import ROOT
from tests.synth.roster import ORGANIZATION

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:make|cdk-workmail|npm|npx|aws) [^`]+)`")
PLACEHOLDER = re.compile(r"<[^>]*>|m-\.\.\.")
# What the documents use besides the project's own commands and AWS's.
SHELL = {".", "pip", "python3"}
CDK_CLI = json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]
Declare = Callable[[Stack], None]
CDK_COMMANDS = {"bootstrap", "deploy", "destroy", "diff", "rollback", "synth"}


def blocks(page: Path, *languages: str) -> Iterator[str]:
    for match in FENCED.finditer(page.read_text(encoding="utf-8")):
        if match[1] in languages:
            yield match[2]


def lines(page: Path) -> Iterator[list[str]]:
    """The words of each command that the page shows."""
    text = page.read_text(encoding="utf-8")
    shown = [line for block in blocks(page, "sh") for line in block.splitlines()]
    shown += INLINE.findall(FENCED.sub("", text))
    for line in shown:
        words = shlex.split(PLACEHOLDER.sub(ORGANIZATION, line), comments=True)
        if words:
            yield words


# The site is built once.
pytestmark = pytest.mark.xdist_group("site")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, isolated: dict[str, str]) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", folder],
        cwd=ROOT,
        env=isolated | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_each_link_of_the_site_leads_to_a_place_in_it(site: Path) -> None:
    html = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    broken = []
    for page, text in html.items():
        if page.name == "404.html":
            continue
        for link in re.findall(r'(?:href|src)="([^"]*)"', text):
            if re.match("[a-z]+:", link):
                continue
            path, _, anchor = unquote(link).partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (
                anchor and target in html and f'id="{anchor}"' not in html[target]
            ):
                broken.append(f"{page.name}: {link}")
    assert not broken


def test_the_site_loads_nothing_from_the_network(site: Path) -> None:
    loaded = [
        match
        for page in [*site.rglob("*.html"), *site.rglob("*.svg")]
        for match in re.findall(
            r"""(?:src|<link[^>]*href)=["']?https?:[^"'>]*|@import[^;]*|url\(["']?https?:[^)]*""",
            page.read_text(encoding="utf-8"),
        )
        if 'rel="canonical"' not in match
    ]
    assert not loaded


def test_links_of_the_readme_lead_to_files() -> None:
    for link in re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_each_public_construct_is_in_the_reference(site: Path) -> None:
    reference = (site / "constructs.html").read_text(encoding="utf-8")
    for name in cdk_workmail.__all__:
        assert f'id="cdk_workmail.{name}"' in reference, name


def test_the_readme_has_fewer_than_150_lines() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_python_snippets_synthesize(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippets of a page share a stack, except for whole apps, which import what they use.

    An ellipsis stands for what another snippet shows.
    """
    shutil.copy(ROOT / "organization.json", tmp_path)
    monkeypatch.chdir(tmp_path)
    app = App()
    for page in PAGES:
        stack = Stack(app, f"Page-{page.stem}", env=Environment(region="us-east-1"))
        names = {**vars(aws_cdk), **vars(cdk_workmail), "app": app, "stack": stack, "self": stack}
        for snippet in blocks(page, "python"):
            code = ast.parse(snippet)
            if not any(getattr(node, "value", None) is ... for node in ast.walk(code)):
                exec(compile(code, page.name, "exec"), {} if "App()" in snippet else names)
    app.synth()


ALICE: dict[str, Any] = {"entity_id": "alice", "email": "alice@example.com"}
RETAINED: dict[str, Any] = {"removal_policy": RemovalPolicy.RETAIN}


def register(id: str = "Alice", **options: Any) -> Declare:
    def declare(stack: Stack) -> None:
        export = options.get("removal_policy") is RemovalPolicy.SNAPSHOT
        WorkMailRegistration(
            stack,
            id,
            organization_id=ORGANIZATION,
            mailbox_export=MailboxExport(stack, "Export") if export else None,
            **(ALICE | options),
        )

    return declare


def nothing(stack: Stack) -> None: ...


def a_user(stack: Stack) -> None:
    dora = WorkMailUser(
        stack, "Dora", organization_id=ORGANIZATION, name="dora", display_name="Dora"
    )
    dora.enable(email="dora@example.com")


CHANGES: dict[str, tuple[Declare, Declare]] = {
    "declare an entity": (nothing, register()),
    "change `email`": (register(), register(email="alice.liddell@example.com")),
    "declare aliases": (register(), register(aliases=["info@example.com"])),
    "rewrite `entity_id` from a name to the id": (register(), register(entity_id="a-1")),
    "declare another entity in the same construct": (register(), register(entity_id="carol")),
    "rename the construct, or move it in its stack": (register(), register("Alicia")),
    "set `RETAIN`": (register(), register(**RETAINED)),
    "set `SNAPSHOT`": (register(), register(removal_policy=RemovalPolicy.SNAPSHOT)),
    "change `revision`": (register(revision="1"), register(revision="2")),
    "remove the declaration": (register(), nothing),
    "remove a declaration with `RETAIN`": (register(**RETAINED), nothing),
    "remove a `WorkMailUser` with its mailbox": (a_user, nothing),
}


def test_the_table_of_changes_shows_what_cdk_diff_shows() -> None:
    app = App()
    env = Environment(region="us-east-1")
    for number, (before, after) in enumerate(CHANGES.values()):
        before(Stack(app, f"Before{number}", env=env))
        after(Stack(app, f"After{number}", env=env))
    assembly = app.synth()

    def resources(name: str) -> dict[str, dict[str, Any]]:
        template = assembly.get_stack_by_name(name).template
        return {
            re.sub("[0-9A-F]{8}$", "", id): resource
            for id, resource in template.get("Resources", {}).items()
            if resource["Type"].startswith("Custom::WorkMail")
        }

    page = (DOCS / "change.md").read_text(encoding="utf-8")
    documented = {
        row[0]: set(re.findall("`([^`]*)`", row[1]))
        for row in re.findall(r"^\| (.*?) \| (`\[.*?) \|", page, re.MULTILINE)
    }
    assert documented == {
        change: set(_differences(resources(f"Before{number}"), resources(f"After{number}")))
        for number, change in enumerate(CHANGES)
    }


def _differences(
    before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]
) -> Iterator[str]:
    """As `cdk diff` shows them, except for DependsOn."""
    for id, resource in before.items():
        if id not in after:
            yield f"[-] {id}"
            yield "orphan" if resource.get("DeletionPolicy") == "Retain" else "destroy"
            continue
        for part in (lambda each: each["Properties"], _policies):
            old, new = part(resource), part(after[id])
            yield from (f"[+] {name}" for name in new.keys() - old.keys())
            yield from (f"[~] {name}" for name in old.keys() & new if old[name] != new[name])
    yield from (f"[+] {id}" for id in after.keys() - before.keys())


def _policies(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name.endswith("Policy")}


def test_each_command_exists() -> None:
    for page in PAGES:
        for words in lines(page):
            assert _exists(words), f"{page.name}: {shlex.join(words)}"


def _exists(words: Sequence[str]) -> bool:
    match words:
        case ["make", target, *_]:
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            return re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE) is not None
        case ["cdk-workmail", *arguments]:
            return _is_parsed(main, [*itertools.takewhile(lambda word: word != ">", arguments)])
        case ["npx", "cdk", *arguments]:
            return {*arguments[:1]} <= CDK_COMMANDS
        case ["npm", "install", package]:
            return package == f"aws-cdk@{CDK_CLI}"
        case ["aws", service, operation, *options]:
            return _is_operation(service, operation, options)
        case [command, *_]:
            return command in SHELL
    return False


def _is_parsed(run: Callable[[list[str]], Any], arguments: list[str]) -> bool:
    """Whether argparse accepts them: a subcommand alone is a mention, and needs no options."""
    if len(arguments) == 1:
        arguments = [*arguments, "--help"]

    class Parsed(Exception):
        pass

    parse = argparse.ArgumentParser.parse_args

    def parse_only(self: argparse.ArgumentParser, *given: Any) -> None:
        parse(self, *given)
        raise Parsed

    with patch.object(argparse.ArgumentParser, "parse_args", parse_only):
        try:
            run(arguments)
        except Parsed:
            return True
        except SystemExit as ended:
            return ended.code == 0
    return False


def _is_operation(service: str, operation: str, options: Sequence[str]) -> bool:
    if service == "s3":
        return operation == "ls"
    model = botocore.session.get_session().get_service_model(service)
    for name in model.operation_names:
        if xform_name(name, "-") == operation:
            shape = model.operation_model(name).input_shape
            members = shape.members if shape else {}
            known = {"--region", *(f"--{xform_name(member, '-')}" for member in members)}
            return {option for option in options if option.startswith("--")} <= known
    return False
