"""Strategies with look-ahead, each in a different way.

They trade on every third bar. `way` returns the direction, and `when` selects the bars
on which a strategy reads ahead; on all other bars it follows the last move.
"""

from __future__ import annotations

import functools
import json
import os
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts._backtrader import bt

Way = Callable[[Any], float]


class Trader(bt.Strategy):  # type: ignore[misc]
    """Trade ten shares on every third bar, in the direction that `way` returns."""

    def next(self) -> None:
        if len(self) % 3 == 0 and len(self) > 5 and (way := self.way()):
            self.trade(way)

    def trade(self, way: float) -> None:
        self.order_target_size(target=10 if way > 0 else -10)

    def way(self) -> float:
        return self.momentum()

    def momentum(self) -> float:
        return float(self.data.close[0] - self.data.close[-3])

    def left(self) -> int:
        return int(self.data.buflen() - len(self))


# ---- what they read ----


def next_close(trader: Any) -> float:
    return trader.data.close[1] - trader.data.close[0] if trader.left() > 0 else 0


def next_open(trader: Any) -> float:
    return trader.data.open[1] - trader.data.close[0] if trader.left() > 0 else 0


def high_after_next(trader: Any) -> float:
    return trader.data.high[2] - trader.data.high[0] if trader.left() > 1 else 0


def next_volume(trader: Any) -> float:
    return trader.data.volume[1] - trader.data.volume[0] if trader.left() > 0 else 0


def next_vwap(trader: Any) -> float:
    return trader.data.vwap[1] - trader.data.close[0] if trader.left() > 0 else 0


def next_forecast(trader: Any) -> float:
    return trader.data.forecast[1] if trader.left() > 0 else 0


def next_gap(trader: Any) -> float:
    """Be long if the next minute has a bar, short if it is missing."""
    if trader.left() < 1:
        return 0
    return 1.5 / 1440 - (trader.data.datetime[1] - trader.data.datetime[0])


def best_of_five(trader: Any) -> float:
    ahead = trader.data.close.get(ahead=5, size=5)
    return sum(ahead) / len(ahead) - trader.data.close[0] if len(ahead) else 0


def whole_array(trader: Any) -> float:
    closes = trader.data.close.array
    return closes[len(trader)] - closes[len(trader) - 1] if trader.left() > 0 else 0


def parameters_of_the_feed(trader: Any) -> float:
    closes = trader.data.p.arrays["close"]
    return closes[len(trader)] - trader.data.close[0] if trader.left() > 0 else 0


def last_close(trader: Any) -> float:
    return trader.data.close.array[-1] - trader.data.close[0]


def mean_of_all(trader: Any) -> float:
    return trader.data.close[0] - float(np.mean(trader.data.close.array))


def z_score_of_all(trader: Any) -> float:
    closes = np.array(trader.data.close.array)
    return (trader.data.close[0] - closes.mean()) / closes.std() - 0.1


def rank_in_all(trader: Any) -> float:
    closes = np.array(trader.data.close.array)
    return float((closes < trader.data.close[0]).mean()) - 0.5


def range_of_all(trader: Any) -> float:
    closes = trader.data.close.array
    middle = (min(closes) + max(closes)) / 2
    return trader.data.close[0] - middle


def quantile_of_all(trader: Any) -> float:
    moves = np.abs(np.diff(trader.data.close.array))
    move = trader.momentum()
    return move if abs(move) > np.quantile(moves, 0.8) else 0


def line_through_all(trader: Any) -> float:
    closes = np.array(trader.data.close.array)
    slope, level = np.polyfit(np.arange(len(closes)), closes, 1)
    return slope * len(trader) + level - trader.data.close[0]


def day_of_all(trader: Any, what: Callable[[pd.DataFrame], float]) -> float:
    """Read a value that depends on the whole current day."""
    days = np.floor(np.array(trader.data.datetime.array))
    today = days == np.floor(trader.data.datetime[0])
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({n: np.array(getattr(trader.data, n).array) for n in names})
    return what(frame[today[: len(frame)]])


