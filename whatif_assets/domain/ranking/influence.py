"""Which axes of a family matter most."""

from __future__ import annotations

import numpy as np
import pandas as pd


def by_influence(effects: pd.DataFrame) -> list[pd.DataFrame]:
    """Split the effects of one family by axis, or by pair, the most influential first.

    That is the one whose means differ most: the variance of the metric that its
    values account for.
    """
    names = [column for column in effects if str(column).startswith("axis")]
    parts = [rows for _, rows in effects.groupby(names, sort=False)]
    return sorted(parts, key=_explained, reverse=True)


def _explained(rows: pd.DataFrame) -> float:
    counts = (rows["variants"] - rows["undefined"]).to_numpy(np.float64)
    known = counts > 0
    if not known.any():
        return 0.0
    means, counts = rows["mean"].to_numpy()[known], counts[known]
    middle = np.average(means, weights=counts)
    return float(np.average((means - middle) ** 2, weights=counts))
