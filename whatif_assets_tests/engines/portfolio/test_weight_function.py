"""Functions of weights: what they get, what they may return, and their settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import parse_feature
from whatif_assets.engines.backtest import Costs, Variant, run_backtests
from whatif_assets.engines.strategies import find_strategy
from whatif_assets_tests.engines.portfolio.panels import random_panel, sleeve_at

OWN = """
import pandas as pd


def best(panel, count=3):
    ranked = panel.bars["score"].sort_values(ascending=False, kind="stable")
    chosen = ranked.index[:count]
    return {symbol: 0.98 / len(chosen) for symbol in chosen}


def momentum(panel, lookback=3):
    closes = panel.last(lookback)
    rise = closes.iloc[-1] / closes.iloc[0] - 1
    assert len(closes) <= lookback and closes.index.tz is not None
    return pd.Series({rise.idxmax(): 0.5}) if rise.notna().any() else {}


def unknown(panel):
    return {"S9": 1.0}


def endless(panel):
    return {panel.bars.index[0]: float("nan")}


def needy(panel, count):
    return {}


def clashing(panel, gross=1):
    return {}
"""
FEATURE = parse_feature("close").column


def run(folder: Path, name: str, seed: int = 2, **own: object) -> BacktestResult:
    """Run a function on random symbols, scored by their forecasts."""
    (folder / "own.py").write_text(OWN)
    settings = {"rebalance": "bars", "score": "forecast", **own}
    variant = Variant("-", settings, Costs(commission_bps=1), 1e6)
    return run_backtests(
        random_panel(seed, 5, 60), f"own.py:{name}", [variant], base=folder
    )


@pytest.mark.parametrize("seed", range(3))
def test_it_holds_what_the_same_built_in_weights_hold(
    tmp_path: Path, seed: int
) -> None:
    own = run(tmp_path, "best", seed, count=2)
    variant = Variant(
        "-", {"rebalance": "bars", "count": 2}, Costs(commission_bps=1), 1e6
    )
    built_in = run_backtests(random_panel(seed, 5, 60), "rank_long_short", [variant])
    assert len(own.fills)
    np.testing.assert_array_equal(own.total_equity, built_in.total_equity)


def test_it_sees_the_last_bars_and_no_later_ones(tmp_path: Path) -> None:
    closes = {"UP": [10.0, 11.0, 12.0, 13.0], "DOWN": [10.0, 9.0, 8.0, 7.0]}
    (tmp_path / "own.py").write_text(OWN)
    sleeves = [
        sleeve_at(name, np.arange(4), np.array(c), columns={FEATURE: np.array(c)})
        for name, c in closes.items()
    ]
    variant = Variant("-", {"rebalance": "bars"}, Costs(), 1_000.0)
    result = run_backtests(sleeves, "own.py:momentum", [variant], base=tmp_path)
    assert set(result.fills["symbol"]) == {"UP"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unknown", "unknown returned a weight for 'S9'"),
        ("endless", "endless returned the weight nan for S"),
    ],
)
def test_a_wrong_weight_is_named(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        run(tmp_path, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("needy", "the argument count needs a default"),
        ("clashing", "the argument gross has the name of a setting"),
        ("absent", "has no class absent"),
    ],
)
def test_a_function_that_cannot_be_used(
    tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        run(tmp_path, name)


def test_its_arguments_are_settings(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    kind = find_strategy("own.py:best", tmp_path)
    assert kind.settings({"count": 7, "gross": 0.5}).count == 7
    with pytest.raises(BadInput, match="count: found 'x'"):
        kind.settings({"count": "x"})
    with pytest.raises(BadInput, match="coumt"):
        kind.settings({"coumt": 7})
