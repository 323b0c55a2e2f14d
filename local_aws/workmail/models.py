"""Organizations and their mail domains: the state of WorkMail, and the rules that it keeps."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from .entities import Entity, Group, Moment, Resource, User
from .exceptions import (
    WorkMailError,
    entity_not_found,
    entity_state,
    invalid_parameter,
    name_in_use,
)

ALIASES_PER_ENTITY = 100

E = TypeVar("E", bound=Entity)


@dataclass
class MailDomain:
    """A domain; `verified_at` is when its ownership is verified, None if it stays pending."""

    name: str
    verified_at: float | None = 0.0

    def is_verified(self, now: float) -> bool:
        return self.verified_at is not None and now >= self.verified_at


@dataclass
class Organization:
    """One organization. The `add_` methods prepare a test; the others are what calls do.

    `reserved_names`, in lower case, are those that a created entity cannot have. AWS does not
    publish its own; these are the ones of a directory.
    """

    organization_id: str
    alias: str
    region: str
    default_domain: str
    active_at: float = 0.0
    deleted: bool = False
    domains: dict[str, MailDomain] = field(default_factory=dict)
    entities: dict[str, Entity] = field(default_factory=dict)
    reserved_names: set[str] = field(
        default_factory=lambda: {"administrator", "guest", "krbtgt"},
    )
    # For a test that needs the same ids each time.
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())

    def state(self, now: float) -> str:
        if self.deleted:
            return "Deleted"
        return "Active" if now >= self.active_at else "Requested"

    def require_active(self, now: float) -> None:
        state = self.state(now)
        if state != "Active":
            raise WorkMailError(
                "OrganizationStateException",
                f"The organization {self.organization_id} is not Active, state: {state}",
            )

    def add_domain(self, name: str, *, verified_at: float | None = 0.0) -> MailDomain:
        """A domain, verified unless `verified_at` (seconds since the epoch) is later or None."""
        domain = MailDomain(name, verified_at)
        self.domains[name.lower()] = domain
        return domain

    def add_user(self, name: str, *, entity_id: str | None = None, display_name: str = "") -> User:
        """A disabled user. Raises NameAvailabilityException if the name is in use."""
        attributes = {"DisplayName": display_name or name}
        return self._added(User(entity_id or self.new_id(), name, attributes=attributes))

    def add_group(self, name: str, *, entity_id: str | None = None) -> Group:
        """A disabled group. Raises NameAvailabilityException if the name is in use."""
        return self._added(Group(entity_id or self.new_id(), name))

    def add_resource(
        self, name: str, *, entity_id: str | None = None, resource_type: str = "ROOM"
    ) -> Resource:
        """A disabled resource. Raises NameAvailabilityException if the name is in use."""
        resource_id = entity_id or f"r-{self.new_id().replace('-', '')}"
        return self._added(Resource(resource_id, name, resource_type=resource_type))

    def entity(self, identifier: str) -> Entity:
        """The entity with this id, name or address, visible to calls or not yet."""
        entity = self._find(identifier)
        if entity is None:
            raise entity_not_found(identifier)
        return entity

    def known(self, identifiers: Iterable[str]) -> list[Entity]:
        return [entity for entity in map(self._find, identifiers) if entity]

    def described(self, kind: type[E], identifier: str, moment: Moment) -> E:
        """The entity of this kind with this id, name or address."""
        return _shown(self._find(identifier), kind, identifier, moment)

    def identified(self, kind: type[E], entity_id: str, moment: Moment) -> E:
        """The entity of this kind, for a call that accepts ids alone."""
        return _shown(self.entities.get(entity_id), kind, entity_id, moment)

    def require_creatable(self, name: str, moment: Moment) -> None:
        if name.lower() in self.reserved_names:
            raise WorkMailError("ReservedNameException", f"The name {name} is reserved.")
        self.require_free_name(name, moment)

    def require_free_name(self, name: str, moment: Moment, *, owner: Entity | None = None) -> None:
        for entity in self.entities.values():
            keeps_name = entity.state != "DELETED" or moment.now < entity.name_kept_until
            if entity is not owner and entity.name.lower() == name.lower() and keeps_name:
                raise name_in_use(name)

    def owner_of(self, address: str) -> Entity | None:
        address = address.lower()
        return next((e for e in self.entities.values() if address in e.addresses), None)

    def register(self, identifier: str, email: str, moment: Moment) -> None:
        entity = self._find(identifier, by_address=False)
        if entity is None or moment.now < entity.visible_from:
            raise entity_not_found(identifier)
        _require_existing(entity)
        if entity.state == "ENABLED":
            same = (entity.registration.email or "").lower() == email.lower()
            behaviour = moment.behaviour
            if (
                behaviour.register_enabled_same_address_fails
                if same
                else behaviour.register_enabled_other_address_fails
            ):
                raise WorkMailError(
                    "EntityAlreadyRegisteredException",
                    f"Entity {entity.entity_id} is already registered.",
                )
            return
        self._require_free_address(email, entity, moment)
        entity.enable(email, moment)

    def deregister(self, identifier: str, moment: Moment) -> None:
        entity = self.described(Entity, identifier, moment)
        _require_existing(entity)
        if entity.state == "ENABLED":
            entity.disable(moment)
            if moment.behaviour.deregistration_ends_associations:
                self._end_associations(entity)
        elif moment.behaviour.deregister_disabled_fails:
            raise entity_state(f"Entity {entity.entity_id} is not enabled.")

    def update_primary_address(self, identifier: str, email: str, moment: Moment) -> None:
        entity = self.described(Entity, identifier, moment)
        require_state(entity, moment)
        self._require_free_address(email, entity, moment)
        entity.change_primary_address(email)

    def create_alias(self, entity_id: str, alias: str, moment: Moment) -> None:
        entity = self.identified(Entity, entity_id, moment)
        require_state(entity, moment)
        if alias.lower() in entity.addresses:
            if moment.behaviour.repeated_alias_error:
                raise WorkMailError(
                    moment.behaviour.repeated_alias_error,
                    f"The email address {alias} is already in use.",
                )
            return
        self._require_free_address(alias, entity, moment)
        if len(entity.aliases) >= ALIASES_PER_ENTITY:
            raise WorkMailError(
                "LimitExceededException", f"An entity has {ALIASES_PER_ENTITY} aliases at most."
            )
        entity.aliases.append(alias)

    def delete_alias(self, entity_id: str, alias: str, moment: Moment) -> None:
        entity = self.identified(Entity, entity_id, moment)
        require_state(entity, moment)
        entity.aliases = [known for known in entity.aliases if known.lower() != alias.lower()]

    def delete_entity(self, kind: type[Entity], identifier: str, moment: Moment) -> None:
        entity = self._find(identifier, by_address=False)
        is_there = isinstance(entity, kind) and moment.now >= entity.visible_from
        if entity is None or not is_there or entity.state == "DELETED":
            if moment.behaviour.delete_missing_fails:
                raise entity_not_found(identifier)
            return
        if entity.state_for_calls(moment) == "ENABLED":
            raise entity_state(
                f"Entity {entity.entity_id} is enabled: deregister it before you delete it."
            )
        entity.delete(moment)
        self._end_associations(entity)

    def associate(self, owner: Group | Resource, identifier: str, moment: Moment) -> None:
        """A user or group becomes a member of a group, or a delegate of a resource."""
        member = self._associable(identifier, moment)
        for entity in (owner, member):
            require_state(entity, moment, enabled=not moment.behaviour.disabled_can_be_associated)
        if member is owner:
            raise invalid_parameter(f"Group {owner.entity_id} cannot be a member of itself.")
        if member.entity_id not in owner.associated:
            owner.associated.append(member.entity_id)

    def disassociate(self, owner: Group | Resource, identifier: str, moment: Moment) -> None:
        member = self._associable(identifier, moment)
        _require_existing(owner)
        if not moment.behaviour.disabled_can_be_disassociated:
            require_state(owner, moment)
            require_state(member, moment)
        if owner.associated == [member.entity_id] and not moment.behaviour.last_delegate_can_leave:
            _require_automatic(owner)
        if member.entity_id in owner.associated:
            owner.associated.remove(member.entity_id)

    def domain(self, name: str) -> MailDomain:
        domain = self.domains.get(name.lower())
        if domain is None:
            raise WorkMailError(
                "MailDomainNotFoundException",
                f"The domain {name} is not in organization {self.organization_id}.",
            )
        return domain

    def _added(self, entity: E) -> E:
        if self._by_name(entity.name):
            raise name_in_use(entity.name)
        self.entities[entity.entity_id] = entity
        return entity

    def _associable(self, identifier: str, moment: Moment) -> Entity:
        entity = self.described(Entity, identifier, moment)
        if isinstance(entity, Resource):
            raise entity_not_found(identifier)
        return entity

    def _end_associations(self, entity: Entity) -> None:
        for owner in self.entities.values():
            if isinstance(owner, Group | Resource) and entity.entity_id in owner.associated:
                owner.associated.remove(entity.entity_id)

    def _require_free_address(self, address: str, entity: Entity, moment: Moment) -> None:
        domain = self.domain(address.rpartition("@")[2])
        if not domain.is_verified(moment.now):
            raise WorkMailError(
                "MailDomainStateException", f"The domain {domain.name} is not verified."
            )
        if self.owner_of(address) not in (None, entity):
            raise WorkMailError(
                "EmailAddressInUseException", f"The email address {address} is already in use."
            )

    def _find(self, identifier: str, *, by_address: bool = True) -> Entity | None:
        entity = self.entities.get(identifier) or self._by_name(identifier)
        return entity or (self.owner_of(identifier) if by_address else None)

    def _by_name(self, name: str) -> Entity | None:
        """The name of a deleted entity is free for another."""
        name = name.lower()
        named = (e for e in self.entities.values() if e.name.lower() == name)
        return next((e for e in named if e.state != "DELETED"), None)


def require_state(entity: Entity, moment: Moment, *, enabled: bool = True) -> None:
    """Raises EntityStateException for a deleted entity, and for a disabled one if `enabled`."""
    state = entity.state_for_calls(moment)
    if state == "DELETED" or (enabled and state != "ENABLED"):
        raise entity_state(f"Entity {entity.entity_id} is {state.lower()}.")


def _require_existing(entity: Entity) -> None:
    if entity.state == "DELETED":
        raise entity_state(f"Entity {entity.entity_id} is deleted.")


def _require_automatic(owner: Group | Resource) -> None:
    if isinstance(owner, Resource) and not owner.booking_options["AutoAcceptRequests"]:
        raise entity_state(f"Resource {owner.entity_id} needs a delegate.")


def _shown(entity: Entity | None, kind: type[E], identifier: str, moment: Moment) -> E:
    if not isinstance(entity, kind) or moment.now < entity.visible_from:
        raise entity_not_found(identifier)
    deleted = entity.registration_seen(moment.now).state == "DELETED"
    if deleted and moment.behaviour.deleted_entity_vanishes:
        raise entity_not_found(identifier)
    return entity


class Account:
    """The organizations of one AWS account, in all Regions."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.organizations: dict[str, Organization] = {}

    def add_organization(
        self,
        alias: str,
        *,
        organization_id: str | None = None,
        region: str | None = None,
        domain: str | None = None,
    ) -> Organization:
        """An organization with its test domain, and with a verified `domain` as its default.

        `region` is the account's own unless given. Raises NameAvailabilityException if the alias
        is in use.
        """
        if any(o.alias == alias and not o.deleted for o in self.organizations.values()):
            raise name_in_use(alias)
        test_domain = f"{alias}.awsapps.com"
        organization = Organization(
            organization_id=organization_id or f"m-{uuid.uuid4().hex}",
            alias=alias,
            region=region or self.region,
            default_domain=domain or test_domain,
        )
        for name in filter(None, (test_domain, domain)):
            organization.add_domain(name)
        self.organizations[organization.organization_id] = organization
        return organization

    def organization(self, organization_id: str, region: str | None = None) -> Organization:
        """Raises OrganizationNotFoundException if there is none in this Region (None: in any)."""
        organization = self.organizations.get(organization_id)
        if organization is None or region not in (None, organization.region):
            raise WorkMailError(
                "OrganizationNotFoundException",
                f"The organization {organization_id} does not exist.",
            )
        return organization

    def arn(self, organization: Organization) -> str:
        return (
            f"arn:aws:workmail:{organization.region}:{self.account_id}"
            f":organization/{organization.organization_id}"
        )
