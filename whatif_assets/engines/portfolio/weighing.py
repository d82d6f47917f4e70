"""Weights of a portfolio strategy, compiled.

This is ``RankLongShort`` once more; see ``kernel``.
"""

from __future__ import annotations

from typing import Any

from whatif_assets.engines.portfolio.compiled import compiled
from whatif_assets.engines.portfolio.layout import Ranking, Work


@compiled
def weigh(row: int, ranking: Ranking, p: Any, w: Work) -> None:
    """Choose the best and the worst of each ranking, and give them their weights."""
    a, n_rankings, used = w.account[0], ranking.bounds.shape[1] - 1, 0
    for number in range(n_rankings):
        used += _count(row, number, ranking, p, w) > 0
    gross = p.gross / 2 if p.long > 0 and p.short > 0 else p.gross
    gross /= max(used, 1)
    a.n_chosen = 0
    if p.long > 0:
        for number in range(n_rankings):
            first, count = (
                ranking.bounds[row, number],
                _count(row, number, ranking, p, w),
            )
            _weigh_end(row, number, first, 1, count, gross, ranking, p, w)
    a.n_long = a.n_chosen
    if p.short > 0:
        for number in range(n_rankings):
            last = ranking.bounds[row, number + 1] - 1
            count = _count(row, number, ranking, p, w)
            _weigh_end(row, number, last, -1, count, gross, ranking, p, w)
    if p.by_beta > 0:
        _cancel_betas(row, ranking, w)


@compiled
def _count(row: int, number: int, ranking: Ranking, p: Any, w: Work) -> int:
    """Symbols on each side of a ranking; none for an account without money."""
    if w.account[0].value <= 0:
        return 0
    n = int(ranking.bounds[row, number + 1] - ranking.bounds[row, number])
    count = int(p.quantile * n) if p.quantile > 0 else int(p.count)
    return min(max(count, 1), n // 2 if p.long > 0 and p.short > 0 else n)


@compiled
def _weigh_end(
    row: int,
    number: int,
    first: int,
    step: int,
    count: int,
    gross: float,
    ranking: Ranking,
    p: Any,
    w: Work,
) -> None:
    """Divide the weight of one end of a ranking, the best of it first.

    ``step`` is 1 from the first one on, and -1 backwards from the last one.
    """
    a, total, parts = w.account[0], 0.0, w.parts
    for k in range(count):
        place = first + step * k
        parts[k] = 1.0
        if p.weighting == 1:
            parts[k] = count - k
        elif p.weighting == 2:
            parts[k] = abs(ranking.score[row, place] - ranking.mean[row, number])
        elif p.weighting == 3:
            parts[k] = 1 / ranking.volatility[row, place]
        total += parts[k]
    equal = total <= 0
    if equal:
        total = float(count)
    for k in range(count):
        place = first + step * k
        one = w.book[ranking.order[row, place]]
        one.weight = step * gross * (1.0 if equal else parts[k]) / total
        one.chosen = row
        w.chosen[a.n_chosen] = place
        a.n_chosen += 1


@compiled
def _cancel_betas(row: int, ranking: Ranking, w: Work) -> None:
    """Scale both sides so that their betas cancel out, where both are above 0."""
    a = w.account[0]
    n_long, n = a.n_long, a.n_chosen
    long_beta = short_beta = 0.0
    for k in range(n):
        place = w.chosen[k]
        weight = abs(w.book[ranking.order[row, place]].weight)
        if k < n_long:
            long_beta += weight * ranking.beta[row, place]
        else:
            short_beta += weight * ranking.beta[row, place]
    if not (long_beta > 0 and short_beta > 0):
        return
    both = long_beta + short_beta
    for k in range(n):
        scale = 2 * (short_beta if k < n_long else long_beta) / both
        w.book[ranking.order[row, w.chosen[k]]].weight *= scale
