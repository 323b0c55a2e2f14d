"""The world of the unit tests with one more thing: a fault at the nth call of an operation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    HTTPClientError,
    ReadTimeoutError,
)

from tests.support.harness import FunctionHarness, client_error

_CREATIONS = ("CreateUser", "CreateGroup", "CreateResource")
DELETIONS = ("DeleteUser", "DeleteGroup", "DeleteResource")
# What comes after a creation, and is no matter of who is there.
_AMENDMENTS = (
    "UpdateUser",
    "UpdateGroup",
    "UpdateResource",
    "ResetPassword",
    "AssociateMemberToGroup",
    "DisassociateMemberFromGroup",
    "AssociateDelegateToResource",
    "DisassociateDelegateFromResource",
    "CreateAlias",
    "DeleteAlias",
)
_LOOKS = (
    "DescribeUser",
    "DescribeGroup",
    "DescribeResource",
    "DescribeEntity",
    "DescribeOrganization",
    "ListAliases",
    "ListGroupMembers",
    "ListResourceDelegates",
    "DescribeStacks",
    "ListStackResources",
    "ListMailboxExportJobs",
    "DescribeMailboxExportJob",
    "GetSecretValue",
)
STACK_OPERATIONS = ("DescribeStacks", "ListStackResources")
INVOKE = "Invoke"
CHANGES = (
    "RegisterToWorkMail",
    "DeregisterFromWorkMail",
    "UpdatePrimaryEmailAddress",
    *_CREATIONS,
    *DELETIONS,
    *_AMENDMENTS,
)
OPERATIONS = {
    xform_name(operation): operation
    for operation in (*CHANGES, *_LOOKS, "StartMailboxExportJob", INVOKE)
}
# The only calls that may be told a password.
WITH_PASSWORD = ("CreateUser", "ResetPassword")
MESSAGE = "This error was ordered by a test."


class Kind(StrEnum):
    """What the contract says of a fault."""

    SETTLES = "settles by itself: waited for"
    STATE = "the state may be about to change: looked at again"
    NOT_THERE = "not there: waited for by Create and Update, the end of a Delete"
    NO_ORGANIZATION = "no organization: final, and the end of a Delete"
    IN_ITS_TIME = "passes in its time: waited for until CloudFormation's hour ends"
    GONE = "what is to go is gone: done"
    FINAL = "final: fails at once"


@dataclass(frozen=True)
class Fault:
    """What a call ends in; `after_work`: though WorkMail did what it was asked."""

    name: str
    kind: Kind
    error: Callable[[str], Exception]
    after_work: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Order:
    """A fault at the nth call of an operation, and at so many more of them; None is for ever."""

    operation: str
    occurrence: int
    fault: Fault
    times: int | None

    def fits(self, operation: str, occurrence: int) -> bool:
        return (
            operation == self.operation
            and occurrence >= self.occurrence
            and (self.times is None or occurrence < self.occurrence + self.times)
        )


@dataclass(frozen=True)
class Made:
    """One call that was made: an operation, which of its calls, and for which entity."""

    operation: str
    occurrence: int
    entity_id: str


class FaultyWorld(FunctionHarness):
    """A world in which one order of faults holds."""

    def __init__(self, order: Order | None) -> None:
        super().__init__()
        self.made: list[Made] = []
        self.silence = 0.0
        # The operations that were told a password.
        self.told_password: set[str] = set()
        # The ids that WorkMail has given for what was created here.
        self.known_ids: set[str] = set()
        self._order = order
        self._count: Counter[str] = Counter()

    def _client(self, service: str, region: str | None) -> Any:
        return _Wire(self, super()._client(service, region))

    def perform(self, operation: str, work: Callable[[], Any], entity_id: str) -> Any:
        self._count[operation] += 1
        occurrence = self._count[operation]
        self.made.append(Made(operation, occurrence, entity_id))
        order = self._order
        if order is None or not order.fits(operation, occurrence):
            return work()
        if order.fault.after_work:
            work()
        self.now += order.fault.seconds
        self.silence += order.fault.seconds
        raise order.fault.error(operation)


class _Wire:
    def __init__(self, world: FaultyWorld, client: Any) -> None:
        self._world = world
        self._client = client
        self.meta = getattr(client, "meta", None)

    def __getattr__(self, method: str) -> Any:
        def call(**parameters: Any) -> Any:
            operation, password = OPERATIONS[method], parameters.get("Password")
            work = getattr(self._client, method)
            if password:
                self._world.told_password.add(operation)
            try:
                answer = self._world.perform(
                    operation, lambda: work(**parameters), _entity_of(parameters)
                )
            except ClientError as error:
                if password:
                    # As WorkMail may.
                    error.response["Error"]["Message"] = f"{MESSAGE} It is about {password}."
                raise
            if operation in _CREATIONS:
                self._world.known_ids |= set(answer.values())
            return answer

        return call


def _entity_of(parameters: Mapping[str, Any]) -> str:
    names = ("UserId", "GroupId", "ResourceId", "EntityId")
    return next((parameters[name] for name in names if name in parameters), "")


def faults_of(operation: str) -> list[Fault]:
    """Each error that the service model documents for the operation, and what any call can meet."""
    service = "cloudformation" if operation in STACK_OPERATIONS else "workmail"
    if operation == INVOKE:
        service = "lambda"
    if operation == "GetSecretValue":
        service = "secretsmanager"
    model = botocore.session.get_session().get_service_model(service)
    shapes = model.operation_model(operation).error_shapes
    documented = {shape.name for shape in shapes} - {fault.name for fault in EVERYWHERE}
    if operation == INVOKE:
        statuses = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in shapes}
        return [
            *(_of_lambda(code, statuses[code]) for code in sorted(documented)),
            *EVERYWHERE,
            *AFTER_WORK,
        ]
    if service == "cloudformation":
        documented.add("ValidationError")  # what it gives for a stack that does not exist
    faults = [_documented(operation, code) for code in sorted(documented)]
    faults += EVERYWHERE
    if operation in (*CHANGES, "StartMailboxExportJob"):
        faults += AFTER_WORK
    return faults


def _answered(code: str, status: int) -> Callable[[str], Exception]:
    return lambda operation: client_error(operation, code, MESSAGE, status)


def _unanswered(error: type[HTTPClientError]) -> Callable[[str], Exception]:
    return lambda operation: error(endpoint_url="https://loopback")


def _documented(operation: str, code: str) -> Fault:
    # The service model leaves the status of this one to the API reference.
    status = 500 if code == "InternalServiceError" else 400
    return Fault(code, _kind(operation, code), _answered(code, status))


def _of_lambda(code: str, status: int) -> Fault:
    kind = Kind.SETTLES if status >= 500 or status == 429 else Kind.FINAL
    return Fault(code, kind, _answered(code, status))


# Where a code means something else than everywhere.
_KINDS_OF_ONE_CALL = {
    # A mailbox that cannot be exported stays, unless a Describe says that it is gone.
    ("StartMailboxExportJob", "EntityNotFoundException"): Kind.FINAL,
    ("DescribeMailboxExportJob", "EntityNotFoundException"): Kind.IN_ITS_TIME,
    ("StartMailboxExportJob", "LimitExceededException"): Kind.IN_ITS_TIME,
    ("DescribeResource", "UnsupportedOperationException"): Kind.NOT_THERE,
    # No address is asked for.
    ("UpdateResource", "MailDomainStateException"): Kind.FINAL,
    ("DeleteAlias", "EntityNotFoundException"): Kind.GONE,
}
_KINDS = {
    "DirectoryUnavailableException": Kind.SETTLES,
    "InternalServiceError": Kind.SETTLES,
    "MailDomainStateException": Kind.SETTLES,
    # Nobody shows by the name, so it may be somebody new.
    "NameAvailabilityException": Kind.SETTLES,
    "EntityAlreadyRegisteredException": Kind.STATE,
    "EntityStateException": Kind.STATE,
    "EntityNotFoundException": Kind.NOT_THERE,
    "OrganizationNotFoundException": Kind.NO_ORGANIZATION,
}


def _kind(operation: str, code: str) -> Kind:
    return _KINDS_OF_ONE_CALL.get((operation, code), _KINDS.get(code, Kind.FINAL))


ACCESS_DENIED = Fault(
    "AccessDeniedException", Kind.SETTLES, _answered("AccessDeniedException", 400)
)
EVERYWHERE = [
    Fault("ThrottlingException", Kind.SETTLES, _answered("ThrottlingException", 400)),
    Fault("TooManyRequestsException", Kind.SETTLES, _answered("TooManyRequestsException", 429)),
    Fault("HTTP 429 without a code", Kind.SETTLES, _answered("429", 429)),
    Fault("HTTP 500", Kind.SETTLES, _answered("InternalFailure", 500)),
    Fault("HTTP 503", Kind.SETTLES, _answered("ServiceUnavailable", 503)),
    Fault("HTTP 502 without a code", Kind.SETTLES, _answered("502", 502)),
    Fault("no connection", Kind.SETTLES, _unanswered(ConnectTimeoutError), seconds=5),
    Fault("connection dropped", Kind.SETTLES, _unanswered(ConnectionClosedError)),
    Fault("no answer", Kind.SETTLES, _unanswered(ReadTimeoutError), seconds=20),
    ACCESS_DENIED,
]
AFTER_WORK = [
    Fault("HTTP 500 after the work", Kind.SETTLES, _answered("InternalFailure", 500), True),
    Fault(
        "connection dropped after the work", Kind.SETTLES, _unanswered(ConnectionClosedError), True
    ),
    Fault("no answer after the work", Kind.SETTLES, _unanswered(ReadTimeoutError), True, 20),
]
