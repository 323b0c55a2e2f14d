"""What this project costs, measured beside what a user would pick instead. `make bench` runs it."""

from __future__ import annotations

import sys
from pathlib import Path

# The function's package is installed nowhere: it is shipped as files.
sys.path.append(str(Path(__file__).parents[1] / "lambda_src"))
