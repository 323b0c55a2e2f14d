"""The manifest, the page and the dossier."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

import pytest

from local_aws.workmail import Failure
from tests.support.exporter import BUCKET, FOLDER, ExporterHarness
from tests.support.lambda_fakes import ORGANIZATION_ID
from workmail_provider.errors import NotReady
from workmail_provider.rules.manifest import ManifestLine, Verdict


@pytest.fixture
def harness() -> ExporterHarness:
    harness = ExporterHarness()
    harness.add_users("alice", "bob")
    return harness


def line(**changes: object) -> ManifestLine:
    given: dict[str, object] = {
        "organization_id": ORGANIZATION_ID,
        "entity_id": "gone-1",
        "name": "dora",
        "kind": "USER",
        "email": "dora@example.com",
        "run": "removal-job-1",
        "attempt": 1,
        "recorded_at": "2026-11-01T00:00:00Z",
        "verdict": Verdict.EXPORTED,
        "reason": "seen",
        "job_id": "job-1",
    }
    return ManifestLine(**{**given, **changes})  # type: ignore[arg-type]


def store(harness: ExporterHarness, *lines: ManifestLine) -> None:
    for each in lines:
        harness.s3.put_object(BUCKET, each.name_below("workmail"), bytes(each), "")


def page(harness: ExporterHarness) -> str:
    return harness.stored(f"{FOLDER}/report.html").decode()


class Visible(HTMLParser):
    """The tags of a page and what they load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]


def test_the_summary_counts_every_verdict_and_the_days_left(harness: ExporterHarness) -> None:
    refused = Failure("InvalidParameterException")
    harness.workmail.faults.add("StartMailboxExportJob", refused, times=None, entity="bob")
    harness.run()
    assert harness.manifest["summary"] == {
        "mailboxes": 2,
        "verified": 1,
        "failed": 1,
        "gone": 0,
        "missing": 0,
        "size": harness.manifest["mailboxes"][0]["size"],
        "messages": 2,
        "left_behind": None,
    }
    assert harness.manifest["end_of_support"] == "2027-03-31"
    assert harness.manifest["days_left"] == 133


def test_the_page_says_how_many_of_how_many_and_why_not(harness: ExporterHarness) -> None:
    refused = Failure("InvalidParameterException", message="the key is disabled")
    harness.workmail.faults.add("StartMailboxExportJob", refused, times=None, entity="bob")
    harness.run()
    assert "<title>1 of 2 mailboxes verified</title>" in page(harness)
    assert "the key is disabled" in page(harness)


def test_the_page_needs_no_script_and_loads_nothing(harness: ExporterHarness) -> None:
    harness.run()
    visible = Visible()
    visible.feed(page(harness))
    assert "table" in visible.tags
    assert visible.tags & {"script", "img", "link", "iframe"} == set()
    assert visible.links == []


def test_names_and_reasons_are_text_in_the_page(harness: ExporterHarness) -> None:
    store(harness, line(name="<script>alert(1)</script>", reason='"><img src=x>'))
    harness.run()
    assert "<script>" not in page(harness) and "<img" not in page(harness)
    assert "&lt;script&gt;" in page(harness)


def test_no_cell_of_the_table_is_a_formula(harness: ExporterHarness) -> None:
    alice = harness.organization.entity("alice")
    alice.name = "=HYPERLINK"
    harness.run()
    text = harness.stored(f"{FOLDER}/manifest.csv").decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["name"] for row in rows} == {"'=HYPERLINK", "bob"}
    assert {row["verdict"] for row in rows} == {"VERIFIED"}


def test_each_run_keeps_its_report_and_the_newest_is_at_a_fixed_place(
    harness: ExporterHarness,
) -> None:
    harness.run("run-1")
    harness.run("run-2")
    for name in ("manifest.json", "manifest.csv", "report.html", "dossier.json"):
        newest = harness.stored(f"{FOLDER}/{name}")
        assert newest == harness.stored(f"{FOLDER}/_runs/run-2/{name}")
        assert f"{FOLDER}/_runs/run-1/{name}" in harness.s3.objects[BUCKET]


