"""The function that answers CloudFormation."""

from __future__ import annotations

from typing import cast
from weakref import WeakSet

import jsii
from aws_cdk import Duration, INumberProducer, IResolveContext, Lazy, RemovalPolicy, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct

from cdk_workmail._asset import HANDLER, provider_code

# The function gives what settles by itself up to two minutes; the third is for the calls around
# that and for the answer.
_SHORTEST_TIMEOUT = Duration.minutes(3)
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_LONGEST_TIMEOUT = Duration.minutes(15)
# An export is waited for by one invocation after the other, for an hour at most, and Lambda stops a
# function that has called itself about 16 times:
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
_SHORTEST_TIMEOUT_WITH_EXPORTS = Duration.minutes(5)
# What a roster comes to that the account's concurrency delivers at once: docs/benchmarks.md.
_ROSTER = 8
_RESERVED_FOR_A_ROSTER = 5
_NEVER_RESERVED = -1
# Also when the last registration with an export has left: its Delete is still to come.
_APPS_WITH_EXPORTS: WeakSet[IConstruct] = WeakSet()
_MEMORY_SIZES = range(128, 10240 + 1)


def expect_exports(app: IConstruct) -> None:
    """No function of this app reserves executions unless told to."""
    _APPS_WITH_EXPORTS.add(app)


