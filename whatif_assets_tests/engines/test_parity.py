"""The compiled engine equals Backtrader, order by order."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whatif_assets.domain.accounts.costs import BySymbol
from whatif_assets.domain.accounts.metrics import measure
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.strategies import STRATEGIES
from whatif_assets.domain.strategies.forecast_threshold import ForecastThreshold
from whatif_assets.domain.strategies.rule import LONG
from whatif_assets.engines.backtest import Costs, Variant, run_backtests, sweep
from whatif_assets.engines.compiled import run as engine
from whatif_assets.engines.parity import parity
from whatif_assets.engines.strategies import find_strategy, required_features
from whatif_assets_tests.sleeves_for_tests import MINUTE, sleeve, sleeves
from whatif_assets_tests.thorough import examples

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

# Possible forecasts of a bar: none, weak, strong, unknown.
FORECASTS = st.sampled_from([0.0, 0.0, 0.5, 1.5, -0.5, -1.5, 1.0, -1.0, np.nan])


def with_hours(bars: Sleeve, before: int, after: int) -> Sleeve:
    """Give each session an open and a close some minutes away from its bars."""
    days = [bars.ts[bars.session == n] for n in range(int(bars.session[-1]) + 1)]
    hours = [(ts[0] - before * MINUTE, ts[-1] + after * MINUTE) for ts in days]
    return replace(bars, hours=np.array(hours, dtype=np.int64))


@st.composite
def markets(draw: st.DrawFn, columns: dict[str, Any]) -> Sleeve:
    """Draw bars with gaps in time and price, some flat, over minutes or days.

    Some are of contracts, and some have prices of 0 and less.
    """
    bars = draw(sleeves(columns, max_bars=draw(st.sampled_from([3, 12, 40]))))
    prices = bars.prices()
    if draw(st.integers(0, 9)) == 0:
        prices |= dict.fromkeys(("open", "high", "low", "close"), prices["open"])
    lower = draw(st.sampled_from([0, 0, 0, 10, 30]))
    prices = {
        name: values - lower if name != "volume" else values
        for name, values in prices.items()
    }
    step = draw(st.sampled_from([1, 1, 300, 1440]))
    ts = bars.ts[0] + (bars.ts - bars.ts[0]) * step
    multiplier = draw(st.sampled_from([1.0, 1.0, 10.0, 0.1, 12.5]))
    scale = draw(st.sampled_from([0.0, 1e-4, 3e-3, 0.2]))
    impact = np.where(bars.session % 2 == 0, scale, scale / 3)
    quoted = np.resize([0.0, 4e-4, 0.05], len(ts))
    prices |= {"impact": impact, "quoted": quoted}
    bars = replace(bars, ts=ts, multiplier=multiplier, **prices)
    return with_hours(bars, draw(st.integers(0, 3)), draw(st.integers(0, 3)))


def sometimes(values: st.SearchStrategy[Any], off: Any = 0) -> st.SearchStrategy[Any]:
    """Draw a value one time in three."""
    return st.integers(0, 2).flatmap(lambda n: values if n == 0 else st.just(off))


@st.composite
def rule_settings(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the settings that every rule has."""
    drawn = {
        "direction": draw(st.sampled_from(["both", "both", "long", "short"])),
        "reversal": draw(st.sampled_from(["one_order", "flat_first"])),
        "min_holding": draw(sometimes(st.integers(1, 5))),
        "max_holding": draw(sometimes(st.integers(1, 6))),
        "cool_down": draw(sometimes(st.integers(1, 4))),
        "stop_loss": draw(sometimes(st.sampled_from([0.5, 3, 10, 60]))),
        "take_profit": draw(sometimes(st.sampled_from([0.5, 3, 10, 60]))),
        "trailing_stop": draw(sometimes(st.sampled_from([0.5, 3, 10, 60]))),
        "no_entry_first": draw(sometimes(st.integers(1, 4))),
        "no_entry_last": draw(sometimes(st.integers(1, 4))),
        "flat_before_close": draw(sometimes(st.integers(1, 4))),
    }
    sizing = draw(st.sampled_from(["size", "size", "notional", "equity_percent"]))
    drawn[sizing] = draw(
        {
            "size": st.sampled_from([1, 7, 100, 0.3]),
            "notional": st.sampled_from([5, 300, 2000]),
            "equity_percent": st.sampled_from([10, 50, 95, 100, 150]),
        }[sizing]
    )
    return drawn


