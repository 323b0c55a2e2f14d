"""A bucket in memory: as boto3's client of S3, and as where the local WorkMail exports to."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from local_aws.workmail import ExportJob, Write

PAGE = 100


@dataclass
class StoredObject:
    body: bytes
    encryption: dict[str, str] = field(default_factory=dict)


class S3Bucket:
    """One bucket. `denied` has the operations that are refused."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.objects: dict[str, StoredObject] = {}
        self.denied: set[str] = set()
        self.read_bytes = 0

    def open(self, job: ExportJob) -> Write:
        def write(archive: bytes) -> None:
            encryption = {
                "ServerSideEncryption": "aws:kms",
                "SSEKMSKeyId": job.order.kms_key_arn,
            }
            self.objects[job.s3_path] = StoredObject(archive, encryption)

        return write

    def list_objects_v2(
        self, Bucket: str, Prefix: str, ContinuationToken: str = ""
    ) -> dict[str, Any]:
        self._require("ListObjectsV2", Bucket)
        keys = [key for key in sorted(self.objects) if key.startswith(Prefix)]
        rest = [key for key in keys if key > ContinuationToken]
        page: dict[str, Any] = {
            "Contents": [{"Key": key, "Size": len(self.objects[key].body)} for key in rest[:PAGE]],
            "IsTruncated": len(rest) > PAGE,
        }
        if page["IsTruncated"]:
            page["NextContinuationToken"] = rest[PAGE - 1]
        return page

    def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        self._require("HeadObject", Bucket, Key)
        return {**self.objects[Key].encryption, "VersionId": f"version-of-{len(Key)}"}

    def get_object(self, Bucket: str, Key: str, Range: str) -> dict[str, Any]:
        self._require("GetObject", Bucket, Key)
        first, _, last = Range.removeprefix("bytes=").partition("-")
        body = self.objects[Key].body[int(first) : int(last) + 1 if last else None]
        self.read_bytes += len(body)
        return {"Body": io.BytesIO(body)}

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str) -> dict[str, Any]:
        self._require("PutObject", Bucket)
        self.objects[Key] = StoredObject(Body)
        return {}

    def _require(self, operation: str, bucket: str, key: str | None = None) -> None:
        assert bucket == self.name
        if operation in self.denied:
            raise _refused(operation, "AccessDenied", 403)
        if key is not None and key not in self.objects:
            raise _refused(operation, "NoSuchKey", 404)


def _refused(operation: str, code: str, status: int) -> ClientError:
    metadata: Any = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, operation)
