"""`docs/security.md` shows the policies that the template holds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Template

from cdk_workmail import MailboxExport, OrganizationExport
from tests.synth.roster import (
    ORGANIZATION,
    declare_group,
    declare_resource,
    declare_user,
    new_stack,
    register,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"


def test_the_documented_policies_are_those_of_the_template() -> None:
    """`make documents` writes them anew."""
    stack = new_stack()
    register(stack)
    resources = Template.from_stack(stack).to_json()["Resources"]
    assert_documented("policy", statements(resources))


def test_the_documented_policies_of_exports_are_those_of_the_template() -> None:
    """`make documents` writes them anew."""
    plain, stack = new_stack(), new_stack()
    register(plain)
    export = MailboxExport(stack, "Export")
    register(stack, removal_policy=RemovalPolicy.SNAPSHOT, mailbox_export=export)
    before = Template.from_stack(plain).to_json()["Resources"]
    resources = Template.from_stack(stack).to_json()["Resources"]
    added = {id: resources[id] for id in resources.keys() - before.keys()}
    assert_documented("export policy", statements(added))
    (role,) = (each for each in added.values() if each["Type"] == "AWS::IAM::Role")
    (inline,) = role["Properties"]["Policies"]
    shown = {
        "AssumeRolePolicyDocument": role["Properties"]["AssumeRolePolicyDocument"]["Statement"],
        "Policies": inline["PolicyDocument"]["Statement"],
    }
    assert_documented("export role", readable(shown))


def test_the_documented_policy_of_the_exporter_is_that_of_the_template() -> None:
    """`make documents` writes it anew."""
    stack = new_stack()
    export = MailboxExport(stack, "Export")
    OrganizationExport(stack, "Departure", organization_id=ORGANIZATION, export=export)
    resources = Template.from_stack(stack).to_json()["Resources"]
    role = resources["DepartureRoleE5993CA0"]
    (inline,) = role["Properties"]["Policies"]
    assert_documented("exporter policy", readable(inline["PolicyDocument"]["Statement"]))


def test_the_documented_policies_of_entities_are_those_of_the_template() -> None:
    """`make documents` writes them anew."""
    plain, stack = new_stack(), new_stack()
    for each in (plain, stack):
        register(each, "Bob")
    given = secretsmanager.Secret(stack, "Given")
    declare_user(stack, reset_password="1", removal_policy=RemovalPolicy.DESTROY)
    declare_user(stack, "Dave", password=given)
    declare_group(stack, members=["bob"], removal_policy=RemovalPolicy.DESTROY)
    declare_resource(stack, delegates=["bob"], removal_policy=RemovalPolicy.DESTROY)
    register(stack, "Carol", aliases=[])
    before = Template.from_stack(plain).to_json()["Resources"]
    resources = Template.from_stack(stack).to_json()["Resources"]
    added = statements({id: resources[id] for id in resources.keys() - before.keys()})
    (organization,) = {each["Resource"] for each in added if ":organization/" in each["Resource"]}
    secrets = [each for each in added if each["Resource"] != organization]
    assert_documented("secret policy", secrets)
    allowed = [each["Action"] for each in added if each["Resource"] == organization]
    assert_documented("entity actions", allowed)


def statements(resources: dict[str, Any]) -> list[Any]:
    """Those of all policies, sorted by what they allow."""
    found = [
        readable(statement)
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::Policy"
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
    ]
    return sorted(found, key=lambda statement: str(statement["Action"]))


def assert_documented(part: str, shown: Any) -> None:
    begin, end = f"<!-- {part} -->\n", f"<!-- /{part} -->"
    rendered = f"```json\n{json.dumps(shown, indent=2)}\n```\n"
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    expected = before + begin + rendered + end + after
    if os.environ.get("WRITE_DOCUMENTS"):
        DOCUMENT.write_text(expected)
    assert DOCUMENT.read_text() == expected


def readable(value: Any) -> Any:
    """Intrinsic functions as `${...}`, and attributes by what has them."""
    match value:
        case {"Fn::Join": ["", parts]}:
            return "".join(readable(part) for part in parts)
        case {"Ref": name}:
            return "${" + name + "}"
        case {"Fn::GetAtt": [name, attribute]}:
            return "${" + kind_of(name) + "." + attribute + "}"
        case dict():
            return {key: readable(item) for key, item in value.items()}
        case list():
            return [readable(item) for item in value]
    return value


def kind_of(logical_id: str) -> str:
    kinds = ("LogGroup", "ExportRole", "ExportBucket", "ExportKey", "ProviderFunction")
    (kind,) = (kind for kind in kinds if kind in logical_id)
    return kind
