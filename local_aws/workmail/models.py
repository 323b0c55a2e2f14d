"""Organizations, their mail domains, and what WorkMail allows in them. No HTTP here."""

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
    name_taken,
    reserved_name,
)

ALIASES_PER_ENTITY = 100

E = TypeVar("E", bound=Entity)


@dataclass
class MailDomain:
    """A domain; `verified_at` is when its ownership is verified, None if nobody has done it."""

    name: str
    verified_at: float | None = 0.0
    is_test_domain: bool = False

    def ownership(self, now: float) -> str:
        verified = self.verified_at is not None and now >= self.verified_at
        return "VERIFIED" if verified else "PENDING"


@dataclass
class Organization:
    """One organization. The `add_` methods prepare a test; the others are what calls do.

    `reserved_names`, in lower case, are those that a created entity cannot have. AWS does not
    tell its own; these are the ones of a directory.
    """

    organization_id: str
    alias: str
    region: str
    default_domain: str
    directory_id: str
    directory_type: str = "VpcDirectory"
    interoperability: bool = False
    active_at: float = 0.0
    deleted: bool = False
    domains: dict[str, MailDomain] = field(default_factory=dict)
    entities: dict[str, Entity] = field(default_factory=dict)
    reserved_names: set[str] = field(
        default_factory=lambda: {"administrator", "guest", "krbtgt"},
    )

    # For a test that has to have the same ids each time.
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

    def add_domain(
        self, name: str, *, verified_at: float | None = 0.0, is_test_domain: bool = False
    ) -> MailDomain:
        """A domain, verified unless `verified_at` (seconds since the epoch) is later or None."""
        domain = MailDomain(name, verified_at, is_test_domain)
        self.domains[name.lower()] = domain
        return domain

    def add_user(self, name: str, *, entity_id: str | None = None, display_name: str = "") -> User:
        """A disabled user; NameAvailabilityException if the name is taken."""
        user = User(
            entity_id or self.new_id(), name, attributes={"DisplayName": display_name or name}
        )
        self.add(user)
        return user

    def add_group(self, name: str, *, entity_id: str | None = None) -> Group:
        """A disabled group; NameAvailabilityException if the name is taken."""
        group = Group(entity_id or self.new_id(), name)
        self.add(group)
        return group

    def add_resource(
        self, name: str, *, entity_id: str | None = None, resource_type: str = "ROOM"
    ) -> Resource:
        """A disabled resource; NameAvailabilityException if the name is taken."""
        resource_id = entity_id or f"r-{self.new_id().replace('-', '')}"
        resource = Resource(resource_id, name, resource_type=resource_type)
        self.add(resource)
        return resource

    def add(self, entity: Entity) -> None:
        if self._by_name(entity.name):
            raise name_taken(entity.name)
        self.entities[entity.entity_id] = entity

    def entity(self, identifier: str) -> Entity:
        """The entity with this id, name or address, visible to calls or not yet."""
        entity = self._find(identifier, by_address=True)
        if entity is None:
            raise entity_not_found(identifier)
        return entity

    def known(self, identifiers: Iterable[str]) -> list[Entity]:
        found = [self._find(identifier, by_address=True) for identifier in identifiers]
        return [entity for entity in found if entity]

    def visible_entity(self, identifier: str, now: float, *, by_address: bool = True) -> Entity:
        entity = self._find(identifier, by_address=by_address)
        if entity is None or now < entity.visible_from:
            raise entity_not_found(identifier)
        return entity

    def described_entity(self, identifier: str, moment: Moment) -> Entity:
        entity = self.visible_entity(identifier, moment.now)
        return self._unless_vanished(entity, identifier, moment)

    def described(self, kind: type[E], identifier: str, moment: Moment) -> E:
        """The entity that a call serving one kind is about."""
        entity = self.described_entity(identifier, moment)
        if not isinstance(entity, kind):
            raise entity_not_found(identifier)
        return entity

    def identified(self, entity_id: str, moment: Moment) -> Entity:
        """The entity of a call that takes ids alone, neither names nor addresses."""
        entity = self.entities.get(entity_id)
        if entity is None or moment.now < entity.visible_from:
            raise entity_not_found(entity_id)
        return self._unless_vanished(entity, entity_id, moment)

    def user_with_password(self, user_id: str, moment: Moment) -> User:
        """The user whose password is to be reset."""
        user = self.identified(user_id, moment)
        if not isinstance(user, User):
            raise entity_not_found(user_id)
        _require_existing(user)
        if moment.behaviour.reset_disabled_password_fails:
            _require_enabled(user, moment)
        return user

    def updatable(self, kind: type[E], identifier: str, moment: Moment) -> E:
        entity = self.described(kind, identifier, moment)
        _require_existing(entity)
        if moment.behaviour.update_disabled_fails:
            _require_enabled(entity, moment)
        return entity

    def require_listable(self, entity: Entity, moment: Moment) -> None:
        _require_existing(entity)
        if moment.behaviour.list_of_disabled_fails:
            _require_enabled(entity, moment)

    def require_creatable(self, name: str, moment: Moment) -> None:
        """ReservedNameException, or NameAvailabilityException."""
        if name.lower() in self.reserved_names:
            raise reserved_name(name)
        self.require_free_name(name, moment)

    def require_free_name(self, name: str, moment: Moment, *, owner: Entity | None = None) -> None:
        named = [e for e in self.entities.values() if e.name.lower() == name.lower()]
        if any(
            e is not owner and (e.state != "DELETED" or moment.now < e.name_kept_until)
            for e in named
        ):
            raise name_taken(name)

    def owner_of(self, address: str) -> Entity | None:
        address = address.lower()
        return next((e for e in self.entities.values() if address in e.addresses), None)

    def register(self, identifier: str, email: str, moment: Moment) -> None:
        entity = self.visible_entity(identifier, moment.now, by_address=False)
        if entity.state == "DELETED":
            raise entity_state(f"Entity {entity.entity_id} is deleted.")
        if entity.registration.email and entity.state == "ENABLED":
            same = entity.registration.email.lower() == email.lower()
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
        self._require_free_address(email, entity, moment.now)
        entity.enable(email, moment)

    def deregister(self, identifier: str, moment: Moment) -> None:
        entity = self.described_entity(identifier, moment)
        if entity.state == "DELETED":
            raise entity_state(f"Entity {entity.entity_id} is deleted.")
        if entity.state == "ENABLED":
            entity.disable(moment)
            if moment.behaviour.deregistration_ends_associations:
                self._end_associations(entity)
        elif moment.behaviour.deregister_disabled_fails:
            raise entity_state(f"Entity {entity.entity_id} is not enabled.")

    def update_primary_address(self, identifier: str, email: str, moment: Moment) -> None:
        entity = self.described_entity(identifier, moment)
        _require_enabled(entity, moment)
        self._require_free_address(email, entity, moment.now)
        entity.change_primary_address(email)

    def create_alias(self, entity_id: str, alias: str, moment: Moment) -> None:
        entity = self.identified(entity_id, moment)
        _require_enabled(entity, moment)
        if alias.lower() in entity.addresses:
            _raise_if(
                moment.behaviour.repeated_alias_error,
                f"The email address {alias} is already in use.",
            )
            return
        self._require_free_address(alias, entity, moment.now)
        if len(entity.aliases) >= ALIASES_PER_ENTITY:
            raise WorkMailError(
                "LimitExceededException", f"An entity has {ALIASES_PER_ENTITY} aliases at most."
            )
        entity.aliases.append(alias)

    def delete_alias(self, entity_id: str, alias: str, moment: Moment) -> None:
        entity = self.identified(entity_id, moment)
        _require_enabled(entity, moment)
        remaining = [known for known in entity.aliases if known.lower() != alias.lower()]
        if len(remaining) == len(entity.aliases):
            _raise_if(
                moment.behaviour.missing_alias_error,
                f"Entity {entity_id} has no alias {alias}.",
            )
        entity.aliases = remaining

    def delete_entity(self, identifier: str, kind: type[Entity], moment: Moment) -> None:
        entity = self._find(identifier, by_address=False)
        if (
            not isinstance(entity, kind)
            or moment.now < entity.visible_from
            or entity.state == "DELETED"
        ):
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
            _require_existing(entity)
            if not moment.behaviour.disabled_can_be_associated:
                _require_enabled(entity, moment)
        if member is owner:
            raise invalid_parameter(f"Group {owner.entity_id} cannot be a member of itself.")
        if member.entity_id in owner.associated:
            _raise_if(
                moment.behaviour.repeated_association_error,
                f"Entity {member.entity_id} is associated with {owner.entity_id} already.",
            )
            return
        owner.associated.append(member.entity_id)

    def disassociate(self, owner: Group | Resource, identifier: str, moment: Moment) -> None:
        member = self._associable(identifier, moment)
        _require_existing(owner)
        if not moment.behaviour.disabled_can_be_disassociated:
            _require_enabled(owner, moment)
            _require_enabled(member, moment)
        if member.entity_id not in owner.associated:
            _raise_if(
                moment.behaviour.missing_association_error,
                f"Entity {member.entity_id} is not associated with {owner.entity_id}.",
            )
            return
        if not moment.behaviour.last_delegate_can_leave:
            _require_other_delegate(owner, member)
        owner.associated.remove(member.entity_id)

    def remove_domain(self, name: str) -> None:
        suffix = f"@{name.lower()}"
        in_use = any(a.endswith(suffix) for e in self.entities.values() for a in e.addresses)
        if in_use or name.lower() == self.default_domain.lower():
            raise WorkMailError("MailDomainInUseException", f"The domain {name} is in use.")
        self.domains.pop(name.lower(), None)

    def domain(self, name: str) -> MailDomain:
        domain = self.domains.get(name.lower())
        if domain is None:
            raise WorkMailError(
                "MailDomainNotFoundException",
                f"The domain {name} is not in organization {self.organization_id}.",
            )
        return domain

    def _associable(self, identifier: str, moment: Moment) -> Entity:
        entity = self.described_entity(identifier, moment)
        if isinstance(entity, Resource):
            raise entity_not_found(identifier)
        return entity

    def _end_associations(self, entity: Entity) -> None:
        for owner in self.entities.values():
            if isinstance(owner, Group | Resource) and entity.entity_id in owner.associated:
                owner.associated.remove(entity.entity_id)

    def _unless_vanished(self, entity: Entity, identifier: str, moment: Moment) -> Entity:
        gone = entity.registration_seen(moment.now).state == "DELETED"
        if gone and moment.behaviour.deleted_entity_vanishes:
            raise entity_not_found(identifier)
        return entity

    def _require_free_address(self, address: str, entity: Entity, now: float) -> None:
        domain = self.domain(address.rpartition("@")[2])
        if domain.ownership(now) != "VERIFIED":
            raise WorkMailError(
                "MailDomainStateException", f"The domain {domain.name} is not verified."
            )
        if self.owner_of(address) not in (None, entity):
            raise WorkMailError(
                "EmailAddressInUseException", f"The email address {address} is already in use."
            )

    def _find(self, identifier: str, *, by_address: bool) -> Entity | None:
        entity = self.entities.get(identifier) or self._by_name(identifier)
        if entity is None and by_address:
            entity = self.owner_of(identifier)
        return entity

    def _by_name(self, name: str) -> Entity | None:
        """The name of a deleted entity is free for another."""
        name = name.lower()
        named = (e for e in self.entities.values() if e.name.lower() == name)
        return next((e for e in named if e.state != "DELETED"), None)