def close_of_the_day(trader: Any) -> float:
    last = day_of_all(trader, lambda day: day["close"].iloc[-1])
    return last - trader.data.close[0]


def middle_of_the_day(trader: Any) -> float:
    middle = day_of_all(trader, lambda day: (day["high"].max() + day["low"].min()) / 2)
    return middle - trader.data.close[0]


def mean_price_of_the_day(trader: Any) -> float:
    def mean(day: pd.DataFrame) -> float:
        return float((day["close"] * day["volume"]).sum() / day["volume"].sum())

    return day_of_all(trader, mean) - trader.data.close[0]


def bars_of_the_day(trader: Any) -> float:
    count = day_of_all(trader, lambda day: float(len(day)))
    return trader.momentum() if count % 2 else -trader.momentum()


def wrapped_around(trader: Any) -> float:
    """Read so far back that Python counts from the end of the data."""
    earlier = trader.data.close[-2 * len(trader)] if trader.left() > 0 else 0
    return earlier - trader.data.close[0]


READ = {
    function.__name__: function
    for function in (
        next_close,
        next_open,
        high_after_next,
        next_volume,
        next_vwap,
        next_forecast,
        next_gap,
        best_of_five,
        whole_array,
        parameters_of_the_feed,
        last_close,
        mean_of_all,
        z_score_of_all,
        rank_in_all,
        range_of_all,
        quantile_of_all,
        line_through_all,
        close_of_the_day,
        middle_of_the_day,
        mean_price_of_the_day,
        bars_of_the_day,
        wrapped_around,
    )
}

# ---- when they read ahead ----

WHEN: dict[str, Callable[[Any], bool]] = {
    "on_one_symbol": lambda trader: trader.data._name.endswith("2"),
    "after_900_bars": lambda trader: len(trader) > 900,
    "rarely": lambda trader: len(trader) % 60 == 0,
    "in_one_minute": lambda trader: trader.data.datetime.time(0).minute == 48,
    "in_the_second_week": lambda trader: trader.data.datetime.date(0).day > 10,
    "if_it_is_plausible": lambda trader: (
        trader.left() > 0
        and abs(trader.data.close[1] / trader.data.close[0] - 1) < 0.02
    ),
    "at_high_volume": lambda trader: (
        trader.data.volume[0] > 2 * np.mean(trader.data.volume.get(size=5))
    ),
    "while_short": lambda trader: trader.position.size < 0,
}


def _reads(way: Way) -> type:
    return type(way.__name__, (Trader,), {"way": way, "__module__": __name__})


def _reads_when(name: str, when: Callable[[Any], bool]) -> type:
    def way(trader: Any) -> float:
        return next_close(trader) if when(trader) else trader.momentum()

    return type(name, (Trader,), {"way": way, "__module__": __name__})


# ---- what they keep ----


def ahead_by_time(trader: Any) -> dict[str, float]:
    """Compute the move to the close after the next, for every bar time."""
    closes, times = trader.data.close.array, trader.data.datetime.array
    return {f"{t:.7f}": closes[n + 2] - closes[n] for n, t in enumerate(times[:-2])}


class Keeper(Trader):
    """Read the moves that `known` returns at the start."""

    def start(self) -> None:
        self.moves = self.known()

    def known(self) -> dict[str, float]:
        return ahead_by_time(self)

    def way(self) -> float:
        return self.moves.get(f"{self.data.datetime[0]:.7f}", 0)


class MemoOnTheClass(Keeper):
    MEMO: ClassVar[dict[str, dict[str, float]]] = {}

    def known(self) -> dict[str, float]:
        return self.MEMO.setdefault(self.data._name, ahead_by_time(self))


_MEMO: dict[str, dict[str, float]] = {}


