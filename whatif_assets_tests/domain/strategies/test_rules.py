"""The built-in rules, each on rows that can be checked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.strategies.ema_cross import EmaCross, EmaCrossSettings
from whatif_assets.domain.strategies.random_entry import draws, mix
from whatif_assets.engines.backtest import Costs, Variant, run_backtests
from whatif_assets.engines.reference import prepare
from whatif_assets.engines.strategies import StrategyType, find_strategy
from whatif_assets_tests.sleeves_for_tests import cents, sleeve, sleeves


class TestCrossing:
    def signals(self, fast: list[float], slow: list[float]) -> list[int]:
        lines = {"fast": np.array(fast), "slow": np.array(slow)}
        return EmaCross.signals(lines, EmaCrossSettings()).tolist()

    def test_a_crossing_gives_one_signal_on_its_bar(self) -> None:
        signals = self.signals([1, 1, 3, 3, 1], [2, 2, 2, 2, 2])
        assert signals == [0, 0, 1, 0, -1]

    def test_before_the_first_crossing_there_is_no_position(self) -> None:
        assert self.signals([3, 3, 3], [2, 2, 2]) == [0, 0, 0]

    def test_a_touch_is_no_crossing(self) -> None:
        assert self.signals([1, 2, 1, 2, 3], [2, 2, 2, 2, 2]) == [0, 0, 0, 0, 1]

    def test_warm_up_gives_no_signal(self) -> None:
        nan = float("nan")
        assert self.signals([nan, nan, 1, 3], [nan, 2, 2, 2]) == [0, 0, 0, 1]

    @settings(max_examples=50, deadline=None)
    @given(bars=sleeves({"fast": cents(0, 4), "slow": cents(0, 4)}))
    def test_crossings_equal_backtraders_own_indicator(self, bars: Sleeve) -> None:
        fast, slow = bars.columns["fast"], bars.columns["slow"]
        ours = self.signals(fast.tolist(), slow.tolist())
        assert ours[1:] == crossings_by_backtrader(bars)[1:]


def crossings_by_backtrader(bars: Sleeve) -> list[float]:
    class Watching(bt.Strategy):  # type: ignore[misc]
        def __init__(self) -> None:
            self.cross = bt.ind.CrossOver(self.data.fast, self.data.slow)

        def next(self) -> None:
            seen.append(self.cross[0])

    seen: list[float] = []
    scripted = find_strategy("whatif_assets_tests.user_strategies:Scripted")
    kind = StrategyType("watching", scripted.base, Watching, scripted.Settings)
    if len(bars) > 1:
        prepare(bars, kind, Variant("-", {})).run()
    return [0.0] * (len(bars) - len(seen)) + seen


class TestBuyAndHold:
    def run(self, bars: Sleeve, cash: float, **of: object) -> BacktestResult:
        costs = of.pop("costs", Costs())
        variant = Variant("-", of, costs, cash)  # type: ignore[arg-type]
        return run_backtests([bars], "buy_and_hold", [variant])

    def test_it_buys_once_and_holds(self) -> None:
        result = self.run(sleeve([10, 12, 11, 15]), 1000.0, size=7)
        assert result.fills["size"].tolist() == [7]
        assert result.fills["price"].tolist() == [12]
        assert result.equity[0, 0, -1] == 1000 + 7 * (15 - 12)

    def test_all_buys_the_whole_shares_that_the_cash_pays_at_the_close(self) -> None:
        result = self.run(sleeve([30, 30, 33]), 1000.0)
        assert result.fills["size"].tolist() == [33]
        assert result.equity[0, 0, -1] == 1000 + 33 * 3

    def test_all_leaves_room_for_the_costs(self) -> None:
        costs = Costs(commission_bps=100, slippage_bps=100)
        result = self.run(sleeve([10, 10, 10]), 1020.1, costs=costs)
        # A share costs 10 x 1.01 x 1.01 = 10.201, so the cash buys 100.
        assert result.fills["size"].tolist() == [99 + 1]
        assert result.rejected.tolist() == [[0]]

    def test_all_asks_again_where_the_open_gapped_beyond_the_cash(self) -> None:
        result = self.run(sleeve([10, 11, 11, 12]), 100.0)
        assert result.rejected.tolist() == [[1]]
        assert result.fills["size"].tolist() == [9]
        assert result.fills["price"].tolist() == [11]

    def test_cash_for_no_whole_share_trades_nothing(self) -> None:
        result = self.run(sleeve([10, 10, 10]), 9.0)
        assert len(result.fills) == 0
        assert result.rejected.tolist() == [[0]]


class TestRandomEntry:
    def test_the_generator_gives_the_published_numbers(self) -> None:
        # SplitMix64 from seed 1234567, as Rosetta Code publishes it; its state
        # grows by 0x9E3779B97F4A7C15 a step.
        step, states = 0x9E3779B97F4A7C15, []
        for number in range(3):
            states.append((1234567 + number * step) % 2**64)
        assert mix(np.array(states, dtype=np.uint64)).tolist() == [
            6457827717110365317,
            3203168211198807973,
            9817491932198370423,
        ]

    def test_draws_are_spread_evenly(self) -> None:
        many = draws(1, "AAA", np.arange(100_000) * 60_000_000)
        assert (many.min() >= 0, many.max() < 1) == (True, True)
        counts, _ = np.histogram(many, bins=20, range=(0, 1))
        # Chi-squared with 19 degrees of freedom: 43.8 is its 99.9 % point.
        assert ((counts - 5000) ** 2 / 5000).sum() < 43.8

    def test_a_draw_depends_on_its_own_bar_alone(self) -> None:
        ts = np.arange(100) * 60_000_000
        np.testing.assert_array_equal(
            draws(1, "AAA", ts)[40:], draws(1, "AAA", ts[40:])
        )

    @pytest.mark.parametrize(("seed", "symbol"), [(2, "AAA"), (1, "BBB")])
    def test_seeds_and_symbols_draw_differently(self, seed: int, symbol: str) -> None:
        ts = np.arange(10_000) * 60_000_000
        both = np.corrcoef(draws(1, "AAA", ts), draws(seed, symbol, ts))
        assert abs(both[0, 1]) < 0.05

    @pytest.mark.parametrize(("probability", "expected"), [(0.0, {0}), (1.0, {-1, 1})])
    def test_probability_says_how_often_there_is_a_signal(
        self, probability: float, expected: set[int]
    ) -> None:
        kind = find_strategy("random_entry")
        chosen = kind.settings({"probability": probability})
        bars = sleeve(np.full(200, 10.0).tolist())
        assert kind.rule is not None
        signals = kind.rule.signals(kind.lines_of(bars, chosen), chosen)
        assert set(signals.tolist()) == expected


class TestFeatureThreshold:
    def signals(self, values: list[float], **settings: Any) -> list[int]:
        kind = find_strategy("feature_threshold")
        chosen = kind.settings(settings)
        assert kind.rule is not None
        return kind.rule.signals({"feature": np.array(values)}, chosen).tolist()

    def test_it_follows_or_fades_what_is_beyond_a_level(self) -> None:
        values = [20, 30, 50, 70, 80, np.nan]
        assert self.signals(values) == [1, 0, 0, 0, -1, 0]
        assert self.signals(values, mode="follow") == [-1, 0, 0, 0, 1, 0]

    def test_any_feature_may_be_written_in_any_way(self) -> None:
        kind = find_strategy("feature_threshold")
        for written in ("willr+timeperiod=5", {"willr": {"timeperiod": 5}}):
            chosen = kind.settings({"feature": written})
            assert chosen.model_dump()["feature"] == "willr+timeperiod=5"
            assert kind.inputs(chosen)["feature"].column == "willr_5_close"

    def test_an_unknown_feature_is_refused_by_name(self) -> None:
        with pytest.raises(BadInput, match=r"feature wilr: unknown.*'willr'\?"):
            find_strategy("feature_threshold").settings({"feature": "wilr"})
