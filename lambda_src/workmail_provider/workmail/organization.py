"""The calls about one organization: find, register, update the address, deregister."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from workmail_provider.aws import call
from workmail_provider.budgets import (
    DIRECTORY_AVAILABLE,
    DOMAIN_VERIFIED,
    ENTITY_VISIBLE,
    STATE_CHANGED,
)
from workmail_provider.errors import NotReady, ProviderError, RequestFailed, ServiceError
from workmail_provider.retry import Retry
from workmail_provider.rules.entities import Entity, EntityState
from workmail_provider.rules.kinds import EntityType

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient

NOT_FOUND = "EntityNotFoundException"
_READS = ("Describe", "Get", "List")
_RESOURCE_ID_PREFIX = "r-"
_DESCRIBE = {
    EntityType.USER: ("DescribeUser", "UserId"),
    EntityType.GROUP: ("DescribeGroup", "GroupId"),
    EntityType.RESOURCE: ("DescribeResource", "ResourceId"),
}


class EntityNotFound(ProviderError):
    """The organization has no user, group or resource with this id or name."""


class NoLongerEnabled(ProviderError):
    """An entity was deregistered before this function could do it."""


class OrganizationGone(ProviderError):
    """The organization does not exist, or no longer exists."""


class Organization:
    """One WorkMail organization and its entities."""

    def __init__(
        self,
        client: WorkMailClient,
        organization_id: str,
        retry: Retry,
        before_change: Callable[[], object] = lambda: None,
    ) -> None:
        """`before_change` is called before each call that does not only read."""
        self._client = client
        self._retry = retry
        self._before_change = before_change
        self.organization_id = organization_id
        self.name = f"organization {organization_id}"

    def with_retry(self, retry: Retry) -> Organization:
        """The same organization, with throttled calls repeated until another deadline."""
        return Organization(self._client, self.organization_id, retry)

    def check_values(self, entity_id: str, email: str) -> None:
        """Raises RequestFailed for values that WorkMail refuses, before any call.

        The patterns and lengths are those of the service model that boto3 ships. boto3 itself
        checks neither patterns nor maximum lengths.
        """
        for name, shape_name, value in (
            ("OrganizationId", "OrganizationId", self.organization_id),
            ("EntityId", "EntityIdentifier", entity_id),
            ("Email", "EmailAddress", email),
        ):
            self._check(name, shape_name, value)

    def find(self, entity_id: str) -> Entity:
        """The entity with this id or name.

        Raises EntityNotFound, or OrganizationGone when the organization does not exist.
        """
        # Names of users and groups are unique in a directory; resources come last.
        types = tuple(_DESCRIBE)
        if entity_id.startswith(_RESOURCE_ID_PREFIX):
            types = (EntityType.RESOURCE, EntityType.USER, EntityType.GROUP)
        for entity_type in types:
            entity = self.describe(entity_type, entity_id)
            if entity:
                return entity
        raise EntityNotFound(entity_id)

    def find_again(self, entity: Entity) -> Entity:
        """The entity as it is now. Raises EntityNotFound if it no longer exists."""
        found = self.describe(entity.entity_type, entity.entity_id)
        if not found:
            raise EntityNotFound(entity.entity_id)
        return found

    def register(self, entity: Entity, email: str) -> None:
        """Asks WorkMail to enable the entity; find it again to see when that took effect."""
        self._change("RegisterToWorkMail", entity, email, Email=email)

    def update_primary_email_address(self, entity: Entity, email: str) -> None:
        """Makes `email` the primary address; the current one becomes an alias."""
        self._change("UpdatePrimaryEmailAddress", entity, email, Email=email)

    def deregister(self, entity: Entity) -> None:
        """Asks WorkMail to disable the entity; its mailbox is kept for 30 days.

        Raises EntityNotFound.
        """
        self._change("DeregisterFromWorkMail", entity, entity.email or "", judge_not_found=True)

    def describe(self, entity_type: EntityType, entity_id: str) -> Entity | None:
        """The entity of this type with this id or name."""
        operation, id_name = _DESCRIBE[entity_type]
        try:
            described = self.call(operation, **{id_name: entity_id})
        except ServiceError as error:
            # DescribeResource documents the second code without saying when. Read as "not found"
            # it cannot lead to a change of a mailbox.
            if error.code in (NOT_FOUND, "UnsupportedOperationException"):
                return None
            raise RequestFailed(
                unexpected(error, f"{entity_type.lower()} {entity_id} of {self.name}")
            ) from error
        canonical_id = described.get(id_name)
        if not canonical_id:
            raise RequestFailed(
                f"WorkMail described {entity_type.lower()} {entity_id} of {self.name} without "
                "an id: try again, and contact AWS support if it persists"
            )
        return Entity(
            organization_id=self.organization_id,
            entity_id=canonical_id,
            entity_type=entity_type,
            name=described.get("Name", entity_id),
            state=EntityState(described.get("State", EntityState.DISABLED)),
            email=described.get("Email"),
            enabled_date=described.get("EnabledDate"),
            described=described,
        )

    def call(self, operation: str, *, final_codes: Container[str] = (), **parameters: Any) -> Any:
        """The response of one call; errors of the organization itself are explained here."""
        if not operation.startswith(_READS):
            self._before_change()
        try:
            return self._call(operation, final_codes=final_codes, **parameters)
        except ServiceError as error:
            match error.code:
                case "OrganizationNotFoundException":
                    raise OrganizationGone(
                        f"{self.name} does not exist in {self._client.meta.region_name}: "
                        "check organization_id and organization_region"
                    ) from error
                case "OrganizationStateException":
                    raise self._organization_state() from error
                case "DirectoryUnavailableException":
                    raise NotReady(
                        DIRECTORY_AVAILABLE,
                        f"the directory behind {self.name} is not available: check it, then "
                        "deploy again",
                    ) from error
                case "DirectoryServiceAuthenticationFailedException":
                    raise RequestFailed(
                        f"the directory behind {self.name} refuses WorkMail's credentials: renew "
                        "them there, then deploy again"
                    ) from error
            raise

    def explained(self, error: ServiceError, entity: Entity, email: str) -> ProviderError:
        """The message for each exception that Register, Update... and Deregister document."""
        domain = email.rpartition("@")[2]
        match error.code:
            case "EmailAddressInUseException":
                return self._address_in_use(entity, email)
            case "MailDomainNotFoundException":
                return RequestFailed(
                    f"{domain} is not a domain of {self.name}: add it in WorkMail or "
                    "declare another address"
                )
            case "MailDomainStateException":
                return NotReady(
                    DOMAIN_VERIFIED,
                    f"{domain} is not verified in {self.name}: verify the domain in "
                    "WorkMail, then deploy again",
                )
            # The second code is documented for other operations. Terraform's provider, which is
            # tested against the real WorkMail, retries a registration on it.
            case "EntityNotFoundException" | "ResourceNotFoundException":
                return NotReady(
                    ENTITY_VISIBLE, not_found_message(str(entity), self.organization_id)
                )
            # The entity is found again: its state may be the declared one.
            case "EntityAlreadyRegisteredException" | "EntityStateException":
                return NotReady(
                    STATE_CHANGED,
                    f"WorkMail refuses to change the state of {entity}: look at it in "
                    f"{self.name} ({error.message})",
                )
            case "UnsupportedOperationException":
                return RequestFailed(
                    f"the directory behind {self.name} is read-only: set the address "
                    f"of {entity.name} there"
                )
            case "InvalidParameterException":
                return RequestFailed(
                    f"WorkMail does not accept {email or 'this'} for {entity}: correct entity_id, "
                    f"email or aliases{error.detail}"
                )
        return RequestFailed(unexpected(error, f"{entity} of {self.name}"))

    def _change(
        self,
        operation: str,
        entity: Entity,
        email: str,
        *,
        judge_not_found: bool = False,
        **parameters: str,
    ) -> None:
        try:
            self.call(operation, EntityId=entity.entity_id, **parameters)
        except ServiceError as error:
            if judge_not_found and error.code == NOT_FOUND:
                raise EntityNotFound(entity.entity_id) from error
            raise self.explained(error, entity, email) from error

    def _call(self, operation: str, *, final_codes: Container[str] = (), **parameters: Any) -> Any:
        return call(
            self._retry,
            "workmail",
            self._client,
            operation,
            self.name,
            final_codes=final_codes,
            OrganizationId=self.organization_id,
            **parameters,
        )

    def _organization_state(self) -> ProviderError:
        """A deleted organization, or one that is not active (yet)."""
        try:
            described = self._call("DescribeOrganization")
        except ServiceError as error:
            if error.code == "OrganizationNotFoundException":
                return OrganizationGone(f"{self.name} does not exist")
            return RequestFailed(unexpected(error, self.name))
        state = described.get("State", "unknown")
        if state.casefold() == "deleted":
            return OrganizationGone(f"{self.name} is deleted: declare one that exists")
        if state.casefold() == "active":
            return RequestFailed(
                f"{self.name} refuses a call because it is not active, yet reads Active: try again"
            )
        return RequestFailed(
            f"{self.name} is not active (state {state}): wait until it is, then deploy again"
        )

    def _address_in_use(self, entity: Entity, email: str) -> ProviderError:
        user = "another entity"
        # Without the right to read it, the message goes without the name.
        with suppress(ProviderError):
            described = self._call("DescribeEntity", Email=email)
            if described["EntityId"] == entity.entity_id:
                return NotReady(
                    STATE_CHANGED, f"{entity} has {email}, and WorkMail does not show it yet"
                )
            user = f"{described['Type'].lower()} {described['Name']} (id {described['EntityId']})"
        return RequestFailed(f"{email} is in use by {user}: free that address or declare another")

    def _check(self, name: str, shape_name: str, value: str) -> None:
        allowed = self._client.meta.service_model.shape_for(shape_name).metadata
        if not allowed["min"] <= len(value) <= allowed["max"]:
            raise RequestFailed(
                f"{name} has {len(value)} characters, must have {allowed['min']} to "
                f"{allowed['max']}: correct {value!r}"
            )
        if not re.fullmatch(allowed["pattern"], value):
            raise RequestFailed(f"{name} does not match {allowed['pattern']}: correct {value!r}")


def not_found_message(entity: str, organization_id: str) -> str:
    return (
        f"{entity} is not in organization {organization_id}: create the user, group or resource "
        "first, or correct entity_id"
    )


def unexpected(error: ServiceError, entity: str) -> str:
    detail = error.message or "WorkMail gives no more detail"
    return f"{error.operation} failed on {entity}: look at it in WorkMail ({error.code}: {detail})"
