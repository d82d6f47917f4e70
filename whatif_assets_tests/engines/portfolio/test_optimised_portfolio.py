"""Weights of minimum variance and of equal risk."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.strategies.optimised_portfolio import (
    optimal_parts,
    returns_of,
)
from whatif_assets.engines.backtest import Costs, Variant, run_backtests
from whatif_assets.engines.strategies import find_strategy
from whatif_assets_tests.engines.portfolio.panels import random_panel, sleeve_at

# Uncorrelated returns with a mean of 0 and standard deviations of 0.01, 0.02 and 0.04.
UNCORRELATED = (
    np.array([[1, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1]]) * [0.01, 0.02, 0.04]
).astype(float)


def test_minimum_variance_divides_by_variance() -> None:
    inverse = 1 / np.array([0.01, 0.02, 0.04]) ** 2
    parts = optimal_parts(UNCORRELATED, "minimum_variance")
    np.testing.assert_allclose(parts, inverse / inverse.sum(), atol=1e-4)


def test_risk_parity_divides_by_standard_deviation() -> None:
    inverse = 1 / np.array([0.01, 0.02, 0.04])
    parts = optimal_parts(UNCORRELATED, "risk_parity")
    np.testing.assert_allclose(parts, inverse / inverse.sum(), atol=1e-4)


@pytest.mark.parametrize(
    "returns", [np.zeros((5, 2)), np.ones((1, 2)), np.ones((5, 1))]
)
def test_without_a_covariance_parts_are_equal(returns: np.ndarray) -> None:
    n = returns.shape[1]
    assert optimal_parts(returns, "risk_parity").tolist() == [1 / n] * n


def test_returns_are_those_between_common_bars() -> None:
    found = returns_of([{1: 10.0, 2: 11.0, 4: 22.0}, {1: 5.0, 3: 7.0, 4: 10.0}])
    np.testing.assert_allclose(found, [[1.2, 1.0]])


@pytest.mark.parametrize("objective", ["minimum_variance", "risk_parity"])
def test_a_calm_symbol_gets_the_larger_weight(objective: str) -> None:
    calm = 100 + np.tile([0.0, 1.0], 20)
    wild = 100 + np.tile([0.0, 10.0, 10.0, 0.0], 10)
    score = {"forecast": np.ones(40)}
    sleeves = [
        sleeve_at(name, np.arange(40), close, columns=score)
        for name, close in (("CALM", calm), ("WILD", wild))
    ]
    settings = {"objective": objective, "lookback": 20, "rebalance": "bars"}
    variant = Variant("-", settings, Costs(), 1e6)
    result = run_backtests(sleeves, "optimised_portfolio", [variant])
    first = result.fills.drop_duplicates("symbol").set_index("symbol")["size"]
    assert first["CALM"] > 2 * first["WILD"] > 0


def test_symbols_with_gaps_are_held_too_and_results_repeat() -> None:
    sleeves = random_panel(4, 6, 120)
    settings = {"lookback": 5, "count": 4, "rebalance": "session"}
    variant = Variant("-", settings, Costs(commission_bps=1), 1e6)
    one, two = (
        run_backtests(sleeves, "optimised_portfolio", [variant]) for _ in range(2)
    )
    assert one.fills["symbol"].nunique() > 3
    np.testing.assert_array_equal(one.total_equity, two.total_equity)


def test_without_the_optimiser_its_package_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"pip install 'whatif_assets\[optimisation\]'"):
        find_strategy("optimised_portfolio").settings({})
