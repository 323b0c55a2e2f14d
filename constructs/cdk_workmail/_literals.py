"""The checks of literal values that WorkMail would refuse only at deployment."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aws_cdk import Token
from constructs import Construct

# https://docs.aws.amazon.com/general/latest/gr/workmail.html
WORKMAIL_REGIONS = ("us-east-1", "us-west-2", "eu-west-1")


@dataclass(frozen=True)
class Rule:
    """What WorkMail's service model says of one field."""

    field: str
    pattern: re.Pattern[str]
    longest: int
    allowed: str

    def accepts(self, value: str) -> bool:
        return len(value) <= self.longest and self.pattern.fullmatch(value) is not None

    def check(self, construct: Construct, value: str) -> bool:
        """Whether the value is a literal. Raises ValueError for a literal that breaks the rule."""
        # Asking Python first saves a round trip to the CDK's kernel for each literal, and no
        # token, whole or part of a string, looks like what a rule accepts.
        if self.accepts(value):
            return True
        if Token.is_unresolved(value):
            return False
        raise ValueError(
            f"{construct.node.path}: {self.field} must be {self.allowed}, got {value!r}"
        )


ORGANIZATION_ID = Rule(
    field="organization_id",
    pattern=re.compile(r"^m-[0-9a-f]{32}$"),
    longest=34,
    allowed="'m-' and 32 hexadecimal digits in lower case",
)
ENTITY_ID = Rule(
    field="entity_id",
    pattern=re.compile(r"[a-zA-Z0-9._%+@-]+"),
    longest=256,
    allowed="1 to 256 letters, digits and . _ % + @ -",
)
EMAIL = Rule(
    field="email",
    pattern=re.compile(r"[a-zA-Z0-9._%+-]{1,64}@[a-zA-Z0-9.-]+\.[a-zA-Z-]{2,}"),
    longest=254,
    allowed="an address like alice@example.com, at most 64 characters before @ and 254 in all",
)


def check_region(construct: Construct, stack_region: str, organization_region: str | None) -> None:
    """Raises ValueError for a literal region that WorkMail is not in; tokens pass."""
    region = organization_region or stack_region
    if region in WORKMAIL_REGIONS or Token.is_unresolved(region):
        return
    path, allowed = construct.node.path, ", ".join(WORKMAIL_REGIONS)
    if organization_region:
        raise ValueError(f"{path}: organization_region must be one of {allowed}, got {region!r}")
    raise ValueError(
        f"{path}: WorkMail is not in the stack's region {region!r}: "
        f"give organization_region, one of {allowed}"
    )
