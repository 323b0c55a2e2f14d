"""The real function, run for one event at a time in simulated time, and the faults of a run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Timer
from typing import Any

from botocore.exceptions import ConnectionClosedError

from local_aws.workmail import Drop, Entity, Failure, Group, Resource, WorkMail
from tests.model.cloudformation import CloudFormation, Event, Stack
from tests.model.templates import PASSWORD_SECRET
from tests.support.harness import (
    FUNCTION_ARN,
    SecretsManagerClient,
    WorkMailClient,
    client_error,
)
from tests.support.lambda_fakes import ORGANIZATION_ID
from tests.support.s3 import S3
from workmail_provider.cloudformation.custom_resource import CustomResource
from workmail_provider.cloudformation.stacks import NESTED_STACK
from workmail_provider.resources.types import RESOURCE_TYPES
from workmail_provider.retry import Clock

FUNCTION_TIMEOUT = 600.0
PASSWORD = "Correct-Horse-9-Battery"
_SECONDS_A_CALL = 0.1
_FORMER_STACK = "arn:aws:cloudformation:us-east-1:000000000000:stack/Former/99999999-2222-3333"
CHANGING = ("RegisterToWorkMail", "DeregisterFromWorkMail", "UpdatePrimaryEmailAddress")


class Killed(BaseException):
    """The process has ended: nothing that it would have done after this happens."""


@dataclass
class Time:
    """Seconds since the epoch."""

    now: float = 1_750_000_000.0

    def read(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True, eq=False)
class Delivery:
    """An event that Lambda has for the function: a request, or its continuation."""

    event: Event
    message: Mapping[str, Any]
    queued_at: float
    is_continuation: bool = False


@dataclass(frozen=True)
class CallFault:
    """Fails the next calls of one operation, or of any; `times` None: all of them."""

    fault: Failure | Drop
    operation: str | None = None
    times: int | None = 1


@dataclass(frozen=True)
class RunFaults:
    """What fails in one run of the function.

    `stack_error` fails each read of a stack. At WorkMail call number `ends_at` (from 0) the process
    is killed, or with `ends_in_error` runs out of memory. Before call number `interrupted_at`
    something else happens first.
    """

    calls: tuple[CallFault, ...] = ()
    stack_error: str | None = None
    ends_at: int | None = None
    ends_in_error: bool = False
    interrupted_at: int | None = None

    @property
    def are_temporary(self) -> bool:
        """Whether the function has to succeed in spite of them."""
        passing = tuple(fault for fault in self.calls if fault.times is not None)
        return self == RunFaults(passing, ends_in_error=self.ends_in_error)


@dataclass(frozen=True)
class Found:
    """The truth about an entity before a run."""

    state: str
    email: str | None
    enabled_at: float | None
    is_settled: bool
    aliases: tuple[str, ...]
    # The ids of members or delegates.
    members: tuple[str, ...]


@dataclass
class Run:
    """One run of the function for one event, and what the model saw of it.

    `invoked` are the events that it invoked itself with.
    """

    delivery: Delivery
    faults: RunFaults
    was_waited_for: bool
    found: Mapping[str, Found]
    began_at: float
    # Of these, what other runs spent that interrupted this one.
    others_seconds: float = 0.0
    seconds: float = 0.0
    calls: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    invoked: list[dict[str, Any]] = field(default_factory=list)
    was_killed: bool = False
    was_interrupted: bool = False

    @property
    def event(self) -> Event:
        return self.delivery.event

    def asked(self, *operations: str) -> list[str]:
        """The entities that these operations were called for."""
        return [entity_id for operation, entity_id in self.calls if operation in operations]

    @property
    def response(self) -> dict[str, Any]:
        response: dict[str, Any] = json.loads(self.bodies[-1])
        return response

    @property
    def has_succeeded(self) -> bool:
        return bool(self.response["Status"] == "SUCCESS")

    def __str__(self) -> str:
        counted = Counter(operation for operation, _ in self.calls)
        calls = ", ".join(f"{name} {n}" if n > 1 else name for name, n in counted.items())
        without = "continues" if self.invoked else "no response"
        end = f"{self.response['Status']} {self.response['Reason']}" if self.bodies else without
        return f"{calls} -> {end} after {self.seconds:.0f} s"


class Function:
    """Runs the function against a local WorkMail and the stacks of a model.

    `before_call` and `after_call` see each WorkMail call, `after_sleep` what time has passed;
    `interrupt` is what happens before a call in the middle of a run with faults that say so.
    All runs share what a process remembers.
    """

    def __init__(
        self,
        time: Time,
        workmail: WorkMail,
        s3: S3,
        account: CloudFormation,
        *,
        hides_enabled_date: bool,
        before_call: Callable[[Run, str, Mapping[str, Any]], None],
        after_call: Callable[[Run, str, str, Mapping[str, Any]], None],
        after_sleep: Callable[[], None],
    ) -> None:
        self.time = time
        self.workmail = workmail
        self.s3 = s3
        self.account = account
        self.hides_enabled_date = hides_enabled_date
        self.before_call = before_call
        self.after_call = after_call
        self.after_sleep = after_sleep
        # A run that interrupts another one comes last.
        self._processes: list[_Process] = []
        self._provider = CustomResource(
            RESOURCE_TYPES,
            lambda service, region: self._processes[-1].client(service, region),
            Clock(
                now=time.read,
                sleep=lambda seconds: self._processes[-1].sleep(seconds),
                jitter=lambda: 1.0,
                timer=_NoTimer,
                utc_now=lambda: datetime.fromtimestamp(time.now, UTC),
            ),
            lambda url, body, timeout: self._processes[-1].put(url, body, timeout),
        )

    def run(
        self,
        delivery: Delivery,
        faults: RunFaults,
        found: Mapping[str, Found],
        interrupt: Callable[[str], None],
    ) -> Run:
        run = Run(delivery, faults, delivery.event.is_waited_for, found, self.time.now)
        process = _Process(self, run, interrupt)
        self._processes.append(process)
        with suppress(Killed):
            self._provider(delivery.message, process)
        self._processes.pop()
        if process.violation:
            raise process.violation
        run.seconds = self.time.now - run.began_at - run.others_seconds
        return run


class _NoTimer(Timer):
    """Never runs: it would in real time, and a thread for each run takes longer than most runs."""

    def start(self) -> None:
        pass


class _Process:
    """The process that one run is in, and its Lambda context."""

    log_group_name = "provider-logs"
    log_stream_name = "stream"
    invoked_function_arn = FUNCTION_ARN

    def __init__(self, function: Function, run: Run, interrupt: Callable[[str], None]) -> None:
        self.function = function
        self.run = run
        # Raised when the run is over: inside it the function would catch it.
        self.violation: AssertionError | None = None
        self._interrupt = interrupt
        self._ends_at = function.time.now + FUNCTION_TIMEOUT
        self._left = {call_fault: call_fault.times for call_fault in run.faults.calls}

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._ends_at - self.function.time.now) * 1000))

    def client(self, service: str, region: str | None) -> Any:
        assert region is None
        if service == "workmail":
            return _WorkMailClient(self)
        if service == "lambda":
            return _LambdaClient(self)
        if service == "s3":
            return self.function.s3
        if service == "secretsmanager":
            return SecretsManagerClient({PASSWORD_SECRET: PASSWORD})
        assert service in ("cloudformation", "ssm")
        return _StackClient(self)

    def sleep(self, seconds: float) -> None:
        self.ensure_alive()
        self.function.time.advance(seconds)
        self._let(self.function.after_sleep)
        # CloudFormation has given up meanwhile.
        if self.run.was_waited_for and not self.run.event.is_waited_for:
            self.run.was_interrupted = True

    def put(self, url: str, body: bytes, timeout: float) -> int:
        self.ensure_alive()
        self.run.bodies.append(body)
        return 200

    def ensure_alive(self) -> None:
        if self.run.was_killed:
            raise Killed

    def arrive(self, operation: str) -> None:
        """What happens before a WorkMail call."""
        self.ensure_alive()
        time, run = self.function.time, self.run
        time.advance(_SECONDS_A_CALL)
        if run.faults.interrupted_at == len(run.calls) and not run.was_interrupted:
            run.was_interrupted = True
            began_at = time.now
            self._let(lambda: self._interrupt(operation))
            run.others_seconds += time.now - began_at

    def _let(self, happen: Callable[[], None]) -> None:
        try:
            happen()
        except AssertionError as violation:
            self.violation, self.run.was_killed = violation, True
            raise Killed from violation

    def end(self) -> None:
        """What happens in the middle of a WorkMail call."""
        if self.run.faults.ends_at == len(self.run.calls) - 1:
            if self.run.faults.ends_in_error:
                raise MemoryError
            self.run.was_killed = True
            raise Killed

    def fault(self, operation: str) -> Failure | Drop | None:
        for call_fault, times in self._left.items():
            if times != 0 and call_fault.operation in (None, operation):
                self._left[call_fault] = times and times - 1
                return call_fault.fault
        return None


class _WorkMailClient(WorkMailClient):
    def __init__(self, process: _Process) -> None:
        super().__init__(process.function.workmail, "us-east-1")
        self._process = process

    def _perform(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        process, function = self._process, self._process.function
        process.arrive(operation)
        entity_id = _entity_of(parameters)
        function.before_call(process.run, operation, parameters)
        process.run.calls.append((operation, entity_id))
        fault = process.fault(operation)
        if fault and not fault.after_work:
            process.end()
            raise _raised(operation, fault)
        response = super()._perform(operation, parameters)
        function.after_call(process.run, operation, entity_id, response)
        process.end()
        if fault:
            raise _raised(operation, fault)
        if function.hides_enabled_date:
            response.pop("EnabledDate", None)
        return response


class _LambdaClient:
    def __init__(self, process: _Process) -> None:
        self._process = process

    def invoke(self, FunctionName: str, InvocationType: str, Payload: str) -> dict[str, Any]:
        process = self._process
        process.ensure_alive()
        assert (FunctionName, InvocationType) == (FUNCTION_ARN, "Event")
        fault = process.fault("InvokeFunction")
        if fault is None or fault.after_work:
            process.run.invoked.append(json.loads(Payload))
        if fault:
            raise _raised("InvokeFunction", fault)
        return {"StatusCode": 202}


class _StackClient:
    """What the function's role allows: the stacks of the account, and their announcements."""

    def __init__(self, process: _Process) -> None:
        self._process = process
        self._account = process.function.account

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        stack = self._find("DescribeStacks", StackName)
        own = self._process.run.event.stack
        assert stack in (own, own.root)
        times = {
            "CreationTime": stack.creation_time,
            "LastUpdatedTime": stack.last_updated_time,
            "DeletionTime": stack.deletion_time,
        }
        described = {
            name: datetime.fromtimestamp(at, UTC) for name, at in times.items() if at is not None
        }
        root = {"RootId": stack.root.stack_id} if stack.root else {}
        identity = {"StackId": stack.stack_id, "StackStatus": stack.status}
        return {"Stacks": [{**identity, **described, **root}]}

    def describe_stack_events(self, StackName: str, NextToken: str = "0") -> dict[str, Any]:
        """Newest first; between those of the stack itself are those of a resource."""
        stack = self._find("DescribeStackEvents", StackName)
        events = []
        for status in reversed(stack.statuses):
            events.append({"PhysicalResourceId": StackName, "ResourceStatus": status})
            events.append({"PhysicalResourceId": "other", "ResourceStatus": "CREATE_COMPLETE"})
        return _page("StackEvents", events, NextToken)

    def list_stack_resources(self, StackName: str, NextToken: str = "0") -> dict[str, Any]:
        stack = self._find("ListStackResources", StackName)
        rows = [
            {
                "LogicalResourceId": logical_id,
                "ResourceStatus": row.status,
                "ResourceType": row.declared.resource_type,
                **({"PhysicalResourceId": row.physical_id} if row.physical_id else {}),
            }
            for logical_id, row in stack.rows.items()
        ]
        rows += [
            {
                "LogicalResourceId": name,
                "PhysicalResourceId": nested.stack_id,
                "ResourceStatus": nested.statuses[-1],
                "ResourceType": NESTED_STACK,
            }
            for name, nested in stack.nested.items()
        ]
        return _page("StackResourceSummaries", rows, NextToken)

    def get_parameters_by_path(self, Path: str, NextToken: str = "0") -> dict[str, Any]:
        """One of them is of a stack that no longer exists."""
        self._fail("GetParametersByPath")
        assert Path == f"/cdk-workmail/{ORGANIZATION_ID}"
        stacks = [stack for stack in self._account.stacks.values() if stack.is_announced]
        ids = [_FORMER_STACK, *(stack.stack_id for stack in stacks)]
        return _page("Parameters", [{"Value": stack_id} for stack_id in ids], NextToken)

    def _find(self, operation: str, stack_id: str) -> Stack:
        self._fail(operation)
        if stack_id == _FORMER_STACK:
            message = f"Stack with id {stack_id} does not exist"
            raise client_error(operation, "ValidationError", message)
        return self._account.stacks[stack_id]

    def _fail(self, operation: str) -> None:
        self._process.ensure_alive()
        code = self._process.run.faults.stack_error
        if code:
            raise client_error(operation, code, "ordered by the model")


