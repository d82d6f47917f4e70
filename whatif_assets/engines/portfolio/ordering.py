"""Orders of a portfolio strategy at a rebalance, compiled.

This is ``RebalancingRule`` once more; see ``kernel``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from whatif_assets.engines.portfolio.compiled import compiled
from whatif_assets.engines.portfolio.layout import Prices, Ranking, Work

KEEP, EXIT, REDUCE, OTHER = -1, 0, 1, 2


@compiled
def rebalance(
    now: int, row: int, prices: Prices, ranking: Ranking, p: Any, w: Work
) -> None:
    """Send the orders that lead to the weights of the symbols that were chosen."""
    a = w.account[0]
    _limit(row, prices, ranking, p, w)
    if not _has_drifted(now, row, prices, ranking, p, w):
        _forget_chosen(row, ranking, w)
        return
    a.n_waiting = 0
    exits = _aim(now, row, prices, ranking, p, w)
    left = p.max_turnover * a.value if p.max_turnover > 0 else math.inf
    for number in range(int(a.n_held)):
        s = w.held[number]
        if prices.bar[now, s] >= 0 and w.book[s].chosen == 0:
            left = _send(now, s, 0.0, left, prices, w)
            exits += 1
    if p.max_positions > 0:
        _leave_out(row, int(p.max_positions - a.n_held) + exits, ranking, w)
    for kind in (EXIT, REDUCE, OTHER):
        for k in range(int(a.n_chosen)):
            s = ranking.order[row, w.chosen[k]]
            if w.book[s].weight == kind:
                left = _send(now, s, w.book[s].target, left, prices, w)
    _forget_chosen(row, ranking, w)
    a.sent = now


@compiled
def _forget_chosen(row: int, ranking: Ranking, w: Work) -> None:
    for k in range(int(w.account[0].n_chosen)):
        w.book[ranking.order[row, w.chosen[k]]].chosen = 0


@compiled
def _has_drifted(
    now: int, row: int, prices: Prices, ranking: Ranking, p: Any, w: Work
) -> bool:
    """Whether some symbol that can be ordered is far enough from its weight."""
    a = w.account[0]
    if p.drift == 0 or a.value <= 0:
        return True
    for k in range(int(a.n_chosen)):
        s = int(ranking.order[row, w.chosen[k]])
        one, price = w.book[s], prices.close[now, s] * prices.multiplier[s]
        if abs(one.weight - one.held * price / a.value) >= p.drift:
            return True
    for n in range(int(a.n_held)):
        s = w.held[n]
        one, price = w.book[s], prices.close[now, s] * prices.multiplier[s]
        is_left_out = prices.bar[now, s] >= 0 and one.chosen == 0
        if is_left_out and abs(one.held * price / a.value) >= p.drift:
            return True
    return False


@compiled
def _limit(row: int, prices: Prices, ranking: Ranking, p: Any, w: Work) -> None:
    """Cut weights to what one symbol may have, then scale what groups have."""
    n = int(w.account[0].n_chosen)
    for k in range(n):
        one = w.book[ranking.order[row, w.chosen[k]]]
        one.weight = math.copysign(min(abs(one.weight), p.max_weight), one.weight)
    if p.max_group_weight <= 0:
        return
    totals = w.parts
    totals[:] = 0.0
    for k in range(n):
        s = ranking.order[row, w.chosen[k]]
        totals[prices.group[s]] += abs(w.book[s].weight)
    for k in range(n):
        s = ranking.order[row, w.chosen[k]]
        total = totals[prices.group[s]]
        if total > p.max_group_weight:
            w.book[s].weight *= p.max_group_weight / total


@compiled
def _aim(now: int, row: int, prices: Prices, ranking: Ranking, p: Any, w: Work) -> int:
    """Turn weights into units, and note what kind of order leads there.

    Returns how many positions are to be closed.
    """
    value, exits = w.account[0].value, 0
    for k in range(int(w.account[0].n_chosen)):
        s = int(ranking.order[row, w.chosen[k]])
        one, price = w.book[s], prices.close[now, s] * prices.multiplier[s]
        nearby = abs(one.weight - one.held * price / value) < p.band
        age = prices.bar[now, s] - one.first_bar
        one.target = np.trunc(one.weight * value / price / p.lot) * p.lot
        if one.held != 0 and p.max_holding > 0 and age >= p.max_holding:
            one.weight, one.target = EXIT, 0.0
        elif one.held != 0 and nearby:
            one.weight = KEEP
        elif one.held != 0 and one.target == 0:
            one.weight = EXIT
        elif one.held * one.target > 0 and abs(one.target) < abs(one.held):
            one.weight = REDUCE
        else:
            one.weight = OTHER
        exits += one.weight == EXIT
    return exits


@compiled
def _leave_out(row: int, room: int, ranking: Ranking, w: Work) -> None:
    """Leave out the positions to open that would be too many."""
    for k in range(int(w.account[0].n_chosen)):
        one = w.book[ranking.order[row, w.chosen[k]]]
        if one.weight == OTHER and one.held == 0 and one.target != 0:
            if room <= 0:
                one.weight = KEEP
            room -= 1


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
