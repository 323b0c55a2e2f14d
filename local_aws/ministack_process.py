"""The process that MiniStack runs in: `python -P ministack_process.py SOCKET CHAIN KEY FOLDER`.

MiniStack's own entry point also listens on port 443 where it can, and outlives a parent that is
killed. This one listens on the given socket alone. When its standard input closes, which happens
however the parent ends, it ends too and removes FOLDER.

Each function that `PATCHES` lists brings MiniStack closer to AWS in one point.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import os
import shutil
import signal
import sys
import threading
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

KEEP_ALIVE_SECONDS = 75


def end_with_parent(folder: str) -> None:
    os.read(sys.stdin.fileno(), 1)
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def show_root_stacks() -> None:
    """DescribeStacks shows the root and the parent of a nested stack, as on AWS.

    MiniStack knows them, and omits them from the response.
    """
    from ministack.services import cloudformation  # type: ignore[import-untyped]
    from ministack.services.cloudformation import handlers  # type: ignore[import-untyped]

    describe_stacks = handlers._ACTION_HANDLERS["DescribeStacks"]

    def with_root(parameters: Any) -> tuple[int, dict[str, str], bytes]:
        status, headers, body = describe_stacks(parameters)
        for stack in cloudformation._stacks.values():
            if "RootId" in stack:
                own = f"<StackId>{stack['StackId']}</StackId>"
                above = "".join(f"<{key}>{stack[key]}</{key}>" for key in ("RootId", "ParentId"))
                body = body.replace(own.encode(), f"{own}{above}".encode())
        return status, headers, body

    handlers._ACTION_HANDLERS["DescribeStacks"] = with_root


def keep_what_failed_deletions_need() -> None:
    """A stack that cannot delete a resource keeps its dependencies, as on AWS.

    MiniStack deletes them, and the next deletion then has no function to call.
    """
    from ministack.services import cloudformation
    from ministack.services.cloudformation import stacks

    delete = stacks._delete_resource

    def unless_needed(
        resource_type: str, physical_id: str, properties: Any, stack_name: str, logical_id: str
    ) -> Any:
        stack = cloudformation._stacks[stack_name]
        resources = stack["_resources"]
        # Dependents are deleted first, so these have failed in this deletion.
        failed = [
            other
            for other, resource in resources.items()
            if resource.get("ResourceStatus") == "DELETE_FAILED" and other != logical_id
        ]
        declared = stack["_template"].get("Resources", {})
        if stack["StackStatus"] == "DELETE_IN_PROGRESS" and logical_id in (
            stacks._with_dependencies(failed, declared, set(resources))
        ):
            raise RuntimeError("Kept: a resource that depends on this one is not deleted.")
        return delete(resource_type, physical_id, properties, stack_name, logical_id)

    stacks._delete_resource = unless_needed


def refer_to_secrets_by_arn() -> None:
    """Ref of a secret is its ARN, as on AWS; for MiniStack it is the name, which no policy has."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    create, update, delete = (handlers[name] for name in ("create", "update", "delete"))

    def name_in(arn: str) -> str:
        return arn.rpartition(":")[2].rpartition("-")[0]

    def created(*given: Any) -> Any:
        _, attributes = create(*given)
        return attributes["Arn"], attributes

    def updated(arn: str, *given: Any, **named: Any) -> Any:
        _, attributes = update(name_in(arn), *given, **named)
        return attributes["Arn"], attributes

    def deleted(arn: str, properties: Any) -> Any:
        return delete(name_in(arn), properties)

    handlers |= {"create": created, "update": updated, "delete": deleted}


def evaluate_simulated_context() -> None:
    """SimulatePrincipalPolicy evaluates conditions with its ContextEntries, as on AWS.

    MiniStack ignores them: a statement with a condition on any such key never allows.
    """
    from ministack.core import iam_evaluator  # type: ignore[import-untyped]
    from ministack.services import iam

    simulate = iam._IAM_HANDLERS["SimulatePrincipalPolicy"]
    resolve = iam_evaluator._resolve_condition_key
    simulated: ContextVar[dict[str, str]] = ContextVar("simulated")

    def with_context(parameters: Any) -> Any:
        context: dict[str, str] = {}
        for number in itertools.count(1):
            entry = f"ContextEntries.member.{number}"
            if f"{entry}.ContextKeyName" not in parameters:
                break
            (name,) = parameters[f"{entry}.ContextKeyName"]
            (context[name.lower()],) = parameters[f"{entry}.ContextKeyValues.member.1"]
        token = simulated.set(context)
        try:
            return simulate(parameters)
        finally:
            simulated.reset(token)

    def resolved(key: str, context: Any) -> Any:
        return simulated.get({}).get(key.lower()) or resolve(key, context)

    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = with_context
    iam_evaluator._resolve_condition_key = resolved


def evaluate_tags_of_secrets() -> None:
    """Conditions on secretsmanager:ResourceTag are evaluated, as on AWS.

    MiniStack knows the tags by the name aws:ResourceTag only.
    """
    from ministack.core import iam_evaluator
    from ministack.services import tagging

    resolve = iam_evaluator._resolve_condition_key

    def resolved(key: str, context: Any) -> Any:
        service, _, tag = key.partition(":ResourceTag/")
        if service == "secretsmanager" and tag:
            return (tagging.resource_tags(context.resource_arn) or {}).get(tag)
        return resolve(key, context)

    iam_evaluator._resolve_condition_key = resolved


