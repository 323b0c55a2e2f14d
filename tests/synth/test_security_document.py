"""`docs/security.md` shows the policies that the template holds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from aws_cdk.assertions import Template

from tests.synth.roster import new_stack, register

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
BEGIN, END = "<!-- policy -->\n", "<!-- /policy -->"


def test_the_documented_policies_are_those_of_the_template() -> None:
    """`make documents` writes them anew."""
    stack = new_stack()
    register(stack)
    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    statements = [
        readable(statement)
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    statements.sort(key=lambda statement: str(statement["Action"]))
    rendered = f"```json\n{json.dumps(statements, indent=2)}\n```\n"
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    expected = before + BEGIN + rendered + END + after
    if os.environ.get("WRITE_DOCUMENTS"):
        DOCUMENT.write_text(expected)
    assert DOCUMENT.read_text() == expected


def readable(value: Any) -> Any:
    """Intrinsic functions as `${...}`, and the log group by what it is."""
    match value:
        case {"Fn::Join": ["", parts]}:
            return "".join(readable(part) for part in parts)
        case {"Ref": name}:
            return "${" + name + "}"
        case {"Fn::GetAtt": [name, attribute]}:
            return "${LogGroup." + attribute + "}" if "LogGroup" in name else f"{name}.{attribute}"
        case dict():
            return {key: readable(item) for key, item in value.items()}
        case list():
            return [readable(item) for item in value]
    return value
