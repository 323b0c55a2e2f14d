"""Each operation: from the parameters of a request to the members of its answer."""

from __future__ import annotations

from typing import TypeVar

from .entities import Entity, Group, Moment, Resource, User
from .exceptions import WorkMailError, entity_not_found, invalid_parameter
from .export_responses import EXPORT_OPERATIONS
from .requests import Members, Operation, Request, page

E = TypeVar("E", bound=Entity)

PROFILE = ("FirstName", "LastName", "IdentityProviderUserId")


def register_to_workmail(request: Request) -> Members:
    given = request.parameters
    request.organization().register(given["EntityId"], given["Email"], request.moment)
    return {}


def deregister_from_workmail(request: Request) -> Members:
    request.organization().deregister(request.parameters["EntityId"], request.moment)
    return {}


def update_primary_email_address(request: Request) -> Members:
    given = request.parameters
    request.organization().update_primary_address(given["EntityId"], given["Email"], request.moment)
    return {}


def describe_user(request: Request) -> Members:
    user = _described(request, "UserId", User)
    mailbox = user.mailbox
    return {
        **_user_members(user, request.moment.now),
        "UserId": user.entity_id,
        "HiddenFromGlobalAddressList": user.hidden,
        "MailboxProvisionedDate": mailbox.provisioned_at if mailbox else None,
        "MailboxDeprovisionedDate": mailbox.deprovisioned_at if mailbox else None,
    }


def describe_group(request: Request) -> Members:
    group = _described(request, "GroupId", Group)
    return {
        **_members(group, request.moment.now),
        "GroupId": group.entity_id,
        "HiddenFromGlobalAddressList": group.hidden,
    }


def describe_resource(request: Request) -> Members:
    resource = _described(request, "ResourceId", Resource)
    return {
        **_resource_members(resource, request.moment.now),
        "ResourceId": resource.entity_id,
        "HiddenFromGlobalAddressList": resource.hidden,
        "BookingOptions": {
            "AutoAcceptRequests": True,
            "AutoDeclineRecurringRequests": False,
            "AutoDeclineConflictingRequests": True,
        },
    }


def describe_entity(request: Request) -> Members:
    email = request.parameters["Email"]
    entity = request.organization().owner_of(email)
    if entity is None:
        raise entity_not_found(email)
    return {"EntityId": entity.entity_id, "Name": entity.name, "Type": entity.kind}


def describe_organization(request: Request) -> Members:
    organization, now = request.any_organization(), request.moment.now
    return {
        "OrganizationId": organization.organization_id,
        "Alias": organization.alias,
        "State": organization.state(now),
        "DirectoryId": organization.directory_id,
        "DirectoryType": organization.directory_type,
        "DefaultMailDomain": organization.default_domain,
        "CompletedDate": organization.active_at if now >= organization.active_at else None,
        "ARN": request.account.arn(organization),
        "InteroperabilityEnabled": organization.interoperability,
    }


def list_organizations(request: Request) -> Members:
    summaries = [
        {
            "OrganizationId": organization.organization_id,
            "Alias": organization.alias,
            "DefaultMailDomain": organization.default_domain,
            "State": organization.state(request.moment.now),
        }
        for organization in request.account.organizations.values()
        if request.region in (None, organization.region)
    ]
    return page(request, "OrganizationSummaries", summaries)


def create_organization(request: Request) -> Members:
    given, moment = request.parameters, request.moment
    organization = request.account.add_organization(
        given["Alias"],
        region=request.region,
        active_at=moment.now + moment.behaviour.organization_active_after,
        directory_id=given.get("DirectoryId"),
        interoperability=given.get("EnableInteroperability", False),
    )
    for domain in given.get("Domains", []):
        organization.add_domain(domain["DomainName"], verified_at=_verified_at(moment))
    return {"OrganizationId": organization.organization_id}


def delete_organization(request: Request) -> Members:
    organization = request.organization()
    enabled = any(e.state == "ENABLED" for e in organization.entities.values())
    if enabled and not request.parameters.get("ForceDelete"):
        raise WorkMailError(
            "OrganizationStateException",
            f"The organization {organization.organization_id} has enabled members.",
        )
    organization.deleted = True
    return {"OrganizationId": organization.organization_id, "State": "Deleted"}


