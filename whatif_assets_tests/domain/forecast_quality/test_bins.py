"""Bins of forecasts: edges of pandas, and turnover of alphalens."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from whatif_assets.domain.forecast_quality.bins import (
    NO_BIN,
    binned,
    hits,
    means_by_bin,
    number_of_bins,
    spread,
    turnover,
)


@given(
    values=st.lists(st.floats(-5, 5), min_size=12, max_size=60, unique=True),
    bins=st.integers(2, 6),
)
def test_bins_are_those_of_qcut(values, bins):
    # Otherwise a value lies on an edge, which pandas rounds.
    assume(math.gcd(len(values) - 1, bins) == 1)
    found = binned(np.array(values), np.zeros(len(values), np.int64), 1, bins)
    expected = pd.qcut(values, bins, labels=False)
    np.testing.assert_array_equal(found, expected)


def test_each_period_has_its_own_bins():
    forecasts = np.array([1.0, 2, 3, 4, 30, 40, 10, 20, np.nan, 5])
    periods = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, -1])
    found = binned(forecasts, periods, 2, 2)
    assert found.tolist() == [0, 0, 1, 1, 1, 1, 0, 0, NO_BIN, NO_BIN]
    means = means_by_bin(forecasts, found, periods, 2, 2)
    np.testing.assert_array_equal(means, [[1.5, 3.5], [15, 35]])
    np.testing.assert_array_equal(spread(means), [2, 20])


@pytest.mark.parametrize("bins", [0, 4])
def test_forecasts_that_do_not_vary_have_no_bins(bins):
    found = binned(np.full(9, 0.1), np.zeros(9, np.int64), 1, bins)
    assert (found == NO_BIN).all()
    means = means_by_bin(np.arange(9.0), found, np.zeros(9, np.int64), 1, bins)
    assert np.isnan(spread(means)).all()


def test_equal_forecasts_are_in_one_bin():
    found = binned(np.array([0.0] * 8 + [1, 2]), np.zeros(10, np.int64), 1, 5)
    assert len(set(found[:8])) == 1
    assert found[8:].min() > found[0]


@pytest.mark.parametrize(
    ("forecasts", "bins"), [(9.9, 0), (10, 2), (34, 6), (50, 10), (5000, 10)]
)
def test_the_number_of_bins_follows_the_number_of_forecasts(forecasts, bins):
    assert number_of_bins(forecasts) == bins


def test_turnover_is_the_part_of_a_bin_that_is_new():
    """Three symbols over four bars; the set of the top bin by bar, as in alphalens."""
    top = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 1]])  # symbol, bar
    sets = [set(np.flatnonzero(column)) for column in top.T]
    new = [len(now - before) for before, now in pairwise(sets)]
    following = np.arange(12).reshape(3, 4) + 1
    following[:, -1] = -1
    found = turnover(top.ravel(), following.ravel(), 1, np.zeros(12, np.int64), 1)
    assert found.tolist() == [sum(new) / sum(len(one) for one in sets[1:])]


def test_a_hit_has_the_sign_of_the_forecast():
    forecasts = np.array([1, -1, 1, 0, np.nan, 1])
    returns = np.array([2, -3, -1, 1, 1, 0])
    np.testing.assert_array_equal(
        hits(forecasts, returns), [1, 1, 0, np.nan, np.nan, np.nan]
    )
