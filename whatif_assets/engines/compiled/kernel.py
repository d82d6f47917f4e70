"""Compiled code that runs one variant of a trading rule on one sleeve.

A faster copy of ``TradingRule`` and of Backtrader's broker; both are described in
``docs/strategy_semantics.md``. Products and sums are computed in the same order as in
Backtrader, so that cash, and numbers of shares that are rounded down from it, are equal
to the last bit.

Bars on which nothing can happen are skipped: if no order waits and no setting watches
the position, the next bar to compute is the next one with a signal that would change
the position.

In the signatures ``p`` is the variant's row of parameters and ``s`` the state;
``layout`` names their columns.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from whatif_assets.engines.compiled import layout as at
from whatif_assets.engines.compiled.costs import (
    charge,
    compiled,
    interest_on_cash,
    price_of_fill,
    shares_for_cash,
)
from whatif_assets.engines.compiled.layout import Bars, Series


@compiled
def run_variant(
    bars: Bars, series: Series, p: Any, state: Any, equity: Any, counts: Any, fills: Any
) -> None:
    """Run one variant over all bars.

    Parameters
    ----------
    bars, series
        The sleeve, and the values that decide the rule's signals.
    p
        Parameters of the variant.
    state
        Working memory: one record of ``layout.STATE``.
    equity
        Output: the account's value at the end of each session.
    counts
        Output: one record, see ``layout.COUNTS``.
    fills
        Output: one record per fill; pass length 0 to leave the fills out.
    """
    counts.traded = counts.trades = counts.wins = counts.first = counts.total = 0.0
    counts.squares = counts.rejected = counts.fills = counts.held = 0.0
    counts.least, counts.greatest = np.inf, -np.inf
    s = state[0]
    s.money, s.last_bar, s.multiplier = p.cash, -1, bars.multiplier
    s.held = s.entry = s.interest = s.order = s.protected = s.days = s.quoted = 0.0
    values, tops, bottoms = series.values, series.tops, series.bottoms
    closes, ends = bars.close, bars.ends
    bar, session = int(np.int64(-1)), 0
    while bar < len(closes):
        if bar >= 0:
            _load_bar(bars, bar, s, p)
            _process_orders(s, p, counts, fills)
            _send_orders(values[bar], s, p)
        following = bar + 1
        if not _is_busy(s, p):
            above, below = _watched_thresholds(s, p)
            following = next_signal(values, tops, bottoms, bar + 1, above, below)
        while session < len(ends) and ends[session] < following:
            equity[session] = s.money
            if s.held != 0:
                close = closes[ends[session]]
                equity[session] = account_value(
                    s.money, s.held, s.entry, close, s.multiplier
                )
            session += 1
        bar = following
    counts.exposed = counts.held
    if s.held != 0:
        counts.exposed += len(closes) - s.first_bar


@compiled
def _load_bar(bars: Bars, bar: int, s: Any, p: Any) -> None:
    """Copy a bar into the state, which is faster than passing arrays to functions."""
    s.now = bar
    s.open, s.high = bars.open[bar], bars.high[bar]
    s.low, s.close = bars.low[bar], bars.close[bar]
    if bar > 0:
        s.before = bars.close[bar - 1]
        s.days = bars.day[bar] - bars.day[bar - 1]
    if p.reads_clock > 0:
        s.since_open, s.to_close = bars.since_open[bar], bars.to_close[bar]
    if p.impact > 0:
        s.impact = bars.impact[bar]
    if p.quoted > 0:
        s.quoted = bars.quoted[bar]


@compiled
def _is_busy(s: Any, p: Any) -> bool:
    """Whether something may happen on the very next bar."""
    borrows = s.held < 0 and p.borrow > 0
    watched = s.held != 0 and p.watches > 0
    return bool(s.order != 0 or borrows or watched or p.accrues > 0)


@compiled
def _watched_thresholds(s: Any, p: Any) -> tuple[float, float]:
    """Return the thresholds whose signals may change the position, else infinity."""
    held = s.held
    long = held < 0 or (held == 0 and p.long_allowed > 0)
    short = held > 0 or (held == 0 and p.short_allowed > 0)
    return p.above if long else np.inf, p.below if short else -np.inf


@compiled
def next_signal(
    values: Any, tops: Any, bottoms: Any, bar: int, above: float, below: float
) -> int:
    """Find the first bar at or after ``bar`` with a value beyond a threshold.

    NaN is never beyond a threshold.

    Returns
    -------
    int
        The bar, or the number of bars if there is none.
    """
    n = len(values)
    while bar < n:
        if bar % at.BLOCK == 0:
            block = bar // at.BLOCK
            while block < len(tops) and not (
                tops[block] > above or bottoms[block] < below
            ):
                block += 1
            bar = block * at.BLOCK
            if bar >= n:
                break
        if values[bar] > above or values[bar] < below:
            return bar
        bar += 1
    return n


@compiled
def account_value(
    cash: float, size: float, entry: float, close: float, multiplier: float
) -> float:
    """Cash plus the position's value, added up in the order of Backtrader."""
    held = size * close * multiplier
    if held > 0:
        unrealized = size * (close - entry) * multiplier
        return cash + ((held - unrealized) + unrealized)
    return cash + held


