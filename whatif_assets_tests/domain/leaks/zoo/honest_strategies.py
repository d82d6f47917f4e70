"""Honest strategies, many of which look as if they had look-ahead.

They compute over all bars together, send orders that fill later or in part, write
files, or draw random numbers with a seed; none of them trades on information after its bar.
"""

from __future__ import annotations

import collections
import datetime
import functools
import json
import logging
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts._backtrader import bt
from whatif_assets_tests.domain.leaks.zoo.leaky_strategies import Trader


class Momentum(Trader):
    pass


class Crossing(Trader):
    """Trade the crossing of two of Backtrader's averages."""

    average: ClassVar[Any] = bt.ind.SMA

    def __init__(self) -> None:
        fast = self.average(self.data.close, period=5)
        slow = self.average(self.data.close, period=20)
        self.cross = bt.ind.CrossOver(fast, slow)

    def next(self) -> None:
        if self.cross[0]:
            self.order_target_size(target=10 * int(self.cross[0]))


def _crossing(average: Any) -> type:
    name = f"Crossing{average.__name__}"
    return type(name, (Crossing,), {"average": average, "__module__": __name__})


def _by(name: str, make: Callable[[Any], Any], read: Callable[[Any], float]) -> type:
    """Trade by an indicator of Backtrader's."""

    def built(trader: Any) -> None:
        trader.indicator = make(trader.data)

    def way(trader: Any) -> float:
        return read(trader)

    members = {"__init__": built, "way": way, "__module__": __name__}
    return type(name, (Trader,), members)


BY_INDICATOR = {
    "ByRsi": (bt.ind.RSI, lambda t: 50 - t.indicator[0]),
    "ByMacd": (bt.ind.MACDHisto, lambda t: t.indicator.histo[0]),
    "ByBands": (bt.ind.BollingerBands, lambda t: t.indicator.mid[0] - t.data.close[0]),
    "ByStochastic": (bt.ind.Stochastic, lambda t: 50 - t.indicator.percK[0]),
    "ByCci": (bt.ind.CCI, lambda t: -t.indicator[0]),
    "ByRange": (bt.ind.ATR, lambda t: t.momentum() - t.indicator[0] / 10),
    "ByAdx": (bt.ind.ADX, lambda t: t.indicator[0] - 25),
    "ByHighest": (
        lambda data: bt.ind.Highest(data.high, period=20),
        lambda t: t.data.close[0] - 0.999 * t.indicator[0],
    ),
    "ByAnEarlierLine": (
        lambda data: data.close(-3),
        lambda t: t.data.close[0] - t.indicator[0],
    ),
}


class LongWarmUp(Trader):
    def __init__(self) -> None:
        self.mean = bt.ind.SMA(self.data.close, period=500)

    def way(self) -> float:
        return float(self.data.close[0] - self.mean[0])


class OfItsForecast(Trader):
    def way(self) -> float:
        return float(self.data.forecast[0])


class OfVolumeAndVwap(Trader):
    def way(self) -> float:
        return float((self.data.vwap[0] - self.data.close[0]) * self.data.volume[0])


class ComputedAtTheStart(Trader):
    """Compute a mean over all bars together, each value from earlier bars only."""

    def start(self) -> None:
        closes = pd.Series(list(self.data.close.array))
        self.means = closes.rolling(10).mean().to_numpy()

    def way(self) -> float:
        return float(np.nan_to_num(self.data.close[0] - self.means[len(self) - 1]))


class ComputedWhenBuilt(Trader):
    """The same, by an exponential mean of NumPy, when the strategy is built."""

    def __init__(self) -> None:
        closes = np.array(self.data.close.array)
        self.means = closes.copy()
        for bar in range(1, len(closes)):
            self.means[bar] += 0.8 * (self.means[bar - 1] - closes[bar])

    def way(self) -> float:
        if len(self.means) < len(self):
            return 0.0
        return float(self.data.close[0] - self.means[len(self) - 1])


class EarlierOnce(bt.Indicator):  # type: ignore[misc]
    """An own indicator that computes over all bars together."""

    lines = ("move",)
    params = (("period", 4),)

    def __init__(self) -> None:
        self.addminperiod(self.p.period + 1)

    def next(self) -> None:
        self.lines.move[0] = self.data.close[0] - self.data.close[-self.p.period]

    def once(self, start: int, end: int) -> None:
        closes, move, period = (
            self.data.close.array,
            self.lines.move.array,
            self.p.period,
        )
        for bar in range(start, end):
            move[bar] = closes[bar] - closes[bar - period]


