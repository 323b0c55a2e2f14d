"""Calls to AWS, with every error sorted into those that settle by themselves and the others."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from workmail_provider.budgets import (
    PERMISSION_PROPAGATED,
    SERVICE_RECOVERED,
    THROTTLING_EASED,
)
from workmail_provider.errors import Failure, ServiceError, Unsettled

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
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


def call(
    service: str,
    operation: str,
    method: Callable[..., Any],
    on: str,
    *,
    judged: Container[str] = (),
    **parameters: Any,
) -> Any:
    """The answer of one AWS call; `on` tells in errors what it is about.

    Raises Unsettled for what may pass by itself, ServiceError for every other answer of the
    service and for the codes that the caller has `judged` to mean something else, and Failure when
    the call could not be made at all.
    """
    action = f"{service}:{operation}"
    try:
        return method(**parameters)
    except ClientError as error:
        code = error.response["Error"].get("Code", "Unknown")
        message = error.response["Error"].get("Message", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in judged:
            raise ServiceError(action, code, message) from error
        if code in _THROTTLED or status == _TOO_MANY_REQUESTS:
            raise Unsettled(
                THROTTLING_EASED,
                f"{action} is being throttled on {on}: deploy fewer at a time or try again later",
            ) from error
        if code in _DENIED:
            raise Unsettled(
                PERMISSION_PROPAGATED,
                f"the function's role may not call {action} on {on}: allow it (check its Region, "
                "permission boundaries and SCPs)",
            ) from error
        if code in _BROKEN or status >= _SERVER_ERROR:
            raise Unsettled(
                SERVICE_RECOVERED, f"{action} keeps failing on {on} with {code}: try again later"
            ) from error
        raise ServiceError(action, code, message) from error
    except (BotoConnectionError, HTTPClientError) as error:
        raise Unsettled(
            SERVICE_RECOVERED,
            f"{action} cannot be reached for {on} ({type(error).__name__}): check the Region and "
            "the network, then try again",
        ) from error
    except BotoCoreError as error:
        raise Failure(f"{action} could not be called on {on}: {error}") from error
