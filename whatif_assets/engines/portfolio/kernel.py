"""Variants of a portfolio strategy, compiled.

This is ``PanelRule``, ``RankLongShort`` and Backtrader's broker with several data
feeds once more, for speed; ``docs/strategy_semantics.md`` has them in words. Every
product and sum is in Backtrader's own order, so that cash and a number of units that
is rounded down are the same to the last bit.

Nothing happens between rebalances but the fills of waiting orders and interest on
borrowed shares, so that all other times are skipped. The account is valued at the ends
of sessions, those between two changes together.

In the signatures ``p`` is the variant's row of parameters, ``w`` the account with its
positions and waiting orders; ``layout`` names their columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit

from whatif_assets.engines.portfolio.layout import Log, Prices, Ranking, Work

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile a function that makes no array.

    numba then need not count references to arrays, which took two thirds of the time.
    """
    options: Any = {"_nrt": False}  # missing in the types of numba
    whole: Any = njit(nogil=True, error_model="numpy", forceinline=True, **options)
    return whole(function)  # type: ignore[no-any-return]


@njit(nogil=True, error_model="numpy")
def rank(
    times: Any, score: Any, volatility: Any, close: Any, bar: Any, n_times: int
) -> Ranking:
    """Rank the symbols at some times by score, the highest first.

    Parameters
    ----------
    times
        Times at which somebody rebalances.
    score, volatility, close, bar
        By time and symbol; ``volatility`` has no column where it is not needed.
    n_times
        Number of times of the panel.
    """
    n_symbols = score.shape[1]
    weighs = volatility.shape[1] > 0
    row = np.full(n_times, -1, dtype=np.int32)
    order = np.empty((len(times), n_symbols), dtype=np.int32)
    ranked = np.empty(len(times), dtype=np.int64)
    scores = np.empty((len(times), n_symbols))
    volatilities = np.empty((len(times), n_symbols if weighs else 0))
    means = np.zeros(len(times))
    keys = np.empty(n_symbols)
    symbols = np.empty(n_symbols, dtype=np.int32)
    for number in range(len(times)):
        t = times[number]
        n = 0
        for s in range(n_symbols):
            ready = bar[t, s] >= 0 and close[t, s] > 0 and math.isfinite(score[t, s])
            if ready and weighs:
                ready = volatility[t, s] > 0 and math.isfinite(volatility[t, s])
            if ready:
                keys[n], symbols[n] = -score[t, s], s
                n += 1
        places = np.argsort(keys[:n], kind="mergesort")
        total = 0.0
        for place in range(n):
            s = symbols[places[place]]
            order[number, place] = s
            scores[number, place] = score[t, s]
            total += score[t, s]
            if weighs:
                volatilities[number, place] = volatility[t, s]
        row[t], ranked[number] = number, n
        means[number] = total / n if n else 0.0
    return Ranking(row, order, ranked, scores, volatilities, means)


@compiled
def work_stop(
    now: int,
    rebalances: bool,
    prices: Prices,
    ranking: Ranking,
    p: Any,
    w: Work,
    equity: Any,
    counts: Any,
    log: Log,
) -> None:
    """Take one variant on to a time at which something is to be done.

    Parameters
    ----------
    now, rebalances
        The time, and whether the variant rebalances then.
    prices, ranking
        The panel, and the symbols in order of rank at the variant's times.
    p
        Parameters of the variant.
    w
        What the variant has in hand.
    equity
        Filled with the value at the end of each session.
    counts
        Filled; see ``whatif_assets.engines.compiled.layout.COUNTS``.
    log
        Filled as far as it has room.
    """
    _work_until(now, prices, p, w, equity, counts, log)
    if rebalances:
        w.account[0].value = _value(now, prices, w)
        w.account[0].n_waiting = 0
        _rebalance(now, prices, ranking, p, w)


@compiled
def finish(prices: Prices, w: Work, equity: Any, counts: Any) -> None:
    """Value the account at the last sessions, and count the bars that are held."""
    _mark_before(len(prices.close), prices, w, equity)
    counts.exposed = counts.held
    for n in range(int(w.account[0].n_held)):
        s = w.held[n]
        counts.exposed += prices.n_bars[s] - w.book[s].first_bar


