"""Ranks, weights and orders of a portfolio strategy, compiled.

This is ``PanelRule`` and ``RankLongShort`` once more; see ``kernel``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from whatif_assets.engines.portfolio.compiled import compiled
from whatif_assets.engines.portfolio.layout import Prices, Ranking, Work

KEEP, EXIT, REDUCE, OTHER = -1, 0, 1, 2
LONG, SHORT = 1, -1


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
def rebalance(now: int, prices: Prices, ranking: Ranking, p: Any, w: Work) -> None:
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
