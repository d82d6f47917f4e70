"""What each setting of a rule does, on rows that can be checked by hand.

Every claim holds for Backtrader and for the compiled engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from whatif_assets.domain.accounts.costs import BySymbol
from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.engines.backtest import Costs, Variant, run_backtests
from whatif_assets_tests.sleeves_for_tests import FIRST_BAR, MINUTE, sleeve

pytestmark = pytest.mark.parametrize("reference", [False, True])

UP, DOWN, NO = 0.01, -0.01, 0.0


def bars(prices: Sequence[float], signals: Sequence[float], **of: Any) -> Sleeve:
    """Build bars without a range, and a signal on the first few of them."""
    forecast = [*signals, *[NO] * (len(prices) - len(signals))]
    built = sleeve(prices, forecast=forecast)
    return replace(built, **{k: np.array(v, dtype=float) for k, v in of.items()})


def run(
    of: Sleeve,
    reference: bool,
    *,
    costs: Costs | None = None,
    cash: float = 10_000.0,
    **settings: Any,
) -> BacktestResult:
    variant = Variant("-", {"size": 10, **settings}, costs or Costs(), cash)
    return run_backtests([of], "forecast_threshold", [variant], reference=reference)


def rows(result: BacktestResult) -> list[tuple[int, float, float]]:
    """Minute, size and price of each fill."""
    minutes = (result.fills["ts"].astype("int64") - FIRST_BAR) // MINUTE
    fills = result.fills
    return list(zip(minutes, fills["size"], fills["price"].round(9), strict=True))


def test_the_short_threshold_may_be_another(reference: bool) -> None:
    of = bars([10] * 5, [0.01, NO, -0.01, -0.03])
    result = run(of, reference, threshold=0.005, short_threshold=0.02)
    assert rows(result) == [(1, 10, 10), (4, -20, 10)]


def test_long_only_closes_on_a_short_signal_and_opens_nothing(reference: bool) -> None:
    result = run(bars([10] * 5, [DOWN, UP, DOWN]), reference, direction="long")
    assert rows(result) == [(2, 10, 10), (3, -10, 10)]


def test_flat_first_needs_another_signal_to_open(reference: bool) -> None:
    of = bars([10] * 6, [UP, NO, DOWN, DOWN])
    result = run(of, reference, reversal="flat_first")
    assert rows(result) == [(1, 10, 10), (3, -10, 10), (4, -10, 10)]


def test_notional_buys_whole_shares_at_the_deciding_close(reference: bool) -> None:
    result = run(bars([30, 40, 40], [UP]), reference, notional=100)
    assert rows(result) == [(1, 3, 40)]


def test_equity_percent_counts_what_is_open(reference: bool) -> None:
    # 50 % of 1,000 at 10 is 50 shares; at 20 the sleeve is worth 1,500: 37 short.
    of = bars([10, 10, 20, 20], [UP, NO, DOWN])
    result = run(of, reference, equity_percent=50, cash=1000.0)
    assert rows(result) == [(1, 50, 10), (3, -87, 20)]


def test_min_holding_counts_from_the_bar_of_the_entry(reference: bool) -> None:
    of = bars([10] * 6, [UP, DOWN, DOWN, DOWN])
    assert rows(run(of, reference, min_holding=3)) == [(1, 10, 10), (4, -20, 10)]


def test_max_holding_is_how_many_bars_a_position_lasts(reference: bool) -> None:
    result = run(bars([10, 11, 12, 13, 14], [UP]), reference, max_holding=2)
    assert rows(result) == [(1, 10, 11), (3, -10, 13)]


def test_cool_down_waits_after_the_end_of_a_position(reference: bool) -> None:
    of = bars([10] * 8, [UP, NO, UP, UP, UP, UP])
    result = run(of, reference, max_holding=1, cool_down=2)
    assert [minute for minute, *_ in rows(result)] == [1, 2, 5, 6]


class TestStopsAndLimits:
    def test_a_stop_that_the_bar_touches_fills_at_its_price(
        self, reference: bool
    ) -> None:
        of = bars([10, 10, 10, 10], [UP], low=[10, 10, 9.4, 10])
        assert rows(run(of, reference, stop_loss=5)) == [(1, 10, 10), (2, -10, 9.5)]

    def test_a_stop_that_the_open_has_passed_fills_at_the_open(
        self, reference: bool
    ) -> None:
        of = bars([10, 10, 9, 10], [UP])
        assert rows(run(of, reference, stop_loss=5)) == [(1, 10, 10), (2, -10, 9)]

    def test_the_bar_of_the_entry_fills_no_stop(self, reference: bool) -> None:
        of = bars([10, 10, 10], [UP], low=[10, 5, 10])
        assert rows(run(of, reference, stop_loss=5)) == [(1, 10, 10)]

    def test_a_limit_fills_at_its_price_or_at_a_better_open(
        self, reference: bool
    ) -> None:
        touched = bars([10, 10, 10, 10], [UP], high=[10, 10, 12, 10])
        assert rows(run(touched, reference, take_profit=10))[1] == (2, -10, 11)
        passed = bars([10, 10, 12, 10], [UP])
        assert rows(run(passed, reference, take_profit=10))[1] == (2, -10, 12)

    def test_a_bar_that_touches_both_fills_the_stop_and_not_the_limit(
        self, reference: bool
    ) -> None:
        of = bars([10, 10, 10, 10], [UP], low=[10, 10, 9, 9], high=[10, 10, 12, 12])
        result = run(of, reference, stop_loss=5, take_profit=10)
        assert rows(result) == [(1, 10, 10), (2, -10, 9.5)]

    def test_a_trailing_stop_follows_the_closes_and_never_back(
        self, reference: bool
    ) -> None:
        # Closes 10, 20, 19: the stop is at 9, 18 and stays there.
        of = bars([10, 10, 20, 19, 19], [UP], low=[10, 10, 20, 19, 17])
        result = run(of, reference, trailing_stop=10)
        assert rows(result) == [(1, 10, 10), (4, -10, 18)]

    def test_a_short_position_is_stopped_above(self, reference: bool) -> None:
        of = bars([10, 10, 10, 10], [DOWN], high=[10, 10, 10.6, 10])
        assert rows(run(of, reference, stop_loss=5)) == [(1, -10, 10), (2, 10, 10.5)]

    def test_an_opposite_signal_cancels_them(self, reference: bool) -> None:
        of = bars([10, 10, 10, 10, 10], [UP, NO, DOWN], low=[10, 10, 10, 10, 9])
        result = run(of, reference, stop_loss=5)
        assert rows(result) == [(1, 10, 10), (3, -20, 10)]


class TestClock:
    def of(self, signals: Sequence[float]) -> Sleeve:
        """Six minutes of a session from 14:30 to 14:36."""
        hours = np.array([[FIRST_BAR, FIRST_BAR + 6 * MINUTE]])
        return replace(bars([10] * 6, signals), hours=hours)

    def test_no_entry_in_the_first_minutes(self, reference: bool) -> None:
        result = run(self.of([UP] * 6), reference, no_entry_first=2)
        assert rows(result) == [(3, 10, 10)]

    def test_no_entry_in_the_last_minutes(self, reference: bool) -> None:
        of = self.of([NO, NO, NO, UP, UP, UP])
        assert rows(run(of, reference, no_entry_last=3)) == []
        assert rows(run(of, reference, no_entry_last=2)) == [(4, 10, 10)]

    def test_flat_before_the_close_is_out_and_stays_out(self, reference: bool) -> None:
        result = run(self.of([UP] * 6), reference, flat_before_close=2)
        assert rows(result) == [(1, 10, 10), (5, -10, 10)]


class TestCosts:
    def test_commission_by_share_with_a_minimum_for_each_part(
        self, reference: bool
    ) -> None:
        of = bars([10] * 4, [UP, NO, DOWN])
        costs = Costs(commission_per_share=0.05, commission_minimum=1)
        assert run(of, reference, costs=costs).fills["commission"].tolist() == [1, 2]
        dear = Costs(commission_bps=100, commission_per_share=0.05)
        paid = run(of, reference, costs=dear).fills["commission"]
        assert paid.tolist() == pytest.approx([1.5, 3.0])

    def test_borrowed_shares_cost_by_the_calendar_day(self, reference: bool) -> None:
        of = bars([100, 100, 100, 100], [DOWN, NO, UP])
        days = np.array([0, 0, 0, 10]) * 24 * 60 * MINUTE
        of = replace(of, ts=of.ts + days)
        # 10 shares at 100 for 10 days at 36.5 % a year: 10.
        result = run(of, reference, costs=Costs(borrow_bps=3650), direction="short")
        assert result.equity[0, 0, -1] == pytest.approx(10_000 - 10)
        assert result.fills["commission"].tolist() == pytest.approx([0, 10])

    def test_each_part_of_an_order_pays_the_commission_per_order(
        self, reference: bool
    ) -> None:
        of = bars([10] * 4, [UP, NO, DOWN])
        costs = Costs(commission_per_order=2, commission_per_share=0.1)
        paid = run(of, reference, costs=costs).fills["commission"]
        assert paid.tolist() == pytest.approx([3, 6])
        least = Costs(commission_per_order=2, commission_minimum=2.5)
        paid = run(of, reference, costs=least).fills["commission"]
        assert paid.tolist() == [2.5, 5]

    def test_each_share_of_an_order_pays_the_rate_of_its_tier(
        self, reference: bool
    ) -> None:
        of = bars([10] * 4, [UP, NO, DOWN])
        costs = Costs(commission_tiers=((0, 0.5), (4, 0.25), (8, 1.0)))
        paid = run(of, reference, costs=costs).fills["commission"]
        # 10 shares: 4 for 0.50, 4 for 0.25, 2 for 1; the reversal pays that twice.
        assert paid.tolist() == pytest.approx([5, 10])

    def test_cash_earns_and_debt_costs_by_the_calendar_day(
        self, reference: bool
    ) -> None:
        days = np.array([0, 0, 10, 10, 20]) * 24 * 60 * MINUTE
        of = bars([100, 100, 100, 300, 300], [DOWN, NO, UP])
        of = replace(of, ts=of.ts + days)
        costs = Costs(cash_bps=3650, debit_bps=7300)
        result = run(of, reference, costs=costs, cash=1500.0, direction="short")
        # Short 10 at 100 makes cash of 2,500, which earns 1 % in 10 days: 25. Buying
        # back at 300 costs 3,000 and leaves a debt of 475, which costs 2 %: 9.50.
        assert rows(result)[0] == (1, -10, 100)
        assert result.equity[0, 0, -1] == pytest.approx(-484.5)
        assert result.fills["commission"].tolist() == [0, 0]
        (audit,) = result.audits_of(["-"])["-"]
        assert audit.is_sound

    def test_cash_earns_without_any_trade(self, reference: bool) -> None:
        of = bars([100, 100, 100], [])
        of = replace(of, ts=of.ts + np.array([0, 1, 3]) * 24 * 60 * MINUTE)
        result = run(of, reference, costs=Costs(cash_bps=3650))
        # Interest is paid at each bar of a new day, and earns interest itself.
        assert result.equity[0, 0, -1] == pytest.approx(10_000 * 1.001 * 1.002)

    def test_half_the_spread_of_the_symbol_is_added_to_slippage(
        self, reference: bool
    ) -> None:
        of = bars([10] * 4, [UP, NO, DOWN])
        spread = BySymbol(default=900.0, own=(("AAA", 40.0),))
        costs = Costs(slippage_bps=60, half_spread_bps=spread)
        result = run(of, reference, costs=costs)
        assert rows(result) == [(1, 10, 10.1), (3, -20, 9.9)]
        assert result.fills["slippage"].tolist() == pytest.approx([0.01, 0.01])

    def test_impact_depends_on_the_value_of_the_whole_order(
        self, reference: bool
    ) -> None:
        of = bars([10] * 4, [UP, NO, DOWN], impact=[0.001, 0.001, 0.002, 0.003])
        result = run(of, reference, costs=Costs(impact=2))
        # 10 at 10 are 100, whose root is 10; the reversal is an order of 20.
        opened, reversed_ = 2 * 0.001 * 10, 2 * 0.003 * np.sqrt(200)
        assert rows(result) == [
            (1, 10, 10 * (1 + opened)),
            (3, -20, round(10 * (1 - reversed_), 9)),
        ]

    def test_a_stop_has_impact_and_a_limit_at_its_price_has_none(
        self, reference: bool
    ) -> None:
        of = bars(
            [10, 10, 10, 12], [UP], high=[10, 10, 10, 12], impact=[0, 0, 0.01, 0.01]
        )
        up = replace(of, open=np.array([10.0, 10, 10, 10]))
        result = run(up, reference, costs=Costs(impact=1), take_profit=10)
        assert result.fills["slippage"].tolist() == [0, 0]
        down = replace(of, open=np.array([10.0, 10, 10, 8]), low=np.full(4, 8.0))
        result = run(down, reference, costs=Costs(impact=1), stop_loss=10)
        (_, stopped) = result.fills["slippage"]
        assert stopped > 0.01


def test_a_short_position_that_the_cash_cannot_buy_back_stays(reference: bool) -> None:
    # Short 10 at 10 leaves 120; at 13 the way back costs 130, so it is refused.
    of = bars([10, 10, 13, 13, 11, 11], [DOWN, NO, UP, NO, UP])
    result = run(of, reference, cash=20.0, direction="short")
    assert result.rejected.tolist() == [[1]]
    assert rows(result) == [(1, -10, 10), (5, 10, 11)]
