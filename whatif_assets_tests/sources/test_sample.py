"""The synthetic market: plausible prices, and predictable only by `signal`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import pytest

from whatif_assets.domain.bars.bar_size import ONE_MINUTE, BarSize
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources import open_source
from whatif_assets_tests.sources.instants import EVER, whole_days

FIRST, LAST = date(2018, 10, 1), date(2018, 11, 28)  # 42 sessions, one of them half


def read(first=FIRST, last=LAST, **options):
    source = open_source("sample", options, Path())
    return source.read(source.symbols(), *whole_days(first, last), ONE_MINUTE)


@pytest.fixture(scope="module")
def bars():
    return read()


def test_each_session_has_every_minute(bars):
    per_session = bars.groupby(["symbol", bars["ts"].dt.date]).size()
    assert len(per_session) == 14 * 42
    half = per_session.xs(date(2018, 11, 23), level="ts")
    assert (half == 210).all()
    assert (per_session.drop(date(2018, 11, 23), level="ts") == 390).all()


def test_symbols_are_unmistakably_synthetic(bars):
    assert set(bars["symbol"]) == {f"SYN{n:02}" for n in range(1, 15)}


def test_prices_are_between_low_and_high(bars):
    for name in ("open", "close", "vwap"):
        assert bars[name].between(bars["low"], bars["high"]).all()
    assert (bars["low"] > 0).all()


def test_volume_is_whole_and_largest_after_the_open(bars):
    assert (bars["volume"] >= 1).all()
    assert (bars["volume"] % 1 == 0).all()
    minute = bars.groupby(["symbol", bars["ts"].dt.date]).cumcount()
    mean = bars.groupby(minute)["volume"].mean()
    assert mean[:15].mean() > 1.5 * mean[150:240].mean()
    assert mean[375:390].mean() > 1.2 * mean[150:240].mean()


def test_a_session_continues_where_the_one_before_ended(bars):
    """The gap overnight is below a session's volatility, never a jump."""
    by_day = bars.groupby(["symbol", bars["ts"].dt.date])
    gap = np.log(
        by_day["open"].first() / by_day["close"].last().groupby("symbol").shift()
    )
    assert gap.abs().max() < 0.04
    assert 0.001 < gap.std() < 0.01


def test_symbols_share_a_market_factor(bars):
    closes = bars.pivot(index="ts", columns="symbol", values="close")
    daily = np.log(closes.groupby(closes.index.date).last()).diff().dropna()
    pairs = daily.corr().to_numpy()[np.triu_indices(14, 1)]
    assert 0.1 < pairs.mean() < 0.5


def test_more_symbols_do_not_change_the_others(bars):
    few = read(symbol_count=2)
    expected = bars[bars["symbol"].isin(["SYN01", "SYN02"])]
    keys = ["symbol", "ts"]
    pd.testing.assert_frame_equal(
        few.sort_values(keys, ignore_index=True),
        expected.sort_values(keys, ignore_index=True),
        check_exact=True,
    )


def test_another_seed_is_another_market(bars):
    other = read(seed=1)
    assert not np.isclose(bars["close"], other["close"]).any()


def test_drift_lifts_each_session_as_a_whole(bars):
    drift = 0.001
    lifted = read(drift=drift)
    ratio = np.log(lifted["close"] / bars["close"])
    since_start = Sessions("XNYS", date(2018, 1, 2)).dates(None, LAST)
    number = {day: n for n, day in enumerate(since_start, start=1)}
    expected = drift * bars["ts"].dt.date.map(number)
    assert ratio.to_numpy() == pytest.approx(expected.to_numpy(), abs=2e-5)


def test_there_are_no_bars_before_the_start():
    first = read(date(2018, 1, 1), date(2018, 1, 31), start=date(2018, 1, 10))
    assert first["ts"].min().date() == date(2018, 1, 10)
    assert read(date(2017, 1, 3), date(2017, 1, 5)).empty


def test_longer_bars_are_refused():
    source = open_source("sample", {}, Path())
    with pytest.raises(BadInput, match="1-minute bars, and base_bar is 5min"):
        source.read(["SYN01"], *EVER, BarSize.parse("5min"))


def test_forty_sessions_take_less_than_two_seconds():
    seconds = []
    for _ in range(
        3
    ):  # the first run builds the calendar; other processes may slow a run down
        start = perf_counter()
        read()
        seconds.append(perf_counter() - start)
    assert min(seconds) < 2


# Predictability


def reversal(bars):
    """Correlation of distance from EMA(10) with the return that can be traded.

    Decided at a close, entered at the next open and left five minutes later, so
    that nothing of it was known before the entry.
    """
    session = bars.groupby(["symbol", bars["ts"].dt.date])
    average = session["close"].transform(lambda close: close.ewm(span=10).mean())
    distance = average / bars["close"] - 1
    earned = session["open"].shift(-6) / session["open"].shift(-1) - 1
    return distance.corr(earned), distance, earned


def test_prices_return_towards_their_average(bars):
    assert 0.15 < reversal(bars)[0] < 0.35


def test_prices_return_more_after_heavy_trading(bars):
    _, distance, earned = reversal(bars)
    usual = bars.groupby("symbol")["volume"].transform("median")
    heavy = bars["volume"] > 2 * usual
    slopes = [
        np.polyfit(distance[rows & earned.notna()], earned[rows & earned.notna()], 1)[0]
        for rows in (heavy, ~heavy)
    ]
    assert slopes[0] > 1.1 * slopes[1] > 0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_without_signal_prices_are_not_predictable(seed):
    """The bound is four standard errors of 226,800 overlapping bars."""
    assert abs(reversal(read(signal=0, seed=seed))[0]) < 0.04


def test_signal_scales_predictability(bars):
    assert 0 < reversal(read(signal=0.5))[0] < reversal(bars)[0]
