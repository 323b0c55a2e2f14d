"""One embedded AWS for all of these tests; an organization and a stack of its own for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from local_aws import LocalAws
from local_aws.workmail import Behaviour, Organization
from tests.local.pipeline import Pipeline


@pytest.fixture(scope="session")
def local_aws() -> Iterator[LocalAws]:
    """IAM policies count here, so that a missing permission shows."""
    with LocalAws(enforce_iam=True) as started:
        started.bootstrap()
        yield started


@pytest.fixture
def organization(local_aws: LocalAws) -> Iterator[Organization]:
    """With users alice and bob, group team and room board-room, all disabled."""
    organization = local_aws.workmail.add_organization(f"o{uuid4().hex[:12]}", domain="example.com")
    organization.add_user("alice")
    organization.add_user("bob")
    organization.add_group("team")
    organization.add_resource("board-room")
    yield organization
    local_aws.workmail.faults.clear()
    local_aws.workmail.behaviour = Behaviour()


@pytest.fixture
def pipeline(local_aws: LocalAws, tmp_path: Path) -> Iterator[Pipeline]:
    pipeline = Pipeline(local_aws, tmp_path, f"Mail{uuid4().hex[:12]}")
    yield pipeline
    local_aws.workmail.faults.clear()
    pipeline.destroy()
