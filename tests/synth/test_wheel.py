from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.synth.assembly import SYNTH, asset_of, files_of
from tests.synth.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that neither the checkout nor an earlier build is in the way."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE", "app.py"):
        shutil.copy(ROOT / name, copy)
    for name in ("cli", "constructs", "lambda_src", "local_aws", "tests"):
        shutil.copytree(ROOT / name, copy / name)
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", "."],
        cwd=copy,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert "Warning" not in built.stdout + built.stderr
    (wheel,) = (copy / "dist").glob("*.whl")
    return wheel


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