# Tiers that fall and rise, so that cash ends before, at and after where they begin.
TIERS = [((0, 0.02), (3, 0.01), (40, 0.5)), ((0, 0.9), (9, 0.0))]
# Rates of the symbol of the drawn bars, and of no other.
OF_SYMBOL = BySymbol(default=7.0, own=(("AAA", 900.0),))

costs = st.builds(
    Costs,
    commission_bps=sometimes(st.sampled_from([1, 10, 300]), 0.0),
    slippage_bps=sometimes(st.sampled_from([1, 8, 500]), 0.0),
    commission_per_share=sometimes(st.sampled_from([0.005, 0.5]), 0.0),
    commission_minimum=sometimes(st.sampled_from([0.35, 20]), 0.0),
    borrow_bps=sometimes(st.sampled_from([50, 5000, OF_SYMBOL]), 0.0),
    commission_per_order=sometimes(st.sampled_from([0.5, 9]), 0.0),
    half_spread_bps=sometimes(st.sampled_from([3, OF_SYMBOL]), 0.0),
    impact=sometimes(st.sampled_from([0.5, 1.0]), 0.0),
    cash_bps=sometimes(st.sampled_from([400, 50_000]), 0.0),
    debit_bps=sometimes(st.sampled_from([700, 90_000]), 0.0),
    commission_tiers=sometimes(st.sampled_from(TIERS), ()),
    half_spread_fact=sometimes(st.just("quotes"), ""),
)
cash = st.sampled_from([20.0, 750.0, 1000.0, 2000.0, 1e4, 1e6])


def assert_equal(bars: Sleeve, strategy: str, variant: Variant) -> None:
    table = parity([bars], strategy, [variant])
    assert table["equal"].all(), table.iloc[0].to_dict()


@settings(max_examples=examples(800), deadline=None, suppress_health_check=SLOW)
@given(
    bars=markets({"forecast": FORECASTS}),
    thresholds=st.tuples(
        st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([None, 0.0, 0.5, 1.0])
    ),
    chosen=rule_settings(),
    costs=costs,
    cash=cash,
)
def test_orders_fills_cash_and_profit_equal_backtraders(
    bars: Sleeve,
    thresholds: tuple[float, float | None],
    chosen: dict[str, Any],
    costs: Costs,
    cash: float,
) -> None:
    threshold, short = thresholds
    chosen = {"threshold": threshold, "short_threshold": short, **chosen}
    assert_equal(bars, "forecast_threshold", Variant("-", chosen, costs, cash))


def lively(name: str) -> dict[str, Any]:
    """Settings under which random bars give signals."""
    return {
        "forecast_threshold": {"threshold": 0.5},
        "random_entry": {"probability": 0.7},
        "bollinger_reversion": {"deviations": 0.7},
        "rsi_reversion": {"oversold": 30, "overbought": 70},
        "feature_threshold": {"lower": -0.5, "upper": 1.5},
    }.get(name, {})


def columns_of(name: str) -> dict[str, st.SearchStrategy[float]]:
    """Columns that a rule reads, with values that cross and reach its thresholds."""
    features = required_features(find_strategy(name), [lively(name)])
    scale = 25.0 if name == "rsi_reversion" else 1.0
    levels = st.sampled_from([0, 1, 2, 3, 4, -1, -2, np.nan]).map(lambda x: x * scale)
    columns = dict.fromkeys((feature.column for feature in features), levels)
    if STRATEGIES[name].needs_forecast:
        columns["forecast"] = FORECASTS
    return columns


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=examples(100), deadline=None, suppress_health_check=SLOW)
@given(data=st.data(), chosen=rule_settings(), costs=costs, cash=cash)
def test_every_rule_equals_backtrader(
    name: str, data: st.DataObject, chosen: dict[str, Any], costs: Costs, cash: float
) -> None:
    bars = data.draw(markets(columns_of(name)))
    if name == "buy_and_hold" and data.draw(st.booleans()):
        chosen["size"] = "all"
    assert_equal(bars, name, Variant("-", {**lively(name), **chosen}, costs, cash))