class ByAnIndicatorOfItsOwn(Trader):
    def __init__(self) -> None:
        self.move = EarlierOnce(self.data)

    def way(self) -> float:
        return float(self.move.move[0])


class Brackets(Trader):
    def next(self) -> None:
        close = self.data.close[0]
        if not self.position and len(self) % 5 == 0:
            self.buy_bracket(
                price=close * 0.9995, stopprice=close * 0.998, limitprice=close * 1.002
            )
        elif len(self) % 7 == 0:
            self.close()


class TrailingStop(Trader):
    def next(self) -> None:
        if not self.position and len(self) % 5 == 0:
            self.buy(size=5)
            self.sell(size=5, exectype=bt.Order.StopTrail, trailpercent=0.002)


class StopLimits(Trader):
    def next(self) -> None:
        if len(self) % 6 == 0:
            close = self.data.close[0]
            self.buy(
                size=1,
                exectype=bt.Order.StopLimit,
                price=close * 1.0005,
                plimit=close * 1.001,
                valid=datetime.timedelta(minutes=5),
            )
            self.sell(size=1, exectype=bt.Order.Stop, price=close * 0.999)


class OneCancelsTheOther(Trader):
    def next(self) -> None:
        if len(self) % 6 == 0:
            close = self.data.close[0]
            up = self.buy(size=1, exectype=bt.Order.Limit, price=close * 0.999)
            self.sell(size=1, exectype=bt.Order.Limit, price=close * 1.001, oco=up)


class AtTheClose(Trader):
    """Leave by orders of the type Close."""

    def next(self) -> None:
        if not self.position and len(self) % 4 == 0:
            self.buy(size=3)
            self.sell(size=3, exectype=bt.Order.Close)


class InParts(Trader):
    """Fill no more than a tenth of a bar's volume."""

    def start(self) -> None:
        self.broker.set_filler(bt.broker.fillers.FixedBarPerc(perc=10))

    def trade(self, way: float) -> None:
        self.order_target_size(target=100 if way > 0 else -100)


class CancelsOldOrders(Trader):
    def __init__(self) -> None:
        self.waiting: collections.deque[Any] = collections.deque()

    def next(self) -> None:
        if len(self) % 2 == 0:
            price = self.data.close[0] * 0.998
            order = self.buy(size=1, exectype=bt.Order.Limit, price=price)
            self.waiting.append(order)
        if len(self.waiting) > 4:
            self.cancel(self.waiting.popleft())


class DrawsWithASeed(Trader):
    params = (("seed", 7),)

    def __init__(self) -> None:
        self.random = random.Random(self.p.seed)

    def way(self) -> float:
        return self.random.random() - 0.5


class DrawsAsNumPyWithASeed(Trader):
    def start(self) -> None:
        self.random = np.random.default_rng(3)

    def way(self) -> float:
        return float(self.random.normal())


class WalksThroughASet(Trader):
    """Depend on the order of a set of texts."""

    def way(self) -> float:
        first = next(iter({"momentum", "reversal", "nothing"}))
        ways = {"momentum": 1, "reversal": -1, "nothing": 0.5}
        return ways[first] * self.momentum()


class WritesALog(Trader):
    """Write what it does to files, relative and temporary."""

    def trade(self, way: float) -> None:
        super().trade(way)
        for folder in (tempfile.gettempdir(), "."):
            name = f"whatif_zoo_{self.data._name}.log"
            with (Path(folder) / name).open("a") as log:
                log.write(f"{len(self)} {way}\n")
        logging.getLogger(__name__).info("traded %s", way)
        print("traded", way)


class ReadsItsSettings(Trader):
    """Read an existing file that the strategy did not write."""

    def start(self) -> None:
        path = Path(tempfile.gettempdir()) / "zoo_settings" / "settings.json"
        self.period = json.loads(path.read_text())["period"]

    def way(self) -> float:
        return float(self.data.close[0] - self.data.close[-self.period])


@functools.lru_cache
def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)


class CachesWhatItComputes(Trader):
    MEANS: ClassVar[dict[tuple[float, ...], float]] = {}

    def way(self) -> float:
        last = tuple(self.data.close.get(size=5))
        mean = self.MEANS.setdefault(last, _mean(last))
        return float(self.data.close[0] - mean)


class LearnsAsItGoes(Trader):
    """Fit a line to the last thirty moves, again on every bar."""

    def way(self) -> float:
        if len(self) < 40:
            return 0.0
        closes = np.array(self.data.close.get(size=32))
        moves = np.diff(closes)
        slope = np.linalg.lstsq(
            np.column_stack([np.ones(30), moves[:-1]]), moves[1:], rcond=None
        )[0]
        return float(slope[0] + slope[1] * moves[-1])


