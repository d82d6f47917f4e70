"""The sums of the linear models are those of NumPy, whatever the threads."""

from __future__ import annotations

import numpy as np
import pytest

from whatif_assets.domain.models.linear import mean_products
from whatif_assets.domain.models.penalties import Standardised
from whatif_assets.domain.models.weights import center_and_scale


@pytest.mark.parametrize("rows", [1, 7, 128, 129, 2_051, 45_003])
@pytest.mark.parametrize("weighed", [False, True])
def test_mean_products_have_the_bits_of_numpy(rows: int, weighed: bool) -> None:
    draw = np.random.default_rng(rows)
    x, label, weights = draw.normal(size=(rows, 3)), draw.normal(size=rows), None
    if weighed:
        weights = draw.random(rows)
    used, center, scale = np.array([True, False, True]), draw.normal(size=3), [2, 0, 3]
    first, last = ((x[:, i] - center[i]) / scale[i] for i in (0, 2))
    expected = [
        [
            np.mean(a * b) if weights is None else np.average(a * b, weights=weights)
            for b in (first, last, label)
        ]
        for a in (first, last, label)
    ]
    about = used, center, np.array(scale, dtype=np.float64), label, weights
    for threads in (1, 2, 5):
        found = mean_products(x, *about, threads)
        assert found.tobytes() == np.array(expected).tobytes()


@pytest.mark.parametrize("order", ["C", "F"])
def test_features_are_scaled_and_constant_ones_left_out(order: str) -> None:
    x = np.asarray(np.random.default_rng(1).normal(size=(5_000, 4)), order=order)
    x[:, 1], x[:-1, 2] = 3.0, 7.0  # only the last row tells that this one varies
    found = Standardised.of(x, None)
    assert found.used.tolist() == [True, False, True, True]
    varying = x[:, [0, 2, 3]]
    center, scale = x.mean(axis=0)[found.used], x.std(axis=0)[found.used]
    np.testing.assert_array_equal(found.rows[:, :-1], (varying - center) / scale)
    assert (found.rows[:, -1] == 1).all()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("columns", [1, 2, 300])
def test_centers_and_scales_have_the_bits_of_numpy(order: str, columns: int) -> None:
    draw = np.random.default_rng(columns)
    x = np.asarray(draw.normal(3, 1e-3, size=(2_051, columns)), order=order)
    center, scale = center_and_scale(x, None)
    assert center.tobytes() == x.mean(axis=0).tobytes()
    assert scale.tobytes() == x.std(axis=0).tobytes()
