"""Stationary-bootstrap resamples of sessions.

References
----------
Politis and Romano, The stationary bootstrap, JASA, 1994.
Politis and White, Automatic block-length selection for the dependent bootstrap,
Econometric Reviews, 2004, corrected by Patton, Politis and White, 2009.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.selection.sharpe import varies

# The rule fails on shorter series, because it cannot estimate their autocorrelation.
_FEWEST_SESSIONS = 15
_FEWEST_BLOCKS = 5


def block_length(returns: FloatArray) -> int:
    """Choose the mean block length for a series (Politis and White).

    Parameters
    ----------
    returns
        Returns of one series, oldest first.

    Returns
    -------
    int
        At least 1, and at most a fifth of the series; 1 for a series that has fewer
        than 15 sessions or does not vary.
    """
    if len(returns) < _FEWEST_SESSIONS or not varies(returns):
        return 1
    from arch.bootstrap import optimal_block_length

    # Scaled to unit deviation, because the rule treats small returns as constants.
    chosen = optimal_block_length(returns / returns.std())["stationary"].iloc[0]
    longest = len(returns) // _FEWEST_BLOCKS
    return int(np.clip(round(chosen), 1, longest)) if np.isfinite(chosen) else 1


def resamples(
    sessions: int, block: int, repetitions: int, seed: int
) -> npt.NDArray[np.int64]:
    """Draw the sessions of each resample.

    Parameters
    ----------
    sessions
        Length of the series, and of each resample.
    block
        Mean length of a block.
    repetitions
        Number of resamples.
    seed
        The same seed draws the same sessions.

    Returns
    -------
    numpy.ndarray
        Session numbers, (repetitions, sessions) int64.
    """
    # Imported here: the import takes a second, and many runs need no verdict.
    from arch.bootstrap import StationaryBootstrap

    bootstrap = StationaryBootstrap(block, np.arange(sessions), seed=seed)
    drawn = [data[0][0] for data in bootstrap.bootstrap(repetitions)]
    return np.asarray(drawn, dtype=np.int64).reshape(repetitions, sessions)