def _page(name: str, items: list[Any], token: str) -> dict[str, Any]:
    """Two of the items."""
    end = int(token) + 2
    return {name: items[end - 2 : end], **({"NextToken": str(end)} if end < len(items) else {})}


def found(entity: Entity, now: float) -> Found:
    """The truth about an entity, and whether WorkMail shows it already."""
    registration = entity.registration
    return Found(
        state=registration.state,
        email=registration.email if registration.state == "ENABLED" else None,
        enabled_at=registration.enabled_at,
        is_settled=entity.registration_seen(now) is registration,
        aliases=tuple(entity.aliases),
        members=tuple(entity.associated) if isinstance(entity, Group | Resource) else (),
    )


def may_remove(event: Event, *, in_rollbacks: bool) -> bool:
    """Whether a Create or an Update may remove anything: not when CloudFormation waits no more."""
    return not event.is_late and (in_rollbacks or not event.rolls_back)


def _entity_of(parameters: Mapping[str, Any]) -> str:
    names = ("EntityId", "UserId", "GroupId", "ResourceId")
    return next((parameters[name] for name in names if name in parameters), "")


def _raised(operation: str, fault: Failure | Drop) -> Exception:
    if isinstance(fault, Drop):
        return ConnectionClosedError(endpoint_url="http://workmail")
    return client_error(operation, fault.code, fault.message, fault.status)
