"""Backtrader, imported only here, and adaptations of its feed, broker and engine.

Python warns when it compiles the sources of Backtrader, and a run that treats warnings
as errors could not import it. So all other modules use ``from ... import bt``. The feed
passes whole arrays instead of rows, and the broker records what happened. The rules of
Backtrader are unchanged: it decides on prices, cash and rejections. It gets two facts
that it cannot know: when the session of the market ends, and that a sleeve may be
shorter than the warm-up of the strategy.
"""

from __future__ import annotations

import bisect
import contextlib
import functools
import math
import warnings
from array import array
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from whatif_assets.domain.accounts.costs import (
    Friction,
    interest_on_cash,
    slippage_with_impact,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import backtrader as bt

__all__ = [
    "CANCELLED",
    "ArrayFeed",
    "Cerebro",
    "RecordingBroker",
    "array_feed",
    "bt",
    "date_numbers",
]

CANCELLED = -1
_DAY = 86_400_000_000
_SLIPPAGE = (
    "slip_perc",
    "slip_fixed",
    "slip_open",
    "slip_match",
    "slip_limit",
    "slip_out",
)
_UNIX_EPOCH = 719_163  # day number of 1970-01-01, where 0001-01-01 is day 1


def date_numbers(ts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Convert times to Backtrader's numbers: days since 0000-12-31, with fractions.

    Parameters
    ----------
    ts
        Microseconds since 1970-01-01 UTC.

    Returns
    -------
    numpy.ndarray
        float64, within one unit in the last place (10 microseconds) of
        ``backtrader.date2num``.
    """
    days, rest = np.divmod(ts, _DAY)
    return np.asarray((days + _UNIX_EPOCH) + rest / _DAY, dtype=np.float64)


class ArrayFeed(bt.feed.DataBase):  # type: ignore[misc]
    """A data feed whose lines are filled with whole arrays, without a loop in Python.

    ``arrays`` maps each line to an ``array.array('d')``; all have the same length. If
    Backtrader does not preload, ``arrays`` is ``None`` after the start of the run, and
    the lines end with the current bar, so that a strategy cannot read later bars.
    Subclasses with extra lines come from :func:`array_feed`.
    """

    lines: Any = ("vwap",)
    params = (("arrays", None),)

    # Backtrader would copy every line into these attributes on every bar. With None,
    # its broker reads the lines instead, which have the same values for complete bars.
    tick_open = tick_high = tick_low = tick_close = tick_last = None

    def start(self) -> None:
        """Remove the arrays if bars are loaded one by one."""
        super().start()
        self._line_list = list(self.lines)
        self._rows: Iterator[tuple[float, ...]] = iter(())
        if not self._env._dopreload:
            names, arrays = self.getlinealiases(), self.p.arrays
            self._rows = zip(*(arrays[name] for name in names), strict=True)
            self.p.arrays = None

    def _load(self) -> bool:
        """Append the next bar to the lines."""
        row = next(self._rows, None)
        if row is None:
            return False
        for line, value in zip(self.lines, row, strict=True):
            line[0] = value
        return True

    def preload(self) -> None:
        """Fill the lines and go back to the first bar."""
        for name in self.getlinealiases():
            # A copy, so that a strategy that writes to a line cannot change the bars
            # of the next run.
            getattr(self.lines, name).array = self.p.arrays[name][:]
        self.home()
        self._next_times: list[float] = [*self.p.arrays["datetime"], float("inf")]

    def advance_peek(self) -> float:
        """Return the time of the next bar, infinity after the last one."""
        bar: int = self._line_list[0].lencount
        return self._next_times[bar]

    def advance(
        self,
        size: int = 1,
        datamaster: Any = None,
        ticks: bool = True,
    ) -> None:
        """Move every line forward."""
        for line in self._line_list:
            line._idx += size
            line.lencount += size


@functools.cache
def array_feed(lines: tuple[str, ...]) -> type[ArrayFeed]:
    """Return the feed class that has the given lines in addition to the prices."""
    own = tuple(name for name in lines if name not in ArrayFeed.lines.getlinealiases())
    if not own:
        return ArrayFeed
    return type("ArrayFeedWithLines", (ArrayFeed,), {"lines": own, **_HERE})


# Backtrader looks up the module of each class that is created.
_HERE = {"__module__": __name__}


def as_lines(arrays: Mapping[str, npt.ArrayLike]) -> dict[str, array[float]]:
    """Convert arrays to ``array.array('d')``, the type of Backtrader's lines.

    A value read from an ``array.array`` is a Python float, which is several times
    faster than a NumPy scalar.
    """
    return {
        name: array("d", np.ascontiguousarray(values, dtype=np.float64).tobytes())
        for name, values in arrays.items()
    }


class Cerebro(bt.Cerebro):  # type: ignore[misc]
    """Backtrader's engine; it also runs a strategy that never finishes its warm-up."""

    def _runonce(self, runstrats: list[Any]) -> None:
        """Run bar by bar if an indicator needs more bars than there are.

        Backtrader computes indicators over all bars together, which fails with too few
        bars. When it runs bar by bar, it only calls ``prenext``.
        """
        bars = min(data.buflen() for data in self.datas)
        if any(strategy._minperiod > bars for strategy in runstrats):
            self._runnext(runstrats)
        else:
            super()._runonce(runstrats)


class RecordingBroker(bt.brokers.BackBroker):  # type: ignore[misc]
    """Backtrader's broker; it also records fills, values and rejections.

    Parameters
    ----------
    session_ends
        End of the session of each bar, in Backtrader's numbers for times; orders of the
        type Close are due then. If absent, the end of the UTC day, as in Backtrader.

    Attributes
    ----------
    values
        Cash plus position at the close of every bar so far, less the money that the
        strategy paid in: the account as if only trading had changed it.
    deposited
        Money that the strategy has paid in so far; negative if it took money out.
    paid_in
        Maximum of ``deposited`` over the run, at least 0.
    frictions
        `Friction` by symbol; it applies on top of ``slip_perc``.
    cash_rates
        What cash earns, and what debt costs, a day; fractions.
    shift
        By how much the cash is above the account's own.
    slipped
        Number of fills made with other slippage settings than at the start.
    fills
        ``(bar number, signed size, price, commission, its part for closing,
        contract multiplier)`` of every execution. The multiplier is that of the symbol
        unless a strategy sets another. The bar is the one that Backtrader dates the
        fill on.
    origins
        For each fill, the bar on which its order was sent, the type of the order, and
        the bar on which the broker made the fill. The last is later than the bar of the
        fill where the end of a session is known only from the next bar.
    slippages
        For each fill, the fraction of its price by which it is worse.
    submissions
        ``(bar number, signed size, type, price, limit)`` of every order when it was
        sent; NaN where it has no price. A cancelled order has a second row with the
        type `CANCELLED`.
    rejected
        Number of orders rejected, for lack of cash or for another reason.
    """

    def __init__(self, session_ends: npt.NDArray[np.float64] | None = None) -> None:
        self.frictions: dict[str, Friction] = {}
        self._slippage_now = 0.0
        self.cash_rates = (0.0, 0.0)
        self.shift = 0.0
        super().__init__()
        self._session_ends = session_ends
        self._running = False
        self._forget()

    def init(self) -> None:
        """Start from an empty record; Backtrader calls this before each run."""
        super().init()
        self._running = True
        self._forget()

    def _forget(self) -> None:
        self.deposited = self.paid_in = 0.0
        self.slipped, self._slippage = 0, self._slippage_settings()
        self.values: list[float] = []
        self.fills: list[tuple[int, float, float, float, float, float]] = []
        self.origins: list[tuple[int, int, int]] = []
        self.slippages: list[float] = []
        self.submissions: list[tuple[int, float, int, float, float]] = []
        self._sent: dict[int, int] = {}
        self._today = 0
        self.rejected = 0

    def _slippage_settings(self) -> tuple[Any, ...]:
        """Current slippage settings of the broker."""
        own = tuple(getattr(self.p, name) for name in _SLIPPAGE)
        return *own, *self.frictions.items(), self.cash_rates

    def slippage(self, data: Any, size: float, price: float) -> float:
        """Compute the slippage of an order of some units, as a fraction of its price.

        Market impact and quoted spread are those of the present bar.
        """
        plain = float(self.p.slip_perc)
        if data._name not in self.frictions:
            return plain
        of = self.frictions[data._name]
        plain += of.half_spread
        if len(of.quoted):
            plain += of.quoted[len(data) - 1]
        if not of.impact:
            return plain
        point = self.getcommissioninfo(data).p.mult
        scale = of.scale[len(data) - 1]
        return slippage_with_impact(plain, of.impact, scale, size, price, point)

    def _try_exec(self, order: Any) -> None:
        """Try to fill an order, and know its symbol and size when its price slips."""
        self._working, self._slippage_now = order, 0.0
        super()._try_exec(order)

    @contextlib.contextmanager
    def _whole_slippage(self, price: float) -> Iterator[None]:
        """Let the broker's slippage include the friction of the order's symbol."""
        own = self.p.slip_perc
        order = self._working
        self.p.slip_perc = self.slippage(order.data, order.size, price)
        self._slippage_now = self.p.slip_perc
        try:
            yield
        finally:
            self.p.slip_perc = own

    def submit(self, order: Any, check: bool = True) -> Any:
        """Record an order when it is sent, then submit it."""
        price, limit = (
            math.nan if value is None else value
            for value in (order.created.price, order.created.pricelimit)
        )
        bar = len(order.data) - 1
        if self._session_ends is not None:
            order.dteos = float(self._session_ends[bar])
        self._sent[order.ref] = bar
        self.submissions.append((bar, order.size, order.exectype, price, limit))
        return super().submit(order, check)

    def cancel(self, order: Any, bracket: bool = False) -> Any:
        """Cancel an order, and record it if it was cancelled."""
        cancelled = super().cancel(order, bracket)
        if cancelled:
            bar = len(order.data) - 1
            self.submissions.append((bar, order.size, CANCELLED, math.nan, math.nan))
        return cancelled

    def _slip_up(self, pmax: float, price: float, *args: Any, **options: Any) -> Any:
        """Raise a price; below 0, Backtrader's percentage would lower it."""
        with self._whole_slippage(price):
            if price >= 0:
                return super()._slip_up(pmax, price, *args, **options)
            return _negated(super()._slip_down(-pmax, -price, *args, **options))

    def _slip_down(self, pmin: float, price: float, *args: Any, **options: Any) -> Any:
        """Lower a price; below 0, Backtrader's percentage would raise it."""
        with self._whole_slippage(price):
            if price >= 0:
                return super()._slip_down(pmin, price, *args, **options)
            return _negated(super()._slip_up(-pmin, -price, *args, **options))

    def _try_exec_stop(self, order: Any, *prices: float) -> None:
        """Keep a trailing stop on the correct side of a close below 0."""
        if order.trailpercent:
            order.trailpercent = math.copysign(order.trailpercent, prices[-1])
        super()._try_exec_stop(order, *prices)

    def set_cash(self, cash: float) -> None:
        """Set the cash; during a run the difference is a deposit."""
        if self._running:
            self._deposit(cash - self.cash)
        super().set_cash(cash)

    setcash = set_cash

    def _deposit(self, cash: float) -> None:
        self.deposited += cash
        self.paid_in = max(self.deposited, self.paid_in)

    def _get_value(self, datas: Any = None, lever: bool = False) -> Any:
        """Value the account, and count deposits since the last valuation."""
        self._deposit(sum(self._cash_addition))
        return super()._get_value(datas, lever)

    def next(self) -> None:
        """Process one bar."""
        self._earn_interest()
        super().next()
        self.values.append(self._value - self.deposited)

    def _earn_interest(self) -> None:
        """Let the cash earn interest for the days since the bar before."""
        if not any(self.cash_rates):
            return
        today = int(max(data.datetime[0] for data in self.cerebro.datas if len(data)))
        days, self._today = today - (self._today or today), today
        own = self.cash - self.shift
        self.cash += interest_on_cash(own, days, *self.cash_rates)

    def notify(self, order: Any) -> None:
        """Notify the strategy of an order, then record the result."""
        super().notify(order)
        if order.status in (order.Partial, order.Completed):
            done = order.executed.exbits[-1]
            made = len(order.data) - 1
            bar = _bar_at(order.data, done.dt)
            self.slipped += self._slippage_settings() != self._slippage
            self.origins.append((self._sent[order.ref], order.exectype, made))
            self.slippages.append(self._slippage_now)
            multiplier = self.getcommissioninfo(order.data).p.mult
            self.fills.append(
                (bar, done.size, done.price, done.comm, done.closedcomm, multiplier)
            )
        elif order.status in (order.Margin, order.Rejected):
            self.rejected += 1


def _negated(price: float | None) -> float | None:
    return None if price is None else -price


def _bar_at(data: Any, time: float) -> int:
    """Number of the bar that starts at a time, in Backtrader's numbers for times."""
    if time == data.datetime[0]:
        return len(data) - 1
    return bisect.bisect_left(data.datetime.array, time)
