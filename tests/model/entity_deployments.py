"""The same stacks, which also declare users, groups and resources, and register some of them."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from local_aws.workmail import Entity, Group, Resource, WorkMailError
from tests.model.cloudformation import (
    Declared,
    DeclaredByReference,
    DeclaredEntity,
    DeclaredMembers,
    Plan,
)
from tests.model.deployments import (
    EDITS,
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
from tests.support.lambda_fakes import ORGANIZATION_ID

# The last is also the address of somebody else.
TEAM = ("dora", "erin", "sales", "blue-room", "alice@example.com")
KINDS = {"team": "GROUP", "sales": "GROUP", "blue-room": "RESOURCE"}
# CloudFormation changes no resource's type.
IDS = {"USER": tuple("UVWX"), "GROUP": tuple("YZ"), "RESOURCE": tuple("ST")}
REFERRING_IDS = tuple("GHIJKL")
TEAM_EDIT = st.builds(
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
    st.integers(0, len(TEAM) - 1),
    SMALL,
)
ENTITY_LIST_EDITS = st.lists(
    st.one_of(TEAM_EDIT, TEAM_EDIT, TEAM_EDIT, EDITS), min_size=1, max_size=5
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
    st.sampled_from((*TEAM, "alice", "bob", "room")),
    st.sampled_from(
        ["enable"] * 3 + ["disable", "delete"] + ["create"] * 3 + ["alias", "unalias", "members"]
    ),
    SMALL,
)
# Who can be a member of a group or a delegate of a resource.
MEMBERS = ("dora", "erin", "alice", "bob", "sales")
TEAM_AT_FIRST = [Edit("add entity", 0, 2)] * 4


class EntityDeployments(Deployments):
    """As there, with members of a team whom nobody has made yet."""

    oracle_type: ClassVar[type[RegistrationOracle]] = EntityOracle
    steps: ClassVar[int] = 0
    seen: ClassVar[Counter[str]] = Counter()

    @precondition(lambda self: self.deployable)
    @rule(which=SMALL, edits=ENTITY_LIST_EDITS, plan=PLANS)
    def deploy(self, which: int, edits: list[Edit], plan: Plan) -> None:
        super().deploy(which, edits, plan)

    @precondition(lambda self: self.deployable)
    @rule(which=SMALL, edits=ENTITY_LIST_EDITS)
    def deploy_undisturbed(self, which: int, edits: list[Edit]) -> None:
        super().deploy_undisturbed(which, edits)

    @precondition(lambda self: self.deployable)
    @rule(which=SMALL, edits=EDITS_IN_PLACE, plan=PLANS)
    def change_in_place(self, which: int, edits: list[Edit], plan: Plan) -> None:
        self.deploy(which, edits, plan)

    @precondition(lambda self: self.deployable)
    @rule(which=SMALL, edits=EDITS_IN_PLACE)
    def change_in_place_undisturbed(self, which: int, edits: list[Edit]) -> None:
        self.deploy_undisturbed(which, edits)

    def at_first(self, edits: list[Edit]) -> list[Edit]:
        """Half of them begin with a team that stands."""
        return [*TEAM_AT_FIRST, *edits] if edits[0].what % 2 else edits

    @rule(change=ENTITY_CHANGES)
    def drift_entities(self, change: ManualChange) -> None:
        self.step()
        self.change_by_hand(change)

    def make_entity(self, name: str) -> None:
        kind = KINDS.get(name, "USER")
        if kind == "USER":
            super().make_entity(name)
            return
        entity: Entity
        if kind == "GROUP":
            entity = self.organization.add_group(name)
        else:
            entity = self.organization.add_resource(name)
        entity.visible_from = self.time.now + self.workmail.behaviour.visible_after

    def change_by_hand(self, change: ManualChange) -> None:
        if change.action not in ("alias", "unalias", "members"):
            super().change_by_hand(change)
            return
        entity = next(iter(self.organization.known([change.name])), None)
        if entity is None:
            return
        given = {"OrganizationId": ORGANIZATION_ID}
        of_entity = {**given, "EntityId": entity.entity_id}
        member = MEMBERS[change.address]
        with suppress(WorkMailError):
            if change.action == "alias":
                alias = f"{change.name}.new@example.com" if change.address else "shared@example.com"
                self.workmail.perform("CreateAlias", {**of_entity, "Alias": alias})
            elif change.action == "unalias" and entity.aliases:
                alias = choose(entity.aliases, change.address)
                self.workmail.perform("DeleteAlias", {**of_entity, "Alias": alias})
            elif isinstance(entity, Group | Resource):
                is_there = self.organization.entity(member).entity_id in entity.associated
                verb, to = ("Disassociate", "From") if is_there else ("Associate", "To")
                if isinstance(entity, Group):
                    operation, parameters = f"{verb}Member{to}Group", {"MemberId": member}
                    parameters["GroupId"] = entity.entity_id
                else:
                    operation, parameters = f"{verb}Delegate{to}Resource", {"EntityId": member}
                    parameters["ResourceId"] = entity.entity_id
                self.workmail.perform(operation, {**given, **parameters})
        self.oracle.disturb(f"{ORGANIZATION_ID}/{entity.entity_id}")

    def edit(self, template: dict[str, Declared], edit: Edit) -> None:
        entities = {name: one for name, one in template.items() if isinstance(one, DeclaredEntity)}
        if edit.kind == "add entity":
            self.add_entity(template, edit, twice=False)
        elif edit.kind == "register" or "entity" in edit.kind:
            if entities:
                logical_id = choose(list(entities), edit.which)
                self.edit_entity(template, logical_id, entities[logical_id], edit)
        elif edit.kind in ("attribute", "name", "password", "members"):
            kinds = {"members": ("GROUP", "RESOURCE"), "password": ("USER",)}.get(edit.kind)
            meant = [n for n, one in entities.items() if kinds is None or one.kind in kinds]
            if meant:
                logical_id = choose(meant, edit.which)
                self.edit_member(template, logical_id, entities[logical_id], edit)
        elif "aliases" in edit.kind:
            self.edit_aliases(template, edit)
        else:
            self.edit_registrations(template, edit)

    def edit_registrations(self, template: dict[str, Declared], edit: Edit) -> None:
        """What refers to an entity goes on to do so, and entities have edits of their own."""
        entities = {
            n: one
            for n, one in template.items()
            if isinstance(one, DeclaredEntity | DeclaredMembers)
        }
        referring = {n: one for n, one in template.items() if isinstance(one, DeclaredByReference)}
        if edit.kind in ("move", "swap", "rewrite", "twice", "snapshot", "add"):
            referring_too: dict[str, Declared] = {}
        else:
            referring_too = dict(referring)
        kept = {n: one for n, one in template.items() if n not in entities | referring}
        edited = {**kept, **referring_too}
        super().edit(edited, edit)
        stays = {n: one for n, one in referring.items() if n not in referring_too}
        template.clear()
        template |= {**entities, **stays, **edited}

    def edit_aliases(self, template: dict[str, Declared], edit: Edit) -> None:
        registrations = [n for n, one in template.items() if one.rank == Declared.rank]
        if not registrations:
            return
        logical_id = choose(registrations, edit.which)
        one = template[logical_id]
        if edit.kind == "other aliases":
            others_too = one.aliases is not None and not one.remove_other_aliases
            template[logical_id] = replace(one, remove_other_aliases=others_too)
        else:
            template[logical_id] = replace(one, aliases=aliases(one.name)[edit.what])

    def edit_member(
        self, template: dict[str, Declared], logical_id: str, one: DeclaredEntity, edit: Edit
    ) -> None:
        if edit.kind == "name":
            template[logical_id] = replace(one, name=choose(TEAM, edit.what))
        elif edit.kind == "attribute":
            template[logical_id] = replace(one, display_name=f"Member {edit.what}")
        elif edit.kind == "password":
            again = f"time {edit.what}" if edit.what else None
            template[logical_id] = replace(one, reset_password=again)
        else:
            self.edit_members(template, logical_id, edit)

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
            "",
            "",
            of=of,
            kind=one.kind,
            members=None if edit.what == 3 else members,
            accepts_requests=(edit.which != 1) if one.kind == "RESOURCE" else None,
        )

    def add_entity(self, template: dict[str, Declared], edit: Edit, *, twice: bool) -> None:
        taken = {one.name for one in template.values() if isinstance(one, DeclaredEntity)}
        names = [name for name in TEAM if (name in taken) is twice]
        if not names:
            return
        name = choose(names, edit.which)
        free = free_ids(template, KINDS.get(name, "USER"))
        if not free:
            return
        template[free[0]] = DeclaredEntity(
            name,
            name,
            "",
            adopt_existing=edit.what != 1,
            retained=edit.what == 3,
            kind=KINDS.get(name, "USER"),
            display_name="Member",
        )
        if KINDS.get(name, "USER") != "USER":
            self.edit_members(template, free[0], Edit("members", edit.which, edit.what))
        if edit.what:
            self.register(template, free[0], edit)

    def register(self, template: dict[str, Declared], of: str, edit: Edit) -> None:
        free = [logical_id for logical_id in REFERRING_IDS if logical_id not in template]
        if free and not any(
            isinstance(one, DeclaredByReference) and one.of == of for one in template.values()
        ):
            # Whoever is called like an address has another one.
            name = template[of].name.replace("@", ".at.")
            template[free[0]] = DeclaredByReference(
                name, "", addresses(name)[0], of=of, aliases=aliases(name)[edit.what]
            )

    def edit_entity(
        self, template: dict[str, Declared], logical_id: str, one: DeclaredEntity, edit: Edit
    ) -> None:
        free = free_ids(template, one.kind)
        of_it = {
            name: other
            for name, other in template.items()
            if isinstance(other, DeclaredByReference) and other.of == logical_id
        }
        if edit.kind == "register":
            self.register(template, logical_id, edit)
        elif edit.kind == "entity twice":
            self.add_entity(template, edit, twice=True)
        elif edit.kind == "rename entity" and free:
            new = choose(free, edit.what)
            template[new] = template.pop(logical_id)
            template |= {name: replace(other, of=new) for name, other in of_it.items()}
            members = template.pop(members_id(logical_id), None)
            if isinstance(members, DeclaredMembers):
                template[members_id(new)] = replace(members, of=new)
        elif edit.kind == "remove entity":
            for name in (logical_id, *of_it):
                del template[name]
            template.pop(members_id(logical_id), None)
        elif edit.kind == "retain entity":
            template[logical_id] = replace(one, retained=not one.retained)
        elif edit.kind == "adopt entity":
            template[logical_id] = replace(one, adopt_existing=not one.adopt_existing)


def members_id(of: str) -> str:
    """The logical id of who belongs to what has this one."""
    return f"{of}People"


def aliases(name: str) -> tuple[tuple[str, ...] | None, ...]:
    """What is declared of aliases: nothing, none, two, or one that all want."""
    name = name.replace("@", ".at.")
    return (
        None,
        (),
        (f"{name}.Alias@Example.com", f"{name}.new@example.com"),
        (f"{name}.alias@example.com", "shared@example.com"),
    )


def free_ids(template: dict[str, Declared], kind: str) -> list[str]:
    return [name for name in IDS[kind] if name not in template]
