"""Time and cost by `memory_size`: a model, from CPU seconds that were measured here.

Lambda gives processor time in proportion to memory, a whole processor at 1769 MB:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

from __future__ import annotations

from dataclasses import dataclass

SIZES = (128, 192, 256, 384, 512, 768, 1024, 1769)
REGISTRATIONS = 1000
_WHOLE_PROCESSOR = 1769
# Three calls of WorkMail and the answer, of 50 ms each.
_NETWORK_SECONDS = 4 * 0.05


@dataclass(frozen=True)
class Cost:
    """Of a thousand Creates: seconds of one of them, and GB-seconds of all."""

    memory_size: int
    seconds: float
    gb_seconds: float


def cost(memory_size: int, cpu_seconds: float) -> Cost:
    """With a processor as fast as this machine's; more than one whole processor does not help."""
    seconds = cpu_seconds / min(1.0, memory_size / _WHOLE_PROCESSOR) + _NETWORK_SECONDS
    return Cost(memory_size, seconds, REGISTRATIONS * seconds * memory_size / 1024)
