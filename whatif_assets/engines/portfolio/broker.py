"""The broker of a portfolio, compiled: cash, orders, fills and positions.

This is Backtrader's broker with several data feeds once more; see ``kernel``.
"""

from __future__ import annotations

import math
from typing import Any

from whatif_assets.domain.accounts.costs import (
    commission_by_share,
    interest_on_cash,
    slippage_with_impact,
    units_of_volume,
)
from whatif_assets.engines.compiled.kernel import count_trade
from whatif_assets.engines.portfolio.compiled import compiled
from whatif_assets.engines.portfolio.layout import Log, Prices, Work

_count_trade = compiled(count_trade.py_func)
_with_impact = compiled(slippage_with_impact)
_by_share = compiled(commission_by_share)
_units_of_volume = compiled(units_of_volume)
_interest_on_cash = compiled(interest_on_cash)


@compiled
def work_until(
    now: int, prices: Prices, p: Any, w: Work, equity: Any, counts: Any, log: Log
) -> None:
    """Check and fill the orders that wait, up to a time; charge interest at it."""
    a = w.account[0]
    while a.n_waiting > 0:
        due = int(a.sent) + 1
        if a.sent >= 0:
            if due > now:
                break
            if due == now:
                _earn_interest(now, prices, p, w, equity)
            _check(due, prices, p, w, counts, log)
        else:
            due = int(w.waiting[0].due)
            for n in range(1, int(a.n_waiting)):
                due = min(due, int(w.waiting[n].due))
        if due > now:
            break
        if due == now:
            _earn_interest(now, prices, p, w, equity)
            _charge_interest(now, prices, p, w, equity)
        mark_before(due, prices, p, w, equity)
        _fill(due, prices, p, w, counts, log)
        if due == now:
            return
    _earn_interest(now, prices, p, w, equity)
    _charge_interest(now, prices, p, w, equity)


@compiled
def _check(now: int, prices: Prices, p: Any, w: Work, counts: Any, log: Log) -> None:
    """Accept the orders that were sent, in their order, as long as there is cash.

    The broker uses the closes at which they were sent. What a refused order would have
    cost is not given back to those after it.
    """
    a, kept = w.account[0], 0
    cash = a.cash
    for n in range(int(a.n_waiting)):
        order = w.waiting[n]
        s, size, price = int(order.symbol), order.size, order.close
        multiplier = prices.multiplier[s]
        closed = _closed(w.book[s].held, size)
        opened = size - closed
        if closed != 0:
            cash += -closed * price * multiplier
            cash -= _commission(closed, price, multiplier, p)
        if opened != 0:
            cash -= opened * price * multiplier
            cash -= _commission(opened, price, multiplier, p)
        if cash >= 0:
            order.whole = size
            w.waiting[kept] = w.waiting[n]
            kept += 1
        else:
            _refuse(now, s, size, 0.0, counts, log)
    a.n_waiting, a.sent = kept, -1


@compiled
def _closed(held: float, size: float) -> float:
    """The part of an order that closes a position; signed like the order."""
    if held * size >= 0:
        return 0.0
    return float(size if abs(size) <= abs(held) else -held)


@compiled
def _commission(size: float, price: float, multiplier: float, p: Any) -> float:
    by_value = abs(size) * p.commission * abs(price) * multiplier
    by_share = _by_share(
        abs(size),
        p.per_share,
        p.tier_step,
        p.tier_start,
        p.next_tier_step,
        p.next_tier_start,
    )
    return float(max(by_value + by_share + p.per_order, p.minimum))


@compiled
def _refuse(
    now: int, s: int, size: float, at_fill: float, counts: Any, log: Log
) -> None:
    n = int(counts.rejected)
    if n < len(log.refusals):
        refusal = log.refusals[n]
        refusal.time, refusal.symbol = now, s
        refusal.size, refusal.at_fill = size, at_fill
    counts.rejected += 1


