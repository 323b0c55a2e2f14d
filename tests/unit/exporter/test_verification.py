"""What makes an export verified, and what is said where it cannot be compared."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any
from zipfile import ZIP_STORED

import pytest

from local_aws.workmail import MimeFile
from tests.support.exporter import BUCKET, ExporterHarness
from tests.support.s3 import StoredObject

LOG = {
    "totalNonExportableItems": "1",
    "totalMessages": "3",
    "sha384Hash": "5e3a",
    "totalBytes": "161892",
    "totalFolders": "15",
}


@pytest.fixture
def harness() -> ExporterHarness:
    harness = ExporterHarness()
    harness.add_users("alice")
    return harness


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


def row(harness: ExporterHarness) -> dict[str, object]:
    (row,) = harness.manifest["mailboxes"]
    return dict(row)


def test_the_line_has_object_version_size_and_number_of_files(harness: ExporterHarness) -> None:
    harness.run()
    found = row(harness)
    (job,) = harness.jobs
    stored = harness.s3.objects[BUCKET][job.s3_path]
    assert (found["verdict"], found["key"]) == ("VERIFIED", job.s3_path)
    assert (found["size"], found["entries"], found["messages"]) == (len(stored.body), 2, 2)
    assert str(found["version_id"]).startswith("version-of")


def test_another_key_is_not_verified(harness: ExporterHarness) -> None:
    harness.s3.encryption = {"ServerSideEncryption": "AES256"}
    harness.run()
    assert "encrypted with AES256, not with the declared key" in harness.reason("alice")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda archive: archive[:-30],
        lambda archive: b"not a zip at all, although it has a size",
    ],
)
def test_a_zip_whose_directory_does_not_open_is_not_verified(
    harness: ExporterHarness, spoil: Callable[[bytes], bytes]
) -> None:
    harness.s3.spoil = spoil
    harness.run()
    assert row(harness)["verdict"] == "FAILED"
    assert "the zip cannot be read" in harness.reason("alice")


def encrypted(archive: bytes) -> bytes:
    """Its flag in the header of the file and in the directory."""
    return archive.replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01").replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
    )


def damaged(archive: bytes) -> bytes:
    first = archive.index(b"log.json") + len("log.json")
    return archive[:first] + b"\xff" + archive[first + 1 :]


def misnamed(archive: bytes) -> bytes:
    """The directory has a name that is not UTF-8, although its flag says so."""
    return archive.replace("ü.eml".encode(), b"\xff\xff.eml")


@pytest.mark.parametrize("check_contents", [True, False])
@pytest.mark.parametrize("spoil", [encrypted, damaged, misnamed])
def test_a_zip_that_cannot_be_read_is_not_verified(
    harness: ExporterHarness, spoil: Callable[[bytes], bytes], check_contents: bool
) -> None:
    harness.configure(CheckContents=check_contents)
    harness.s3.spoil = lambda archive: spoil(zipped({"log.json": b"{}" * 99, "ü.eml": b"one"}))
    harness.run()
    assert row(harness)["verdict"] == "FAILED"
    assert "the zip cannot be read" in harness.reason("alice")


def test_a_zip_without_its_beginning_is_not_verified(harness: ExporterHarness) -> None:
    harness.s3.spoil = lambda archive: archive[len(archive) // 2 :]
    harness.run()
    assert "shorter than its directory says" in harness.reason("alice")


@pytest.mark.parametrize("body", [None, b""])
def test_an_object_that_does_not_come_is_not_verified(
    harness: ExporterHarness, body: bytes | None
) -> None:
    harness.s3.spoil = lambda archive: body
    harness.run()
    assert "there is no object with a size at s3://mail-archive/" in harness.reason("alice")


def test_an_object_that_comes_late_is_waited_for(harness: ExporterHarness) -> None:
    late: list[bytes] = []

    def keep_back(archive: bytes) -> None:
        late.append(archive)

    harness.s3.spoil = keep_back

    def arrive(mailbox: dict[str, object]) -> None:
        if late and mailbox.get("retries") == 2:
            encryption = {"SSEKMSKeyId": harness.jobs[0].order.kms_key_arn}
            harness.s3.objects[BUCKET][harness.jobs[0].s3_path] = StoredObject(late[0], encryption)

    harness.before_step = arrive
    harness.run()
    assert row(harness)["verdict"] == "VERIFIED"
    assert len(harness.jobs) == 1


def test_an_export_that_failed_its_verification_is_not_used_again(
    harness: ExporterHarness,
) -> None:
    def spoil_first(archive: bytes) -> bytes:
        harness.s3.spoil = lambda archive: archive
        return archive[:-30]

    harness.s3.spoil = spoil_first
    assert harness.run()["unverified"] == 0
    assert len(harness.jobs) == 2


class TestRangedReads:
    def test_a_large_zip_is_not_downloaded_for_its_directory(
        self, harness: ExporterHarness
    ) -> None:
        content = {f"{number}.eml": bytes([number]) * 10**6 for number in range(20)}
        harness.s3.spoil = lambda archive: zipped(content, ZIP_STORED)
        harness.run()
        assert row(harness)["entries"] == 20
        assert harness.s3.read_bytes < 10**6

    def test_a_zip64_directory_is_counted(self, harness: ExporterHarness) -> None:
        """More than 65,535 files need the larger format."""
        many = zipped({f"{number}.eml": b"" for number in range(66_000)}, ZIP_STORED)
        harness.s3.spoil = lambda archive: many
        harness.run()
        assert (row(harness)["verdict"], row(harness)["entries"]) == ("VERIFIED", 66_000)


class TestOutputLog:
    def run_with(self, harness: ExporterHarness, log: dict[str, str], *, is_inside: bool) -> None:
        files = {"1.eml": b"one", "2.eml": b"two"}
        if is_inside:
            files["export.json"] = json.dumps(log).encode()
        harness.s3.spoil = lambda archive: zipped(files)

        def put_beside(mailbox: object) -> None:
            for job in harness.jobs:
                folder = job.s3_path.rpartition("/")[0]
                body = json.dumps(log).encode()
                harness.s3.objects[BUCKET][f"{folder}/log.json"] = StoredObject(body)

        if not is_inside:
            harness.before_step = put_beside
        harness.run()

    @pytest.mark.parametrize("is_inside", [True, False])
    def test_it_is_found_beside_the_zip_and_inside(
        self, harness: ExporterHarness, is_inside: bool
    ) -> None:
        self.run_with(harness, LOG, is_inside=is_inside)
        found = row(harness)
        assert (found["verdict"], found["entries"]) == ("VERIFIED", 2)
        assert (found["messages"], found["left_behind"]) == (3, 1)
        assert found["output_log"] == LOG
        assert "sha384Hash was not compared" in str(found["notes"])
        assert harness.manifest["summary"]["left_behind"] == 1

    def test_fewer_files_than_messages_that_can_be_exported_is_not_verified(
        self, harness: ExporterHarness
    ) -> None:
        self.run_with(harness, {**LOG, "totalMessages": "4"}, is_inside=True)
        assert row(harness)["verdict"] == "FAILED"
        assert "has 2 files, WorkMail's output log 4 messages" in harness.reason("alice")

    def test_without_one_the_report_says_that_nothing_was_compared(
        self, harness: ExporterHarness
    ) -> None:
        harness.run()
        assert "no output log of WorkMail was found" in str(row(harness)["notes"])
        assert row(harness)["left_behind"] is None

    @pytest.mark.parametrize("text", [b"{}", b"[1]", b"not JSON", b'{"totalMessages": "many"}'])
    def test_another_json_file_is_none(self, harness: ExporterHarness, text: bytes) -> None:
        harness.s3.spoil = lambda archive: zipped({"1.eml": b"", "other.json": text})
        harness.run()
        assert row(harness)["verdict"] == "VERIFIED"


class TestContents:
    @pytest.fixture
    def harness(self) -> ExporterHarness:
        harness = ExporterHarness(CheckContents=True)
        harness.add_users("alice")
        return harness

    def test_an_encrypted_file_is_found_and_named(self, harness: ExporterHarness) -> None:
        harness.s3.spoil = lambda archive: encrypted(zipped({"1.eml": b"secret"}))
        harness.run()
        assert "1.eml in the zip cannot be read" in harness.reason("alice")

    def test_a_damaged_file_is_found_and_named(self, harness: ExporterHarness) -> None:
        def damage(archive: bytes) -> bytes:
            stored = bytearray(zipped({"1.eml": b"fine", "2.eml": b"lost"}, ZIP_STORED))
            stored[stored.index(b"lost")] ^= 1
            return bytes(stored)

        harness.s3.spoil = damage
        harness.run()
        assert "2.eml in the zip cannot be read" in harness.reason("alice")

    def test_contents_of_a_young_export_are_read_once_and_only_when_asked_for(
        self, harness: ExporterHarness
    ) -> None:
        harness.configure(CheckContents=False)
        harness.run("run-1")
        assert "the directory was read" in harness.reason("alice")
        harness.configure(CheckContents=True)
        harness.run("run-2")
        assert "every file was read" in harness.reason("alice")
        harness.run("run-3")
        assert row(harness)["run"] == "run-2"
        assert len(harness.jobs) == 1

    def test_a_check_longer_than_an_invocation_continues_in_the_next(
        self, harness: ExporterHarness
    ) -> None:
        """Each read takes a minute here, and an invocation has five."""
        (user,) = (e for e in harness.organization.entities.values() if e.name == "alice")
        assert user.mailbox
        incompressible = Random(1).randbytes(3 * 10**6)
        user.mailbox.files += [MimeFile(f"{number}.eml", incompressible) for number in range(10)]
        harness.timeout = 300.0
        assert len(self.continued(harness)) > 2

    def test_a_check_that_ends_inside_a_large_message_begins_it_again_in_the_next(
        self, harness: ExporterHarness
    ) -> None:
        """Three reads a message here, and an invocation has seven of them."""
        large = zipped({f"{number}.eml": bytes(20 * 10**6) for number in range(3)}, ZIP_STORED)
        harness.s3.spoil = lambda archive: large
        harness.timeout = 420.0
        assert self.continued(harness) == {0, 1, 2}

    def test_a_message_that_takes_longer_than_an_invocation_ends_in_the_report(
        self, harness: ExporterHarness
    ) -> None:
        large = zipped({"1.eml": bytes(20 * 10**6)}, ZIP_STORED)
        harness.s3.spoil = lambda archive: large
        harness.timeout = 200.0
        with pytest.raises(AssertionError):
            self.continued(harness)
        assert row(harness)["verdict"] == "FAILED"

    def continued(self, harness: ExporterHarness) -> set[int]:
        """At which files a check of a minute for each read began."""
        get_object = harness.s3.get_object

        def slowly(Bucket: str, Key: str, Range: str) -> dict[str, Any]:
            harness.now += 60
            return get_object(Bucket, Key, Range)

        harness.s3.get_object = slowly  # type: ignore[method-assign]
        continued: set[int] = set()
        harness.before_step = lambda mailbox: continued.add(mailbox.get("checked", 0))
        assert harness.run()["unverified"] == 0
        return continued
