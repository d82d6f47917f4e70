"""Sums over rows: the same bits for any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from whatif_assets.domain.models._moments import moments
from whatif_assets.domain.models.portable import ROWS_PER_THREAD


@pytest.mark.parametrize("columns", [1, 2, 7])
@pytest.mark.parametrize("rows", [1, 513, ROWS_PER_THREAD + 1])
def test_moments_are_means_of_products_whatever_the_threads(
    rows: int, columns: int
) -> None:
    draw = np.random.default_rng(rows + columns)
    x, weights = draw.normal(size=(rows, columns)), draw.uniform(size=rows)
    found = moments(x, weights)
    np.testing.assert_allclose(found, (x.T * weights) @ x / rows, rtol=0, atol=1e-12)
    for threads in (0, 2, 3, 8):
        np.testing.assert_array_equal(moments(x, weights, threads), found)
