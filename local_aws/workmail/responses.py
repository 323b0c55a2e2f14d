"""Each operation: from the parameters of a request to the members of its answer."""

from __future__ import annotations

from .entities import Moment
from .entity_responses import ENTITY_OPERATIONS
from .exceptions import WorkMailError, entity_not_found
from .export_responses import EXPORT_OPERATIONS
from .mailbox_responses import MAILBOX_OPERATIONS
from .requests import Members, Operation, Request, page


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


OPERATIONS: dict[str, Operation] = {
    "CreateOrganization": create_organization,
    "DeleteOrganization": delete_organization,
    "DeregisterFromWorkMail": deregister_from_workmail,
    "DeregisterMailDomain": deregister_mail_domain,
    "DescribeEntity": describe_entity,
    "DescribeOrganization": describe_organization,
    "GetMailDomain": get_mail_domain,
    "ListMailDomains": list_mail_domains,
    "ListOrganizations": list_organizations,
    "RegisterMailDomain": register_mail_domain,
    "RegisterToWorkMail": register_to_workmail,
    "UpdatePrimaryEmailAddress": update_primary_email_address,
    **ENTITY_OPERATIONS,
    **EXPORT_OPERATIONS,
    **MAILBOX_OPERATIONS,
}


def _verified_at(moment: Moment) -> float | None:
    after = moment.behaviour.domain_verified_after
    return None if after is None else moment.now + after
