"""The arguments, the subcommands and the exit codes of `cdk-workmail`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError

from cdk_workmail_cli import export
from cdk_workmail_cli.aws import Service
from cdk_workmail_cli.comparison import Comparison, Finding
from cdk_workmail_cli.declaration import Declaration, of_file
from cdk_workmail_cli.discovery import discover
from cdk_workmail_cli.dossier import Dossier
from cdk_workmail_cli.errors import CommandFailed
from cdk_workmail_cli.organization import Organization
from cdk_workmail_cli.output import Progress, Report
from cdk_workmail_cli.policy import policy
from cdk_workmail_cli.stack import DeployedStack, read_stack
from cdk_workmail_file import SCHEMA_PATH, InvalidFile, OrganizationFile, parse, read

NOTHING_TO_DO, FAILED, SOMETHING_TO_DO = 0, 1, 2
_INTERRUPTED = 130

_DESCRIPTION = """\
Reads Amazon WorkMail organizations and compares them with what is declared.
It changes nothing in WorkMail; only "export start" starts mailbox exports."""
_EXIT_CODES = "exit codes: 0 nothing to do, 2 something to do, 1 error"


def run(arguments: Sequence[str]) -> int:
    """Runs a subcommand and returns its exit code; errors are lines on standard error."""
    parsed = _parser().parse_args(arguments)
    try:
        with Progress(sys.stderr) as progress:
            code: int = parsed.run(parsed, progress)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has what it wanted; nothing else may be written to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except InvalidFile as error:
        print(error, file=sys.stderr)
        return FAILED
    except OSError as error:
        at_path = f"{error.filename}: {error.strerror}: check the path"
        print(f"cdk-workmail: {at_path if error.filename else error.strerror}", file=sys.stderr)
        return FAILED
    except (BotoCoreError, CommandFailed) as error:
        print(f"cdk-workmail: {error}", file=sys.stderr)
        return FAILED
    return code


def _discover(arguments: argparse.Namespace, progress: Progress) -> int:
    path = Path(arguments.output)
    existing: OrganizationFile | None = None
    if path.exists() and arguments.merge:
        existing = read(path)
        if existing.organization_id != arguments.organization_id:
            raise CommandFailed(
                f"{path} is of organization {existing.organization_id}: name another file"
            )
    elif path.exists() and not arguments.force:
        raise CommandFailed(
            f"{path} exists: add --merge to keep its keys and options, or --force to replace it"
        )
    region = (existing and existing.organization_region) or arguments.region
    organization = _organization(arguments, arguments.organization_id, region, progress)
    found = discover(organization, attributes=arguments.attributes, existing=existing)
    parse(found.text, f"{path} as it would be written")
    dossier = path.with_suffix(".dossier.json")
    if not arguments.no_dossier:
        _replace(dossier, Dossier.text(Dossier(organization).read(found.undeclared)))
    _replace(path, found.text)
    progress.clear()
    if arguments.json:
        print(json.dumps({"output": str(path), "counts": found.counts}, indent=2))
    else:
        print(f"{path}: {', '.join(f'{what} {count}' for what, count in found.counts.items())}")
    return NOTHING_TO_DO


def _replace(path: Path, text: str) -> None:
    """Writes beside the file first, so that a full disk leaves the file that is there."""
    target = path.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)
    except OSError as error:
        raise CommandFailed(f"{path} is not written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            beside.unlink()


def _plan(arguments: argparse.Namespace, progress: Progress) -> int:
    if not arguments.file and not arguments.stack:
        raise CommandFailed("name an organization file, a deployed stack with --stack, or both")
    if not arguments.file:
        return _compare_stack(arguments, progress, is_drift=False)
    file = read(arguments.file)
    deployed = DeployedStack()
    if arguments.stack:
        deployed = _deployed(arguments, progress, file.organization_id)
    region = file.organization_region or deployed.regions.get(file.organization_id)
    regions = {**deployed.regions, file.organization_id: region}
    notes: list[str] = []
    # In a stack without the file's organization, the file may replace another, which is removed.
    if file.organization_id in deployed.regions:
        others = regions.keys() - {file.organization_id}
        regions = {file.organization_id: region}
        notes = [
            f"Not compared, the file is of another organization: {id}" for id in sorted(others)
        ]
    subject = file.path + (f" on stack {arguments.stack}" if arguments.stack else "")
    return _report(
        *(arguments, progress, subject, of_file(file), deployed, regions),
        notes=notes,
        is_drift=False,
    )


def _drift(arguments: argparse.Namespace, progress: Progress) -> int:
    return _compare_stack(arguments, progress, is_drift=True)


def _policy(arguments: argparse.Namespace, progress: Progress) -> int:
    printed = policy(arguments.organization_id, arguments.stack, arguments.export)
    print(json.dumps(printed, indent=2))
    return NOTHING_TO_DO


def _schema(arguments: argparse.Namespace, progress: Progress) -> int:
    print(SCHEMA_PATH.read_text(encoding="utf-8"), end="")
    return NOTHING_TO_DO


def _compare_stack(arguments: argparse.Namespace, progress: Progress, *, is_drift: bool) -> int:
    deployed = _deployed(arguments, progress)
    if not deployed.declarations:
        raise CommandFailed(f"stack {arguments.stack} declares nothing of WorkMail: name another")
    return _report(
        arguments,
        progress,
        f"stack {arguments.stack}",
        deployed.declarations,
        deployed,
        deployed.regions,
        is_drift=is_drift,
    )


def _report(
    arguments: argparse.Namespace,
    progress: Progress,
    subject: str,
    declared: Sequence[Declaration],
    deployed: DeployedStack,
    regions: Mapping[str, str | None],
    *,
    notes: Sequence[str] = (),
    is_drift: bool,
) -> int:
    findings: list[Finding] = []
    all_notes = [
        *notes,
        *(f"Not compared, only CloudFormation knows its value: {name}" for name in deployed.unread),
    ]
    for organization_id, region in regions.items():
        comparison = Comparison(
            _organization(arguments, organization_id, region or arguments.region, progress),
            [entry for entry in declared if entry.organization_id == organization_id],
            [entry for entry in deployed.declarations if entry.organization_id == organization_id],
            deployed.others,
        )
        findings += comparison.findings()
        if comparison.unchecked_addresses:
            all_notes.append(
                f"{comparison.unchecked_addresses} new addresses were compared with primary "
                "addresses only, not with aliases."
            )
    progress.clear()
    report = Report(subject, tuple(findings), tuple(all_notes), is_drift)
    if arguments.json:
        print(report.as_json())
    elif arguments.markdown:
        print(report.as_markdown())
    else:
        print(report.as_table())
    return SOMETHING_TO_DO if report.changes else NOTHING_TO_DO


def _service(
    arguments: argparse.Namespace, progress: Progress, name: str, region: str | None = None
) -> Service:
    session = boto3.Session(profile_name=arguments.profile, region_name=arguments.region)
    return Service(name, session, region, progress.repeated)


def _deployed(
    arguments: argparse.Namespace, progress: Progress, *organization_ids: str
) -> DeployedStack:
    cloudformation, ssm = (
        _service(arguments, progress, name) for name in ("cloudformation", "ssm")
    )
    return read_stack(cloudformation, ssm, arguments.stack, organization_ids)


def _organization(
    arguments: argparse.Namespace, organization_id: str, region: str | None, progress: Progress
) -> Organization:
    service = _service(arguments, progress, "workmail", region)
    return Organization(service, organization_id, progress)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cdk-workmail", description=_DESCRIPTION, epilog=_EXIT_CODES
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    of_aws = argparse.ArgumentParser(add_help=False)
    of_aws.add_argument("--profile", help="the profile of your AWS configuration")
    of_aws.add_argument("--region", help="the Region, where your AWS configuration does not say it")

    command = commands.add_parser(
        "discover", parents=[of_aws], help="write an organization as an organization file"
    )
    command.add_argument("--organization-id", required=True, metavar="ID")
    command.add_argument(
        "--output", default="organization.json", metavar="FILE", help="(default: %(default)s)"
    )
    command.add_argument(
        "--attributes",
        action="store_true",
        help="declare users with their attributes, not as mere mailboxes",
    )
    command.add_argument("--no-dossier", action="store_true", help="write the file alone")
    command.add_argument("--json", action="store_true", help="print JSON")
    replacing = command.add_mutually_exclusive_group()
    replacing.add_argument(
        "--merge", action="store_true", help="keep the keys and options of an existing file"
    )
    replacing.add_argument("--force", action="store_true", help="replace an existing file")
    command.set_defaults(run=_discover)

    reporting = argparse.ArgumentParser(add_help=False, parents=[of_aws])
    formats = reporting.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="print JSON")
    formats.add_argument("--markdown", action="store_true", help="print Markdown")
    command = commands.add_parser(
        "plan",
        parents=[reporting],
        help="compare a file, a stack, or both with WorkMail",
        epilog=_EXIT_CODES,
    )
    command.add_argument("file", nargs="?", metavar="FILE", help="the organization file")
    command.add_argument(
        "--stack", metavar="NAME", help="the deployed stack; with FILE, what an update removes too"
    )
    command.set_defaults(run=_plan)
    command = commands.add_parser(
        "drift",
        parents=[reporting],
        help="what was changed by hand since a stack was deployed",
        epilog=_EXIT_CODES,
    )
    command.add_argument("--stack", required=True, metavar="NAME", help="the deployed stack")
    command.set_defaults(run=_drift)

    export.add_commands(commands, of_aws)

    command = commands.add_parser("policy", help="print the IAM policy that the command needs")
    command.add_argument("--organization-id", action="append", default=[], metavar="ID")
    command.add_argument("--stack", action="append", default=[], metavar="NAME")
    command.add_argument(
        "--export",
        nargs="*",
        metavar="ARN",
        help="allow export too; on this state machine, bucket and key, where they are given",
    )
    command.set_defaults(run=_policy)

    command = commands.add_parser("schema", help="print the JSON Schema of organization files")
    command.set_defaults(run=_schema)
    return parser