@settings(max_examples=examples(150), deadline=None, suppress_health_check=SLOW)
@given(
    bars=st.lists(markets({"forecast": FORECASTS}), min_size=1, max_size=3),
    chosen=rule_settings(),
    costs=costs,
    cash=cash,
)
def test_metrics_equal_those_of_backtraders_fills(
    bars: list[Sleeve], chosen: dict[str, Any], costs: Costs, cash: float
) -> None:
    sleeves = [replace(sleeve, symbol=str(n)) for n, sleeve in enumerate(bars)]
    variant = Variant("-", {"threshold": 0.5, **chosen}, costs, cash)
    ours, theirs = (
        measure(
            run_backtests(
                sleeves, "forecast_threshold", [variant], reference=reference
            ),
            252,
        )
        for reference in (False, True)
    )
    exact = ["pnl", "trades", "hit_rate", "turnover", "max_drawdown", "total_return"]
    exact += ["exposure", "average_holding"]
    pd.testing.assert_frame_equal(ours[exact], theirs[exact], rtol=1e-9, atol=1e-9)
    # A ratio whose deviation is almost 0 magnifies the last digits of both.
    for name in ("sharpe", "sortino", "sqn"):
        if not abs(theirs[name][0]) > 1e4:
            pd.testing.assert_series_equal(ours[name], theirs[name], rtol=1e-9)


simple_settings = (
    st.fixed_dictionaries(
        {
            "threshold": st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.2]),
            "short_threshold": st.sampled_from([None, 0.0, 0.4, 1.1]),
            "direction": st.sampled_from(["both", "both", "long", "short"]),
        },
        optional={"size": st.sampled_from([1, 50, 0.3])},
    )
    | st.fixed_dictionaries(
        {"threshold": st.sampled_from([0.0, 0.5, 1.2])},
        optional={"notional": st.sampled_from([100, 900])},
    )
    | st.fixed_dictionaries(
        {"threshold": st.sampled_from([0.0, 0.5, 1.2])},
        optional={"equity_percent": st.sampled_from([10, 90, 120])},
    )
)
simple_costs = st.builds(
    Costs,
    commission_bps=sometimes(st.sampled_from([1, 300]), 0.0),
    slippage_bps=sometimes(st.sampled_from([8, 500]), 0.0),
    commission_per_share=sometimes(st.just(0.5), 0.0),
    commission_minimum=sometimes(st.just(20), 0.0),
    commission_per_order=sometimes(st.just(2.5), 0.0),
    half_spread_bps=sometimes(st.sampled_from([3, OF_SYMBOL]), 0.0),
)


@settings(max_examples=examples(300), deadline=None, suppress_health_check=SLOW)
@given(
    bars=markets({"forecast": st.floats(-2, 2) | st.just(float("nan"))}),
    drawn=st.lists(
        st.tuples(simple_settings, simple_costs, cash), min_size=8, max_size=80
    ),
)
def test_variants_side_by_side_equal_each_alone_bit_for_bit(
    bars: Sleeve, drawn: list[tuple[dict[str, Any], Costs, float]]
) -> None:
    variants = [Variant(f"{n}", *parts) for n, parts in enumerate(drawn)]
    n_sessions = int(bars.session[-1]) + 1
    batch = engine.Batch.of(find_strategy("forecast_threshold"), variants)
    alone = replace(batch, parameters=batch.parameters.copy())
    assert batch.parameters["simple"].all()
    alone.parameters["simple"] = 0
    ours, theirs = (
        engine.run([bars], some, n_sessions, by_sleeve=True) for some in (batch, alone)
    )
    np.testing.assert_array_equal(ours.equity, theirs.equity)
    np.testing.assert_array_equal(ours.counts, theirs.counts)


