"""The site builds without a broken link, its snippets synthesize, and its commands exist."""

from __future__ import annotations

import argparse
import ast
import itertools
import re
import shlex
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
from aws_cdk import App, Environment, Stack
from botocore import xform_name

import cdk_workmail
from cdk_workmail_cli.__main__ import main
from tests.synth.conftest import ROOT
from tests.synth.roster import ORGANIZATION

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:make|cdk-workmail|npx|aws) [^`]+)`")
PLACEHOLDER = re.compile(r"<[^>]*>|m-\.\.\.")
# What the documents use besides the project's own commands and AWS's.
SHELL = {".", "pip", "python3"}
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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, isolated: dict[str, str]) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", folder],
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
    """The snippets of a page share a stack. An ellipsis stands for what another snippet shows."""
    monkeypatch.chdir(tmp_path)
    app = App()
    for page in PAGES:
        stack = Stack(app, f"Page-{page.stem}", env=Environment(region="us-east-1"))
        names = {**vars(aws_cdk), **vars(cdk_workmail), "app": app, "stack": stack, "self": stack}
        for snippet in blocks(page, "python"):
            code = ast.parse(snippet)
            if not any(getattr(node, "value", None) is ... for node in ast.walk(code)):
                exec(compile(code, page.name, "exec"), names)
    app.synth()


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
        case ["npx", "cdk" | "aws-cdk@2.1148.1", command, *_]:
            return command in CDK_COMMANDS
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
            known = {f"--{xform_name(member, '-')}" for member in shape.members}
            return {option for option in options if option.startswith("--")} <= known
    return False
