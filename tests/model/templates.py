"""What the stacks of the model declare, and the properties that a request has for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from tests.support.lambda_fakes import ORGANIZATION_ID, REGISTRATION

# The constructs' defaults, without an export and with one, in seconds.
SERVICE_TIMEOUT = 630.0
EXPORT_SERVICE_TIMEOUT = 3600.0
PASSWORD_SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:password-AbCdEf"


@dataclass(frozen=True)
class Export:
    """An export before removal; an older one may stand in until `maximum_age`, in seconds."""

    bucket: str
    maximum_age: float

    @property
    def properties(self) -> dict[str, str]:
        return {
            "RoleArn": "arn:aws:iam::000000000000:role/export",
            "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-5555",
            "BucketName": self.bucket,
            "Prefix": "workmail",
            "MaximumAge": f"{self.maximum_age:.0f}",
        }


@dataclass(frozen=True)
class Declared:
    """One registration; `name` is the entity's own, however `entity_id` is written.

    `retained` is both DeletionPolicy and UpdateReplacePolicy.
    """

    name: str
    entity_id: str = ""
    email: str = ""
    adopt_existing: bool = True
    retained: bool = False
    export: Export | None = None
    # None: aliases are not managed.
    aliases: tuple[str, ...] | None = None
    remove_other_aliases: bool = False

    # A resource depends on those of a lower rank.
    rank: ClassVar[int] = 1

    def __str__(self) -> str:
        """What is not the default."""
        changed = [
            f"{one.name}={getattr(self, one.name)}"
            for one in fields(self)
            if one.name != "name" and getattr(self, one.name) != one.default
        ]
        return f"{self.name}({', '.join(changed)})"

    def resolved(self, ids: Mapping[str, str], names: Mapping[str, str]) -> Declared:
        """With its references replaced by entity ids, which are given by logical id and by name."""
        return self

    @property
    def resource_type(self) -> str:
        return REGISTRATION

    @property
    def service_timeout(self) -> float:
        return EXPORT_SERVICE_TIMEOUT if self.export else SERVICE_TIMEOUT

    @property
    def properties(self) -> dict[str, Any]:
        return {
            "ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:provider",
            "ServiceTimeout": f"{self.service_timeout:.0f}",
            "OrganizationId": ORGANIZATION_ID,
            **self._own_properties(),
        }

    def _own_properties(self) -> dict[str, Any]:
        declared: dict[str, Any] = {
            "EntityId": self.entity_id,
            "Email": self.email,
            "AdoptExisting": _text(self.adopt_existing),
        }
        if self.export:
            declared["MailboxExport"] = self.export.properties
        if self.aliases is not None:
            declared["Aliases"] = list(self.aliases)
            declared["RemoveOtherAliases"] = _text(self.remove_other_aliases)
        return declared


@dataclass(frozen=True)
class DeclaredByReference(Declared):
    """A registration of an entity that another resource of the template creates."""

    of: str = ""

    def resolved(self, ids: Mapping[str, str], names: Mapping[str, str]) -> Declared:
        return replace(self, entity_id=ids[self.of])


@dataclass(frozen=True)
class DeclaredEntity(Declared):
    """A user, group or resource; `display_name` is a resource's description."""

    kind: str = "USER"
    display_name: str = ""
    reset_password: str | None = None

    rank: ClassVar[int] = 0

    @property
    def resource_type(self) -> str:
        return f"Custom::WorkMail{self.kind.title()}"

    def _own_properties(self) -> dict[str, Any]:
        declared: dict[str, Any] = {
            "Name": self.name,
            "AdoptExisting": _text(self.adopt_existing),
        }
        if self.kind == "USER":
            declared["Attributes"] = {"DisplayName": self.display_name}
            declared["PasswordSecretArn"] = PASSWORD_SECRET
            if self.reset_password:
                declared["ResetPassword"] = self.reset_password
        if self.kind == "RESOURCE":
            declared["Attributes"] = {"Type": "ROOM", "Description": self.display_name}
        return declared


@dataclass(frozen=True)
class DeclaredMembers(Declared):
    """The members of a group, or the delegates of a resource, that the template creates.

    `members` are names; the property has the id of those that the template creates.
    `accepts_requests` is a booking option.
    """

    of: str = ""
    kind: str = "GROUP"
    members: tuple[str, ...] | None = ()
    accepts_requests: bool | None = None

    rank: ClassVar[int] = 2

    def resolved(self, ids: Mapping[str, str], names: Mapping[str, str]) -> DeclaredMembers:
        members = self.members and tuple(names.get(name, name) for name in self.members)
        return replace(self, entity_id=ids[self.of], members=members)

    @property
    def resource_type(self) -> str:
        plural = "GroupMembers" if self.kind == "GROUP" else "ResourceDelegates"
        return f"Custom::WorkMail{plural}"

    def _own_properties(self) -> dict[str, Any]:
        is_group = self.kind == "GROUP"
        declared: dict[str, Any] = {"GroupId" if is_group else "ResourceId": self.entity_id}
        if self.members is not None:
            declared["Members" if is_group else "Delegates"] = list(self.members)
        if self.accepts_requests is not None:
            declared["BookingOptions"] = {"AutoAcceptRequests": _text(self.accepts_requests)}
        return declared


Template = Mapping[str, Declared]


def _text(value: bool) -> str:
    """CloudFormation sends every value as a string."""
    return "true" if value else "false"
