"""The function that answers CloudFormation."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_workmail._asset import HANDLER, function_code
from cdk_workmail._role import FunctionRole
from cdk_workmail._validation import check_type

# The function waits up to two minutes for what settles by itself; the third is for the calls around
# that and for the response.
_SHORTEST_TIMEOUT = Duration.minutes(3)
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_LONGEST_TIMEOUT = Duration.minutes(15)
_MEMORY_SIZES = range(128, 10240 + 1)


class WorkMailProvider(Construct):
    """The Lambda function behind what a stack declares, with its role and its log group.

    Constructs without `provider` use a function of their stack's own, which is created on first
    use. Declare one to choose its settings, or to share it between stacks of one app in the same
    account and region. CloudFormation does not change the function of a deployed resource, so a
    construct that changes its provider needs another id too; its entity stays enabled.

    The role may do what the declarations need and nothing else. Each stack attaches its own
    policies, and IAM allows a role 10,240 characters of them. Users and generated passwords add
    none, but each organization, export, given password and stack does: if they could exceed the
    limit, synth fails with the numbers, and you declare a second provider.

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
    """How long CloudFormation waits for a response: the function's timeout and 30 seconds.

    For registrations with SNAPSHOT it waits an hour instead.
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
        """Creates the function.

        :param memory_size: In MiB, 128 to 10240; 512 by default. The function needs 46, but Lambda
            allots processor time in proportion: with 512 a cold start takes about half as long as
            with 256, for a tenth more GB-seconds, as docs/benchmarks.md of the project shows.
        :param timeout: 3 to 15 minutes; 10 by default. The function waits within it for what
            settles by itself, and repeats throttled requests within it.
        :param log_group: Where the function logs. By default a log group of its own, which is
            retained because it shows which mailboxes were deregistered.
        :param log_retention: How long the function's own log group keeps its lines; three months by
            default. Not together with `log_group`.
        :param reserved_concurrent_executions: How many resources the function handles at a time, at
            least 1. The others wait in Lambda's queue, which counts towards the service timeout.
            None is reserved by default. For hundreds of resources reserve 5: CloudFormation sends
            them at once, and for 450 WorkMail throttled 73 % of the requests with none reserved,
            4 % with 5, as modelled in docs/benchmarks.md of the project. Lambda requires that 100
            of the account stay unreserved.
        """
        super().__init__(scope, id)
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
        self.role = FunctionRole(self, "Role")
        log_group.grant_write(self.role)
        self.service_timeout = timeout.plus(Duration.seconds(30))
        self.function = lambda_.Function(
            self,
            "Function",
            description="Registers entities of Amazon WorkMail for CloudFormation (cdk-workmail)",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler=HANDLER,
            code=function_code(),
            role=self.role,
            memory_size=memory_size,
            timeout=timeout,
            log_group=log_group,
            reserved_concurrent_executions=reserved_concurrent_executions,
            # After the service timeout CloudFormation continues without a response, perhaps with a
            # rollback. An event that Lambda repeats, or delivers later because the function was
            # throttled, would change a mailbox without CloudFormation's knowledge.
            retry_attempts=0,
            max_event_age=self.service_timeout,
        )
        self.service_token = self.function.function_arn

    def _check(
        self, memory_size: int, timeout: Duration, reserved_concurrent_executions: int | None
    ) -> None:
        path = self.node.path
        if memory_size not in _MEMORY_SIZES and not Token.is_unresolved(memory_size):
            raise ValueError(
                f"{path}: memory_size must be {_MEMORY_SIZES[0]} to {_MEMORY_SIZES[-1]} MiB, "
                f"got {memory_size!r}"
            )
        check_type(self, "timeout", timeout, Duration)
        if timeout.is_unresolved():
            raise ValueError(f"{path}: timeout must be known at synth, got a token")
        shortest, longest = _SHORTEST_TIMEOUT.to_seconds(), _LONGEST_TIMEOUT.to_seconds()
        if not shortest <= timeout.to_seconds() <= longest:
            raise ValueError(
                f"{path}: timeout must be {shortest:.0f} to {longest:.0f} seconds, "
                f"got {timeout.to_seconds():.0f}: the function waits up to two minutes for what "
                f"settles by itself"
            )
        concurrency: object = reserved_concurrent_executions
        if concurrency is None or Token.is_unresolved(concurrency):
            return
        if not isinstance(concurrency, int) or concurrency < 1:
            raise ValueError(
                f"{path}: reserved_concurrent_executions must be at least 1, got {concurrency!r}: "
                f"omit it to reserve none, which is the default"
            )