def _require_existing(entity: Entity) -> None:
    if entity.state == "DELETED":
        raise entity_state(f"Entity {entity.entity_id} is deleted.")


def _require_enabled(entity: Entity, moment: Moment) -> None:
    state = entity.state_for_calls(moment)
    if state != "ENABLED":
        raise entity_state(f"Entity {entity.entity_id} is {state.lower()}.")


def _require_other_delegate(owner: Group | Resource, leaving: Entity) -> None:
    answers_itself = isinstance(owner, Group) or owner.booking_options["AutoAcceptRequests"]
    if not answers_itself and owner.associated == [leaving.entity_id]:
        raise entity_state(
            f"Entity {leaving.entity_id} is the only one to answer for {owner.entity_id}."
        )


def _raise_if(code: str | None, message: str) -> None:
    if code:
        raise WorkMailError(code, message)


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
        active_at: float = 0.0,
        directory_id: str | None = None,
        interoperability: bool = False,
    ) -> Organization:
        """An organization with its test domain, and with a verified `domain` as its default.

        `region` is the account's own unless given. NameAvailabilityException if the alias is
        taken.
        """
        if any(o.alias == alias and not o.deleted for o in self.organizations.values()):
            raise name_taken(alias)
        test_domain = f"{alias}.awsapps.com"
        organization = Organization(
            organization_id=organization_id or f"m-{uuid.uuid4().hex}",
            alias=alias,
            region=region or self.region,
            default_domain=domain or test_domain,
            directory_id=directory_id or f"d-{uuid.uuid4().hex[:10]}",
            interoperability=interoperability,
            active_at=active_at,
        )
        organization.add_domain(test_domain, is_test_domain=True)
        if domain:
            organization.add_domain(domain)
        self.organizations[organization.organization_id] = organization
        return organization

    def organization(self, organization_id: str, region: str | None = None) -> Organization:
        """OrganizationNotFoundException if there is none in this Region (None: in any)."""
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
