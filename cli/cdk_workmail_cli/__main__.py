"""The entry point: one line instead of a traceback where boto3 is not installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    try:
        from cdk_workmail_cli.command import run
    except ModuleNotFoundError as error:
        print(
            f"cdk-workmail: {error.name} is not installed: pip install 'cdk-workmail[cli]'",
            file=sys.stderr,
        )
        return 1
    return run(sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
