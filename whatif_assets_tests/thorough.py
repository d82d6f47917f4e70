"""How many random examples the comparisons with Backtrader try.

`make test` tries a quarter of them, `make test-parity` all.
"""

from __future__ import annotations

import os

SHARE = 1 if os.environ.get("WHATIF_THOROUGH") else 4


def examples(number: int) -> int:
    """Return how many of a number of examples are tried."""
    return number // SHARE
