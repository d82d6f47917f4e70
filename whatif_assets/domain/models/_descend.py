"""The loop that scores a forest, compiled."""

from __future__ import annotations

import numba
import numpy as np

from whatif_assets.domain.models.portable import Indexes, Matrix, Vector


@numba.njit(cache=True, nogil=True)
def add_up(
    x: Matrix,
    constant: float,
    roots: Indexes,
    weights: Vector,
    feature: Indexes,
    threshold: Vector,
    value: Vector,
    left: Indexes,
    right: Indexes,
) -> Vector:  # pragma: no cover (compiled)
    """Add up the weighted leaves of each row, tree by tree; see `Forest`."""
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
