"""The worst drawdowns of an equity curve, one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray

COLUMNS = ("peak", "trough", "recovery", "lost", "depth")
NONE = -1


def worst_drawdowns(equity: FloatArray, start: float, most: int = 10) -> pd.DataFrame:
    """List the worst drawdowns, the deepest first.

    A drawdown begins at a peak of the equity and ends where the equity is as high
    again, so drawdowns do not overlap.

    Parameters
    ----------
    equity
        Value of the account at the end of each session, (n,) float64 without NaN.
    start
        Value before the first session; it counts as a peak.
    most
        The largest number of drawdowns to list.

    Returns
    -------
    pandas.DataFrame
        ``peak``, ``trough`` and ``recovery``: numbers of sessions; the peak is -1 if it
        is the start, and the recovery is -1 if there is none yet. ``lost`` is the money
        lost from peak to trough, positive, and ``depth`` the same as a fraction of the
        peak.
    """
    value = np.concatenate([[start], np.asarray(equity, dtype=np.float64)])
    highest = np.maximum.accumulate(value)
    below = value < highest
    edges = np.flatnonzero(
        np.diff(np.concatenate([[False], below, [False]]).astype(int))
    )
    rows = []
    for first, end in edges.reshape(-1, 2):
        trough = first + int(np.argmin(value[first:end]))
        lost = highest[trough] - value[trough]
        recovery = end - 1 if end < len(value) else NONE
        depth = lost / highest[trough] if highest[trough] > 0 else np.nan
        rows.append((first - 2, trough - 1, recovery, lost, depth))
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    deepest = found.sort_values(["lost", "peak"], ascending=[False, True])
    return deepest.head(most).reset_index(drop=True)