# The broker


@compiled
def _process_orders(s: Any, p: Any, counts: Any, fills: Any) -> None:
    """Fill or refuse the waiting order and charge interest, then try exit orders."""
    order, price = s.order, math.nan
    s.order = 0.0
    if p.accrues > 0:
        s.money += interest_on_cash(s.money, s.days, p.earned, p.debited)
    if order != 0:
        if _affordable(order, s, p):
            price = price_of_fill(order, s.open, s, p)
        else:
            counts.rejected += 1
    if s.held < 0 and p.borrow > 0:
        due = s.days * p.borrow * -s.held * abs(s.entry) * s.multiplier
        s.money -= due
        s.interest += due
    if s.protected > 0:
        order, price = -s.held, _exit_price(s, p)
        if math.isnan(price) and p.trailing_stop > 0:
            trail = _trail(s, p)
            nearer = s.held * trail > s.held * s.trail
            s.trail = trail if nearer else s.trail
    if not math.isnan(price):
        _execute(order, price, s, p, counts, fills)


@compiled
def _affordable(order: float, s: Any, p: Any) -> bool:
    """Whether the broker accepts an order: it would leave cash of at least 0.

    The broker estimates this with the close at which the order was sent.
    """
    cash, closed, close = s.money, -s.held, s.before
    opened = order - closed
    if closed != 0:
        cash += s.held * close * s.multiplier
        cash -= charge(closed, close, s, p)
    if opened != 0:
        cash -= opened * close * s.multiplier
        cash -= charge(opened, close, s, p)
    return bool(cash >= 0)


@compiled
def _exit_price(s: Any, p: Any) -> float:
    """Price at which a protecting order fills on this bar, NaN if none fills.

    The stop comes first, then the trailing stop, then the limit. An order whose price
    the open has already passed fills at the open. An order that is not set has the
    price NaN.
    """
    side, order = (1.0 if s.held > 0 else -1.0), -s.held
    start = side * s.open
    worst = side * (s.low if side > 0 else s.high)
    best = side * (s.high if side > 0 else s.low)
    for stop in (s.stop, s.trail):
        if start <= side * stop:
            return price_of_fill(order, s.open, s, p)
        if worst <= side * stop:
            return price_of_fill(order, stop, s, p)
    if start >= side * s.limit:
        return price_of_fill(order, s.open, s, p)
    s.slippage = 0.0
    return float(s.limit) if best >= side * s.limit else math.nan


@compiled
def _execute(
    order: float, price: float, s: Any, p: Any, counts: Any, fills: Any
) -> None:
    """Close the open position, then open the rest of the order if cash suffices."""
    closed, closing, opening = -s.held, 0.0, 0.0
    opened = order - closed
    if closed != 0:
        profit = s.held * (price - s.entry) * s.multiplier
        s.money += s.held * s.entry * s.multiplier + profit
        closing = charge(closed, price, s, p)
        s.money -= closing
        closing += s.interest
        s.interest = 0.0
        count_trade(profit - (s.opening + closing), s.now - s.first_bar, counts)
    if opened != 0:
        opening = charge(opened, price, s, p)
        left = s.money - opened * price * s.multiplier - opening
        if left < 0:
            opened = opening = 0.0
            counts.rejected += 1
        else:
            s.money = left
    if closed + opened != 0:
        _count_fill(closed + opened, price, closing, opening, s, counts, fills)
        s.held += closed + opened
        s.entry, s.opening = price, opening
        s.protected = 0.0
        if s.held != 0:
            s.first_bar = s.now
        else:
            s.last_bar = s.now


