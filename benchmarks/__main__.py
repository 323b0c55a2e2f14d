"""`python -m benchmarks`: measures everything and writes docs/benchmarks.md and its pictures."""

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
from benchmarks.report import Section
from local_aws.cdk_cli import cli_environment

SECTIONS: Mapping[str, Callable[[bool], Section]] = {
    "stacks": stacks.section,
    "throttling": throttling.section,
    "rosters": rosters.section,
    "export": organization_export.section,
    "waiting": waiting.section,
    "function": function.section,
    "synth": synth.section,
}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds; writes into build/benchmarks"
    )
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, help="one section; writes there too"
    )
    options = parser.parse_args(arguments)
    os.environ.update(cli_environment(os.environ))
    install()
    from benchmarks import charts  # it needs what was just installed

    folder = FOLDER.parent / ("build/benchmarks" if options.quick or options.only else "docs")
    folder.mkdir(parents=True, exist_ok=True)
    parts = [
        "# Benchmarks",
        f"`make bench` writes this page. {report.origin()}",
        (FOLDER / "summary.md").read_text().strip(),
    ]
    for name in options.only or SECTIONS:
        print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)
        section = SECTIONS[name](options.quick)
        parts.append(section.markdown)
        if section.chart:
            charts.draw(section.chart, folder)
    page = folder / "benchmarks.md"
    page.write_text("\n\n".join(parts) + "\n")
    print(page)


if __name__ == "__main__":
    main(sys.argv[1:])
