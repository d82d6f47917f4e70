"""Correlations of a signal with returns, within groups of rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from whatif_assets.domain.base.arrays import FloatArray, IntArray, Mask

# A correlation of fewer pairs says nothing.
FEWEST_PAIRS = 5
LONG = 200  # mean length of groups from which NumPy sorts them faster
TOO_FEW = f"fewer than {FEWEST_PAIRS} rows have both a signal and a return"
SIGNAL_CONSTANT = "the signal does not vary"
RETURN_CONSTANT = "the returns do not vary"
REASONS = (TOO_FEW, SIGNAL_CONSTANT, RETURN_CONSTANT)


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows in groups, such as all symbols at a time, or all bars of a symbol.

    Attributes
    ----------
    rows
        Rows sorted by group; rows of no group are left out.
    starts
        Start of each group in ``rows``, and the end of the last one.
    periods
        Number of the period that each group belongs to.
    """

    rows: npt.NDArray[np.intp]
    starts: IntArray
    periods: IntArray

    @classmethod
    def of(cls, keys: IntArray, periods: IntArray, kept: Mask | None = None) -> Groups:
        """Group rows by a key.

        Parameters
        ----------
        keys, periods
            Key and period of each row; all rows of a key are in one period.
        kept
            Rows to keep; all by default.
        """
        rows = np.arange(len(keys)) if kept is None else np.flatnonzero(kept)
        rows = rows[np.argsort(keys[rows], kind="stable")]
        keys = keys[rows]
        new = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
        starts = np.append(new, len(rows)).astype(np.int64)
        return cls(rows, starts, periods[rows[new]].astype(np.int64))


@dataclass(frozen=True, eq=False)
class Series:
    """Values within groups, sorted once so that they are ranked quickly.

    Attributes
    ----------
    values
        One value per row of the groups; values that are not finite are left out.
    order, counts
        Positions of the finite values of each group, ascending, and their number.
    """

    values: FloatArray
    order: IntArray
    counts: IntArray

    @classmethod
    def of(cls, values: FloatArray, groups: Groups) -> Series:
        """Sort the values of all rows within groups."""
        found = np.ascontiguousarray(values[groups.rows])
        return cls(found, *_sorted(found, groups.starts))


def _sorted(values: FloatArray, starts: IntArray) -> tuple[IntArray, IntArray]:
    """Sort the finite values of each group: positions, and how many there are.

    The compiled loop is for many short groups; NumPy sorts a long one in half the time.
    """
    from whatif_assets.domain.forecast_quality.kernels import sorted_within

    if len(values) < LONG * (len(starts) - 1):
        order, counts = sorted_within(values, starts)
        return order, counts
    # NaN is sorted to the end of its group.
    plain = np.where(np.isfinite(values), values, np.nan)
    parts = [first + plain[first:end].argsort() for first, end in pairwise(starts)]
    order = np.concatenate([np.empty(0, dtype=np.int64), *parts])
    return order, np.add.reduceat(np.isfinite(values), starts[:-1], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Correlations:
    """Correlations by group.

    Attributes
    ----------
    pearson, rank
        Pearson's correlation, and that of the ranks (Spearman's), of each group. NaN
        where the group has fewer than `FEWEST_PAIRS` pairs, or one side is constant.
    reasons
        How many groups have none, for each of `REASONS`.
    """

    pearson: FloatArray
    rank: FloatArray
    reasons: IntArray


def correlations(signal: Series, returns: Series, groups: Groups) -> Correlations:
    """Correlate a signal with returns within groups, where both are finite.

    References
    ----------
    The information coefficient of alphalens, where a group is all assets at a time.
    """
    from whatif_assets.domain.forecast_quality.kernels import correlations_within

    pearson, rank, pairs, varies = correlations_within(
        signal.values,
        signal.order,
        signal.counts,
        returns.values,
        returns.order,
        returns.counts,
        groups.starts,
    )
    few = pairs < FEWEST_PAIRS
    pearson[few] = rank[few] = np.nan
    reasons = [few, ~few & ~varies[0], ~few & varies[0] & ~varies[1]]
    counts = np.array([int(found.sum()) for found in reasons], dtype=np.int64)
    return Correlations(pearson, rank, counts)


@dataclass(frozen=True, eq=False)
class Products:
    """What each row adds to a correlation within its group.

    Attributes
    ----------
    pearson, rank
        Product of the two standard scores of a row, of the values and of their ranks;
        their mean over a group is its correlation. NaN as for :class:`Correlations`.
    reasons
        As for :class:`Correlations`.
    """

    pearson: FloatArray
    rank: FloatArray
    reasons: IntArray


def products(signal: FloatArray, returns: FloatArray, groups: Groups) -> Products:
    """Take a correlation within groups apart by row.

    Parameters
    ----------
    signal, returns
        One value per row; rows where one of them is not finite are left out.
    groups
        The groups of the rows.
    """
    known = np.isfinite(signal) & np.isfinite(returns)
    count = len(groups.starts) - 1
    number = np.repeat(np.arange(count), np.diff(groups.starts))
    inside = known[groups.rows]
    rows, number = groups.rows[inside], number[inside]
    few = np.bincount(number, minlength=count) < FEWEST_PAIRS
    pearson, rank = np.full((2, len(signal)), np.nan)
    scores = [_scores(values[rows], number, count) for values in (signal, returns)]
    enough = ~few[number]
    pearson[rows[enough]] = (scores[0] * scores[1])[enough]
    of_ranks = [
        _scores(_ranks(values[rows], number), number, count)
        for values in (signal, returns)
    ]
    rank[rows[enough]] = (of_ranks[0] * of_ranks[1])[enough]
    varies = [sum_by(np.abs(one), number, count) > 0 for one in scores]
    reasons = [few, ~few & ~varies[0], ~few & varies[0] & ~varies[1]]
    counts = np.array([int(found.sum()) for found in reasons], dtype=np.int64)
    return Products(pearson, rank, counts)


def _ranks(values: FloatArray, number: IntArray) -> FloatArray:
    ranks = pd.Series(values).groupby(number).rank()
    return np.asarray(ranks, dtype=np.float64)


def _scores(values: FloatArray, number: IntArray, count: int) -> FloatArray:
    """Standard scores within groups; NaN in a group whose values do not vary."""
    first = np.zeros(count)
    first[number[::-1]] = values[::-1]
    away = values - first[number]  # exactly 0 if all values of a group are equal
    away = away - mean_by(away, number, count)[number]
    deviation: FloatArray = np.sqrt(mean_by(away**2, number, count))[number]
    scores: FloatArray = np.full(len(values), np.nan)
    np.divide(away, deviation, out=scores, where=deviation > 0)
    return scores


def sum_by(values: FloatArray, numbers: IntArray, count: int) -> FloatArray:
    """Sum the finite values of each number from 0 to ``count - 1``; 0 if none."""
    known = np.isfinite(values)
    sums = np.bincount(numbers[known], weights=values[known], minlength=count)
    return sums.astype(np.float64)


def mean_by(values: FloatArray, numbers: IntArray, count: int) -> FloatArray:
    """Average the finite values of each number from 0 to ``count - 1``; NaN if none."""
    sums = sum_by(values, numbers, count)
    found = np.bincount(numbers[np.isfinite(values)], minlength=count)
    means = np.full(count, np.nan)
    np.divide(sums, found, out=means, where=found > 0)
    return means