@compiled
def begin(p: Any, w: Work, counts: Any) -> None:
    """Begin with cash alone."""
    a = w.account[0]
    a.cash = a.value = p.cash
    a.n_held, a.n_waiting, a.sent, a.marked = 0, 0, -1, 0
    for s in range(len(w.book)):
        one = w.book[s]
        one.held = one.entry = one.interest = one.profit = one.first_bar = 0.0
        one.weight = one.target = one.ranked = 0.0
    counts.traded = counts.trades = counts.wins = counts.first = counts.total = 0.0
    counts.squares = counts.rejected = counts.fills = counts.held = 0.0
    counts.least, counts.greatest = np.inf, -np.inf


# The broker


@compiled
def _work_until(
    now: int, prices: Prices, p: Any, w: Work, equity: Any, counts: Any, log: Log
) -> None:
    """Check and fill the orders that wait, up to a time; charge interest at it."""
    a = w.account[0]
    while a.n_waiting > 0:
        due = int(a.sent) + 1
        if a.sent >= 0:
            if due > now:
                break
            _check(due, prices, p, w, counts, log)
        else:
            due = int(w.waiting[0].due)
            for n in range(1, int(a.n_waiting)):
                due = min(due, int(w.waiting[n].due))
        if due > now:
            break
        if due == now:
            _charge_interest(now, prices, p, w, equity)
        _mark_before(due, prices, w, equity)
        _fill(due, prices, p, w, counts, log)
        if due == now:
            return
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
    return float(max(by_value + abs(size) * p.per_share, p.minimum))


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
def _charge_interest(now: int, prices: Prices, p: Any, w: Work, equity: Any) -> None:
    """Charge interest on borrowed shares for the days since each symbol's last bar."""
    if p.borrow <= 0:
        return
    _mark_before(now, prices, w, equity)
    a, total = w.account[0], 0.0
    for n in range(int(a.n_held)):
        s = w.held[n]
        one, days = w.book[s], prices.days[now, s]
        if one.held < 0 and days > 0:
            due = days * p.borrow * -one.held * abs(one.entry) * prices.multiplier[s]
            one.interest += due
            total += due
    a.cash -= total


@compiled
def _fill(due: int, prices: Prices, p: Any, w: Work, counts: Any, log: Log) -> None:
    """Fill the orders that are due at a time at the opens of their bars."""
    a, kept = w.account[0], 0
    for n in range(int(a.n_waiting)):
        if w.waiting[n].due == due:
            order = w.waiting[n]
            _execute(due, int(order.symbol), order.size, prices, p, w, counts, log)
        else:
            w.waiting[kept] = w.waiting[n]
            kept += 1
    a.n_waiting = kept


@compiled
def _execute(
    now: int,
    s: int,
    size: float,
    prices: Prices,
    p: Any,
    w: Work,
    counts: Any,
    log: Log,
) -> None:
    """Close what is open, then open the rest if the cash is there for it."""
    a, one, multiplier = w.account[0], w.book[s], prices.multiplier[s]
    price, side = prices.open[now, s], 1.0 if size > 0 else -1.0
    price = price * (1 + math.copysign(side, price * side) * p.slippage)
    before, closing, opening = one.held, 0.0, 0.0
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
        if left < 0:
            opened = opening = 0.0
            _refuse(now, s, size - closed, 1.0, counts, log)
        else:
            a.cash = left
    done = closed + opened
    if done != 0:
        bar = prices.bar[now, s]
        _count_fill(now, s, bar, done, price, opening, closing, counts, log)
        counts.traded += abs(done * price) * multiplier
        _move(s, bar, done, price, opening, w, counts)


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
def _count_trade(profit: float, bars: float, counts: Any) -> None:
    """Count a closed trade; sums start from the first, so that no digits cancel."""
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
    now: int,
    s: int,
    bar: int,
    size: float,
    price: float,
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
    counts.fills += 1


@compiled
def _value(now: int, prices: Prices, w: Work) -> float:
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
def _mark_before(now: int, prices: Prices, w: Work, equity: Any) -> None:
    """Value the account at the ends of sessions before a time, and since the last.

    Nothing changed in between. Symbol by symbol, the closes are read in their order.
    """
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


# The strategy

KEEP, EXIT, REDUCE, OTHER = -1, 0, 1, 2
LONG, SHORT = 1, -1


