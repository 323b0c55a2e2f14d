"""Compares what is declared with what WorkMail shows, by the rules of the deployed function.

Nothing here calls AWS itself: the organization that is passed in does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cdk_workmail_cli.declaration import Declaration
from cdk_workmail_cli.organization import LISTED_ATTRIBUTES, Entity, Kind, Organization

_CHECKED_ADDRESSES = 20
"""How many new addresses are looked up among the aliases of all entities, one call each."""


class Action(StrEnum):
    """What a deployment does, or why it cannot."""

    ADOPT = "adopt"
    CREATE = "create"
    RENAME = "rename"
    CHANGE_ATTRIBUTE = "change attribute"
    ENABLE = "enable"
    CHANGE_ADDRESS = "change address"
    ADD_ALIAS = "add alias"
    REMOVE_ALIAS = "remove alias"
    ADD_MEMBER = "add member"
    REMOVE_MEMBER = "remove member"
    ADD_DELEGATE = "add delegate"
    REMOVE_DELEGATE = "remove delegate"
    DEREGISTER = "deregister"
    EXPORT = "export and deregister"
    DELETE = "delete"
    RETAIN = "retain"
    NOT_THERE = "not there"
    IN_USE = "in use by another"
    NOT_POSSIBLE = "not possible"
    REFUSED = "refused"
    STAY_DISABLED = "stay disabled"
    DECLARED_TWICE = "declared twice"

    @property
    def changes_nothing(self) -> bool:
        return self in (Action.ADOPT, Action.RETAIN, Action.DECLARED_TWICE)

    @property
    def fails(self) -> bool:
        """Whether the deployment fails."""
        return self in (Action.NOT_THERE, Action.IN_USE, Action.NOT_POSSIBLE, Action.REFUSED)


class Part(StrEnum):
    """The custom resource of an entity that a finding is about."""

    ENTITY = "entity"
    REGISTRATION = "registration"
    ASSOCIATED = "members and delegates"


_ADD = {Kind.GROUP: Action.ADD_MEMBER, Kind.RESOURCE: Action.ADD_DELEGATE}
_REMOVE = {Kind.GROUP: Action.REMOVE_MEMBER, Kind.RESOURCE: Action.REMOVE_DELEGATE}


@dataclass(frozen=True)
class Finding:
    """One difference. `needs_revision`: the next deployment skips it, no property changed."""

    action: Action
    part: Part
    entity: str
    detail: str
    where: str
    organization_id: str
    entity_id: str | None
    needs_revision: bool = False


class Comparison:
    """Compares the declarations of one organization with what WorkMail shows.

    `deployed` is what a stack owns already, if one is known. Of a stack alone, the two are the
    same. `others` are the declarations of other stacks, by physical id.
    """

    def __init__(
        self,
        organization: Organization,
        declared: Iterable[Declaration],
        deployed: Iterable[Declaration] = (),
        others: Mapping[str, str] | None = None,
    ) -> None:
        self._organization = organization
        self._others = others or {}
        self._declared = tuple(declared)
        self._deployed = {declaration.entity_id: declaration for declaration in deployed}
        self._checked = 0
        self._to_be_created = {
            declaration.identifier.casefold()
            for declaration in self._declared
            if declaration.kind and declaration.entity_id is None
        }
        self._owned: dict[str, Declaration] = {}
        self.unchecked_addresses = 0
        """How many addresses were compared with primary addresses alone."""

    def findings(self) -> Iterator[Finding]:
        """What a deployment does to each declared entity, and then what it removes."""
        for declaration in self._declared:
            entity, owned = self._matched(declaration)
            yield from _Entry(self, self._organization, declaration, entity, owned).findings()
        for entity_id, deployed in self._deployed.items():
            if entity_id:
                yield from self._removals(deployed, self._owned.get(entity_id))

    def owner(self, address: str) -> Entity | None:
        """The entity that has the address, which counts its calls."""
        owner = self._organization.owner(address)
        if owner is None and self._checked == _CHECKED_ADDRESSES:
            self.unchecked_addresses += 1
        elif owner is None:
            self._checked += 1
            owner = self._organization.owner_of_alias(address)
        return owner

    def creates(self, name: str) -> bool:
        """Whether a declaration creates an entity of this name."""
        return name.casefold() in self._to_be_created

    def other_declaration(self, entity: Entity, part: Part) -> str | None:
        """The resource of another stack that declares this part of the entity."""
        kind = f"{entity.kind}/" if part is Part.ENTITY else ""
        organization_id = self._organization.organization_id
        return self._others.get(f"{organization_id}/{kind}{entity.entity_id}")

    def _matched(self, declaration: Declaration) -> tuple[Entity | None, Declaration | None]:
        """The entity that is meant, and what the stack owns of it."""
        entity = self._organization.meant(
            declaration.entity_id or declaration.identifier,
            None if declaration.entity_id else declaration.kind,
        )
        owned = self._deployed.get(entity.entity_id) if entity else None
        if owned is None and declaration.kind:
            owned = self._same_construct(declaration)
            if owned and owned.entity_id:
                entity = self._organization.find(owned.entity_id) or entity
        if owned and owned.entity_id:
            self._owned[owned.entity_id] = declaration
        return entity, owned

    def _same_construct(self, declaration: Declaration) -> Declaration | None:
        """The same construct under another name: the stack owns what it was named before."""
        for owned in self._deployed.values():
            if owned.kind is declaration.kind and _is_same_construct(owned, declaration):
                return owned
        return None

    def _removals(self, owned: Declaration, declared: Declaration | None) -> Iterator[Finding]:
        entity = self._organization.find(owned.entity_id or "")
        if entity is None or not entity.exists:
            return
        keeps_entity = declared is not None and declared.kind is not None
        if owned.email and entity.is_enabled and (declared is None or not declared.email):
            yield self._removal(_deregistration(owned, entity), Part.REGISTRATION, owned, entity)
        if owned.kind and not keeps_entity and owned.deletes_entity:
            yield self._removal(Action.DELETE, Part.ENTITY, owned, entity)
        elif owned.kind and not keeps_entity and declared is None and not owned.email:
            yield self._removal(Action.RETAIN, Part.ENTITY, owned, entity)

    def _removal(self, action: Action, part: Part, owned: Declaration, entity: Entity) -> Finding:
        detail = f"no longer declared{f', has {entity.email}' if entity.email else ''}"
        other = self.other_declaration(entity, part)
        if other and action is not Action.RETAIN:
            action, detail = Action.RETAIN, f"no longer declared here, declared by {other}"
        return Finding(
            action,
            part,
            str(entity),
            detail,
            owned.where,
            owned.organization_id,
            entity.entity_id,
        )


def _is_same_construct(owned: Declaration, declared: Declaration) -> bool:
    if declared.entity_id is None:
        return owned.is_of_construct(declared.construct_path)
    return owned.entity_id == declared.entity_id


def _deregistration(owned: Declaration, entity: Entity) -> Action:
    if owned.mailbox_removal_policy.startswith("RETAIN"):
        return Action.RETAIN
    exports = owned.mailbox_removal_policy == "SNAPSHOT" and entity.kind is not Kind.GROUP
    return Action.EXPORT if exports else Action.DEREGISTER


class _Entry:
    """One declaration beside the entity that it means."""

    def __init__(
        self,
        comparison: Comparison,
        organization: Organization,
        declared: Declaration,
        entity: Entity | None,
        owned: Declaration | None,
    ) -> None:
        self._comparison = comparison
        self._organization = organization
        self._declared = declared
        self._entity = entity
        self._owned = owned
        # A construct with another path is created, so that nothing precedes it. Where the template
        # has no paths, a construct is taken for the same.
        is_previous = owned and (not owned.construct_path or _is_same_construct(owned, declared))
        self._previous = owned if is_previous else None
        self._description: Mapping[str, Any] | None = None

    def findings(self) -> Iterator[Finding]:
        found = list(self._found())
        if found:
            yield from found
        elif self._owned is None:
            yield self._finding(Action.ADOPT, Part.ENTITY, "as declared already")
        for part in (Part.ENTITY, Part.REGISTRATION):
            other = self._entity and self._comparison.other_declaration(self._entity, part)
            if other and (self._declared.kind if part is Part.ENTITY else self._declared.email):
                yield self._finding(Action.DECLARED_TWICE, part, f"declared by {other} too")

    def _found(self) -> Iterator[Finding]:
        declared, entity = self._declared, self._entity
        if declared.kind is None and (entity is None or not entity.exists):
            deleted = " any more: it is deleted" if entity else ""
            yield self._finding(
                Action.NOT_THERE,
                Part.REGISTRATION,
                f"{declared.identifier} is not in the organization{deleted}",
            )
            return
        if entity is None or not entity.exists:
            yield from self._missing_entity()
            return
        conflict = self._conflict(entity)
        if conflict:
            yield conflict
            return
        yield from self._entity_changes(entity)
        if declared.email:
            yield from self._registration_changes(entity, declared.email)
        yield from self._associated_changes(entity)

    def _missing_entity(self) -> Iterator[Finding]:
        declared = self._declared
        if self._owned and self._entity is None:
            yield self._finding(
                Action.NOT_THERE,
                Part.ENTITY,
                f"the stack owns id {self._owned.entity_id}, which WorkMail does not find",
            )
            return
        other = self._organization.named(declared.identifier)
        if other:
            yield self._finding(Action.IN_USE, Part.ENTITY, f"the name is in use by {other}")
            return
        yield self._finding(Action.CREATE, Part.ENTITY, "not in the organization")
        if declared.email:
            yield from self._address(None, declared.email, Action.ENABLE, declared.email)
            for alias in sorted(set(declared.aliases or ())):
                yield from self._address(None, alias, Action.ADD_ALIAS, alias)
        for identifier in declared.associated or ():
            yield self._associate(identifier)

    def _conflict(self, entity: Entity) -> Finding | None:
        declared = self._declared
        if self._owned is None and not declared.adopt_existing:
            state = "exists" if declared.kind else "is enabled"
            if declared.kind or entity.is_enabled:
                part = Part.ENTITY if declared.kind else Part.REGISTRATION
                other = self._comparison.other_declaration(entity, part)
                return self._finding(
                    Action.IN_USE,
                    part,
                    f"{entity} {state} already, {f'declared by {other}, ' if other else ''}and "
                    "adopt_existing is false",
                )
        renamed = declared.kind and entity.name.casefold() != declared.identifier.casefold()
        if renamed and entity.kind is not Kind.RESOURCE:
            return self._finding(
                Action.NOT_POSSIBLE,
                Part.ENTITY,
                f"WorkMail does not rename a {entity.kind}: it is {entity.name}, declared is "
                f"{declared.identifier}",
            )
        return None

    def _entity_changes(self, entity: Entity) -> Iterator[Finding]:
        declared = self._declared
        if declared.kind and entity.name.casefold() != declared.identifier.casefold():
            yield self._finding(
                Action.RENAME, Part.ENTITY, f"{entity.name} to {declared.identifier}"
            )
        yield from self._attributes(entity, Part.ENTITY, declared.attributes)
        options = (declared.booking_options and self._shown(entity).get("BookingOptions")) or {}
        for name, value in declared.booking_options.items():
            if options.get(name) != value:
                yield self._finding(
                    Action.CHANGE_ATTRIBUTE,
                    Part.ASSOCIATED,
                    f"{name} from {options.get(name)} to {value}",
                )

    def _attributes(
        self, entity: Entity, part: Part, attributes: Mapping[str, Any]
    ) -> Iterator[Finding]:
        for name, value in attributes.items():
            there = self._shown(entity).get("UserRole" if name == "Role" else name)
            there = there or type(value)()
            if there != value:
                detail = f"{name} from {there!r} to {value!r}"
                yield self._finding(Action.CHANGE_ATTRIBUTE, part, detail)

    def _shown(self, entity: Entity) -> Mapping[str, Any]:
        """What the list shows where that is all that is declared, else the description."""
        declared = self._declared
        if self._description is None:
            attributes = declared.attributes.keys() | declared.user_attributes.keys()
            is_listed = attributes <= LISTED_ATTRIBUTES[entity.kind]
            is_enough = is_listed and not declared.booking_options
            self._description = entity.listed if is_enough else self._organization.described(entity)
        return self._description

    def _registration_changes(self, entity: Entity, email: str) -> Iterator[Finding]:
        expected = set[str]()
        previous = self._previous if self._previous and self._previous.email else None
        if not entity.is_enabled:
            detail = f"it is {entity.state.lower()}, declared is {email}"
            if previous and not self._enables_again(previous, email):
                yield self._finding(Action.STAY_DISABLED, Part.REGISTRATION, detail)
                return
            yield from self._address(entity, email, Action.ENABLE, detail)
        elif (entity.email or "").casefold() != email.casefold():
            if previous is None:
                yield self._refused(
                    Part.REGISTRATION,
                    f"it has {entity.email}, declared is {email}: declare the address it has, and "
                    "change it in a second deployment",
                )
                return
            expected = {(entity.email or "").casefold()}
            yield from self._address(
                entity, email, Action.CHANGE_ADDRESS, f"{entity.email} to {email}"
            )
        yield from self._attributes(entity, Part.REGISTRATION, self._declared.user_attributes)
        if self._declared.aliases is not None:
            yield from self._alias_changes(
                entity, email, self._declared.aliases, previous, expected
            )

    def _enables_again(self, previous: Declaration, email: str) -> bool:
        """Whether an update enables a mailbox again that was disabled outside the stack."""
        is_same_address = (previous.email or "").casefold() == email.casefold()
        return not is_same_address or self._has_new_revision(previous)

    def _has_new_revision(self, previous: Declaration) -> bool:
        """The app may give its roster a revision, which applies where a file gives none."""
        return self._declared.revision not in (None, previous.revision)

    def _alias_changes(
        self,
        entity: Entity,
        email: str,
        declared: Collection[str],
        previous: Declaration | None,
        expected: Collection[str],
    ) -> Iterator[Finding]:
        aliases = self._organization.aliases(entity)
        there = {alias.casefold() for alias in aliases} | {*expected}
        wanted = {alias.casefold() for alias in declared}
        before = {alias.casefold() for alias in (previous and previous.aliases) or ()}
        removed = sorted(
            alias
            for alias in there - wanted - {email.casefold()}
            if self._declared.remove_other_aliases or alias in before
        )
        if removed and previous is None:
            yield self._undeclared(Part.REGISTRATION, "aliases", removed)
            return
        for alias in sorted(wanted - there - {email.casefold()}):
            yield from self._address(entity, alias, Action.ADD_ALIAS, alias)
        for alias in removed:
            yield self._finding(Action.REMOVE_ALIAS, Part.REGISTRATION, alias)

    def _undeclared(self, part: Part, what: str, found: Collection[str]) -> Finding:
        shown = ", ".join([*found][:3]) + (", ..." if len(found) > 3 else "")
        return self._refused(
            part,
            f"it has {len(found)} {what} that are not declared ({shown}): declare them, and remove "
            "them in a second deployment",
        )

    def _refused(self, part: Part, detail: str) -> Finding:
        """A first declaration changes nothing that it finds: a rollback could not restore it."""
        return self._finding(Action.REFUSED, part, detail)

    def _address(
        self, entity: Entity | None, address: str, action: Action, detail: str
    ) -> Iterator[Finding]:
        """The action, or why the entity cannot have the address."""
        domain = address.rpartition("@")[2]
        is_verified = self._organization.is_domain_verified(domain)
        owner = self._comparison.owner(address) if is_verified else None
        if is_verified is None:
            yield self._finding(
                Action.NOT_THERE,
                Part.REGISTRATION,
                f"{address} needs the mail domain {domain}, which is not in the organization",
            )
        elif not is_verified:
            yield self._finding(
                Action.NOT_POSSIBLE,
                Part.REGISTRATION,
                f"{address} needs the mail domain {domain} to be verified",
            )
        elif owner and owner is not entity:
            yield self._finding(Action.IN_USE, Part.REGISTRATION, f"{address} is in use by {owner}")
        else:
            yield self._finding(action, Part.REGISTRATION, detail)

    def _associated_changes(self, entity: Entity) -> Iterator[Finding]:
        if self._declared.associated is None:
            return
        there = {member.entity_id: member for member in self._organization.associated(entity)}
        members = {name: self._organization.find(name) for name in self._declared.associated}
        wanted = {member.entity_id for member in members.values() if member}
        undeclared = sorted(there[entity_id].name for entity_id in there.keys() - wanted)
        if undeclared and not (self._previous and self._previous.has_member_list):
            word = "members" if entity.kind is Kind.GROUP else "delegates"
            yield self._undeclared(Part.ASSOCIATED, word, undeclared)
            return
        for identifier, member in members.items():
            if member is None or not member.exists:
                yield self._associate(identifier)
            elif member.entity_id not in there:
                yield self._finding(_ADD[entity.kind], Part.ASSOCIATED, member.name)
        for name in undeclared:
            yield self._finding(_REMOVE[entity.kind], Part.ASSOCIATED, name)

    def _associate(self, identifier: str) -> Finding:
        """The association of what WorkMail may not show yet."""
        member = self._organization.find(identifier)
        if self._declared.kind and (member or self._comparison.creates(identifier)):
            return self._finding(_ADD[self._declared.kind], Part.ASSOCIATED, identifier)
        return self._finding(
            Action.NOT_THERE, Part.ASSOCIATED, f"{identifier} is not in the organization"
        )

    def _finding(self, action: Action, part: Part, detail: str) -> Finding:
        kind = self._entity.kind if self._entity else self._declared.kind or "entity"
        name = self._entity.name if self._entity else self._declared.identifier
        return Finding(
            action,
            part,
            f"{kind} {name}",
            detail,
            self._declared.where,
            self._declared.organization_id,
            self._entity.entity_id if self._entity else None,
            needs_revision=action is Action.STAY_DISABLED
            or (self._previous is not None and self._is_as_deployed(part, self._previous)),
        )

    def _is_as_deployed(self, part: Part, previous: Declaration) -> bool:
        """Whether the template stays the same in this part, so that the function is not called."""
        declared = self._declared
        if self._has_new_revision(previous):
            return False
        match part:
            case Part.ENTITY:
                return (
                    declared.identifier == previous.identifier
                    and declared.kind is previous.kind
                    and dict(declared.attributes) == dict(previous.attributes)
                )
            case Part.REGISTRATION:
                is_same_entity = declared.kind or declared.identifier == previous.identifier
                return bool(is_same_entity) and (
                    (declared.email, declared.aliases, declared.remove_other_aliases)
                    == (previous.email, previous.aliases, previous.remove_other_aliases)
                    and dict(declared.user_attributes) == dict(previous.user_attributes)
                )
        return dict(declared.booking_options) == dict(previous.booking_options) and (
            self._ids(declared.associated) == self._ids(previous.associated)
        )

    def _ids(self, identifiers: Collection[str] | None) -> list[str] | None:
        if identifiers is None:
            return None
        found = ((name, self._organization.find(name)) for name in identifiers)
        return [entity.entity_id if entity else name for name, entity in found]
