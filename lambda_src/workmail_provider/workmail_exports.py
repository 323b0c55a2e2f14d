"""What the function asks of WorkMail about mailbox export jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workmail_provider.errors import Failure, ProviderError, ServiceError
from workmail_provider.export_job import ExportJob, ExportState
from workmail_provider.lifecycle import Destination, Entity
from workmail_provider.workmail import NOT_FOUND, Organization, unexpected

_LIMIT_REACHED = "LimitExceededException"


class ExportLimitReached(ProviderError):
    """WorkMail starts no export now, of this mailbox or of any in the organization."""


class ExportRefused(Failure):
    """WorkMail does not take the export as it is declared, or the entity as it is."""


class ExportJobs:
    """The export jobs of one organization."""

    def __init__(self, organization: Organization) -> None:
        self._organization = organization

    def start(
        self,
        entity: Entity,
        destination: Destination,
        folder: str,
        client_token: str,
        description: str,
    ) -> str:
        """The id of the job, the same one for the same token. Raises ExportLimitReached
        and ExportRefused."""
        try:
            answer = self._organization.call(
                "StartMailboxExportJob",
                self._organization.client.start_mailbox_export_job,
                # Elsewhere the same code is a kind of throttling.
                judged=(_LIMIT_REACHED,),
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
        job_id: str = answer["JobId"]
        return job_id

    def find(self, job_id: str) -> ExportJob | None:
        """The job as it is now, None for one that WorkMail does not know (yet, or any more)."""
        try:
            answer = self._organization.call(
                "DescribeMailboxExportJob",
                self._organization.client.describe_mailbox_export_job,
                JobId=job_id,
            )
        except ServiceError as error:
            if error.code == NOT_FOUND:
                return None
            raise Failure(
                unexpected(error, f"export job {job_id} of {self._organization.name}")
            ) from error
        return _export_job({"JobId": job_id, **answer})

    def of_last_week(self) -> list[ExportJob]:
        """The jobs of the last seven days, which is as far as WorkMail's list goes back."""
        jobs: list[ExportJob] = []
        token: dict[str, str] = {}
        while True:
            try:
                page = self._organization.call(
                    "ListMailboxExportJobs",
                    self._organization.client.list_mailbox_export_jobs,
                    **token,
                )
            except ServiceError as error:
                raise Failure(
                    unexpected(error, f"the export jobs of {self._organization.name}")
                ) from error
            jobs += [_export_job(job) for job in page["Jobs"]]
            if not page.get("NextToken"):
                return jobs
            token = {"NextToken": page["NextToken"]}


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
