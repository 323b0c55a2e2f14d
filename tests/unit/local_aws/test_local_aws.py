"""The embedded AWS as a whole: it starts, serves, and stops without remains."""

from __future__ import annotations

import json
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
from urllib.parse import urlsplit

import pytest

from local_aws import LocalAws, MiniStackError, sample_organization
from local_aws.certificate import create_certificate

pytestmark = pytest.mark.xdist_group("local_aws")

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, so that a test sees what remains."""
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
    """The commands of the processes with this folder in their arguments."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        if str(folder) in command:
            found.append(command)
    return found


class TestStartAndStop:
    def test_nothing_remains(self, temporary: Path) -> None:
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

    def test_nothing_remains_of_an_interrupted_start(
        self, temporary: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_: object) -> bool:
            raise KeyboardInterrupt

        threads = set(threading.enumerate())
        monkeypatch.setattr("local_aws.ministack.MiniStack._responds", interrupt)
        with pytest.raises(KeyboardInterrupt), LocalAws():
            pass
        assert not processes_in(temporary)
        assert not list(temporary.iterdir())
        assert set(threading.enumerate()) <= threads

    def test_the_error_of_a_failed_start_has_the_reason(
        self, temporary: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = temporary / "broken.py"
        broken.write_text("raise SystemExit('broken on purpose')")
        monkeypatch.setattr("local_aws.ministack._PROCESS", broken)
        with pytest.raises(MiniStackError, match="broken on purpose"), LocalAws():
            pass
        assert list(temporary.iterdir()) == [broken]

    def test_two_run_at_the_same_time(self, local_aws: LocalAws) -> None:
        with LocalAws(region="eu-west-1") as other:
            queue = other.client("sqs").create_queue(QueueName="queue")["QueueUrl"]
            seen_here = local_aws.client("sqs", "eu-west-1").list_queues()
            assert queue in other.client("sqs").list_queues()["QueueUrls"]
            assert queue not in seen_here.get("QueueUrls", [])
        local_aws.client("s3").list_buckets()

    def test_it_ends_with_a_killed_parent(self, temporary: Path) -> None:
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
    pytest.fail("the condition is still false after 20 s")


class TestCommandLine:
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
    def test_up_runs_until_a_signal(self, temporary: Path, number: int, code: int) -> None:
        file = temporary / "organization.json"
        organization_id = f"m-{'0' * 32}"
        file.write_text(json.dumps({"organization_id": organization_id}))
        with subprocess.Popen(
            [sys.executable, "-m", "local_aws", "up", "--organization", str(file)],
            cwd=ROOT,
            env={**os.environ, "AWS_PROFILE": "personal"},
            stdout=subprocess.PIPE,
            text=True,
        ) as command:
            assert command.stdout is not None
            shown = []
            for line in command.stdout:
                shown.append(line.strip())
                if "Ctrl-C" in line:
                    break
            command.send_signal(number)
            assert command.wait() == code
        exports = dict(
            line.removeprefix("export ").split("=", 1) for line in shown if "export " in line
        )
        assert exports["AWS_ENDPOINT_URL_WORKMAIL"].startswith("http://127.0.0.1:")
        assert organization_id in shown[0]
        assert {"unset AWS_PROFILE", "npx cdk deploy"} <= set(shown)
        assert refuses(exports["AWS_ENDPOINT_URL"])
        assert not list(temporary.glob("local-aws-*"))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{}", "$: the key 'organization_id' is missing: add it"),
            ("{", "the file is not JSON: Expecting property name"),
            (None, "No such file"),
        ],
    )
    def test_up_names_the_file_that_it_cannot_read(
        self, tmp_path: Path, text: str | None, message: str
    ) -> None:
        file = tmp_path / "organization.json"
        if text:
            file.write_text(text)
        ended = subprocess.run(
            [sys.executable, "-m", "local_aws", "up", "--organization", str(file)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert ended.returncode == 1
        (line,) = ended.stderr.splitlines()
        assert line.startswith(f"{file}:") and message in line


class TestMake:
    def test_ctrl_c_ends_make_up_without_an_error_line(self, temporary: Path) -> None:
        with subprocess.Popen(
            ["make", "--no-print-directory", "--assume-old=install", "up"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as command:
            assert command.stdout is not None
            while "Ctrl-C" not in command.stdout.readline():
                assert command.poll() is None
            # A terminal sends Ctrl-C to the whole process group.
            os.killpg(command.pid, signal.SIGINT)
            assert command.stdout.read() == ""
        assert not list(temporary.glob("local-aws-*"))
        assert not processes_in(temporary)

    def test_clean_removes_what_git_ignores_and_nothing_else(self, tmp_path: Path) -> None:
        ignored = (ROOT / ".gitignore").read_text().split()
        # The CLI writes it for lookups, which no target makes.
        ignored.remove("cdk.context.json")
        for name in ignored:
            path = tmp_path / name.replace("*", "some").rstrip("/")
            if name.endswith("/"):
                path.mkdir()
                (path / "file").touch()
            else:
                path.touch()
        (tmp_path / "package" / "__pycache__").mkdir(parents=True)
        kept = tmp_path / "package" / "module.py"
        kept.touch()
        subprocess.run(["make", "-f", ROOT / "Makefile", "clean"], cwd=tmp_path, check=True)
        assert list(tmp_path.iterdir()) == [kept.parent]
        assert list(kept.parent.iterdir()) == [kept]


class TestEnvironment:
    def test_a_subprocess_reaches_the_embedded_aws(
        self, local_aws: LocalAws, tmp_path: Path
    ) -> None:
        config = tmp_path / ".aws" / "config"
        config.parent.mkdir()
        config.write_text("[default]\nrequest_checksum_calculation = unknown\n")
        sample = sample_organization(local_aws.workmail)
        script = (
            "import boto3; "
            "print(boto3.client('sts').get_caller_identity()['Account']); "
            "workmail = boto3.client('workmail'); "
            f"response = workmail.list_users(OrganizationId={sample.organization_id!r}); "
            "print(*(user['Name'] for user in response['Users'])); "
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

    def test_personal_settings_do_not_count(
        self, local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_PROFILE", "personal")
        monkeypatch.setenv("AWS_CA_BUNDLE", "nowhere.pem")
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "personal")
        local_aws.client("sqs").list_queues()
        assert {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_SQS"}.isdisjoint(
            local_aws.process_environment
        )

    def test_the_account_can_be_bootstrapped_twice(self, local_aws: LocalAws) -> None:
        local_aws.bootstrap()
        local_aws.bootstrap()
        cloudformation = local_aws.client("cloudformation")
        assert cloudformation.describe_stacks(StackName="CDKToolkit")["Stacks"]


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
