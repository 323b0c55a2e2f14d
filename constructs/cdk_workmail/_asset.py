"""The code of both functions, put together at synth from what is installed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_

if TYPE_CHECKING:
    from importlib.metadata import PackagePath

HANDLER = "workmail_provider.handler.handler"
EXPORTER_HANDLER = "workmail_exporter.handler.handler"
CRHELPER_VERSION = "2.0.12"
_PACKAGE = Path(__file__).parent


def function_code() -> lambda_.Code:
    """The functions' packages and crhelper, without Docker, network or pip.

    Raises RuntimeError if crhelper is not of the pinned version: it is part of the asset, so it
    decides the asset's hash and how the function behaves.
    """
    return lambda_.Code.from_asset(
        str(_source()),
        asset_hash_type=AssetHashType.OUTPUT,
        bundling=BundlingOptions(
            # Required by the type, and never pulled: local bundling always succeeds or raises.
            image=DockerImage.from_registry("scratch"),
            local=_Copies(dict(_files())),
        ),
    )


@jsii.implements(ILocalBundling)
class _Copies:
    """Files by the path that they have in the asset."""

    def __init__(self, files: dict[str, Path]) -> None:
        self._files = files

    # The options come as one object from jsii, and as keywords by the interface's type.
    def try_bundle(self, output_dir: str, *options: Any, **keywords: Any) -> bool:
        for name, source in self._files.items():
            target = Path(output_dir, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            # The zip keeps modes; a checkout's follow the umask of the user.
            target.chmod(0o644)
        return True


def _files() -> Iterator[tuple[str, Path]]:
    source = _source()
    for file in sorted(source.rglob("*.py")):
        yield file.relative_to(source).as_posix(), file
    for packaged in _crhelper():
        yield f"crhelper/{packaged.name}", Path(str(packaged.locate()))


def _source() -> Path:
    """The functions' packages: in a wheel inside this one, in a checkout beside `constructs`."""
    folders = (_PACKAGE / "lambda_src", _PACKAGE.parents[1] / "lambda_src")
    return next(folder for folder in folders if folder.is_dir())


def _crhelper() -> list[PackagePath]:
    crhelper = distribution("crhelper")
    if crhelper.version != CRHELPER_VERSION:
        raise RuntimeError(
            f"cdk-workmail needs crhelper {CRHELPER_VERSION}, which goes into its function's "
            f"asset, got {crhelper.version}: pip install crhelper=={CRHELPER_VERSION}"
        )
    return [file for file in crhelper.files or () if _is_shipped(file)]


def _is_shipped(file: PackagePath) -> bool:
    if file.name in ("LICENSE", "NOTICE"):
        return file.parts[0].endswith(".dist-info")
    return file.parts[0] == "crhelper" and file.suffix == ".py"
