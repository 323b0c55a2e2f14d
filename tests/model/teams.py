"""The same stacks, which also declare users, groups and resources, and register some of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from local_aws.workmail import Entity
from tests.model.cloudformation import Declared, DeclaredByReference, DeclaredEntity, Plan
from tests.model.deployments import PLANS, SMALL, ByHand, Deployments, Edit, addresses, choose
from tests.model.invariants import Books
from tests.model.team_invariants import TeamBooks

# The last is also the address of somebody else.
TEAM = ("dora", "erin", "sales", "blue-room", "alice@example.com")
KINDS = {"team": "GROUP", "sales": "GROUP", "blue-room": "RESOURCE"}
# CloudFormation changes no resource's type.
IDS = {"USER": tuple("UVWX"), "GROUP": tuple("YZ"), "RESOURCE": tuple("ST")}
REFERRING_IDS = tuple("GHIJKL")
TEAM_EDITS = st.lists(
    st.builds(
        Edit,
        st.sampled_from(
            ["add entity"] * 4
            + ["rename entity"] * 3
            + ["remove entity", "register", "register"]
            + ["attribute"] * 4
            + ["name"] * 3
            + ["retain entity", "adopt entity", "entity twice", "remove", "rename", "address"]
        ),
        SMALL,
        SMALL,
    ),
    min_size=1,
    max_size=4,
)
TEAM_HANDS = st.builds(
    ByHand,
    st.sampled_from(TEAM),
    st.sampled_from(["enable", "enable", "disable", "delete", "create", "create"]),
    SMALL,
)


class Teams(Deployments):
    """As there, with members of a team whom nobody has made yet."""

    books_of_a_kind: ClassVar[type[Books]] = TeamBooks
    steps: ClassVar[int] = 0
    seen: ClassVar[Counter[str]] = Counter()

    @precondition(lambda self: self.deployable)
    @rule(which=SMALL, edits=TEAM_EDITS, plan=PLANS)
    def deploy_a_team(self, which: int, edits: list[Edit], plan: Plan) -> None:
        self.deploy(which, edits, plan)

    @precondition(lambda self: self.deployable)
    @rule(which=SMALL, edits=TEAM_EDITS)
    def deploy_a_team_in_peace(self, which: int, edits: list[Edit]) -> None:
        self.deploy_in_peace(which, edits)

    @rule(hand=TEAM_HANDS)
    def meddle_with_the_team(self, hand: ByHand) -> None:
        self.step()
        self.do_by_hand(hand)

    def make_entity(self, name: str) -> None:
        kind = KINDS.get(name, "USER")
        if kind == "USER":
            super().make_entity(name)
            return
        self.made += 1
        if kind == "GROUP":
            entity_id = f"{self.made:08d}-1234-1234-1234-123456789012"
            entity: Entity = self.organization.add_group(name, entity_id=entity_id)
        else:
            entity = self.organization.add_resource(name, entity_id=f"r-{self.made:032d}")
        entity.visible_from = self.time.now + self.workmail.behaviour.visible_after

    def edit(self, template: dict[str, Declared], edit: Edit) -> None:
        entities = {name: one for name, one in template.items() if isinstance(one, DeclaredEntity)}
        if edit.kind == "add entity":
            self.add_entity(template, edit, twice=False)
        elif edit.kind in ("register", "entity twice") or "entity" in edit.kind:
            if entities:
                logical_id = choose(list(entities), edit.which)
                self.edit_entity(template, logical_id, entities[logical_id], edit)
        elif edit.kind in ("attribute", "name"):
            if entities:
                logical_id = choose(list(entities), edit.which)
                one = entities[logical_id]
                if edit.kind == "name":
                    template[logical_id] = replace(one, name=choose(TEAM, edit.what))
                else:
                    template[logical_id] = replace(one, display_name=f"Member {edit.what}")
        else:
            self.edit_registrations(template, edit)

    def edit_registrations(self, template: dict[str, Declared], edit: Edit) -> None:
        """What refers to an entity goes on to do so, and entities have edits of their own."""
        entities = {n: one for n, one in template.items() if isinstance(one, DeclaredEntity)}
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
            retained=edit.what == 3,
            kind=KINDS.get(name, "USER"),
            display_name="Member",
        )
        if edit.what:
            self.register(template, free[0], edit)

    def register(self, template: dict[str, Declared], of: str, edit: Edit) -> None:
        free = [logical_id for logical_id in REFERRING_IDS if logical_id not in template]
        if free and not any(
            isinstance(one, DeclaredByReference) and one.of == of for one in template.values()
        ):
            # Whoever is called like an address has another one.
            name = template[of].name.replace("@", ".at.")
            template[free[0]] = DeclaredByReference(name, "", addresses(name)[0], of=of)

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
        elif edit.kind == "remove entity":
            for name in (logical_id, *of_it):
                del template[name]
        elif edit.kind == "retain entity":
            template[logical_id] = replace(one, retained=not one.retained)
        elif edit.kind == "adopt entity":
            template[logical_id] = replace(one, adopt_existing=not one.adopt_existing)


def free_ids(template: dict[str, Declared], kind: str) -> list[str]:
    return [name for name in IDS[kind] if name not in template]
