"""Correlations within groups equal those of pandas, group by group."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.forecast_quality import correlations as module
from whatif_assets.domain.forecast_quality.correlations import (
    FEWEST_PAIRS,
    REASONS,
    RETURN_CONSTANT,
    SIGNAL_CONSTANT,
    TOO_FEW,
    Groups,
    Series,
    correlations,
    mean_by,
    sum_by,
)

VALUES = st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, np.nan, np.inf])
PAIRS = st.lists(st.tuples(st.integers(0, 2), VALUES, VALUES), min_size=1, max_size=60)


def correlated(keys, x, y):
    groups = Groups.of(np.asarray(keys), np.zeros(len(keys), dtype=np.int64))
    return correlations(Series.of(x, groups), Series.of(y, groups), groups)


def expected(x, y) -> tuple[float, float]:
    """Pearson and Spearman of one group, by pandas."""
    both = pd.DataFrame({"x": x, "y": y}).replace([np.inf, -np.inf], np.nan).dropna()
    if len(both) < FEWEST_PAIRS or both.nunique().min() < 2:
        return np.nan, np.nan
    ranks = both.rank()
    return both["x"].corr(both["y"]), ranks["x"].corr(ranks["y"])


@pytest.mark.parametrize(
    "long", [0, 10**9]
)  # sorted by NumPy, and by the compiled loop
@settings(max_examples=150)
@given(pairs=PAIRS)
def test_correlations_are_those_of_pandas(long, pairs):
    keys, x, y = (np.array(part) for part in zip(*pairs))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LONG", long)
        found = correlated(keys, x, y)
    for number, key in enumerate(np.unique(keys)):
        pearson, rank = expected(x[keys == key], y[keys == key])
        assert found.pearson[number] == pytest.approx(pearson, abs=1e-9, nan_ok=True)
        assert found.rank[number] == pytest.approx(rank, abs=1e-9, nan_ok=True)


@given(
    x=st.lists(st.integers(-40, 40), min_size=6, max_size=40),
    seed=st.integers(0, 99),
)
def test_ranks_do_not_change_under_a_monotone_map(x, seed):
    x = np.array(x, dtype=float)
    y = np.random.default_rng(seed).normal(size=len(x))
    keys = np.zeros(len(x), dtype=np.int64)
    plain, mapped = correlated(keys, x, y), correlated(keys, np.exp(x / 9) + x, y)
    np.testing.assert_array_equal(plain.rank, mapped.rank)
    turned = correlated(keys, -(x**3), y)
    np.testing.assert_allclose(turned.rank, -plain.rank, atol=1e-12)


@given(x=st.lists(st.floats(-1, 1), min_size=6, max_size=40, unique=True))
def test_the_coefficient_of_the_return_itself_is_one(x):
    x = np.array(x) + 0.0
    found = correlated(np.zeros(len(x), dtype=np.int64), x, x)
    assert found.rank[0] == pytest.approx(1, abs=1e-12)
    varied = np.ptp(x) > 1e-100  # the square of a smaller number is 0
    assert found.pearson[0] == pytest.approx(1) or not varied


@pytest.mark.parametrize(
    ("x", "y", "why"),
    [
        (np.arange(4.0), np.arange(4.0), TOO_FEW),
        (np.full(9, np.nan), np.arange(9.0), TOO_FEW),
        (np.full(9, 0.1), np.arange(9.0), SIGNAL_CONSTANT),
        (np.arange(9.0), np.full(9, 0.1), RETURN_CONSTANT),
    ],
)
def test_why_there_is_none_is_counted(x, y, why):
    found = correlated(np.zeros(len(x), dtype=np.int64), x, y)
    assert np.isnan(found.pearson).all()
    assert np.isnan(found.rank).all()
    assert dict(zip(REASONS, found.reasons)) == {one: one == why for one in REASONS}


def test_no_row_is_no_group():
    nothing = np.empty(0)
    found = correlated(nothing.astype(np.int64), nothing, nothing)
    assert len(found.rank) == 0


def test_rows_that_are_not_kept_are_in_no_group():
    keys, periods = np.array([7, 3, 7, 3, 5]), np.array([1, 0, 1, 0, 2])
    groups = Groups.of(keys, periods, keys != 5)
    assert groups.rows.tolist() == [1, 3, 0, 2]
    assert groups.starts.tolist() == [0, 2, 4]
    assert groups.periods.tolist() == [0, 1]


def test_sums_and_means_leave_out_nan():
    values, numbers = np.array([1.0, np.nan, 4.0, 5.0]), np.array([0, 0, 2, 2])
    np.testing.assert_array_equal(sum_by(values, numbers, 3), [1, 0, 9])
    np.testing.assert_array_equal(mean_by(values, numbers, 3), [1, np.nan, 4.5])