class WorkMailProvider(Construct):
    """The Lambda function behind what a stack declares, with its role and its log.

    A construct without `provider` uses a function of its stack's own, made on first use. Make one
    by hand to choose its settings, or to share it between stacks of one app that are in the same
    account and region. CloudFormation does not let a deployed resource change its function, so what
    moves to another provider needs another construct id too; it is handed over.

    The role may do what the declarations need and nothing else. Each stack adds its own policies to
    it, and IAM allows 10,240 characters of these, so a provider serves about a dozen stacks, or the
    passwords of about 80 users.

    Raises ValueError for options that Lambda would refuse, or that leave too little time.

    AWS Lambda quotas: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    IAM quotas: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    Service tokens:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cfn-customresource.html
    """

    function: lambda_.Function
    """The function; its settings and permissions are managed here."""

    role: iam.Role
    """What the function runs as."""

    service_token: str
    """The function's ARN, which custom resources have as their ServiceToken."""

    service_timeout: Duration
    """How long CloudFormation waits for an answer: the function's timeout and 30 seconds.

    Registrations with SNAPSHOT have an hour instead.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        memory_size: int = 512,
        timeout: Duration | None = None,
        log_group: logs.ILogGroup | None = None,
        log_retention: logs.RetentionDays | None = None,
        reserved_concurrent_executions: int | None = None,
    ) -> None:
        """Makes the function.

        :param memory_size: In MiB, 128 to 10240; 512 unless given. The function's peak is 46 as
            measured, but Lambda gives processor time in proportion: modelled from what was
            measured, a cold start takes about half as long with 512 as with 256 for a tenth more
            GB-seconds. The curve is in docs/benchmarks.md of the project.
        :param timeout: 3 to 15 minutes; ten unless given. What is slow to settle is waited for
            within it, and throttled requests are repeated within it.
        :param log_group: Where the function logs. Unless given it has a log group of its own, which
            outlives the stack because it tells which mailboxes were deregistered.
        :param log_retention: How long the function's own log group keeps a line; three months
            unless given. Not together with `log_group`.
        :param reserved_concurrent_executions: How many resources are worked on at a time, at
            least 1; the others wait in Lambda's queue, and this wait counts towards the service
            timeout. Unless given, 5 if more than 8 resources of the app use the function:
            CloudFormation delivers hundreds of them at once, and of 450 WorkMail throttled 73 %
            of the requests with none reserved, and 4 % with 5, as modelled in docs/benchmarks.md of
            the project. None are reserved for fewer, which need none, nor in an app that has a
            MailboxExport, because exports are waited for inside the function and would keep the
            others out. -1 reserves none in any case, for accounts with few concurrent executions:
            Lambda leaves 100 of them unreserved.
        """
        super().__init__(scope, id)
        self._declared = 0
        timeout = timeout or Duration.minutes(10)
        self._check(memory_size, timeout, reserved_concurrent_executions)
        if log_group and log_retention:
            raise ValueError(
                f"{self.node.path}: log_retention is for the function's own log group, "
                f"got log_group too: set the retention there"
            )
        log_group = log_group or logs.LogGroup(
            self,
            "LogGroup",
            retention=log_retention or logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Registers entities of Amazon WorkMail for CloudFormation",
        )
        log_group.grant_write(self.role)
        self._timeout_seconds = timeout.to_seconds()
        self.service_timeout = timeout.plus(Duration.seconds(30))
        self.function = lambda_.Function(
            self,
            "Function",
            description="Registers entities of Amazon WorkMail for CloudFormation (cdk-workmail)",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler=HANDLER,
            code=provider_code(),
            role=self.role,
            memory_size=memory_size,
            timeout=timeout,
            log_group=log_group,
            reserved_concurrent_executions=self._reserve(reserved_concurrent_executions),
            # By the end of the service timeout CloudFormation has given up on an event and gone
            # on, perhaps to undo it: an event that Lambda repeats, or hands out late because the
            # function was throttled, would then act on a mailbox behind CloudFormation's back.
            retry_attempts=0,
            max_event_age=self.service_timeout,
        )
        self.service_token = self.function.function_arn
        # Each custom resource has these, and each would otherwise ask the CDK's kernel for them.
        self._service_properties = {
            "ServiceToken": self.service_token,
            "ServiceTimeout": self.service_timeout.to_seconds(),
        }

    def _serve_exports(self, registration: Construct) -> None:
        """Raises ValueError if the function has too little time for exports."""
        shortest = _SHORTEST_TIMEOUT_WITH_EXPORTS.to_seconds()
        if self._timeout_seconds < shortest:
            raise ValueError(
                f"{registration.node.path}: provider must have a timeout of at least "
                f"{shortest:.0f} seconds for SNAPSHOT, got {self._timeout_seconds:.0f} of "
                f"{self.node.path}: the function waits for an export by calling itself, which "
                f"Lambda stops after about 16 times"
            )

    def _reserve(self, given: int | None) -> int | None:
        if given == _NEVER_RESERVED:
            return None
        return given or cast(int, Lazy.uncached_number(_ReservedForARoster(self)))

    def _check(
        self, memory_size: int, timeout: Duration, reserved_concurrent_executions: int | None
    ) -> None:
        path = self.node.path
        if memory_size not in _MEMORY_SIZES and not Token.is_unresolved(memory_size):
            raise ValueError(
                f"{path}: memory_size must be {_MEMORY_SIZES[0]} to {_MEMORY_SIZES[-1]} MiB, "
                f"got {memory_size}"
            )
        if timeout.is_unresolved():
            raise ValueError(f"{path}: timeout must be known at synth, got a token")
        shortest, longest = _SHORTEST_TIMEOUT.to_seconds(), _LONGEST_TIMEOUT.to_seconds()
        if not shortest <= timeout.to_seconds() <= longest:
            raise ValueError(
                f"{path}: timeout must be {shortest:.0f} to {longest:.0f} seconds, "
                f"got {timeout.to_seconds():.0f}: the function waits up to two minutes for what "
                f"settles by itself"
            )
        concurrency = reserved_concurrent_executions
        if concurrency in (None, _NEVER_RESERVED) or Token.is_unresolved(concurrency):
            return
        if concurrency < 1:
            raise ValueError(
                f"{path}: reserved_concurrent_executions must be at least 1, or -1 to reserve "
                f"none, got {concurrency}: with 0 CloudFormation never gets an answer"
            )


@jsii.implements(INumberProducer)
class _ReservedForARoster:
    """Decides when all resources are declared, also those of other stacks."""

    def __init__(self, provider: WorkMailProvider) -> None:
        self._provider = provider

    def produce(self, context: IResolveContext) -> int | None:
        provider = self._provider
        if provider.node.root in _APPS_WITH_EXPORTS or provider._declared <= _ROSTER:
            return None
        return _RESERVED_FOR_A_ROSTER
