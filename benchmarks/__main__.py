"""`python -m benchmarks`: measures everything and writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping

from benchmarks import (
    function,
    organization_export,
    report,
    rosters,
    stacks,
    synth,
    throttling,
    waiting,
)
from benchmarks.installed import FOLDER, install
from local_aws.cdk_cli import cli_environment

SECTIONS: Mapping[str, Callable[[bool], str]] = {
    "function": function.section,
    "waiting": waiting.section,
    "stacks": stacks.section,
    "throttling": throttling.section,
    "synth": synth.section,
    "rosters": rosters.section,
    "export": organization_export.section,
}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; only prints the result")
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, help="one section; only prints the result"
    )
    options = parser.parse_args(arguments)
    os.environ.update(cli_environment(os.environ))
    install()
    parts = [
        "# Benchmarks",
        f"`make bench` writes this page. {report.origin()}",
        (FOLDER / "summary.md").read_text().strip(),
    ]
    for name in options.only or SECTIONS:
        print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)
        parts.append(SECTIONS[name](options.quick))
    page = "\n\n".join(parts)
    if options.quick or options.only:
        print(page)
    else:
        (FOLDER.parent / "docs" / "benchmarks.md").write_text(f"{page}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
