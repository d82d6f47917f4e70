"""One variant of a portfolio strategy, compiled.

This is ``PanelRule``, ``RankLongShort`` and Backtrader's broker with several data
feeds once more, for speed; ``docs/strategy_semantics.md`` has them in words. Every
product and sum is in Backtrader's own order, so that cash and a number of units that
is rounded down are the same to the last bit.

Nothing happens between rebalances but the fills of waiting orders, interest on
borrowed shares and the ends of sessions, so that all other times are skipped.

In the signatures ``p`` is the variant's row of parameters, ``a`` the account, ``book``
its positions and ``waiting`` its orders; ``layout`` names their columns.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from whatif_assets.engines.portfolio.layout import Prices, Ranking

compiled = njit(nogil=True, error_model="numpy")


@compiled
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
def run_variant(
    prices: Prices,
    ranking: Ranking,
    stops: Any,
    rebalances: Any,
    p: Any,
    work: Any,
    equity: Any,
    counts: Any,
    fills: Any,
    refusals: Any,
) -> None:
    """Run one variant over all times.

    Parameters
    ----------
    prices, ranking
        The panel, and the symbols in order of rank at the variant's times.
    stops, rebalances
        Times at which something is to be done beside fills, and whether that is a
        rebalance.
    p
        Parameters of the variant.
    work
        Scratch: account, book, waiting orders, symbols held, and parts of weights.
    equity
        Filled with the value at the end of each session.
    counts
        Filled; see ``whatif_assets.engines.compiled.layout.COUNTS``.
    fills, refusals
        Filled as far as they have room.
    """
    account, book, waiting, held, parts = work
    a = account[0]
    a.cash, a.n_held, a.n_waiting, a.sent = p.cash, 0, 0, -1
    for s in range(len(book)):
        one = book[s]
        one.held = one.entry = one.interest = one.profit = one.first_bar = 0.0
        one.weight = one.target = one.ranked = 0.0
    counts.traded = counts.trades = counts.wins = counts.first = counts.total = 0.0
    counts.squares = counts.rejected = counts.fills = counts.held = 0.0
    counts.least, counts.greatest = np.inf, -np.inf
    session, ends = 0, prices.ends
    for number in range(len(stops)):
        now = stops[number]
        _work_until(now, prices, p, a, book, waiting, held, counts, fills, refusals)
        while session < len(ends) and ends[session] < now:
            equity[session] = p.cash if ends[session] < 0 else a.value
            session += 1
        ending = session < len(ends) and ends[session] == now
        if ending or rebalances[number]:
            a.value = _value(now, prices, a, book, held)
        if rebalances[number]:
            a.n_waiting = 0
            _rebalance(now, prices, ranking, p, a, book, waiting, held, parts)
    while session < len(ends):
        equity[session] = p.cash if ends[session] < 0 else a.value
        session += 1
    counts.exposed = counts.held
    for n in range(int(a.n_held)):
        s = held[n]
        counts.exposed += prices.n_bars[s] - book[s].first_bar


@compiled
def _work_until(
    now: int,
    prices: Prices,
    p: Any,
    a: Any,
    book: Any,
    waiting: Any,
    held: Any,
    counts: Any,
    fills: Any,
    refusals: Any,
) -> None:
    """Check and fill the orders that wait, up to a time; charge interest at it."""
    while a.n_waiting > 0:
        due = int(a.sent) + 1
        if a.sent >= 0:
            if due > now:
                break
            _check(due, prices, p, a, book, waiting, counts, refusals)
        else:
            due = int(waiting[0].due)
            for n in range(1, int(a.n_waiting)):
                due = min(due, int(waiting[n].due))
        if due > now:
            break
        if due == now:
            _charge_interest(now, prices, p, a, book, held)
        _fill(due, prices, p, a, book, waiting, held, counts, fills, refusals)
        if due == now:
            return
    _charge_interest(now, prices, p, a, book, held)


@compiled
def _check(
    now: int,
    prices: Prices,
    p: Any,
    a: Any,
    book: Any,
    waiting: Any,
    counts: Any,
    refusals: Any,
) -> None:
    """Take the orders that were sent, in their order, as long as there is cash.

    The broker reckons with the closes at which they were sent. What an order that is
    refused would have cost is not given back to those after it.
    """
    cash, kept = a.cash, 0
    for n in range(int(a.n_waiting)):
        order = waiting[n]
        s = int(order.symbol)
        size, price, multiplier = order.size, order.close, prices.multiplier[s]
        closed = _closed(book[s].held, size)
        opened = size - closed
        if closed != 0:
            cash += -closed * price * multiplier
            cash -= _commission(closed, price, multiplier, p)
        if opened != 0:
            cash -= opened * price * multiplier
            cash -= _commission(opened, price, multiplier, p)
        if cash >= 0:
            waiting[kept] = waiting[n]
            kept += 1
        else:
            _refuse(now, s, size, 0.0, counts, refusals)
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
    now: int, s: int, size: float, at_fill: float, counts: Any, refusals: Any
) -> None:
    n = int(counts.rejected)
    if n < len(refusals):
        refusal = refusals[n]
        refusal.time, refusal.symbol = now, s
        refusal.size, refusal.at_fill = size, at_fill
    counts.rejected += 1


@compiled
def _charge_interest(
    now: int, prices: Prices, p: Any, a: Any, book: Any, held: Any
) -> None:
    """Charge interest on borrowed shares for the days since each symbol's last bar."""
    if p.borrow <= 0:
        return
    total = 0.0
    for n in range(int(a.n_held)):
        s = held[n]
        days = prices.days[now, s]
        if book[s].held < 0 and days > 0:
            sold = -book[s].held * abs(book[s].entry) * prices.multiplier[s]
            due = days * p.borrow * sold
            book[s].interest += due
            total += due
    a.cash -= total


