"""The same stacks, which also declare users, groups and resources, and register some of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from local_aws.workmail import Entity, Group, Resource
from tests.model.cloudformation import Plan
from tests.model.deployments import (
    EDITS,
    KINDS,
    PLANS,
    SMALL,
    Deployments,
    Edit,
    ManualChange,
    addresses,
    choose,
)
from tests.model.entity_oracle import EntityOracle
from tests.model.registration_oracle import RegistrationOracle
from tests.model.templates import Declared, DeclaredByReference, DeclaredEntity, DeclaredMembers
from tests.support.lambda_fakes import ORGANIZATION_ID

# The last is also the address of another entity.
ENTITIES = ("dora", "erin", "sales", "blue-room", "alice@example.com")
# CloudFormation changes no resource's type.
IDS = {"USER": tuple("UVWX"), "GROUP": tuple("YZ"), "RESOURCE": tuple("ST")}
REFERRING_IDS = tuple("GHIJKL")
# Possible members of a group, or delegates of a resource.
MEMBERS = ("dora", "erin", "alice", "bob", "sales")
ENTITY_EDITS = st.builds(
    Edit,
    st.sampled_from(
        ["add entity"] * 4
        + ["rename entity"] * 3
        + ["remove entity", "register", "register"]
        + ["attribute"] * 4
        + ["name"] * 3
        + ["retain entity", "adopt entity", "entity twice", "remove", "rename", "address"]
        + ["members"] * 5
        + ["aliases"] * 4
        + ["other aliases", "password", "password"]
    ),
    st.integers(0, len(ENTITIES) - 1),
    SMALL,
)
MIXED_EDITS = st.lists(
    st.one_of(ENTITY_EDITS, ENTITY_EDITS, ENTITY_EDITS, EDITS), min_size=1, max_size=5
)
EDITS_IN_PLACE = st.lists(
    st.builds(
        Edit,
        st.sampled_from(
            ["members", "aliases", "password", "password", "attribute", "other aliases", "name"]
        ),
        SMALL,
        SMALL,
    ),
    min_size=2,
    max_size=4,
)
ENTITY_CHANGES = st.builds(
    ManualChange,
    st.sampled_from((*ENTITIES, "alice", "bob", "room")),
    st.sampled_from(
        ["enable"] * 3 + ["disable", "delete"] + ["create"] * 3 + ["alias", "unalias", "members"]
    ),
    SMALL,
)


class EntityDeployments(Deployments):
    """As there, with further entities that do not exist yet."""

    oracle_type: ClassVar[type[RegistrationOracle]] = EntityOracle
    steps: ClassVar[int] = 0
    seen: ClassVar[Counter[str]] = Counter()

    @precondition(lambda self: self.deployable)
    @rule(
        which=SMALL,
        edits=st.one_of(MIXED_EDITS, EDITS_IN_PLACE),
        plan=PLANS,
        alone=st.booleans(),
        undisturbed=st.booleans(),
    )
    def deploy(
        self,
        which: int,
        edits: list[Edit],
        plan: Plan,
        alone: bool = False,
        undisturbed: bool = False,
    ) -> None:
        super().deploy(which, edits, plan, alone, undisturbed)

    @rule(change=ENTITY_CHANGES)
    def drift_of_entities(self, change: ManualChange) -> None:
        self.step()
        self.change_by_hand(change)

    def at_first(self, edits: list[Edit]) -> list[Edit]:
        """Half of them begin with several entities."""
        return [Edit("add entity", 0, 2)] * 4 + edits if edits[0].what % 2 else edits

    def change_by_hand(self, change: ManualChange) -> None:
        entity = self.known(change.name)
        if change.action not in ("alias", "unalias", "members"):
            super().change_by_hand(change)
        elif entity:
            self.change_lists(entity, change)
            self.oracle.changed_elsewhere(f"{ORGANIZATION_ID}/{entity.entity_id}")

    def change_lists(self, entity: Entity, change: ManualChange) -> None:
        if change.action == "alias":
            alias = f"{change.name}.new@example.com" if change.address else "shared@example.com"
            self.call("CreateAlias", EntityId=entity.entity_id, Alias=alias)
        elif change.action == "unalias" and entity.aliases:
            alias = choose(entity.aliases, change.address)
            self.call("DeleteAlias", EntityId=entity.entity_id, Alias=alias)
        elif change.action == "members" and isinstance(entity, Group | Resource):
            member = self.known(MEMBERS[change.address])
            is_member = member and member.entity_id in entity.associated
            verb, to = ("Disassociate", "From") if is_member else ("Associate", "To")
            name, own = MEMBERS[change.address], entity.entity_id
            if isinstance(entity, Group):
                self.call(f"{verb}Member{to}Group", GroupId=own, MemberId=name)
            else:
                self.call(f"{verb}Delegate{to}Resource", ResourceId=own, EntityId=name)

    # Templates.

    def edit(self, template: dict[str, Declared], edit: Edit) -> None:
        entities = {id: one for id, one in template.items() if isinstance(one, DeclaredEntity)}
        kinds = {"members": ("GROUP", "RESOURCE"), "password": ("USER",)}.get(edit.kind, IDS)
        editable = [id for id, one in entities.items() if one.kind in kinds]
        if edit.kind == "add entity":
            self.add_entity(template, edit, twice=False)
        elif "aliases" in edit.kind:
            self.edit_aliases(template, edit)
        elif edit.kind not in ("register", "attribute", "name", "password", "members") and (
            "entity" not in edit.kind
        ):
            self.edit_registrations(template, edit)
        elif editable:
            logical_id = choose(editable, edit.which)
            if edit.kind == "register":
                self.register(template, logical_id, edit)
            elif edit.kind == "members":
                self.edit_members(template, logical_id, edit)
            elif edit.kind == "entity twice":
                self.add_entity(template, edit, twice=True)
            elif edit.kind in ("rename entity", "remove entity"):
                self.move_entity(template, logical_id, edit)
            else:
                changed = self.entity_changes(entities[logical_id], edit)
                template[logical_id] = replace(entities[logical_id], **changed)

    def edit_registrations(self, template: dict[str, Declared], edit: Edit) -> None:
        """Entities have edits of their own, and a reference to one remains."""
        untouched: tuple[type[Declared], ...] = (DeclaredEntity, DeclaredMembers)
        if edit.kind in ("move", "swap", "rewrite", "twice", "snapshot", "add"):
            untouched = (*untouched, DeclaredByReference)
        kept = {id: one for id, one in template.items() if isinstance(one, untouched)}
        edited = {id: one for id, one in template.items() if id not in kept}
        super().edit(edited, edit)
        template.clear()
        template |= {**kept, **edited}

    def edit_aliases(self, template: dict[str, Declared], edit: Edit) -> None:
        registrations = [id for id, one in template.items() if one.rank == Declared.rank]
        if not registrations:
            return
        logical_id = choose(registrations, edit.which)
        one = template[logical_id]
        if edit.kind == "other aliases":
            remove_others = one.aliases is not None and not one.remove_other_aliases
            template[logical_id] = replace(one, remove_other_aliases=remove_others)
        else:
            template[logical_id] = replace(one, aliases=aliases(one.name)[edit.what])

    def entity_changes(self, one: DeclaredEntity, edit: Edit) -> dict[str, Any]:
        changes: dict[str, dict[str, Any]] = {
            "name": {"name": choose(ENTITIES, edit.what)},
            "attribute": {"display_name": f"Member {edit.what}"},
            "password": {"reset_password": f"time {edit.what}" if edit.what else None},
            "retain entity": {"retained": not one.retained},
            "adopt entity": {"adopt_existing": not one.adopt_existing},
        }
        return changes[edit.kind]

    def edit_members(self, template: dict[str, Declared], of: str, edit: Edit) -> None:
        """None, one or two; or as they are; or not declared any more."""
        one = template[of]
        assert isinstance(one, DeclaredEntity)
        if edit.what == 3 and members_id(of) in template:
            del template[members_id(of)]
            return
        members = tuple(choose(MEMBERS, edit.which + number) for number in range(edit.what))
        template[members_id(of)] = DeclaredMembers(
            one.name,
            of=of,
            kind=one.kind,
            members=None if edit.what == 3 else members,
            accepts_requests=(edit.which != 1) if one.kind == "RESOURCE" else None,
        )

    def add_entity(self, template: dict[str, Declared], edit: Edit, *, twice: bool) -> None:
        declared = {one.name for one in template.values() if isinstance(one, DeclaredEntity)}
        names = [name for name in ENTITIES if (name in declared) is twice]
        if not names:
            return
        name = choose(names, edit.which)
        kind = KINDS.get(name, "USER")
        free = [logical_id for logical_id in IDS[kind] if logical_id not in template]
        if not free:
            return
        template[free[0]] = DeclaredEntity(
            name,
            adopt_existing=edit.what != 1,
            retained=edit.what == 3,
            kind=kind,
            display_name="Member",
        )
        if kind != "USER":
            self.edit_members(template, free[0], edit)
        if edit.what:
            self.register(template, free[0], edit)

    def register(self, template: dict[str, Declared], of: str, edit: Edit) -> None:
        free = [logical_id for logical_id in REFERRING_IDS if logical_id not in template]
        if free and not references(template, of):
            # An entity that is called like an address has another one.
            name = template[of].name.replace("@", ".at.")
            template[free[0]] = DeclaredByReference(
                name, email=addresses(name)[0], of=of, aliases=aliases(name)[edit.what]
            )

    def move_entity(self, template: dict[str, Declared], logical_id: str, edit: Edit) -> None:
        """Renames or removes an entity with what refers to it."""
        one = template[logical_id]
        assert isinstance(one, DeclaredEntity)
        free = [new for new in IDS[one.kind] if new not in template]
        referring = references(template, logical_id)
        members = template.get(members_id(logical_id))
        if edit.kind == "rename entity":
            if not free:
                return
            new = choose(free, edit.what)
            template[new] = one
            template |= {id: replace(other, of=new) for id, other in referring.items()}
            if isinstance(members, DeclaredMembers):
                template[members_id(new)] = replace(members, of=new)
        else:
            for id in referring:
                del template[id]
        del template[logical_id]
        template.pop(members_id(logical_id), None)


def references(template: dict[str, Declared], of: str) -> dict[str, DeclaredByReference]:
    return {
        id: one
        for id, one in template.items()
        if isinstance(one, DeclaredByReference) and one.of == of
    }


def members_id(of: str) -> str:
    """The logical id of the member list of the entity with this one."""
    return f"{of}Members"


def aliases(name: str) -> tuple[tuple[str, ...] | None, ...]:
    """What is declared of aliases: nothing, none, two, or one that all declare."""
    name = name.replace("@", ".at.")
    return (
        None,
        (),
        (f"{name}.Alias@Example.com", f"{name}.new@example.com"),
        (f"{name}.alias@example.com", "shared@example.com"),
    )
