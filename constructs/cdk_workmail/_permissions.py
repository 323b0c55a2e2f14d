"""What a provider's role may do for the registrations of one stack."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, cast

from aws_cdk import CfnResource, Names, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

if TYPE_CHECKING:
    from cdk_workmail.provider import WorkMailProvider

# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonworkmail.html
WORKMAIL_ACTIONS = [
    "workmail:RegisterToWorkMail",
    "workmail:DeregisterFromWorkMail",
    "workmail:UpdatePrimaryEmailAddress",
    "workmail:DescribeUser",
    "workmail:DescribeGroup",
    "workmail:DescribeResource",
    "workmail:DescribeEntity",
    "workmail:DescribeOrganization",
]


class StackPermissions(Construct):
    """One provider's policies for one stack, in that stack.

    They are here and not with the role because the stack of a shared provider cannot refer to the
    stacks that use it, which depend on it already; and so that registrations can depend on them.
    """

    def __init__(self, scope: Construct, id: str, *, provider: WorkMailProvider) -> None:
        super().__init__(scope, id)
        self._role = provider.role
        self._by_organization: dict[tuple[str, str | None], CfnResource] = {}
        self._stack_policy = self._policy("Stack", self._reading_the_stack())
        # Without its invocation settings the function would be retried after a crash.
        self._stack_policy.node.add_dependency(provider.function)

    def on_organization(self, organization_id: str, region: str | None) -> CfnResource:
        """The policy that a registration in this organization has to depend on.

        One for each organization: CloudFormation updates a policy in place before it deletes what
        the update removed, but deletes a policy after everything that depended on it. So the last
        registration of an organization can still be deregistered.
        """
        key = (organization_id, region)
        if key not in self._by_organization:
            self._by_organization[key] = self._make_organization_policy(organization_id, region)
        return self._by_organization[key]

    def _make_organization_policy(self, organization_id: str, region: str | None) -> CfnResource:
        stack = Stack.of(self)
        arn = stack.format_arn(
            service="workmail",
            region=region,
            resource="organization",
            resource_name=organization_id,
        )
        statement = iam.PolicyStatement(actions=WORKMAIL_ACTIONS, resources=[arn])
        # Tokens are numbered as they are made, so only what they resolve to is stable.
        resolved = json.dumps(stack.resolve(arn), sort_keys=True)
        id = f"Organization{hashlib.sha256(resolved.encode()).hexdigest()[:8]}"
        policy = cast("iam.Policy | None", self.node.try_find_child(id))
        if policy:
            # Attributes of two other stacks can resolve alike here and still differ when deployed.
            policy.add_statements(statement)
        else:
            policy = self._policy(id, [statement])
            policy.node.add_dependency(self._stack_policy)
        return cast(CfnResource, policy.node.default_child)

    def _reading_the_stack(self) -> list[iam.PolicyStatement]:
        stack = Stack.of(self)
        own = iam.PolicyStatement(
            actions=["cloudformation:DescribeStacks", "cloudformation:ListStackResources"],
            resources=[stack.stack_id],
        )
        root = _root_of(stack)
        if root is stack:
            return [own]
        above = iam.PolicyStatement(
            actions=["cloudformation:DescribeStacks"], resources=[root.stack_id]
        )
        return [own, above]

    def _policy(self, id: str, statements: list[iam.PolicyStatement]) -> iam.Policy:
        return iam.Policy(
            self,
            id,
            # Left alone the CDK names it by its logical id, which other stacks have too; and of
            # two policies with one name on one role, the second overwrites the first.
            policy_name=f"{Names.unique_resource_name(self, max_length=100)}{id}",
            roles=[self._role],
            statements=statements,
        )


def _root_of(stack: Stack) -> Stack:
    while stack.nested_stack_parent:
        stack = stack.nested_stack_parent
    return stack
