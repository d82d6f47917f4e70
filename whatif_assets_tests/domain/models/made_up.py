"""Random training rows, from a seed."""

from __future__ import annotations

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.models import ALGORITHMS


def rows_of(
    count: int, features: int = 6, seed: int = 1
) -> tuple[FloatArray, FloatArray]:
    """Draw features, and labels around 170 that depend on the first three features."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, features))
    a, b, c = (x[:, number % features] for number in range(3))
    y = 170 + a / 2 + np.sin(2 * a) + b * c + rng.normal(0, 0.3, count)
    return x, y


def rows_for(
    algorithm: str, count: int, seed: int = 1, slope: float = 0.0
) -> tuple[FloatArray, FloatArray]:
    """Draw features, and labels that the algorithm can learn: classes if it needs them.

    ``slope`` is how much the first feature counts in addition.
    """
    x, y = rows_of(count, seed=seed)
    y = y + slope * x[:, 0]
    if not ALGORITHMS[algorithm].classifies:
        return x, y
    return x, np.digitize(y, [169.6, 170.4]) - 1.0
