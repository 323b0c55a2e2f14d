"""`python -m local_aws up` and `demo`: the embedded AWS on the command line."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType

from cdk_workmail_file import InvalidFile, read

from .bootstrap import BootstrapError
from .demo import demo
from .embedded import LocalAws
from .ministack import MiniStackError
from .sample import sample_organization, seed_organization
from .workmail import WorkMail, WorkMailError


def up(arguments: argparse.Namespace) -> None:
    """Keep the embedded AWS running until Ctrl-C or SIGTERM."""
    local_aws = LocalAws(region=arguments.region, enforce_iam=arguments.enforce_iam)
    organization_id = _organization_id(local_aws.workmail, arguments.organization)
    with local_aws:
        if arguments.export_seconds is not None:
            local_aws.workmail.exports.duration = arguments.export_seconds
        local_aws.bootstrap()
        environment = local_aws.environment
        inherited = sorted(name for name in os.environ if name.startswith("AWS_"))
        lines = [
            f"The embedded AWS is running, with organization {organization_id}.",
            "In another terminal:",
            "",
            *(f"unset {name}" for name in inherited if name not in environment),
            *(f"export {name}={shlex.quote(value)}" for name, value in environment.items()),
            "",
            "Then, for example:",
            "",
            f"aws workmail list-users --organization-id {organization_id}",
            "npx cdk deploy",
            "",
            "Press Ctrl-C to stop it. Nothing remains.",
        ]
        print("\n".join(lines), flush=True)
        while True:
            signal.pause()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m local_aws", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("up", help=up.__doc__)
    command.add_argument("--region", default="us-east-1", help="(default: %(default)s)")
    command.add_argument(
        "--organization",
        type=Path,
        metavar="FILE",
        help="the organization file to start with (default: a sample of four entities)",
    )
    command.add_argument(
        "--enforce-iam", action="store_true", help="deny what IAM policies do not allow"
    )
    command.add_argument(
        "--export-seconds",
        type=float,
        metavar="SECONDS",
        help="how long each mailbox export job runs (default: 0.2)",
    )
    command.set_defaults(run=up)
    command = commands.add_parser("demo", help="deploy, change and destroy the example app")
    command.set_defaults(run=lambda _: sys.exit(demo()))
    parsed = parser.parse_args(arguments)
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, _stop)
    try:
        parsed.run(parsed)
    except (BootstrapError, MiniStackError) as error:
        sys.exit(str(error))


def _organization_id(workmail: WorkMail, file: Path | None) -> str:
    if file is None:
        return sample_organization(workmail).organization_id
    try:
        return seed_organization(workmail, read(file)).organization_id
    except InvalidFile as error:
        sys.exit(str(error))
    except (OSError, WorkMailError) as error:
        sys.exit(f"{file}: {error}")


def _stop(signal_number: int, _frame: FrameType | None) -> None:
    # A second Ctrl-C must not interrupt the clean-up that the first one began.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(0 if signal_number == signal.SIGINT else 128 + signal_number)


if __name__ == "__main__":
    main(sys.argv[1:])
