"""The role of a provider's function, and whether its policies fit into it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import jsii
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct, IValidation

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MOST_CHARACTERS = 10_240
# The longest that WorkMail's Regions, their partition and an account's id can be.
_PSEUDO_PARAMETERS = {
    "AWS::Partition": len("aws"),
    "AWS::Region": len("ap-southeast-1"),
    "AWS::AccountId": len("123456789012"),
    "AWS::URLSuffix": len("amazonaws.com"),
    # Of a stack named with the 128 characters that CloudFormation allows.
    "AWS::StackId": 228,
}
# An ARN with names that CloudFormation generated.
_UNKNOWN = 150


@jsii.implements(IValidation)
class FunctionRole(iam.Role):
    """Knows all inline policies that any stack of the app attaches to it."""

    def __init__(self, scope: Construct, id: str) -> None:
        self._attached: dict[str, iam.Policy] = {}
        super().__init__(
            scope,
            id,
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Registers entities of Amazon WorkMail for CloudFormation",
        )
        self.node.add_validation(self)

    def attach_inline_policy(self, policy: iam.Policy) -> None:
        super().attach_inline_policy(policy)
        self._attached[policy.node.path] = policy

    def validate(self) -> list[str]:
        """Says at synth what IAM would refuse at deployment."""
        policies = self._attached.values()
        size = sum(_size(Stack.of(policy).resolve(policy.document)) for policy in policies)
        if size <= MOST_CHARACTERS:
            return []
        stacks = len({Stack.of(policy).node.path for policy in policies})
        return [
            f"the inline policies of the provider's role come to {size:,} characters at most, in "
            f"{len(policies)} policies of {stacks} stacks, and IAM allows {MOST_CHARACTERS:,}: "
            f"serve some of its organizations, exports, given passwords or stacks with a second "
            f"WorkMailProvider"
        ]


def _size(document: object) -> int:
    """Of the document as IAM counts it: JSON without white space."""
    match document:
        case {"Fn::Join": [str(separator), list(parts)]}:
            between = len(separator) * (len(parts) - 1)
            return 2 + between + sum(_size_of_part(part) for part in parts)
        case {"Ref": _} | {"Fn::GetAtt": _} | {"Fn::ImportValue": _} | {"Fn::GetStackOutput": _}:
            return 2 + _size_of_part(document)
        case Mapping():
            sizes = [_size(key) + 1 + _size(value) for key, value in document.items()]
            return 2 + sum(sizes) + max(len(sizes) - 1, 0)
        case list():
            return 2 + sum(map(_size, document)) + max(len(document) - 1, 0)
    return len(json.dumps(document, ensure_ascii=False))


def _size_of_part(part: object) -> int:
    match part:
        case str():
            return len(part)
        case {"Ref": str(name)} if name in _PSEUDO_PARAMETERS:
            return _PSEUDO_PARAMETERS[name]
    return _UNKNOWN
