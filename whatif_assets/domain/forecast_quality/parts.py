"""What forecasts are worth by symbol, and by hour of the exchange's clock."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray, Mask
from whatif_assets.domain.forecast_quality.correlations import sum_by
from whatif_assets.domain.forecast_quality.plan import Plan

OF_SYMBOL, OF_HOUR, OF_REGIME = "symbol", "hour", "volatility"
# Figures of a part that are means over its rows.
FIGURES = ("ic", "rank_ic", "hit_rate")
HOURS = 24


def sums_by_part(
    rows: pd.DataFrame,
    figures: Mapping[str, FloatArray],
    known: Mask,
    start: str,
    plan: Plan,
) -> pd.DataFrame:
    """Sum figures by part, so that sessions can be added up.

    Parameters
    ----------
    rows
        symbol, ts.
    figures
        `FIGURES` of each row: what it adds to the correlations, and whether forecast
        and return have the same sign; NaN for none.
    known
        Whether a row has a forecast and a return.
    start
        Start of the returns.
    plan
        What is measured.

    Returns
    -------
    pandas.DataFrame
        Index: kind of part, part and start. For each of `FIGURES` its sum and the
        number summed (``ic`` and ``ic_number``), and ``observations``, the rows with a
        forecast and a return. There are no hours for daily bars.
    """
    numbers, names = pd.factorize(rows["symbol"])
    divisions = [(OF_SYMBOL, numbers, pd.Index(names))]
    if not plan.size.daily:
        hours = rows["ts"].dt.tz_convert(plan.timezone).dt.hour.to_numpy()
        named = pd.Index([f"{hour:02d}:00" for hour in range(HOURS)])
        divisions.append((OF_HOUR, hours, named))
    found = []
    for kind, part, names in divisions:
        part, count = part.astype(np.int64), len(names)
        columns = {"observations": sum_by(known.astype(np.float64), part, count)}
        for name in FIGURES:
            summed = np.where(np.isfinite(figures[name]), 1.0, np.nan)
            columns[name] = sum_by(figures[name], part, count)
            columns[f"{name}_number"] = sum_by(summed, part, count)
        index = pd.MultiIndex.from_product([[kind], names, [start]])
        sums = pd.DataFrame(columns, index=index)
        found.append(sums[sums["observations"] > 0])
    return pd.concat(found)


def figures_of(sums: pd.DataFrame) -> pd.DataFrame:
    """Divide sums by their numbers: kind, part, returns_from, `FIGURES`, observations.

    A figure is NaN where nothing was summed.
    """
    found = pd.DataFrame(index=sums.index)
    for name in FIGURES:
        number = sums[f"{name}_number"]
        found[name] = sums[name] / number.where(number > 0)
    found["observations"] = sums["observations"].astype(np.int64)
    return found.rename_axis(["kind", "part", "returns_from"]).reset_index()