def test_mailboxes_that_were_removed_are_shown_with_what_is_known(
    harness: ExporterHarness,
) -> None:
    """A verified export stays verified when the removal used it."""
    store(
        harness,
        line(),
        line(entity_id="gone-2", run="run-0", verdict=Verdict.VERIFIED, job_id="job-2"),
        line(entity_id="gone-2", recorded_at="2026-11-02T00:00:00Z", job_id="job-2"),
        line(entity_id="gone-3", run="run-0", verdict=Verdict.VERIFIED, job_id="job-3"),
        line(entity_id="gone-3", recorded_at="2026-11-02T00:00:00Z", job_id="job-4"),
    )
    harness.run()
    verdicts = {
        each["entity_id"]: each["verdict"] for each in harness.manifest["no_longer_enabled"]
    }
    assert verdicts == {"gone-1": "EXPORTED", "gone-2": "VERIFIED", "gone-3": "EXPORTED"}
    assert harness.manifest["summary"]["mailboxes"] == 2


def test_the_dossier_has_what_no_export_contains(harness: ExporterHarness) -> None:
    alice, bob = (harness.organization.entity(name) for name in ("alice", "bob"))
    team = harness.add(harness.organization.add_group("team"))
    room = harness.add(harness.organization.add_resource("room"))
    harness.perform("CreateAlias", EntityId=alice.entity_id, Alias="a@example.com")
    harness.perform("CreateAlias", EntityId=team.entity_id, Alias="t@example.com")
    harness.perform("AssociateMemberToGroup", GroupId=team.entity_id, MemberId=bob.entity_id)
    harness.perform(
        "AssociateDelegateToResource", ResourceId=room.entity_id, EntityId=bob.entity_id
    )
    assert alice.mailbox
    alice.mailbox.permissions[bob.entity_id] = ["SEND_AS", "FULL_ACCESS"]
    harness.run()
    dossier = harness.stored_json(f"{FOLDER}/dossier.json")
    mailboxes = {each["name"]: each for each in dossier["mailboxes"]}
    assert mailboxes["alice"]["aliases"] == ["a@example.com"]
    (permission,) = mailboxes["alice"]["permissions"]
    assert permission["id"] == bob.entity_id
    assert permission["permissions"] == ["FULL_ACCESS", "SEND_AS"]
    assert [each["id"] for each in mailboxes["room"]["delegates"]] == [bob.entity_id]
    (group,) = dossier["groups"]
    assert (group["name"], group["aliases"]) == ("team", ["t@example.com"])
    assert [each["id"] for each in group["members"]] == [bob.entity_id]


def test_a_list_that_fails_once_is_read_again(harness: ExporterHarness) -> None:
    alice = harness.organization.entity("alice")
    harness.perform("CreateAlias", EntityId=alice.entity_id, Alias="a@example.com")
    harness.workmail.faults.add("ListAliases", Failure("InternalFailure", 500))
    harness.run()
    row = harness.manifest["mailboxes"][0]
    assert (row["verdict"], row["aliases"]) == ("VERIFIED", ["a@example.com"])
    assert len(harness.jobs) == 2


def test_a_mailbox_with_unread_aliases_is_not_verified_until_a_later_run(
    harness: ExporterHarness,
) -> None:
    harness.workmail.faults.add("ListAliases", Failure("InternalFailure", 500), times=None)
    assert harness.run("run-1")["unverified"] == 2
    assert "workmail:ListAliases keeps failing" in harness.reason("alice")
    harness.workmail.faults.clear()
    assert harness.run("run-2")["unverified"] == 0
    assert len(harness.jobs) == 2


@pytest.mark.parametrize("operation", ["ListGroups", "ListGroupMembers"])
def test_a_report_whose_groups_cannot_be_read_is_repeated(
    harness: ExporterHarness, operation: str
) -> None:
    team = harness.add(harness.organization.add_group("team"))
    bob = harness.organization.entity("bob")
    harness.perform("AssociateMemberToGroup", GroupId=team.entity_id, MemberId=bob.entity_id)
    harness.workmail.faults.add(operation, Failure("InternalFailure", 500))
    with pytest.raises(NotReady, match=operation):
        harness.run()
    assert harness.manifest["summary"]["verified"] == 2
    harness.step(action="report", run="run-1")
    (group,) = harness.stored_json(f"{FOLDER}/dossier.json")["groups"]
    assert [each["id"] for each in group["members"]] == [bob.entity_id]


def test_what_could_not_be_read_for_the_dossier_is_said(harness: ExporterHarness) -> None:
    harness.workmail.faults.add(
        "ListMailboxPermissions", Failure("AccessDeniedException"), times=None
    )
    harness.workmail.faults.add("ListGroups", Failure("AccessDeniedException"), times=None)
    assert harness.run()["unverified"] == 0
    assert "its permissions could not be read" in str(harness.manifest["mailboxes"][0]["notes"])
    dossier = harness.stored_json(f"{FOLDER}/dossier.json")
    assert "the groups could not be read" in dossier["not_read"]
