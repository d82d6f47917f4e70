"""Features across symbols, from values that were computed for each symbol by itself.

A feature across symbols compares values at one time. It is computed session by session,
from all symbols with a bar, so that a session has the same bits alone and in a range.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.arrays import FloatArray, IntArray
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features.feature import Feature

GROUP = "group"  # the column of bars with the group of their symbol
KEYS = ("symbol", "ts", "session")
Rows = npt.NDArray[np.intp]
Compare = Callable[[FloatArray, IntArray], FloatArray]


def per_symbol(features: Sequence[Feature]) -> list[Feature]:
    """List the features to compute for each symbol by itself, each once.

    They are the features themselves, and the innermost ones of those across symbols.
    """
    return list(dict.fromkeys(feature.leaf for feature in features))


def group_column(features: Sequence[Feature]) -> list[str]:
    """Return the name of the column of groups, if a feature reads it."""
    return [GROUP] if any(feature.reads_groups for feature in features) else []


def check_groups(bars: pd.DataFrame, features: Sequence[Feature]) -> None:
    """Raise BadInput if a feature compares symbols by group and bars have no groups."""
    for feature in features:
        if feature.reads_groups and GROUP not in bars:
            raise BadInput(
                f"feature {feature.function}: by: the bars have no column '{GROUP}'; "
                "add the group of the symbol of each bar, or write by: market."
            )


def check_same_times(features: Sequence[Feature], size: BarSize) -> None:
    """Raise BadInput for a feature across symbols whose bars have different times."""
    for feature in features:
        if feature.inner is not None and size.by_activity:
            raise BadInput(
                f"feature {feature.function}: bars of {size} begin at other times for "
                "each symbol, so that there is nothing to compare at one time. Use a "
                "market with bars by time."
            )


def across_symbols(computed: pd.DataFrame, features: Sequence[Feature]) -> pd.DataFrame:
    """Compute features across symbols from the values of their innermost features.

    Parameters
    ----------
    computed
        ``symbol``, ``ts`` and a column for each of ``per_symbol(features)``, sorted by
        (symbol, ts); also ``session``, if there are several, and ``group``, if a
        feature compares symbols by group.
    features
        The wanted features; those of one symbol are passed on.

    Returns
    -------
    pandas.DataFrame
        ``symbol``, ``ts``, ``session`` if it is there, and one float64 column per
        feature. NaN where the innermost feature is not finite.
    """
    across = [feature for feature in features if feature.inner is not None]
    if not across:
        return computed
    values = {feature.column: np.full(len(computed), np.nan) for feature in across}
    for rows in _sessions(computed):
        session = _Session(computed, rows)
        for feature in across:
            values[feature.column][rows] = session.values(feature)
    kept = [name for name in KEYS if name in computed]
    names = [*kept, *(feature.column for feature in features)]
    return pd.DataFrame(
        {name: values[name] if name in values else computed[name] for name in names},
        copy=False,
    )


def numbers_of_times(ts: pd.Series) -> IntArray:
    """Number the times of rows; equal times have the same number."""
    times = ts.to_numpy(dtype="datetime64[us]")
    return pd.factorize(times)[0].astype(np.int64, copy=False)


def split_by_group(numbers: IntArray, groups: pd.Series) -> IntArray:
    """Give each group of a time its own number; a missing group counts as one."""
    group, names = pd.factorize(groups.to_numpy(), use_na_sentinel=False)
    apart: IntArray = numbers * len(names) + group
    return apart


def within_sections(
    values: FloatArray, numbers: IntArray, compare: Compare
) -> FloatArray:
    """Compare finite values with those of the same number; the others become NaN.

    Parameters
    ----------
    values
        One value per row.
    numbers
        Number of the cross-section of each row.
    compare
        Function of finite values and their cross-sections, numbered without a gap.
    """
    known = np.isfinite(values)
    sections = pd.factorize(numbers[known])[0].astype(np.int64, copy=False)
    result = np.full(len(values), np.nan)
    result[known] = compare(values[known], sections)
    return result


def _sessions(computed: pd.DataFrame) -> Iterator[Rows]:
    """Yield the rows of each session, in their order."""
    if "session" not in computed:
        yield np.arange(len(computed))
        return
    numbers, _ = pd.factorize(computed["session"])
    order = np.argsort(numbers, kind="stable")
    yield from np.split(order, np.cumsum(np.bincount(numbers))[:-1])


class _Session:
    """The cross-sections of one session.

    Parameters
    ----------
    computed, rows
        The values of all sessions, and the rows of this one.
    """

    def __init__(self, computed: pd.DataFrame, rows: Rows) -> None:
        self._computed, self._rows = computed, rows

    def values(self, feature: Feature) -> FloatArray:
        """Compute a feature across symbols at the rows of the session."""
        return self._within(feature, feature.leaf.column)

    def _within(self, feature: Feature, leaf: str) -> FloatArray:
        if feature.inner is None:
            values: FloatArray = self._computed[leaf].to_numpy()[self._rows]
            return values
        inner = self._within(feature.inner, leaf)
        by_group = ("by", "group") in feature.arguments
        numbers = self._by_group if by_group else self._by_time
        return within_sections(inner, numbers, feature.across)

    @functools.cached_property
    def _by_time(self) -> IntArray:
        return numbers_of_times(self._computed["ts"].iloc[self._rows])

    @functools.cached_property
    def _by_group(self) -> IntArray:
        return split_by_group(self._by_time, self._computed[GROUP].iloc[self._rows])
