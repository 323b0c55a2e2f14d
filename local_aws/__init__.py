"""An embedded AWS for tests, the demo and experiments: MiniStack and a local WorkMail."""

from __future__ import annotations

from .bootstrap import BootstrapError
from .embedded import ACCOUNT_ID, LocalAws
from .ministack import MiniStackError
from .sample import SampleOrganization, sample_organization, seed_organization
from .workmail import Behaviour, Call, Drop, Failure, NoResponse, Stall, WorkMail, WorkMailError

__all__ = [
    "ACCOUNT_ID",
    "Behaviour",
    "BootstrapError",
    "Call",
    "Drop",
    "Failure",
    "LocalAws",
    "MiniStackError",
    "NoResponse",
    "SampleOrganization",
    "Stall",
    "WorkMail",
    "WorkMailError",
    "sample_organization",
    "seed_organization",
]
