"""Writes what is in an organization as an organization file."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cdk_workmail_cli.declaration import of_file, workmails_name
from cdk_workmail_cli.organization import Entity, Kind, Organization
from cdk_workmail_file import SCHEMA_PATH, SECTIONS, InvalidFile, OrganizationFile, parse

_SECTION_OF = {Kind.USER: "users", Kind.GROUP: "groups", Kind.RESOURCE: "resources"}
_DEFINITION_OF = {
    "users": "user",
    "groups": "group",
    "resources": "resource",
    "mailboxes": "mailbox",
}
# What the file says and WorkMail does not: kept when a file is merged.
_HAND_WRITTEN = {
    "adopt_existing",
    "mailbox_removal_policy",
    "removal_policy",
    "remove_other_aliases",
    "reset_password",
    "revision",
}
_LONGEST_KEY = 200  # in the schema

# Section, key, options.
_Place = tuple[str, str, Mapping[str, Any]]


@dataclass
class Discovery:
    """The file's document, how many entities are in it, and those that cannot be declared."""

    document: dict[str, Any]
    counts: Counter[str] = field(default_factory=Counter)
    undeclared: list[dict[str, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return json.dumps(self.document, indent=2, ensure_ascii=False) + "\n"


def discover(
    organization: Organization, *, attributes: bool, existing: OrganizationFile | None
) -> Discovery:
    """Reads all entities.

    Users are mere mailboxes, which need no password secret; with `attributes` they are users with
    all that WorkMail shows of them. Of an existing file the keys, the hand-written options and the
    entries without an entity stay.
    """
    kept = _Kept(organization, existing)
    found = Discovery(kept.head(organization))
    sections: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    keys = kept.keys()
    for entity in sorted(organization.entities, key=lambda e: (e.name.casefold(), e.entity_id)):
        reason = _reason_to_omit(entity)
        place = kept.place(entity)
        section, key, before = place or (_section(entity, attributes), _new_key(entity, keys), {})
        if section == "mailboxes" and not place and not entity.is_enabled:
            reason = reason or "omitted disabled users"
        if reason:
            found.counts[reason] += 1
            continue
        options = _discovered(organization, entity, section, attributes, before)
        options |= {name: value for name, value in before.items() if name in _HAND_WRITTEN}
        problem = _problem(section, options)
        if problem:
            found.undeclared.append({"entity": str(entity), "problem": problem})
            if not place:
                continue
            options = dict(before)
        keys.add(key.casefold())
        sections[section][key] = _in_order(section, options)
        found.counts[section] += 1
    for section, key, declared in kept.without_entity():
        sections[section][key] = dict(declared)
        found.counts["entries kept without an entity"] += 1
    for section, entries in sections.items():
        if entries:
            in_order = sorted(entries, key=lambda key: (key.casefold(), key))
            found.document[section] = {key: entries[key] for key in in_order}
    if found.undeclared:
        found.counts["entities that cannot be declared (see the dossier)"] = len(found.undeclared)
    return found


class _Kept:
    """What an existing file keeps when it is merged."""

    def __init__(self, organization: Organization, existing: OrganizationFile | None) -> None:
        self._document: Mapping[str, Any] = existing.document if existing else {}
        self._places: dict[str, _Place] = {}
        self._without_entity: list[_Place] = []
        if existing:
            repeated: list[str] = []
            for entry, declaration in zip(existing.entries, of_file(existing), strict=True):
                options = self._document[entry.section][entry.key]
                place = (entry.section, entry.key, options)
                entity = organization.meant(declaration.identifier, declaration.kind)
                if entity is None or not entity.exists:
                    self._without_entity.append(place)
                elif entity.entity_id in self._places:
                    section, key, _ = self._places[entity.entity_id]
                    repeated.append(
                        f"{declaration.where}: {entry.section} {entry.key!r} is {entity}, as is "
                        f"{section} {key!r}: remove one of the two"
                    )
                else:
                    self._places[entity.entity_id] = place
            if repeated:
                raise InvalidFile(repeated)

    def head(self, organization: Organization) -> dict[str, Any]:
        """What precedes the sections."""
        if self._document:
            return {name: value for name, value in self._document.items() if name not in SECTIONS}
        return {
            "organization_id": organization.organization_id,
            "organization_region": organization.region,
            # Nothing is disabled because an entry of a discovered file was removed by mistake.
            "defaults": {"mailbox_removal_policy": "RETAIN"},
        }

    def keys(self) -> set[str]:
        return {key.casefold() for section in SECTIONS for key in self._document.get(section, {})}

    def place(self, entity: Entity) -> _Place | None:
        return self._places.get(entity.entity_id)

    def without_entity(self) -> list[_Place]:
        return self._without_entity


def _reason_to_omit(entity: Entity) -> str | None:
    if not entity.exists:
        return "omitted deleted entities"
    return "omitted system users" if entity.is_system_user else None


def _section(entity: Entity, attributes: bool) -> str:
    is_mere_mailbox = entity.kind is Kind.USER and not attributes
    return "mailboxes" if is_mere_mailbox else _SECTION_OF[entity.kind]


def _discovered(
    organization: Organization,
    entity: Entity,
    section: str,
    attributes: bool,
    before: Mapping[str, Any],
) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if section == "mailboxes":
        options["entity_id"] = before.get("entity_id") or organization.identifier(entity)
    else:
        options["name"] = entity.name
        if entity.kind is Kind.USER and not attributes:
            known = {name: value for name, value in before.items() if name not in _HAND_WRITTEN}
            options |= known | {"display_name": entity.listed.get("DisplayName", entity.name)}
        else:
            options |= _described(organization, entity)
        field_name = "members" if entity.kind is Kind.GROUP else "delegates"
        associated = map(organization.identifier, organization.associated(entity))
        shown = sorted(associated, key=str.casefold)
        if shown or field_name in before:
            # As for addresses below. What is declared as empty is managed, and stays so.
            is_shown = shown or entity.is_enabled
            options[field_name] = shown if is_shown else before[field_name]
    for name in ("email", "aliases"):
        options.pop(name, None)
        # A file may declare what is not enabled yet.
        if name in before and not entity.is_enabled:
            options[name] = before[name]
    if entity.is_enabled:
        options["email"] = entity.email
        aliases = organization.aliases(entity)
        if aliases or "aliases" in before:
            options["aliases"] = sorted(aliases, key=str.casefold)
    return options


def _described(organization: Organization, entity: Entity) -> dict[str, Any]:
    """The attributes that the schema knows; what is empty or false by default is omitted."""
    described = organization.described(entity)
    shown = {**described, **(described.get("BookingOptions") or {})}
    found: dict[str, Any] = {}
    for option in _schema_order(_SECTION_OF[entity.kind]):
        value = shown.get("UserRole" if option == "role" else workmails_name(option))
        if option not in ("name", "email") and (value or option.startswith("auto_")):
            found[option] = value
    if entity.kind is Kind.USER:
        found.setdefault("display_name", entity.name)
    return {option: value for option, value in found.items() if value is not None}


def _new_key(entity: Entity, taken: set[str]) -> str:
    key = re.sub(r"[/$]", "-", entity.name)
    end = f"-{entity.entity_id}"
    is_plain = len(key) <= _LONGEST_KEY and key.casefold() not in taken
    return key if is_plain else key[: _LONGEST_KEY - len(end)] + end


def _problem(section: str, options: Mapping[str, Any]) -> str | None:
    """What the schema has against the entry."""
    document: dict[str, Any] = {"organization_id": f"m-{'0' * 32}", section: {"entry": options}}
    if _uses_snapshot(options):
        document["mailbox_export"] = True
    try:
        parse(json.dumps(document), "")
    except InvalidFile as error:
        return "; ".join(
            line.partition(f"$.{section}.entry")[2].lstrip(".: ") for line in error.errors
        )
    return None


def _uses_snapshot(options: Mapping[str, Any]) -> bool:
    return "SNAPSHOT" in (options.get("removal_policy"), options.get("mailbox_removal_policy"))


def _in_order(section: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in _schema_order(section) if name in options}


@cache
def _schema_order(section: str) -> tuple[str, ...]:
    schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    return tuple(schema["$defs"][_DEFINITION_OF[section]]["properties"])
