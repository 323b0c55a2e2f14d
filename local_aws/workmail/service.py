"""The local WorkMail: every call, from the outside in, with or without HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from .behaviour import Behaviour
from .calls import Call, Calls, addressed_entities, redacted
from .entities import Moment
from .exceptions import NoAnswer, WorkMailError
from .export_responses import EXPORT_OPERATIONS
from .exports import Destination, Exports, Nowhere
from .faults import Failure, Fault, Faults, Stall
from .models import Account, Organization
from .requests import Request
from .responses import OPERATIONS
from .wire import check_request, operation_model, shaped_answer

Authorize = Callable[[str | None, str, str], bool]


class WorkMail:
    """Amazon WorkMail as far as this project calls it, in memory.

    `behaviour` plays what the documents leave open, `faults` what goes wrong, `calls` is the
    record of what was asked, `exports` holds the mailbox export jobs, whose archives go to
    `destination`. `clock` gives seconds since the epoch; nothing here ever sleeps.
    `authorize(access_key, action, resource_arn)`, if set, is asked before every call, and about
    iam:PassRole for the role of an export.
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
        self.exports = Exports(clock, destination or Nowhere())
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
        """The state of an organization, for a test to look at and to change."""
        return self._account.organization(organization_id)

    def reset(self) -> None:
        """No organizations, no exports, no faults, no calls; documented behaviour."""
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
        """Do what one call asks for and give the answer as boto3 would, without metadata.

        `region`: the Region that the call is for; None reaches the organizations of all. Raises
        WorkMailError, and NoAnswer where a fault breaks the connection.
        """
        error_code: str | None = None
        try:
            return self._perform(operation, parameters, access_key, region)
        except WorkMailError as error:
            error_code = error.code
            raise
        except NoAnswer:
            error_code = "NoAnswer"
            raise
        finally:
            call = Call(operation, redacted(parameters), error_code, self.clock(), access_key)
            self.calls.record(call)

    def _perform(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        access_key: str | None,
        region: str | None,
    ) -> dict[str, Any]:
        model = operation_model(operation)
        if operation not in OPERATIONS:
            raise WorkMailError(
                "UnknownOperationException", f"The local WorkMail does not know {operation}."
            )
        with self._lock:
            fault = self._fault(operation, parameters)
        if fault and not fault.after_work:
            raise _raised(fault)
        self._require_permission(operation, parameters, access_key, region)
        check_request(model, parameters)
        if operation in EXPORT_OPERATIONS:
            self.exports.settle()  # not under the lock: other calls need not wait for the writing
        with self._lock:
            moment = Moment(self.clock(), self.behaviour)
            request = Request(self._account, self.exports, parameters, moment, region)
            members = OPERATIONS[operation](request)
            answer = shaped_answer(model, members)
        if fault:
            raise _raised(fault)
        return answer

    def _fault(self, operation: str, parameters: Mapping[str, Any]) -> Fault | None:
        identifiers = {identifier.lower() for identifier in addressed_entities(parameters)}
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
    return NoAnswer(fault.seconds if isinstance(fault, Stall) else 0.0)
