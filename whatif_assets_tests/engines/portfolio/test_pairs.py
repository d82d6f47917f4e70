"""The spread of two symbols, by hand, and as Backtrader trades it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.features import parse_feature
from whatif_assets.engines.backtest import Costs, Variant, run_backtests, sweep
from whatif_assets.engines.strategies import find_strategy
from whatif_assets_tests.engines.portfolio.panels import random_panel, sleeve_at
from whatif_assets_tests.thorough import examples

PAIR = {"first": "S0", "second": "S1", "lookback": 5, "rebalance": "bars"}
AGAINST = {"to": "S1", "timeperiod": 5}
SCORE = parse_feature({"spread_zscore": AGAINST}).column
HEDGE = parse_feature({"hedge_ratio": AGAINST}).column


def legs(zscore: list[float], hedge: list[float]) -> list[Sleeve]:
    """Make two symbols at a price of 10, the first one with a spread."""
    n = len(zscore)
    lines = {SCORE: np.array(zscore), HEDGE: np.array(hedge)}
    prices = np.full(n, 10.0)
    return [
        sleeve_at("S0", np.arange(n), prices, prices, lines),
        sleeve_at("S1", np.arange(n), prices, prices),
    ]


def run(sleeves: list[Sleeve], **own: Any) -> BacktestResult:
    """Run one variant of 1,000 on both engines."""
    variant = Variant("-", {**PAIR, "gross": 1.0, **own}, Costs(), 1_000.0)
    ours = run_backtests(sleeves, "pairs", [variant])
    theirs = run_backtests(sleeves, "pairs", [variant], reference=True)
    pd.testing.assert_frame_equal(ours.fills, theirs.fills)
    return ours


def sizes(result: BacktestResult) -> list[tuple[str, int, float]]:
    """Symbol, bar and size of each fill."""
    bars = result.fills["ts"].astype("datetime64[us, UTC]").dt.tz_localize(None)
    places = (bars - pd.Timestamp(0)) // pd.Timedelta(hours=6)
    return list(zip(result.fills["symbol"], places, result.fills["size"]))


def test_a_wide_spread_is_sold_and_closed_near_its_mean() -> None:
    result = run(legs([0, 2.5, 1.0, 0.4, 0], [1, 1, 3, 1, 1]))
    # Half of 1,000 on each side at a price of 10; the hedge ratio of the entry stays.
    assert sizes(result) == [
        ("S0", 2, -50),
        ("S0", 4, 50),
        ("S1", 2, 50),
        ("S1", 4, -50),
    ]


def test_a_negative_spread_is_bought_and_hedged_by_its_ratio() -> None:
    result = run(legs([0, -2.5, -1.0], [3, 3, 3]))
    assert sizes(result) == [("S0", 2, 25), ("S1", 2, -75)]


def test_beyond_the_stop_a_pair_is_given_up_and_none_is_opened() -> None:
    result = run(legs([0, 2.5, 4.5, 4.2, 0], [1, 1, 1, 1, 1]), stop=4)
    assert [(s, bar) for s, bar, _ in sizes(result)] == [
        ("S0", 2),
        ("S0", 3),
        ("S1", 2),
        ("S1", 3),
    ]


def test_without_a_spread_or_a_bar_all_stays_as_it_is() -> None:
    unknown = run(legs([0, 2.5, np.nan, np.nan], [1, 1, 1, 1]))
    assert len(unknown.fills) == 2
    first, second = legs([0, 2.5, 0, 0, 0], [1, 1, 1, 1, 1])
    gap = sleeve_at("S1", np.array([0, 1, 2]), second.close[:3], second.open[:3])
    halted = run([first, gap])
    # At bar 2 both are there, and the pair is closed at the next bar of each.
    assert ("S0", 3, 50.0) in sizes(halted)


def test_a_hedge_ratio_below_zero_closes_the_pair() -> None:
    result = run(legs([0, 2.5, 2.5, 2.5], [1, 1, -1, -1]))
    assert [bar for _, bar, _ in sizes(result)] == [2, 3, 2, 3]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"second": "S0"}, "found S0 twice; name two"),
        ({"exit": 2}, "it must be below entry"),
        ({"stop": 1}, "it must be above entry"),
    ],
)
def test_settings_that_contradict_each_other(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        find_strategy("pairs").settings({**PAIR, **fields})


@settings(
    max_examples=examples(200),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_symbols=st.sampled_from([2, 4]),
    own=st.fixed_dictionaries(
        {
            "entry": st.sampled_from([0.5, 1.0, 2.0]),
            "exit": st.sampled_from([-0.5, 0.0, 0.4]),
            "stop": st.sampled_from([0, 2.5]),
            "band": st.sampled_from([0, 0.1]),
            "max_holding": st.sampled_from([0, 3]),
            "max_weight": st.sampled_from([0.2, 1]),
            "every": st.sampled_from([1, 2]),
        }
    ),
    cash=st.sampled_from([150.0, 1e4, 1e6]),
    leverage=st.sampled_from([1.0, 2.0]),
)
def test_fills_and_value_are_those_of_backtrader(
    seed: int, n_symbols: int, own: dict[str, Any], cash: float, leverage: float
) -> None:
    sleeves = random_panel(seed, n_symbols, 60)
    draw = np.random.default_rng(seed)
    n = len(sleeves[0])
    lines = {SCORE: draw.normal(0, 1.5, n), HEDGE: draw.normal(0.8, 0.5, n)}
    lines[SCORE][draw.random(n) < 0.1] = np.nan
    first = sleeve_at(
        "S0",
        sleeves[0].ts // (6 * 3_600_000_000),
        sleeves[0].close,
        sleeves[0].open,
        lines,
    )
    variant = Variant(
        "-", {**PAIR, **own}, Costs(3, 2, borrow_bps=50), cash, leverage=leverage
    )
    both = [
        run_backtests([first, *sleeves[1:]], "pairs", [variant], reference=reference)
        for reference in (False, True)
    ]
    pd.testing.assert_frame_equal(both[0].fills, both[1].fills, rtol=1e-9)
    np.testing.assert_allclose(
        both[0].total_equity, both[1].total_equity, rtol=1e-9, atol=1e-9 * cash
    )
    np.testing.assert_array_equal(both[0].rejected, both[1].rejected)
    (swept,) = sweep([first, *sleeves[1:]], "pairs", [variant])
    np.testing.assert_array_equal(swept.equity, both[0].total_equity)
