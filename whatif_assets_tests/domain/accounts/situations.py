"""Users' strategies; each tests one situation that Backtrader has rules for."""

from __future__ import annotations

import datetime
import enum
from typing import Any

from whatif_assets.domain.accounts._backtrader import bt


class _Averages(bt.Strategy):  # type: ignore[misc]
    """Compare a short moving average with a longer one."""

    def __init__(self) -> None:
        """Build the averages."""
        self.fast, self.slow = bt.ind.SMA(period=3), bt.ind.SMA(period=8)

    @property
    def up(self) -> bool:
        """Whether the short average is above the longer one."""
        return bool(self.fast[0] > self.slow[0])


class AtTheClose(_Averages):
    """Market-on-close orders."""

    def next(self) -> None:
        """Be long at the close while the averages rise."""
        if self.up and not self.position:
            self.buy(size=10, exectype=bt.Order.Close)
        elif not self.up and self.position:
            self.close(exectype=bt.Order.Close)


class OncePerSession(bt.Strategy):  # type: ignore[misc]
    """One market-on-close order a session, sent on a bar in its middle."""

    def next(self) -> None:
        """Reverse the position at 14:40 UTC."""
        if self.data.datetime.time() == datetime.time(14, 40):
            self.order_target_size(
                target=-5 if self.position.size > 0 else 5, exectype=bt.Order.Close
            )


class _Filled(_Averages):
    """Orders that the volume of a bar limits."""

    filler: Any = None

    def start(self) -> None:
        """Limit what a bar fills."""
        self.broker.set_filler(self.filler)

    def next(self) -> None:
        """Reverse the position at a crossing."""
        wanted = 400 if self.up else -400
        if not self.broker.get_orders_open() and self.position.size != wanted:
            self.order_target_size(target=wanted)


class FilledByPart(_Filled):
    """Ten percent of each bar's volume."""

    filler = bt.broker.fillers.FixedBarPerc(perc=10.0)


class FilledBySize(_Filled):
    """Ninety units of each bar."""

    filler = bt.broker.fillers.FixedSize(size=90)


class FilledByPoint(_Filled):
    """A share of the volume at each price of the bar's range."""

    filler = bt.broker.fillers.BarPointPerc(minmov=0.1, perc=50.0)


class Timeframes(bt.Strategy):  # type: ignore[misc]
    """Trade a size that the feed's timeframe decides."""

    def next(self) -> None:
        """Buy the number of the timeframe, times the compression."""
        if len(self) % 9 == 0:
            self.buy(size=self.data._timeframe + self.data._compression / 10)


class TrailingStops(_Averages):
    """Stops and limits that follow the price, some for a while."""

    def next(self) -> None:
        """Enter at a crossing and protect the position."""
        if self.up and not self.position:
            self.buy(size=7)
            kinds = (bt.Order.StopTrail, bt.Order.StopTrailLimit)
            self.sell(size=7, exectype=kinds[0], trailpercent=0.004)
            self.sell(
                size=2,
                exectype=kinds[1],
                price=self.data.close[0] * 0.998,
                plimit=self.data.close[0] * 0.996,
                trailamount=0.2,
                valid=datetime.timedelta(minutes=20),
            )


class Brackets(_Averages):
    """An entry with a stop and a target, and a stop that becomes a limit."""

    def next(self) -> None:
        """Send a bracket while nothing is open."""
        price = self.data.close[0]
        if not self.position and not self.broker.get_orders_open():
            send = self.buy_bracket if self.up else self.sell_bracket
            way = 1 if self.up else -1
            send(
                size=3,
                exectype=bt.Order.Limit,
                price=price * (1 - way * 0.001),
                stopprice=price * (1 - way * 0.004),
                limitprice=price * (1 + way * 0.004),
                valid=datetime.timedelta(minutes=15),
                stopexec=bt.Order.StopLimit,
                stopargs={"plimit": price * (1 - way * 0.006)},
            )


class OneCancelsOther(bt.Strategy):  # type: ignore[misc]
    """Two orders of which one cancels the other, some of them for a day."""

    def next(self) -> None:
        """Send a limit and a stop on either side of the price."""
        price = self.data.close[0]
        if len(self) % 11 == 0:
            kind = bt.Order
            first = self.buy(
                size=2, exectype=kind.Limit, price=price * 0.999, valid=kind.DAY
            )
            self.sell(size=2, exectype=kind.Stop, price=price * 0.998, oco=first)
        if len(self) % 29 == 0:
            for order in self.broker.get_orders_open():
                self.cancel(order)


class Timers(bt.Strategy):  # type: ignore[misc]
    """Trade at fixed times, before and after the broker has processed the bar."""

    def __init__(self) -> None:
        """Set the timers."""
        repeat = datetime.timedelta(minutes=10)
        self.add_timer(when=datetime.time(14, 45), repeat=repeat)
        self.add_timer(when=bt.timer.SESSION_START, offset=repeat)

    def notify_timer(self, timer: Any, when: datetime.datetime, *args: Any) -> None:
        """Buy in the first half of an hour, sell in the second."""
        self.buy(size=1) if when.minute < 30 else self.sell(size=1)


