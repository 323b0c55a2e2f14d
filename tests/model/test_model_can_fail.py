"""The model finds each rule of the contract missing: a rule is broken, and a violation is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.deployments import Deployments
from tests.model.invariants import MailboxLost
from tests.unit.provider.lambda_fakes import ORGANIZATION_ID
from workmail_provider import lifecycle, registration, workmail
from workmail_provider.lifecycle import Entity, RegistrationId, StackOperation
from workmail_provider.protocol import CustomResource

# Some are found in the first dozens, some in the first thousand.
_EXAMPLES = 5000

Break = Callable[[pytest.MonkeyPatch], None]


def no_hand_over(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "other_holder", lambda *_: None)


def no_rollback(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "is_rolled_back", lambda *_: False)


def the_root_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    is_rolled_back = lifecycle.is_rolled_back
    patch.setattr(
        registration,
        "is_rolled_back",
        lambda found, operation: is_rolled_back(found, replace(operation, root_status=None)),
    )


def any_enabled_date_is_later(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lifecycle, "enabled_before", lambda *_: False)


def any_enabled_date_is_earlier(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lifecycle, "enabled_before", lambda *_: True)


def any_id_is_ours(patch: pytest.MonkeyPatch) -> None:
    parse = RegistrationId.parse
    patch.setattr(
        RegistrationId,
        "parse",
        lambda physical_id: parse(physical_id) or RegistrationId(ORGANIZATION_ID, "alice"),
    )


def ids_by_name(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        RegistrationId, "of", lambda entity: RegistrationId(entity.organization_id, entity.name)
    )


def deregistration_by_name(patch: pytest.MonkeyPatch) -> None:
    deregister = workmail.Organization.deregister

    def by_name(self: workmail.Organization, entity: Entity) -> None:
        deregister(self, replace(entity, entity_id=entity.name))

    patch.setattr(workmail.Organization, "deregister", by_name)


def no_undo(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration._Convergence, "undo", lambda *_: None)


def undo_of_its_own(patch: pytest.MonkeyPatch) -> None:
    undo = registration._Convergence.undo

    def undo_all(self: registration._Convergence, failure: Exception) -> None:
        self._own, self._may_have_registered = None, True
        undo(self, failure)

    patch.setattr(registration._Convergence, "undo", undo_all)


def late_deletes_count(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(StackOperation, "is_over", False)


def no_claim(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CustomResource, "_claim", lambda *_: None)


def everything_is_adopted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registration, "belongs_to_somebody_else", lambda *_: False)


def addresses_do_not_matter(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lifecycle, "has_primary_address", lambda *_: True)


@pytest.mark.parametrize(
    ("broken", "violation"),
    [
        (no_hand_over, MailboxLost),
        (no_rollback, MailboxLost),
        (the_root_is_not_looked_at, MailboxLost),
        (any_enabled_date_is_later, AssertionError),
        (late_deletes_count, MailboxLost),
        (undo_of_its_own, MailboxLost),
        (any_enabled_date_is_earlier, AssertionError),
        (any_id_is_ours, AssertionError),
        (ids_by_name, AssertionError),
        (deregistration_by_name, AssertionError),
        (no_undo, AssertionError),
        (no_claim, AssertionError),
        (everything_is_adopted, AssertionError),
        (addresses_do_not_matter, AssertionError),
    ],
)
def test_a_broken_rule_is_found(
    monkeypatch: pytest.MonkeyPatch, broken: Break, violation: type[AssertionError]
) -> None:
    broken(monkeypatch)
    with pytest.raises(violation):
        run_state_machine_as_test(
            Deployments,
            settings=settings(
                settings.get_profile("model"),
                max_examples=_EXAMPLES,
                stateful_step_count=30,
                phases=[Phase.generate],
                report_multiple_bugs=False,
            ),
        )