@compiled
def _earn_interest(now: int, prices: Prices, p: Any, w: Work, equity: Any) -> None:
    """Earn interest on cash for the days since the time before, once."""
    a = w.account[0]
    if p.accrues > 0 and a.accrued < now:
        mark_before(now, prices, p, w, equity)
        own, days = a.cash - p.shift, prices.new_days[now]
        a.cash += _interest_on_cash(own, days, p.earned, p.debited)
        a.accrued = now


@compiled
def _charge_interest(now: int, prices: Prices, p: Any, w: Work, equity: Any) -> None:
    """Charge interest on borrowed shares for the days since each symbol's last bar."""
    if p.borrows <= 0:
        return
    mark_before(now, prices, p, w, equity)
    a, total, rates = w.account[0], 0.0, int(p.rates)
    for n in range(int(a.n_held)):
        s = w.held[n]
        one, days = w.book[s], prices.days[now, s]
        if one.held < 0 and days > 0:
            due = days * prices.borrow[rates, s] * -one.held * abs(one.entry)
            due = due * prices.multiplier[s]
            one.interest += due
            total += due
    a.cash -= total


@compiled
def _fill(due: int, prices: Prices, p: Any, w: Work, counts: Any, log: Log) -> None:
    """Fill the orders that are due at a time at the opens of their bars.

    The rest of an order for which the volume is too small waits for the next bar.
    """
    a, kept = w.account[0], 0
    for n in range(int(a.n_waiting)):
        order, waits = w.waiting[n], True
        if order.due == due:
            s, size = int(order.symbol), order.size
            if p.participation > 0:
                most = _units_of_volume(prices.volume[due, s], p.participation)
                size = math.copysign(min(abs(size), most), size)
            filled = _execute(due, s, size, order.whole, prices, p, w, counts, log)
            waits = filled and size != order.size
            if waits:
                order.size -= size
                order.due = prices.following[due, s]
        if waits:
            w.waiting[kept] = w.waiting[n]
            kept += 1
    a.n_waiting = kept


@compiled
def _execute(
    now: int,
    s: int,
    size: float,
    whole: float,
    prices: Prices,
    p: Any,
    w: Work,
    counts: Any,
    log: Log,
) -> bool:
    """Close what is open, then open the rest if the cash is there for it.

    ``size`` is what fills now of the order of the size ``whole``. Returns whether the
    cash was there.
    """
    a, one, multiplier = w.account[0], w.book[s], prices.multiplier[s]
    price, side = prices.open[now, s], 1.0 if size > 0 else -1.0
    slippage = prices.slippage[int(p.rates), s]
    if p.quoted > 0:
        slippage += prices.quoted[now, s]
    if p.impact > 0:
        scale = prices.impact[now, s]
        slippage = _with_impact(slippage, p.impact, scale, whole, price, multiplier)
    price = price * (1 + math.copysign(side, price * side) * slippage)
    before, closing, opening, filled = one.held, 0.0, 0.0, True
    closed = _closed(before, size)
    opened = size - closed
    if closed != 0:
        profit = -closed * (price - one.entry) * multiplier
        a.cash += -closed * one.entry * multiplier + profit
        closing = _commission(closed, price, multiplier, p)
        a.cash -= closing
        closing += one.interest
        one.interest = 0.0
        one.profit += profit - closing
    if opened != 0:
        opening = _commission(opened, price, multiplier, p)
        left = a.cash - opened * price * multiplier - opening
        filled = left >= 0
        if left < 0:
            opened = opening = 0.0
            _refuse(now, s, size - closed, 1.0, counts, log)
        else:
            a.cash = left
    done = closed + opened
    if done != 0:
        bar = prices.bar[now, s]
        _count_fill(now, s, bar, done, price, slippage, opening, closing, counts, log)
        counts.traded += abs(done * price) * multiplier
        _move(s, bar, done, price, opening, w, counts)
    return filled


