"""What users, groups and resources have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import jsii
from aws_cdk import CfnResource, IAnyProducer, IResolveContext, Lazy, RemovalPolicy
from constructs import Construct

from cdk_workmail._actions import Permission
from cdk_workmail._declaration import Declaration, Organization
from cdk_workmail._validation import (
    ENTITY_ID,
    FieldPattern,
    check_boolean,
    check_list,
    check_type,
)
from cdk_workmail.export import MailboxExport
from cdk_workmail.provider import WorkMailProvider
from cdk_workmail.registration import WorkMailRegistration

_REFUSED_POLICIES = {
    RemovalPolicy.SNAPSHOT: "give it to the registration, which has the mailbox",
    RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE: (
        "WorkMail does not say when an entity was created, so a rollback retains it in any case"
    ),
}


@dataclass(frozen=True)
class EntityKind:
    """What is particular to users, to groups or to resources."""

    word: str
    name: FieldPattern
    # By option; all other attributes are true or false.
    attributes: Mapping[str, FieldPattern]
    required: frozenset[str]
    permission: Permission
    deletion: Permission


class Entity(Declaration):
    """A user, group or resource of an organization, which is retained by default."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        kind: EntityKind,
        organization_id: str,
        name: str,
        organization_region: str | None,
        adopt_existing: bool,
        removal_policy: RemovalPolicy | None,
        provider: WorkMailProvider | None,
        revision: str | None,
    ) -> None:
        super().__init__(
            scope,
            id,
            organization_id=organization_id,
            organization_region=organization_region,
            adopt_existing=adopt_existing,
            provider=provider,
            revision=revision,
        )
        self._kind = kind
        self._declared_name = name
        self._removal_policy = self._checked_policy(removal_policy)
        if kind.name.check(self, name):
            self._organization.declarations.declare(self, "name", kind.word, organization_id, name)
        self._properties: dict[str, object] = {"Name": name, "AdoptExisting": adopt_existing}

    @property
    def name(self) -> str:
        """Its name in WorkMail."""
        return self._attribute("Name")

    def enable(
        self,
        *,
        email: str,
        adopt_existing: bool = True,
        removal_policy: RemovalPolicy | None = None,
        mailbox_export: MailboxExport | None = None,
        aliases: Sequence[str] | None = None,
        remove_other_aliases: bool = False,
    ) -> WorkMailRegistration:
        """Enables the entity under an address.

        The registration is the construct `Registration` below this one, in the same organization
        and with the same provider. It is created after the entity and deleted before it.

        The parameters are those of `WorkMailRegistration`, and so are the errors raised; a second
        call raises the CDK's own error.

        :param email: The primary address.
        :param adopt_existing: Whether an entity that is enabled already is adopted.
        :param removal_policy: What happens when the registration leaves its stack: by default
            DESTROY, which deregisters the entity. The entity has its own removal policy.
        :param mailbox_export: Where SNAPSHOT exports to.
        :param aliases: Further addresses. If omitted, aliases are not managed.
        :param remove_other_aliases: Whether aliases that are not declared are removed.
        """
        registration = WorkMailRegistration(
            self,
            "Registration",
            organization_id=self._organization.organization_id,
            entity_id=self._entity_id,
            email=email,
            organization_region=self._organization.region,
            adopt_existing=adopt_existing,
            removal_policy=removal_policy,
            mailbox_export=mailbox_export,
            aliases=aliases,
            remove_other_aliases=remove_other_aliases,
            provider=self.provider,
            revision=self._organization.revision,
        )
        self._move_attributes(cast(CfnResource, registration.node.default_child))
        return registration

    @property
    def _entity_id(self) -> str:
        return self._attribute(f"{self._kind.word}Id")

    def _move_attributes(self, registration: CfnResource) -> None:
        """Declares on the registration what WorkMail may accept for enabled entities only."""

    def _create_entity(self, attributes: Mapping[str, object], **properties: object) -> None:
        """None means not declared: WorkMail keeps what it has."""
        for option, value in attributes.items():
            if value is not None or option in self._kind.required:
                self._check_attribute(option, value)
        self._resource = self._organization.create_resource(
            self,
            "Resource",
            f"Custom::WorkMail{self._kind.word}",
            self._kind.permission,
            {
                **self._properties,
                "Attributes": to_api_parameters(attributes),
                **{name: value for name, value in properties.items() if value is not None},
            },
        )
        declarations = self._organization.declarations
        declarations.declare_entity(
            self._entity_id, self._organization.organization_id, self._declared_name
        )
        declarations.prepare(self._declared_name, self._resource)
        self._resource.apply_removal_policy(self._removal_policy)
        if self._removal_policy is RemovalPolicy.DESTROY:
            self._organization.permit(self._resource, self._kind.deletion)

    def _check_attribute(self, option: str, value: object) -> None:
        pattern = self._kind.attributes.get(option)
        if pattern:
            pattern.check(self, value)
        else:
            check_boolean(self, option, value)

    def _checked_policy(self, policy: RemovalPolicy | None) -> RemovalPolicy:
        check_type(self, "removal_policy", policy, RemovalPolicy)
        if policy in _REFUSED_POLICIES:
            raise ValueError(
                f"{self.node.path}: removal_policy must be RETAIN or DESTROY, got {policy.name}: "
                f"{_REFUSED_POLICIES[policy]}"
            )
        return policy or RemovalPolicy.RETAIN

    def _new_member_list(self, field: str, permission: Permission) -> MemberList:
        return MemberList(
            self,
            self._organization,
            self._kind,
            self._entity_id,
            self._declared_name,
            replace(ENTITY_ID, field=field),
            permission,
        )


