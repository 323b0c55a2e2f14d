"""The custom resource types besides the registration; their code is read with their first request.

Most functions only register what is there, and start without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workmail_provider.invocation import Invocation, Outcome, ResourceType


class _OnFirstRequest:
    def __init__(self, load: Callable[[], ResourceType]) -> None:
        self._load = load

    def create(self, invocation: Invocation) -> Outcome:
        return self._load().create(invocation)

    def update(self, invocation: Invocation) -> Outcome:
        return self._load().update(invocation)

    def delete(self, invocation: Invocation) -> Outcome:
        return self._load().delete(invocation)


def _user() -> ResourceType:
    from workmail_provider.entities import EntityResource
    from workmail_provider.entity_kinds import USER

    return EntityResource(USER)


def _group() -> ResourceType:
    from workmail_provider.entities import EntityResource
    from workmail_provider.entity_kinds import GROUP

    return EntityResource(GROUP)


def _resource() -> ResourceType:
    from workmail_provider.entities import EntityResource
    from workmail_provider.entity_kinds import RESOURCE

    return EntityResource(RESOURCE)


def _group_members() -> ResourceType:
    from workmail_provider.entity_kinds import GROUP, MEMBERS
    from workmail_provider.people import PeopleResource

    return PeopleResource(GROUP, MEMBERS)


def _resource_delegates() -> ResourceType:
    from workmail_provider.entity_kinds import DELEGATES, RESOURCE
    from workmail_provider.people import PeopleResource

    return PeopleResource(RESOURCE, DELEGATES)


ENTITY_TYPES: Mapping[str, ResourceType] = {
    "Custom::WorkMailUser": _OnFirstRequest(_user),
    "Custom::WorkMailGroup": _OnFirstRequest(_group),
    "Custom::WorkMailGroupMembers": _OnFirstRequest(_group_members),
    "Custom::WorkMailResource": _OnFirstRequest(_resource),
    "Custom::WorkMailResourceDelegates": _OnFirstRequest(_resource_delegates),
}
