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
    DeclaredPeople,
    Plan,
)
from tests.model.deployments import (
    EDITS,
    PLANS,
    SMALL,
    ByHand,
    Deployments,
    Edit,
    addresses,
    choose,
)
from tests.model.invariants import Books
from tests.model.team_invariants import TeamBooks
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
        + ["people"] * 5
        + ["aliases"] * 4
        + ["other aliases", "password", "password"]
    ),
    st.integers(0, len(TEAM) - 1),
    SMALL,
)
TEAM_EDITS = st.lists(st.one_of(TEAM_EDIT, TEAM_EDIT, TEAM_EDIT, EDITS), min_size=1, max_size=5)
EDITS_IN_PLACE = st.lists(
    st.builds(
        Edit,
        st.sampled_from(
            ["people", "aliases", "password", "password", "attribute", "other aliases", "name"]
        ),
        SMALL,
        SMALL,
    ),
    min_size=2,
    max_size=4,
)
TEAM_HANDS = st.builds(
    ByHand,
    st.sampled_from((*TEAM, "alice", "bob", "room")),
    st.sampled_from(
        ["enable"] * 3 + ["disable", "delete"] + ["create"] * 3 + ["alias", "unalias", "people"]
    ),
    SMALL,
)
# Who can be a member of a group or a delegate of a resource.
PEOPLE = ("dora", "erin", "alice", "bob", "sales")
TEAM_AT_FIRST = [Edit("add entity", 0, 2)] * 4


class Teams(Deployments):
    """As there, with members of a team whom nobody has made yet."""

    books_of_a_kind: ClassVar[type[Books]] = TeamBooks
    steps: ClassVar[int] = 0
    seen: ClassVar[Counter[str]] = Counter()

    @precondition(lambda self: self.deployable)
    @rule(which=SMALL, edits=TEAM_EDITS, plan=PLANS)
    def deploy(self, which: int, edits: list[Edit], plan: Plan) -> None:
        super().deploy(which, edits, plan)

    @precondition(lambda self: self.deployable)
    @rule(which=SMALL, edits=TEAM_EDITS)
    def deploy_in_peace(self, which: int, edits: list[Edit]) -> None:
        super().deploy_in_peace(which, edits)

    @precondition(lambda self: self.deployable)
    @rule(which=SMALL, edits=EDITS_IN_PLACE, plan=PLANS)
    def change_in_place(self, which: int, edits: list[Edit], plan: Plan) -> None:
        self.deploy(which, edits, plan)

    @precondition(lambda self: self.deployable)
    @rule(which=SMALL, edits=EDITS_IN_PLACE)
    def change_in_place_in_peace(self, which: int, edits: list[Edit]) -> None:
        self.deploy_in_peace(which, edits)

    def at_first(self, edits: list[Edit]) -> list[Edit]:
        """Half of them begin with a team that stands."""
        return [*TEAM_AT_FIRST, *edits] if edits[0].what % 2 else edits

    @rule(hand=TEAM_HANDS)
    def meddle_with_the_team(self, hand: ByHand) -> None:
        self.step()
        self.do_by_hand(hand)

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

    def do_by_hand(self, hand: ByHand) -> None:
        if hand.action not in ("alias", "unalias", "people"):
            super().do_by_hand(hand)
            return
        entity = next(iter(self.organization.known([hand.name])), None)
        if entity is None:
            return
        given = {"OrganizationId": ORGANIZATION_ID}
        of_entity = {**given, "EntityId": entity.entity_id}
        person = PEOPLE[hand.address]
        with suppress(WorkMailError):
            if hand.action == "alias":
                alias = f"{hand.name}.new@example.com" if hand.address else "shared@example.com"
                self.workmail.perform("CreateAlias", {**of_entity, "Alias": alias})
            elif hand.action == "unalias" and entity.aliases:
                alias = choose(entity.aliases, hand.address)
                self.workmail.perform("DeleteAlias", {**of_entity, "Alias": alias})
            elif isinstance(entity, Group | Resource):
                is_there = self.organization.entity(person).entity_id in entity.associated
                verb, to = ("Disassociate", "From") if is_there else ("Associate", "To")
                if isinstance(entity, Group):
                    operation, parameters = f"{verb}Member{to}Group", {"MemberId": person}
                    parameters["GroupId"] = entity.entity_id
                else:
                    operation, parameters = f"{verb}Delegate{to}Resource", {"EntityId": person}
                    parameters["ResourceId"] = entity.entity_id
                self.workmail.perform(operation, {**given, **parameters})
        self.books.disturb(f"{ORGANIZATION_ID}/{entity.entity_id}")

    def edit(self, template: dict[str, Declared], edit: Edit) -> None:
        entities = {name: one for name, one in template.items() if isinstance(one, DeclaredEntity)}
        if edit.kind == "add entity":
            self.add_entity(template, edit, twice=False)
        elif edit.kind == "register" or "entity" in edit.kind:
            if entities:
                logical_id = choose(list(entities), edit.which)
                self.edit_entity(template, logical_id, entities[logical_id], edit)
        elif edit.kind in ("attribute", "name", "password", "people"):
            kinds = {"people": ("GROUP", "RESOURCE"), "password": ("USER",)}.get(edit.kind)
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
            if isinstance(one, DeclaredEntity | DeclaredPeople)
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
            self.edit_people(template, logical_id, edit)

    def edit_people(self, template: dict[str, Declared], of: str, edit: Edit) -> None:
        """None, one or two; or as they are; or not declared any more."""
        one = template[of]
        assert isinstance(one, DeclaredEntity)
        if edit.what == 3 and people_id(of) in template:
            del template[people_id(of)]
            return
        people = tuple(choose(PEOPLE, edit.which + number) for number in range(edit.what))
        template[people_id(of)] = DeclaredPeople(
            one.name,
            "",
            "",
            of=of,
            kind=one.kind,
            people=None if edit.what == 3 else people,
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
            self.edit_people(template, free[0], Edit("people", edit.which, edit.what))
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
            people = template.pop(people_id(logical_id), None)
            if isinstance(people, DeclaredPeople):
                template[people_id(new)] = replace(people, of=new)
        elif edit.kind == "remove entity":
            for name in (logical_id, *of_it):
                del template[name]
            template.pop(people_id(logical_id), None)
        elif edit.kind == "retain entity":
            template[logical_id] = replace(one, retained=not one.retained)
        elif edit.kind == "adopt entity":
            template[logical_id] = replace(one, adopt_existing=not one.adopt_existing)


def people_id(of: str) -> str:
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
