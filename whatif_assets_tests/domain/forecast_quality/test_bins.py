"""Bins of forecasts have edges that were known; turnover is that of alphalens."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.forecast_quality.bins import (
    NO_BIN,
    binned,
    hits,
    number_of_bins,
    spread,
    sums_by_bin,
    turnover,
)

EIGHTHS = st.integers(-400, 400).map(lambda number: number / 8)


@given(
    before=st.lists(EIGHTHS, min_size=40, max_size=70, unique=True),
    values=st.lists(EIGHTHS, min_size=1, max_size=9),
)
def test_edges_are_quantiles_of_the_sessions_before(before, values):
    sessions = np.repeat([0, 1], [len(before), len(values)])
    found = binned(np.array(before + values), sessions, 2)
    assert (found[: len(before)] == NO_BIN).all()
    median = np.median(before)
    assert found[len(before) :].tolist() == [int(value > median) for value in values]


@given(later=st.floats(-9, 9), seed=st.integers(0, 9))
def test_a_bin_does_not_depend_on_forecasts_of_its_session_or_later(later, seed):
    forecasts = np.random.default_rng(seed).normal(size=200)
    sessions = np.arange(200) // 25
    known = binned(forecasts, sessions, 3)
    changed = np.where(np.arange(200) <= 130, forecasts, later)
    np.testing.assert_array_equal(known[:131], binned(changed, sessions, 3)[:131])
    assert (known[75:] != NO_BIN).all()  # three sessions have 60 forecasts
    assert (known[:75] == NO_BIN).all()


def test_only_the_latest_sessions_make_edges():
    """The first session would move the median; the second has enough forecasts."""
    forecasts = np.concatenate([np.full(50, -9.0), np.arange(40.0), [19.0, 20.0]])
    sessions = np.repeat([0, 1, 2], [50, 40, 2])
    order = np.random.default_rng(0).permutation(92)
    found = np.empty(92, dtype=np.int64)
    found[order] = binned(forecasts[order], sessions[order], 2)
    assert found[-2:].tolist() == [0, 1]


def test_the_mean_spread_is_that_of_all_rows():
    bin_of = np.array([0, 1, 1, 1, NO_BIN, 0, 0])
    periods = np.array([0, 0, 0, 1, 2, -1, 1])
    returns = np.array([1.0, 3, 5, 7, 9, 9, 2])
    place = (bin_of, periods, 3, 2)
    sums, counts = sums_by_bin(returns, *place), sums_by_bin(np.ones(7), *place)
    np.testing.assert_array_equal(sums, [[1, 8], [2, 7], [0, 0]])
    np.testing.assert_array_equal(counts, [[1, 2], [1, 1], [0, 0]])
    found = spread(sums, counts)
    assert np.isnan(found[2])
    assert found[:2].mean() == pytest.approx((3 + 5 + 7) / 3 - (1 + 2) / 2)
    assert np.isnan(spread(sums[:, :1] * 0, counts[:, :1] * 0)).all()


@pytest.mark.parametrize("bins", [0, 4])
def test_forecasts_that_do_not_vary_have_no_bins(bins):
    sessions = np.arange(200) // 100
    found = binned(np.full(200, 0.1), sessions, bins)
    assert (found == NO_BIN).all()
    sums = sums_by_bin(np.ones(200), found, sessions, 2, bins)
    assert sums.shape == (2, bins)
    assert np.isnan(spread(sums, sums)).all()


def test_missing_forecasts_have_no_bin_and_equal_ones_are_in_one():
    forecasts = np.array([*np.arange(40.0), 3, 3, np.nan, 30])
    found = binned(forecasts, np.repeat([0, 1], [40, 4]), 2)
    assert found[40:].tolist() == [0, 0, NO_BIN, 1]


@pytest.mark.parametrize(
    ("forecasts", "bins"), [(0, 0), (199, 0), (200, 2), (650, 6), (10**6, 10)]
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
