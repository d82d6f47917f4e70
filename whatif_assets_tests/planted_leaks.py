"""Typical leaks in user code, for the tests that must detect each one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts._backtrader import bt

# ---- features: each takes the bars of one symbol ----


def centred_mean(bars: pd.DataFrame) -> pd.Series:
    return bars["close"].rolling(5, center=True).mean()


def next_close(bars: pd.DataFrame) -> pd.Series:
    return bars["close"].shift(-1)


def share_of_the_greatest(bars: pd.DataFrame) -> pd.Series:
    low, high = bars["close"].min(), bars["close"].max()
    return (bars["close"] - low) / (high - low)


def global_z_score(bars: pd.DataFrame) -> pd.Series:
    return (bars["close"] - bars["close"].mean()) / bars["close"].std()


def back_filled_mean(bars: pd.DataFrame) -> pd.Series:
    return bars["close"].rolling(5).mean().bfill()


def back_filled_trades(bars: pd.DataFrame) -> pd.Series:
    return bars["trade_count"].astype("Float64").bfill().fillna(0)


def session_high(bars: pd.DataFrame) -> pd.Series:
    return bars.groupby(bars["ts"].dt.date)["high"].transform("max")


def session_low(bars: pd.DataFrame) -> pd.Series:
    return bars.groupby(bars["ts"].dt.date)["low"].transform("min")


def whole_day_vwap(bars: pd.DataFrame) -> pd.Series:
    day = bars["ts"].dt.date
    traded = (bars["vwap"] * bars["volume"]).groupby(day).transform("sum")
    return traded / bars["volume"].groupby(day).transform("sum")


def half_hour_close_at_its_start(bars: pd.DataFrame) -> pd.Series:
    """Merge a table of half hours, stamped at their start, and fill it forward."""
    hours = bars.set_index("ts")["close"].resample("30min").last().rename("merged")
    merged = pd.merge_asof(bars[["ts"]], hours.reset_index(), on="ts")
    return merged["merged"].ffill().set_axis(bars.index)


def label_itself(bars: pd.DataFrame) -> pd.Series:
    return bars["vwap"].shift(-5) / bars["vwap"] - 1


def bars_of_the_day(bars: pd.DataFrame) -> pd.Series:
    return bars.groupby(bars["ts"].dt.date)["close"].transform("size")


def line_through_all(bars: pd.DataFrame) -> pd.Series:
    x = np.arange(len(bars))
    slope, level = np.polyfit(x, bars["close"], 1)
    return bars["close"] - (slope * x + level)


def rank_in_all(bars: pd.DataFrame) -> pd.Series:
    return bars["close"].rank(pct=True)


def smoothed_both_ways(bars: pd.DataFrame) -> pd.Series:
    return bars["close"][::-1].ewm(span=5).mean()[::-1]


def interpolated(bars: pd.DataFrame) -> pd.Series:
    every_tenth = bars["close"].where(np.arange(len(bars)) % 10 == 0)
    return every_tenth.interpolate(limit_area="inside")


LEAKING_FEATURES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    function.__name__: function
    for function in (
        centred_mean,
        next_close,
        share_of_the_greatest,
        global_z_score,
        back_filled_mean,
        back_filled_trades,
        session_high,
        session_low,
        whole_day_vwap,
        half_hour_close_at_its_start,
        label_itself,
        bars_of_the_day,
        line_through_all,
        rank_in_all,
        smoothed_both_ways,
        interpolated,
    )
}


# ---- strategies ----


class _Cheat(bt.Strategy):  # type: ignore[misc]
    """Trade one share every third bar, up or down as ``ahead`` says."""

    def next(self) -> None:
        if len(self) % 3 == 0 and len(self) < self.data.buflen() - 2:
            self.trade(self.ahead())

    def ahead(self) -> float:
        """Return what the strategy knows of the future; nothing here."""
        return 0.0

    def trade(self, change: float) -> None:
        self.order_target_size(target=1 if change > 0 else -1)


class ReadsTheNextClose(_Cheat):
    def ahead(self) -> float:
        return self.data.close[1] - self.data.close[0]


class ReadsTwoBarsAhead(_Cheat):
    def ahead(self) -> float:
        return self.data.high[2] - self.data.high[0]


class ReadsTheLastClose(_Cheat):
    def ahead(self) -> float:
        return self.data.close.array[-1] - self.data.close[0]


class ReadsTheNextForecast(_Cheat):
    def ahead(self) -> float:
        return self.data.forecast[1]


class BuysAtTheNextLow(_Cheat):
    """Send limit orders to where the next bar is known to go."""

    def ahead(self) -> float:
        return self.data.low[1]

    def trade(self, change: float) -> None:
        self.buy(size=1, exectype=bt.Order.Limit, price=change)


class SellsBeforeTheEnd(bt.Strategy):  # type: ignore[misc]
    """Hold a position, and exit when the data ends."""

    def next(self) -> None:
        if len(self) == 3:
            self.buy(size=1)
        if len(self) == self.data.buflen() - 1:
            self.close()


class CheatsOnClose(bt.Strategy):  # type: ignore[misc]
    """Fill at the close that was used for the decision."""

    def start(self) -> None:
        self.broker.set_coc(True)

    def next(self) -> None:
        if len(self) % 3 == 0:
            self.order_target_size(target=-1 if self.position.size > 0 else 1)


class CheatsOnOpen(bt.Strategy):  # type: ignore[misc]
    """Fill at the open of the bar whose close was used for the decision."""

    def start(self) -> None:
        self.env.p.cheat_on_open = True
        self.broker.set_coo(True)

    def next_open(self) -> None:
        if len(self) % 3 == 0:
            rises = self.data.close[0] > self.data.open[0]
            self.order_target_size(target=1 if rises else -1)


class ThrowsDice(bt.Strategy):  # type: ignore[misc]
    """Trade at random, differently each time: a run that cannot be repeated."""

    def next(self) -> None:
        target = 1 if np.random.default_rng().random() < 0.5 else -1
        self.order_target_size(target=target)


LEAKING_STRATEGIES = (
    ReadsTheNextClose,
    ReadsTwoBarsAhead,
    ReadsTheLastClose,
    ReadsTheNextForecast,
    BuysAtTheNextLow,
    SellsBeforeTheEnd,
    CheatsOnClose,
    CheatsOnOpen,
    ThrowsDice,
)


class PatientLimits(bt.Strategy):  # type: ignore[misc]
    """An honest strategy: limits below the close, stops, brackets and market orders."""

    def next(self) -> None:
        close = self.data.close[0]
        if not self.position and len(self) % 5 == 0:
            self.buy_bracket(
                price=close * 0.9995, stopprice=close * 0.998, limitprice=close * 1.002
            )
        elif len(self) % 7 == 0:
            self.close()
