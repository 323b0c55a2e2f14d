"""What a call to the local WorkMail raises.

WorkMailError   an error response of WorkMail: code, message, HTTP status
NoResponse      the connection ends without a response, before or after the work was done
"""

from __future__ import annotations


class WorkMailError(Exception):
    """An error response of WorkMail.

    `code` is what boto3 shows as `error.response["Error"]["Code"]`, `status` the HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class NoResponse(Exception):
    """The connection ends without a response, after `seconds` of silence."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no response after {seconds:g} s")
        self.seconds = seconds


def invalid_parameter(message: str) -> WorkMailError:
    return WorkMailError("InvalidParameterException", message)


def entity_not_found(identifier: str) -> WorkMailError:
    return WorkMailError("EntityNotFoundException", f"Entity {identifier} does not exist.")


def entity_state(message: str) -> WorkMailError:
    return WorkMailError("EntityStateException", message)


def name_in_use(name: str) -> WorkMailError:
    return WorkMailError("NameAvailabilityException", f"The name {name} is already in use.")
