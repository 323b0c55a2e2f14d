"""The passwords of users: what WorkMail's policy asks of them, and a hash to recognize one."""

from __future__ import annotations

import hashlib
import hmac
import os
import string
from dataclasses import dataclass, field
from typing import Self

from .exceptions import WorkMailError

SHORTEST, LONGEST = 8, 63
GROUPS_NEEDED = 3
# Hardly a brake, on purpose: no attacker is here, and tests create hundreds of users.
_ROUNDS = 100


@dataclass(frozen=True)
class HashedPassword:
    """All that is kept of a password."""

    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, password: str) -> Self:
        salt = os.urandom(16)
        return cls(salt, _digest(password, salt))

    def matches(self, password: str) -> bool:
        return hmac.compare_digest(self.digest, _digest(password, self.salt))


def require_strong(password: str) -> None:
    """InvalidPasswordException unless a WorkMail directory would take this password.

    8 to 63 characters, from three of five groups (administrator guide, "password policies").
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise _weak(f"it must have {SHORTEST} to {LONGEST} characters")
    groups = {_group(character) for character in password} - {None}
    if len(groups) < GROUPS_NEEDED:
        raise _weak(
            f"it must have characters from {GROUPS_NEEDED} of these groups: uppercase, lowercase, "
            "digits, special characters, Latin-1 supplement"
        )


def _group(character: str) -> str | None:
    for group in (string.ascii_uppercase, string.ascii_lowercase, string.digits):
        if character in group:
            return group
    if character in string.punctuation:
        return string.punctuation
    return None if character.isascii() else "Latin-1 supplement"


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS)


def _weak(reason: str) -> WorkMailError:
    return WorkMailError(
        "InvalidPasswordException", f"The password does not match the policy: {reason}."
    )
