"""The calls about mailbox export jobs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from workmail_provider.aws import pages
from workmail_provider.errors import ProviderError, RequestFailed, ServiceError
from workmail_provider.rules.entities import Entity
from workmail_provider.rules.exports import ExportDestination, ExportJob, ExportState
from workmail_provider.workmail.organization import NOT_FOUND, Organization, unexpected

_LIMIT_REACHED = "LimitExceededException"


class ExportLimitReached(ProviderError):
    """WorkMail starts no export now, of this mailbox or of any in the organization."""


class ExportRefused(RequestFailed):
    """WorkMail does not accept the declared destination, or the state of the entity."""


class ExportJobs:
    """The export jobs of one organization."""

    def __init__(self, organization: Organization) -> None:
        self._organization = organization

    def start(
        self,
        entity: Entity,
        destination: ExportDestination,
        folder: str,
        client_token: str,
        description: str,
    ) -> str:
        """The job's id, the same for the same token.

        Raises ExportLimitReached and ExportRefused.
        """
        try:
            started = self._organization.call(
                "StartMailboxExportJob",
                # Of other operations the same code means throttling.
                final_codes=(_LIMIT_REACHED,),
                ClientToken=client_token,
                EntityId=entity.entity_id,
                Description=description,
                RoleArn=destination.role_arn,
                KmsKeyArn=destination.key_arn,
                S3BucketName=destination.bucket,
                S3Prefix=folder,
            )
        except ServiceError as error:
            if error.code == _LIMIT_REACHED:
                raise ExportLimitReached(error.message) from error
            raise ExportRefused(
                f"{entity} cannot be exported to bucket {destination.bucket} and stays enabled: "
                f"correct the MailboxExport ({error.message or error.code})"
            ) from error
        return str(started["JobId"])

    def find(self, job_id: str) -> ExportJob | None:
        """None for a job that WorkMail does not show yet, or not any more."""
        try:
            described = self._organization.call("DescribeMailboxExportJob", JobId=job_id)
        except ServiceError as error:
            if error.code == NOT_FOUND:
                return None
            raise RequestFailed(
                unexpected(error, f"export job {job_id} of {self._organization.name}")
            ) from error
        return _export_job({"JobId": job_id, **described})

    def of_last_week(self) -> list[ExportJob]:
        """The jobs of the last seven days: WorkMail lists no older ones."""
        try:
            return [
                _export_job(job)
                for page in pages(partial(self._organization.call, "ListMailboxExportJobs"))
                for job in page["Jobs"]
            ]
        except ServiceError as error:
            raise RequestFailed(
                unexpected(error, f"the export jobs of {self._organization.name}")
            ) from error


def _export_job(described: Mapping[str, Any]) -> ExportJob:
    return ExportJob(
        job_id=described["JobId"],
        entity_id=described["EntityId"],
        state=ExportState(described["State"]),
        description=described.get("Description", ""),
        bucket=described.get("S3BucketName", ""),
        path=described.get("S3Path", ""),
        progress=described.get("EstimatedProgress", 0),
        started_at=described["StartTime"],
        ended_at=described.get("EndTime"),
        error=described.get("ErrorInfo", ""),
    )
