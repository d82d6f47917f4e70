"""A metric: the ulcer index."""

from __future__ import annotations

import numpy as np

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.metrics import Metric
from whatif_assets.domain.base.arrays import FloatArray


def ulcer_index(of: Accounts) -> FloatArray:
    """Root mean square of the falls from the peak so far, as fractions of the peak.

    The starting cash is the first peak; values are those at session ends.

    References
    ----------
    Martin and McCann, The Investor's Guide to Fidelity Funds, 1989.
    """
    path = np.column_stack([of.start_cash, of.equity])
    peak = np.maximum.accumulate(path, axis=1)
    return np.sqrt(np.mean((1 - path / peak) ** 2, axis=1))


ULCER_INDEX = Metric(
    "ulcer_index", ulcer_index, higher_is_better=False, unit="fraction"
)
