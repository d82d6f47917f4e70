"""What forecasts are worth by symbol, and by hour of the exchange's clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.domain.forecast_quality.bins import hits
from whatif_assets.domain.forecast_quality.correlations import (
    Groups,
    Series,
    correlations,
    mean_by,
    sum_by,
)
from whatif_assets.domain.forecast_quality.plan import Plan, first_of

OF_SYMBOL, OF_HOUR, OF_REGIME = "symbol", "hour", "volatility"
# Figures of a part that are means, each with its sum and its number.
FIGURES = ("ic", "rank_ic", "hit_rate")
HOURS = 24


@dataclass(frozen=True, eq=False)
class _Parts:
    """A division of rows, such as that by symbol.

    Attributes
    ----------
    kind
        Kind of the parts.
    names
        Names of the parts.
    of_row
        Number of the part of each row.
    groups
        Rows that are ranked together; the period of a group is its cell.
    part_of_cell
        Number of the part of each cell, over whose groups correlations are averaged.
    """

    kind: str
    names: pd.Index[str]
    of_row: IntArray
    groups: Groups
    part_of_cell: IntArray


def sums_by_part(
    rows: pd.DataFrame,
    forecasts: FloatArray,
    returns: Mapping[str, FloatArray],
    compared: IntArray,
    periods: IntArray,
    plan: Plan,
) -> pd.DataFrame:
    """Sum correlations and hits by part, so that sessions can be added up.

    Parameters
    ----------
    rows
        symbol, ts, session.
    forecasts, returns
        One per row; returns by start.
    compared, periods
        Number of the rows that are ranked together, and of the period, of each row.
    plan
        What is measured.

    Returns
    -------
    pandas.DataFrame
        Index: kind of part, part and start of the return. For each of `FIGURES` its
        sum and the number summed (``ic`` and ``ic_number``), and ``observations``, the
        rows with a forecast and a return. The correlation of a symbol is that over its
        bars of a session (of a month for daily bars); that of an hour is the mean over
        a period. There are no hours for daily bars.
    """
    divisions = [_by_symbol(rows, plan)]
    if not plan.size.daily:
        divisions.append(_by_hour(rows, compared, periods, plan))
    return pd.concat(
        [sums for parts in divisions for sums in _sums(parts, forecasts, returns)]
    )


def figures_of(sums: pd.DataFrame) -> pd.DataFrame:
    """Divide sums by their numbers: kind, part, returns_from, `FIGURES`, observations.

    A figure is NaN where nothing was summed; ``periods`` is how many correlations a
    mean is of.
    """
    found = pd.DataFrame(index=sums.index)
    for name in FIGURES:
        number = sums[f"{name}_number"]
        found[name] = sums[name] / number.where(number > 0)
    found["periods"] = sums["rank_ic_number"].astype(np.int64)
    found["observations"] = sums["observations"].astype(np.int64)
    return found.rename_axis(["kind", "part", "returns_from"]).reset_index()


def _by_symbol(rows: pd.DataFrame, plan: Plan) -> _Parts:
    numbers, names = pd.factorize(rows["symbol"])
    dates = first_of(rows["session"], plan.size.daily)
    months, known = pd.factorize(dates)
    keys = numbers.astype(np.int64) * len(known) + months
    cells = np.arange(len(names) * len(known))
    return _Parts(
        OF_SYMBOL,
        pd.Index(names),
        numbers.astype(np.int64),
        Groups.of(keys, keys),
        cells // max(len(known), 1),
    )


def _by_hour(
    rows: pd.DataFrame, compared: IntArray, periods: IntArray, plan: Plan
) -> _Parts:
    local = rows["ts"].dt.tz_convert(plan.timezone)
    hours = local.dt.hour.to_numpy(dtype=np.int64)
    cells = periods * HOURS + hours
    return _Parts(
        OF_HOUR,
        pd.Index([f"{hour:02d}:00" for hour in range(HOURS)]),
        hours,
        Groups.of(compared * HOURS + hours, cells),
        np.arange(HOURS * (int(periods.max(initial=-1)) + 1)) % HOURS,
    )


def _sums(
    parts: _Parts, forecasts: FloatArray, returns: Mapping[str, FloatArray]
) -> Iterator[pd.DataFrame]:
    """Yield the sums of all parts, for each start of the returns."""
    signal, groups = Series.of(forecasts, parts.groups), parts.groups
    cells, count = len(parts.part_of_cell), len(parts.names)
    for start, values in returns.items():
        found = correlations(signal, Series.of(values, groups), groups)
        both = np.isfinite(forecasts) & np.isfinite(values)
        columns: dict[str, FloatArray] = {}
        for name, of_group in (("ic", found.pearson), ("rank_ic", found.rank)):
            means = mean_by(of_group, groups.periods, cells)
            columns |= dict(_summed(name, means, parts.part_of_cell, count))
        columns |= _summed("hit_rate", hits(forecasts, values), parts.of_row, count)
        columns["observations"] = sum_by(both.astype(np.float64), parts.of_row, count)
        index = pd.MultiIndex.from_product([[parts.kind], parts.names, [start]])
        sums = pd.DataFrame(columns, index=index)
        yield sums[sums["observations"] > 0]


def _summed(
    name: str, values: FloatArray, numbers: IntArray, count: int
) -> Iterator[tuple[str, FloatArray]]:
    yield name, sum_by(values, numbers, count)
    known = np.where(np.isfinite(values), 1.0, np.nan)
    yield f"{name}_number", sum_by(known, numbers, count)
