"""Orders of a portfolio strategy at a rebalance, compiled.

This is ``RebalancingRule`` once more; see ``kernel``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from whatif_assets.engines.portfolio.compiled import compiled
from whatif_assets.engines.portfolio.layout import (
    EXIT,
    KEEP,
    OTHER,
    REDUCE,
    Prices,
    Ranking,
    Work,
)


@compiled
def rebalance(
    now: int, row: int, prices: Prices, ranking: Ranking, p: Any, w: Work
) -> None:
    """Send the orders that lead to the weights of the symbols that were chosen."""
    a = w.account[0]
    if p.max_group_weight > 0:
        _limit_groups(row, prices, ranking, p, w)
    if not _has_drifted(now, row, prices, ranking, p, w):
        return
    _aim(now, row, prices, ranking, p, w)
    n, left = 0, p.max_turnover * a.value if p.max_turnover > 0 else math.inf
    for number in range(a.n_held):
        s = w.held[number]
        is_left_out = (prices.bar[now, s] >= 0) & (w.book[s].chosen != row)
        n, left = _send(n, now, s, 0.0, is_left_out, left, prices, w)
    if p.max_positions > 0:
        _leave_out(p.max_positions - a.n_held + n + w.number[EXIT], w)
    for kind in (EXIT, REDUCE, OTHER):
        for k in range(w.number[kind]):
            s = w.kinds[kind, k]
            n, left = _send(n, now, s, w.book[s].target, True, left, prices, w)
    a.n_waiting, a.sent = n, now


@compiled
def _has_drifted(
    now: int, row: int, prices: Prices, ranking: Ranking, p: Any, w: Work
) -> bool:
    """Whether some symbol that can be ordered is far enough from its weight."""
    a = w.account[0]
    if p.drift == 0 or a.value <= 0:
        return True
    for k in range(a.n_chosen):
        s = int(ranking.order[row, w.chosen[k]])
        one, price = w.book[s], prices.close[now, s] * prices.multiplier[s]
        weight = _capped(one.weight, p)
        if abs(weight - one.held * price / a.value) >= p.drift:
            return True
    for n in range(a.n_held):
        s = w.held[n]
        one, price = w.book[s], prices.close[now, s] * prices.multiplier[s]
        is_left_out = prices.bar[now, s] >= 0 and one.chosen != row
        if is_left_out and abs(one.held * price / a.value) >= p.drift:
            return True
    return False


@compiled
def _capped(weight: float, p: Any) -> float:
    """Cut a weight to what one symbol may have."""
    return math.copysign(min(abs(weight), p.max_weight), weight)


@compiled
def _limit_groups(row: int, prices: Prices, ranking: Ranking, p: Any, w: Work) -> None:
    """Cut weights to what one symbol may have, then scale what groups have."""
    n, totals = w.account[0].n_chosen, w.parts
    totals[:] = 0.0
    for k in range(n):
        s = ranking.order[row, w.chosen[k]]
        w.book[s].weight = _capped(w.book[s].weight, p)
        totals[prices.group[s]] += abs(w.book[s].weight)
    for k in range(n):
        s = ranking.order[row, w.chosen[k]]
        total = totals[prices.group[s]]
        if total > p.max_group_weight:
            w.book[s].weight *= p.max_group_weight / total


@compiled
def _aim(now: int, row: int, prices: Prices, ranking: Ranking, p: Any, w: Work) -> None:
    """Turn weights into units, and list the symbols by what kind of order leads there.

    No condition but the last jumps: the processor could not foresee where to.
    """
    value, number = w.account[0].value, w.number
    number[:] = 0
    for k in range(w.account[0].n_chosen):
        s = ranking.order[row, w.chosen[k]]
        one, price = w.book[s], prices.close[now, s] * prices.multiplier[s]
        held, weight = one.held, _capped(one.weight, p)
        age = prices.bar[now, s] - one.first_bar
        is_old = (p.max_holding > 0) & (age >= p.max_holding)
        target = np.trunc(weight * value / price / p.lot) * p.lot
        kind = OTHER
        if (held * target > 0) & (abs(target) < abs(held)):
            kind = REDUCE
        if target == 0:
            kind = EXIT
        if abs(weight - held * price / value) < p.band:
            kind = KEEP
        if is_old:
            kind = EXIT
        if held == 0:
            kind = OTHER
        one.target = 0.0 if kind == EXIT else target
        w.kinds[kind, number[kind]] = s
        number[kind] += 1


@compiled
def _leave_out(room: float, w: Work) -> None:
    """Leave out the positions to open that would be too many."""
    kept = 0
    for k in range(w.number[OTHER]):
        s = w.kinds[OTHER, k]
        opens = w.book[s].held == 0 and w.book[s].target != 0
        if not opens or room > 0:
            w.kinds[OTHER, kept] = s
            kept += 1
        room -= opens
    w.number[OTHER] = kept


@compiled
def _send(
    n: int,
    now: int,
    s: int,
    target: float,
    is_wanted: bool,
    left: float,
    prices: Prices,
    w: Work,
) -> tuple[int, float]:
    """Send an order after n others, unless the limit on turnover is reached.

    Returns how many orders there are then, and what is left of the limit. The order is
    written in any case, and the next one is written over it if it was not sent.
    """
    size, close = target - w.book[s].held, prices.close[now, s]
    traded = abs(size) * close * prices.multiplier[s]
    sends = is_wanted & (size != 0) & ((target == 0) | (traded <= left))
    order = w.waiting[n]
    order.symbol, order.size, order.close = s, size, close
    order.due = prices.following[now, s]
    return n + sends, float(left - traded if sends else left)
