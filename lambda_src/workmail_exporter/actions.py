"""The steps of the state machine: plan a pass, advance one mailbox, report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workmail_exporter.bucket import ManifestBucket
from workmail_exporter.mailbox import MailboxStep
from workmail_exporter.planning import Planner
from workmail_exporter.reporting import Reporter
from workmail_exporter.settings import Settings
from workmail_provider.aws import Clients
from workmail_provider.log import RequestLog
from workmail_provider.retry import Clock, Retry
from workmail_provider.rules.manifest import iso
from workmail_provider.workmail.organization import Organization

# Seconds. Of an invocation's time, for what follows a call that was repeated until the end.
_RESERVED = 15.0
# A mailbox that WorkMail throttles tries again after a wait of the state machine, which is free.
_LONGEST_STEP = 60.0


class Exporter:
    """The function, with its clients and its clock."""

    def __init__(self, settings: Settings, clients: Clients, clock: Clock) -> None:
        self._settings = settings
        self._clients = clients
        self._clock = clock

    def __call__(self, event: Mapping[str, Any], remaining: float) -> dict[str, Any]:
        """The result of one step; `remaining` is the time of the invocation in seconds.

        Raises ProviderError for a plan or a report that cannot be made.
        """
        until = self._clock.now() + remaining - _RESERVED
        settings = self._settings
        action = event["action"]
        longest = until if action != "advance" else min(until, self._clock.now() + _LONGEST_STEP)
        organization = Organization(
            self._clients("workmail", settings.region),
            settings.organization_id,
            Retry(longest, self._clock),
        )
        bucket = ManifestBucket(
            self._clients("s3", settings.region), settings, Retry(until, self._clock)
        )
        now = self._clock.utc_now()
        match action:
            case "plan":
                planner = Planner(settings, organization, bucket, now, _since(event))
                return planner.plan(event["run"], event["pass"] + 1)
            case "advance":
                log = RequestLog({"run": event["mailbox"]["run"]})
                step = MailboxStep(
                    settings, organization, bucket, self._clock, until, log, event["mailbox"]
                )
                return step.advance()
            case "report":
                reporter = Reporter(settings, organization, bucket, now)
                return reporter.report(event["run"])
        raise ValueError(f"unknown action {action!r}: start the state machine instead")


def _since(event: Mapping[str, Any]) -> str:
    """The time before which no export counts: that of the input, or the run's start.

    Empty for a run that does not export again.
    """
    again = event["input"].get("again")
    if not again:
        return ""
    return iso(datetime.fromisoformat(event["started_at"] if again is True else again))
