"""Metrics: by hand, against empyrical, and against Backtrader's analyzers."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.accounts.accounts import (
    Accounts,
    Benchmarks,
    Holding,
    Profits,
)
from whatif_assets.domain.accounts.metrics import METRICS, measure
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.accounts.trades import trades_of
from whatif_assets.engines.backtest import Costs, Variant, run_backtests
from whatif_assets.engines.reference import prepare
from whatif_assets.engines.strategies import find_strategy
from whatif_assets_tests.sleeves_for_tests import sleeve, sleeves

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical

SCRIPTED = "whatif_assets_tests.user_strategies:Scripted"
WANTED = {"wanted": st.sampled_from([0, 0, 0, 1, 2, 5, -1, -3, -5]).map(float)}


def account(
    *equity: float,
    profits: tuple[float, ...] = (),
    traded: tuple[float, ...] = (),
    held: tuple[float, float, float] = (0, 0, 0),
    benchmark: tuple[float, ...] | None = None,
) -> Accounts:
    return Accounts(
        variants=("-",),
        equity=np.array([equity], dtype=np.float64),
        start_cash=np.array([100.0]),
        traded=np.array([sum(traded)], dtype=np.float64),
        profits=Profits.of([np.array(profits, dtype=np.float64)]),
        holding=Holding(*np.array(held, dtype=np.float64)[:, None]),
        rejected=np.zeros(1),
        beside=Benchmarks(None if benchmark is None else np.array(benchmark)),
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


def test_the_annual_return_compounds_to_a_year_of_sessions() -> None:
    # 21 % in 2 of 252 sessions, 126 times over.
    expected = 1.21**126 - 1
    assert value_of("annual_return", account(100, 121)) == pytest.approx(expected)
    assert value_of("annual_return", account(*[100] * 251, 90)) == pytest.approx(-0.1)
    assert value_of("annual_return", account(50, 0)) == -1


def test_calmar_is_the_annual_return_over_the_drawdown() -> None:
    of = account(*[100] * 250, 80, 110)
    assert value_of("calmar", of) == pytest.approx(0.1 / 0.2)


def test_omega_by_hand() -> None:
    # +10 %, -10 %, +10 %, -5 %.
    of = account(110, 99, 108.9, 103.455)
    assert value_of("omega", of) == pytest.approx(0.2 / 0.15)


@pytest.mark.parametrize(
    ("equity", "sessions"),
    [
        ((101, 102, 103), 0),
        ((90, 95, 100, 101), 2),  # back at the starting cash
        ((90, 110, 100, 105, 109), 3),  # not recovered
        ((110, 50, 120, 119, 118, 119, 121), 3),  # longer than the deepest one
    ],
)
def test_the_longest_drawdown_counts_sessions_below_a_peak(
    equity: tuple[float, ...], sessions: int
) -> None:
    assert value_of("max_drawdown_length", account(*equity)) == sessions


def test_values_at_risk_by_hand() -> None:
    # 41 sessions: two lose 10 % and 5 %, one wins, the others do nothing.
    of = account(*np.cumprod([1.2, 0.9, 0.95, *[1.0] * 38]) * 100)
    # The 5 % quantile is the third worst, the worst twentieth three sessions.
    assert value_of("value_at_risk", of) == pytest.approx(0)
    assert value_of("conditional_value_at_risk", of) == pytest.approx(0.05)
    # 21 sessions: the second worst, the worst two.
    of = account(*np.cumprod([1.2, 0.9, 0.95, *[1.0] * 18]) * 100)
    assert value_of("value_at_risk", of) == pytest.approx(0.05)
    assert value_of("conditional_value_at_risk", of) == pytest.approx(0.075)


def test_beta_and_alpha_by_hand() -> None:
    # Twice the benchmark and 0.1 % on top, in each session.
    benchmark = np.array([0.01, -0.02, 0.03])
    of = account(*100 * np.cumprod(1.001 + 2 * benchmark), benchmark=tuple(benchmark))
    assert value_of("beta", of) == pytest.approx(2)
    assert value_of("alpha", of) == pytest.approx(1.001**252 - 1)


def test_exposure_and_average_holding_by_hand() -> None:
    # Of 40 bars 16 with a position, 12 of them in closed trades.
    of = account(100, profits=(1, 2, 3, -1), held=(40, 16, 12))
    assert value_of("exposure", of) == 0.4
    assert value_of("average_holding", of) == 3


def test_turnover_hit_rate_and_sqn_by_hand() -> None:
    of = account(100, profits=(3, -1, 0, 2), traded=(50, 150))
    assert value_of("turnover", of) == 2
    assert value_of("trades", of) == 4
    assert value_of("hit_rate", of) == 0.75
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
        ("hit_rate", account(100)),
        ("sqn", account(100, profits=(1,))),
        ("sqn", account(100, profits=(1, 1))),
        ("pnl", account()),
        ("max_drawdown", account()),
        ("sharpe", account(50, -10, 20)),
        ("sortino", account(50, -10, 20)),
        ("sharpe", account(50, 0, 20)),
        ("annual_return", account()),
        ("annual_return", account(50, -10)),
        ("annual_return", account(1e300)),
        ("calmar", account(101, 102)),
        ("omega", account(99)),
        ("omega", account(101, 102)),
        ("omega", account(50, -10, 20)),
        ("max_drawdown_length", account()),
        ("value_at_risk", account()),
        ("value_at_risk", account(50, -10, 20)),
        ("conditional_value_at_risk", account()),
        ("conditional_value_at_risk", account(50, -10, 20)),
        ("exposure", account(100)),
        ("average_holding", account(100, held=(9, 3, 0))),
        ("beta", account(101, 102)),
        ("beta", account(101, benchmark=(0.1,))),
        ("beta", account(101, 102, benchmark=(0.0, 0.0))),
        ("beta", account(50, -10, 20, benchmark=(0.1, 0.2, 0.3))),
        ("alpha", account(101, 102)),
        ("alpha", account(101, 102, benchmark=(0.0, 0.0))),
        ("alpha", account(benchmark=())),
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


def of_empyrical(returns: np.ndarray, benchmark: np.ndarray) -> dict[str, float]:
    """Compute every metric that empyrical has, with our sign for losses."""
    return {
        "total_return": empyrical.cum_returns_final(returns),
        "annual_return": empyrical.annual_return(returns, annualization=252),
        "sharpe": empyrical.sharpe_ratio(returns, annualization=252),
        "sortino": empyrical.sortino_ratio(returns, annualization=252),
        "calmar": empyrical.calmar_ratio(returns, annualization=252),
        "omega": empyrical.omega_ratio(returns),
        "max_drawdown": -empyrical.max_drawdown(returns),
        "value_at_risk": -empyrical.value_at_risk(returns),
        "conditional_value_at_risk": -empyrical.conditional_value_at_risk(returns),
        "beta": empyrical.beta(returns, benchmark),
        "alpha": empyrical.alpha(returns, benchmark, annualization=252),
    }


@given(
    sessions=st.lists(
        st.tuples(st.integers(90, 110), st.integers(-9, 9)), min_size=2, max_size=60
    )
)
def test_every_metric_that_empyrical_has_equals_it(
    sessions: list[tuple[int, int]],
) -> None:
    equity, moves = np.array(sessions, dtype=np.float64).T
    benchmark = moves / 1000
    of = account(*equity, benchmark=tuple(benchmark))
    (returns,) = of.returns
    assume(np.ptp(returns) > 1e-3)
    assume(np.ptp(benchmark) > 1e-3)
    theirs = of_empyrical(returns, benchmark)
    # Without a loss, empyrical's Sortino ratio is infinite.
    if returns.min() >= 0:
        theirs["sortino"] = np.nan
    for name, expected in theirs.items():
        assert value_of(name, of) == pytest.approx(
            expected, rel=1e-9, abs=1e-12, nan_ok=True
        ), name


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

    deepest = ran.analyzers.drawdown.get_analysis()["max"]
    assert ours.max_drawdown * 100 == pytest.approx(deepest["drawdown"], abs=1e-9)
    assert ours.max_drawdown_length == deepest["len"]
    if not math.isnan(ours.sqn):
        assert ours.sqn == pytest.approx(theirs["sqn"], rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(bars=st.lists(sleeves(WANTED), min_size=1, max_size=2))
def test_exposure_and_holding_of_fills_equal_a_count_bar_by_bar(
    bars: list[Sleeve],
) -> None:
    parts = [replace(part, symbol=str(n)) for n, part in enumerate(bars)]
    ran = run_backtests(parts, SCRIPTED, [Variant("-", {}, cash=1000.0)])
    exposed, spans = 0, []
    for part in parts:
        fills = ran.fills[ran.fills["symbol"] == part.symbol]
        ts = fills["ts"].to_numpy(dtype="datetime64[us]").view(np.int64)
        for start in part.ts:
            exposed += fills["size"][ts <= start].sum() != 0
        closed = trades_of(fills)
        first, last = (
            part.ts.searchsorted(
                closed[name].to_numpy(dtype="datetime64[us]").view(np.int64)
            )
            for name in ("opened", "closed")
        )
        spans += (last - first).tolist()
    (row,) = measure(ran, 252).itertuples()
    assert row.exposure == pytest.approx(exposed / sum(map(len, parts)))
    expected = np.mean(spans) if spans else np.nan
    assert row.average_holding == pytest.approx(expected, nan_ok=True)


def test_variants_are_measured_over_all_sleeves_and_stay_apart() -> None:
    up = sleeve([10, 10, 11], symbol="UP", wanted=[5, 0, 0])
    down = sleeve([20, 20, 19], symbol="DOWN", wanted=[0, 0, 0])
    variants = [Variant("a", {}, cash=1000.0), Variant("b", {}, cash=50.0)]
    table = measure(run_backtests([up, down], SCRIPTED, variants), 252)
    assert table["variant"].tolist() == ["a", "b"]
    assert table["pnl"].tolist() == [5, 5]
    assert table["total_return"].tolist() == pytest.approx([5 / 2000, 5 / 100])
    assert table["turnover"].tolist() == pytest.approx([50 / 2000, 50 / 100])
    assert table["hit_rate"].isna().all()


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
