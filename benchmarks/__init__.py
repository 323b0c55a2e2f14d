"""The costs of this library beside its alternatives. `make bench` measures them."""

from __future__ import annotations

import sys
from pathlib import Path

# The function's package is not installed: it is shipped as files.
sys.path.append(str(Path(__file__).parents[1] / "lambda_src"))