class Sized(_Averages):
    """Set a sizer, a commission and cash; trade in percent of the cash."""

    params = (("percents", 40),)

    def start(self) -> None:
        """Set sizer, commission and cash."""
        self.setsizer(bt.sizers.PercentSizer(percents=self.p.percents))
        self.broker.setcommission(commission=0.01, commtype=bt.CommInfoBase.COMM_FIXED)

    def next(self) -> None:
        """Reverse at a crossing, with a smaller size after a fall."""
        if self.up and not self.position:
            self.buy()
        elif not self.up and self.position:
            self.order_target_percent(target=0.1)


class Notified(_Averages):
    """Decide by notifications of orders, trades and cash."""

    def __init__(self) -> None:
        """Begin without a trade."""
        super().__init__()
        self.size, self.cash = 1, 0.0

    def notify_trade(self, trade: bt.Trade) -> None:
        """Trade more after a loss."""
        if trade.isclosed:
            self.size = 1 if trade.pnlcomm > 0 else self.size + 1

    def notify_order(self, order: bt.Order) -> None:
        """Sell again what was filled below the last close."""
        if order.status == order.Completed and order.isbuy():
            target = order.executed.price * 1.002
            self.sell(exectype=bt.Order.Limit, price=target, size=order.executed.size)

    def notify_cashvalue(self, cash: float, value: float) -> None:
        """Keep the cash."""
        self.cash = cash

    def next(self) -> None:
        """Buy at a crossing if there is cash."""
        if self.up and not self.position and self.cash > 1000:
            self.buy(size=self.size)


class Analysed(_Averages):
    """Add analyzers and observers, and trade on their values."""

    def __init__(self) -> None:
        """Add them, by the strategy and by the engine that runs it."""
        super().__init__()
        self.env.addobserver(bt.observers.DrawDown)
        self.cerebro.addanalyzer(bt.analyzers.TimeReturn)
        self._addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")

    def next(self) -> None:
        """Trade one more after each closed trade."""
        total = self.analyzers.trades.get_analysis().get("total", {})
        size = 1 + int(total.get("closed", 0))
        self.order_target_size(target=size if self.up else 0)


class Pays(bt.Strategy):  # type: ignore[misc]
    """Pay money in and take some out, and trade fractions."""

    def next(self) -> None:
        """Trade fractions; pay in on two bars, and take out on one."""
        if len(self) % 7 == 0:
            self.buy(size=0.123)
            self.sell(size=0.023)
        if len(self) in (30, 40):
            self.broker.add_cash(5000)
        if len(self) == 50:
            self.broker.add_cash(-1500)


class Kind(enum.Enum):
    """An enumeration as the value of a param."""

    UP = 1
    DOWN = -1


def _double(price: float) -> float:
    return price * 2


class Params(bt.Strategy):  # type: ignore[misc]
    """Params of many kinds of values."""

    params = (
        ("average", bt.ind.EMA),
        ("periods", (3, 8)),
        ("weights", {"fast": 1.0, "slow": 1.0}),
        ("begin", datetime.time(14, 40)),
        ("wait", datetime.timedelta(minutes=5)),
        ("since", datetime.date(2018, 2, 20)),
        ("kind", Kind.UP),
        ("frame", bt.TimeFrame.Minutes),
        ("scale", _double),
        ("nothing", None),
        ("note", ""),
        ("flag", True),
    )

    def __init__(self) -> None:
        """Build the averages."""
        fast, slow = (self.p.average(period=n) for n in self.p.periods)
        self.edge = fast * self.p.weights["fast"] - slow * self.p.weights["slow"]

    def next(self) -> None:
        """Trade from a time of day on, in one direction, with doubled size."""
        now = self.data.datetime
        if now.date() < self.p.since or now.time() < self.p.begin:
            return
        up = self.edge[0] * self.p.kind.value > 0
        self.order_target_size(target=self.p.scale(2) if up else 0)


class WarmsUpAlone(_Averages):
    """Trade during the warm-up of the averages too."""

    def prenext(self) -> None:
        """Buy one share a bar."""
        self.buy(size=1)

    def nextstart(self) -> None:
        """Sell what was bought."""
        self.close()

    def next(self) -> None:
        """Follow the averages."""
        self.order_target_size(target=2 if self.up else -2)


class SessionsOfBacktrader(bt.Strategy):  # type: ignore[misc]
    """Close the position before the end of the day, by the time of the bars."""

    def next(self) -> None:
        """Be long until a quarter past three."""
        early = self.data.datetime.datetime().time() < datetime.time(15, 15)
        self.order_target_value(target=2000 if early else 0)


class Unseen(bt.Strategy):  # type: ignore[misc]
    """Replace the broker with another one."""

    def __init__(self) -> None:
        """Replace the broker."""
        self.cerebro.broker = bt.brokers.BackBroker()


SITUATIONS = (
    AtTheClose,
    OncePerSession,
    FilledByPart,
    FilledBySize,
    FilledByPoint,
    Timeframes,
    TrailingStops,
    Brackets,
    OneCancelsOther,
    Timers,
    Sized,
    Notified,
    Analysed,
    Pays,
    Params,
    WarmsUpAlone,
    SessionsOfBacktrader,
)
