"""The line of returns on forecasts is that of least squares, in parts or at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.forecast_quality.calibration import Moments, combined


@given(cuts=st.lists(st.integers(0, 60), max_size=4), seed=st.integers(0, 99))
def test_parts_give_the_line_of_all_rows(cuts, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(1e-3, 1e-5, 60)  # small about a mean that is not 0
    y = 0.5 * x + rng.normal(0, 1e-4, 60)
    x[3] = y[7] = np.nan
    parts = (np.split(values, sorted(cuts)) for values in (x, y))
    moments = combined(Moments.of(*part) for part in zip(*parts))
    known = np.isfinite(x) & np.isfinite(y)
    slope, intercept = np.polyfit(x[known] - 1e-3, y[known], 1)
    assert moments.number == 58
    assert moments.line()[0] == pytest.approx(slope)
    assert moments.line()[1] == pytest.approx(intercept - 1e-3 * slope)


@pytest.mark.parametrize("x", [[], [1.0, 2.0], [0.1] * 5, [np.nan] * 5])
def test_too_little_has_no_line(x):
    slope, intercept = Moments.of(np.array(x), np.arange(float(len(x)))).line()
    assert math.isnan(slope)
    assert math.isnan(intercept)


def test_no_part_has_no_line():
    assert combined([]) == Moments()
