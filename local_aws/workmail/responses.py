"""Each operation: from the parameters of a request to the members of its response."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from .entities import Entity, Group, Moment, Resource, User, require_strong
from .exceptions import WorkMailError, entity_not_found, invalid_parameter
from .exports import ExportJob, ExportOrder, Exports
from .mailboxes import Mailbox
from .models import Account, Organization, require_state

Members = dict[str, Any]
E = TypeVar("E", bound=Entity)

DEFAULT_PAGE = 100
ATTRIBUTES_OF_CREATE = ("DisplayName", "FirstName", "LastName", "IdentityProviderUserId")
ATTRIBUTES = (
    *ATTRIBUTES_OF_CREATE,
    "Initials",
    "Telephone",
    "Street",
    "JobTitle",
    "City",
    "Company",
    "ZipCode",
    "Department",
    "Country",
    "Office",
)
# The model has a minimum length of 1 for it in responses.
NEVER_SHOWN_EMPTY = "IdentityProviderUserId"


class Responses:
    """One request that passed the checks of the model; each public method is an operation.

    `region` is the Region that the request was signed for, None if unknown.
    """

    def __init__(
        self,
        account: Account,
        exports: Exports,
        parameters: Mapping[str, Any],
        moment: Moment,
        region: str | None,
    ) -> None:
        self._account = account
        self._exports = exports
        self._given = parameters
        self._moment = moment
        self._region = region

    # Organizations

    def describe_organization(self) -> Members:
        organization = self._any_organization()
        return {**self._organization_members(organization), "ARN": self._account.arn(organization)}

    def list_organizations(self) -> Members:
        here = [
            self._organization_members(organization)
            for organization in self._account.organizations.values()
            if self._region in (None, organization.region)
        ]
        return self._page("OrganizationSummaries", here)

    def list_mail_domains(self) -> Members:
        organization = self._organization
        default = organization.default_domain
        domains = [
            {"DomainName": domain.name, "DefaultDomain": domain.name == default}
            for domain in organization.domains.values()
        ]
        return self._page("MailDomains", domains)

    def get_mail_domain(self) -> Members:
        organization = self._organization
        domain = organization.domain(self._given["DomainName"])
        ownership = "VERIFIED" if domain.is_verified(self._moment.now) else "PENDING"
        return {
            "IsDefault": domain.name == organization.default_domain,
            "OwnershipVerificationStatus": ownership,
            "DkimVerificationStatus": ownership,
        }

    # Registrations and addresses

    def register_to_work_mail(self) -> Members:
        self._organization.register(self._given["EntityId"], self._given["Email"], self._moment)
        return {}

    def deregister_from_work_mail(self) -> Members:
        self._organization.deregister(self._given["EntityId"], self._moment)
        return {}

    def update_primary_email_address(self) -> Members:
        given = self._given
        self._organization.update_primary_address(given["EntityId"], given["Email"], self._moment)
        return {}

    def describe_entity(self) -> Members:
        email = self._given["Email"]
        entity = self._organization.owner_of(email)
        if entity is None:
            raise entity_not_found(email)
        return {"EntityId": entity.entity_id, "Name": entity.name, "Type": entity.kind}

    def create_alias(self) -> Members:
        given = self._given
        self._organization.create_alias(given["EntityId"], given["Alias"], self._moment)
        return {}

    def delete_alias(self) -> Members:
        given = self._given
        self._organization.delete_alias(given["EntityId"], given["Alias"], self._moment)
        return {}

    def list_aliases(self) -> Members:
        entity = self._organization.identified(Entity, self._given["EntityId"], self._moment)
        self._require_listable(entity)
        shows_primary = self._moment.behaviour.primary_is_listed_as_alias
        primary = [entity.registration.email] if shows_primary else []
        return self._page("Aliases", [*filter(None, primary), *entity.aliases])

    # Users

    def create_user(self) -> Members:
        given = self._given
        self._require_possible_role()
        self._organization.require_creatable(given["Name"], self._moment)
        if "Password" in given:
            require_strong(given["Password"])
        user = self._organization.add_user(given["Name"])
        user.role = given.get("Role", "USER")
        user.attributes = {name: given[name] for name in ATTRIBUTES_OF_CREATE if name in given}
        if "Password" in given:
            user.set_password(given["Password"])
        return {"UserId": self._created(user)}

    def update_user(self) -> Members:
        given, user = self._given, self._updatable(User, "UserId")
        self._require_possible_role()
        user.role = given.get("Role", user.role)
        if self._moment.behaviour.update_clears_what_is_left_out:
            kept = {"DisplayName": user.attributes["DisplayName"]}
            user.attributes = dict.fromkeys(user.attributes, "") | kept
        user.attributes |= {name: given[name] for name in ATTRIBUTES if name in given}
        self._update_hidden(user)
        return {}

    def describe_user(self) -> Members:
        user = self._described(User, "UserId")
        mailbox = user.mailbox
        return {
            **self._members(user),
            "UserId": user.entity_id,
            "HiddenFromGlobalAddressList": user.hidden,
            "MailboxProvisionedDate": mailbox.provisioned_at if mailbox else None,
            "MailboxDeprovisionedDate": mailbox.deprovisioned_at if mailbox else None,
        }

    def delete_user(self) -> Members:
        return self._deleted(User, "UserId")

    def list_users(self) -> Members:
        return self._listed(User, "Users")

    def reset_password(self) -> Members:
        user = self._organization.identified(User, self._given["UserId"], self._moment)
        fails = self._moment.behaviour.reset_disabled_password_fails
        require_state(user, self._moment, enabled=fails)
        user.set_password(self._given["Password"])
        return {}

    # Groups

    def create_group(self) -> Members:
        self._organization.require_creatable(self._given["Name"], self._moment)
        return {"GroupId": self._created(self._organization.add_group(self._given["Name"]))}

    def update_group(self) -> Members:
        self._update_hidden(self._updatable(Group, "GroupId"))
        return {}

    def describe_group(self) -> Members:
        group = self._described(Group, "GroupId")
        return {
            **self._members(group),
            "GroupId": group.entity_id,
            "HiddenFromGlobalAddressList": group.hidden,
        }

    def delete_group(self) -> Members:
        return self._deleted(Group, "GroupId")

    def list_groups(self) -> Members:
        return self._listed(Group, "Groups")

    def associate_member_to_group(self) -> Members:
        group = self._described(Group, "GroupId")
        self._organization.associate(group, self._given["MemberId"], self._moment)
        return {}

    def disassociate_member_from_group(self) -> Members:
        group = self._described(Group, "GroupId")
        self._organization.disassociate(group, self._given["MemberId"], self._moment)
        return {}

    def list_group_members(self) -> Members:
        return self._associated(self._described(Group, "GroupId"), "Members")

    # Resources

    def create_resource(self) -> Members:
        name = self._given["Name"]
        self._organization.require_creatable(name, self._moment)
        resource = self._organization.add_resource(name, resource_type=self._given["Type"])
        resource.description = self._given.get("Description", "")
        return {"ResourceId": self._created(resource)}

    def update_resource(self) -> Members:
        given, resource = self._given, self._updatable(Resource, "ResourceId")
        name = given.get("Name", resource.name)
        self._organization.require_free_name(name, self._moment, owner=resource)
        resource.booking_options = self._possible_booking_options(resource)
        resource.name = name
        resource.resource_type = given.get("Type", resource.resource_type)
        cleared = self._moment.behaviour.update_clears_what_is_left_out
        resource.description = given.get("Description", "" if cleared else resource.description)
        self._update_hidden(resource)
        return {}

    def describe_resource(self) -> Members:
        resource = self._described(Resource, "ResourceId")
        return {
            **self._members(resource),
            "ResourceId": resource.entity_id,
            "HiddenFromGlobalAddressList": resource.hidden,
            "BookingOptions": resource.booking_options,
        }

    def delete_resource(self) -> Members:
        return self._deleted(Resource, "ResourceId")

    def list_resources(self) -> Members:
        return self._listed(Resource, "Resources")

    def associate_delegate_to_resource(self) -> Members:
        resource = self._described(Resource, "ResourceId")
        self._organization.associate(resource, self._given["EntityId"], self._moment)
        return {}

    def disassociate_delegate_from_resource(self) -> Members:
        resource = self._described(Resource, "ResourceId")
        self._organization.disassociate(resource, self._given["EntityId"], self._moment)
        return {}

    def list_resource_delegates(self) -> Members:
        return self._associated(self._described(Resource, "ResourceId"), "Delegates")

    # Mailboxes and their export jobs

    def get_mailbox_details(self) -> Members:
        mailbox = self._mailbox("UserId")
        size = sum(len(file.content) for file in mailbox.files)
        return {"MailboxQuota": mailbox.quota_mb, "MailboxSize": size / 1_000_000}

    def list_mailbox_permissions(self) -> Members:
        entities = self._organization.entities
        permissions = [
            {
                "GranteeId": grantee,
                "GranteeType": entities[grantee].kind,
                "PermissionValues": values,
            }
            for grantee, values in self._mailbox("EntityId").permissions.items()
        ]
        return self._page("Permissions", permissions)

    def start_mailbox_export_job(self) -> Members:
        given = self._given
        entity = self._described(Entity, "EntityId")
        if entity.state == "DELETED" or not entity.has_mailbox:
            raise entity_not_found(given["EntityId"])
        order = ExportOrder(
            organization_id=self._organization.organization_id,
            organization_arn=self._account.arn(self._organization),
            entity_id=entity.entity_id,
            client_token=given["ClientToken"],
            role_arn=given["RoleArn"],
            kms_key_arn=given["KmsKeyArn"],
            s3_bucket_name=given["S3BucketName"],
            s3_prefix=given["S3Prefix"],
            description=given.get("Description"),
        )
        job = self._exports.of_order(order) or self._started(order, entity)
        return {"JobId": job.job_id}

    def describe_mailbox_export_job(self) -> Members:
        job = self._exports.find(self._organization.organization_id, self._given["JobId"])
        return {
            **self._job_members(job),
            "RoleArn": job.order.role_arn,
            "KmsKeyArn": job.order.kms_key_arn,
            "S3Prefix": job.order.s3_prefix,
            "ErrorInfo": job.error_info,
        }

    def list_mailbox_export_jobs(self) -> Members:
        jobs = self._exports.listed(self._organization.organization_id)
        return self._page("Jobs", [{**self._job_members(job), "JobId": job.job_id} for job in jobs])

    def cancel_mailbox_export_job(self) -> Members:
        self._exports.cancel(self._organization.organization_id, self._given["JobId"])
        return {}

    # What several operations share

    @cached_property
    def _organization(self) -> Organization:
        organization = self._any_organization()
        organization.require_active(self._moment.now)
        return organization

    def _any_organization(self) -> Organization:
        return self._account.organization(self._given["OrganizationId"], self._region)

    def _described(self, kind: type[E], parameter: str) -> E:
        return self._organization.described(kind, self._given[parameter], self._moment)

    def _mailbox(self, parameter: str) -> Mailbox:
        entity = self._described(Entity, parameter)
        if entity.state != "ENABLED" or entity.mailbox is None:
            raise entity_not_found(self._given[parameter])
        return entity.mailbox

    def _updatable(self, kind: type[E], parameter: str) -> E:
        entity = self._described(kind, parameter)
        fails = self._moment.behaviour.update_disabled_fails
        require_state(entity, self._moment, enabled=fails)
        return entity

    def _created(self, entity: Entity) -> str:
        entity.visible_from = self._moment.now + self._moment.behaviour.visible_after
        entity.hidden = self._given.get("HiddenFromGlobalAddressList", False)
        return entity.entity_id

    def _deleted(self, kind: type[Entity], parameter: str) -> Members:
        self._organization.delete_entity(kind, self._given[parameter], self._moment)
        return {}

    def _update_hidden(self, entity: Entity) -> None:
        cleared = self._moment.behaviour.update_clears_what_is_left_out
        left_out = False if cleared else entity.hidden
        entity.hidden = self._given.get("HiddenFromGlobalAddressList", left_out)

    def _require_possible_role(self) -> None:
        role = self._given.get("Role")
        if role in ("RESOURCE", "SYSTEM_USER"):
            raise invalid_parameter(f"A user cannot have the role {role}.")

    def _require_listable(self, entity: Entity) -> None:
        fails = self._moment.behaviour.list_of_disabled_fails
        require_state(entity, self._moment, enabled=fails)

    def _possible_booking_options(self, resource: Resource) -> dict[str, bool]:
        given: dict[str, bool] | None = self._given.get("BookingOptions")
        if given is None:
            return resource.booking_options
        left_out = resource.booking_options
        if self._moment.behaviour.left_out_booking_option_is_false:
            left_out = dict.fromkeys(left_out, False)
        options = {name: given.get(name, left_out[name]) for name in left_out}
        if not options["AutoAcceptRequests"] and not resource.delegates:
            raise WorkMailError(
                "InvalidConfigurationException",
                f"Resource {resource.entity_id} must accept requests or have a delegate.",
            )
        return options

    def _started(self, order: ExportOrder, entity: Entity) -> ExportJob:
        # StartMailboxExportJob does not list EntityStateException.
        mailbox, behaviour = entity.mailbox, self._moment.behaviour
        allowed = entity.state == "ENABLED" or behaviour.disabled_mailbox_can_be_exported
        if not (mailbox and mailbox.is_kept(self._moment.now) and allowed):
            raise invalid_parameter(f"Entity {entity.entity_id} is not enabled: it has no mailbox.")
        return self._exports.start(order, mailbox, behaviour)

    def _organization_members(self, organization: Organization) -> Members:
        return {
            "OrganizationId": organization.organization_id,
            "Alias": organization.alias,
            "State": organization.state(self._moment.now),
            "DefaultMailDomain": organization.default_domain,
        }

    def _members(self, entity: Entity) -> Members:
        """What Describe and List show of an entity; the model drops what a call does not have."""
        seen = entity.registration_seen(self._moment.now)
        members = {
            "Name": entity.name,
            "State": seen.state,
            "Email": seen.email,
            "EnabledDate": seen.enabled_at,
            "DisabledDate": seen.disabled_at,
        }
        if isinstance(entity, Resource):
            description = entity.description or None
            return {**members, "Type": entity.resource_type, "Description": description}
        if isinstance(entity, User):
            shown = self._moment.behaviour.empty_attribute_is_shown
            attributes = {
                name: value
                for name, value in entity.attributes.items()
                if value or (shown and name != NEVER_SHOWN_EMPTY)
            }
            return {**members, **attributes, "UserRole": entity.role}
        return members

    def _job_members(self, job: ExportJob) -> Members:
        return {
            "EntityId": job.entity_id,
            "Description": job.order.description,
            "S3BucketName": job.order.s3_bucket_name,
            "S3Path": job.s3_path,
            "EstimatedProgress": job.estimated_progress(self._moment.now),
            "State": job.state,
            "StartTime": job.start_time,
            "EndTime": job.end_time,
        }

    def _associated(self, owner: Group | Resource, member: str) -> Members:
        self._require_listable(owner)
        entities = (self._organization.entities[entity_id] for entity_id in owner.associated)
        return self._page(
            member, [{**self._members(e), "Id": e.entity_id, "Type": e.kind} for e in entities]
        )

    def _listed(self, kind: type[Entity], member: str) -> Members:
        if "Filters" in self._given:
            raise invalid_parameter("The local WorkMail does not have Filters.")
        entries = (
            {**self._members(entity), "Id": entity.entity_id}
            for entity in self._organization.entities.values()
            if isinstance(entity, kind) and self._moment.now >= entity.visible_from
        )
        vanished = "DELETED" if self._moment.behaviour.deleted_entity_vanishes else None
        return self._page(member, [entry for entry in entries if entry["State"] != vanished])

    def _page(self, member: str, entries: Iterable[Any]) -> Members:
        """The part of a list that NextToken and MaxResults select."""
        start = _offset(self._given.get("NextToken"))
        end = start + self._given.get("MaxResults", DEFAULT_PAGE)
        listed = list(entries)
        return {
            member: listed[start:end],
            "NextToken": _token(end) if end < len(listed) else None,
        }


def _token(offset: int) -> str:
    return base64.b64encode(f"from {offset}".encode()).decode()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token, validate=True).decode().removeprefix("from "))
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise invalid_parameter("The NextToken is not one of this service.") from error