@jsii.implements(IAnyProducer)
class MemberList:
    """The members of a group or the delegates of a resource; nothing while none are declared.

    They are a custom resource of their own because WorkMail may refuse members of an entity that is
    not enabled, and its registration needs the entity first. It stands beside the entity's
    construct and not in it, so that what depends on that construct does not wait for the members.
    """

    def __init__(
        self,
        owner: Construct,
        organization: Organization,
        kind: EntityKind,
        owner_id: str,
        owner_name: str,
        pattern: FieldPattern,
        permission: Permission,
    ) -> None:
        self._owner = owner
        self._organization_of_owner = organization
        self._kind = kind
        self._owner_id = owner_id
        self._owner_name = owner_name
        self._pattern = pattern
        self._permission = permission
        self._entity_ids: list[str] | None = None
        self._created: CfnResource | None = None

    def produce(self, context: IResolveContext) -> list[str] | None:
        return self._entity_ids

    def add(self, entity_ids: Sequence[str]) -> None:
        """Raises ValueError for a literal that WorkMail would refuse, and for one given twice."""
        check_list(self._owner, self._pattern.field, entity_ids)
        resource = self._resource({})
        if self._entity_ids is None:
            self._entity_ids = []
            self._organization.permit(resource, self._permission)
        for entity_id in entity_ids:
            if self._pattern.check(self._owner, entity_id) and self._has(entity_id):
                raise ValueError(
                    f"{self._owner.node.path}: {self._pattern.field} must name each entity once, "
                    f"got {entity_id!r} twice"
                )
            self._entity_ids.append(entity_id)
            self._organization.declarations.await_entity(entity_id, resource)

    def set_booking_options(self, options: Mapping[str, object]) -> None:
        """With the delegates: WorkMail needs a delegate before it stops accepting requests."""
        if options:
            self._resource({"BookingOptions": dict(options)})

    def _resource(self, properties: Mapping[str, object]) -> CfnResource:
        if self._created is None:
            self._created = self._create_resource(properties)
        return self._created

    def _create_resource(self, properties: Mapping[str, object]) -> CfnResource:
        word, list_name = self._kind.word, self._pattern.field.title()
        declarations = self._organization.declarations
        owner = self._organization_of_owner.declarations.path(self._owner)
        digest = hashlib.sha256(owner.encode()).hexdigest()[:8]
        resource = self._organization.create_resource(
            declarations,
            f"{word}{list_name}{digest}",
            f"Custom::WorkMail{word}{list_name}",
            self._kind.permission,
            {f"{word}Id": self._owner_id, list_name: Lazy.uncached_any(self), **properties},
        )
        for known_as in (self._owner_id, self._owner_name):
            declarations.await_entity(known_as, resource)
        declarations.member_lists.append(resource)
        return resource

    @property
    def _organization(self) -> Organization:
        return self._organization_of_owner.of_member_lists

    def _has(self, entity_id: str) -> bool:
        return entity_id.casefold() in map(str.casefold, self._entity_ids or ())


def to_api_parameters(options: Mapping[str, object]) -> dict[str, object]:
    """By WorkMail's names, without those that are not declared."""
    return {
        "".join(word.capitalize() for word in option.split("_")): value
        for option, value in options.items()
        if value is not None
    }
