"""The exporter with a local WorkMail and buckets, run as its state machine does, in no time."""

from __future__ import annotations

import heapq
import itertools
import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local_aws.workmail import Entity, ExportJob, WorkMail
from tests.support.harness import WorkMailClient
from tests.support.lambda_fakes import ORGANIZATION_ID
from tests.support.s3 import S3
from workmail_exporter.actions import Exporter
from workmail_exporter.settings import Settings
from workmail_provider.errors import ProviderError
from workmail_provider.retry import Clock

BUCKET = "mail-archive"
KEY_ARN = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"
FOLDER = f"workmail/{ORGANIZATION_ID}"
PLACES = 10
MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# Of an invocation, as the construct declares it.
_TIMEOUT = 900.0


@dataclass
class Run:
    """One execution: its children, and what it ends with. `times` are those of its steps."""

    name: str
    # Its input.
    input: dict[str, Any] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    passes: int = 0
    steps: int = 0
    # State transitions, those of the children included.
    transitions: int = 0
    is_stopped: bool = False


class ExporterHarness:
    """An organization, and executions of the state machine on a simulated clock."""

    def __init__(self, **settings: Any) -> None:
        self.now = 1_795_000_000.0
        self.s3 = S3()
        self.workmail = WorkMail(clock=lambda: self.now, destination=self.s3.write_exports)
        self.organization = self.workmail.add_organization(
            "acme", organization_id=ORGANIZATION_ID, domain="example.com"
        )
        # How long the job of a mailbox takes, by entity id.
        self.durations: dict[str, float] = {}
        self.timeout = _TIMEOUT
        # Called before each step of a mailbox.
        self.before_step: Callable[[dict[str, Any]], object] = lambda mailbox: None
        self.configure(**settings)

    def configure(self, **settings: Any) -> None:
        given = {
            "OrganizationId": ORGANIZATION_ID,
            "RoleArn": "arn:aws:iam::000000000000:role/export",
            "KmsKeyArn": KEY_ARN,
            "BucketName": BUCKET,
            "Prefix": "workmail",
            "MaximumAge": 7 * DAY,
            "Include": [],
            "Exclude": [],
            "CheckContents": False,
            **settings,
        }
        self.exporter = Exporter(
            Settings.parse(json.dumps(given)),
            self._client,
            Clock(
                now=lambda: self.now,
                sleep=self.pass_time,
                jitter=lambda: 0.5,
                utc_now=lambda: datetime.fromtimestamp(self.now, UTC),
            ),
        )

    def add_users(self, *names: str) -> list[Entity]:
        """Enabled since a day."""
        return [self.add(self.organization.add_user(name)) for name in names]

    def add(self, entity: Entity) -> Entity:
        self.now -= DAY
        self.perform(
            "RegisterToWorkMail", EntityId=entity.entity_id, Email=f"{entity.name}@example.com"
        )
        self.now += DAY
        self.workmail.calls.clear()
        return entity

    def perform(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """A call outside the exporter."""
        return self.workmail.perform(operation, {"OrganizationId": ORGANIZATION_ID, **parameters})

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def run(self, name: str = "run-1", **input: Any) -> dict[str, Any]:
        """The report's result, after a whole execution."""
        run = Run(name, input)
        self.run_together(run)
        return run.report

    def run_together(self, *runs: Run) -> None:
        """Executions that begin at the same time."""
        order = itertools.count()
        queue = [(self.now, next(order), self._execution(run)) for run in runs]
        while queue:
            at, _, execution = heapq.heappop(queue)
            self.now = max(self.now, at)
            with suppress(StopIteration):
                heapq.heappush(queue, (next(execution), next(order), execution))

    def _execution(self, run: Run) -> Iterator[float]:
        """Yields the times at which it continues."""
        planned: dict[str, Any] = {"pass": 0}
        started_at = f"{datetime.fromtimestamp(self.now, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        of_run = {"run": run.name, "input": run.input, "started_at": started_at}
        while not run.is_stopped:
            planned = self.step(action="plan", **of_run, **{"pass": planned["pass"]})
            run.passes, run.transitions = planned["pass"], run.transitions + 3
            if not planned["count"]:
                run.report = self.step(action="report", run=run.name)
                return
            yield from self._map(run, self.stored_json(planned["key"]))

    def _map(self, run: Run, items: list[dict[str, Any]]) -> Iterator[float]:
        order = itertools.count()
        pending, running = deque(items), list[tuple[float, int, dict[str, Any]]]()
        while (pending or running) and not run.is_stopped:
            while pending and len(running) < PLACES:
                heapq.heappush(running, (self.now, next(order), pending.popleft()))
            at, _, mailbox = heapq.heappop(running)
            if at > self.now:
                yield at
            if run.is_stopped:
                return
            run.steps, run.transitions = run.steps + 1, run.transitions + 3
            self.before_step(mailbox)
            duration = self.durations.get(mailbox["entity_id"], HOUR)
            self.workmail.exports.duration = duration
            try:
                following = self.step(action="advance", mailbox=mailbox)
            except ProviderError:
                continue
            if not following["done"]:
                heapq.heappush(running, (self.now + following["wait"], next(order), following))

    def step(self, **event: Any) -> dict[str, Any]:
        """One invocation; its event and result are JSON, as Step Functions passes them."""
        result = self.exporter(json.loads(json.dumps(event)), self.timeout)
        plain: dict[str, Any] = json.loads(json.dumps(result))
        return plain

    def stored(self, key: str) -> bytes:
        return self.s3.objects[BUCKET][key].body

    def stored_json(self, key: str) -> Any:
        return json.loads(self.stored(key))

    @property
    def manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = self.stored_json(f"{FOLDER}/manifest.json")
        return manifest

    @property
    def verdicts(self) -> dict[str, str]:
        """Of the newest report, by name."""
        return {each["name"]: each["verdict"] for each in self.manifest["mailboxes"]}

    def reason(self, name: str) -> str:
        """Of a mailbox in the newest report."""
        (row,) = (each for each in self.manifest["mailboxes"] if each["name"] == name)
        return str(row["reason"])

    @property
    def jobs(self) -> list[ExportJob]:
        return self.workmail.exports.jobs

    def _client(self, service: str, region: str | None) -> Any:
        if service == "s3":
            return self.s3
        assert service == "workmail"
        return WorkMailClient(self.workmail, region or "us-east-1")


def most_at_a_time(jobs: list[ExportJob]) -> int:
    """How many jobs ran at the same time."""
    changes = sorted(
        [(job.start_time, 1) for job in jobs]
        + [(job.end_time, -1) for job in jobs if job.end_time is not None]
    )
    return max(itertools.accumulate(change for _, change in changes))