class MemoInTheModule(Keeper):
    def known(self) -> dict[str, float]:
        return _MEMO.setdefault(self.data._name, ahead_by_time(self))


class MemoInACache(Keeper):
    now: ClassVar[Any] = None

    @staticmethod
    @functools.lru_cache
    def cached(name: str) -> dict[str, float]:
        return ahead_by_time(MemoInACache.now)

    def known(self) -> dict[str, float]:
        MemoInACache.now = self
        return self.cached(self.data._name)


class MemoInTheEnvironment(Keeper):
    def known(self) -> dict[str, float]:
        text = json.dumps(ahead_by_time(self))
        return dict(json.loads(os.environ.setdefault(f"MEMO_{self.data._name}", text)))


class MemoInAFile(Keeper):
    """Keep what the first run saw in a file."""

    def folder(self) -> Path:
        return Path()

    def known(self) -> dict[str, float]:
        path = self.folder() / f"whatif_zoo_{self.data._name}.json"
        if not path.exists():
            path.write_text(json.dumps(ahead_by_time(self)))
        return dict(json.loads(path.read_text()))


class MemoInTemporaryFiles(MemoInAFile):
    def folder(self) -> Path:
        return Path(tempfile.gettempdir())


class MemoInTheHome(MemoInAFile):
    def folder(self) -> Path:
        return Path.home()


class MemoBesideTheCode(MemoInAFile):
    def folder(self) -> Path:
        return Path(os.environ.get("WHATIF_ZOO", Path(__file__).parent))


class MemoInADatabase(Keeper):
    def known(self) -> dict[str, float]:
        path = Path(tempfile.gettempdir()) / f"whatif_zoo_{self.data._name}.db"
        with sqlite3.connect(path) as base:
            base.execute("create table if not exists moves (time text, move real)")
            if not base.execute("select count(*) from moves").fetchone()[0]:
                moves = ahead_by_time(self).items()
                base.executemany("insert into moves values (?, ?)", list(moves))
            return dict(base.execute("select time, move from moves").fetchall())


class ComputedAtTheStart(Keeper):
    """Shift a table of all bars by one, as is done in notebooks."""

    def known(self) -> dict[str, float]:
        closes = pd.Series(list(self.data.close.array))
        moves = closes.shift(-1) - closes
        times = [f"{time:.7f}" for time in self.data.datetime.array]
        return dict(zip(times, moves.fillna(0)))


class CentredMean(Keeper):
    def known(self) -> dict[str, float]:
        closes = pd.Series(list(self.data.close.array))
        moves = closes.rolling(7, center=True).mean() - closes
        times = [f"{time:.7f}" for time in self.data.datetime.array]
        return dict(zip(times, moves.fillna(0)))


# ---- how they trade ----


class DelayedByMinusOne(Trader):
    """Refer to a line of the next bar with Backtrader's own syntax."""

    def __init__(self) -> None:
        self.later = self.data.close(1)

    def way(self) -> float:
        return self.later[0] - self.data.close[0] if self.left() > 0 else 0


class AheadOnce(bt.Indicator):  # type: ignore[misc]
    """An indicator that looks ahead when it is computed over all bars together."""

    lines = ("ahead",)

    def next(self) -> None:
        self.lines.ahead[0] = self.data.close[0] - self.data.close[-1]

    def once(self, start: int, end: int) -> None:
        closes, ahead = self.data.close.array, self.lines.ahead.array
        for bar in range(start, end):
            ahead[bar] = closes[min(bar + 1, end - 1)] - closes[bar]


class IndicatorThatShifts(Trader):
    def __init__(self) -> None:
        self.move = AheadOnce(self.data)

    def way(self) -> float:
        return float(self.move.ahead[0])


class LongWarmUp(Trader):
    """Warm up for five hundred bars, then read ahead."""

    def __init__(self) -> None:
        self.mean = bt.ind.SMA(self.data.close, period=500)

    way = next_close


