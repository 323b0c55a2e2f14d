"""What random steps meet rarely, played step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from local_aws.workmail import Behaviour, Failure
from tests.model.cloudformation import Plan, StackTemplate
from tests.model.deployments import (
    ARCHIVE,
    HOUR,
    MINUTE,
    OWN,
    Edit,
    Interruption,
    ManualChange,
    addresses,
    registration,
)
from tests.model.entity_deployments import MEMBERS, EntityDeployments
from tests.model.function import CallFault, RunFaults
from tests.model.templates import Declared, DeclaredEntity, DeclaredMembers, Export

FAILS = Plan(fails_at=1)
FAILS_WITHOUT_ROLLBACK = Plan(fails_at=1, no_rollback=True)
EXPORTED = Export(ARCHIVE, HOUR)
_REFUSED = RunFaults((CallFault(Failure("AccessDeniedException"), times=None),))
_UNREADABLE = RunFaults(stack_error="ValidationError")
_NO_CHANGE = ManualChange("", "", 0)
_DORA = DeclaredEntity("dora", display_name="Member")
_SALES = DeclaredEntity("sales", kind="GROUP")


class NotMet(Exception):
    """A sequence does not meet what it is there for."""


class Scripted(EntityDeployments):
    """Two stacks, of which Mail has enabled alice an hour ago."""

    exports: ClassVar[tuple[Export | None, ...]] = (None,)

    def start(self, **unknown: Any) -> None:
        """With what is documented nowhere, as far as it matters."""
        begun: dict[str, Any] = {
            "rollback_moves_time": False,
            "retry_deletes_failed": False,
            "clean_up_deletes_current": False,
            "announces": True,
            "hides_enabled_date": False,
            "is_nested": False,
            "behaviour": Behaviour(disabled_can_be_associated=True),
            "job_seconds": 20 * MINUTE,
            "enabled": set(),
            "first": 0,
            "edits": [],
        }
        self.begin(**{**begun, **unknown})
        self.pass_time(HOUR)

    def at_first(self, edits: list[Edit]) -> list[Edit]:
        return edits

    def declare(self, name: str, plan: Plan | None = None, **declared: Declared) -> None:
        """Begins to create or update a stack; `Inner_A` is A of its nested stack Inner."""
        templates: dict[str, dict[str, Declared]] = {OWN: {}}
        for path, one in declared.items():
            home, _, logical_id = path.rpartition("_")
            templates.setdefault(home, {})[logical_id] = one
        self.update(self.renewed(self.current[name]), templates, plan or Plan())

    def deployed(self, name: str, plan: Plan | None = None, **declared: Declared) -> None:
        """From beginning to end."""
        self.declare(name, plan, **declared)
        self.finish()

    def delete(self, name: str) -> None:
        """Begins to delete a stack."""
        self.operate(self.current[name], "delete", StackTemplate({}), Plan())

    def enable(self, name: str) -> None:
        self.change_by_hand(ManualChange(name, "enable", 0))
        self.pass_time(MINUTE)

    def next_with(self, faults: RunFaults, interruption: Interruption | None = None) -> None:
        self.proceed(self.pending[0], faults, interruption)


@dataclass(frozen=True)
class Sequence:
    """Steps, what is documented nowhere and needed for them, and what they have to meet."""

    steps: Callable[[Scripted], None]
    meets: tuple[str, ...]
    unknown: Mapping[str, Any]

    def play(self) -> None:
        @settings(max_examples=1, database=None, deadline=None, phases=[Phase.generate])
        @given(st.none())
        def once(_: None) -> None:
            machine = Scripted()
            machine.start(**self.unknown)
            self.steps(machine)
            machine.finish()
            missed = [event for event in self.meets if not machine.oracle.seen[event]]
            if missed:
                raise NotMet(missed)

        once()


SEQUENCES: list[Sequence] = []


def sequence(*meets: str, **unknown: Any) -> Callable[[Callable[[Scripted], None]], Sequence]:
    def add(steps: Callable[[Scripted], None]) -> Sequence:
        SEQUENCES.append(Sequence(steps, meets, unknown))
        return SEQUENCES[-1]

    return add


@sequence("retained, handed over")
def a_construct_is_renamed(play: Scripted) -> None:
    play.deployed("Mail", B=registration("alice"))


# Operations without rollback, and rollbacks that fail.


@sequence("ended CREATE_FAILED", "retained, failed creation")
def a_failed_creation_is_deleted(play: Scripted) -> None:
    play.enable("bob")
    play.deployed("Other", FAILS_WITHOUT_ROLLBACK, A=registration("bob"))
    play.delete("Other")


@sequence("ended ROLLBACK_FAILED", "retained, failed creation")
def a_failed_rollback_is_deleted(play: Scripted) -> None:
    play.enable("bob")
    play.declare("Other", FAILS, A=registration("bob"))
    play.deliver(0, 1)
    play.next_with(_UNREADABLE)
    play.delete("Other")


@sequence("ended UPDATE_ROLLBACK_FAILED", "skipped")
def a_failed_resource_is_skipped(play: Scripted) -> None:
    play.declare("Mail", FAILS, A=replace(registration("alice"), email=addresses("alice")[2]))
    play.deliver(0, 1)
    play.next_with(_REFUSED)
    play.continue_rollback(0, skips=True)


@sequence("retained, current again", clean_up_deletes_current=True)
def a_replaced_entity_is_declared_again(play: Scripted) -> None:
    play.deployed("Mail", FAILS_WITHOUT_ROLLBACK, A=registration("bob"))
    play.deployed("Mail", A=registration("alice"))


@sequence("delivered again", "retained, current again")
def a_delete_comes_again_when_its_entity_is_declared_again(play: Scripted) -> None:
    play.deployed("Mail", A=registration("bob"))
    delete_of_alice = len(play.repeatable) - 1
    play.declare("Mail", A=registration("alice"), B=registration("bob"))
    play.next_with(RunFaults())
    play.deliver_again(delete_of_alice)


@sequence("retained, rolled back")
def a_root_rolls_back_a_new_nested_stack(play: Scripted) -> None:
    play.enable("bob")
    play.deployed("Mail", Plan(fails_at=2), Inner_A=registration("bob"), A=registration("alice"))


@sequence("cancelled")
def a_create_is_cancelled(play: Scripted) -> None:
    play.declare("Other", A=registration("bob"))
    play.next_with(RunFaults(interrupted_at=1), Interruption("cancel", _NO_CHANGE))


@sequence("forgotten", "delivered again", "retained, late")
def a_delete_of_a_forgotten_stack_comes_late(play: Scripted) -> None:
    play.deployed("Mail", Inner_A=registration("bob"), A=registration("alice"))
    play.declare("Mail", A=registration("alice"))
    for _ in range(3):
        play.next_with(_UNREADABLE)
    play.declare("Mail", Second_U=_DORA, A=registration("alice"))
    play.deliver_again(len(play.repeatable) - 1)


@sequence("undone")
def an_update_fails_after_it_has_enabled_another_entity(play: Scripted) -> None:
    play.deployed("Mail", A=registration("bob", aliases=("alice@example.com",)))


@sequence("Create failed", "deregistered")
def a_create_fails_after_it_has_enabled_an_entity(play: Scripted) -> None:
    play.deployed("Other", A=registration("bob", aliases=("alice@example.com",)))


@sequence("Update failed")
def an_update_fails_after_it_has_enabled_its_own_entity(play: Scripted) -> None:
    play.enable("bob")
    play.change_by_hand(ManualChange("alice", "disable", 0))
    changed = replace(registration("alice"), email=addresses("alice")[2])
    play.deployed("Mail", A=replace(changed, aliases=("bob@example.com",)))


@sequence("Update failed")
def another_stack_declares_it_before_an_update_fails(play: Scripted) -> None:
    play.declare("Mail", A=registration("bob", aliases=("alice@example.com",)))
    play.declare("Other", A=registration("bob"))
    play.next_with(RunFaults(interrupted_at=3), Interruption("other", _NO_CHANGE))


# What happens outside.


@sequence("stays disabled")
def what_was_disabled_outside_stays_disabled(play: Scripted) -> None:
    play.change_by_hand(ManualChange("alice", "disable", 0))
    play.pass_time(HOUR)
    play.deployed("Mail", A=registration("alice", adopt_existing=False))


@sequence("refused")
def what_is_enabled_elsewhere_is_refused(play: Scripted) -> None:
    play.enable("bob")
    play.deployed("Other", A=registration("bob", adopt_existing=False))


@sequence("Create failed", behaviour=Behaviour(register_enabled_other_address_fails=True))
def a_create_finds_another_address_late(play: Scripted) -> None:
    enabled = Interruption("change", ManualChange("bob", "enable", 2))
    play.declare("Other", A=registration("bob"))
    play.next_with(RunFaults(interrupted_at=1), enabled)


@sequence("ended UPDATE_COMPLETE")
def another_stack_declares_it_in_the_middle_of_a_delete(play: Scripted) -> None:
    play.deployed("Mail", A=registration("alice"), B=registration("bob"))
    play.declare("Other", A=registration("alice"))
    play.declare("Mail", B=registration("bob"))
    play.next_with(RunFaults(interrupted_at=1), Interruption("other", _NO_CHANGE))


# Exports.


@sequence("continuation killed", "given up")
def a_continuation_is_killed(play: Scripted) -> None:
    play.deployed("Mail", A=registration("alice", export=EXPORTED))
    play.delete("Mail")
    play.deliver(0, 2)
    play.next_with(RunFaults(ends_at=0))


@sequence("continued", "Delete failed")
def a_mailbox_is_enabled_again_during_its_export(play: Scripted) -> None:
    play.deployed("Mail", A=registration("alice", export=EXPORTED))
    play.delete("Mail")
    play.deliver(0, 1)
    play.change_by_hand(ManualChange("alice", "disable", 0))
    play.enable("alice")


@sequence("joined")
def a_running_export_is_joined(play: Scripted) -> None:
    play.deployed("Mail", A=registration("alice", export=EXPORTED))
    play.change_by_hand(ManualChange("alice", "export", 0))
    play.delete("Mail")


@sequence("used again")
def a_young_export_is_used_again(play: Scripted) -> None:
    play.deployed("Mail", A=registration("alice", export=EXPORTED))
    play.change_by_hand(ManualChange("alice", "export", 0))
    play.pass_time(HOUR)
    play.delete("Mail")


@sequence("Delete failed")
def an_old_export_exists(play: Scripted) -> None:
    play.deployed("Mail", A=registration("alice", export=EXPORTED))
    play.change_by_hand(ManualChange("alice", "export", 0))
    play.pass_time(3 * HOUR)
    play.delete("Mail")


@sequence("Delete failed")
def an_export_elsewhere_exists(play: Scripted) -> None:
    play.deployed("Mail", A=registration("alice", export=EXPORTED))
    play.change_by_hand(ManualChange("alice", "export elsewhere", 0))
    play.pass_time(30 * MINUTE)
    play.delete("Mail")


@sequence("Delete failed")
def an_export_from_before_the_last_use_exists(play: Scripted) -> None:
    play.deployed("Mail", A=registration("alice", export=EXPORTED))
    play.change_by_hand(ManualChange("alice", "export", 0))
    play.pass_time(30 * MINUTE)
    play.change_by_hand(ManualChange("alice", "disable", 0))
    play.enable("alice")
    play.delete("Mail")


@sequence("retained, handed over")
def a_construct_with_an_export_is_renamed(play: Scripted) -> None:
    play.deployed("Mail", A=registration("alice", export=EXPORTED))
    play.deployed("Mail", B=registration("alice", export=EXPORTED))


@sequence("continued", "retained, declared elsewhere")
def another_stack_declares_it_during_its_export(play: Scripted) -> None:
    play.deployed("Mail", A=registration("alice", export=EXPORTED))
    play.delete("Mail")
    play.deliver(0, 1)
    play.declare("Other", A=registration("alice"))
    play.deliver(1, 1)


# Entities, members and aliases.


@sequence("refused an entity")
def a_user_of_another_stack_is_refused(play: Scripted) -> None:
    play.deployed("Mail", A=registration("alice"), U=_DORA)
    play.deployed("Other", U=replace(_DORA, adopt_existing=False))


@sequence("entity retained, handed over")
def the_construct_of_a_user_is_renamed(play: Scripted) -> None:
    play.deployed("Other", U=_DORA)
    play.deployed("Other", V=_DORA)


@sequence("a name was changed")
def a_user_has_another_name(play: Scripted) -> None:
    play.deployed("Other", U=_DORA)
    play.deployed("Other", U=replace(_DORA, name="erin"))


@sequence("password reset")
def a_password_is_reset(play: Scripted) -> None:
    play.deployed("Other", U=_DORA)
    for name in ("Dora", "Dora D."):
        play.deployed("Other", U=replace(_DORA, display_name=name, reset_password="time 1"))


@sequence("a resource was changed in place")
def a_resource_is_described(play: Scripted) -> None:
    for description in ("Small", "Large"):
        room = DeclaredEntity("blue-room", kind="RESOURCE", display_name=description)
        play.deployed("Other", S=room)


@sequence("CreateAlias", "DeleteAlias")
def an_alias_is_removed(play: Scripted) -> None:
    for aliases in (("alice.alias@example.com",), ()):
        play.deployed("Mail", A=registration("alice", aliases=aliases))


@sequence("entity retained, declared elsewhere")
def another_stack_declares_a_user(play: Scripted) -> None:
    play.deployed("Mail", A=registration("alice"), U=_DORA)
    play.deployed("Other", U=_DORA)
    play.deployed("Mail", A=registration("alice"))


@sequence("AssociateMemberToGroup", "DisassociateMemberFromGroup", "as declared, members")
def a_member_is_removed(play: Scripted) -> None:
    for members in (("alice", "bob"), ("alice",)):
        listed = DeclaredMembers("sales", of="Y", members=members)
        play.deployed("Other", Y=_SALES, YMembers=listed)


@sequence("Create of members failed")
def a_member_is_found_that_is_not_declared(play: Scripted) -> None:
    play.change_by_hand(ManualChange("sales", "create", 0))
    play.change_by_hand(ManualChange("sales", "members", MEMBERS.index("alice")))
    listed = DeclaredMembers("sales", of="Y", members=("bob",))
    play.deployed("Other", Y=_SALES, YMembers=listed)


@sequence("CreateAlias")
def an_alias_from_outside_is_kept(play: Scripted) -> None:
    play.change_by_hand(ManualChange("alice", "alias", 0))
    play.deployed("Mail", A=registration("alice", aliases=("alice.alias@example.com",)))


@sequence("delivered again")
def an_update_that_removes_an_alias_comes_late(play: Scripted) -> None:
    play.deployed("Mail", A=registration("alice", aliases=("alice.alias@example.com",)))
    play.declare("Mail", A=registration("alice", aliases=()))
    play.lose(0)
    play.finish()
    play.deliver_again(len(play.repeatable) - 2)


@sequence("Create failed")
def an_alias_is_found_that_is_not_declared(play: Scripted) -> None:
    play.enable("bob")
    play.change_by_hand(ManualChange("bob", "alias", 1))
    play.deployed("Other", A=registration("bob", aliases=(), remove_other_aliases=True))
