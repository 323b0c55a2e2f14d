"""How long a request waits, and for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """The longest wait of one request for one condition, in seconds."""

    name: str
    seconds: float
    first_backoff: float = 0.2
    longest_backoff: float = 5.0


# Two minutes is what Terraform's provider gives WorkMail for each of these, against the real one.
ENTITY_VISIBLE = Budget("entity to appear", 120)
DOMAIN_VERIFIED = Budget("domain to be verified", 120)
DIRECTORY_AVAILABLE = Budget("directory to be available", 120)
ENTITY_DEREGISTERED = Budget("entity to be deregistered", 120)
STATE_CHANGED = Budget("change to show", 120)
PERMISSION_PROPAGATED = Budget("permission to take effect", 120, first_backoff=1.0)
SERVICE_RECOVERED = Budget("service to recover", 180, first_backoff=0.5)
# A stack that is deployed at the same time may declare what another one removes.
DECLARATIONS_SETTLED = Budget("other stacks to be deployed", 480, longest_backoff=20.0)
# Hundreds of requests arrive at once, and WorkMail does not publish its rates.
THROTTLING_EASED = Budget("throttling to ease", 480, first_backoff=0.5, longest_backoff=20.0)
