"""`python -m benchmarks`: measures everything and writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import sys
import time

from benchmarks import machine
from benchmarks.installed import FOLDER, install
from benchmarks.sections import FULL, QUICK, SECTIONS
from local_aws.cdk_cli import cli_environment

_DOCUMENT = FOLDER.parent / "docs" / "benchmarks.md"
_FINDINGS = FOLDER / "findings.md"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, only printed")
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, help="only this section, only printed"
    )
    parsed = parser.parse_args(arguments)
    os.environ["PATH"] = cli_environment(os.environ)["PATH"]
    install()
    about = _about(arguments)
    effort = QUICK if parsed.quick else FULL
    began = time.monotonic()
    parts = []
    for name in parsed.only or SECTIONS:
        _tell(name)
        parts.append(SECTIONS[name](effort, _tell))
    minutes = (time.monotonic() - began) / 60
    document = "\n\n".join((about, *parts, f"The whole run took {minutes:.0f} minutes."))
    if parsed.quick or parsed.only:
        print(document)
    else:
        _DOCUMENT.write_text(f"{document}\n\n{_FINDINGS.read_text()}")


def _about(options: list[str]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions().items())
    command = " ".join(("python -m benchmarks", *options))
    return (
        "# Benchmarks\n\n"
        f"Written by `make bench` (`{command}`); what is found here is told at the end.\n\n"
        f"- Machine: {machine.description()}\n"
        f"- Versions: {versions}"
    )


def _tell(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