@compiled
def _fill(
    due: int,
    prices: Prices,
    p: Any,
    a: Any,
    book: Any,
    waiting: Any,
    held: Any,
    counts: Any,
    fills: Any,
    refusals: Any,
) -> None:
    """Fill the orders that are due at a time at the opens of their bars."""
    kept = 0
    for n in range(int(a.n_waiting)):
        if waiting[n].due == due:
            s, size = int(waiting[n].symbol), waiting[n].size
            _execute(due, s, size, prices, p, a, book, held, counts, fills, refusals)
        else:
            waiting[kept] = waiting[n]
            kept += 1
    a.n_waiting = kept


@compiled
def _execute(
    now: int,
    s: int,
    size: float,
    prices: Prices,
    p: Any,
    a: Any,
    book: Any,
    held: Any,
    counts: Any,
    fills: Any,
    refusals: Any,
) -> None:
    """Close what is open, then open the rest if the cash is there for it."""
    one, multiplier, side = book[s], prices.multiplier[s], 1.0 if size > 0 else -1.0
    price = prices.open[now, s]
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
            _refuse(now, s, size - closed, 1.0, counts, refusals)
        else:
            a.cash = left
    done = closed + opened
    if done == 0:
        return
    bar, after = prices.bar[now, s], before + done
    _count_fill(now, s, bar, done, price, opening, closing, multiplier, counts, fills)
    if closed != 0 and before * after <= 0:
        _count_trade(one.profit, bar - one.first_bar, counts)
        one.profit = 0.0
    one.profit -= opening
    if before * after <= 0:
        one.entry, one.first_bar = price, bar
        if before == 0:
            _hold(s, a, held)
        elif after == 0:
            one.entry = 0.0
            _drop(s, a, held)
    elif abs(after) > abs(before):
        one.entry = (one.entry * before + done * price) / after
    one.held = after


@compiled
def _hold(s: int, a: Any, held: Any) -> None:
    """Add a symbol to those that are held, in their order."""
    n = int(a.n_held)
    while n > 0 and held[n - 1] > s:
        held[n] = held[n - 1]
        n -= 1
    held[n] = s
    a.n_held += 1


@compiled
def _drop(s: int, a: Any, held: Any) -> None:
    """Remove a symbol from those that are held."""
    n = 0
    while held[n] != s:
        n += 1
    a.n_held -= 1
    while n < int(a.n_held):
        held[n] = held[n + 1]
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
    multiplier: float,
    counts: Any,
    fills: Any,
) -> None:
    n = int(counts.fills)
    if n < len(fills):
        fill = fills[n]
        fill.time, fill.symbol, fill.bar = now, s, bar
        fill.size, fill.price = size, price
        fill.charged, fill.closing = closing + opening, closing
    counts.fills += 1
    counts.traded += abs(size * price) * multiplier


