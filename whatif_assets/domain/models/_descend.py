"""Compiled loop that computes the forecasts of a forest."""

from __future__ import annotations

import numba
import numpy as np

from whatif_assets.domain.base.arrays import FloatArray, Int32Array


@numba.njit(cache=True, nogil=True)
def add_up(
    x: FloatArray,
    constant: float,
    roots: Int32Array,
    weights: FloatArray,
    feature: Int32Array,
    threshold: FloatArray,
    value: FloatArray,
    left: Int32Array,
    right: Int32Array,
) -> FloatArray:  # pragma: no cover (compiled)
    """Sum the weighted leaves of each row, tree by tree; see `Forest`."""
    forecast = np.empty(len(x))
    for row in range(len(x)):
        total = constant
        for tree in range(len(roots)):
            node = roots[tree]
            while feature[node] >= 0:
                if x[row, feature[node]] <= threshold[node]:
                    node = left[node]
                else:
                    node = right[node]
            total += weights[tree] * value[node]
        forecast[row] = total
    return forecast
