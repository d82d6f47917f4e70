"""Importance is what a model relies on: nothing of a feature that it does not use."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.model_quality import importance
from whatif_assets.domain.model_quality.importance import (
    partial_dependence,
    permutation_importance,
    shapley_values,
    spread_out,
)

DRAW = np.random.default_rng(3)
X = DRAW.normal(size=(4_000, 3))
BACKGROUND = DRAW.normal(size=(50, 3))


def twice_the_first(x: FloatArray) -> FloatArray:
    return 2 * x[:, 0] - x[:, 1]


def product(x: FloatArray) -> FloatArray:
    return x[:, 0] * x[:, 1] + x[:, 2]


def test_permutation_of_independent_features_is_as_calculated() -> None:
    """Shuffling x adds 2 * coefficient**2 * var(x) to the squared error."""
    y = twice_the_first(X) + DRAW.normal(size=len(X))
    found = permutation_importance(twice_the_first, X, y, seed=1)
    expected = np.sqrt(1 + 2 * np.array([4.0, 1.0, 0.0])) - 1
    np.testing.assert_allclose(found, expected, rtol=0.05, atol=1e-12)
    assert found[2] == 0


def test_a_perfect_model_and_no_rows_have_no_permutation_importance() -> None:
    perfect = permutation_importance(twice_the_first, X, twice_the_first(X), seed=1)
    assert np.isnan(perfect).all()
    assert np.isnan(permutation_importance(product, X[:0], X[:0, 0], seed=1)).all()


def exact(x: FloatArray, background: FloatArray) -> FloatArray:
    """Shapley values of one row by all orders and all background rows."""
    parts = np.zeros(3)
    for order in permutations(range(3)):
        current = background.copy()
        before = product(current).mean()
        for feature in order:
            current[:, feature] = x[feature]
            after = product(current).mean()
            parts[feature] += after - before
            before = after
    return parts / 6


def test_shapley_values_come_near_the_exact_ones() -> None:
    row = np.array([1.5, -2.0, 0.5])
    found = shapley_values(product, np.tile(row, (20_000, 1)), BACKGROUND, seed=2)
    np.testing.assert_allclose(found.mean(axis=0), exact(row, BACKGROUND), atol=0.05)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_shapley_values_add_up_to_the_forecast(seed: int, draws: int) -> None:
    one = BACKGROUND[:1]
    found = shapley_values(product, X[:30], one, seed, draws)
    difference = product(X[:30]) - product(one)
    np.testing.assert_allclose(found.sum(axis=1), difference, atol=1e-12)
    again = shapley_values(product, X[:30], one, seed, draws)
    np.testing.assert_array_equal(found, again)


def test_shapley_values_of_a_linear_model_are_its_terms() -> None:
    one = BACKGROUND[:1]
    found = shapley_values(twice_the_first, X[:10], one, seed=5)
    terms = (X[:10] - one) * [2.0, -1.0, 0.0]
    np.testing.assert_allclose(found, terms, atol=1e-12)


def test_partial_dependence_is_the_mean_forecast() -> None:
    values = np.array([[0.0, 2.0], [1.0, 1.0], [0.0, 5.0]])
    found = partial_dependence(product, X, values)
    a, b, c = X.mean(axis=0)
    ab = (X[:, 0] * X[:, 1]).mean()
    expected = [[c, 2 * b + c], [a + c, a + c], [ab, ab + 5]]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_few_calls_forecast_many_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(x: FloatArray) -> FloatArray:
        calls.append(len(x))
        return product(x)

    y = product(X) + DRAW.normal(size=len(X))
    whole = permutation_importance(counted, X, y, seed=4)
    assert len(calls) == 2
    monkeypatch.setattr(importance, "MOST_VALUES", 1)
    np.testing.assert_array_equal(permutation_importance(counted, X, y, seed=4), whole)
    assert len(calls) == 2 + 1 + 9


@given(st.integers(0, 200), st.integers(1, 50))
def test_rows_are_spread_out(rows: int, most: int) -> None:
    chosen = spread_out(rows, most)
    assert len(chosen) == min(rows, most)
    assert (np.diff(chosen) >= 1).all()
    if rows:
        assert chosen[0] == 0
        assert rows - chosen[-1] <= max(rows / most, 1) + 1
