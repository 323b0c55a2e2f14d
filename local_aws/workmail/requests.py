"""A call that passed the checks, and the pages of lists that answer it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .entities import Moment
from .exceptions import invalid_parameter
from .exports import Exports
from .models import Account, Organization

Members = dict[str, Any]

DEFAULT_PAGE = 100


@dataclass(frozen=True)
class Request:
    """A call that passed the checks. `region` is the one it was signed for, None if unknown."""

    account: Account
    exports: Exports
    parameters: Mapping[str, Any]
    moment: Moment
    region: str | None

    def organization(self) -> Organization:
        """The organization that the call is about; it has to be active."""
        organization = self.any_organization()
        organization.require_active(self.moment.now)
        return organization

    def any_organization(self) -> Organization:
        return self.account.organization(self.parameters["OrganizationId"], self.region)


Operation = Callable[[Request], Members]


def page(request: Request, member: str, entries: Iterable[Any]) -> Members:
    """The part of a list that the request's NextToken and MaxResults ask for."""
    start = _offset(request.parameters.get("NextToken"))
    end = start + request.parameters.get("MaxResults", DEFAULT_PAGE)
    listed = list(entries)
    return {
        member: listed[start:end],
        "NextToken": _token(end) if end < len(listed) else None,
    }


def _token(offset: int) -> str:
    return base64.b64encode(f"from {offset}".encode()).decode()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token, validate=True).decode().removeprefix("from "))
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise invalid_parameter("The NextToken is not one that this service gave.") from error
