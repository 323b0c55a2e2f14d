"""Buckets in memory: as boto3's client of S3, and as where the local WorkMail exports to."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from local_aws.workmail import ExportJob, Write

PAGE = 100


@dataclass
class StoredObject:
    body: bytes
    encryption: dict[str, str] = field(default_factory=dict)


class S3:
    """Buckets with their objects by key. `denied` has the operations that are refused."""

    def __init__(self) -> None:
        self.objects: defaultdict[str, dict[str, StoredObject]] = defaultdict(dict)
        self.denied: set[str] = set()
        # Of the next archives, if not that of their jobs.
        self.encryption: dict[str, str] | None = None
        # What is stored instead of an archive; None for nothing.
        self.spoil: Callable[[bytes], bytes | None] = lambda archive: archive
        self.read_bytes = 0

    def write_exports(self, job: ExportJob) -> Write:
        def write(archive: bytes) -> None:
            encryption = {
                "ServerSideEncryption": "aws:kms",
                "SSEKMSKeyId": job.order.kms_key_arn,
            }
            body = self.spoil(archive)
            if body is not None:
                stored = StoredObject(body, self.encryption or encryption)
                self.objects[job.order.s3_bucket_name][job.s3_path] = stored

        return write

    def list_objects_v2(
        self, Bucket: str, Prefix: str, ContinuationToken: str = ""
    ) -> dict[str, Any]:
        self._require("ListObjectsV2")
        objects = self.objects[Bucket]
        keys = [key for key in sorted(objects) if key.startswith(Prefix)]
        rest = [key for key in keys if key > ContinuationToken]
        page: dict[str, Any] = {
            "Contents": [{"Key": key, "Size": len(objects[key].body)} for key in rest[:PAGE]],
            "IsTruncated": len(rest) > PAGE,
        }
        if page["IsTruncated"]:
            page["NextContinuationToken"] = rest[PAGE - 1]
        return page

    def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        stored = self._found("HeadObject", Bucket, Key)
        return {**stored.encryption, "VersionId": f"version-of-{len(Key)}"}

    def get_object(self, Bucket: str, Key: str, Range: str) -> dict[str, Any]:
        stored = self._found("GetObject", Bucket, Key)
        first, _, last = Range.removeprefix("bytes=").partition("-")
        body = stored.body[int(first) : int(last) + 1 if last else None]
        self.read_bytes += len(body)
        return {"Body": io.BytesIO(body)}

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str) -> dict[str, Any]:
        self._require("PutObject")
        self.objects[Bucket][Key] = StoredObject(Body)
        return {}

    def _found(self, operation: str, bucket: str, key: str) -> StoredObject:
        self._require(operation)
        if key not in self.objects[bucket]:
            raise _refused(operation, "NoSuchKey", 404)
        return self.objects[bucket][key]

    def _require(self, operation: str) -> None:
        if operation in self.denied:
            raise _refused(operation, "AccessDenied", 403)


def _refused(operation: str, code: str, status: int) -> ClientError:
    metadata: Any = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, operation)
