"""Physical ids: which entity a custom resource stands for, however it was declared."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workmail_provider.rules.entities import Entity
from workmail_provider.rules.kinds import EntityKind

_ORGANIZATION = r"(m-[0-9a-f]{32})"
_ENTITY = r"([a-zA-Z0-9._%+@-]{1,256})"


@dataclass(frozen=True)
class RegistrationId:
    """Of a registration: `<organization id>/<canonical entity id>`."""

    organization_id: str
    entity_id: str

    @classmethod
    def parse(cls, physical_resource_id: str | None) -> RegistrationId | None:
        """None for an id that is not of a registration."""
        match = re.fullmatch(f"{_ORGANIZATION}/{_ENTITY}", physical_resource_id or "")
        return cls(match[1], match[2]) if match else None

    @classmethod
    def of(cls, entity: Entity) -> RegistrationId:
        return cls(entity.organization_id, entity.entity_id)

    def __str__(self) -> str:
        return f"{self.organization_id}/{self.entity_id}"


@dataclass(frozen=True)
class EntityPhysicalId:
    """Of an entity: `<organization id>/<user, group or resource>/<canonical entity id>`."""

    organization_id: str
    word: str
    entity_id: str

    @classmethod
    def parse(cls, kind: EntityKind, physical_resource_id: str | None) -> EntityPhysicalId | None:
        """None for an id that is not of this kind."""
        pattern = f"{_ORGANIZATION}/{kind.word}/{_ENTITY}"
        match = re.fullmatch(pattern, physical_resource_id or "")
        return cls(match[1], kind.word, match[2]) if match else None

    @classmethod
    def of(cls, kind: EntityKind, entity: Entity) -> EntityPhysicalId:
        return cls(entity.organization_id, kind.word, entity.entity_id)

    def __str__(self) -> str:
        return f"{self.organization_id}/{self.word}/{self.entity_id}"
