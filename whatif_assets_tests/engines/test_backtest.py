"""Backtests: orders, fills, costs and equity on rows that can be checked by hand."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif_assets.domain.accounts._backtrader import RecordingBroker, bt, date_numbers
from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.backtest import Costs, Variant, run_backtests, sleeves_of
from whatif_assets.engines.processes import jobs as module
from whatif_assets.engines.reference import prepare
from whatif_assets.engines.strategies import find_strategy
from whatif_assets_tests import user_strategies
from whatif_assets_tests.sleeves_for_tests import (
    FIRST_BAR,
    MINUTE,
    sleeve,
    sleeves,
)

OWN = "whatif_assets_tests.user_strategies"
UP, DOWN, NOTHING = 0.01, -0.01, 0.0


def run(
    bars: Sleeve, *, size: int = 100, costs: Costs | None = None, cash: float = 10_000.0
) -> BacktestResult:
    variant = Variant("-", {"size": size}, costs or Costs(), cash)
    return run_backtests([bars], "forecast_threshold", [variant])


def rows(result: BacktestResult) -> list[tuple[int, float, float]]:
    """Minute, size and price of each fill."""
    minutes = (result.fills["ts"] - pd.Timestamp(FIRST_BAR, unit="us", tz="UTC")).dt
    return list(
        zip(
            (minutes.total_seconds() // 60).astype(int),
            result.fills["size"],
            result.fills["price"],
            strict=True,
        )
    )


class TestFills:
    def test_an_order_decided_at_a_close_fills_at_the_next_open(self) -> None:
        bars = sleeve([10, 20, 30], [11, 21, 31], forecast=[UP, UP, UP])
        assert rows(run(bars)) == [(1, 100, 20.0)]

    def test_a_neutral_signal_trades_nothing(self) -> None:
        bars = sleeve([10, 20, 30], forecast=[NOTHING, math.nan, NOTHING])
        assert rows(run(bars)) == []

    def test_a_neutral_signal_keeps_what_is_open(self) -> None:
        bars = sleeve([10, 20, 30, 40], forecast=[UP, NOTHING, NOTHING, NOTHING])
        assert rows(run(bars)) == [(1, 100, 20.0)]

    def test_an_order_on_the_last_bar_never_fills(self) -> None:
        bars = sleeve([10, 20], forecast=[NOTHING, UP])
        assert rows(run(bars)) == []

    def test_an_opposite_signal_reverses_the_position_in_one_order(self) -> None:
        bars = sleeve([10, 20, 30, 40], forecast=[UP, NOTHING, DOWN, NOTHING])
        result = run(bars)
        assert rows(result) == [(1, 100, 20.0), (3, -200, 40.0)]
        # Long 100 from 20 to 40, then short at the price it closes at.
        assert result.equity[0, 0].tolist() == [12_000.0]

    def test_the_first_signal_may_open_a_short_position(self) -> None:
        bars = sleeve([10, 20, 15], forecast=[DOWN, NOTHING, NOTHING])
        result = run(bars)
        assert rows(result) == [(1, -100, 20.0)]
        assert result.equity[0, 0].tolist() == [10_500.0]

    def test_a_threshold_is_not_beyond_itself(self) -> None:
        bars = sleeve([10, 20], forecast=[0.0001, 0.0])
        assert rows(run(bars)) == []

    def test_an_open_position_is_marked_to_the_last_close_and_not_closed(self) -> None:
        bars = sleeve([10, 20, 30], [11, 21, 33], forecast=[UP, UP, UP])
        result = run(bars)
        assert len(result.fills) == 1
        assert result.equity[0, 0].tolist() == [10_000 + 100 * (33 - 20)]


class TestCosts:
    def test_commission_and_slippage_to_the_cent(self) -> None:
        # 25 bp of slippage: bought at 20.05, sold at 39.90; 10 bp of commission on
        # 2,005.00 and on 7,980.00; the short half is marked to 40.
        bars = sleeve([10, 20, 30, 40], forecast=[UP, NOTHING, DOWN, NOTHING])
        result = run(bars, costs=Costs(commission_bps=10, slippage_bps=25))
        assert result.fills["price"].tolist() == pytest.approx([20.05, 39.90])
        assert result.fills["commission"].tolist() == pytest.approx([2.005, 7.98])
        assert result.fills["value"].tolist() == pytest.approx([2005.0, 7980.0])
        cash = 10_000 - 2005.0 - 2.005 + 7980.0 - 7.98
        assert result.equity[0, 0, -1] == pytest.approx(cash - 100 * 40)
        assert result.equity[0, 0, -1] == pytest.approx(11_965.015)

    def test_slippage_is_charged_beyond_the_bars_own_range(self) -> None:
        bars = sleeve([10, 20, 30], [10, 20, 30], forecast=[UP, NOTHING, NOTHING])
        assert bars.high[1] == 20
        assert rows(run(bars, costs=Costs(slippage_bps=100))) == [(1, 100, 20.2)]


class TestCash:
    def test_an_order_beyond_the_cash_is_rejected_at_every_close_that_sends_it(
        self,
    ) -> None:
        bars = sleeve([10, 10, 10, 10], forecast=[UP, UP, NOTHING, NOTHING])
        result = run(bars, cash=999.99)
        assert rows(result) == []
        assert result.rejected.tolist() == [[2]]
        assert result.equity[0, 0].tolist() == [999.99]

    def test_a_gap_beyond_the_cash_rejects_an_order_that_the_close_allowed(
        self,
    ) -> None:
        bars = sleeve([10, 10.01, 10], forecast=[UP, NOTHING, NOTHING])
        result = run(bars, cash=1000.0)
        assert rows(result) == []
        assert result.rejected.tolist() == [[1]]

    def test_the_commission_has_to_be_in_the_cash_too(self) -> None:
        bars = sleeve([10, 10, 10], forecast=[UP, NOTHING, NOTHING])
        result = run(bars, cash=1000.0, costs=Costs(commission_bps=1))
        assert result.rejected.tolist() == [[1]]

    def test_each_sleeve_has_separate_cash(self) -> None:
        bars = [
            sleeve([10, 10, 12], symbol=symbol, forecast=[UP, NOTHING, NOTHING])
            for symbol in ("AAA", "BBB")
        ]
        variants = [Variant("-", {}, cash=1000.0)]
        result = run_backtests(bars, "forecast_threshold", variants)
        assert result.rejected.tolist() == [[0, 0]]
        assert result.equity.tolist() == [[[1200.0], [1200.0]]]
        assert result.total_equity.tolist() == [[2400.0]]
        assert result.start_cash.tolist() == [2000.0]


class TestSessions:
    def test_a_session_without_bars_repeats_the_one_before(self) -> None:
        bars = sleeve(
            [10, 20, 30, 40],
            sessions=[1, 1, 1, 3],
            forecast=[UP, NOTHING, NOTHING, NOTHING],
        )
        variants = [Variant("-", {}, cash=10_000.0)]
        result = run_backtests([bars], "forecast_threshold", variants, n_sessions=6)
        expected = [10_000, 11_000, 11_000, 12_000, 12_000, 12_000]
        assert result.equity[0, 0].tolist() == expected
        assert result.daily_pnl["pnl"].tolist() == [0, 1000, 0, 1000, 0, 0]
        assert result.daily_pnl["session"].tolist() == [0, 1, 2, 3, 4, 5]

    def test_a_symbol_without_bars_keeps_its_cash(self) -> None:
        traded = sleeve([10, 10, 12], forecast=[UP, NOTHING, NOTHING])
        empty = sleeve([], symbol="BBB", forecast=[])
        variants = [Variant("-", {}, cash=1000.0)]
        result = run_backtests([empty, traded], "forecast_threshold", variants)
        assert result.equity.tolist() == [[[1000.0], [1200.0]]]

    def test_an_order_waits_over_the_night(self) -> None:
        bars = sleeve([10, 20, 30], sessions=[0, 1, 1], forecast=[UP, NOTHING, NOTHING])
        result = run(bars)
        assert rows(result) == [(1, 100, 20.0)]
        assert result.equity[0, 0].tolist() == [10_000, 11_000]


wanted = st.sampled_from([0, 0, 0, 1, 2, 5, -1, -3, -50]).map(float)


@settings(max_examples=60, deadline=None)
@given(
    bars=sleeves({"wanted": wanted}),
    costs=st.builds(Costs, st.sampled_from([0.0, 5.0]), st.sampled_from([0.0, 8.0])),
    cash=st.sampled_from([20.0, 1e4]),
)
def test_equity_is_cash_after_the_fills_plus_shares_at_the_close(
    bars: Sleeve, costs: Costs, cash: float
) -> None:
    result = run_backtests([bars], f"{OWN}:Scripted", [Variant("-", {}, costs, cash)])
    fills, (_, last) = result.fills, bars.last_bars()
    ts = fills["ts"].astype("int64")
    for session, bar in enumerate(last):
        past = fills[ts <= bars.ts[bar]]
        paid = (past["size"] * past["price"]).sum() + past["commission"].sum()
        value = past["size"].sum() * bars.close[bar]
        assert result.equity[0, 0, session] == pytest.approx(cash - paid + value)


def through_backtraders_own_feed(bars: Sleeve, strategy: type, cash: float) -> float:
    """Run a strategy as in Backtrader's manual, row by row from a DataFrame."""
    frame = pd.DataFrame(bars.prices(), index=pd.to_datetime(bars.ts, unit="us"))
    cerebro = bt.Cerebro(stdstats=False, runonce=False, preload=False)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame))
    cerebro.addstrategy(strategy)
    cerebro.broker.setcash(cash)
    cerebro.run()
    return float(cerebro.broker.getvalue())


@pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")
@pytest.mark.parametrize("name", ["SmaReversal", "HeikinAshi"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_arrays_have_the_same_result_as_backtraders_own_feed(
    name: str, data: st.DataObject
) -> None:
    bars = data.draw(sleeves().filter(lambda drawn: len(drawn) > 6))
    result = run_backtests([bars], f"{OWN}:{name}", [Variant("-", {}, cash=1000.0)])
    theirs = through_backtraders_own_feed(bars, getattr(user_strategies, name), 1000.0)
    assert result.equity[0, 0, -1] == theirs


@given(
    st.lists(st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2100, 1, 1)), min_size=1)
)
def test_times_equal_backtraders_own_to_the_last_place(
    times: list[dt.datetime],
) -> None:
    ts = np.array(times, dtype="datetime64[us]").view(np.int64)
    theirs = np.array([bt.date2num(time) for time in times])
    np.testing.assert_array_max_ulp(date_numbers(ts), theirs, maxulp=1)


@given(st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2100, 1, 1)))
def test_a_strategy_reads_the_bars_time_to_the_second(time: dt.datetime) -> None:
    whole = time.replace(microsecond=0)
    ts = np.array([whole], dtype="datetime64[us]").view(np.int64)
    assert bt.num2date(date_numbers(ts)[0]) == whole


