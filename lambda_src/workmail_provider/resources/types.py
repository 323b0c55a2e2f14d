"""The custom resource types by the names that templates use."""

from __future__ import annotations

from collections.abc import Mapping

from workmail_provider.cloudformation.request import ResourceType
from workmail_provider.resources.entity import EntityResource
from workmail_provider.resources.membership import MembershipResource
from workmail_provider.resources.registration import RegistrationResource
from workmail_provider.resources.removal_guard import RemovalGuardResource
from workmail_provider.rules.kinds import DELEGATES, GROUP, MEMBERS, RESOURCE, USER

RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "Custom::WorkMailRegistration": RegistrationResource(),
    "Custom::WorkMailUser": EntityResource(USER),
    "Custom::WorkMailGroup": EntityResource(GROUP),
    "Custom::WorkMailGroupMembers": MembershipResource(GROUP, MEMBERS),
    "Custom::WorkMailResource": EntityResource(RESOURCE),
    "Custom::WorkMailResourceDelegates": MembershipResource(RESOURCE, DELEGATES),
    "Custom::WorkMailRemovalGuard": RemovalGuardResource(),
}