@compiled
def _value(now: int, prices: Prices, a: Any, book: Any, held: Any) -> float:
    """Cash plus positions; Backtrader takes long ones apart and together again."""
    total = 0.0
    for n in range(int(a.n_held)):
        s = held[n]
        units, multiplier = book[s].held, prices.multiplier[s]
        close = prices.close[now, s]
        worth = units * close * multiplier
        if worth > 0:
            unrealized = units * (close - book[s].entry) * multiplier
            total += worth - unrealized
            total += unrealized
        else:
            total += worth
    return float(a.cash + total)


# The strategy


@compiled
def _rebalance(
    now: int,
    prices: Prices,
    ranking: Ranking,
    p: Any,
    a: Any,
    book: Any,
    waiting: Any,
    held: Any,
    parts: Any,
) -> None:
    """Weigh the best and the worst, and send the orders that lead there."""
    row = ranking.row[now]
    n = ranking.ranked[row]
    both = p.long > 0 and p.short > 0
    count = int(p.quantile * n) if p.quantile > 0 else int(p.count)
    count = min(max(count, 1), n // 2 if both else n)
    if a.value <= 0:
        count = 0
    leg = p.gross / 2 if both else p.gross
    if p.long > 0:
        _weigh(row, 0, 1, count, leg, ranking, p, book, parts)
    if p.short > 0:
        _weigh(row, n - 1, -1, count, leg, ranking, p, book, parts)
    left = p.max_turnover * a.value if p.max_turnover > 0 else math.inf
    for number in range(int(a.n_held)):
        s = held[number]
        if prices.bar[now, s] >= 0 and book[s].ranked == 0:
            left = _send(now, s, 0.0, left, prices, a, book, waiting)
    if p.long > 0:
        _aim(now, row, 0, 1, count, prices, ranking, p, a, book)
    if p.short > 0:
        _aim(now, row, n - 1, -1, count, prices, ranking, p, a, book)
    for kind in range(3):
        if p.long > 0:
            left = _send_kind(
                kind, now, row, 0, 1, count, left, prices, ranking, a, book, waiting
            )
        if p.short > 0:
            left = _send_kind(
                kind, now, row, n - 1, -1, count, left, prices, ranking, a, book,
                waiting,
            )  # fmt: skip
    for place in range(count):
        if p.long > 0:
            book[ranking.order[row, place]].ranked = 0
        if p.short > 0:
            book[ranking.order[row, n - 1 - place]].ranked = 0
    a.sent = now


@compiled
def _weigh(
    row: int,
    first: int,
    step: int,
    count: int,
    gross: float,
    ranking: Ranking,
    p: Any,
    book: Any,
    parts: Any,
) -> None:
    """Divide the weight of one side, the best of it first."""
    total = 0.0
    for k in range(count):
        place = first + step * k
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
        one = book[ranking.order[row, first + step * k]]
        weight = gross * (1.0 if equal else parts[k]) / total
        one.weight, one.ranked = step * min(weight, p.max_weight), 1


KEEP, EXIT, REDUCE, OTHER = -1, 0, 1, 2


@compiled
def _aim(
    now: int,
    row: int,
    first: int,
    step: int,
    count: int,
    prices: Prices,
    ranking: Ranking,
    p: Any,
    a: Any,
    book: Any,
) -> None:
    """Turn weights into units, and note what kind of order leads there."""
    for k in range(count):
        s = ranking.order[row, first + step * k]
        one = book[s]
        price = prices.close[now, s] * prices.multiplier[s]
        nearby = abs(one.weight - one.held * price / a.value) < p.band
        one.target = np.trunc(one.weight * a.value / price / p.lot) * p.lot
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
    first: int,
    step: int,
    count: int,
    left: float,
    prices: Prices,
    ranking: Ranking,
    a: Any,
    book: Any,
    waiting: Any,
) -> float:
    """Send the orders of one kind on one side, in order of rank."""
    for k in range(count):
        s = ranking.order[row, first + step * k]
        if book[s].weight == kind:
            left = _send(now, s, book[s].target, left, prices, a, book, waiting)
    return left


@compiled
def _send(
    now: int,
    s: int,
    target: float,
    left: float,
    prices: Prices,
    a: Any,
    book: Any,
    waiting: Any,
) -> float:
    """Send one order, unless the limit on turnover is reached; what is left of it."""
    size = target - book[s].held
    close = prices.close[now, s]
    traded = abs(size) * close * prices.multiplier[s]
    if size == 0 or (target != 0 and traded > left):
        return left
    order = waiting[int(a.n_waiting)]
    order.symbol, order.size, order.close = s, size, close
    order.due = prices.following[now, s]
    a.n_waiting += 1
    return left - traded
