"""The bucket as the exporter uses it: exports to verify, manifest lines, plans and reports."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError
from urllib3.exceptions import HTTPError

from workmail_exporter.settings import Settings
from workmail_provider.budgets import SERVICE_RECOVERED
from workmail_provider.errors import NotReady
from workmail_provider.export_bucket import ExportBucket
from workmail_provider.retry import Retry
from workmail_provider.rules.manifest import ManifestLine, manifest_folder

# Lines are small: their number counts, not their size.
_READERS = 16


class ManifestBucket(ExportBucket):
    """The bucket of one organization's exports."""

    def __init__(self, client: Any, settings: Settings, retry: Retry) -> None:
        super().__init__(client, settings.destination.bucket, retry)
        self._retrying = retry
        self._prefix = settings.destination.prefix
        self._folder = settings.folder
        self._manifest = manifest_folder(self._prefix, settings.organization_id)

    def run_key(self, run: str, name: str) -> str:
        """Of an object of one run."""
        return f"{self._folder}/_runs/{run}/{name}"

    def report_key(self, name: str) -> str:
        """Of the newest report."""
        return f"{self._folder}/{name}"

    def head(self, key: str) -> dict[str, Any]:
        head: dict[str, Any] = self._repeated("HeadObject", key)
        return head

    def read(self, key: str, first: int = 0, last: int | None = None) -> bytes:
        """The bytes from `first` to `last`, both included; to the end by default."""
        return self._retrying.call(lambda: self._read(key, first, last))

    def read_json(self, key: str) -> Any:
        return json.loads(self.read(key))

    def put_json(self, key: str, value: object) -> None:
        self.put(key, json.dumps(value, ensure_ascii=False).encode())

    def put_line(self, line: ManifestLine) -> None:
        self.put(line.name_below(self._prefix), bytes(line))

    def lines(self) -> list[ManifestLine]:
        """All lines of the organization, oldest first."""
        keys = [each.key for each in self.objects(self._manifest)]
        with ThreadPoolExecutor(_READERS) as readers:
            lines = readers.map(lambda key: ManifestLine.parse(self.read(key)), keys)
            return sorted(lines, key=lambda line: line.recorded_at)

    def _repeated(self, operation: str, key: str, **parameters: Any) -> Any:
        return self._retrying.call(lambda: self.call(operation, key, Key=key, **parameters))

    def _read(self, key: str, first: int, last: int | None) -> bytes:
        end = "" if last is None else last
        response = self.call("GetObject", key, Key=key, Range=f"bytes={first}-{end}")
        try:
            body: bytes = response["Body"].read()
        except (BotoCoreError, HTTPError) as error:
            raise NotReady(
                SERVICE_RECOVERED,
                f"s3://{self.name}/{key} could not be read ({type(error).__name__})",
            ) from error
        return body


def encryption(head: Mapping[str, Any]) -> str:
    """The key of an object, or the kind of encryption if it has none."""
    return str(head.get("SSEKMSKeyId", head.get("ServerSideEncryption", "nothing")))


class ObjectFile(io.RawIOBase):
    """An object as a file that is read in ranges: a zip is not downloaded for its directory."""

    def __init__(self, bucket: ManifestBucket, key: str, size: int) -> None:
        self._bucket = bucket
        self._key = key
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), self._size - self._position)
        if length <= 0:
            return 0
        last = self._position + length - 1
        buffer[:length] = self._bucket.read(self._key, self._position, last)
        self._position += length
        return length
