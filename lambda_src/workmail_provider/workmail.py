"""What the function asks of WorkMail: find, register, change the address, deregister."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from workmail_provider.aws import call
from workmail_provider.budgets import (
    DIRECTORY_AVAILABLE,
    DOMAIN_VERIFIED,
    ENTITY_VISIBLE,
    STATE_CHANGED,
)
from workmail_provider.errors import Failure, ProviderError, ServiceError, Unsettled
from workmail_provider.lifecycle import Entity, EntityState, EntityType

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient

NOT_FOUND = "EntityNotFoundException"
_RESOURCE_ID_PREFIX = "r-"


class EntityNotFound(ProviderError):
    """No user, group or resource of the organization answers to this id or name."""


class NoLongerEnabled(ProviderError):
    """What was to be deregistered has been, by somebody else."""


class OrganizationGone(ProviderError):
    """The organization does not exist, or not any more."""


class Organization:
    """One WorkMail organization and the entities in it."""

    def __init__(self, client: WorkMailClient, organization_id: str) -> None:
        self.client = client
        self.organization_id = organization_id
        self.name = f"organization {organization_id}"

    def check_literals(self, entity_id: str, email: str) -> None:
        """Raises Failure for a value that no entity or address can have, before anything is asked.

        The patterns and lengths are those of the service model that boto3 ships; it checks
        neither patterns nor upper lengths by itself.
        """
        for name, shape_name, value in (
            ("OrganizationId", "OrganizationId", self.organization_id),
            ("EntityId", "EntityIdentifier", entity_id),
            ("Email", "EmailAddress", email),
        ):
            self._check(name, shape_name, value)

    def find(self, entity_id: str) -> Entity:
        """The entity with this id or name.

        Raises EntityNotFound, or OrganizationGone when there is no such organization.
        """
        # Names of users and groups cannot clash in a directory; resources come last.
        kinds = tuple(_DESCRIBE)
        if entity_id.startswith(_RESOURCE_ID_PREFIX):
            kinds = (EntityType.RESOURCE, EntityType.USER, EntityType.GROUP)
        for kind in kinds:
            entity = self.describe(kind, entity_id)
            if entity:
                return entity
        raise EntityNotFound(entity_id)

    def read_again(self, entity: Entity) -> Entity:
        """The entity as it is now. Raises EntityNotFound when it has gone since."""
        found = self.describe(entity.entity_type, entity.entity_id)
        if not found:
            raise EntityNotFound(entity.entity_id)
        return found

    def register(self, entity: Entity, email: str) -> None:
        """Asks WorkMail to enable the entity; reading it again tells when that took effect."""
        try:
            self.call(
                "RegisterToWorkMail",
                self.client.register_to_work_mail,
                EntityId=entity.entity_id,
                Email=email,
            )
        except ServiceError as error:
            raise self.explained(error, entity, email) from error

    def update_primary_email_address(self, entity: Entity, email: str) -> None:
        """Makes `email` the primary address; the one before stays as an alias."""
        try:
            self.call(
                "UpdatePrimaryEmailAddress",
                self.client.update_primary_email_address,
                EntityId=entity.entity_id,
                Email=email,
            )
        except ServiceError as error:
            raise self.explained(error, entity, email) from error

    def deregister(self, entity: Entity) -> None:
        """Asks WorkMail to disable the entity, whose mailbox is then kept for 30 days."""
        try:
            self.call(
                "DeregisterFromWorkMail",
                self.client.deregister_from_work_mail,
                EntityId=entity.entity_id,
            )
        except ServiceError as error:
            if error.code == NOT_FOUND:
                raise EntityNotFound(entity.entity_id) from error
            raise self.explained(error, entity, entity.email or "") from error

    def describe(self, kind: EntityType, entity_id: str) -> Entity | None:
        """The entity of this kind with this id or name, None if there is none."""
        operation, method_name, id_name = _DESCRIBE[kind]
        try:
            answer = self.call(operation, getattr(self.client, method_name), **{id_name: entity_id})
        except ServiceError as error:
            # DescribeResource documents the second and does not say when; as "not found" it leads
            # to nothing that would touch a mailbox.
            if error.code in (NOT_FOUND, "UnsupportedOperationException"):
                return None
            raise Failure(
                unexpected(error, f"{kind.lower()} {entity_id} of {self.name}")
            ) from error
        canonical_id = answer.get(id_name)
        if not canonical_id:
            raise Failure(
                f"WorkMail described {kind.lower()} {entity_id} of {self.name} without "
                "an id: try again, and tell AWS support if it stays"
            )
        return Entity(
            organization_id=self.organization_id,
            entity_id=canonical_id,
            entity_type=kind,
            name=answer.get("Name", entity_id),
            state=EntityState(answer.get("State", EntityState.DISABLED)),
            email=answer.get("Email"),
            enabled_date=answer.get("EnabledDate"),
            described=answer,
        )

    def call(self, operation: str, method: Any, **parameters: Any) -> Any:
        """The answer of one call about this organization, whose own troubles are told apart."""
        try:
            return call(
                "workmail",
                operation,
                method,
                self.name,
                OrganizationId=self.organization_id,
                **parameters,
            )
        except ServiceError as error:
            match error.code:
                case "OrganizationNotFoundException":
                    raise OrganizationGone(
                        f"{self.name} does not exist in {self.client.meta.region_name}: "
                        "check organization_id and organization_region"
                    ) from error
                case "OrganizationStateException":
                    raise self._organization_state() from error
                case "DirectoryUnavailableException":
                    raise Unsettled(
                        DIRECTORY_AVAILABLE,
                        f"the directory behind {self.name} is not available: check it, then "
                        "deploy again",
                    ) from error
                case "DirectoryServiceAuthenticationFailedException":
                    raise Failure(
                        f"the directory behind {self.name} refuses WorkMail's credentials: renew "
                        "them there, then deploy again"
                    ) from error
            raise

    def _organization_state(self) -> ProviderError:
        """A deleted organization, or one that is not active (yet): DescribeOrganization tells."""
        try:
            answer = call(
                "workmail",
                "DescribeOrganization",
                self.client.describe_organization,
                self.name,
                OrganizationId=self.organization_id,
            )
        except ServiceError as further:
            if further.code == "OrganizationNotFoundException":
                return OrganizationGone(f"{self.name} does not exist")
            return Failure(unexpected(further, self.name))
        state = answer.get("State", "unknown")
        if state.casefold() == "deleted":
            return OrganizationGone(f"{self.name} is deleted: declare one that exists")
        if state.casefold() == "active":
            return Failure(
                f"{self.name} answers that it is not active, yet reads Active: try again"
            )
        return Failure(
            f"{self.name} is not active (state {state}): wait until it is, then deploy again"
        )

    def explained(self, error: ServiceError, entity: Entity, email: str) -> ProviderError:
        """The sentence for each exception that Register, Update... and Deregister document."""
        domain = email.rpartition("@")[2]
        match error.code:
            case "EmailAddressInUseException":
                return self._address_in_use(entity, email)
            case "MailDomainNotFoundException":
                return Failure(
                    f"{domain} is not a domain of {self.name}: add it in WorkMail or "
                    "declare another address"
                )
            case "MailDomainStateException":
                return Unsettled(
                    DOMAIN_VERIFIED,
                    f"{domain} is not verified in {self.name}: verify the domain in "
                    "WorkMail, then deploy again",
                )
            case "EntityNotFoundException":
                return Unsettled(
                    ENTITY_VISIBLE, not_found_sentence(str(entity), self.organization_id)
                )
            # What is true of the entity is read again: it may be just what was wanted.
            case "EntityAlreadyRegisteredException" | "EntityStateException":
                return Unsettled(
                    STATE_CHANGED,
                    f"WorkMail refuses to change the state of {entity}: look at it in organization "
                    f"{self.organization_id} ({error.message})",
                )
            case "UnsupportedOperationException":
                return Failure(
                    f"the directory behind {self.name} is read-only: set the address "
                    f"of {entity.name} there"
                )
            case "InvalidParameterException":
                return Failure(
                    f"WorkMail does not accept {email or 'this'} for {entity}: correct entity_id, "
                    f"email or aliases{error.in_brackets}"
                )
        return Failure(unexpected(error, f"{entity} of {self.name}"))

    def _address_in_use(self, entity: Entity, email: str) -> ProviderError:
        holder = "another entity"
        # Who has it is told where that can be read; the error stands without.
        with suppress(ProviderError):
            answer = call(
                "workmail",
                "DescribeEntity",
                self.client.describe_entity,
                self.name,
                OrganizationId=self.organization_id,
                Email=email,
            )
            if answer["EntityId"] == entity.entity_id:
                return Unsettled(
                    STATE_CHANGED, f"{entity} has {email}, and WorkMail does not show it yet"
                )
            holder = f"{answer['Type'].lower()} {answer['Name']} (id {answer['EntityId']})"
        return Failure(f"{email} already belongs to {holder}: free that address or declare another")

    def _check(self, name: str, shape_name: str, value: str) -> None:
        allowed = self.client.meta.service_model.shape_for(shape_name).metadata
        if not allowed["min"] <= len(value) <= allowed["max"]:
            raise Failure(
                f"{name} has {len(value)} characters, allowed are {allowed['min']} to "
                f"{allowed['max']}: correct {value!r}"
            )
        if not re.fullmatch(allowed["pattern"], value):
            raise Failure(f"{name} does not match {allowed['pattern']}: correct {value!r}")


_DESCRIBE = {
    EntityType.USER: ("DescribeUser", "describe_user", "UserId"),
    EntityType.GROUP: ("DescribeGroup", "describe_group", "GroupId"),
    EntityType.RESOURCE: ("DescribeResource", "describe_resource", "ResourceId"),
}


def not_found_sentence(entity: str, organization_id: str) -> str:
    return (
        f"{entity} is not in organization {organization_id}: create the user, group or resource "
        "first, or correct entity_id"
    )


def unexpected(error: ServiceError, what: str) -> str:
    detail = error.message or "WorkMail gives no more detail"
    return f"{error.operation} failed on {what}: look at it in WorkMail ({error.code}: {detail})"
