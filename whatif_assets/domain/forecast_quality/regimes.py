"""Regimes of volatility that were known before a period began."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

LOW, MIDDLE, HIGH = REGIMES = ("low", "middle", "high")
NOT_KNOWN = ""
# Periods whose mean volatility stands for the next one, and how many such means there
# have to be before one can be called high.
PERIODS_BEFORE = 5
FEWEST_BEFORE = 6


def regimes(volatility: pd.Series) -> pd.Series:
    """Name the regime of each period, from the periods before it alone.

    The mean volatility of the five periods before is compared with the same mean of all
    earlier periods: it is low or high if it is in their lowest or highest third.

    Parameters
    ----------
    volatility
        Volatility by period, oldest first; NaN is left out of means.

    Returns
    -------
    pandas.Series
        ``low``, ``middle``, ``high``, or `NOT_KNOWN` if fewer than six earlier means
        are known; as indexed.
    """
    before = volatility.rolling(PERIODS_BEFORE, min_periods=1).mean().shift(1)
    values = before.to_numpy(dtype=np.float64)
    names = [_regime(values[:at], value) for at, value in enumerate(values)]
    return pd.Series(names, index=volatility.index, dtype=object)


def _regime(earlier: np.ndarray, value: float) -> str:
    known = earlier[np.isfinite(earlier)]
    if math.isnan(value) or len(known) < FEWEST_BEFORE:
        return NOT_KNOWN
    below = float((known < value).mean() + (known <= value).mean()) / 2
    return LOW if below < 1 / 3 else HIGH if below > 2 / 3 else MIDDLE
