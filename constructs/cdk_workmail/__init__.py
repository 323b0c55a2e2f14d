"""Amazon WorkMail for the AWS CDK."""

from __future__ import annotations

from cdk_workmail.export import MailboxExport
from cdk_workmail.group import WorkMailGroup
from cdk_workmail.organization_export import OrganizationExport
from cdk_workmail.provider import WorkMailProvider
from cdk_workmail.registration import WorkMailRegistration
from cdk_workmail.resource import WorkMailResource, WorkMailResourceType
from cdk_workmail.roster import WorkMailRoster
from cdk_workmail.user import WorkMailUser

__all__ = [
    "MailboxExport",
    "OrganizationExport",
    "WorkMailGroup",
    "WorkMailProvider",
    "WorkMailRegistration",
    "WorkMailResource",
    "WorkMailResourceType",
    "WorkMailRoster",
    "WorkMailUser",
]
