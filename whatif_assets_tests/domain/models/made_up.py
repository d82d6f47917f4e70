"""Random training rows, from a seed."""

from __future__ import annotations

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray


def rows_of(
    count: int, features: int = 6, seed: int = 1
) -> tuple[FloatArray, FloatArray]:
    """Draw features, and labels around 170 that depend on the first three features."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, features))
    a, b, c = (x[:, number % features] for number in range(3))
    y = 170 + a / 2 + np.sin(2 * a) + b * c + rng.normal(0, 0.3, count)
    return x, y