@compiled
def count_trade(profit: float, bars: float, counts: Any) -> None:
    """Count a closed trade.

    Sums are of differences from the first profit: this keeps digits that sums of
    squared profits would lose.
    """
    if counts.trades == 0:
        counts.first = profit
    counts.trades += 1
    counts.wins += profit >= 0
    counts.held += bars
    away = profit - counts.first
    counts.total += away
    counts.squares += away * away
    counts.least = min(counts.least, profit)
    counts.greatest = max(counts.greatest, profit)


@compiled
def _count_fill(
    size: float,
    price: float,
    closing: float,
    opening: float,
    s: Any,
    counts: Any,
    fills: Any,
) -> None:
    if len(fills):
        fill = fills[int(counts.fills)]
        fill.bar, fill.size, fill.price = s.now, size, price
        fill.charged, fill.closing = closing + opening, closing
        fill.slippage = s.slippage
    counts.fills += 1
    counts.traded += abs(size * price) * s.multiplier


# The rule


@compiled
def _send_orders(value: float, s: Any, p: Any) -> None:
    """Send the order of one close, or the orders that protect the position."""
    signal = -1 if value < p.below else (1 if value > p.above else 0)
    target = _target(signal, s, p)
    if not math.isnan(target):
        s.order = target - s.held
        s.protected = 0.0
    elif s.held != 0 and p.protects > 0 and s.protected == 0:
        _protect(s, p)


@compiled
def _target(signal: int, s: Any, p: Any) -> float:
    """Return the position to change to, NaN to change nothing."""
    if s.held != 0:
        return _exit(signal, s, p)
    if s.last_bar >= 0 and s.now - s.last_bar < p.cool_down:
        return math.nan
    if not _may_enter(signal, s, p):
        return math.nan
    shares = _shares(s, p)
    return signal * shares if shares > 0 else math.nan


@compiled
def _exit(signal: int, s: Any, p: Any) -> float:
    if p.flat_before_close > 0 and s.to_close <= p.flat_before_close:
        return 0.0
    held = s.now - s.first_bar + 1
    if signal * s.held < 0 and held >= p.min_holding:
        if p.one_order > 0 and _may_enter(signal, s, p):
            return signal * max(_shares(s, p), 0.0)
        return 0.0
    if p.max_holding > 0 and held >= p.max_holding:
        return 0.0
    return math.nan


@compiled
def _may_enter(signal: int, s: Any, p: Any) -> bool:
    """Whether a signal may open a position at this close."""
    if signal == 0 or (p.long_allowed if signal > 0 else p.short_allowed) == 0:
        return False
    if p.reads_clock == 0:
        return True
    last = max(p.no_entry_last, p.flat_before_close)
    return bool(s.since_open >= p.no_entry_first and s.to_close > last)


@compiled
def _shares(s: Any, p: Any) -> float:
    """Number of shares of the position to open; 0 or less opens nothing."""
    sizing, close = p.sizing, s.close
    if sizing == at.SHARES:
        return float(p.amount)
    if close <= 0:
        return 0.0
    price = close * s.multiplier
    if sizing == at.NOTIONAL:
        return float(math.trunc(p.amount / price))
    if sizing == at.EQUITY_PERCENT:
        value = account_value(s.money, s.held, s.entry, close, s.multiplier)
        return float(math.trunc(value * p.amount / 100 / price))
    return shares_for_cash(s, p)


@compiled
def _protect(s: Any, p: Any) -> None:
    """Set the orders that may end the position inside a bar."""
    side = 1 if s.held > 0 else -1
    s.protected = 1.0
    s.stop = s.trail = s.limit = math.nan
    up = math.copysign(side, side * s.entry)
    if p.stop_loss > 0 and s.entry != 0:
        s.stop = s.entry * (1 - up * p.stop_loss / 100)
    if p.take_profit > 0 and s.entry != 0:
        s.limit = s.entry * (1 + up * p.take_profit / 100)
    if p.trailing_stop > 0:
        s.trail = _trail(s, p)


@compiled
def _trail(s: Any, p: Any) -> float:
    away = abs(s.close) * p.trailing_stop
    return float(s.close - away if s.held > 0 else s.close + away)
