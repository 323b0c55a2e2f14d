"""The harness of the unit tests, with a fault at the nth call of an operation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore import xform_name
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    ReadTimeoutError,
)

from tests.support.harness import FunctionHarness, client_error, service_model
from tests.support.lambda_fakes import STACK_ID

_CREATIONS = ("CreateUser", "CreateGroup", "CreateResource")
DELETIONS = ("DeleteUser", "DeleteGroup", "DeleteResource")
# Changes of an entity that exists.
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
_READS = (
    "DescribeUser",
    "DescribeGroup",
    "DescribeResource",
    "DescribeEntity",
    "DescribeOrganization",
    "ListAliases",
    "ListGroupMembers",
    "ListResourceDelegates",
    "DescribeStacks",
    "DescribeStackEvents",
    "ListStackResources",
    "GetParametersByPath",
    "ListMailboxExportJobs",
    "DescribeMailboxExportJob",
    "GetSecretValue",
)
# The list of another stack's resources is a call of its own, with a fault of its own.
ELSEWHERE = " of another stack"
STACK_OPERATIONS = (
    "DescribeStacks",
    "DescribeStackEvents",
    "ListStackResources",
    f"ListStackResources{ELSEWHERE}",
)
ANNOUNCEMENTS = "GetParametersByPath"
INVOKE = "Invoke"
SERVICES = {
    INVOKE: "lambda",
    "GetSecretValue": "secretsmanager",
    ANNOUNCEMENTS: "ssm",
    **dict.fromkeys(STACK_OPERATIONS, "cloudformation"),
}
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
    for operation in (*CHANGES, *_READS, "StartMailboxExportJob", INVOKE)
}
# The only operations that may receive a password.
WITH_PASSWORD = ("CreateUser", "ResetPassword")
MESSAGE = "This error was ordered by a test."


class Kind(StrEnum):
    """What the contract says of a fault."""

    SETTLES = "settles by itself: waited for"
    STATE = "the state may be about to change: read again"
    NOT_FOUND = "not found: waited for by Create and Update, the end of a Delete"
    NO_ORGANIZATION = "no organization: final, and the end of a Delete"
    IN_ITS_TIME = "passes in its time: waited for until CloudFormation's hour ends"
    NO_STACK = "another stack does not exist: it declares nothing"
    REMOVED = "what is to be removed does not exist: done"
    FINAL = "final: fails at once"


@dataclass(frozen=True)
class Fault:
    """What a call ends in; `after_work` is whether WorkMail did what the call asks for."""

    name: str
    kind: Kind
    error: Callable[[str], Exception]
    after_work: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Order:
    """A fault at the nth call of an operation, so many times; None is for ever."""

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
class Call:
    """One call: an operation, which of its calls it is, and the entity that it is about."""

    operation: str
    occurrence: int
    entity_id: str


class FaultyHarness(FunctionHarness):
    """Raises the faults of one order."""

    def __init__(self, order: Order | None) -> None:
        super().__init__()
        self.all_calls: list[Call] = []
        self.silence = 0.0
        # The operations that received a password.
        self.received_password: set[str] = set()
        # The ids that WorkMail returned for what was created here.
        self.known_ids: set[str] = set()
        self._order = order
        self._count: Counter[str] = Counter()

    def _client(self, service: str, region: str | None) -> Any:
        client = super()._client(service, region)
        return client if service == "s3" else _Wire(self, client)

    def perform(self, operation: str, work: Callable[[], Any], entity_id: str) -> Any:
        self._count[operation] += 1
        occurrence = self._count[operation]
        self.all_calls.append(Call(operation, occurrence, entity_id))
        order = self._order
        if order is None or not order.fits(operation, occurrence):
            return work()
        if order.fault.after_work:
            work()
        self.now += order.fault.seconds
        self.silence += order.fault.seconds
        raise order.fault.error(operation)


class _Wire:
    def __init__(self, harness: FaultyHarness, client: Any) -> None:
        self._harness = harness
        self._client = client
        self.meta = getattr(client, "meta", None)

    def __getattr__(self, method: str) -> Any:
        def call(**parameters: Any) -> Any:
            operation, password = OPERATIONS[method], parameters.get("Password")
            if operation == "ListStackResources" and parameters["StackName"] != STACK_ID:
                operation += ELSEWHERE
            work = getattr(self._client, method)
            if password:
                self._harness.received_password.add(operation)
            try:
                response = self._harness.perform(
                    operation, lambda: work(**parameters), _entity_of(parameters)
                )
            except ClientError as error:
                if password:
                    # As WorkMail may.
                    error.response["Error"]["Message"] = f"{MESSAGE} It is about {password}."
                raise
            if operation in _CREATIONS:
                self._harness.known_ids |= set(response.values())
            return response

        return call


def _entity_of(parameters: Mapping[str, Any]) -> str:
    names = ("UserId", "GroupId", "ResourceId", "EntityId")
    return next((parameters[name] for name in names if name in parameters), "")


def faults_of(operation: str) -> list[Fault]:
    """Each error that the service model documents for the operation, and those of any call."""
    shapes = error_shapes(operation)
    documented = {shape.name for shape in shapes} - {fault.name for fault in EVERYWHERE}
    if operation == INVOKE:
        statuses = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in shapes}
        return [
            *(_of_lambda(code, statuses[code]) for code in sorted(documented)),
            *EVERYWHERE,
            *AFTER_WORK,
        ]
    faults = [_documented(operation, code) for code in sorted(documented)]
    faults += EVERYWHERE
    if operation in STACK_OPERATIONS:
        faults.append(_documented(operation, "ValidationError"))
        faults.append(_NO_STACK if operation.endswith(ELSEWHERE) else _NO_OWN_STACK)
    if operation in (*CHANGES, "StartMailboxExportJob"):
        faults += AFTER_WORK
    return faults


def error_shapes(operation: str) -> list[Any]:
    model = service_model(SERVICES.get(operation, "workmail"))
    return list(model.operation_model(operation.removesuffix(ELSEWHERE)).error_shapes)


def _error(code: str, status: int, message: str = MESSAGE) -> Callable[[str], Exception]:
    return lambda operation: client_error(operation, code, message, status)


def _no_response(error: type[BotoCoreError]) -> Callable[[str], Exception]:
    return lambda operation: error(endpoint_url="https://loopback")


def _documented(operation: str, code: str) -> Fault:
    # The service model leaves the status of this one to the API reference.
    status = 500 if code == "InternalServiceError" else 400
    return Fault(code, _kind(operation, code), _error(code, status))


def _of_lambda(code: str, status: int) -> Fault:
    kind = Kind.SETTLES if status >= 500 or status == 429 else Kind.FINAL
    return Fault(code, kind, _error(code, status))


# Where a code means something else than everywhere.
_KINDS_OF_ONE_CALL = {
    # A mailbox that cannot be exported stays, unless a Describe shows that it was deregistered.
    ("StartMailboxExportJob", "EntityNotFoundException"): Kind.FINAL,
    ("DescribeMailboxExportJob", "EntityNotFoundException"): Kind.IN_ITS_TIME,
    ("StartMailboxExportJob", "LimitExceededException"): Kind.IN_ITS_TIME,
    ("DescribeResource", "UnsupportedOperationException"): Kind.NOT_FOUND,
    # The call has no address.
    ("UpdateResource", "MailDomainStateException"): Kind.FINAL,
    ("DeleteAlias", "EntityNotFoundException"): Kind.REMOVED,
}
_KINDS = {
    "DirectoryUnavailableException": Kind.SETTLES,
    "InternalServerError": Kind.SETTLES,
    "InternalServiceError": Kind.SETTLES,
    "MailDomainStateException": Kind.SETTLES,
    # No entity shows by the name: it may be new.
    "NameAvailabilityException": Kind.SETTLES,
    "EntityAlreadyRegisteredException": Kind.STATE,
    "EntityStateException": Kind.STATE,
    "EntityNotFoundException": Kind.NOT_FOUND,
    "OrganizationNotFoundException": Kind.NO_ORGANIZATION,
}


def _kind(operation: str, code: str) -> Kind:
    return _KINDS_OF_ONE_CALL.get((operation, code), _KINDS.get(code, Kind.FINAL))


_DOES_NOT_EXIST = _error("ValidationError", 400, "Stack with id arn does not exist")
_NO_STACK = Fault("no such stack", Kind.NO_STACK, _DOES_NOT_EXIST)
_NO_OWN_STACK = Fault("no such stack", Kind.FINAL, _DOES_NOT_EXIST)
ACCESS_DENIED = Fault("AccessDeniedException", Kind.SETTLES, _error("AccessDeniedException", 400))
EVERYWHERE = [
    Fault("ThrottlingException", Kind.SETTLES, _error("ThrottlingException", 400)),
    Fault("TooManyRequestsException", Kind.SETTLES, _error("TooManyRequestsException", 429)),
    Fault("HTTP 429 without a code", Kind.SETTLES, _error("429", 429)),
    Fault("HTTP 500", Kind.SETTLES, _error("InternalFailure", 500)),
    Fault("HTTP 503", Kind.SETTLES, _error("ServiceUnavailable", 503)),
    Fault("HTTP 502 without a code", Kind.SETTLES, _error("502", 502)),
    Fault("no connection", Kind.SETTLES, _no_response(ConnectTimeoutError), seconds=5),
    Fault("connection dropped", Kind.SETTLES, _no_response(ConnectionClosedError)),
    Fault("no response", Kind.SETTLES, _no_response(ReadTimeoutError), seconds=20),
    ACCESS_DENIED,
]
AFTER_WORK = [
    Fault("HTTP 500 after the work", Kind.SETTLES, _error("InternalFailure", 500), True),
    Fault(
        "connection dropped after the work", Kind.SETTLES, _no_response(ConnectionClosedError), True
    ),
    Fault("no response after the work", Kind.SETTLES, _no_response(ReadTimeoutError), True, 20),
]