@compiled
def _move(
    s: int, bar: int, done: float, price: float, opening: float, w: Work, counts: Any
) -> None:
    """Change a position by a fill."""
    one = w.book[s]
    before, after = one.held, one.held + done
    if before != 0 and before * after <= 0:
        _count_trade(one.profit, bar - one.first_bar, counts)
        one.profit = 0.0
    one.profit -= opening
    if before * after <= 0:
        one.entry, one.first_bar = price, bar
        if before == 0:
            _hold(s, w)
        elif after == 0:
            one.entry = 0.0
            _drop(s, w)
    elif abs(after) > abs(before):
        one.entry = (one.entry * before + done * price) / after
    one.held = after


@compiled
def _hold(s: int, w: Work) -> None:
    """Add a symbol to those that are held, in their order."""
    n = int(w.account[0].n_held)
    while n > 0 and w.held[n - 1] > s:
        w.held[n] = w.held[n - 1]
        n -= 1
    w.held[n] = s
    w.account[0].n_held += 1


@compiled
def _drop(s: int, w: Work) -> None:
    """Remove a symbol from those that are held."""
    n = 0
    while w.held[n] != s:
        n += 1
    w.account[0].n_held -= 1
    while n < int(w.account[0].n_held):
        w.held[n] = w.held[n + 1]
        n += 1


@compiled
def _count_fill(
    now: int,
    s: int,
    bar: int,
    size: float,
    price: float,
    slippage: float,
    opening: float,
    closing: float,
    counts: Any,
    log: Log,
) -> None:
    n = int(counts.fills)
    if n < len(log.fills):
        fill = log.fills[n]
        fill.time, fill.symbol, fill.bar = now, s, bar
        fill.size, fill.price = size, price
        fill.charged, fill.closing = closing + opening, closing
        fill.slippage = slippage
    counts.fills += 1


@compiled
def value_of(now: int, prices: Prices, w: Work) -> float:
    """Cash plus positions."""
    total = 0.0
    for n in range(int(w.account[0].n_held)):
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
    """Value the account at the ends of sessions before a time, and since the last.

    Nothing changed in between. Symbol by symbol, the closes are read in their order.
    """
    _watch_before(now, prices, p, w)
    a, ends = w.account[0], prices.ends
    first = stop = int(a.marked)
    while stop < len(ends) and ends[stop] < now:
        equity[stop] = 0.0
        stop += 1
    for n in range(int(a.n_held)):
        s = w.held[n]
        held, entry, multiplier = w.book[s].held, w.book[s].entry, prices.multiplier[s]
        for at in range(first, stop):
            close = prices.marks[s, at]
            equity[at] = _plus(equity[at], held, entry, close, multiplier)
    cash = a.cash
    for at in range(first, stop):
        equity[at] += cash
    a.marked = stop


@compiled
def _watch_before(now: int, prices: Prices, p: Any, w: Work) -> None:
    """Note the deepest fall of the account at the bars before a time, since the last.

    Nothing changed in between, so that an account without positions kept its value.
    """
    a = w.account[0]
    first, stop = int(a.valued), now
    if a.n_held == 0:
        stop = min(now, first + 1)
    peak, fallen = a.peak, a.fallen
    while first < stop:
        n = min(stop - first, len(w.values))
        _value_times(first, n, prices, w)
        for at in range(n):
            value = w.values[at] - p.shift
            peak = max(peak, value)
            fallen = max(fallen, 1.0 - value / peak)
        first += n
    a.peak, a.fallen, a.valued = peak, fallen, now


@compiled
def _value_times(first: int, n: int, prices: Prices, w: Work) -> None:
    """Write the values of the account at n times into its scratch space.

    They are those of `value_of`, symbol by symbol, so that closes are read in order.
    """
    values = w.values
    for at in range(n):
        values[at] = 0.0
    for k in range(int(w.account[0].n_held)):
        s = w.held[k]
        held, entry, multiplier = w.book[s].held, w.book[s].entry, prices.multiplier[s]
        closes = prices.closes[s, first : first + n]
        for at in range(n):
            values[at] = _plus(values[at], held, entry, closes[at], multiplier)
    cash = w.account[0].cash
    for at in range(n):
        values[at] += cash
