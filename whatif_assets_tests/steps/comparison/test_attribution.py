"""Attribution of a profit: parts add up, and costs are those of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.engines.backtest import run_backtests
from whatif_assets.steps.comparison.attribution import (
    NO_HOUR,
    Attribution,
    Replay,
    attribute,
)
from whatif_assets_tests.sleeves_for_tests import FIRST_BAR, sleeve, sleeves

NEW_YORK = ZoneInfo("America/New_York")
DAY = 86_400_000_000
FREE = Costs()


def attributed(
    bars: Sequence[Sleeve],
    costs: Costs = FREE,
    strategy: str = "forecast_threshold",
    **options: object,
) -> Attribution:
    """Run one variant on sleeves, and split its profit into parts."""
    variant = Variant("-", {"size": 100, "threshold": 0.0, **options}, costs)
    n = 1 + max(int(one.session[-1]) for one in bars)
    result = run_backtests(bars, strategy, [variant], n_sessions=n)
    days = [date(2018, 2, 20) + timedelta(days=number) for number in range(n)]
    return attribute(Replay(days, bars, result), variant, NEW_YORK)


def up_and_out(**columns: Sequence[float]) -> Sleeve:
    """Bars that are bought at the open of the second, at 10, and sold at 12."""
    return sleeve([10, 10, 12, 12], forecast=[1.0, 0.0, -1.0, 0.0], **columns)


def days_apart(bars: Sleeve) -> Sleeve:
    """Put a day between the bars, each a session of its own."""
    n = len(bars)
    return Sleeve(
        symbol=bars.symbol,
        ts=FIRST_BAR + DAY * np.arange(n),
        session=np.arange(n, dtype=np.int32),
        columns=bars.columns,
        **bars.prices(),
    )


def test_costs_of_a_round_trip_are_those_reckoned_by_hand() -> None:
    # Bought at 10.1 instead of 10, sold at 11.88 instead of 12; 0.1 % of each.
    costs = Costs(commission_bps=10, slippage_bps=100)
    of = attributed([up_and_out()], costs, direction="long")
    assert of.by_cost() == pytest.approx(
        {
            "before costs": 200.0,
            "slippage": -22.0,
            "commission": -(1.01 + 1.188),
            "borrowing": 0.0,
        }
    )
    assert of.pnl == pytest.approx(200 - 22 - 2.198)


def test_a_take_profit_at_its_own_price_has_no_slippage() -> None:
    bars = sleeve([10, 10, 10, 10], [10, 10, 12, 10], forecast=[1.0, 0.0, 0.0, 0.0])
    costs = Costs(slippage_bps=100)
    of = attributed([bars], costs, take_profit=10.0)
    assert of.trades["exit"].tolist() == pytest.approx([11.11])
    assert of.by_cost()["slippage"] == pytest.approx(-10.0)  # of the entry alone


def test_interest_is_told_apart_from_commission() -> None:
    # 100 sold at 10 cost 1 % a day: two days until they are bought back.
    bars = days_apart(sleeve([10.0] * 5, forecast=[-1.0, 0.0, 1.0, 0.0, 0.0]))
    costs = Costs(commission_bps=10, borrow_bps=36_500)
    of = attributed([bars], costs, direction="short")
    assert of.by_cost() == pytest.approx(
        {"before costs": 0, "slippage": 0, "commission": -2.0, "borrowing": -20.0}
    )
    assert of.by_hour()[NO_HOUR] == pytest.approx(-20.0)


def test_interest_on_cash_is_told_with_that_on_borrowed_shares() -> None:
    bars = days_apart(sleeve([10.0] * 5, forecast=[-1.0, 0.0, 1.0, 0.0, 0.0]))
    costs = Costs(commission_bps=10, borrow_bps=36_500, cash_bps=365)
    of = attributed([bars], costs, direction="short")
    without = attributed([bars], replace(costs, cash_bps=0.0), direction="short")
    parts = of.by_cost()
    assert parts["commission"] == without.by_cost()["commission"]
    earned = of.pnl - without.pnl
    assert earned > 0
    assert parts["interest"] == pytest.approx(earned - 20.0)
    assert sum(parts.values()) == pytest.approx(of.pnl)


def test_slippage_with_impact_is_that_of_the_fills() -> None:
    bars = replace(up_and_out(), impact=np.full(len(up_and_out()), 1e-3))
    of = attributed([bars], Costs(slippage_bps=100, impact=1), direction="long")
    # Bought at 10 and sold at 12, 100 units: 1 % and the root of 1,000 or 1,200.
    bought, sold = 0.01 + 1e-3 * np.sqrt(1000), 0.01 + 1e-3 * np.sqrt(1200)
    assert of.by_cost()["slippage"] == pytest.approx(-1000 * bought - 1200 * sold)
    assert of.by_cost()["before costs"] == pytest.approx(200.0)


def test_interest_of_a_position_that_is_still_open_counts() -> None:
    bars = days_apart(sleeve([10.0] * 4, forecast=[-1.0, 0.0, 0.0, 0.0]))
    of = attributed([bars], Costs(borrow_bps=36_500), direction="short")
    assert of.by_cost()["borrowing"] == pytest.approx(-20.0)
    assert of.trades.empty


def test_an_order_that_turns_a_position_round_pays_for_two_parts() -> None:
    costs = Costs(commission_minimum=5, borrow_bps=1)
    of = attributed([up_and_out()], costs)
    assert of.by_cost()["commission"] == pytest.approx(-15.0)


def test_hours_are_those_of_the_exchange() -> None:
    # 14:30 UTC of a February day is 9:30 in New York.
    assert attributed([up_and_out()]).by_hour().to_dict() == {9: 200.0}


def test_slippage_of_a_strategy_of_ones_own_is_not_known() -> None:
    of = attributed([up_and_out()], Costs(slippage_bps=100, borrow_bps=1))
    own = Attribution(of.daily, of.cells, of.trades, of.costs, built_in=False)
    costs = own.by_cost()
    assert np.isnan(costs["slippage"])
    assert np.isnan(costs["borrowing"])
    assert costs["before costs"] + costs["commission"] == pytest.approx(own.pnl)


def test_an_order_that_reverses_belongs_to_both_legs() -> None:
    # Bought at 10 and sold at 12; sold short at 12, which is worth 9 at the end.
    bars = sleeve([10, 10, 12, 9], forecast=[1.0, -1.0, 0.0, 0.0])
    of = attributed([bars])
    assert of.by_leg() == pytest.approx({"long": 200.0, "short": 300.0})
    # 1 for each part of an order: one purchase and one sale of each position.
    charged = attributed([bars], Costs(commission_minimum=1))
    assert charged.by_leg() == pytest.approx({"long": 198.0, "short": 299.0})


def test_interest_belongs_to_the_short_leg() -> None:
    bars = days_apart(sleeve([10.0] * 6, forecast=[1.0, 0.0, -1.0, 0.0, 1.0, 0.0]))
    of = attributed([bars], Costs(borrow_bps=36_500))
    assert of.by_leg() == pytest.approx({"long": 0.0, "short": -20.0})


def test_what_lies_outside_the_sessions_is_left_out() -> None:
    of = attributed([days_apart(up_and_out())], direction="long")
    first = of.over(of.daily["session"].unique()[:3])
    assert first.pnl == 200.0  # held, at 12
    assert first.trades.empty  # closed a session later
    assert len(of.trades) == 1


def test_a_contract_of_ones_own_keeps_its_multiplier() -> None:
    # Ten times the index, bought at 12 and worth 15 at the end, 2 for the purchase.
    bars = sleeve([10, 10, 12, 12, 14], [10, 9, 12, 13, 15])
    variant = Variant("-", {"period": 2})
    own = "whatif_assets_tests.user_strategies:SmaCross"
    result = run_backtests([bars], own, [variant], n_sessions=1)
    replay = Replay([date(2018, 2, 20)], [bars], result)
    of = attribute(replay, variant, NEW_YORK, built_in=False)
    assert of.pnl == pytest.approx(28.0)
    assert of.by_hour().to_dict() == pytest.approx({9: 28.0})
    assert of.by_cost()["commission"] == -2.0


COSTS = st.builds(
    Costs,
    commission_bps=st.sampled_from([0.0, 5.0]),
    slippage_bps=st.sampled_from([0.0, 20.0]),
    commission_per_share=st.sampled_from([0.0, 0.01]),
    commission_minimum=st.sampled_from([0.0, 1.0]),
    borrow_bps=st.sampled_from([0.0, 3_000.0]),
)
FORECASTS = {"forecast": st.sampled_from([-1.0, 0.0, 1.0])}


@settings(max_examples=60, deadline=None)
@given(bars=sleeves(FORECASTS), costs=COSTS)
def test_before_costs_is_the_profit_of_the_same_orders_free_of_charge(
    bars: Sleeve, costs: Costs
) -> None:
    of, free = attributed([bars], costs), attributed([bars])
    traded = 100 * 15 * (2 * len(bars))
    assert of.by_cost()["before costs"] == pytest.approx(free.pnl, abs=1e-9 * traded)


@settings(max_examples=60, deadline=None)
@given(
    bars=sleeves(FORECASTS),
    costs=COSTS,
    stop_loss=st.sampled_from([0.0, 2.0]),
    take_profit=st.sampled_from([0.0, 3.0]),
)
def test_every_part_adds_up_to_the_profit(
    bars: Sleeve, costs: Costs, stop_loss: float, take_profit: float
) -> None:
    of = attributed([bars], costs, stop_loss=stop_loss, take_profit=take_profit)
    exact = {"rel": 1e-9, "abs": 1e-9 * 1_000_000}
    assert sum(of.by_cost().values()) == pytest.approx(of.pnl, **exact)
    assert of.by_hour().sum() == pytest.approx(of.pnl, **exact)
    assert sum(of.by_leg().values()) == pytest.approx(of.pnl, **exact)
    assert of.daily.groupby("symbol")["pnl"].sum().sum() == pytest.approx(of.pnl)
    own = sum(of.by_cost()[part] for part in ("slippage", "commission", "borrowing"))
    assert own <= 1e-6
