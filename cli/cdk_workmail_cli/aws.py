"""The calls to AWS: read-only, paginated, repeated when throttled, and explained when refused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
)

from cdk_workmail_cli.errors import CommandFailed

READ_OPERATIONS = {
    "workmail": (
        "DescribeEntity",
        "DescribeGroup",
        "DescribeOrganization",
        "DescribeResource",
        "DescribeUser",
        "GetDefaultRetentionPolicy",
        "GetMailDomain",
        "GetMailboxDetails",
        "ListAccessControlRules",
        "ListAliases",
        "ListAvailabilityConfigurations",
        "ListGroupMembers",
        "ListGroups",
        "ListImpersonationRoles",
        "ListMailDomains",
        "ListMailboxPermissions",
        "ListMobileDeviceAccessRules",
        "ListResourceDelegates",
        "ListResources",
        "ListUsers",
    ),
    "cloudformation": ("DescribeStacks", "GetTemplate", "ListStackResources"),
    "ssm": ("GetParametersByPath",),
}
"""All that the command ever calls, except for `export`; the policy that it prints allows these."""

# With three calls in ten throttled, one in 170,000 fails after ten attempts.
_RETRIES: Any = {"mode": "standard", "total_max_attempts": 10}
# An endpoint may have several addresses, and each of them may take this long.
_CONNECT_TIMEOUT = 3
_PAGE = 100
_UNREACHABLE = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)


class CallRefused(CommandFailed):
    """AWS refused a call."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Service:
    """The operations of one AWS service that the command may call, by default only to read.

    `repeated` counts the calls that are sent again.
    """

    def __init__(
        self,
        name: str,
        session: boto3.Session,
        region: str | None = None,
        repeated: Callable[[int], None] = lambda count: None,
        *,
        operations: Collection[str] = (),
    ) -> None:
        self._name = name
        self._operations = operations or READ_OPERATIONS[name]
        self._repeated = repeated
        self._is_reached = False
        try:
            self._client: Any = session.client(  # type: ignore[call-overload]  # a literal there
                name,
                region_name=region,
                config=Config(retries=_RETRIES, connect_timeout=_CONNECT_TIMEOUT),
            )
        except BotoCoreError as error:
            raise CommandFailed(f"{error}: check your AWS configuration") from error
        self.region: str = self._client.meta.region_name
        self._client.meta.events.register_first(f"needs-retry.{name}", self._stop_if_unreachable)

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Raises CallRefused, or CommandFailed if AWS cannot be reached."""
        if operation not in self._operations:
            raise AssertionError(f"{operation} is not one of the command's operations")
        method: Callable[..., dict[str, Any]] = getattr(self._client, xform_name(operation))
        try:
            response = method(**parameters)
        except ClientError as error:
            self._repeated(error.response["ResponseMetadata"].get("RetryAttempts", 0))
            raise self._refused(operation, parameters, error) from error
        except _UNREACHABLE as error:
            raise CommandFailed(
                f"{self._name}:{operation} failed: {error}: check the Region, the endpoint and the "
                "network"
            ) from error
        except BotoCoreError as error:
            raise CommandFailed(f"{self._name}:{operation} failed: {error}") from error
        self._repeated(response["ResponseMetadata"].get("RetryAttempts", 0))
        return response

    def _stop_if_unreachable(
        self, caught_exception: Exception | None, attempts: int, **_: object
    ) -> None:
        """An endpoint that never responded is tried twice, or once if it does not connect in time.

        After the first response, connections are tried again like everything else.
        """
        if not isinstance(caught_exception, _UNREACHABLE):
            self._is_reached = True
        elif not self._is_reached and (
            attempts > 1 or isinstance(caught_exception, ConnectTimeoutError)
        ):
            raise caught_exception

    def pages(self, operation: str, member: str, **parameters: Any) -> Iterator[Any]:
        """Each entry of all pages of a list."""
        while True:
            page = self.call(operation, **parameters)
            yield from page.get(member, ())
            if not page.get("NextToken"):
                return
            parameters["NextToken"] = page["NextToken"]

    def _refused(
        self, operation: str, parameters: Mapping[str, Any], error: ClientError
    ) -> CallRefused:
        code = error.response["Error"]["Code"]
        action = f"{self._name}:{operation}"
        if code == "OrganizationNotFoundException":
            return CallRefused(
                code,
                f"organization {parameters.get('OrganizationId')} is not found in {self.region}: "
                "check the id and the Region",
            )
        if "AccessDenied" in code:
            is_read = operation in READ_OPERATIONS.get(self._name, ())
            command = "cdk-workmail policy" if is_read else "cdk-workmail policy --export"
            return CallRefused(
                code, f"{action} is not allowed: attach the policy that `{command}` prints"
            )
        text = error.response["Error"].get("Message") or code
        return CallRefused(code, f"{action} failed: {text} ({code})")


def listed(service: Service, operation: str, member: str, **parameters: Any) -> list[Any]:
    """All entries of a list, in pages of the maximum size."""
    return list(service.pages(operation, member, MaxResults=_PAGE, **parameters))
