"""The operations on mailbox export jobs."""

from __future__ import annotations

from .entities import Entity
from .exceptions import entity_not_found, invalid_parameter
from .exports import ExportJob, ExportOrder
from .mailboxes import Mailbox
from .requests import Members, Operation, Request, page


def start_mailbox_export_job(request: Request) -> Members:
    given, organization = request.parameters, request.organization()
    entity = organization.visible_entity(given["EntityId"], request.moment.now)
    if entity.state == "DELETED" or not entity.has_mailbox:
        raise entity_not_found(given["EntityId"])
    order = ExportOrder(
        organization_id=organization.organization_id,
        organization_arn=request.account.arn(organization),
        entity_id=entity.entity_id,
        client_token=given["ClientToken"],
        role_arn=given["RoleArn"],
        kms_key_arn=given["KmsKeyArn"],
        s3_bucket_name=given["S3BucketName"],
        s3_prefix=given["S3Prefix"],
        description=given.get("Description"),
    )
    job = request.exports.of_order(order)
    if job is None:
        mailbox = _exportable_mailbox(entity, request)
        job = request.exports.start(order, mailbox, request.moment.behaviour)
    return {"JobId": job.job_id}


def describe_mailbox_export_job(request: Request) -> Members:
    organization_id = request.organization().organization_id
    job_id, behaviour = request.parameters["JobId"], request.moment.behaviour
    job = request.exports.find(organization_id, job_id, behaviour)
    return {
        **_members(job, request),
        "RoleArn": job.order.role_arn,
        "KmsKeyArn": job.order.kms_key_arn,
        "S3Prefix": job.order.s3_prefix,
        "ErrorInfo": job.error_info,
    }


def list_mailbox_export_jobs(request: Request) -> Members:
    jobs = request.exports.listed(request.organization().organization_id)
    return page(request, "Jobs", [{**_members(job, request), "JobId": job.job_id} for job in jobs])


def cancel_mailbox_export_job(request: Request) -> Members:
    organization_id = request.organization().organization_id
    job_id, behaviour = request.parameters["JobId"], request.moment.behaviour
    request.exports.cancel(organization_id, job_id, behaviour)
    return {}


EXPORT_OPERATIONS: dict[str, Operation] = {
    "CancelMailboxExportJob": cancel_mailbox_export_job,
    "DescribeMailboxExportJob": describe_mailbox_export_job,
    "ListMailboxExportJobs": list_mailbox_export_jobs,
    "StartMailboxExportJob": start_mailbox_export_job,
}


def _exportable_mailbox(entity: Entity, request: Request) -> Mailbox:
    """StartMailboxExportJob does not list EntityStateException."""
    mailbox, moment = entity.mailbox, request.moment
    may_be_disabled = moment.behaviour.disabled_mailbox_can_be_exported
    if mailbox and mailbox.is_kept(moment.now) and (entity.state == "ENABLED" or may_be_disabled):
        return mailbox
    raise invalid_parameter(f"Entity {entity.entity_id} is not enabled: it has no mailbox.")


def _members(job: ExportJob, request: Request) -> Members:
    return {
        "EntityId": job.entity_id,
        "Description": job.order.description,
        "S3BucketName": job.order.s3_bucket_name,
        "S3Path": job.s3_path,
        "EstimatedProgress": job.estimated_progress(request.moment.now),
        "State": job.state,
        "StartTime": job.start_time,
        "EndTime": job.end_time,
    }
