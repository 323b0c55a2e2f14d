"""The embedded AWS as a whole: it starts, serves, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from local_aws import LocalAws, MiniStackError, SampleOrganization, WorkMail, sample_organization
from local_aws.certificate import create_certificate

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of its own for temporary folders, so that a test sees all that is left."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


@pytest.fixture(scope="module")
def local_aws() -> Iterator[LocalAws]:
    with LocalAws() as local_aws:
        yield local_aws


def refuses(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) != 0


def open_sockets() -> set[str]:
    targets = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists this folder is closed by now
            targets.add(str(descriptor.readlink()))
    return {target for target in targets if target.startswith("socket:")}


def processes_in(folder: Path) -> list[str]:
    """The commands of the processes that have this folder in their arguments."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended in the meantime
        if str(folder) in command:
            found.append(command)
    return found


class TestStartAndStop:
    def test_nothing_is_left(self, temporary: Path) -> None:
        threads, sockets = set(threading.enumerate()), open_sockets()
        with LocalAws() as local_aws:
            urls = [local_aws.endpoint_url, local_aws.workmail_endpoint_url]
            local_aws.client("s3").list_buckets()
            local_aws.client("workmail").list_organizations()
            assert not any(refuses(url) for url in urls)
            assert processes_in(temporary)
            assert list(temporary.iterdir())
        assert all(refuses(url) for url in urls)
        assert not processes_in(temporary)
        assert not list(temporary.iterdir())
        assert set(threading.enumerate()) <= threads
        assert open_sockets() <= sockets
        local_aws.close()

    def test_nothing_is_left_when_the_start_is_interrupted(
        self, temporary: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_: object) -> bool:
            raise KeyboardInterrupt

        threads = set(threading.enumerate())
        monkeypatch.setattr("local_aws.ministack.MiniStack._answers", interrupt)
        with pytest.raises(KeyboardInterrupt), LocalAws():
            pass
        assert not processes_in(temporary)
        assert not list(temporary.iterdir())
        assert set(threading.enumerate()) <= threads

    def test_a_ministack_that_cannot_start_says_why(
        self, temporary: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = temporary / "broken.py"
        broken.write_text("raise SystemExit('no such luck')")
        monkeypatch.setattr("local_aws.ministack._PROCESS", broken)
        with pytest.raises(MiniStackError, match="no such luck"), LocalAws():
            pass
        assert list(temporary.iterdir()) == [broken]

    def test_two_at_a_time(self, local_aws: LocalAws) -> None:
        with LocalAws(region="eu-west-1") as other:
            queue = other.client("sqs").create_queue(QueueName="mine")["QueueUrl"]
            seen_here = local_aws.client("sqs", "eu-west-1").list_queues()
            assert queue in other.client("sqs").list_queues()["QueueUrls"]
            assert queue not in seen_here.get("QueueUrls", [])
        local_aws.client("s3").list_buckets()

    def test_a_killed_parent_takes_it_along(self, temporary: Path) -> None:
        script = (
            "import os, signal; from local_aws import LocalAws; LocalAws().start(); "
            "os.kill(os.getpid(), signal.SIGKILL)"
        )
        killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
        assert killed.returncode == -signal.SIGKILL
        wait_until(lambda: not processes_in(temporary))
        wait_until(lambda: not list(temporary.iterdir()))


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        threading.Event().wait(0.02)
    pytest.fail("it did not happen within 20 s")


class TestCommandLine:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_up_runs_until_it_is_told_to_stop(self, temporary: Path, number: int) -> None:
        environment = {**os.environ, "AWS_PROFILE": "somebody"}
        with subprocess.Popen(
            [sys.executable, "-m", "local_aws", "up"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as command:
            assert command.stdout is not None
            shown = []
            for line in command.stdout:
                shown.append(line.strip())
                if line.startswith("Ctrl-C"):
                    break
            command.send_signal(number)
            assert command.wait() == 128 + number
        exports = dict(
            line.removeprefix("export ").split("=", 1) for line in shown if "export " in line
        )
        assert exports["AWS_ENDPOINT_URL_WORKMAIL"].startswith("http://127.0.0.1:")
        assert "unset AWS_PROFILE" in shown
        assert "npx cdk deploy" in shown
        assert refuses(exports["AWS_ENDPOINT_URL"])
        assert not list(temporary.glob("local-aws-*"))


class TestEnvironment:
    def test_it_leads_a_subprocess_here(self, local_aws: LocalAws, tmp_path: Path) -> None:
        config = tmp_path / ".aws" / "config"
        config.parent.mkdir()
        config.write_text("[default]\nrequest_checksum_calculation = never heard of\n")
        sample = sample_organization(local_aws.workmail)
        script = (
            "import boto3; "
            "print(boto3.client('sts').get_caller_identity()['Account']); "
            "workmail = boto3.client('workmail'); "
            f"answer = workmail.list_users(OrganizationId={sample.organization_id!r}); "
            "print(*(user['Name'] for user in answer['Users'])); "
            "boto3.client('s3').create_bucket(Bucket='from-outside')"
        )
        ran = subprocess.run(
            [sys.executable, "-c", script],
            env={**local_aws.process_environment, "HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        assert ran.stdout.split() == ["000000000000", "alice", "bob"]
        local_aws.client("s3").head_bucket(Bucket="from-outside")

    def test_the_persons_own_settings_stay_outside(
        self, local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_PROFILE", "somebody")
        monkeypatch.setenv("AWS_CA_BUNDLE", "nowhere.pem")
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "theirs")
        local_aws.client("sqs").list_queues()
        assert {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_SQS"}.isdisjoint(
            local_aws.process_environment
        )

    def test_reset_empties_the_account(self, local_aws: LocalAws) -> None:
        local_aws.bootstrap()
        local_aws.bootstrap()
        cloudformation = local_aws.client("cloudformation")
        assert cloudformation.describe_stacks(StackName="CDKToolkit")["Stacks"]
        local_aws.reset()
        with pytest.raises(ClientError, match="CDKToolkit"):
            cloudformation.describe_stacks(StackName="CDKToolkit")
        assert local_aws.client("workmail").list_organizations()["OrganizationSummaries"] == []
        local_aws.bootstrap()


def test_the_certificate_satisfies_strict_verification(tmp_path: Path) -> None:
    certificate = create_certificate(tmp_path)
    assert certificate.key.stat().st_mode & 0o077 == 0
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate.chain, certificate.key)
    client_side = ssl.create_default_context(cafile=certificate.authority)
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("localhost", "127.0.0.1"):
        handshake(server_side, client_side, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server_side, client_side, "example.com")


def handshake(server_side: ssl.SSLContext, client_side: ssl.SSLContext, name: str) -> None:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


def test_the_sample_is_an_organization_of_four_disabled_entities() -> None:
    workmail = WorkMail(region="eu-west-1")
    sample = sample_organization(workmail)
    assert sample == SampleOrganization()
    assert sample.organization_id == "m-0123456789abcdef0123456789abcdef"
    organization = workmail.organization(sample.organization_id)
    assert {e.entity_id: (e.name, e.state) for e in organization.entities.values()} == {
        sample.alice_id: ("alice", "DISABLED"),
        sample.bob_id: ("bob", "DISABLED"),
        sample.team_id: ("team", "DISABLED"),
        sample.board_room_id: ("board-room", "DISABLED"),
    }
    assert organization.region == "eu-west-1"
    given: dict[str, Any] = {"OrganizationId": sample.organization_id}
    workmail.perform("DescribeResource", {**given, "ResourceId": sample.board_room_id})
