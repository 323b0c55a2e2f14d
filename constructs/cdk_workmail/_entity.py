"""What users, groups and resources have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import jsii
from aws_cdk import CfnResource, IAnyProducer, IResolveContext, Lazy, RemovalPolicy
from constructs import Construct

from cdk_workmail._declaration import Declaration
from cdk_workmail._literals import ENTITY_ID, Rule
from cdk_workmail._permissions import Permission, path_in_stage
from cdk_workmail.export import MailboxExport
from cdk_workmail.provider import WorkMailProvider
from cdk_workmail.registration import WorkMailRegistration

_REFUSED_POLICIES = {
    RemovalPolicy.SNAPSHOT: "a mailbox is exported when its registration leaves, so give it there",
    RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE: (
        "WorkMail does not tell when it was made, so a rollback leaves it in any case"
    ),
}


@dataclass(frozen=True)
class Kind:
    """What is particular to users, to groups or to resources."""

    word: str
    name: Rule
    attributes: Mapping[str, Rule]
    permission: Permission
    deletion: Permission


class Entity(Declaration):
    """A user, group or resource of an organization, which stays unless it is told to go."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        kind: Kind,
        organization_id: str,
        name: str,
        organization_region: str | None,
        adopt_existing: bool,
        removal_policy: RemovalPolicy | None,
        provider: WorkMailProvider | None,
    ) -> None:
        super().__init__(
            scope,
            id,
            organization_id=organization_id,
            organization_region=organization_region,
            provider=provider,
        )
        self._kind = kind
        self._given_name = name
        self._removal_policy = self._checked_policy(removal_policy)
        if kind.name.check(self, name):
            self._declarations.declare(self, "name", kind.word, organization_id, name)
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
        """Enables it under an address, once.

        The registration is the construct `Registration` below this one, with the same organization
        and function. It is made after the entity, and leaves before it, also in one update.

        :param email: As in `WorkMailRegistration`, like all that follows.
        :param adopt_existing: Whether what somebody else has enabled is taken over.
        :param removal_policy: What happens when the registration leaves its stack; it is
            deregistered unless given. The entity itself has its own.
        :param mailbox_export: Where SNAPSHOT exports to.
        :param aliases: Further addresses.
        :param remove_other_aliases: Whether those that are not declared are removed.
        """
        registration = WorkMailRegistration(
            self,
            "Registration",
            organization_id=self._organization_id,
            entity_id=self._entity_id,
            email=email,
            organization_region=self._organization_region,
            adopt_existing=adopt_existing,
            removal_policy=removal_policy,
            mailbox_export=mailbox_export,
            aliases=aliases,
            remove_other_aliases=remove_other_aliases,
            provider=self.provider,
        )
        # Members and delegates can be declared by name.
        self._declarations.prepares(self._given_name, registration._resource)
        return registration

    @property
    def _entity_id(self) -> str:
        return self._attribute(f"{self._kind.word}Id")

    def _make_entity(self, attributes: Mapping[str, object], **properties: object) -> None:
        """What is None has not been given, and is left as it is in WorkMail."""
        for option, value in attributes.items():
            rule = self._kind.attributes.get(option)
            if rule and isinstance(value, str):
                rule.check(self, value)
        self._make_resource(
            f"Custom::WorkMail{self._kind.word}",
            self._kind.permission,
            {
                **self._properties,
                "Attributes": in_workmails_words(attributes),
                **{name: value for name, value in properties.items() if value is not None},
            },
        )
        self._declarations.prepares(self._given_name, self._resource)
        self._resource.apply_removal_policy(self._removal_policy)
        if self._removal_policy is RemovalPolicy.DESTROY:
            self._permit(self._kind.deletion)

    def _checked_policy(self, policy: RemovalPolicy | None) -> RemovalPolicy:
        if policy in _REFUSED_POLICIES:
            raise ValueError(
                f"{self.node.path}: removal_policy must be RETAIN or DESTROY, got {policy.name}: "
                f"{_REFUSED_POLICIES[policy]}"
            )
        return policy or RemovalPolicy.RETAIN


@jsii.implements(IAnyProducer)
class Associates:
    """The members of a group or the delegates of a resource; nothing as long as none are declared.

    They are a custom resource of their own because WorkMail may want an entity to be enabled before
    it has any, and its registration wants the entity first. It stands beside the entity's construct
    and not in it, so that what depends on that construct does not wait for the others too.
    """

    def __init__(self, owner: Entity, field: str, permission: Permission) -> None:
        self._owner = owner
        self._field = field
        self._rule = replace(ENTITY_ID, field=field)
        self._permission = permission
        self._entity_ids: list[str] | None = None
        self._made: CfnResource | None = None

    def produce(self, context: IResolveContext) -> list[str] | None:
        return self._entity_ids

    def add(self, entity_ids: Iterable[str]) -> None:
        """Raises ValueError for a literal that WorkMail would refuse, or that is there already."""
        resource = self._resource({})
        if self._entity_ids is None:
            self._entity_ids = []
            self._owner._permit(self._permission, resource)
        for entity_id in entity_ids:
            if self._rule.check(self._owner, entity_id) and self._has(entity_id):
                raise ValueError(
                    f"{self._owner.node.path}: {self._rule.field} must name each entity once, got "
                    f"{entity_id!r} twice"
                )
            self._entity_ids.append(entity_id)
            self._owner._declarations.await_entity(entity_id, resource)

    def book(self, options: Mapping[str, object]) -> None:
        """With the delegates, because a resource that asks them needs one first."""
        if options:
            self._resource({"BookingOptions": dict(options)})

    def _resource(self, properties: Mapping[str, object]) -> CfnResource:
        if self._made is None:
            self._made = self._make_resource(properties)
        return self._made

    def _make_resource(self, properties: Mapping[str, object]) -> CfnResource:
        owner, what = self._owner, self._field.title()
        declarations = owner._declarations
        digest = hashlib.sha256(path_in_stage(owner).encode()).hexdigest()[:8]
        resource = CfnResource(
            declarations,
            f"{owner._kind.word}{what}{digest}",
            type=f"Custom::WorkMail{owner._kind.word}{what}",
            properties=owner._in_organization(
                {
                    f"{owner._kind.word}Id": owner._entity_id,
                    what: Lazy.uncached_any(self),
                    **properties,
                }
            ),
        )
        owner._permit(owner._kind.permission, resource)
        for known_as in (owner._entity_id, owner._given_name):
            declarations.await_entity(known_as, resource)
        return resource

    def _has(self, entity_id: str) -> bool:
        return entity_id.casefold() in map(str.casefold, self._entity_ids or ())


def in_workmails_words(given: Mapping[str, object]) -> dict[str, object]:
    return {
        "".join(word.capitalize() for word in option.split("_")): value
        for option, value in given.items()
        if value is not None
    }
