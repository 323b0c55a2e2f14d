"""What a deployed stack and its nested stacks declare: template, parameters, physical ids."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cdk_workmail_cli.aws import CallRefused, Service
from cdk_workmail_cli.declaration import Declaration
from cdk_workmail_cli.errors import CommandFailed
from cdk_workmail_cli.organization import Kind

_PHYSICAL_ID = re.compile(
    r"(?P<organization>m-[0-9a-f]{32})/((?P<kind>user|group|resource)/)?"
    r"(?P<entity>[a-zA-Z0-9._%+@-]{1,256})(/(members|delegates))?"
)
_NESTED_STACK = "AWS::CloudFormation::Stack"
_REGISTRATION = "Custom::WorkMailRegistration"
_ENTITIES = {
    "Custom::WorkMailUser": Kind.USER,
    "Custom::WorkMailGroup": Kind.GROUP,
    "Custom::WorkMailResource": Kind.RESOURCE,
}
_ASSOCIATED = {
    "Custom::WorkMailGroupMembers": "Members",
    "Custom::WorkMailResourceDelegates": "Delegates",
}
_TYPES = {_REGISTRATION, *_ENTITIES, *_ASSOCIATED}
_GONE = ("DELETE_COMPLETE", "CREATE_FAILED")
# Not declared, or no longer; a deleted stack lists what it retained as DELETE_SKIPPED.
_DELETED = ("DELETE_IN_PROGRESS", "DELETE_COMPLETE", "DELETE_SKIPPED")
ANNOUNCEMENTS = "/cdk-workmail"
"""Below it, each organization has a parameter with the id of each stack that declares something."""


class _Unknown:
    """The value of an intrinsic function that only CloudFormation resolves."""


_UNKNOWN = _Unknown()


@dataclass(frozen=True)
class DeployedStack:
    """What is deployed. `unread` names properties that only CloudFormation can resolve.

    `others` are the declarations of other stacks, by physical id.
    """

    declarations: tuple[Declaration, ...] = ()
    regions: Mapping[str, str | None] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Resource:
    stack: str
    logical_id: str
    type: str
    physical_id: str
    properties: Mapping[str, Any]
    is_retained: bool
    path: str

    @property
    def where(self) -> str:
        return f"{self.stack}/{self.logical_id}"


def read_stack(
    cloudformation: Service, ssm: Service, stack_name: str, organization_ids: Iterable[str] = ()
) -> DeployedStack:
    """Reads the stack with the stacks nested in it, and what others declare beside it.

    Others are looked up for the organizations of the stack and for these. Raises CommandFailed.
    """
    declarations: dict[tuple[str, str], Declaration] = {}
    regions: dict[str, str | None] = {}
    unread: list[str] = []
    own: set[str] = set()
    for resource in _resources(cloudformation, stack_name, own):
        identity = _PHYSICAL_ID.fullmatch(resource.physical_id)
        if identity is None:
            continue
        key = (identity["organization"], identity["entity"])
        region = resource.properties.get("OrganizationRegion")
        regions[identity["organization"]] = region if isinstance(region, str) else None
        before = declarations.get(key) or Declaration(
            where=resource.where,
            identifier=identity["entity"],
            kind=None,
            organization_id=identity["organization"],
            entity_id=identity["entity"],
        )
        declarations[key] = _with(before, resource, unread)
    others = _others(cloudformation, ssm, {*regions, *organization_ids}, own)
    return DeployedStack(tuple(declarations.values()), regions, tuple(unread), others)


def _others(
    cloudformation: Service, ssm: Service, organization_ids: Iterable[str], own: Collection[str]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for organization_id in organization_ids:
        path = f"{ANNOUNCEMENTS}/{organization_id}"
        for parameter in ssm.pages("GetParametersByPath", "Parameters", Path=path):
            if parameter["Value"] not in own:
                stack = parameter["Name"].rpartition("/")[2]
                for row in _listed_if_exists(cloudformation, parameter["Value"]):
                    if row["ResourceType"] in _TYPES and row["ResourceStatus"] not in _DELETED:
                        declared_as = f"{row['LogicalResourceId']} of stack {stack}"
                        found[row.get("PhysicalResourceId", "")] = declared_as
    return found


def _listed_if_exists(cloudformation: Service, stack_id: str) -> list[Any]:
    try:
        return _listed(cloudformation, stack_id)
    except CallRefused as error:
        if "does not exist" in str(error):
            return []
        raise


def _listed(cloudformation: Service, stack: str) -> list[Any]:
    return list(
        cloudformation.pages("ListStackResources", "StackResourceSummaries", StackName=stack)
    )


def _with(before: Declaration, resource: _Resource, unread: list[str]) -> Declaration:
    """The declaration with what one more resource of the same entity declares."""

    def known(name: str, default: Any) -> Any:
        value = resource.properties.get(name, default)
        if _contains_unknown(value):
            unread.append(f"{name} of {resource.where}")
            return default
        return value

    before = replace(before, revision=known("Revision", None))
    if resource.type in _ENTITIES:
        return replace(
            before,
            where=resource.where,
            identifier=known("Name", before.identifier),
            kind=_ENTITIES[resource.type],
            attributes={
                name: _boolean(value) if name.startswith("Hidden") else value
                for name, value in known("Attributes", {}).items()
            },
            adopt_existing=_boolean(known("AdoptExisting", True)),
            deletes_entity=not resource.is_retained,
            construct_path=resource.path,
        )
    if resource.type in _ASSOCIATED:
        associated = known(_ASSOCIATED[resource.type], None)
        options = known("BookingOptions", {})
        return replace(
            before,
            associated=None if associated is None else tuple(associated),
            booking_options={name: _boolean(value) for name, value in options.items()},
        )
    aliases = known("Aliases", None)
    policy = "SNAPSHOT" if "MailboxExport" in resource.properties else "DESTROY"
    return replace(
        before,
        where=resource.where if before.kind is None else before.where,
        identifier=known("EntityId", before.identifier)
        if before.kind is None
        else before.identifier,
        construct_path=before.construct_path or resource.path,
        user_attributes=known("UserAttributes", {}),
        email=known("Email", None),
        aliases=None if aliases is None else tuple(aliases),
        remove_other_aliases=_boolean(known("RemoveOtherAliases", False)),
        adopt_existing=_boolean(known("AdoptExisting", True)),
        mailbox_removal_policy="RETAIN" if resource.is_retained else policy,
    )


def _resources(cloudformation: Service, stack_name: str, own: set[str]) -> Iterator[_Resource]:
    """The custom resources of WorkMail in the stack, and in the stacks nested in it.

    Adds the ids of these stacks to `own`.
    """
    template = _template(cloudformation, stack_name)
    rows = {
        row["LogicalResourceId"]: row
        for row in _listed(cloudformation, stack_name)
        if row["ResourceStatus"] not in _GONE and row.get("PhysicalResourceId")
    }
    (described,) = cloudformation.call("DescribeStacks", StackName=stack_name)["Stacks"]
    own.add(described["StackId"])
    resolver = _Resolver(template, rows, described)
    for logical_id, declared in template.get("Resources", {}).items():
        if logical_id not in rows:
            continue
        physical_id = rows[logical_id]["PhysicalResourceId"]
        if declared["Type"] == _NESTED_STACK:
            yield from _resources(cloudformation, physical_id, own)
        elif declared["Type"] in _TYPES:
            yield _Resource(
                described["StackName"],
                logical_id,
                declared["Type"],
                physical_id,
                resolver.resolved(declared.get("Properties", {})),
                declared.get("DeletionPolicy", "Delete") != "Delete",
                declared.get("Metadata", {}).get("aws:cdk:path", ""),
            )


def _template(cloudformation: Service, stack_name: str) -> Mapping[str, Any]:
    try:
        template = cloudformation.call("GetTemplate", StackName=stack_name)["TemplateBody"]
    except CallRefused as error:
        if error.code == "ValidationError":
            raise CommandFailed(
                f"stack {stack_name} is not found in {cloudformation.region}: check the name and "
                "the Region"
            ) from error
        raise
    if not isinstance(template, Mapping):
        raise CommandFailed(
            f"the template of stack {stack_name} is not JSON: only stacks that the CDK deployed "
            "are read"
        )
    return template


class _Resolver:
    """Resolves the intrinsic functions that the constructs and the CDK write into properties."""

    def __init__(
        self,
        template: Mapping[str, Any],
        rows: Mapping[str, Mapping[str, Any]],
        described: Mapping[str, Any],
    ) -> None:
        self._template = template
        self._rows = rows
        _, _, _, region, account, *_ = described["StackId"].split(":")
        self._parameters = {
            "AWS::Region": region,
            "AWS::AccountId": account,
            "AWS::StackName": described["StackName"],
            "AWS::StackId": described["StackId"],
            **{
                parameter["ParameterKey"]: parameter.get("ResolvedValue")
                or parameter["ParameterValue"]
                for parameter in described.get("Parameters", ())
            },
        }

    def resolved(self, value: Any) -> Any:
        """The value, with _UNKNOWN for what only CloudFormation can resolve."""
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        match list(value.items()):
            case [("Ref", str(name))]:
                return self._ref(name)
            case [("Fn::GetAtt", [str(logical_id), str(name)])]:
                return self._attribute(logical_id, name)
            case [("Fn::Join", [str(separator), list(parts)])]:
                texts = self.resolved(parts)
                return _UNKNOWN if _contains_unknown(texts) else separator.join(map(str, texts))
            case [(str(function), _)] if function.startswith("Fn::"):
                return _UNKNOWN
        return {name: self.resolved(member) for name, member in value.items()}

    def _ref(self, name: str) -> Any:
        if name in self._parameters:
            return self._parameters[name]
        return self._rows[name]["PhysicalResourceId"] if name in self._rows else _UNKNOWN

    def _attribute(self, logical_id: str, name: str) -> Any:
        """An attribute of one of the constructs' resources."""
        identity = _PHYSICAL_ID.fullmatch(
            self._rows.get(logical_id, {}).get("PhysicalResourceId", "")
        )
        declared = self._template["Resources"].get(logical_id, {})
        if identity is None or declared.get("Type") not in _TYPES:
            return _UNKNOWN
        if name == "OrganizationId":
            return identity["organization"]
        if name in ("EntityId", "UserId", "GroupId", "ResourceId"):
            return identity["entity"]
        if name in ("Name", "Email"):
            return self.resolved(declared["Properties"].get(name, _UNKNOWN))
        return _UNKNOWN


def _contains_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_contains_unknown, value.values()))
    if isinstance(value, list):
        return any(map(_contains_unknown, value))
    return value is _UNKNOWN


def _boolean(value: Any) -> bool:
    return value in (True, "true")
