"""Verifies an export: what is in the bucket, without the download of a large zip."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workmail_exporter.bucket import ManifestBucket, ObjectFile, encryption
from workmail_provider.export_bucket import StoredObject

# Bytes. What one request reads ahead, for a directory and for whole files.
_READ_AHEAD = 256 * 1024
_READ_AHEAD_OF_CONTENTS = 8 * 1024 * 1024
_LARGEST_LOG = 1024 * 1024
# What zipfile raises for a damaged or encrypted file, a name of another encoding, another method.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
# https://docs.aws.amazon.com/workmail/latest/adminguide/mail-export.html
_MESSAGES, _LEFT_BEHIND = "totalMessages", "totalNonExportableItems"


@dataclass
class Findings:
    """What the checks of one export found; it is verified if there is no problem."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    version_id: str = ""
    entries: int | None = None
    output_log: Mapping[str, Any] = field(default_factory=dict)
    # How many files have been read, and whether that is all of them.
    checked: int = 0
    is_complete: bool = True


def verify(
    bucket: ManifestBucket,
    archive: StoredObject,
    key_arn: str,
    *,
    check_contents: bool,
    checked: int,
    has_time: Callable[[], bool],
) -> Findings:
    """Checks encryption, directory and output log, and if asked for every file from `checked` on.

    Raises NotReady and RequestFailed for what cannot be read.
    """
    findings = Findings(checked=checked)
    _check_encryption(bucket, archive, key_arn, findings)
    ahead = _READ_AHEAD_OF_CONTENTS if check_contents else _READ_AHEAD
    file = io.BufferedReader(ObjectFile(bucket, archive.key, archive.size), ahead)
    try:
        with zipfile.ZipFile(file) as opened:
            _check_directory(bucket, archive, opened, findings)
            if check_contents and not findings.problems:
                _check_contents(opened, findings, has_time)
    except _UNREADABLE as error:
        findings.problems.append(f"the zip cannot be read: {error}")
    return findings


def _check_encryption(
    bucket: ManifestBucket, archive: StoredObject, key_arn: str, findings: Findings
) -> None:
    head = bucket.head(archive.key)
    findings.version_id = head.get("VersionId", "")
    got = encryption(head)
    if got != key_arn:
        findings.problems.append(f"it is encrypted with {got}, not with the declared key {key_arn}")


def _check_directory(
    bucket: ManifestBucket, archive: StoredObject, opened: zipfile.ZipFile, findings: Findings
) -> None:
    files = [info for info in opened.infolist() if not info.is_dir()]
    log_inside = next((log for log in (_log_of(opened, info) for info in files) if log), None)
    log = log_inside or _log_beside(bucket, archive)
    findings.entries = len(files) - bool(log_inside)
    # The library finds a directory at the end of any file, and then counts from there.
    if any(info.header_offset < 0 for info in files):
        findings.problems.append("the zip is shorter than its directory says")
    if not findings.entries:
        findings.notes.append("the zip has no files: the mailbox is empty")
    if log is None:
        findings.notes.append(
            "no output log of WorkMail was found, so nothing was compared with it"
        )
        return
    findings.output_log = log
    _compare(log, findings)


def _compare(log: Mapping[str, Any], findings: Findings) -> None:
    messages, left_behind = _number(log, _MESSAGES), _number(log, _LEFT_BEHIND)
    entries = findings.entries or 0
    if messages is None:
        findings.notes.append(f"WorkMail's output log has no {_MESSAGES} to compare")
    # AWS does not document whether the messages include the items that cannot be exported.
    elif entries < messages - (left_behind or 0):
        findings.problems.append(
            f"the zip has {entries} files, WorkMail's output log {messages} messages, of which "
            f"{left_behind or 0} cannot be exported"
        )
    elif entries != messages:
        findings.notes.append(
            f"the zip has {entries} files, WorkMail's output log {messages} messages"
        )
    if "sha384Hash" in log:
        findings.notes.append(
            "sha384Hash was not compared: AWS does not document what it is the hash of"
        )


def _check_contents(
    opened: zipfile.ZipFile, findings: Findings, has_time: Callable[[], bool]
) -> None:
    """The library compares each file with its CRC when it has been read to the end."""
    files = opened.infolist()
    first = findings.checked
    for number in range(first, len(files)):
        # At least one in each invocation.
        goes_on = has_time if number > first else lambda: True
        try:
            is_read = _is_read(opened, files[number], goes_on)
        except _UNREADABLE as error:
            findings.problems.append(f"{files[number].filename} in the zip cannot be read: {error}")
            return
        if not is_read:
            findings.checked, findings.is_complete = number, False
            return
    findings.checked = len(files)


def _is_read(opened: zipfile.ZipFile, info: zipfile.ZipInfo, goes_on: Callable[[], bool]) -> bool:
    """Whether there was time to read the file to its end: a large one takes several requests."""
    with opened.open(info) as content:
        while content.read(_READ_AHEAD):
            if not goes_on():
                return False
    return True


def _log_of(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Mapping[str, Any] | None:
    if not info.filename.endswith(".json") or info.file_size > _LARGEST_LOG:
        return None
    return _parsed(opened.read(info))


def _log_beside(bucket: ManifestBucket, archive: StoredObject) -> Mapping[str, Any] | None:
    folder = archive.key.rpartition("/")[0]
    for found in bucket.objects(f"{folder}/"):
        if found.key.endswith(".json") and found.size <= _LARGEST_LOG:
            log = _parsed(bucket.read(found.key))
            if log:
                return log
    return None


def _parsed(text: bytes) -> Mapping[str, Any] | None:
    """The output log, if this is one."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    is_log = isinstance(found, dict) and _MESSAGES in found
    return found if is_log else None


def _number(log: Mapping[str, Any], name: str) -> int | None:
    """WorkMail writes numbers as texts."""
    try:
        return int(log[name])
    except (KeyError, TypeError, ValueError):
        return None
