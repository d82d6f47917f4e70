"""Compiled loops over groups of values; this module is imported only when needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

compiled = njit(cache=True, nogil=True, error_model="numpy")


@compiled
def sorted_within(values: Any, starts: Any) -> Any:
    """Sort the finite values of each group.

    Returns
    -------
    tuple
        Positions of the values, (len(values),) int64: those of a group begin at its
        start, in ascending order of their values. And how many each group has.
    """
    order = np.empty(len(values), np.int64)
    counts = np.zeros(len(starts) - 1, np.int64)
    for group in range(len(starts) - 1):
        first, number = starts[group], 0
        for row in range(first, starts[group + 1]):
            if np.isfinite(values[row]):
                order[first + number] = row
                number += 1
        found = order[first : first + number].copy()
        order[first : first + number] = found[np.argsort(values[found])]
        counts[group] = number
    return order, counts


@compiled
def _rank(values: Any, others: Any, order: Any, ranks: Any, first: int) -> None:
    """Rank values in ascending order where the other is finite, ties by their mean.

    Parameters
    ----------
    values, others
        Values, and those that they are paired with.
    order
        Positions of the group's finite values, ascending.
    ranks
        Written: the rank of each position, counted from the position ``first``.
    first
        Start of the group.
    """
    number, start, last = 0, 0, np.nan
    for place in range(len(order) + 1):
        end = place == len(order)
        if place > 0 and (end or values[order[place]] != last):
            if place - start > 1:
                ties = number - (ranks[order[start] - first] - 1)
                for tied in range(start, place):
                    ranks[order[tied] - first] += (ties - 1) / 2
            start = place
        if not end:
            row = order[place]
            if place == start:
                last = values[row]
                ranks[row - first] = number + 1
            else:
                ranks[row - first] = ranks[order[start] - first]
            number += np.isfinite(others[row])


@compiled
def _correlations(x: Any, y: Any, ranks_x: Any, ranks_y: Any, number: int) -> Any:
    """Correlate values, and ranks, where both values are finite.

    Returns
    -------
    tuple
        The two correlations, NaN if a variance is too small for a number; and whether
        ``x`` varies, and ``y``.
    """
    mean_x, mean_y = 0.0, 0.0
    low_x, high_x, low_y, high_y = np.inf, -np.inf, np.inf, -np.inf
    for at in range(len(x)):
        if np.isfinite(x[at]) and np.isfinite(y[at]):
            mean_x += x[at] / number
            mean_y += y[at] / number
            low_x, high_x = min(low_x, x[at]), max(high_x, x[at])
            low_y, high_y = min(low_y, y[at]), max(high_y, y[at])
    if not (low_x < high_x and low_y < high_y):
        return np.nan, np.nan, low_x < high_x, low_y < high_y
    middle = (number + 1) / 2
    xx, yy, xy, ranks_xx, ranks_yy, ranks_xy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for at in range(len(x)):
        if np.isfinite(x[at]) and np.isfinite(y[at]):
            dx, dy = x[at] - mean_x, y[at] - mean_y
            xx += dx * dx
            yy += dy * dy
            xy += dx * dy
            dx, dy = ranks_x[at] - middle, ranks_y[at] - middle
            ranks_xx += dx * dx
            ranks_yy += dy * dy
            ranks_xy += dx * dy
    both = np.sqrt(xx) * np.sqrt(yy)
    pearson = min(1.0, max(-1.0, xy / both)) if both > 0 else np.nan
    ranked = ranks_xy / np.sqrt(ranks_xx * ranks_yy)
    return pearson, min(1.0, max(-1.0, ranked)), True, True


@compiled
def correlations_within(
    x: Any,
    x_order: Any,
    x_counts: Any,
    y: Any,
    y_order: Any,
    y_counts: Any,
    starts: Any,
) -> Any:
    """Correlate two arrays within each group, over the rows where both are finite.

    Parameters
    ----------
    x, y
        Values, sorted by group.
    x_order, x_counts, y_order, y_counts
        Of :func:`sorted_within`.
    starts
        Start of each group, and the end of the last one.

    Returns
    -------
    tuple
        Pearson's correlation and the correlation of ranks by group, NaN where one of
        the arrays is constant; the number of pairs; whether ``x`` varies, and ``y``.
    """
    groups = len(starts) - 1
    longest = int(np.max(starts[1:] - starts[:-1])) if groups else 0
    ranks_x, ranks_y = np.empty(longest), np.empty(longest)
    pearson, ranked = np.full(groups, np.nan), np.full(groups, np.nan)
    counts = np.zeros(groups, np.int64)
    varies = np.zeros((2, groups), np.bool_)
    for group in range(groups):
        first, end = starts[group], starts[group + 1]
        if x_counts[group] < 2 or y_counts[group] < 2:
            continue
        for row in range(first, end):
            counts[group] += np.isfinite(x[row]) and np.isfinite(y[row])
        if counts[group] < 2:
            continue
        _rank(x, y, x_order[first : first + x_counts[group]], ranks_x, first)
        _rank(y, x, y_order[first : first + y_counts[group]], ranks_y, first)
        found = _correlations(
            x[first:end], y[first:end], ranks_x, ranks_y, counts[group]
        )
        pearson[group], ranked[group], varies[0, group], varies[1, group] = found
    return pearson, ranked, counts, varies
