"""Contract multipliers and prices of 0 or less, by hand and in both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import Sleeve, sleeves_of
from whatif_assets.domain.accounts.trades import trades_of
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.backtest import Costs, Variant, run_backtests
from whatif_assets.steps.comparison.attribution import Attribution, Replay, attribute
from whatif_assets_tests.sleeves_for_tests import sleeve

BOTH = pytest.mark.parametrize("reference", [False, True], ids=["engine", "backtrader"])
OWN = "whatif_assets_tests.user_strategies:Scripted"


def future() -> Sleeve:
    """A contract of 10 per point, bought at the second open, sold at the fourth."""
    opens = [3490, 3500, 3505, 3510, 3510]
    bars = sleeve(opens, forecast=[1, 0, -1, 0, 0], wanted=[2, 0, -2, 0, 0])
    return replace(bars, multiplier=10.0)


def ran(
    bars: Sleeve, reference: bool, costs: Costs | None = None, **settings: object
) -> BacktestResult:
    chosen = {"threshold": 0.5, "direction": "long", **settings}
    variant = Variant("-", chosen, costs or Costs())
    return run_backtests([bars], "forecast_threshold", [variant], reference=reference)


def attributed(bars: Sleeve, costs: Costs, **settings: object) -> Attribution:
    chosen = {"threshold": 0.5, "direction": "long", **settings}
    variant = Variant("-", chosen, costs)
    result = run_backtests([bars], "forecast_threshold", [variant], n_sessions=1)
    replay = Replay([date(2018, 2, 20)], [bars], result)
    return attribute(replay, variant, ZoneInfo("America/New_York"))


@BOTH
def test_two_contracts_of_10_a_point_earn_20_a_point(reference: bool) -> None:
    # 2 x 10 x 3,500 = 70,000 at 1 bp is 7.00; 2 x 10 x 3,510 = 70,200 is 7.02.
    result = ran(future(), reference, Costs(commission_bps=1), size=2)
    assert result.fills["value"].tolist() == [70_000.0, 70_200.0]
    assert result.fills["commission"].tolist() == pytest.approx([7.0, 7.02])
    assert result.fills["price"].tolist() == [3500.0, 3510.0]
    assert result.traded.tolist() == [140_200.0]
    assert result.profits.mean.tolist() == pytest.approx([185.98])
    assert result.equity[0, 0, -1] == pytest.approx(1_000_185.98)
    (trade,) = trades_of(result.fills).itertuples()
    assert (trade.gross, trade.pnl) == pytest.approx((200.0, 185.98))


def test_a_strategy_of_ones_own_trades_the_same_contract() -> None:
    variant = Variant("-", {}, Costs(commission_bps=1))
    result = run_backtests([future()], OWN, [variant])
    assert result.fills["value"].tolist() == [70_000.0, 70_200.0]
    assert result.equity[0, 0, -1] == pytest.approx(1_000_185.98)


@BOTH
def test_commission_per_share_is_per_contract(reference: bool) -> None:
    result = ran(future(), reference, Costs(commission_per_share=1.5), size=2)
    assert result.fills["commission"].tolist() == [3.0, 3.0]


@BOTH
def test_borrowing_is_paid_of_the_value_of_the_contracts(reference: bool) -> None:
    # 2 x 10 x 3,500 = 70,000 at 365 % a year is 700 a day, for one day.
    bars = replace(
        future(), ts=future().ts + 86_400_000_000 * np.array([0, 0, 1, 1, 1])
    )
    bars = replace(bars, columns={"forecast": -bars.columns["forecast"]})
    costs = Costs(borrow_bps=36_500)
    result = ran(bars, reference, costs, size=2, direction="short")
    assert result.equity[0, 0, -1] == pytest.approx(1_000_000 - 200 - 700)


@BOTH
@pytest.mark.parametrize(
    ("sizing", "contracts"),
    # At a close of 3,490 a contract is 34,900: 2 for 100,000, and 14 for half of the
    # million. With all cash it is 28.
    [({"notional": 100_000}, 2), ({"equity_percent": 50}, 14)],
)
def test_money_buys_contracts_at_their_value(
    reference: bool, sizing: dict[str, float], contracts: int
) -> None:
    assert ran(future(), reference, **sizing).fills["size"].iloc[0] == contracts


@BOTH
def test_buy_and_hold_spends_its_cash_on_contracts(reference: bool) -> None:
    held = run_backtests(
        [future()], "buy_and_hold", [Variant("-")], reference=reference
    )
    assert held.fills["size"].tolist() == [28.0]
    assert held.equity[0, 0, -1] == 1_000_000 + 28 * 10 * (3510 - 3500)


def test_the_parts_of_a_profit_add_up_with_a_multiplier() -> None:
    of = attributed(future(), Costs(commission_bps=1, slippage_bps=2), size=2)
    costs = of.by_cost()
    # Slippage of 2 bp: 2 x 10 x (3,500 + 3,510) x 2 / 10,000.
    assert costs["slippage"] == pytest.approx(-28.04)
    assert costs["before costs"] == pytest.approx(200.0)
    assert sum(costs.values()) == pytest.approx(of.pnl)


def test_sleeves_have_the_multiplier_of_their_symbol() -> None:
    ts = pd.to_datetime(["2018-02-20 14:30"]).astype("datetime64[us]")
    prices = dict.fromkeys(("open", "high", "low", "close", "volume", "vwap"), 1.0)
    bars = pd.concat(
        pd.DataFrame({"symbol": name, "ts": ts, "session": date(2018, 2, 20), **prices})
        for name in ("ES", "SPY")
    )
    made = sleeves_of(bars, [date(2018, 2, 20)], multipliers={"ES": 50.0})
    assert [(one.symbol, one.multiplier) for one in made] == [
        ("ES", 50.0),
        ("SPY", 1.0),
    ]


@pytest.mark.parametrize("wrong", [0.0, -10.0, np.inf, np.nan])
def test_a_multiplier_is_finite_and_above_0(wrong: float) -> None:
    with pytest.raises(BadInput, match=r"Sleeve AAA: multiplier is .* above 0"):
        replace(future(), multiplier=wrong)


def below_zero(*prices: float) -> Sleeve:
    """Bars that are long from the second open on."""
    return sleeve(prices, forecast=[1] + [0] * (len(prices) - 1))


@BOTH
def test_costs_below_0_are_paid_and_not_earned(reference: bool) -> None:
    # Bought at -10: 1 % of slippage makes it -9.9, and 1 % of 99 is 0.99.
    costs = Costs(slippage_bps=100, commission_bps=100)
    result = ran(below_zero(-10, -10, -10), reference, costs, size=10)
    assert result.fills["price"].tolist() == pytest.approx([-9.9])
    assert result.fills["commission"].tolist() == pytest.approx([0.99])
    assert result.fills["value"].tolist() == pytest.approx([99.0])
    assert result.equity[0, 0, -1] == pytest.approx(1_000_000 - 1 - 0.99)


@BOTH
@pytest.mark.parametrize(
    ("settings", "prices", "left_at"),
    # Long at -10; 10 % of it is 1 on either side.
    [
        ({"stop_loss": 10}, (-10, -10, -10.5, -11.5, -12), -11.5),
        ({"take_profit": 10}, (-10, -10, -9.5, -8.5, -8), -8.5),
        ({"trailing_stop": 10}, (-10, -10, -5, -5.4, -5.6), -5.6),
    ],
)
def test_percentages_below_0_are_of_the_price_without_its_sign(
    reference: bool,
    settings: dict[str, float],
    prices: tuple[float, ...],
    left_at: float,
) -> None:
    fills = ran(below_zero(*prices), reference, **settings).fills
    assert fills["price"].tolist() == [-10.0, left_at]


@BOTH
def test_an_entry_at_0_has_no_stop_and_no_take_profit(reference: bool) -> None:
    bars = below_zero(0, 0, -50, 50, 0)
    fills = ran(bars, reference, stop_loss=10, take_profit=10).fills
    assert fills["price"].tolist() == [0.0]


@BOTH
@pytest.mark.parametrize("close", [0.0, -10.0])
@pytest.mark.parametrize("sizing", [{"notional": 100}, {"equity_percent": 50}])
def test_money_buys_nothing_at_a_close_of_0_or_less(
    reference: bool, close: float, sizing: dict[str, float]
) -> None:
    bars = below_zero(close, -10, -10, -10)
    assert ran(bars, reference, **sizing).fills.empty


def test_many_variants_side_by_side_buy_nothing_at_a_close_of_0() -> None:
    bars = below_zero(0, -10, -10, -10)
    variants = [
        Variant(f"{n}", {"threshold": 0.5, "notional": 100.0 + n}) for n in range(20)
    ]
    result = run_backtests([bars], "forecast_threshold", variants)
    assert (result.equity == 1_000_000).all()
    assert result.traded.sum() == 0


def test_the_parts_of_a_profit_below_0_add_up() -> None:
    bars = sleeve([-10, -10, -8, -8], forecast=[1, -1, 0, 0])
    of = attributed(bars, Costs(commission_bps=10, slippage_bps=100), size=10)
    costs = of.by_cost()
    # From -10 to -8 it is 20; slippage is 1 % of 100 and of 80.
    assert costs["before costs"] == pytest.approx(20.0)
    assert costs["slippage"] == pytest.approx(-1.8)
    assert sum(costs.values()) == pytest.approx(of.pnl)
