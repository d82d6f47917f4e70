"""Metrics: by hand, against empyrical, and against Backtrader's analyzers."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from whatif_assets.core._backtrader import bt
from whatif_assets.core.accounts import Accounts, Profits
from whatif_assets.core.backtest import Costs, Variant, run_backtests
from whatif_assets.core.metrics import METRICS, measure
from whatif_assets.core.reference_engine import prepare
from whatif_assets.core.sleeve import Sleeve
from whatif_assets.core.strategies import find_strategy
from whatif_assets_tests.core.sleeves_for_tests import sleeve, sleeves

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical

SCRIPTED = "whatif_assets_tests.user_strategies:Scripted"
WANTED = {"wanted": st.sampled_from([0, 0, 0, 1, 2, 5, -1, -3, -5]).map(float)}


def account(
    *equity: float, profits: tuple[float, ...] = (), traded: tuple[float, ...] = ()
) -> Accounts:
    return Accounts(
        variants=("-",),
        equity=np.array([equity], dtype=np.float64),
        start_cash=np.array([100.0]),
        traded=np.array([sum(traded)], dtype=np.float64),
        profits=Profits.of([np.array(profits, dtype=np.float64)]),
        rejected=np.zeros(1),
        sessions_per_year=252,
    )


def value_of(metric: str, of: Accounts) -> float:
    (value,) = METRICS[metric].function(of)
    return float(value)


def test_pnl_and_return_are_measured_from_the_starting_cash() -> None:
    assert value_of("pnl", account(101, 120)) == 20
    assert value_of("total_return", account(101, 120)) == pytest.approx(0.2)


def test_sharpe_by_hand() -> None:
    # Returns +10 %, -10 %, +10 %: mean 1/30, deviation (n - 1) sqrt(4/300).
    of = account(110, 99, 108.9)
    expected = (1 / 30) / math.sqrt(4 / 300) * math.sqrt(252)
    assert value_of("sharpe", of) == pytest.approx(expected)


def test_sortino_by_hand() -> None:
    # One return of -10 % among three: downside deviation 0.1 / sqrt(3).
    expected = (1 / 30) / (0.1 / math.sqrt(3)) * math.sqrt(252)
    assert value_of("sortino", account(110, 99, 108.9)) == pytest.approx(expected)


def test_drawdown_is_measured_from_the_highest_peak_the_starting_cash_included() -> (
    None
):
    assert value_of("max_drawdown", account(120, 90, 130, 117)) == pytest.approx(0.25)
    assert value_of("max_drawdown", account(80, 90)) == pytest.approx(0.2)
    assert value_of("max_drawdown", account(101, 102)) == 0


def test_turnover_win_rate_and_sqn_by_hand() -> None:
    of = account(100, profits=(3, -1, 0, 2), traded=(50, 150))
    assert value_of("turnover", of) == 2
    assert value_of("trades", of) == 4
    assert value_of("win_rate", of) == 0.75
    # Mean 1, deviation (n) sqrt(2.5).
    assert value_of("sqn", of) == pytest.approx(2 / math.sqrt(2.5))


def test_break_even_is_the_commission_plus_the_profit_over_what_was_traded() -> None:
    # 20 earned on 4,000 traded is 50 basis points, on top of the 10 charged.
    won = replace(account(120, traded=(1000, 3000)), commission_bps=np.array([10.0]))
    assert value_of("break_even_bps", won) == pytest.approx(60)
    lost = replace(account(80, traded=(1000, 3000)), commission_bps=np.array([10.0]))
    assert value_of("break_even_bps", lost) == pytest.approx(-40)


@settings(max_examples=100, deadline=None)
@given(
    bars=sleeves({"forecast": st.sampled_from([0.0, 1.0, -1.0])}),
    others=st.builds(
        Costs,
        commission_bps=st.sampled_from([0.0, 3.0]),
        slippage_bps=st.sampled_from([0.0, 2.0]),
        commission_per_share=st.sampled_from([0.0, 0.005]),
        borrow_bps=st.sampled_from([0.0, 500.0]),
    ),
    stop=st.sampled_from([0.0, 5.0]),
)
def test_the_break_even_commission_charged_anew_leaves_no_profit(
    bars: Sleeve, others: Costs, stop: float
) -> None:
    variant = Variant("-", {"size": 10, "stop_loss": stop}, others)
    ran = run_backtests([bars], "forecast_threshold", [variant])
    (break_even,) = measure(ran, 252)["break_even_bps"]
    assume(break_even >= 0)

    costs = replace(others, commission_bps=float(break_even))
    anew = run_backtests([bars], "forecast_threshold", [replace(variant, costs=costs)])

    assert anew.fills["size"].tolist() == ran.fills["size"].tolist()
    (left,) = measure(anew, 252)["pnl"]
    assert left == pytest.approx(0, abs=1e-12 * (variant.cash + ran.traded[0]))


@pytest.mark.parametrize(
    ("metric", "of"),
    [
        ("break_even_bps", account(101, traded=(10,))),
        ("break_even_bps", replace(account(101), commission_bps=np.zeros(1))),
        ("sharpe", account(101)),
        ("sharpe", account(100, 100, 100)),
        ("sortino", account(101)),
        ("sortino", account(101, 102)),
        ("win_rate", account(100)),
        ("sqn", account(100, profits=(1,))),
        ("sqn", account(100, profits=(1, 1))),
        ("pnl", account()),
        ("max_drawdown", account()),
        ("sharpe", account(50, -10, 20)),
        ("sortino", account(50, -10, 20)),
        ("sharpe", account(50, 0, 20)),
    ],
)
def test_what_is_not_defined_is_nan_and_never_zero(metric: str, of: Accounts) -> None:
    assert math.isnan(value_of(metric, of))


def test_the_drawdown_of_a_ruined_account_is_more_than_all() -> None:
    assert value_of("max_drawdown", account(50, -10)) == pytest.approx(1.1)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_what_it_is(name: str) -> None:
    metric = METRICS[name]
    assert metric.name == name
    assert metric.description.endswith(".")
    assert metric.unit


values = st.lists(st.floats(1, 1000, allow_nan=False), min_size=0, max_size=20)


@pytest.mark.parametrize("name", METRICS)
@given(equity=values, profits=values, traded=values)
def test_every_metric_is_one_float_for_any_account(
    name: str, equity: list[float], profits: list[float], traded: list[float]
) -> None:
    of = account(*equity, profits=tuple(profits), traded=tuple(traded))
    values = METRICS[name].function(of)
    assert (values.dtype, values.shape) == (np.float64, (1,))


@given(equity=st.lists(st.integers(50, 200), min_size=2, max_size=20))
def test_ratios_and_drawdown_equal_empyrical(equity: list[int]) -> None:
    of = account(*equity)
    (returns,) = of.returns
    assume(np.ptp(returns) > 1e-3)
    assert value_of("sharpe", of) == pytest.approx(
        empyrical.sharpe_ratio(returns, annualization=252), rel=1e-9
    )
    assert value_of("max_drawdown", of) == pytest.approx(
        -empyrical.max_drawdown(returns), abs=1e-12
    )
    if returns.min() < 0:
        assert value_of("sortino", of) == pytest.approx(
            empyrical.sortino_ratio(returns, annualization=252), rel=1e-9
        )


@settings(max_examples=60, deadline=None)
@given(bars=sleeves(WANTED))
def test_drawdown_and_sqn_equal_backtraders_analyzers(bars: Sleeve) -> None:
    daily = Sleeve(
        symbol="AAA",
        ts=bars.ts,
        session=np.arange(len(bars), dtype=np.int32),
        columns=bars.columns,
        **bars.prices(),
    )
    variant = Variant("-", {}, cash=1000.0)
    cerebro = prepare(daily, find_strategy(SCRIPTED), variant)
    cerebro.addanalyzer(bt.analyzers.DrawDown, _name="drawdown")
    cerebro.addanalyzer(bt.analyzers.SQN, _name="sqn")
    (ran,) = cerebro.run()
    theirs = ran.analyzers.sqn.get_analysis()

    (ours,) = measure(run_backtests([daily], SCRIPTED, [variant]), 252).itertuples()

    deepest = ran.analyzers.drawdown.get_analysis()["max"]["drawdown"]
    assert ours.max_drawdown * 100 == pytest.approx(deepest, abs=1e-9)
    if not math.isnan(ours.sqn):
        assert ours.sqn == pytest.approx(theirs["sqn"], rel=1e-6)


def test_variants_are_measured_over_all_sleeves_and_stay_apart() -> None:
    up = sleeve([10, 10, 11], symbol="UP", wanted=[5, 0, 0])
    down = sleeve([20, 20, 19], symbol="DOWN", wanted=[0, 0, 0])
    variants = [Variant("a", {}, cash=1000.0), Variant("b", {}, cash=50.0)]
    table = measure(run_backtests([up, down], SCRIPTED, variants), 252)
    assert table["variant"].tolist() == ["a", "b"]
    assert table["pnl"].tolist() == [5, 5]
    assert table["total_return"].tolist() == pytest.approx([5 / 2000, 5 / 100])
    assert table["turnover"].tolist() == pytest.approx([50 / 2000, 50 / 100])
    assert table["win_rate"].isna().all()


@given(st.lists(st.lists(st.floats(-1e3, 1e3), max_size=6), min_size=1, max_size=4))
def test_profits_of_sleeves_add_up_to_those_of_all_trades(
    parts: list[list[float]],
) -> None:
    first, *others = (Profits.of([np.array(part)]) for part in parts)
    for other in others:
        first = first + other
    whole = Profits.of([np.array([profit for part in parts for profit in part])])
    assert first.count == whole.count
    assert first.wins == whole.wins
    assert first.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-9)
    assert first.squares == pytest.approx(whole.squares, rel=1e-9, abs=1e-6)
    assert (first.least, first.greatest) == (whole.least, whole.greatest)
