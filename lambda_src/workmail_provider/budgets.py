"""How long a request may wait, and for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """The longest that one request waits for one kind of thing to settle, in seconds."""

    name: str
    seconds: float
    first_pause: float = 0.2
    longest_pause: float = 5.0


# Two minutes is what Terraform's provider gives WorkMail for each of these, against the real one.
ENTITY_VISIBLE = Budget("entity to appear", 120)
DOMAIN_VERIFIED = Budget("domain to be verified", 120)
DIRECTORY_AVAILABLE = Budget("directory to be available", 120)
ENTITY_DEREGISTERED = Budget("entity to be deregistered", 120)
STATE_CHANGED = Budget("change to show", 120)
PERMISSION_PROPAGATED = Budget("permission to take effect", 120, first_pause=1.0)
SERVICE_RECOVERED = Budget("service to recover", 180, first_pause=0.5)
# A whole roster is delivered at once, and WorkMail's request rates are not published.
THROTTLING_EASED = Budget("throttling to ease", 480, first_pause=0.5, longest_pause=20.0)
