from __future__ import annotations

import importlib.metadata
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App, FileSystem, Stack

from tests.synth.assembly import SYNTH, asset_of, files_of
from tests.synth.conftest import ROOT
from tests.synth.roster import register


def modes_of(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assembly")
    app = App(outdir=str(folder))
    register(Stack(app, "Mail"))
    app.synth()
    return asset_of(folder)


def test_the_asset_is_our_source_and_crhelper_and_nothing_else(asset: Path) -> None:
    source = ROOT / "lambda_src"
    ours = {path.relative_to(source).as_posix(): path.read_bytes() for path in source.rglob("*.py")}
    installed = importlib.metadata.distribution("crhelper")
    crhelper = Path(str(installed.locate_file("crhelper")))
    metadata = Path(str(installed.locate_file("crhelper-2.0.12.dist-info")))
    theirs = {
        f"crhelper/{name}": (crhelper / name).read_bytes()
        for name in ("__init__.py", "log_helper.py", "resource_helper.py", "utils.py")
    }
    for name in ("LICENSE", "NOTICE"):
        theirs[f"crhelper/{name}"] = (metadata / name).read_bytes()
    assert {"workmail_provider/handler.py", "workmail_exporter/handler.py"} < ours.keys()
    assert files_of(asset) == ours | theirs


def test_nothing_is_left_beside_the_asset(asset: Path) -> None:
    assert not list(asset.parent.glob("bundling-temp-*"))


def test_two_folders_and_habits_give_the_same_template_and_hash(
    tmp_path: Path, isolated: dict[str, str]
) -> None:
    assemblies = []
    for name, umask, mode in (("one", 0o022, 0o644), ("other", 0o077, 0o600)):
        checkout = tmp_path / name
        for part in ("constructs/cdk_workmail", "lambda_src"):
            shutil.copytree(ROOT / part, checkout / part)
        for path in checkout.rglob("*.py"):
            path.chmod(mode)
            os.utime(path, (umask, umask))
        assembly = tmp_path / f"{name}.out"
        subprocess.run(
            [sys.executable, "-c", SYNTH, checkout / "constructs", assembly],
            cwd=tmp_path,
            env=isolated | {"PYTHONPATH": str(checkout / "constructs")},
            umask=umask,
            check=True,
        )
        assemblies.append(assembly)
    one, other = assemblies
    assert asset_of(one).name == asset_of(other).name
    assert files_of(asset_of(one)) == files_of(asset_of(other))
    assert modes_of(asset_of(one)) == modes_of(asset_of(other)) == {0o644}
    assert (one / "Mail.template.json").read_bytes() == (other / "Mail.template.json").read_bytes()


def test_the_hash_is_that_of_the_content(asset: Path) -> None:
    fingerprint = FileSystem.fingerprint(str(asset))
    assert asset.name == f"asset.{fingerprint}"
    assert f"{fingerprint}.zip" in (asset.parent / "Mail.template.json").read_text()


def test_the_asset_needs_nothing_but_boto3(asset: Path, tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    # What Lambda's own runtime has beside the asset.
    for name in ("boto3", "botocore", "jmespath", "dateutil", "s3transfer", "six", "urllib3"):
        folder = Path(str(importlib.metadata.distribution("boto3").locate_file(name)))
        installed = folder if folder.is_dir() else folder.with_suffix(".py")
        (runtime / installed.name).symlink_to(installed)
    modules = [
        ".".join(path.relative_to(asset).with_suffix("").parts) for path in asset.rglob("*.py")
    ]
    script = f"""
import importlib, sys
sys.path[:0] = [{str(asset)!r}, {str(runtime)!r}]
for name in {modules}:
    assert importlib.import_module(name).__file__.startswith({str(asset)!r}), name
print(sys.modules["workmail_provider.handler"].handler.__name__)
"""
    # Without this environment's packages (S), without its settings and folder (I).
    done = subprocess.run(
        [sys.executable, "-ISB", "-c", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("handler\n", "")


def test_another_crhelper_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = tmp_path / "crhelper-2.0.11.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: crhelper\nVersion: 2.0.11\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RuntimeError, match=r"needs crhelper 2\.0\.12, .* got 2\.0\.11: pip"):
        register(Stack(App(), "Mail"))


def test_the_code_is_not_put_together_for_a_stack_that_is_not_deployed() -> None:
    app = App(context={"aws:cdk:bundling-stacks": []})
    register(Stack(app, "Mail"))
    assert not list(Path(app.synth().directory).glob("asset.*"))