def test_the_last_value_is_the_brokers_own() -> None:
    bars = sleeve([10, 20, 30], [11, 21, 33], forecast=[UP, UP, UP])
    kind = find_strategy("forecast_threshold")
    cerebro = prepare(bars, kind, Variant("-", {}, Costs(1, 1)))
    cerebro.run()
    assert isinstance(cerebro.broker, RecordingBroker)
    assert cerebro.broker.values[-1] == cerebro.broker.getvalue()


class TestProcesses:
    def variants(self) -> list[Variant]:
        return [Variant(f"size={size}", {"size": size}) for size in (1, 2, 3)]

    def bars(self) -> list[Sleeve]:
        signals = np.random.default_rng(1).normal(0, 0.01, 40)
        prices = 10 + np.arange(40) / 100
        return [
            sleeve(prices, symbol=symbol, forecast=list(sign * signals))
            for symbol, sign in (("AAA", 1), ("BBB", -1))
        ]

    def run(self, processes: int, *, reference: bool = False) -> BacktestResult:
        return run_backtests(
            self.bars(),
            "forecast_threshold",
            self.variants(),
            processes=processes,
            reference=reference,
        )

    def test_two_processes_have_the_result_of_one_bit_for_bit(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_WORTH_A_PROCESS", 0)
        monkeypatch.setattr(module, "_BARS_PER_CHUNK", 80)
        one, two = self.run(1, reference=True), self.run(2, reference=True)
        np.testing.assert_array_equal(one.equity, two.equity)
        pd.testing.assert_frame_equal(one.fills, two.fills, check_exact=True)
        assert one.variants == two.variants
        assert len(one.fills) > 50

    def test_a_failure_in_another_process_is_reported_like_one_in_this(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_WORTH_A_PROCESS", 0)
        variants = [Variant("a", {}), Variant("b", {})]
        with pytest.raises(BadInput, match="Failing', symbol AAA, variant a"):
            run_backtests(self.bars(), f"{OWN}:Failing", variants, processes=2)

    def test_results_are_in_the_order_of_variants_and_symbols(self) -> None:
        result = self.run(1)
        assert result.variants == ("size=1", "size=2", "size=3")
        assert result.symbols == ("AAA", "BBB")
        keys = result.fills[["variant", "symbol"]].drop_duplicates()
        assert keys["variant"].tolist() == [v for v in result.variants for _ in "AB"]
        assert keys["symbol"].tolist() == ["AAA", "BBB"] * 3
        assert result.equity.shape == (3, 2, 1)
        assert result.daily_pnl["equity"].tolist() == result.equity.ravel().tolist()

    def test_progress_counts_jobs_to_the_last(self) -> None:
        seen: list[tuple[int, int]] = []
        run_backtests(
            self.bars(),
            "forecast_threshold",
            self.variants(),
            progress=lambda done, total: seen.append((done, total)),
        )
        assert seen[-1] == (6, 6)
        assert seen == sorted(seen)
        assert {total for _, total in seen} == {6}


class TestBadInput:
    bars = sleeve([10, 11, 12, 13], forecast=[0, 0, 0, 0])

    def test_a_failing_strategy_names_symbol_variant_bar_and_line(self) -> None:
        with pytest.raises(BadInput) as caught:
            run_backtests([self.bars], f"{OWN}:Failing", [Variant("bar=3", {})])
        message = str(caught.value)
        assert message.startswith(
            f"Strategy '{OWN}:Failing', symbol AAA, variant bar=3, "
            "at the bar 2018-02-20 14:32:00 UTC: ZeroDivisionError: "
        )
        assert f"({user_strategies.__file__}:" in message

    def test_a_strategy_that_skips_itself_is_refused(self) -> None:
        with pytest.raises(BadInput, match="skipped itself"):
            run_backtests([self.bars], f"{OWN}:Skipping", [Variant("-", {})])

    def test_a_missing_column_is_named(self) -> None:
        bars = sleeve([10, 11], ema_10=[1, 1])
        with pytest.raises(BadInput, match=r"forecast, which .* AAA lacks.* ema_10"):
            run_backtests([bars], "forecast_threshold", [Variant("-", {})])

    def test_an_unknown_setting_is_named_before_anything_runs(self) -> None:
        variants = [Variant("-", {"treshold": 1})]
        with pytest.raises(BadInput, match=r"treshold.*Did you mean 'threshold'\?"):
            run_backtests([self.bars], "forecast_threshold", variants)

    @pytest.mark.parametrize("what", ["symbol", "variant"])
    def test_a_name_that_occurs_twice_is_refused(self, what: str) -> None:
        bars = [self.bars] * (2 if what == "symbol" else 1)
        variants = [Variant("a", {})] * (2 if what == "variant" else 1)
        with pytest.raises(BadInput, match=f"the {what} .* occurs more than once"):
            run_backtests(bars, "forecast_threshold", variants)


def test_a_strategy_that_ends_its_run_keeps_the_value_it_had() -> None:
    bars = sleeve([10, 10, 11, 99], sessions=[0, 1, 2, 3])
    result = run_backtests([bars], f"{OWN}:StopsEarly", [Variant("-", {}, cash=100.0)])
    assert result.equity[0, 0].tolist() == [100, 100, 101, 101]


class TestSleeves:
    def frame(self) -> pd.DataFrame:
        days = pd.to_datetime(["2018-02-16", "2018-02-20", "2018-02-20"])
        part = pd.DataFrame(
            {
                "ts": pd.to_datetime(
                    ["2018-02-16 14:30", "2018-02-20 14:30", "2018-02-20 14:31"],
                    utc=True,
                ).astype("datetime64[us, UTC]"),
                "session": days,
                **{name: [1.0, 2.0, 3.0] for name in ("open", "high", "low", "close")},
                "volume": 5.0,
                "vwap": math.nan,
                "ema_10_close": [0.1, 0.2, 0.3],
            }
        )
        return pd.concat([part.assign(symbol="AAA"), part[1:].assign(symbol="BBB")])

    def test_bars_are_cut_by_symbol_and_numbered_by_session(self) -> None:
        sessions = [dt.date(2018, 2, 16), dt.date(2018, 2, 20)]
        first, second = sleeves_of(self.frame(), sessions, ["ema_10_close"])
        assert (first.symbol, second.symbol) == ("AAA", "BBB")
        assert first.session.tolist() == [0, 1, 1]
        assert second.session.tolist() == [1, 1]
        assert first.ts[1:].tolist() == [FIRST_BAR, FIRST_BAR + MINUTE]
        assert first.columns["ema_10_close"].tolist() == [0.1, 0.2, 0.3]

    def test_bars_of_other_sessions_are_left_out(self) -> None:
        first, _ = sleeves_of(self.frame(), [dt.date(2018, 2, 20)])
        assert first.open.tolist() == [2.0, 3.0]

    def test_bars_out_of_order_are_refused(self) -> None:
        with pytest.raises(BadInput, match=r"bar 1 .*not later than that of the bar"):
            sleeves_of(self.frame()[::-1], [dt.date(2018, 2, 20)])

    def test_a_price_that_is_not_a_number_is_refused(self) -> None:
        with pytest.raises(BadInput, match=r"14:31:00 UTC.: open is not finite"):
            sleeve([1.0, math.nan])

    def test_columns_are_as_long_as_the_bars(self) -> None:
        with pytest.raises(BadInput, match="forecast has 1 values for 2 bars"):
            sleeve([1.0, 2.0], forecast=[0.0])


# Final values of Backtrader's test_strategy_optimized for periods 5 to 44.
PUBLISHED: Sequence[tuple[str, int]] = (
    ("14525.80", 2),
    ("15408.20", 2),
    ("14763.90", 10),
    ("13187.10", 3),
    ("13684.40", 6),
    ("13656.10", 4),
    ("12988.10", 13),
)


def test_backtraders_published_sweep_to_the_cent(market_data: Path) -> None:
    day = pd.read_csv(market_data / "raw" / "backtrader" / "2006-day-001.txt")
    prices = {name.lower(): day[name] for name in ("Open", "High", "Low", "Close")}
    frame = pd.DataFrame(
        {
            "symbol": "2006",
            "ts": pd.to_datetime(day["Date"], utc=True).astype("datetime64[us, UTC]"),
            "session": pd.to_datetime(day["Date"]),
            **prices,
            "volume": day["Volume"],
            "vwap": math.nan,
        }
    )
    bars = sleeves_of(frame, frame["session"].dt.date.tolist())
    variants = [Variant(f"period={p}", {"period": p}, cash=1e4) for p in range(5, 45)]
    result = run_backtests(bars, f"{OWN}:SmaCross", variants)
    final = [f"{value:.2f}" for value in result.equity[:, 0, -1]]
    assert final == [value for value, times in PUBLISHED for _ in range(times)]
