"""Features across symbols: a value compared with those of other symbols at its time.

A *cross-section* is the values of a feature at one time, of all symbols of the market
or of one group. Each function here gets the values of many cross-sections together, and
the number of the cross-section of each value: whole numbers from 0 on, none left out.
Values of one cross-section are in the order of their symbols. All are finite; a symbol
without a bar or a value at the time belongs to no cross-section.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.domain.features.function import FeatureFunction
from whatif_assets.domain.features.indicators.windows import share

Tail = Annotated[float, Field(gt=0, lt=0.5)]


def rank(values: FloatArray, sections: IntArray) -> FloatArray:
    """Rank among the symbols, as a fraction of their number: 1 for the highest value.

    Equal values share the mean of their ranks.

    References
    ----------
    Fractional ranks, as in ``rank(pct=True)`` of pandas.
    """
    order, starts, sizes = _ordered(values, sections)
    sorted_values, sorted_sections = values[order], sections[order]
    place = np.arange(len(values)) - starts[sorted_sections]
    new = np.ones(len(values), dtype=bool)
    new[1:] = np.diff(sorted_values) != 0
    new[starts] = True
    tie = np.cumsum(new) - 1
    mean_place = np.bincount(tie, weights=place) / np.bincount(tie)
    ranks = np.empty(len(values))
    ranks[order] = (mean_place[tie] + 1) / sizes[sorted_sections]
    return ranks


def demean(values: FloatArray, sections: IntArray) -> FloatArray:
    """Value minus the mean of the symbols.

    References
    ----------
    Arithmetic mean.
    """
    # Relative to the first value, so that equal values give exactly 0.
    first = np.empty(int(sections.max(initial=-1)) + 1)
    first[sections[::-1]] = values[::-1]
    away = values - first[sections]
    mean = np.bincount(sections, weights=away) / np.bincount(sections)
    return away - mean[sections]


def zscore(values: FloatArray, sections: IntArray) -> FloatArray:
    """Value minus the mean of the symbols, in standard deviations of the symbols.

    NaN if all values are equal, as that of a single symbol always is.

    References
    ----------
    Standard score with the sample standard deviation, as in ``std`` of pandas.
    """
    away = demean(values, sections)
    others = np.maximum(np.bincount(sections) - 1, 1)
    deviation = np.sqrt(np.bincount(sections, weights=away**2) / others)
    return share(away, deviation[sections])


def winsorise(values: FloatArray, sections: IntArray, limit: Tail = 0.05) -> FloatArray:
    """Value, limited to the quantiles ``limit`` and 1 - ``limit`` of the symbols.

    References
    ----------
    Winsorising at quantiles that are interpolated linearly, as ``quantile`` of pandas.
    """
    order, starts, sizes = _ordered(values, sections)
    lowest, highest = (
        _quantiles(values[order], starts, sizes, level) for level in (limit, 1 - limit)
    )
    limited: FloatArray = np.clip(values, lowest[sections], highest[sections])
    return limited


def _ordered(
    values: FloatArray, sections: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Sort values by cross-section, then by size.

    Returns
    -------
    order, starts, sizes : numpy.ndarray
        The sorted rows; the first of them of each cross-section; and its size.
    """
    order = np.argsort(values)
    # In the smallest type, because NumPy sorts small whole numbers by counting.
    small = np.min_scalar_type(int(sections.max(initial=0)))
    order = order[np.argsort(sections[order].astype(small), kind="stable")]
    sizes = np.bincount(sections)
    return order, np.cumsum(sizes) - sizes, sizes


def _quantiles(
    ordered: FloatArray, starts: IntArray, sizes: IntArray, level: float
) -> FloatArray:
    """Return a quantile of each cross-section, from sorted values."""
    place = level * (sizes - 1)
    below = place.astype(np.int64)
    above = np.minimum(below + 1, sizes - 1)
    low, high = ordered[starts + below], ordered[starts + above]
    between: FloatArray = low + (high - low) * (place - below)
    return between


ACROSS: dict[str, FeatureFunction] = {
    "rank": FeatureFunction(rank, unit="fraction"),
    "zscore": FeatureFunction(zscore),
    "demean": FeatureFunction(demean),
    "winsorise": FeatureFunction(winsorise),
}