class TestManyVariants:
    variants: ClassVar = [
        Variant(f"{number}", {"threshold": number / 50, "stop_loss": number % 3})
        for number in range(60)
    ]

    def bars(self) -> list[Sleeve]:
        chance = np.random.default_rng(1)
        return [
            sleeve(
                100 + np.cumsum(chance.normal(size=200)),
                symbol=symbol,
                sessions=[bar // 50 for bar in range(200)],
                forecast=chance.normal(size=200),
            )
            for symbol in ("AAA", "BBB", "CCC")
        ]

    def test_threads_and_blocks_change_nothing_bit_for_bit(self) -> None:
        whole = run_backtests(self.bars(), "forecast_threshold", self.variants)
        one = measure(whole, 252)
        for threads, block in ((1, 7), (2, 60), (5, 16)):
            blocks = sweep(
                self.bars(),
                "forecast_threshold",
                self.variants,
                processes=threads,
                block=block,
            )
            table = pd.concat([measure(part, 252) for part in blocks])
            pd.testing.assert_frame_equal(
                one, table.reset_index(drop=True), check_exact=True
            )

    def test_fills_are_those_of_the_requested_variants_in_order(self) -> None:
        whole = run_backtests(self.bars(), "forecast_threshold", self.variants)
        some = whole.fills_of(["7", "3"])
        assert some["variant"].unique().tolist() == ["3", "7"]
        expected = whole.fills[whole.fills["variant"].isin(["3", "7"])]
        pd.testing.assert_frame_equal(some, expected.reset_index(drop=True))

    def test_progress_counts_every_job_of_every_block(self) -> None:
        seen: list[tuple[int, int]] = []
        blocks = sweep(
            self.bars(),
            "forecast_threshold",
            self.variants,
            block=16,
            progress=lambda done, total: seen.append((done, total)),
        )
        assert sum(len(block.variants) for block in blocks) == 60
        assert seen == sorted(seen)
        assert seen[-1] == (180, 180)

    def test_a_users_strategy_is_swept_too(self) -> None:
        own = "whatif_assets_tests.user_strategies:SmaReversal"
        variants = [Variant(f"{fast}", {"fast": fast}) for fast in (2, 3, 4)]
        whole = measure(run_backtests(self.bars(), own, variants), 252)
        blocks = sweep(self.bars(), own, variants, block=2)
        table = pd.concat([measure(part, 252) for part in blocks], ignore_index=True)
        pd.testing.assert_frame_equal(whole, table, check_exact=True)


def test_the_clock_needs_the_hours_of_the_sessions() -> None:
    bars = sleeve([10, 11, 12], forecast=[1, 1, 1])
    variant = Variant("-", {"no_entry_first": 1})
    for reference in (False, True):
        with pytest.raises(BadInput, match="need the hours of sessions"):
            run_backtests([bars], "forecast_threshold", [variant], reference=reference)


def test_two_ways_of_sizing_are_refused() -> None:
    bars = sleeve([10, 11, 12], forecast=[1, 1, 1])
    variant = Variant("-", {"notional": 100, "equity_percent": 10})
    with pytest.raises(
        BadInput, match=r"equity_percent: found 10.* together with notional"
    ):
        run_backtests([bars], "forecast_threshold", [variant])


def test_numba_is_not_imported_before_a_backtest_runs() -> None:
    code = (
        "import sys, whatif_assets.engines.backtest; assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_difference_is_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = sleeve([10, 11, 12, 13], forecast=[1, 0, -1, 0])
    right = parity([bars], "forecast_threshold", [Variant("-", {})])
    assert right["equal"].all()
    monkeypatch.setattr(ForecastThreshold, "thresholds", lambda settings: (2.0, -2.0))
    monkeypatch.setattr(ForecastThreshold, "signal", lambda rule: LONG)
    (wrong,) = parity([bars], "forecast_threshold", [Variant("-", {})]).itertuples()
    assert (wrong.fills, wrong.fills_backtrader) == (0, 1)
    assert wrong.difference == np.inf
    assert not wrong.equal
