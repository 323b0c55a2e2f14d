"""Calls to AWS: every error is either NotReady, because it may pass, or for the caller to judge."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterator, Mapping
from functools import cache, partial
from typing import Any, Protocol

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from workmail_provider.budgets import (
    PERMISSION_PROPAGATED,
    SERVICE_RECOVERED,
    THROTTLING_EASED,
)
from workmail_provider.errors import NotReady, RequestFailed, ServiceError
from workmail_provider.retry import Retry

# At DEBUG the SDK logs whole requests and responses: the response URL in what the function invokes
# itself with, passwords, and the secrets that they are read from.
SDK_LOG_LEVEL = logging.WARNING
for _name in ("boto3", "botocore", "urllib3"):
    logging.getLogger(_name).setLevel(SDK_LOG_LEVEL)

# One attempt a call: the budgets decide on retries, and the state is read in between. Seconds: the
# last call of a request may hang and still leaves time to undo it and to respond.
_CONFIG = Config(connect_timeout=3, read_timeout=8, retries={"total_max_attempts": 1})
_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        # Credentials of a role that is seconds old.
        "InvalidClientTokenId",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
_BROKEN = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalServiceException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
# Where the IAM action has another name than the operation.
_ACTIONS = {"Invoke": "InvokeFunction"}
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


class Clients(Protocol):
    """The boto3 client of a service; None is the function's own Region."""

    def __call__(self, service: str, region: str | None) -> Any: ...


def make_clients() -> Clients:
    """Makes each client once, and all of one session: another one reads the SDK's data again."""
    session = boto3.Session()

    @cache
    def client(service: str, region: str | None) -> Any:
        return session.client(service, region_name=region, config=_CONFIG)  # type: ignore[call-overload]

    return client


def call(
    retry: Retry,
    service: str,
    client: Any,
    operation: str,
    on: str,
    *,
    final_codes: Container[str] = (),
    **parameters: Any,
) -> Any:
    """The response of one AWS call; `on` is what it is about, for error messages.

    A throttled call is repeated here. Raises NotReady for what else may pass by itself,
    ServiceError for every other error response and for `final_codes`, and RequestFailed when the
    call could not be made or stays throttled.
    """
    request = partial(_call_once, service, client, operation, on, final_codes, parameters)
    return retry.through_throttling(request)


def _call_once(
    service: str,
    client: Any,
    operation: str,
    on: str,
    final_codes: Container[str],
    parameters: Mapping[str, Any],
) -> Any:
    action = f"{service}:{_ACTIONS.get(operation, operation)}"
    try:
        return getattr(client, xform_name(operation))(**parameters)
    except ClientError as error:
        code = error.response["Error"].get("Code", "Unknown")
        message = error.response["Error"].get("Message", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in final_codes:
            raise ServiceError(action, code, message) from error
        if code in _THROTTLED or status == _TOO_MANY_REQUESTS:
            raise NotReady(
                THROTTLING_EASED,
                f"{action} is throttled on {on}: deploy fewer resources at a time or try later",
            ) from error
        if code in _DENIED:
            raise NotReady(
                PERMISSION_PROPAGATED,
                f"the function's role may not call {action} on {on}: allow it (check its Region, "
                "permission boundaries and SCPs)",
            ) from error
        if code in _BROKEN or status >= _SERVER_ERROR:
            raise NotReady(
                SERVICE_RECOVERED, f"{action} keeps failing on {on} with {code}: try again later"
            ) from error
        raise ServiceError(action, code, message) from error
    except (BotoConnectionError, HTTPClientError) as error:
        raise NotReady(
            SERVICE_RECOVERED,
            f"{action} cannot be reached for {on} ({type(error).__name__}): check the Region and "
            "the network, then try again",
        ) from error
    except BotoCoreError as error:
        raise RequestFailed(f"{action} could not be called on {on}: {error}") from error


def pages(list_page: Callable[..., Any]) -> Iterator[Any]:
    """Every page of a list operation."""
    token: dict[str, str] = {}
    while True:
        page = list_page(**token)
        yield page
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}