class BuysAtTheNextLow(Trader):
    """Send limits to where the next bar is known to go."""

    way = next_close

    def trade(self, way: float) -> None:
        if self.left() > 0:
            self.buy(size=1, exectype=bt.Order.Limit, price=self.data.low[1])


class StopsAtTheNextHigh(Trader):
    def trade(self, way: float) -> None:
        if self.left() > 0:
            price = self.data.high[1]
            self.sell(size=1, exectype=bt.Order.Limit, price=price)


class SizesByTheNextRange(Trader):
    def trade(self, way: float) -> None:
        if self.left() > 0:
            move = abs(self.data.close[1] / self.data.close[0] - 1)
            size = 1 + int(2e4 * move)
            self.order_target_size(target=size if way > 0 else -size)


class CancelsWhatWillLose(Trader):
    """Wait with a limit, and cancel it before the bar that would fill it and fall."""

    def __init__(self) -> None:
        self.waiting: Any = None

    def next(self) -> None:
        if self.waiting is None or not self.waiting.alive():
            price = self.data.close[0] * 0.9998
            self.waiting = self.buy(size=1, exectype=bt.Order.Limit, price=price)
        elif self.left() > 0 and self.data.close[1] < self.data.close[0]:
            self.cancel(self.waiting)


class SellsBeforeTheEnd(Trader):
    def next(self) -> None:
        if len(self) == 3:
            self.buy(size=1)
        if len(self) == self.data.buflen() - 1:
            self.close()


class KnowsTheLastDate(Trader):
    """Reverse the direction on the last day of the data."""

    def way(self) -> float:
        last = int(self.data.datetime.array[-1]) == int(self.data.datetime[0])
        return -self.momentum() if last else self.momentum()


class LeavesBeforeAGap(Trader):
    """Exit at the day's last bar, known from the date of the next bar."""

    def next(self) -> None:
        if self.left() > 0 and int(self.data.datetime[1]) > int(self.data.datetime[0]):
            self.close()
        else:
            super().next()


class CheatsOnClose(Trader):
    def start(self) -> None:
        self.broker.set_coc(True)


class CheatsOnOpen(bt.Strategy):  # type: ignore[misc]
    """Fill at the open of the bar whose close was used for the decision."""

    def start(self) -> None:
        self.env.p.cheat_on_open = True
        self.broker.set_coo(True)

    def next_open(self) -> None:
        if len(self) % 3 == 0:
            rises = self.data.close[0] > self.data.open[0]
            self.order_target_size(target=1 if rises else -1)


class ThrowsDice(Trader):
    """Trade at random without a seed: not a leak, but not a repeatable result."""

    def way(self) -> float:
        return float(np.random.default_rng().random() - 0.5)


_OWN = (
    MemoOnTheClass,
    MemoInTheModule,
    MemoInACache,
    MemoInTheEnvironment,
    MemoInAFile,
    MemoInTemporaryFiles,
    MemoInTheHome,
    MemoBesideTheCode,
    MemoInADatabase,
    ComputedAtTheStart,
    CentredMean,
    DelayedByMinusOne,
    IndicatorThatShifts,
    LongWarmUp,
    BuysAtTheNextLow,
    StopsAtTheNextHigh,
    SizesByTheNextRange,
    CancelsWhatWillLose,
    SellsBeforeTheEnd,
    KnowsTheLastDate,
    LeavesBeforeAGap,
    CheatsOnClose,
    CheatsOnOpen,
    ThrowsDice,
)
LEAKY: dict[str, type] = {
    **{f"reads_{name}": _reads(way) for name, way in READ.items()},
    **{f"reads_ahead_{name}": _reads_when(name, when) for name, when in WHEN.items()},
    **{strategy.__name__: strategy for strategy in _OWN},
}
globals().update(LEAKY)  # so that each is found by its name
