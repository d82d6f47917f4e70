"""A user's own strategy trades as in plain Backtrader, fill by fill."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.bars.bar_size import ONE_MINUTE, BarSize
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.backtest import Variant, run_backtests
from whatif_assets.engines.probing.replaying import probe_strategy
from whatif_assets.engines.reference import executions
from whatif_assets.engines.strategies import find_strategy
from whatif_assets_tests.domain.accounts import situations
from whatif_assets_tests.domain.accounts.situations import SITUATIONS
from whatif_assets_tests.sleeves_for_tests import FIRST_BAR, MINUTE

CASH = 10_000.0
DAY = 24 * 60 * MINUTE
BARS, SESSIONS = 60, 3


def minutes(size: BarSize = ONE_MINUTE, first: int = FIRST_BAR) -> Sleeve:
    """Three sessions of one hour: a random walk with overnight gaps."""
    rng = np.random.default_rng(3)
    n = BARS * SESSIONS
    steps = rng.normal(0, 0.15, n) + np.where(np.arange(n) % BARS == 0, 1.0, 0.0)
    close = np.round(100 + np.cumsum(steps), 2)
    opens = np.round(np.append(100.0, close[:-1]) + rng.normal(0, 0.03, n), 2)
    session = np.arange(n) // BARS
    begins = first + DAY * np.arange(SESSIONS)
    minute = int(size.amount) * MINUTE
    return Sleeve(
        symbol="AAA",
        ts=(begins[session] + minute * (np.arange(n) % BARS)).astype(np.int64),
        session=session.astype(np.int32),
        open=opens,
        high=np.maximum(opens, close) + np.round(rng.uniform(0, 0.1, n), 2),
        low=np.minimum(opens, close) - np.round(rng.uniform(0, 0.1, n), 2),
        close=close,
        volume=rng.integers(100, 2000, n).astype(np.float64),
        vwap=(opens + close) / 2,
        hours=np.column_stack([begins, begins + minute * BARS]),
        bar_size=size,
    )


def plain(strategy: type[Any], bars: Sleeve, **params: Any) -> tuple[list[Any], float]:
    """Fills and final value of Backtrader, set up as its own documentation does."""
    told: list[tuple[Any, ...]] = []

    class Telling(strategy):  # type: ignore[misc]
        def notify_order(self, order: Any) -> None:
            if order.status in (order.Partial, order.Completed):
                bit = order.executed.exbits[-1]
                told.append((bt.num2date(bit.dt), bit.size, bit.price, bit.comm))
            super().notify_order(order)

    prices = {name: bars.prices()[name] for name in ("open", "high", "low", "close")}
    frame = pd.DataFrame(
        {**prices, "volume": bars.volume},
        index=pd.DatetimeIndex(bars.ts.view("datetime64[us]")),
    )
    size = bars.bar_size
    timed = size is not None and size.timed
    feed = bt.feeds.PandasData(
        dataname=frame,
        timeframe=bt.TimeFrame.Minutes if timed else bt.TimeFrame.Days,
        compression=int(size.amount) if size and timed else 1,
    )
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(feed)
    cerebro.broker.setcash(CASH)
    cerebro.addstrategy(Telling, **params)
    cerebro.run()
    return told, cerebro.broker.getvalue()


def ours(strategy: type[Any], bars: Sleeve) -> tuple[list[Any], float]:
    """Fills and final value of the same strategy, found by its name."""
    variants = [Variant("-", {}, cash=CASH)]
    result = run_backtests([bars], name_of(strategy), variants)
    fills = result.fills
    rows = fills[["ts", "size", "price", "commission"]].itertuples(index=False)
    told = [
        (row.ts.tz_localize(None).to_pydatetime(), row.size, row.price, row.commission)
        for row in rows
    ]
    return told, float(result.total_equity[0, -1])


def name_of(strategy: type[Any]) -> str:
    """Name of a strategy as written in a study."""
    return f"{strategy.__module__}:{strategy.__name__}"


def assert_same(ours: list[Any], plain: list[Any]) -> None:
    """Compare fills; Backtrader's times are within ten microseconds."""
    assert len(ours) == len(plain) > 0
    for (when, *mine), (then, *theirs) in zip(ours, plain):
        assert abs((when - then).total_seconds()) < 1e-3
        assert mine == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("strategy", SITUATIONS, ids=lambda s: s.__name__)
@pytest.mark.parametrize("size", ["1min", "5min"])
def test_every_fill_is_plain_backtraders(strategy: type[Any], size: str) -> None:
    bars = minutes(BarSize.parse(size))
    fills, value = ours(strategy, bars)
    expected, worth = plain(strategy, bars)
    assert_same(fills, expected)
    paid_in = 8500.0 if strategy is situations.Pays else 0.0
    assert value == pytest.approx(worth - paid_in, rel=1e-12)


@pytest.mark.parametrize("strategy", SITUATIONS, ids=lambda s: s.__name__)
def test_an_honest_strategy_raises_no_alarm(strategy: type[Any]) -> None:
    kind = find_strategy(name_of(strategy))
    for seed in range(3):
        finding = probe_strategy(kind, [minutes()], Variant("-", cash=CASH), seed)
        assert finding.passed, finding.reason
        assert finding.checked > 0


def test_a_symbol_shorter_than_the_warm_up_trades_nothing_and_is_named() -> None:
    short = replace(minutes().until(7), symbol="BBB")
    bars = minutes()
    result = run_backtests(
        [short, bars], name_of(situations.AtTheClose), [Variant("-", {}, cash=CASH)]
    )
    assert result.equity[0, 0].tolist() == [CASH] * SESSIONS
    assert set(result.fills["symbol"]) == {"AAA"}
    assert_same(
        ours(situations.AtTheClose, bars)[0], plain(situations.AtTheClose, bars)[0]
    )
    (note,) = result.notes
    assert note.startswith("BBB has 7 bars, fewer than the 8 that")


def test_a_symbol_shorter_than_the_warm_up_trades_while_it_warms_up() -> None:
    bars = minutes().until(7)
    fills, _ = ours(situations.WarmsUpAlone, bars)
    # Orders of the first six bars fill at the opens of the next ones.
    assert [price for _, _, price, _ in fills] == bars.open[1:].tolist()


def test_a_broker_that_notes_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="replaces its broker"):
        ours(situations.Unseen, minutes())


def test_an_order_at_the_close_is_dated_on_the_last_bar_of_its_session() -> None:
    bars = minutes()
    fills, _ = ours(situations.OncePerSession, bars)
    last = [BARS - 1, 2 * BARS - 1]
    ends = pd.DatetimeIndex(bars.ts[last].view("datetime64[us]")).to_pydatetime()
    assert [when for when, *_ in fills] == list(ends)
    assert [price for *_, price, _ in fills] == bars.close[last].tolist()


def test_a_session_that_crosses_midnight_ends_where_the_calendar_says() -> None:
    late = FIRST_BAR + 9 * 60 * MINUTE  # 23:30 UTC, half an hour before midnight
    bars = minutes(first=late)
    found = executions(
        bars, find_strategy(name_of(situations.AtTheClose)), Variant("-", cash=CASH)
    )
    # An order that is sent on a session's last bar is due at the end of the next bar.
    ends = {BARS - 1, 2 * BARS - 1}
    assert ends <= set(found.bars.tolist()) <= {*ends, BARS, 2 * BARS}
