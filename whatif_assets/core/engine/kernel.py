"""One variant of a trading rule on one sleeve, compiled.

This is ``TradingRule`` and Backtrader's broker once more, for speed;
``docs/strategy_semantics.md`` has both in words. Every product and sum stands in
Backtrader's own order, so that cash comes out the same to the last bit and a
number of shares that is rounded down comes out the same too.

Bars on which nothing can happen are skipped: while no order waits and no setting
watches the position, the next bar of interest is the next signal that would
change the position.

In the signatures ``p`` is the variant's row of parameters and ``s`` the state;
``layout`` names their columns.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from whatif_assets.core.engine import layout as at
from whatif_assets.core.sleeve import FloatArray

IntArray = npt.NDArray[np.int64]

compiled = njit(nogil=True, error_model="numpy")


class Bars(NamedTuple):
    """The arrays of a sleeve.

    ``day`` counts calendar days (UTC). ``ends`` has for each session of the
    backtest the last bar until its end, -1 where there is none. ``since_open`` and
    ``to_close`` are empty where no variant reads the clock.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    day: IntArray
    since_open: FloatArray
    to_close: FloatArray
    ends: IntArray


class Series(NamedTuple):
    """What decides the signal: a value per bar, and the extremes of each block."""

    values: FloatArray
    tops: FloatArray
    bottoms: FloatArray


@compiled
def run_variant(
    bars: Bars, series: Series, p: Any, equity: Any, counts: Any, fills: Any
) -> None:
    """Run one variant over all bars.

    Parameters
    ----------
    bars, series
        The sleeve, and what decides the rule's signals.
    p
        Parameters of the variant.
    equity
        Filled with the value at the end of each session.
    counts
        Filled, see ``layout``.
    fills
        Filled with the fills if it has room for them; else of length 0.
    """
    counts[:] = 0.0
    counts[at.LEAST_PROFIT], counts[at.GREATEST_PROFIT] = np.inf, -np.inf
    s = np.zeros(at.STATES)
    s[at.MONEY], s[at.LAST_BAR] = p[at.CASH], -1
    bar, session = -1, 0
    while bar < len(bars.close):
        if bar >= 0:
            _work_orders(bars, bar, s, p, counts, fills)
            _decide(bars, series.values[bar], bar, s, p)
        following = _next_bar(series, bar, s, p)
        while session < len(bars.ends) and bars.ends[session] < following:
            equity[session] = s[at.MONEY]
            if s[at.HELD] != 0:
                close = bars.close[bars.ends[session]]
                equity[session] = worth(s[at.MONEY], s[at.HELD], s[at.ENTRY], close)
            session += 1
        bar = following


@compiled
def _next_bar(series: Series, bar: int, s: Any, p: Any) -> int:
    """Find the next bar on which anything can happen."""
    held = s[at.HELD]
    if s[at.ORDER] != 0:
        return bar + 1
    if held != 0 and (p[at.WATCHES] > 0 or (held < 0 and p[at.BORROW] > 0)):
        return bar + 1
    long = held < 0 or (held == 0 and p[at.LONG_ALLOWED] > 0)
    short = held > 0 or (held == 0 and p[at.SHORT_ALLOWED] > 0)
    above = p[at.ABOVE] if long else np.inf
    below = p[at.BELOW] if short else -np.inf
    return next_signal(series, bar + 1, above, below)


