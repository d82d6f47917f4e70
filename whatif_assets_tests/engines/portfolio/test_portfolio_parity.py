"""Portfolios: the compiled engine says what Backtrader says, order by order."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whatif_assets.domain.accounts._backtrader import Cerebro, bt
from whatif_assets.domain.accounts.audit import in_words
from whatif_assets.domain.accounts.costs import BySymbol
from whatif_assets.domain.accounts.metrics import measure
from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.backtest import Costs, Variant, run_backtests, sweep
from whatif_assets.engines.engine import Sweep
from whatif_assets.engines.portfolio.engine import result_of
from whatif_assets.engines.portfolio_reference import backtest_panel, prepared
from whatif_assets.engines.strategies import find_strategy
from whatif_assets_tests.engines.portfolio.panels import (
    random_panel,
    sleeve_at,
    with_random_liquidity,
)
from whatif_assets_tests.thorough import examples

STRATEGY = "rank_long_short"
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def sometimes(values: Any, off: Any) -> st.SearchStrategy[Any]:
    """Draw one of some values one time in three."""
    return st.integers(0, 2).flatmap(
        lambda n: st.sampled_from(values) if n == 0 else st.just(off)
    )


chosen = st.fixed_dictionaries(
    {
        "count": st.sampled_from([1, 2, 3, 5]),
        "quantile": sometimes([0.2, 0.5, 1.0], 0),
        "sides": st.sampled_from(["long", "short", "long_short"]),
        "weighting": st.sampled_from(["equal", "rank", "score", "inverse_volatility"]),
        "rebalance": st.sampled_from(["bars", "bars", "session", "week", "month"]),
        "every": st.sampled_from([1, 1, 2, 5]),
        "neutral": sometimes(["group", "beta"], "none"),
        "beta": st.just("roc"),
        "gross": sometimes([0.5, 1.0, 1.5], 0.98),
        "max_weight": sometimes([0.1, 0.4], 1),
        "max_group_weight": sometimes([0.1, 0.4], 0),
        "max_positions": sometimes([1, 3], 0),
        "max_holding": sometimes([1, 2, 5], 0),
        "band": sometimes([0.02, 0.2], 0),
        "drift": sometimes([0.05, 0.3], 0),
        "max_turnover": sometimes([0.2, 1.0], 0),
        "lot": sometimes([10, 0.01], 1),
    }
)
OF_SYMBOLS = BySymbol(default=7.0, own=(("S0", 900.0), ("S3", 40.0)))
TIERS = [((0, 0.02), (3, 0.01), (40, 0.5)), ((0, 0.9), (9, 0.0))]
costs = st.builds(
    Costs,
    commission_bps=sometimes([1, 30, 300], 0.0),
    slippage_bps=sometimes([1, 80], 0.0),
    commission_per_share=sometimes([0.005, 0.5], 0.0),
    commission_minimum=sometimes([0.35, 20], 0.0),
    borrow_bps=sometimes([50, 5000, OF_SYMBOLS], 0.0),
    commission_per_order=sometimes([0.5, 9], 0.0),
    half_spread_bps=sometimes([3, OF_SYMBOLS], 0.0),
    impact=sometimes([0.3, 1.0], 0.0),
    participation=sometimes([0.03, 0.5], 0.0),
    cash_bps=sometimes([400, 50_000], 0.0),
    debit_bps=sometimes([700, 90_000], 0.0),
    commission_tiers=sometimes(TIERS, ()),
    half_spread_fact=sometimes(["quotes"], ""),
)
cash = st.sampled_from([150.0, 3_000.0, 1e5, 1e6])
leverage = sometimes([1.5, 3.0], 1.0)
reserve = sometimes([100.0, 20.0], 0.0)


@settings(max_examples=examples(2_000), deadline=None, suppress_health_check=SLOW)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_symbols=st.sampled_from([1, 2, 4, 7]),
    n_times=st.sampled_from([4, 15, 40]),
    own=chosen,
    costs=costs,
    cash=cash,
    leverage=leverage,
    reserve=reserve,
)
def test_fills_refusals_cash_and_value_are_those_of_backtrader(
    seed: int,
    n_symbols: int,
    n_times: int,
    own: dict[str, Any],
    costs: Costs,
    cash: float,
    leverage: float,
    reserve: float,
) -> None:
    if own["neutral"] == "beta":
        own = {**own, "sides": "long_short"}
    sleeves = with_random_liquidity(random_panel(seed, n_symbols, n_times), seed)
    account = {"leverage": leverage, "reserve": reserve}
    variant = Variant("-", own, costs, cash, "portfolio", **account)
    ours = run_backtests(sleeves, STRATEGY, [variant])
    theirs = run_backtests(sleeves, STRATEGY, [variant], reference=True)
    np.testing.assert_allclose(
        ours.total_equity, theirs.total_equity, rtol=1e-9, atol=1e-9 * cash
    )
    pd.testing.assert_frame_equal(ours.fills, theirs.fills, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(ours.rejected, theirs.rejected)
    np.testing.assert_allclose(
        ours.bar_drawdown, theirs.bar_drawdown, rtol=1e-9, atol=1e-9
    )
    assert in_words(ours.audits_of(["-"])["-"]) == ""
    (swept,) = sweep(sleeves, STRATEGY, [variant])
    np.testing.assert_array_equal(swept.equity, ours.total_equity)
    np.testing.assert_array_equal(swept.bar_drawdown, ours.bar_drawdown)
    np.testing.assert_array_equal(swept.rejected, ours.rejected.sum(axis=1))
    np.testing.assert_array_equal(swept.profits.count, ours.profits.count)
    np.testing.assert_allclose(
        swept.profits.mean, ours.profits.mean, rtol=1e-7, atol=1e-7
    )
    np.testing.assert_array_equal(swept.holding.exposed, ours.holding.exposed)
    np.testing.assert_array_equal(swept.holding.closed, ours.holding.closed)


@pytest.mark.parametrize("sides", ["long", "long_short"])
@pytest.mark.parametrize("cash_bps", [0, 400])
def test_the_parts_of_the_symbols_add_up_to_the_account(
    sides: str, cash_bps: float
) -> None:
    sleeves = random_panel(5, 9, 200)
    own = {"count": 3, "sides": sides, "rebalance": "bars"}
    costs = Costs(commission_bps=3, slippage_bps=2, borrow_bps=300, cash_bps=cash_bps)
    result = run_backtests(sleeves, STRATEGY, [Variant("-", own, costs, 1e5)])
    assert result.fills["symbol"].nunique() > 5
    np.testing.assert_allclose(
        result.equity.sum(axis=1), result.total_equity, rtol=1e-12
    )
    assert in_words(result.audits_of(["-"])["-"]) == ""


@pytest.mark.parametrize("sides", ["long", "long_short"])
def test_the_drawdown_by_bar_is_that_of_backtraders_analyzer(sides: str) -> None:
    panel, kind = Panel.of(random_panel(5, 9, 200)), find_strategy(STRATEGY)
    own = {"count": 3, "sides": sides, "rebalance": "session"}
    variant = Variant("-", own, Costs(commission_bps=3, borrow_bps=300), 1e5)
    cerebro = prepared(panel, kind, variant, Cerebro)
    cerebro.addanalyzer(bt.analyzers.DrawDown, _name="fall")
    (ran,) = cerebro.run()
    analysed = ran.analyzers.fall.get_analysis()
    (accounts,) = sweep(panel.sleeves, STRATEGY, [variant])
    table = measure(accounts, 252).iloc[0]
    by_bar = table["max_drawdown_by_bar"]
    assert by_bar == pytest.approx(analysed.max.drawdown / 100, rel=1e-9)
    assert by_bar > table["max_drawdown"] > 0


@pytest.mark.parametrize("sides", ["long", "long_short"])
def test_the_drawdown_is_that_of_backtrader_where_stretches_of_bars_are_skipped(
    sides: str,
) -> None:
    few = random_panel(5, 70, 512)
    many = [dataclasses.replace(s, session=s.session // 64) for s in few]
    own = {"sides": sides, "rebalance": "bars", "every": 9}
    variants = [Variant(str(n), {**own, "count": n}, cash=1e6) for n in (2, 20, 66)]
    (by_bar,) = sweep(few, STRATEGY, variants)
    (by_block,) = sweep(many, STRATEGY, variants)
    np.testing.assert_array_equal(by_block.bar_drawdown, by_bar.bar_drawdown)
    np.testing.assert_array_equal(by_block.equity[:, -1], by_bar.equity[:, -1])
    theirs = run_backtests(many, STRATEGY, variants[1:], reference=True)
    np.testing.assert_allclose(
        by_block.bar_drawdown[1:], theirs.bar_drawdown, rtol=1e-9
    )
    np.testing.assert_allclose(by_block.equity[1:], theirs.total_equity, rtol=1e-12)


def test_accounts_of_single_symbols_have_no_drawdown_by_bar() -> None:
    sleeves = random_panel(5, 2, 60)
    (accounts,) = sweep(sleeves, "buy_and_hold", [Variant("-", {}, Costs(), 1e5)])
    assert np.isnan(measure(accounts, 252)["max_drawdown_by_bar"]).all()


def test_variants_are_the_same_alone_and_beside_others() -> None:
    sleeves = random_panel(7, 9, 200)
    variants = [
        Variant(f"{n}~{every}", {"count": n, "rebalance": "bars", "every": every})
        for n in range(1, 9)
        for every in (1, 3, 7)
    ]
    (together,) = sweep(sleeves, STRATEGY, variants)
    for row, variant in enumerate(variants):
        (alone,) = sweep(sleeves, STRATEGY, [variant], processes=1)
        np.testing.assert_array_equal(alone.equity[0], together.equity[row])


INTEREST = Costs(commission_bps=3, borrow_bps=300, cash_bps=400, debit_bps=900)


@pytest.mark.parametrize("reference", [False, True])
def test_interest_on_the_cash_of_an_account_is_explained_by_its_fills(
    reference: bool,
) -> None:
    sleeves = random_panel(5, 5, 60)
    own = {"count": 2, "sides": "long_short", "rebalance": "bars"}
    variant = Variant("-", own, INTEREST, 1e5)
    result = run_backtests(sleeves, STRATEGY, [variant], reference=reference)
    assert in_words(result.audits_of(["-"])["-"]) == ""
    rates = dataclasses.replace(INTEREST, cash_bps=0.0, debit_bps=0.0)
    without = run_backtests(sleeves, STRATEGY, [Variant("-", own, rates, 1e5)])
    assert result.total_equity[0, -1] > without.total_equity[0, -1]


def test_money_that_is_not_interest_on_cash_is_found() -> None:
    sleeves = random_panel(5, 5, 60)
    panel, kind = Panel.of(sleeves), find_strategy(STRATEGY)
    own = {"count": 2, "sides": "long_short", "rebalance": "bars"}
    variant = Variant("-", own, INTEREST, 1e5, "portfolio")
    honest = backtest_panel(panel, kind, variant)
    later = np.arange(len(honest.equity)) > 5
    cheated = dataclasses.replace(honest, equity=honest.equity + 50.0 * later)
    for run, found in ((honest, ""), (cheated, "No trade explains part of the value")):
        what = Sweep(sleeves, kind, [variant], 15)
        result = result_of(what, panel, lambda _, run=run: run)
        assert in_words(result.audits_of(["-"])["-"]).startswith(found)
        assert bool(in_words(result.audits_of(["-"])["-"])) == bool(found)


@pytest.mark.parametrize("reference", [False, True])
def test_the_rest_of_an_order_waits_for_the_next_bars(reference: bool) -> None:
    times = np.arange(8)
    one = sleeve_at("AAA", times, np.full(8, 10.0), columns={"forecast": np.ones(8)})
    volumes = np.array([100.0, 30, 0, np.nan, 50, 39, 1000, 1000])
    one = dataclasses.replace(one, volume=volumes)
    # The order is of 98; half of each later bar's volume, in whole units, fills it.
    own = {"count": 1, "sides": "long", "rebalance": "bars", "every": 8}
    costs = Costs(participation=0.5, commission_per_order=1.0)
    variant = Variant("-", own, costs, 1000.0)
    result = run_backtests([one], STRATEGY, [variant], reference=reference)
    assert result.fills["size"].tolist() == [15, 25, 19, 39]
    assert result.fills["commission"].tolist() == [1, 1, 1, 1]


def test_other_strategies_have_no_orders_that_wait() -> None:
    sleeves = random_panel(5, 2, 20)
    variant = Variant("-", {}, Costs(participation=0.1))
    with pytest.raises(BadInput, match="participation: the rest of an order waits"):
        run_backtests(sleeves, "buy_and_hold", [variant])
