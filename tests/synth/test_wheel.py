from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.synth.assembly import SYNTH, asset_of, files_of
from tests.synth.conftest import ROOT

pytestmark = pytest.mark.xdist_group("wheel")

# When it was published, in seconds; a release has the time of its commit.
EPOCH = "1767225600"


def built(source: Path, into: Path, **environment: str) -> Path:
    """The sdist of a folder, and the wheel that is built from that sdist."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", into, source],
        env=os.environ | {"SOURCE_DATE_EPOCH": EPOCH, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return into


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    (wheel,) = distributions.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def unpacked(distributions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    (sdist,) = distributions.glob("*.tar.gz")
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return source


def test_a_build_in_another_folder_at_another_time_gives_the_same_bytes(
    distributions: Path, unpacked: Path, tmp_path: Path
) -> None:
    for file in unpacked.rglob("*"):
        os.utime(file, (0, 0))
        file.chmod(file.stat().st_mode & 0o700)  # as with another umask
    again = built(unpacked, tmp_path, TZ="Pacific/Auckland")
    assert files_of(again) == files_of(distributions)
    assert len(files_of(again)) == 2


def test_the_sdist_holds_all_that_the_tests_need(unpacked: Path) -> None:
    """All files of the repository but those of its CI."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    kept = {name for name in listed if (ROOT / name).is_file() and not name.startswith(".ci/")}
    assert {*files_of(unpacked)} == kept | {"PKG-INFO"}


def test_the_version_has_its_entry_in_the_changelog(wheel: Path) -> None:
    version = wheel.name.split("-")[1]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"\n## {version}\n" in changelog


def test_the_wheel_holds_constructs_function_command_and_schema_and_nothing_else(
    wheel: Path,
) -> None:
    construct = (ROOT / "constructs" / "cdk_workmail").glob("*.py")
    command = (ROOT / "cli" / "cdk_workmail_cli").glob("*.py")
    file = (ROOT / "constructs" / "cdk_workmail_file").glob("*.*")
    source = ROOT / "lambda_src"
    function = source.rglob("*.py")
    expected = {
        "cdk_workmail/py.typed",
        *(f"cdk_workmail/{path.name}" for path in construct),
        *(f"cdk_workmail/lambda_src/{path.relative_to(source).as_posix()}" for path in function),
        *(f"cdk_workmail_cli/{path.name}" for path in command),
        *(f"cdk_workmail_file/{path.name}" for path in file),
    }
    shipped = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert shipped == expected


def test_a_stack_is_synthesized_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    installing = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*installing, "--no-index", "--no-deps", str(wheel)], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    # Its dependencies, without a download; the editable install among them is not run from here.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    command = home / "bin" / "cdk-workmail"
    done = subprocess.run([command, "schema"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == (packages / "cdk_workmail_file/organization.schema.json").read_text()
    assembly = tmp_path / "cdk.out"
    done = subprocess.run(
        [python, "-I", "-c", SYNTH, packages, assembly],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    shipped = files_of(packages / "cdk_workmail" / "lambda_src")
    asset = files_of(asset_of(assembly))
    assert {name: asset[name] for name in asset if not name.startswith("crhelper/")} == {
        name: content for name, content in shipped.items() if name.endswith(".py")
    }