@compiled
def next_signal(series: Series, bar: int, above: float, below: float) -> int:
    """Find the first bar from ``bar`` on with a value beyond a threshold."""
    n = len(series.values)
    while bar < n:
        if bar % at.BLOCK == 0:
            bar = _next_block(series, bar // at.BLOCK, above, below) * at.BLOCK
            if bar >= n:
                break
        if series.values[bar] > above or series.values[bar] < below:
            return bar
        bar += 1
    return n


@compiled
def _next_block(series: Series, block: int, above: float, below: float) -> int:
    while block < len(series.tops):
        if series.tops[block] > above or series.bottoms[block] < below:
            break
        block += 1
    return block


@compiled
def worth(cash: float, size: float, entry: float, close: float) -> float:
    """Cash plus position; Backtrader takes a long one apart and together again."""
    held = size * close
    if held > 0:
        unrealized = size * (close - entry)
        return cash + ((held - unrealized) + unrealized)
    return cash + held


# The broker


@compiled
def _work_orders(bars: Bars, bar: int, s: Any, p: Any, counts: Any, fills: Any) -> None:
    """Fill or refuse the orders of one bar."""
    order, price = s[at.ORDER], math.nan
    s[at.ORDER] = 0.0
    if order != 0:
        if _affordable(order, bars.close[bar - 1], s, p):
            side = 1 if order > 0 else -1
            price = bars.open[bar] * (1 + side * p[at.SLIPPAGE])
        else:
            counts[at.REJECTED] += 1
    if s[at.HELD] < 0 and p[at.BORROW] > 0:
        due = (bars.day[bar] - bars.day[bar - 1]) * p[at.BORROW]
        due = due * -s[at.HELD] * s[at.ENTRY]
        s[at.MONEY] -= due
        s[at.INTEREST] += due
    if s[at.PROTECTED] > 0:
        order, price = -s[at.HELD], _exit_price(bars, bar, s, p)
        if math.isnan(price) and p[at.TRAILING_STOP] > 0:
            trail = _trail(bars.close[bar], s, p)
            nearer = s[at.HELD] * trail > s[at.HELD] * s[at.TRAIL]
            s[at.TRAIL] = trail if nearer else s[at.TRAIL]
    if not math.isnan(price):
        _execute(bar, order, price, s, p, counts, fills)


@compiled
def _affordable(order: float, close: float, s: Any, p: Any) -> bool:
    """Whether the broker takes an order: the cash it would leave is not negative.

    The broker reckons with the close at which the order was sent.
    """
    cash, closed = s[at.MONEY], -s[at.HELD]
    opened = order - closed
    if closed != 0:
        cash += s[at.HELD] * close
        cash -= _charge(closed, close, p)
    if opened != 0:
        cash -= opened * close
        cash -= _charge(opened, close, p)
    return bool(cash >= 0)


@compiled
def _charge(size: float, price: float, p: Any) -> float:
    """Commission of one part of an order."""
    by_value = abs(size) * p[at.COMMISSION] * price
    return max(by_value + abs(size) * p[at.PER_SHARE], p[at.MINIMUM])


@compiled
def _exit_price(bars: Bars, bar: int, s: Any, p: Any) -> float:
    """Price at which a protecting order fills on this bar, NaN if none does.

    The stop comes first, then the trailing stop, then the limit. An order that the
    open has already passed fills at the open. An order that is not there is NaN.
    """
    side = 1.0 if s[at.HELD] > 0 else -1.0
    slip = 1 - side * p[at.SLIPPAGE]
    start = side * bars.open[bar]
    worst = side * (bars.low[bar] if side > 0 else bars.high[bar])
    best = side * (bars.high[bar] if side > 0 else bars.low[bar])
    for stop in (s[at.STOP], s[at.TRAIL]):
        if start <= side * stop:
            return bars.open[bar] * slip
        if worst <= side * stop:
            return stop * slip
    if start >= side * s[at.LIMIT]:
        return bars.open[bar] * slip
    return s[at.LIMIT] if best >= side * s[at.LIMIT] else math.nan


@compiled
def _execute(
    bar: int, order: float, price: float, s: Any, p: Any, counts: Any, fills: Any
) -> None:
    """Close what is open, then open the rest if the cash is there for it."""
    closed, closing, opening = -s[at.HELD], 0.0, 0.0
    opened = order - closed
    if closed != 0:
        profit = s[at.HELD] * (price - s[at.ENTRY])
        s[at.MONEY] += s[at.HELD] * s[at.ENTRY] + profit
        closing = _charge(closed, price, p)
        s[at.MONEY] -= closing
        closing += s[at.INTEREST]
        s[at.INTEREST] = 0.0
        _count_trade(profit - (s[at.OPENING] + closing), counts)
    if opened != 0:
        opening = _charge(opened, price, p)
        left = s[at.MONEY] - opened * price - opening
        if left < 0:
            opened = opening = 0.0
            counts[at.REJECTED] += 1
        else:
            s[at.MONEY] = left
    if closed + opened != 0:
        _count_fill(bar, closed + opened, price, closing, opening, counts, fills)
        s[at.HELD] += closed + opened
        s[at.ENTRY], s[at.OPENING] = price, opening
        s[at.PROTECTED] = 0.0
        s[at.FIRST_BAR if s[at.HELD] != 0 else at.LAST_BAR] = bar


@compiled
def _count_trade(profit: float, counts: Any) -> None:
    """Count a closed trade; sums start from the first, so that no digits cancel."""
    if counts[at.TRADES] == 0:
        counts[at.FIRST_PROFIT] = profit
    counts[at.TRADES] += 1
    counts[at.WINS] += profit >= 0
    away = profit - counts[at.FIRST_PROFIT]
    counts[at.TOTAL] += away
    counts[at.SQUARES] += away * away
    counts[at.LEAST_PROFIT] = min(counts[at.LEAST_PROFIT], profit)
    counts[at.GREATEST_PROFIT] = max(counts[at.GREATEST_PROFIT], profit)


@compiled
def _count_fill(
    bar: int,
    size: float,
    price: float,
    closing: float,
    opening: float,
    counts: Any,
    fills: Any,
) -> None:
    if len(fills):
        fill = fills[int(counts[at.FILLS])]
        fill[at.BAR], fill[at.SIZE], fill[at.PRICE] = bar, size, price
        fill[at.CHARGED], fill[at.CLOSING] = closing + opening, closing
    counts[at.FILLS] += 1
    counts[at.TRADED] += abs(size * price)


# The rule


@compiled
def _decide(bars: Bars, value: float, bar: int, s: Any, p: Any) -> None:
    """Work one close: send an order, or protect what is open."""
    signal = -1 if value < p[at.BELOW] else (1 if value > p[at.ABOVE] else 0)
    target = _target(bars, signal, bar, s, p)
    if not math.isnan(target):
        s[at.ORDER] = target - s[at.HELD]
        s[at.PROTECTED] = 0.0
    elif s[at.HELD] != 0 and p[at.PROTECTS] > 0 and s[at.PROTECTED] == 0:
        _protect(bars.close[bar], s, p)


@compiled
def _target(bars: Bars, signal: int, bar: int, s: Any, p: Any) -> float:
    """Return the position to change to, NaN to leave things as they are."""
    if s[at.HELD] != 0:
        return _exit(bars, signal, bar, s, p)
    if s[at.LAST_BAR] >= 0 and bar - s[at.LAST_BAR] < p[at.COOL_DOWN]:
        return math.nan
    if not _may_enter(bars, signal, bar, p):
        return math.nan
    shares = _shares(bars.close[bar], s, p)
    return signal * shares if shares > 0 else math.nan


@compiled
def _exit(bars: Bars, signal: int, bar: int, s: Any, p: Any) -> float:
    if p[at.FLAT_BEFORE_CLOSE] > 0 and bars.to_close[bar] <= p[at.FLAT_BEFORE_CLOSE]:
        return 0.0
    held = bar - s[at.FIRST_BAR] + 1
    if signal * s[at.HELD] < 0 and held >= p[at.MIN_HOLDING]:
        if p[at.AT_ONCE] > 0 and _may_enter(bars, signal, bar, p):
            return signal * max(_shares(bars.close[bar], s, p), 0.0)
        return 0.0
    if p[at.MAX_HOLDING] > 0 and held >= p[at.MAX_HOLDING]:
        return 0.0
    return math.nan


@compiled
def _may_enter(bars: Bars, signal: int, bar: int, p: Any) -> bool:
    """Whether a signal may open a position at this close."""
    if signal == 0 or p[at.LONG_ALLOWED if signal > 0 else at.SHORT_ALLOWED] == 0:
        return False
    if p[at.READS_CLOCK] == 0:
        return True
    last = max(p[at.NO_ENTRY_LAST], p[at.FLAT_BEFORE_CLOSE])
    return bool(
        bars.since_open[bar] >= p[at.NO_ENTRY_FIRST] and bars.to_close[bar] > last
    )


@compiled
def _shares(close: float, s: Any, p: Any) -> float:
    """Size of the position to open."""
    sizing = p[at.SIZING]
    if sizing == at.SHARES:
        return float(p[at.AMOUNT])
    if close <= 0:
        return 0.0
    if sizing == at.NOTIONAL:
        return float(math.trunc(p[at.AMOUNT] / close))
    if sizing == at.EQUITY_PERCENT:
        value = worth(s[at.MONEY], s[at.HELD], s[at.ENTRY], close)
        return float(math.trunc(value * p[at.AMOUNT] / 100 / close))
    slipped = close * (1 + p[at.SLIPPAGE])
    each = slipped * (1 + p[at.COMMISSION]) + p[at.PER_SHARE]
    spent = math.trunc((s[at.MONEY] - p[at.MINIMUM]) / slipped)
    return float(min(math.trunc(s[at.MONEY] / each), spent))


@compiled
def _protect(close: float, s: Any, p: Any) -> None:
    """Send the orders that may end the position inside a bar."""
    side = 1 if s[at.HELD] > 0 else -1
    s[at.PROTECTED] = 1.0
    s[at.STOP] = s[at.TRAIL] = s[at.LIMIT] = math.nan
    if p[at.STOP_LOSS] > 0:
        s[at.STOP] = s[at.ENTRY] * (1 - side * p[at.STOP_LOSS] / 100)
    if p[at.TAKE_PROFIT] > 0:
        s[at.LIMIT] = s[at.ENTRY] * (1 + side * p[at.TAKE_PROFIT] / 100)
    if p[at.TRAILING_STOP] > 0:
        s[at.TRAIL] = _trail(close, s, p)


@compiled
def _trail(close: float, s: Any, p: Any) -> float:
    away = close * p[at.TRAILING_STOP]
    return close - away if s[at.HELD] > 0 else close + away
