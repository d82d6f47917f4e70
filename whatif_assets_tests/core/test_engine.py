"""The sweep engine: what Backtrader says, order by order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whatif_assets.core.backtest import Costs, Variant, run_backtests, sweep
from whatif_assets.core.engine.parity import parity
from whatif_assets.core.metrics import measure
from whatif_assets.core.sleeve import Sleeve
from whatif_assets_tests.core.sleeves_for_tests import MINUTE, sleeves

# Chance of each bar's forecast: none, weak, strong, unknown.
FORECASTS = st.sampled_from([0.0, 0.0, 0.5, 1.5, -0.5, -1.5, 1.0, -1.0, np.nan])


def with_hours(bars: Sleeve, before: int, after: int) -> Sleeve:
    """Give each session an open and a close some minutes away from its bars."""
    n_sessions = int(bars.session[-1]) + 1
    hours = np.zeros((n_sessions, 2), dtype=np.int64)
    for session in range(n_sessions):
        ts = bars.ts[bars.session == session]
        hours[session] = ts[0] - before * MINUTE, ts[-1] + after * MINUTE
    return Sleeve(
        symbol=bars.symbol,
        ts=bars.ts,
        session=bars.session,
        columns=bars.columns,
        hours=hours,
        **bars.prices(),
    )


@st.composite
def markets(draw: st.DrawFn, columns: dict[str, Any]) -> Sleeve:
    """Draw bars with gaps in time and price, some flat, over minutes or days."""
    bars = draw(sleeves(columns, max_bars=draw(st.sampled_from([3, 12, 40]))))
    prices = bars.prices()
    if draw(st.integers(0, 9)) == 0:
        prices |= dict.fromkeys(("open", "high", "low", "close"), prices["open"])
    step = draw(st.sampled_from([1, 1, 300, 1440]))
    ts = bars.ts[0] + (bars.ts - bars.ts[0]) * step
    bars = Sleeve(
        symbol="AAA", ts=ts, session=bars.session, columns=bars.columns, **prices
    )
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


costs = st.builds(
    Costs,
    commission_bps=sometimes(st.sampled_from([1, 10, 300]), 0.0),
    slippage_bps=sometimes(st.sampled_from([1, 8, 500]), 0.0),
    commission_per_share=sometimes(st.sampled_from([0.005, 0.5]), 0.0),
    commission_minimum=sometimes(st.sampled_from([0.35, 20]), 0.0),
    borrow_bps=sometimes(st.sampled_from([50, 5000]), 0.0),
)
cash = st.sampled_from([20.0, 750.0, 1000.0, 2000.0, 1e4, 1e6])


def assert_equal(bars: Sleeve, strategy: str, variant: Variant) -> None:
    table = parity([bars], strategy, [variant])
    assert table["equal"].all(), table.iloc[0].to_dict()


@settings(
    max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
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
