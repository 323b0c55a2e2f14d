"""Amazon WorkMail for the AWS CDK."""

from __future__ import annotations

from cdk_workmail.export import MailboxExport
from cdk_workmail.provider import WorkMailProvider
from cdk_workmail.registration import WorkMailRegistration

__all__ = ["MailboxExport", "WorkMailProvider", "WorkMailRegistration"]
