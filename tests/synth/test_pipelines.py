"""The examples of pipelines: what they synthesize, and what their workflows may do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint import ManualArgs  # type: ignore[import-untyped]
from cfnlint.api import lint_file  # type: ignore[import-untyped]

from cdk_workmail_file import read
from tests.support.pipelines import GITHUB, PIPELINES, WORKFLOWS, commands, job, workflow
from tests.synth.conftest import ROOT

# cfn-lint reads its rules and schemas once in a process.
pytestmark = pytest.mark.xdist_group("cfn_lint")

EXAMPLES = ["cdk_pipelines", "github_actions"]
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")
NAMES = [path.stem for path in WORKFLOWS]


@pytest.fixture(scope="module")
def assemblies(
    isolated: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    roots = os.pathsep.join(str(ROOT / root) for root in ("cli", "constructs"))
    environment = isolated | {"PYTHONPATH": roots, "CDK_DEFAULT_ACCOUNT": "111111111111"}
    folders = {name: tmp_path_factory.mktemp(name) for name in EXAMPLES}
    running = [
        subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=PIPELINES / name,
            env=environment | {"CDK_OUTDIR": str(folder)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, folder in folders.items()
    ]
    for process in running:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    return folders


def template(assembly: Path, name: str) -> Any:
    (file,) = assembly.rglob(f"*{name}.template.json")
    return json.loads(file.read_text())["Resources"]


def of_type(resources: dict[str, Any], resource_type: str) -> dict[str, Any]:
    return {
        logical_id: resource["Properties"]
        for logical_id, resource in resources.items()
        if resource["Type"] == resource_type
    }


def statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in role["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def actions(statement: dict[str, Any]) -> list[str]:
    action = statement["Action"]
    return [action] if isinstance(action, str) else action


@pytest.mark.parametrize("name", EXAMPLES)
def test_cfn_lint_finds_nothing(assemblies: dict[str, Path], name: str) -> None:
    found = [
        match
        for file in assemblies[name].rglob("*.template.json")
        # The CDK makes a resource depend on what it refers to already.
        for match in lint_file(file, config=ManualArgs(ignore_checks=["W3005"]))
        # It joins where cfn-lint would substitute.
        if "Prefer using Fn::Sub" not in str(match)
    ]
    assert not found


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_installs_this_version_and_declares_a_valid_file(name: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    required = (PIPELINES / name / "requirements.txt").read_text()
    assert f"./cdk_workmail-{version}-py3-none-any.whl[cli]\n" in required
    assert (pinned := re.search(r"aws-cdk-lib==\S+", required))
    assert pinned[0] in (ROOT / "constraints.txt").read_text()
    read(PIPELINES / name / "organization.json")


def test_the_cdk_cli_of_the_examples_is_the_one_of_the_tests() -> None:
    version = json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]
    named = {
        found
        for file in (PIPELINES / "cdk_pipelines" / "app.py", *WORKFLOWS)
        for found in re.findall(r"aws-cdk@([\d.]+)", file.read_text())
    }
    assert named == {version}


class TestRolesOfGitHubActions:
    @pytest.fixture
    def roles(self, assemblies: dict[str, Path]) -> dict[str, Any]:
        found = of_type(template(assemblies["github_actions"], "MailPipeline"), "AWS::IAM::Role")
        assert len(found) == 2
        return {re.sub(r"[0-9A-F]{8}$", "", name): role for name, role in found.items()}

    @pytest.mark.parametrize(
        ("name", "subjects"),
        [
            (
                "Reader",
                ["repo:example/mail:pull_request", "repo:example/mail:ref:refs/heads/main"],
            ),
            ("Deployer", ["repo:example/mail:environment:production"]),
        ],
    )
    def test_a_role_trusts_one_repository_by_exact_subjects(
        self, roles: dict[str, Any], name: str, subjects: list[str]
    ) -> None:
        (trust,) = roles[name]["AssumeRolePolicyDocument"]["Statement"]
        (operator,) = trust["Condition"]
        assert operator == "StringEquals"
        condition = trust["Condition"][operator]
        assert condition["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
        found = condition["token.actions.githubusercontent.com:sub"]
        assert ([found] if isinstance(found, str) else found) == subjects

    def test_the_reader_changes_nothing(self, roles: dict[str, Any]) -> None:
        allowed = [action for found in statements(roles["Reader"]) for action in actions(found)]
        assert allowed
        assert all(re.match(r"\w+:(Describe|Get|List)", action) for action in allowed)

    def test_the_deployer_also_assumes_the_roles_of_the_bootstrap_stack(
        self, roles: dict[str, Any]
    ) -> None:
        reading = [*statements(roles["Reader"])]
        (assuming,) = [found for found in statements(roles["Deployer"]) if found not in reading]
        assert actions(assuming) == ["sts:AssumeRole"]
        assert re.findall(r"cdk-hnb659fds-([\w-]+)-role-", json.dumps(assuming)) == [
            "deploy",
            "file-publishing",
            "lookup",
        ]


class TestWorkflows:
    @pytest.mark.parametrize("name", NAMES)
    def test_actions_are_pinned_to_commits(self, name: str) -> None:
        used = [step["uses"] for step in job(name)["steps"] if "uses" in step]
        assert used
        assert all(PINNED.fullmatch(action) for action in used)

    @pytest.mark.parametrize("name", NAMES)
    def test_a_job_has_the_permissions_that_it_needs_alone(self, name: str) -> None:
        commenting = {"pull-requests": "write"} if name == "plan" else {}
        assert workflow(name)["permissions"] == {}
        assert job(name)["permissions"] == {"contents": "read", "id-token": "write", **commenting}
        assert job(name)["timeout-minutes"]

    @pytest.mark.parametrize("name", NAMES)
    def test_shell_commands_contain_no_text_of_an_event(self, name: str) -> None:
        """A title or a branch name would be run as a command."""
        assert not [text for text in commands(name).values() if "${{" in text]

    @pytest.mark.parametrize("name", NAMES)
    def test_the_checkout_leaves_no_token_behind(self, name: str) -> None:
        (checkout,) = [s for s in job(name)["steps"] if s.get("uses", "").startswith("actions/ch")]
        assert checkout["with"]["persist-credentials"] is False

    def test_pull_requests_of_forks_are_not_planned(self) -> None:
        assert [*workflow("plan")[True]] == ["pull_request"]
        condition = "github.event.pull_request.head.repo.full_name == github.repository"
        assert job("plan")["if"] == condition

    def test_a_deployment_is_approved_and_never_cancelled(self) -> None:
        assert job("deploy")["environment"] == "production"
        assert workflow("deploy")["concurrency"]["cancel-in-progress"] is False
        assert workflow("deploy")[True] == {"push": {"branches": ["main"]}}

    def test_roles_come_from_the_variables_that_the_readme_names(self) -> None:
        readme = (GITHUB / "README.md").read_text()
        for path in WORKFLOWS:
            for variable in re.findall(r"vars\.(\w+)", path.read_text()):
                assert f"`{variable}`" in readme

    @pytest.mark.parametrize("name", NAMES)
    def test_shell_commands_are_valid(self, name: str) -> None:
        for text in commands(name).values():
            subprocess.run(["bash", "-n", "-c", text], check=True)


class TestCdkPipelines:
    @pytest.fixture
    def pipeline(self, assemblies: dict[str, Path]) -> dict[str, Any]:
        resources: dict[str, Any] = template(assemblies["cdk_pipelines"], "MailPipeline")
        return resources

    def test_it_plans_approves_deploys_and_compares(self, pipeline: dict[str, Any]) -> None:
        (found,) = of_type(pipeline, "AWS::CodePipeline::Pipeline").values()
        (stage,) = [stage for stage in found["Stages"] if stage["Name"] == "Production"]
        order = {action["Name"]: action["RunOrder"] for action in stage["Actions"]}
        assert order["Plan"] < order["Approve"] < order["Mail.Prepare"] < order["Mail.Deploy"]
        assert order["Permissions.Confirm"] < order["Approve"]
        assert order["Mail.Deploy"] < order["Compare"]

    def test_a_plan_with_something_to_do_does_not_fail_the_pipeline(
        self, pipeline: dict[str, Any]
    ) -> None:
        specs = [
            project["Source"]["BuildSpec"]
            for project in of_type(pipeline, "AWS::CodeBuild::Project").values()
        ]
        (plan,) = [spec for spec in specs if "cdk-workmail plan" in str(spec)]
        assert "|| test $? -eq 2" in plan

    def test_steps_may_read_the_organization(self, pipeline: dict[str, Any]) -> None:
        reading = [
            policy
            for policy in of_type(pipeline, "AWS::IAM::Policy").values()
            if "workmail:ListUsers" in json.dumps(policy)
        ]
        assert len(reading) == 2
        assert not re.search(r'"workmail:(?!Describe|Get|List)', json.dumps(reading))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_stack_is_protected_against_termination(assemblies: dict[str, Path], name: str) -> None:
    protected = {
        artifact_id.partition("Mail")[1]
        for file in assemblies[name].rglob("manifest.json")
        for artifact_id, artifact in json.loads(file.read_text())["artifacts"].items()
        if artifact.get("properties", {}).get("terminationProtection")
    }
    assert protected == {"Mail"}
