"""The broker of a portfolio, compiled: cash, orders, fills and positions.

This is Backtrader's broker with several data feeds once more; see ``kernel``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.cpython.unsafe.numbers import trailing_zeros

from whatif_assets.domain.accounts.costs import (
    commission_by_share,
    interest_on_cash,
    slippage_with_impact,
    units_of_volume,
)
from whatif_assets.engines.compiled.kernel import count_trade
from whatif_assets.engines.portfolio.compiled import compiled
from whatif_assets.engines.portfolio.layout import Log, Prices, Work
from whatif_assets.engines.portfolio.valuing import mark_before

_count_trade = compiled(count_trade.py_func)
_with_impact = compiled(slippage_with_impact)
_by_share = compiled(commission_by_share)
_units_of_volume = compiled(units_of_volume)
_interest_on_cash = compiled(interest_on_cash)
_lowest_bit: Any = trailing_zeros


@compiled
def work_until(
    now: int, prices: Prices, p: Any, w: Work, equity: Any, counts: Any, log: Log
) -> None:
    """Check and fill the orders that wait, up to a time; charge interest at it."""
    a = w.account[0]
    while a.n_waiting > 0:
        due = a.sent + 1
        if a.sent >= 0:
            if due > now:
                break
            if due == now:
                _earn_interest(now, prices, p, w, equity)
            _check(due, prices, p, w, counts, log)
        else:
            due = w.waiting[0].due
            for n in range(1, a.n_waiting):
                due = min(due, w.waiting[n].due)
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
    for n in range(a.n_waiting):
        order = w.waiting[n]
        s, size, price = order.symbol, order.size, order.close
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
            if kept < n:
                w.waiting[kept] = w.waiting[n]
            kept += 1
        else:
            _refuse(now, s, size, 0.0, counts, log)
    a.n_waiting, a.sent = kept, -1


@compiled
def _closed(held: float, size: float) -> float:
    """The part of an order that closes a position; signed like the order."""
    part = math.copysign(min(abs(size), abs(held)), size)
    return 0.0 if held * size >= 0 else part


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
    for n in range(a.n_held):
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
    cash = a.cash
    for n in range(a.n_waiting):
        order, waits = w.waiting[n], True
        if order.due == due:
            s, size, whole = order.symbol, order.size, order.whole
            if p.participation > 0:
                most = _units_of_volume(prices.volume[due, s], p.participation)
                size = math.copysign(min(abs(size), most), size)
            cash, filled = _execute(
                due, s, size, whole, cash, prices, p, w, counts, log
            )
            waits = filled and size != order.size
            if waits:
                order.size -= size
                order.due = prices.following[due, s]
        if waits:
            if kept < n:
                w.waiting[kept] = w.waiting[n]
            kept += 1
    a.n_waiting, a.cash = kept, cash
    _list_held(w)


@compiled
def _execute(
    now: int,
    s: int,
    size: float,
    whole: float,
    cash: float,
    prices: Prices,
    p: Any,
    w: Work,
    counts: Any,
    log: Log,
) -> tuple[float, bool]:
    """Close what is open, then open the rest if the cash is there for it.

    ``size`` is what fills now of the order of the size ``whole``. Returns the cash
    afterwards, and whether it was there.
    """
    one, multiplier = w.book[s], prices.multiplier[s]
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
        cash += -closed * one.entry * multiplier + profit
        closing = _commission(closed, price, multiplier, p)
        cash -= closing
        closing += one.interest
        one.interest = 0.0
        one.profit += profit - closing
    if opened != 0:
        opening = _commission(opened, price, multiplier, p)
        left = cash - opened * price * multiplier - opening
        filled = left >= 0
        if left < 0:
            opened = opening = 0.0
            _refuse(now, s, size - closed, 1.0, counts, log)
        else:
            cash = left
    done = closed + opened
    if done != 0:
        bar = prices.bar[now, s]
        _count_fill(now, s, bar, done, price, slippage, opening, closing, counts, log)
        counts.traded += abs(done * price) * multiplier
        _move(s, bar, done, price, opening, w, counts)
    return float(cash), filled


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
        if before == 0 or after == 0:
            w.is_held[s >> 6] ^= np.uint64(1) << np.uint64(s & 63)
        if after == 0:
            one.entry = 0.0
    elif abs(after) > abs(before):
        one.entry = (one.entry * before + done * price) / after
    one.held = after


@compiled
def _list_held(w: Work) -> None:
    """List the symbols that are held, in their order."""
    n = 0
    for at in range(len(w.is_held)):
        bits = w.is_held[at]
        while bits != 0:
            w.held[n] = 64 * at + np.int64(_lowest_bit(bits))
            bits &= bits - np.uint64(1)
            n += 1
    w.account[0].n_held = n


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
