"""The checks of literal values that WorkMail would refuse only at deployment."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

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
        # token, whole or part of a string, is without a dollar sign.
        if self.accepts(value) and ("$" not in value or not Token.is_unresolved(value)):
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


ALIAS = replace(EMAIL, field="aliases")
# ASCII, as the service model's patterns are read.
USER_NAME = Rule(
    field="name",
    pattern=re.compile(r"[\w\-.]+(@[a-zA-Z0-9.\-]+\.[a-zA-Z0-9-]{2,})?", re.ASCII),
    longest=64,
    allowed="1 to 64 letters, digits and _ - . with or without a domain after an @",
)
GROUP_NAME = Rule(
    field="name",
    pattern=re.compile(r"[\u0020-\u00FF]+"),
    longest=256,
    allowed="1 to 256 characters of Latin-1",
)
RESOURCE_NAME = replace(USER_NAME, longest=20, allowed=USER_NAME.allowed.replace("64", "20"))
IDENTITY_PROVIDER_USER_ID = Rule(
    field="identity_provider_user_id",
    pattern=re.compile(
        r"^([0-9a-f]{10}-|)[A-Fa-f0-9]{8}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}"
        r"-[A-Fa-f0-9]{12}$"
    ),
    longest=47,
    allowed="the user's id in IAM Identity Center, a UUID that may have 10 hexadecimal digits "
    "and - before it",
)
USER_ROLE = Rule(
    field="role",
    pattern=re.compile("USER|REMOTE_USER"),
    longest=11,
    allowed="USER or REMOTE_USER",
)


def text(field: str, longest: int) -> Rule:
    """Any text, which WorkMail limits in its length only."""
    return Rule(field, re.compile(r"(?s:.*)"), longest, f"at most {longest} characters")


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