def find_roles_in_paths() -> None:
    """SimulatePrincipalPolicy finds a role that has a path, as on AWS.

    For MiniStack the path is a part of the name.
    """
    from ministack.services import iam

    simulate = iam._IAM_HANDLERS["SimulatePrincipalPolicy"]

    def by_name(parameters: Any) -> Any:
        (arn,) = parameters["PolicySourceArn"]
        kind, _, path = arn.partition("/")
        return simulate(parameters | {"PolicySourceArn": [f"{kind}/{path.rpartition('/')[2]}"]})

    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = by_name


def let_services_assume_roles() -> None:
    """AssumeRole as a service calls it: for itself, on behalf of a resource.

    In MiniStack the root of an account can assume the roles of any service, and there is neither
    aws:SourceArn nor aws:SourceAccount. Here root names the service as RoleSessionName, and the
    resource as ExternalId.
    """
    from ministack.core import iam_evaluator

    evaluate = iam_evaluator.evaluate_trust_policy

    def as_service(document: Any, caller_arn: str, context: Any = None) -> Any:
        given = context.service_context if context else {}
        service = given.get("sts:rolesessionname") or ""
        if not (service.endswith(".amazonaws.com") and caller_arn.endswith(":root")):
            return evaluate(document, caller_arn, context)
        policy = json.loads(document) if isinstance(document, str) else document
        statements = policy["Statement"]
        trusted = [
            statement
            for statement in ([statements] if isinstance(statements, dict) else statements)
            if statement.get("Principal") == "*"
            or iam_evaluator._service_principal_matches(statement.get("Principal"), service)
        ]
        source_arn = given["sts:externalid"]
        source = {"aws:sourcearn": source_arn, "aws:sourceaccount": source_arn.split(":")[4]}
        in_service = dataclasses.replace(context, service_context=source)
        return evaluate({**policy, "Statement": trusted}, caller_arn, in_service)

    iam_evaluator.evaluate_trust_policy = as_service


def log_where_the_context_says() -> None:
    """The log group and the stream of a function's context have its lines, as on AWS.

    In MiniStack the context has `/aws/lambda/<name>` in spite of a LoggingConfig, and a stream
    that does not exist. Here each invocation has the stream of its request id.
    """
    from ministack.core import lambda_runtime
    from ministack.services import cloudwatch_logs, lambda_svc

    create_worker, emit = lambda_runtime.Worker.__init__, lambda_svc._emit_lambda_logs
    emitting = threading.Lock()

    def log_group(config: Any) -> Any:
        return config["LoggingConfig"].get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"

    def create_with_group(worker: Any, name: str, config: Any, code: bytes) -> None:
        variables = dict(config.get("Environment", {}).get("Variables", {}))
        variables["AWS_LAMBDA_LOG_GROUP_NAME"] = log_group(config)
        create_worker(worker, name, {**config, "Environment": {"Variables": variables}}, code)

    def emit_to_stream(function: Any, request_id: str, *given: Any, **named: Any) -> None:
        with emitting:
            emit(function, request_id, *given, **named)
            group = cloudwatch_logs._log_groups[log_group(function["config"])]
            _, stream = group["streams"].popitem()
            group["streams"][request_id] = stream

    lambda_runtime.Worker.__init__ = create_with_group
    lambda_svc._emit_lambda_logs = emit_to_stream
    lambda_runtime._PYTHON_WORKER_SCRIPT = lambda_runtime._PYTHON_WORKER_SCRIPT.replace(
        'os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")', '_ms_ctx.get("request_id", "")'
    )


def show_deletions() -> None:
    """A resource that is being deleted reads DELETE_IN_PROGRESS, as on AWS.

    In MiniStack it reads what it read before.
    """
    from ministack.services import cloudformation
    from ministack.services.cloudformation import stacks

    delete = stacks._delete_resource

    def shown(
        resource_type: str, physical_id: str, properties: Any, stack_name: str, logical_id: str
    ) -> Any:
        resource = cloudformation._stacks[stack_name]["_resources"].get(logical_id, {})
        # Not of a replaced one: the list has the new one.
        if resource.get("PhysicalResourceId") == physical_id:
            resource["ResourceStatus"] = "DELETE_IN_PROGRESS"
        return delete(resource_type, physical_id, properties, stack_name, logical_id)

    stacks._delete_resource = shown


