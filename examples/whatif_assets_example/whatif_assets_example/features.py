"""A feature: the efficiency ratio."""

from __future__ import annotations

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.features.function import FeatureFunction, Period


def efficiency_ratio(price: FloatArray, timeperiod: Period = 10) -> FloatArray:
    """Net move of the price over some bars, as a fraction of the way that it went.

    1 if the price moved in one direction only; NaN if it did not move, and in the first
    bars.

    References
    ----------
    Kaufman, Trading Systems and Methods, 1978.
    """
    ratio = np.full(len(price), np.nan)
    if len(price) <= timeperiod:
        return ratio
    windows = np.lib.stride_tricks.sliding_window_view(price, timeperiod + 1)
    way = np.abs(np.diff(windows, axis=1)).sum(axis=1)
    net = np.abs(windows[:, -1] - windows[:, 0])
    np.divide(net, way, out=ratio[timeperiod:], where=way > 0)
    return ratio


def bars_before(timeperiod: int = 10) -> int:
    """Return the number of bars before a bar that its ratio needs."""
    return timeperiod


EFFICIENCY_RATIO = FeatureFunction(efficiency_ratio, bars_before, unit="fraction")
