"""Checks of literal values that WorkMail would refuse only at deployment; tokens pass."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from aws_cdk import Token
from constructs import Construct

# https://docs.aws.amazon.com/general/latest/gr/workmail.html
WORKMAIL_REGIONS = ("us-east-1", "us-west-2", "eu-west-1")


def invalid(construct: Construct, field: str, allowed: str, got: object) -> ValueError:
    return ValueError(f"{construct.node.path}: {field} must be {allowed}, got {got!r}")


@dataclass(frozen=True)
class FieldPattern:
    """What WorkMail's service model allows in one field."""

    field: str
    pattern: re.Pattern[str]
    longest: int
    allowed: str

    def accepts(self, value: str) -> bool:
        return len(value) <= self.longest and self.pattern.fullmatch(value) is not None

    def check(self, construct: Construct, value: object) -> bool:
        """Whether the value is a literal. Raises ValueError for what is not allowed."""
        if isinstance(value, str):
            # The pattern first saves a call of the CDK's kernel for each literal, and every token,
            # whole or part of a string, has a dollar sign.
            if self.accepts(value) and ("$" not in value or not Token.is_unresolved(value)):
                return True
            if Token.is_unresolved(value):
                return False
        raise invalid(construct, self.field, self.allowed, value)


ORGANIZATION_ID = FieldPattern(
    field="organization_id",
    pattern=re.compile(r"^m-[0-9a-f]{32}$"),
    longest=34,
    allowed="'m-' and 32 hexadecimal digits in lower case",
)
ENTITY_ID = FieldPattern(
    field="entity_id",
    pattern=re.compile(r"[a-zA-Z0-9._%+@-]+"),
    longest=256,
    allowed="1 to 256 letters, digits and . _ % + @ -",
)
EMAIL = FieldPattern(
    field="email",
    pattern=re.compile(r"[a-zA-Z0-9._%+-]{1,64}@[a-zA-Z0-9.-]+\.[a-zA-Z-]{2,}"),
    longest=254,
    allowed="an address like alice@example.com, at most 64 characters before @ and 254 in all",
)
ALIAS = replace(EMAIL, field="aliases")
# ASCII, as the service model's patterns are read.
USER_NAME = FieldPattern(
    field="name",
    pattern=re.compile(r"[\w\-.]+(@[a-zA-Z0-9.\-]+\.[a-zA-Z0-9-]{2,})?", re.ASCII),
    longest=64,
    allowed="1 to 64 letters, digits and _ - . with or without a domain after an @",
)
GROUP_NAME = FieldPattern(
    field="name",
    pattern=re.compile(r"[\u0020-\u00FF]+"),
    longest=256,
    allowed="1 to 256 characters of Latin-1",
)
RESOURCE_NAME = replace(USER_NAME, longest=20, allowed=USER_NAME.allowed.replace("64", "20"))
RESOURCE_TYPE = FieldPattern(
    field="type", pattern=re.compile("ROOM|EQUIPMENT"), longest=9, allowed="ROOM or EQUIPMENT"
)
IDENTITY_PROVIDER_USER_ID = FieldPattern(
    field="identity_provider_user_id",
    pattern=re.compile(
        r"^([0-9a-f]{10}-|)[A-Fa-f0-9]{8}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}"
        r"-[A-Fa-f0-9]{12}$"
    ),
    longest=47,
    allowed="the user's id in IAM Identity Center, a UUID that may have 10 hexadecimal digits "
    "and - before it",
)
USER_ROLE = FieldPattern(
    field="role",
    pattern=re.compile("USER|REMOTE_USER"),
    longest=11,
    allowed="USER or REMOTE_USER",
)


def text(field: str, longest: int) -> FieldPattern:
    """Any text, which WorkMail limits in its length only."""
    return FieldPattern(field, re.compile(r"(?s:.*)"), longest, f"at most {longest} characters")


def check_boolean(construct: Construct, field: str, value: object) -> None:
    if not isinstance(value, bool) and not Token.is_unresolved(value):
        raise invalid(construct, field, "True or False", value)


def check_type(construct: Construct, field: str, value: object, expected: type) -> None:
    """None passes: the option is not given."""
    if value is not None and not isinstance(value, expected):
        raise invalid(construct, field, f"a {expected.__name__}", value)


def check_list(construct: Construct, field: str, values: object) -> None:
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise invalid(construct, field, "a list of strings", values)


def check_region(construct: Construct, stack_region: str, organization_region: str | None) -> None:
    """Raises ValueError for a literal region that WorkMail is not in."""
    region = stack_region if organization_region is None else organization_region
    if region in WORKMAIL_REGIONS or Token.is_unresolved(region):
        return
    allowed = ", ".join(WORKMAIL_REGIONS)
    if organization_region is not None:
        raise invalid(construct, "organization_region", f"one of {allowed}", region)
    raise ValueError(
        f"{construct.node.path}: WorkMail is not in the stack's region {region!r}: "
        f"give organization_region, one of {allowed}"
    )
