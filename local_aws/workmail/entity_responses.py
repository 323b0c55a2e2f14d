"""The operations on users, groups and resources: what they are, their members and aliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from .entities import Entity, Group, Moment, Resource, User
from .exceptions import WorkMailError, invalid_parameter
from .models import Organization
from .passwords import require_strong
from .requests import Members, Operation, Request, page

E = TypeVar("E", bound=Entity)

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
# The model has a least length of 1 for it in answers.
NEVER_SHOWN_EMPTY = "IdentityProviderUserId"


def create_user(request: Request) -> Members:
    given, organization = request.parameters, request.organization()
    _require_possible_role(given)
    organization.require_creatable(given["Name"], request.moment)
    password = given.get("Password")
    if password is not None:
        require_strong(password)
    elif request.moment.behaviour.password_required and not _signs_in_elsewhere(given):
        raise invalid_parameter("A user needs a password.")
    user = organization.add_user(given["Name"])
    user.role = given.get("Role", "USER")
    user.attributes = {name: given[name] for name in ATTRIBUTES_OF_CREATE if name in given}
    if password is not None:
        user.set_password(password)
    return {"UserId": _created(user, request)}


def update_user(request: Request) -> Members:
    given = request.parameters
    user = request.organization().updatable(User, given["UserId"], request.moment)
    _require_possible_role(given)
    user.role = given.get("Role", user.role)
    if request.moment.behaviour.update_clears_what_is_left_out:
        kept = {"DisplayName": user.attributes["DisplayName"]}
        user.attributes = dict.fromkeys(user.attributes, "") | kept
    user.attributes |= {name: given[name] for name in ATTRIBUTES if name in given}
    _update_hidden(user, request)
    return {}


def describe_user(request: Request) -> Members:
    user = _described(request, "UserId", User)
    mailbox = user.mailbox
    return {
        **_user_members(user, request.moment),
        "UserId": user.entity_id,
        "HiddenFromGlobalAddressList": user.hidden,
        "MailboxProvisionedDate": mailbox.provisioned_at if mailbox else None,
        "MailboxDeprovisionedDate": mailbox.deprovisioned_at if mailbox else None,
    }


def delete_user(request: Request) -> Members:
    return _deleted(request, "UserId", User)


def list_users(request: Request) -> Members:
    users = [
        {**_user_members(user, request.moment), "Id": user.entity_id}
        for user in _listed(request, User)
    ]
    return page(request, "Users", _filtered(request, users))


def reset_password(request: Request) -> Members:
    given, moment = request.parameters, request.moment
    user = request.organization().user_with_password(given["UserId"], moment)
    user.set_password(given["Password"])
    return {}


def create_group(request: Request) -> Members:
    organization, name = request.organization(), request.parameters["Name"]
    organization.require_creatable(name, request.moment)
    return {"GroupId": _created(organization.add_group(name), request)}


def update_group(request: Request) -> Members:
    group_id = request.parameters["GroupId"]
    _update_hidden(request.organization().updatable(Group, group_id, request.moment), request)
    return {}


def describe_group(request: Request) -> Members:
    group = _described(request, "GroupId", Group)
    return {
        **_members(group, request.moment),
        "GroupId": group.entity_id,
        "HiddenFromGlobalAddressList": group.hidden,
    }


def delete_group(request: Request) -> Members:
    return _deleted(request, "GroupId", Group)


def list_groups(request: Request) -> Members:
    groups = [
        {**_members(group, request.moment), "Id": group.entity_id}
        for group in _listed(request, Group)
    ]
    return page(request, "Groups", _filtered(request, groups))


def associate_member_to_group(request: Request) -> Members:
    group = _described(request, "GroupId", Group)
    request.organization().associate(group, request.parameters["MemberId"], request.moment)
    return {}


def disassociate_member_from_group(request: Request) -> Members:
    group = _described(request, "GroupId", Group)
    request.organization().disassociate(group, request.parameters["MemberId"], request.moment)
    return {}


def list_group_members(request: Request) -> Members:
    organization, moment = request.organization(), request.moment
    group = _described(request, "GroupId", Group)
    organization.require_listable(group, moment)
    members = [
        {**_members(member, moment), "Id": member.entity_id, "Type": member.kind}
        for member in _associated(group, organization)
    ]
    return page(request, "Members", members)


def create_resource(request: Request) -> Members:
    given, organization = request.parameters, request.organization()
    organization.require_creatable(given["Name"], request.moment)
    resource = organization.add_resource(given["Name"], resource_type=given["Type"])
    resource.description = given.get("Description", "")
    return {"ResourceId": _created(resource, request)}


def update_resource(request: Request) -> Members:
    given, moment = request.parameters, request.moment
    organization = request.organization()
    resource = organization.updatable(Resource, given["ResourceId"], moment)
    name = given.get("Name", resource.name)
    organization.require_free_name(name, moment, owner=resource)
    resource.booking_options = _possible_booking_options(resource, request)
    resource.name = name
    resource.resource_type = given.get("Type", resource.resource_type)
    cleared = moment.behaviour.update_clears_what_is_left_out
    resource.description = given.get("Description", "" if cleared else resource.description)
    _update_hidden(resource, request)
    return {}


def describe_resource(request: Request) -> Members:
    resource = _described(request, "ResourceId", Resource)
    return {
        **_resource_members(resource, request.moment),
        "ResourceId": resource.entity_id,
        "HiddenFromGlobalAddressList": resource.hidden,
        "BookingOptions": resource.booking_options,
    }


def delete_resource(request: Request) -> Members:
    return _deleted(request, "ResourceId", Resource)


def list_resources(request: Request) -> Members:
    resources = [
        {**_resource_members(resource, request.moment), "Id": resource.entity_id}
        for resource in _listed(request, Resource)
    ]
    return page(request, "Resources", _filtered(request, resources))


def associate_delegate_to_resource(request: Request) -> Members:
    resource = _described(request, "ResourceId", Resource)
    request.organization().associate(resource, request.parameters["EntityId"], request.moment)
    return {}


def disassociate_delegate_from_resource(request: Request) -> Members:
    resource = _described(request, "ResourceId", Resource)
    request.organization().disassociate(resource, request.parameters["EntityId"], request.moment)
    return {}


def list_resource_delegates(request: Request) -> Members:
    organization = request.organization()
    resource = _described(request, "ResourceId", Resource)
    organization.require_listable(resource, request.moment)
    delegates = [
        {"Id": delegate.entity_id, "Type": delegate.kind}
        for delegate in _associated(resource, organization)
    ]
    return page(request, "Delegates", delegates)


def create_alias(request: Request) -> Members:
    given = request.parameters
    request.organization().create_alias(given["EntityId"], given["Alias"], request.moment)
    return {}


def delete_alias(request: Request) -> Members:
    given = request.parameters
    request.organization().delete_alias(given["EntityId"], given["Alias"], request.moment)
    return {}


def list_aliases(request: Request) -> Members:
    organization, moment = request.organization(), request.moment
    entity = organization.identified(request.parameters["EntityId"], moment)
    organization.require_listable(entity, moment)
    primary = entity.registration.email if moment.behaviour.primary_is_listed_as_alias else None
    return page(request, "Aliases", [*filter(None, [primary]), *entity.aliases])


ENTITY_OPERATIONS: dict[str, Operation] = {
    "AssociateDelegateToResource": associate_delegate_to_resource,
    "AssociateMemberToGroup": associate_member_to_group,
    "CreateAlias": create_alias,
    "CreateGroup": create_group,
    "CreateResource": create_resource,
    "CreateUser": create_user,
    "DeleteAlias": delete_alias,
    "DeleteGroup": delete_group,
    "DeleteResource": delete_resource,
    "DeleteUser": delete_user,
    "DescribeGroup": describe_group,
    "DescribeResource": describe_resource,
    "DescribeUser": describe_user,
    "DisassociateDelegateFromResource": disassociate_delegate_from_resource,
    "DisassociateMemberFromGroup": disassociate_member_from_group,
    "ListAliases": list_aliases,
    "ListGroupMembers": list_group_members,
    "ListGroups": list_groups,
    "ListResourceDelegates": list_resource_delegates,
    "ListResources": list_resources,
    "ListUsers": list_users,
    "ResetPassword": reset_password,
    "UpdateGroup": update_group,
    "UpdateResource": update_resource,
    "UpdateUser": update_user,
}


def _described(request: Request, name: str, kind: type[E]) -> E:
    organization = request.organization()
    return organization.described(kind, request.parameters[name], request.moment)


def _members(entity: Entity, moment: Moment) -> Members:
    seen = entity.registration_seen(moment.now)
    return {
        "Name": entity.name,
        "State": seen.state,
        "Email": seen.email,
        "EnabledDate": seen.enabled_at,
        "DisabledDate": seen.disabled_at,
    }


def _user_members(user: User, moment: Moment) -> Members:
    shown = moment.behaviour.empty_attribute_is_shown
    attributes = {
        name: value
        for name, value in user.attributes.items()
        if value or (shown and name != NEVER_SHOWN_EMPTY)
    }
    return {**_members(user, moment), **attributes, "UserRole": user.role}


def _resource_members(resource: Resource, moment: Moment) -> Members:
    return {
        **_members(resource, moment),
        "Type": resource.resource_type,
        "Description": resource.description or None,
    }


def _associated(owner: Group | Resource, organization: Organization) -> list[Entity]:
    return [organization.entities[entity_id] for entity_id in owner.associated]


def _require_possible_role(given: Mapping[str, Any]) -> None:
    role = given.get("Role")
    if role in ("RESOURCE", "SYSTEM_USER"):
        raise invalid_parameter(f"A user cannot be given the role {role}.")


def _signs_in_elsewhere(given: Mapping[str, Any]) -> bool:
    return given.get("Role") == "REMOTE_USER" or "IdentityProviderUserId" in given


def _possible_booking_options(resource: Resource, request: Request) -> dict[str, bool]:
    given: dict[str, bool] | None = request.parameters.get("BookingOptions")
    if given is None:
        return resource.booking_options
    left_out = resource.booking_options
    if request.moment.behaviour.left_out_booking_option_is_false:
        left_out = dict.fromkeys(left_out, False)
    options = {name: given.get(name, left_out[name]) for name in left_out}
    if not options["AutoAcceptRequests"] and not resource.delegates:
        raise WorkMailError(
            "InvalidConfigurationException",
            f"Resource {resource.entity_id} must accept requests or have a delegate who does.",
        )
    return options


def _update_hidden(entity: Entity, request: Request) -> None:
    cleared = request.moment.behaviour.update_clears_what_is_left_out
    left_out = False if cleared else entity.hidden
    entity.hidden = request.parameters.get("HiddenFromGlobalAddressList", left_out)


def _created(entity: Entity, request: Request) -> str:
    moment = request.moment
    entity.visible_from = moment.now + moment.behaviour.visible_after
    entity.hidden = request.parameters.get("HiddenFromGlobalAddressList", False)
    return entity.entity_id


def _deleted(request: Request, name: str, kind: type[Entity]) -> Members:
    request.organization().delete_entity(request.parameters[name], kind, request.moment)
    return {}


def _listed(request: Request, kind: type[E]) -> list[E]:
    moment = request.moment
    return [
        entity
        for entity in request.organization().entities.values()
        if isinstance(entity, kind)
        and moment.now >= entity.visible_from
        and not (
            moment.behaviour.deleted_entity_vanishes
            and entity.registration_seen(moment.now).state == "DELETED"
        )
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
