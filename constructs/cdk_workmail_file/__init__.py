"""The organization file: one format for the roster, the example app and the command.

This package loads neither the CDK nor boto3.
"""

from __future__ import annotations

from cdk_workmail_file._csv import read_csv
from cdk_workmail_file._read import (
    SCHEMA_PATH,
    SECTIONS,
    Entry,
    InvalidFile,
    OrganizationFile,
    check,
    parse,
    read,
)

__all__ = [
    "SCHEMA_PATH",
    "SECTIONS",
    "Entry",
    "InvalidFile",
    "OrganizationFile",
    "check",
    "parse",
    "read",
    "read_csv",
]