@compiled
def _rebalance(now: int, prices: Prices, ranking: Ranking, p: Any, w: Work) -> None:
    """Weigh the best and the worst, and send the orders that lead there."""
    a, row = w.account[0], ranking.row[now]
    count = _count(ranking.ranked[row], p) if a.value > 0 else 0
    for side in (LONG, SHORT):
        if _has(side, p):
            _weigh(row, side, count, ranking, p, w)
            _aim(now, row, side, count, prices, ranking, p, w)
    left = p.max_turnover * a.value if p.max_turnover > 0 else math.inf
    for number in range(int(a.n_held)):
        s = w.held[number]
        if prices.bar[now, s] >= 0 and w.book[s].ranked == 0:
            left = _send(now, s, 0.0, left, prices, w)
    for kind in (EXIT, REDUCE, OTHER):
        for side in (LONG, SHORT):
            if _has(side, p):
                left = _send_kind(kind, now, row, side, count, left, prices, ranking, w)
    _forget_ranks(row, count, ranking, w)
    a.sent = now


@compiled
def _forget_ranks(row: int, count: int, ranking: Ranking, w: Work) -> None:
    for side in (LONG, SHORT):
        for k in range(count):
            w.book[_at(row, side, k, ranking)].ranked = 0


@compiled
def _has(side: int, p: Any) -> bool:
    return bool((p.long if side == LONG else p.short) > 0)


@compiled
def _count(n: int, p: Any) -> int:
    """Symbols on each side, of some that are ranked."""
    count = int(p.quantile * n) if p.quantile > 0 else int(p.count)
    return min(max(count, 1), n // 2 if p.long > 0 and p.short > 0 else n)


@compiled
def _place(row: int, side: int, k: int, ranking: Ranking) -> int:
    """Rank of the k-th symbol of a side, from its own end."""
    return k if side == LONG else ranking.ranked[row] - 1 - k


@compiled
def _at(row: int, side: int, k: int, ranking: Ranking) -> int:
    """Return the k-th symbol of a side, from its own end."""
    return int(ranking.order[row, _place(row, side, k, ranking)])


@compiled
def _weigh(row: int, side: int, count: int, ranking: Ranking, p: Any, w: Work) -> None:
    """Divide the weight of one side, the best of it first."""
    gross = p.gross / 2 if p.long > 0 and p.short > 0 else p.gross
    total, parts = 0.0, w.parts
    for k in range(count):
        place = _place(row, side, k, ranking)
        parts[k] = 1.0
        if p.weighting == 1:
            parts[k] = count - k
        elif p.weighting == 2:
            parts[k] = abs(ranking.score[row, place] - ranking.mean[row])
        elif p.weighting == 3:
            parts[k] = 1 / ranking.volatility[row, place]
        total += parts[k]
    equal = total <= 0
    if equal:
        total = float(count)
    for k in range(count):
        one = w.book[_at(row, side, k, ranking)]
        weight = gross * (1.0 if equal else parts[k]) / total
        one.weight, one.ranked = side * min(weight, p.max_weight), 1


@compiled
def _aim(
    now: int,
    row: int,
    side: int,
    count: int,
    prices: Prices,
    ranking: Ranking,
    p: Any,
    w: Work,
) -> None:
    """Turn weights into units, and note what kind of order leads there."""
    value = w.account[0].value
    for k in range(count):
        s = _at(row, side, k, ranking)
        one, price = w.book[s], prices.close[now, s] * prices.multiplier[s]
        nearby = abs(one.weight - one.held * price / value) < p.band
        one.target = np.trunc(one.weight * value / price / p.lot) * p.lot
        if one.held != 0 and nearby:
            one.weight = KEEP
        elif one.held != 0 and one.target == 0:
            one.weight = EXIT
        elif one.held * one.target > 0 and abs(one.target) < abs(one.held):
            one.weight = REDUCE
        else:
            one.weight = OTHER


@compiled
def _send_kind(
    kind: int,
    now: int,
    row: int,
    side: int,
    count: int,
    left: float,
    prices: Prices,
    ranking: Ranking,
    w: Work,
) -> float:
    """Send the orders of one kind on one side, in order of rank."""
    for k in range(count):
        s = _at(row, side, k, ranking)
        if w.book[s].weight == kind:
            left = _send(now, s, w.book[s].target, left, prices, w)
    return left


@compiled
def _send(
    now: int, s: int, target: float, left: float, prices: Prices, w: Work
) -> float:
    """Send one order, unless the limit on turnover is reached; what is left of it."""
    size, close = target - w.book[s].held, prices.close[now, s]
    traded = abs(size) * close * prices.multiplier[s]
    if size == 0 or (target != 0 and traded > left):
        return left
    order = w.waiting[int(w.account[0].n_waiting)]
    order.symbol, order.size, order.close = s, size, close
    order.due = prices.following[now, s]
    w.account[0].n_waiting += 1
    return float(left - traded)