def clean_up_nested_stacks_last() -> None:
    """What an update removes from a nested stack is deleted once the root's update succeeded.

    MiniStack deletes it at once, before what comes next in the root is created, and also if the
    update then fails. And in an update it loses the attributes of a nested stack's resources.
    """
    from ministack.core.concurrency import run_reentrant  # type: ignore[import-untyped]
    from ministack.services import cloudformation
    from ministack.services.cloudformation import changesets, handlers, provisioners, stacks

    handler = provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::Stack"]
    update, delete = handler["update"], provisioners._delete_resource
    update_resource, deploy = provisioners._update_resource, stacks._deploy_stack_async
    root: ContextVar[str | None] = ContextVar("root", default=None)
    removed: dict[str, list[tuple[Any, ...]]] = {}

    def updated(physical_id: str, old: Any, new: Any, stack_name: str) -> Any:
        token = root.set(stack_name)
        try:
            return update(physical_id, old, new, stack_name)
        finally:
            root.reset(token)

    def updated_resource(*given: Any) -> Any:
        if root.get() and len(given) == 6:
            stack_name, logical_id = given[4:]
            resource = cloudformation._stacks[stack_name]["_resources"][logical_id]
            return update_resource(*given, resource["Attributes"])
        return update_resource(*given)

    def deleted_later(*resource: Any) -> Any:
        root_name = root.get()
        if root_name is None or "ROLLBACK" in cloudformation._stacks[root_name]["StackStatus"]:
            return delete(*resource)
        removed.setdefault(root_name, []).append(resource)

    async def deployed(stack_name: str, *given: Any, **named: Any) -> None:
        await deploy(stack_name, *given, **named)
        stack, resources = cloudformation._stacks[stack_name], removed.pop(stack_name, [])
        if stack["StackStatus"] == "UPDATE_COMPLETE" and resources:
            stack["StackStatus"] = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
            for resource in resources:
                with suppress(Exception):
                    await run_reentrant(delete, *resource)
            stack["StackStatus"] = "UPDATE_COMPLETE"

    handler["update"] = updated
    provisioners._update_resource = updated_resource
    provisioners._delete_resource = deleted_later
    for module in (stacks, handlers, changesets):
        module._deploy_stack_async = deployed


def retain_in_deleted_nested_stacks() -> None:
    """A nested stack that is deleted retains what its DeletionPolicy says, as on AWS."""
    from ministack.services import cloudformation
    from ministack.services.cloudformation import provisioners, stacks

    handlers = provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::Stack"]
    delete = handlers["delete"]

    def delete_what_is_not_retained(physical_id: str, properties: Any) -> None:
        name = provisioners._nested_stack_lookup_name(physical_id)
        stack = cloudformation._stacks[name]
        stack["StackStatus"] = "DELETE_IN_PROGRESS"
        for logical_id, declared in stack["_template"]["Resources"].items():
            if declared.get("DeletionPolicy") in stacks._RETAINING_POLICIES:
                stack["_resources"].pop(logical_id, None)
        delete(physical_id, properties)

    handlers["delete"] = delete_what_is_not_retained


def omit_update_times_of_new_stacks() -> None:
    """A stack that CreateStack created has no LastUpdatedTime before its first update, as on AWS.

    In MiniStack it has one. It also has one if a change set created it, and keeps that here: AWS
    does not document it.
    """
    from ministack.services import cloudformation
    from ministack.services.cloudformation import handlers

    actions = handlers._ACTION_HANDLERS
    create_stack, describe_stacks = actions["CreateStack"], actions["DescribeStacks"]

    def without_time(parameters: Any) -> Any:
        response = create_stack(parameters)
        if response[0] == 200:
            cloudformation._stacks[handlers._p(parameters, "StackName")]["LastUpdatedTime"] = ""
        return response

    def without_empty_time(parameters: Any) -> Any:
        status, headers, body = describe_stacks(parameters)
        return status, headers, body.replace(b"<LastUpdatedTime></LastUpdatedTime>", b"")

    actions |= {"CreateStack": without_time, "DescribeStacks": without_empty_time}


def authorize_paths_of_parameters() -> None:
    """GetParametersByPath is about the path as a resource, as on AWS; in MiniStack about any."""
    from ministack.core import iam_actions

    resource_arn = iam_actions.extract_resource_arn

    def of_path(service: str, *given: Any) -> Any:
        body, region, account_id = given[3], given[5], given[6]
        path = service == "ssm" and iam_actions._safe_json_field(body, "Path")
        if path:
            return f"arn:aws:ssm:{region}:{account_id}:parameter{path}"
        return resource_arn(service, *given)

    iam_actions.extract_resource_arn = of_path


PATCHES = (
    show_root_stacks,
    keep_what_failed_deletions_need,
    refer_to_secrets_by_arn,
    evaluate_simulated_context,
    evaluate_tags_of_secrets,
    find_roles_in_paths,
    let_services_assume_roles,
    log_where_the_context_says,
    show_deletions,
    clean_up_nested_stacks_last,
    retain_in_deleted_nested_stacks,
    omit_update_times_of_new_stacks,
    authorize_paths_of_parameters,
)


def main(socket_number: str, chain: str, key: str, folder: str) -> None:
    threading.Thread(target=end_with_parent, args=(folder,), daemon=True).start()
    from ministack.app import app  # type: ignore[import-untyped]

    for patch in PATCHES:
        patch()
    config = Config()
    config.bind = [f"fd://{socket_number}"]
    config.certfile, config.keyfile = chain, key
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.graceful_timeout = 0.1
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main(*sys.argv[1:])
