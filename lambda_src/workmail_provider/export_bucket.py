"""The calls to S3 about exports and their manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workmail_provider.aws import call
from workmail_provider.errors import RequestFailed, ServiceError
from workmail_provider.retry import Retry


@dataclass(frozen=True)
class StoredObject:
    """An object of the bucket, as a list shows it."""

    key: str
    size: int


class ExportBucket:
    """The bucket that mailboxes are exported to."""

    def __init__(self, client: Any, name: str, retry: Retry) -> None:
        self._client = client
        self._retry = retry
        self.name = name

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        """Those below the prefix, by key."""
        token: dict[str, str] = {}
        while True:
            page = self.call("ListObjectsV2", prefix, Prefix=prefix, **token)
            for found in page.get("Contents", ()):
                yield StoredObject(found["Key"], found["Size"])
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def archive(self, path: str) -> StoredObject | None:
        """The zip of a job with this S3Path, if it is there and not empty.

        AWS documents neither whether that is the object or its folder, nor the object's name.
        """
        path = path.removeprefix(f"s3://{self.name}/").strip("/")
        if not path:
            return None
        found = [
            each
            for each in self.objects(path)
            if each.size > 0 and (each.key == path or each.key.startswith(f"{path}/"))
        ]
        zips = [each for each in found if each.key == path or each.key.endswith(".zip")]
        return max(zips, key=lambda each: each.size, default=None)

    def put(self, key: str, body: bytes, content_type: str = "application/json") -> None:
        self.call("PutObject", key, Key=key, Body=body, ContentType=content_type)

    def call(self, operation: str, on: str, **parameters: Any) -> Any:
        """The response of one call. Raises NotReady and RequestFailed."""
        place = f"s3://{self.name}/{on}"
        try:
            return call(
                self._retry, "s3", self._client, operation, place, Bucket=self.name, **parameters
            )
        except ServiceError as error:
            raise RequestFailed(
                f"{error.operation} failed on {place}: check the bucket, its policy and its key "
                f"({error.code}{': ' if error.message else ''}{error.message})"
            ) from error