def get_mail_domain(request: Request) -> Members:
    organization = request.organization()
    domain = organization.domain(request.parameters["DomainName"])
    ownership = domain.ownership(request.moment.now)
    mail_host = f"inbound-smtp.{organization.region}.amazonaws.com."
    return {
        "Records": [{"Type": "MX", "Hostname": f"{domain.name}.", "Value": f"10 {mail_host}"}],
        "IsTestDomain": domain.is_test_domain,
        "IsDefault": domain.name == organization.default_domain,
        "OwnershipVerificationStatus": ownership,
        "DkimVerificationStatus": ownership,
    }


def list_mail_domains(request: Request) -> Members:
    organization = request.organization()
    domains = [
        {"DomainName": domain.name, "DefaultDomain": domain.name == organization.default_domain}
        for domain in organization.domains.values()
    ]
    return page(request, "MailDomains", domains)


def register_mail_domain(request: Request) -> Members:
    organization, name = request.organization(), request.parameters["DomainName"]
    owners = [o for o in request.account.organizations.values() if name.lower() in o.domains]
    if any(owner is not organization and not owner.deleted for owner in owners):
        raise WorkMailError(
            "MailDomainInUseException", f"The domain {name} is in use by another organization."
        )
    if organization not in owners:
        organization.add_domain(name, verified_at=_verified_at(request.moment))
    return {}


def deregister_mail_domain(request: Request) -> Members:
    request.organization().remove_domain(request.parameters["DomainName"])
    return {}


def create_user(request: Request) -> Members:
    given, organization = request.parameters, request.organization()
    role = given.get("Role", "USER")
    if role in ("RESOURCE", "SYSTEM_USER"):
        raise invalid_parameter(f"A user cannot be created with the role {role}.")
    user = organization.add_user(given["Name"], display_name=given["DisplayName"])
    user.role = role
    user.profile = {name: given[name] for name in PROFILE if name in given}
    return {"UserId": _created(user, request)}


def create_group(request: Request) -> Members:
    group = request.organization().add_group(request.parameters["Name"])
    return {"GroupId": _created(group, request)}


def create_resource(request: Request) -> Members:
    given = request.parameters
    resource = request.organization().add_resource(given["Name"], resource_type=given["Type"])
    resource.description = given.get("Description")
    return {"ResourceId": _created(resource, request)}


def delete_user(request: Request) -> Members:
    return _deleted(request, "UserId", User)


def delete_group(request: Request) -> Members:
    return _deleted(request, "GroupId", Group)


def delete_resource(request: Request) -> Members:
    return _deleted(request, "ResourceId", Resource)


def list_users(request: Request) -> Members:
    users = [
        {**_user_members(user, request.moment.now), "Id": user.entity_id}
        for user in _listed(request, User)
    ]
    return page(request, "Users", _filtered(request, users))


def list_groups(request: Request) -> Members:
    groups = [
        {**_members(group, request.moment.now), "Id": group.entity_id}
        for group in _listed(request, Group)
    ]
    return page(request, "Groups", _filtered(request, groups))


def list_resources(request: Request) -> Members:
    resources = [
        {**_resource_members(resource, request.moment.now), "Id": resource.entity_id}
        for resource in _listed(request, Resource)
    ]
    return page(request, "Resources", _filtered(request, resources))


def create_alias(request: Request) -> Members:
    given = request.parameters
    request.organization().create_alias(given["EntityId"], given["Alias"], request.moment)
    return {}


def delete_alias(request: Request) -> Members:
    given = request.parameters
    request.organization().delete_alias(given["EntityId"], given["Alias"], request.moment)
    return {}


def list_aliases(request: Request) -> Members:
    organization = request.organization()
    entity = organization.described_entity(request.parameters["EntityId"], request.moment)
    return page(request, "Aliases", entity.aliases)


def associate_member_to_group(request: Request) -> Members:
    given = request.parameters
    request.organization().add_member(given["GroupId"], given["MemberId"], request.moment)
    return {}