class KeepsTheDayRange(Trader):
    """Trade a breakout of the day's range so far."""

    def __init__(self) -> None:
        self.day: Any = None
        self.high = self.low = 0.0

    def next(self) -> None:
        today = self.data.datetime.date(0)
        if today != self.day:
            self.day, self.high, self.low = today, self.data.high[0], self.data.low[0]
        elif self.data.close[0] > self.high:
            self.order_target_size(target=10)
        elif self.data.close[0] < self.low:
            self.order_target_size(target=-10)
        self.high = max(self.high, self.data.high[0])
        self.low = min(self.low, self.data.low[0])


class ByTheClock(Trader):
    def next(self) -> None:
        minute = self.data.datetime.time(0).minute
        if minute == 35:
            self.buy(size=10)
        if minute >= 58 and self.position:
            self.close()


class OnADateThatItKnows(Trader):
    """Be flat from a date on that was known when the code was written."""

    def way(self) -> float:
        if self.data.datetime.date(0) >= datetime.date(2018, 1, 12):
            self.close()
            return 0.0
        return self.momentum()


class LearnsFromItsTrades(Trader):
    """Reverse the position after a loss."""

    def __init__(self) -> None:
        self.sign = 1

    def notify_trade(self, trade: Any) -> None:
        if trade.isclosed and trade.pnl < 0:
            self.sign = -self.sign

    def way(self) -> float:
        return self.sign * self.momentum()


class ByItsOwnMoney(Trader):
    """Size by cash and value, and reverse by percent."""

    def trade(self, way: float) -> None:
        if self.broker.getvalue() > 0 and self.broker.getcash() > 0:
            self.order_target_percent(target=0.1 if way > 0 else -0.1)


class AsksATimer(Trader):
    def __init__(self) -> None:
        self.add_timer(when=datetime.time(15, 0))
        self.sign = 1

    def notify_timer(self, timer: Any, when: Any, *args: Any, **kwargs: Any) -> None:
        self.sign = -self.sign

    def way(self) -> float:
        return self.sign * self.momentum()


class EndsItsRun(Trader):
    def next(self) -> None:
        super().next()
        if len(self) == 600:
            self.env.runstop()


class BuysAndHolds(Trader):
    def next(self) -> None:
        if len(self) == 1:
            self.buy(size=10)


class CandlesBarByBar(Trader):
    """Read an indicator that Backtrader computes bar by bar only."""

    def __init__(self) -> None:
        self.candle = bt.ind.HeikinAshi(self.data)

    def way(self) -> float:
        return float(self.candle.ha_close[0] - self.candle.ha_open[0])


class UsesASizer(Trader):
    def __init__(self) -> None:
        self.setsizer(bt.sizers.PercentSizer(percents=5))

    def trade(self, way: float) -> None:
        self.close()
        if way > 0:
            self.buy()
        else:
            self.sell()


class FailsNow(Trader):
    """Survive its own errors."""

    def way(self) -> float:
        try:
            return {"up": 1.0}[f"{self.momentum():.9f}"]
        except KeyError:
            return self.momentum()


_OWN = (
    Momentum,
    LongWarmUp,
    OfItsForecast,
    OfVolumeAndVwap,
    ComputedAtTheStart,
    ComputedWhenBuilt,
    ByAnIndicatorOfItsOwn,
    Brackets,
    TrailingStop,
    StopLimits,
    OneCancelsTheOther,
    AtTheClose,
    InParts,
    CancelsOldOrders,
    DrawsWithASeed,
    DrawsAsNumPyWithASeed,
    WalksThroughASet,
    WritesALog,
    ReadsItsSettings,
    CachesWhatItComputes,
    LearnsAsItGoes,
    KeepsTheDayRange,
    ByTheClock,
    OnADateThatItKnows,
    LearnsFromItsTrades,
    ByItsOwnMoney,
    AsksATimer,
    EndsItsRun,
    BuysAndHolds,
    CandlesBarByBar,
    UsesASizer,
    FailsNow,
)
HONEST: dict[str, type] = {
    **{
        strategy.__name__: strategy
        for strategy in map(
            _crossing, (bt.ind.SMA, bt.ind.EMA, bt.ind.WMA, bt.ind.HMA, bt.ind.KAMA)
        )
    },
    **{name: _by(name, make, read) for name, (make, read) in BY_INDICATOR.items()},
    **{strategy.__name__: strategy for strategy in _OWN},
}
globals().update(HONEST)  # so that each is found by its name
