"""What the account of a portfolio is worth, compiled.

The account changes at few times, so that the times between two changes are valued
together, symbol by symbol: their closes are read in their order.
"""

from __future__ import annotations

from typing import Any

from whatif_assets.engines.portfolio.compiled import compiled
from whatif_assets.engines.portfolio.layout import (
    AT_ONCE,
    PER_BLOCK,
    Prices,
    Work,
)

# By how much a bound may be off, as a part of what it is the sum of: far more than the
# rounding of the values of thousands of positions.
_ROUNDING = 1e-9


@compiled
def value_of(now: int, prices: Prices, w: Work) -> float:
    """Cash plus positions."""
    total = 0.0
    for n in range(w.account[0].n_held):
        s = w.held[n]
        one, close, multiplier = w.book[s], prices.close[now, s], prices.multiplier[s]
        total = _plus(total, one.held, one.entry, close, multiplier)
    return float(w.account[0].cash + total)


@compiled
def _plus(
    total: float, held: float, entry: float, close: float, multiplier: float
) -> float:
    """Add a position's value; Backtrader takes long ones apart and together again."""
    worth = held * close * multiplier
    unrealized = held * (close - entry) * multiplier if worth > 0 else 0.0
    return float(total + (worth - unrealized) + unrealized)


@compiled
def mark_before(now: int, prices: Prices, p: Any, w: Work, equity: Any) -> None:
    """Value the account at the times before one, and since the last.

    Nothing changed in between. Written are the values at the ends of sessions, the
    highest of all and the deepest fall.
    """
    a = w.account[0]
    first, a.valued = a.valued, now
    if a.n_held == 0 and first < now:
        w.values[0] = 0.0 + a.cash
        _watch(1, p, w)
        while a.marked < len(equity) and prices.ends[a.marked] < now:
            equity[a.marked] = w.values[0] - p.shift
            a.marked += 1
        return
    is_bounded = prices.lowest.shape[1] > 0
    while first < now:
        n = min(now - first, len(w.values))
        if is_bounded:
            block = first // PER_BLOCK
            n = min(now, (block + 1) * PER_BLOCK) - first
            has_end = a.marked < len(equity) and prices.ends[a.marked] < first + n
            if not has_end and _stays_within(block, prices, p, w):
                first += n
                continue
        _value_times(first, n, prices, w)
        _watch(n, p, w)
        while a.marked < len(equity) and prices.ends[a.marked] < first + n:
            equity[a.marked] = w.values[prices.ends[a.marked] - first] - p.shift
            a.marked += 1
        first += n


@compiled
def _watch(n: int, p: Any, w: Work) -> None:
    """Note the peak, and the deepest fall from one, of the first values."""
    a = w.account[0]
    peak, fallen = a.peak, a.fallen
    for at in range(n):
        value = w.values[at] - p.shift
        peak = max(peak, value)
        fallen = max(fallen, 1.0 - value / peak)
    a.peak, a.fallen = peak, fallen


@compiled
def _value_times(first: int, n: int, prices: Prices, w: Work) -> None:
    """Write the values of the account at n times into its scratch space.

    They are those of `value_of`. Some times more are valued than asked for, so that
    their number is one that the processor works on at once.
    """
    values, n = w.values, (n + AT_ONCE - 1) // AT_ONCE * AT_ONCE
    for at in range(n):
        values[at] = 0.0
    for k in range(w.account[0].n_held):
        s = w.held[k]
        held, entry, multiplier = w.book[s].held, w.book[s].entry, prices.multiplier[s]
        closes = prices.closes[s, first : first + n]
        for at in range(n):
            values[at] = _plus(values[at], held, entry, closes[at], multiplier)
    cash = w.account[0].cash
    for at in range(n):
        values[at] += cash


@compiled
def _stays_within(block: int, prices: Prices, p: Any, w: Work) -> bool:
    """Whether no time of a block can have a new peak, or a deeper fall from it.

    Each position is taken at the worst, and at the best, of its closes in the block.
    """
    a = w.account[0]
    low = high = a.cash - p.shift
    size = abs(low) + a.peak
    for n in range(a.n_held):
        s = w.held[n]
        units = w.book[s].held * prices.multiplier[s]
        lowest = units * prices.lowest[s, block]
        highest = units * prices.highest[s, block]
        low += min(lowest, highest)
        high += max(lowest, highest)
        size += max(abs(lowest), abs(highest)) + abs(units * w.book[s].entry)
    away, floor = size * _ROUNDING, a.peak * (1.0 - a.fallen)
    return bool(a.peak > 0 and high + away <= a.peak and low - away >= floor)
