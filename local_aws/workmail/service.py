"""The local WorkMail: performs calls, with or without HTTP, and records them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore import xform_name

from .behaviour import Behaviour
from .entities import Moment
from .exceptions import NoResponse, WorkMailError
from .exports import Destination, Exports
from .faults import Failure, Fault, Faults, Stall
from .models import Account, Organization
from .responses import Responses
from .wire import check_request, operation_model, shaped_response

Authorize = Callable[[str | None, str, str], bool]

REDACTED = "(redacted)"


@dataclass(frozen=True)
class Call:
    """One call: its parameters without passwords, and how it ended.

    `error_code` is None after success and "NoResponse" if the connection ended without a response.
    `at` is the time by the clock of the WorkMail that was called.
    """

    operation: str
    parameters: Mapping[str, Any]
    error_code: str | None
    at: float
    access_key: str | None


class Calls:
    """The calls so far, oldest first."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def record(self, call: Call) -> None:
        self._calls.append(call)

    def of(self, *operations: str, entity: str | None = None) -> list[Call]:
        """The calls of these operations (none given: all), as sent for `entity` if given."""
        return [
            call
            for call in self
            if (not operations or call.operation in operations)
            and (entity is None or entity in _addressed(call.parameters))
        ]

    def clear(self) -> None:
        self._calls.clear()


class WorkMail:
    """Amazon WorkMail as far as this project calls it, in memory.

    `behaviour` decides what the AWS documents leave open, `faults` what fails; `calls` is the
    record, `exports` has the mailbox export jobs, whose archives go to `destination`. `clock`
    gives seconds since the epoch; nothing here ever sleeps. `authorize(access_key, action,
    resource_arn)`, if set, decides about every call, and about iam:PassRole for the role of an
    export.
    """

    def __init__(
        self,
        *,
        behaviour: Behaviour | None = None,
        region: str = "us-east-1",
        account_id: str = "000000000000",
        clock: Callable[[], float] = time.time,
        destination: Destination | None = None,
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.faults = Faults()
        self.calls = Calls()
        self.exports = Exports(clock, destination)
        self.authorize: Authorize | None = None
        self.clock = clock
        self._account = Account(account_id, region)
        self._lock = threading.Lock()

    @property
    def region(self) -> str:
        return self._account.region

    def add_organization(
        self,
        alias: str,
        *,
        organization_id: str | None = None,
        region: str | None = None,
        domain: str | None = None,
    ) -> Organization:
        """An active organization with its test domain, and a verified `domain` as its default."""
        return self._account.add_organization(
            alias, organization_id=organization_id, region=region, domain=domain
        )

    def organization(self, organization_id: str) -> Organization:
        """The state of an organization, for a test to read and to change."""
        return self._account.organization(organization_id)

    def reset(self) -> None:
        """Forget organizations, exports, faults and calls; behave as documented."""
        with self._lock:
            self.exports.reset()
            self._account.organizations.clear()
            self.behaviour = Behaviour()
            self.faults.clear()
            self.calls.clear()

    def perform(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        access_key: str | None = None,
        region: str | None = None,
    ) -> dict[str, Any]:
        """Perform one call; the response is that of boto3, without metadata.

        `region` is the Region of the call; None reaches the organizations of all. Raises
        WorkMailError, and NoResponse where a fault breaks the connection.
        """
        error_code: str | None = None
        try:
            return self._perform(operation, parameters, access_key, region)
        except WorkMailError as error:
            error_code = error.code
            raise
        except NoResponse:
            error_code = "NoResponse"
            raise
        finally:
            call = Call(operation, _redacted(parameters), error_code, self.clock(), access_key)
            self.calls.record(call)

    def _perform(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        access_key: str | None,
        region: str | None,
    ) -> dict[str, Any]:
        model = operation_model(operation)
        method = xform_name(operation)
        if not hasattr(Responses, method):
            raise WorkMailError(
                "UnknownOperationException", f"The local WorkMail does not have {operation}."
            )
        with self._lock:
            fault = self._fault(operation, parameters)
        if fault and not fault.after_work:
            raise _raised(fault)
        self._require_permission(operation, parameters, access_key, region)
        check_request(model, parameters)
        if "MailboxExportJob" in operation:
            self.exports.settle()  # without the lock: other calls do not wait for the writing
        with self._lock:
            moment = Moment(self.clock(), self.behaviour)
            responses = Responses(self._account, self.exports, parameters, moment, region)
            response = shaped_response(model, getattr(responses, method)())
        if fault:
            raise _raised(fault)
        return response

    def _fault(self, operation: str, parameters: Mapping[str, Any]) -> Fault | None:
        identifiers = {identifier.lower() for identifier in _addressed(parameters)}
        organization = self._account.organizations.get(str(parameters.get("OrganizationId")))
        known = organization.known(identifiers) if organization else ()
        for entity in known:
            identifiers |= {entity.entity_id.lower(), entity.name.lower(), *entity.addresses}
        return self.faults.take(operation, identifiers, self.clock())

    def _require_permission(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        access_key: str | None,
        region: str | None,
    ) -> None:
        if self.authorize is None:
            return
        action, resource = f"workmail:{operation}", "*"
        if "OrganizationId" in parameters:
            account = f"{region or self.region}:{self._account.account_id}"
            resource = f"arn:aws:workmail:{account}:organization/{parameters['OrganizationId']}"
        needed = [(action, resource)]
        if operation == "StartMailboxExportJob" and isinstance(parameters.get("RoleArn"), str):
            needed.append(("iam:PassRole", parameters["RoleArn"]))
        for action, resource in needed:
            if not self.authorize(access_key, action, resource):
                raise WorkMailError(
                    "AccessDeniedException",
                    f"User: {access_key} is not authorized to perform: {action} on resource: "
                    f"{resource} because no identity-based policy allows the {action} action",
                )


def _raised(fault: Fault) -> Exception:
    if isinstance(fault, Failure):
        return WorkMailError(fault.code, fault.message, fault.status)
    return NoResponse(fault.seconds if isinstance(fault, Stall) else 0.0)


def _addressed(parameters: Mapping[str, Any]) -> list[str]:
    """The identifiers in a request, as sent; a call that creates or renames also has the name."""
    names = ("EntityId", "UserId", "GroupId", "ResourceId", "MemberId", "Name")
    return [parameters[name] for name in names if isinstance(parameters.get(name), str)]


def _redacted(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: REDACTED if "password" in name.lower() else value
        for name, value in parameters.items()
    }
