"""Influence: which axes of a family of variants change a metric most."""

from __future__ import annotations

import numpy as np
import pandas as pd


def by_influence(effects: pd.DataFrame) -> list[pd.DataFrame]:
    """Split the effects of one family by axis, or pair of axes, the largest first.

    The influence of an axis is the variance of the metric between its values: the
    variance of their means, weighted by the number of variants.

    Parameters
    ----------
    effects
        One row per value of an axis (or pair of values), with columns ``axis...``,
        ``mean``, ``variants`` and ``undefined`` (variants whose metric is NaN).
    """
    names = [column for column in effects if str(column).startswith("axis")]
    parts = [rows for _, rows in effects.groupby(names, sort=False)]
    return sorted(parts, key=_explained, reverse=True)


def _explained(rows: pd.DataFrame) -> float:
    """Variance of the means between the values of an axis; 0 where none is known."""
    counts = (rows["variants"] - rows["undefined"]).to_numpy(np.float64)
    known = counts > 0
    if not known.any():
        return 0.0
    means, counts = rows["mean"].to_numpy()[known], counts[known]
    middle = np.average(means, weights=counts)
    return float(np.average((means - middle) ** 2, weights=counts))