def list_group_members(request: Request) -> Members:
    group = _described(request, "GroupId", Group)
    members = [
        {
            **_members(member, request.moment.now),
            "Id": member.entity_id,
            "Type": member.kind,
        }
        for member in group.members
    ]
    return page(request, "Members", members)


OPERATIONS: dict[str, Operation] = {
    "AssociateMemberToGroup": associate_member_to_group,
    "CreateAlias": create_alias,
    "CreateGroup": create_group,
    "CreateOrganization": create_organization,
    "CreateResource": create_resource,
    "CreateUser": create_user,
    "DeleteAlias": delete_alias,
    "DeleteGroup": delete_group,
    "DeleteOrganization": delete_organization,
    "DeleteResource": delete_resource,
    "DeleteUser": delete_user,
    "DeregisterFromWorkMail": deregister_from_workmail,
    "DeregisterMailDomain": deregister_mail_domain,
    "DescribeEntity": describe_entity,
    "DescribeGroup": describe_group,
    "DescribeOrganization": describe_organization,
    "DescribeResource": describe_resource,
    "DescribeUser": describe_user,
    "GetMailDomain": get_mail_domain,
    "ListAliases": list_aliases,
    "ListGroupMembers": list_group_members,
    "ListGroups": list_groups,
    "ListMailDomains": list_mail_domains,
    "ListOrganizations": list_organizations,
    "ListResources": list_resources,
    "ListUsers": list_users,
    "RegisterMailDomain": register_mail_domain,
    "RegisterToWorkMail": register_to_workmail,
    "UpdatePrimaryEmailAddress": update_primary_email_address,
    **EXPORT_OPERATIONS,
}


def _described(request: Request, name: str, kind: type[E]) -> E:
    identifier = request.parameters[name]
    entity = request.organization().described_entity(identifier, request.moment)
    if not isinstance(entity, kind):
        raise entity_not_found(identifier)
    return entity


def _members(entity: Entity, now: float) -> Members:
    seen = entity.registration_seen(now)
    return {
        "Name": entity.name,
        "State": seen.state,
        "Email": seen.email,
        "EnabledDate": seen.enabled_at,
        "DisabledDate": seen.disabled_at,
    }


def _user_members(user: User, now: float) -> Members:
    return {
        **_members(user, now),
        **user.profile,
        "DisplayName": user.display_name,
        "UserRole": user.role,
    }


def _resource_members(resource: Resource, now: float) -> Members:
    return {
        **_members(resource, now),
        "Type": resource.resource_type,
        "Description": resource.description,
    }


def _created(entity: Entity, request: Request) -> str:
    moment = request.moment
    entity.visible_from = moment.now + moment.behaviour.visible_after
    entity.hidden = request.parameters.get("HiddenFromGlobalAddressList", False)
    return entity.entity_id


def _deleted(request: Request, name: str, kind: type[Entity]) -> Members:
    organization = request.organization()
    organization.delete_entity(request.parameters[name], kind, request.moment.now)
    return {}


def _verified_at(moment: Moment) -> float | None:
    after = moment.behaviour.domain_verified_after
    return None if after is None else moment.now + after


def _listed(request: Request, kind: type[E]) -> list[E]:
    moment = request.moment
    return [
        entity
        for entity in request.organization().entities.values()
        if isinstance(entity, kind)
        and moment.now >= entity.visible_from
        and not (entity.state == "DELETED" and moment.behaviour.deleted_entity_vanishes)
    ]


_FILTERED_MEMBER = {
    "UsernamePrefix": "Name",
    "NamePrefix": "Name",
    "DisplayNamePrefix": "DisplayName",
    "PrimaryEmailPrefix": "Email",
    "IdentityProviderUserIdPrefix": "IdentityProviderUserId",
}


def _filtered(request: Request, entries: list[Members]) -> list[Members]:
    filters = dict(request.parameters.get("Filters", {}))
    state = filters.pop("State", None)
    return [
        entry
        for entry in entries
        if state in (None, entry["State"])
        and all(
            (entry.get(_FILTERED_MEMBER[name]) or "").lower().startswith(prefix.lower())
            for name, prefix in filters.items()
        )
    ]
