"""The role of a provider's function, and whether its policies fit into it."""

from __future__ import annotations

import json
from uuid import UUID

import jsii
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct, IValidation

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MOST_CHARACTERS = 10_240
_LONGEST = {
    "AWS::Partition": "aws",
    "AWS::Region": "ap-southeast-1",
    "AWS::AccountId": "123456789012",
}
_LONGEST_STACK_NAME = 128
# An ARN with names that CloudFormation generates.
_LONGEST_ARN = 150


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
        size = self.size()
        if size <= MOST_CHARACTERS:
            return []
        stacks = len({Stack.of(policy).node.path for policy in self._attached.values()})
        return [
            f"the inline policies of the provider's role can come to {size:,} characters, in "
            f"{len(self._attached)} policies of {stacks} stacks, and IAM allows "
            f"{MOST_CHARACTERS:,}: use a second WorkMailProvider, or the own function of another "
            f"stack, for some of its organizations, exports, given passwords or stacks"
        ]

    def size(self) -> int:
        """The most characters that IAM can count."""
        return sum(map(_longest_size, self._attached.values()))


def _longest_size(policy: iam.Policy) -> int:
    stack = Stack.of(policy)
    name_length = _LONGEST_STACK_NAME if stack.nested else len(stack.stack_name)
    stack_id = f"arn:aws:cloudformation:ap-southeast-1:123456789012:stack/{'x' * name_length}/"
    longest = _LONGEST | {"AWS::StackId": stack_id + str(UUID(int=0))}

    def deployed(value: object) -> object:
        match value:
            case {"Fn::Join": [str(separator), list(parts)]}:
                return separator.join(str(deployed(part)) for part in parts)
            case {"Ref": str(name)}:
                return longest.get(name, "x" * _LONGEST_ARN)
            case dict():
                if any(key.startswith("Fn::") for key in value):
                    return "x" * _LONGEST_ARN
                return {key: deployed(item) for key, item in value.items()}
            case list():
                return [deployed(item) for item in value]
        return value

    # IAM does not count white space.
    return len(json.dumps(deployed(stack.resolve(policy.document)), separators=(",", ":")))
