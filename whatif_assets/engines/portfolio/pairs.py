"""Weights of a pair of symbols, compiled.

This is ``Pairs`` once more; see ``kernel``.
"""

from __future__ import annotations

from typing import Any

from whatif_assets.engines.portfolio.compiled import compiled
from whatif_assets.engines.portfolio.layout import Ranking, Work


@compiled
def weigh_pair(row: int, ranking: Ranking, p: Any, w: Work) -> bool:
    """Open, keep or close the pair; False where all is to stay as it is."""
    if ranking.bounds[row, -1] < 2:
        return False  # one of the two has no bar, or the spread is not known
    a = w.account[0]
    # The lines of the second symbol have a hedge ratio below 0.
    first = 0 if ranking.beta[row, 0] >= 0 else 1
    one = w.book[ranking.order[row, first]]
    other = w.book[ranking.order[row, 1 - first]]
    score, hedge = ranking.score[row, first], ranking.beta[row, first]
    if one.held == 0 and other.held == 0:
        a.side = 0.0
    within = p.stop == 0 or abs(score) < p.stop
    if a.side != 0:
        if -score * a.side <= p.exit or not within or hedge <= 0:
            a.side = 0.0
    elif abs(score) >= p.entry and within and hedge > 0:
        a.side = -1.0 if score > 0 else 1.0
        a.hedge = hedge
    a.n_chosen = a.n_long = 0
    if a.side == 0 or a.value <= 0:
        return True
    part = p.gross / (1 + a.hedge)
    one.weight, other.weight = a.side * part, -a.side * part * a.hedge
    one.chosen = other.chosen = row
    w.chosen[0], w.chosen[1] = first, 1 - first
    a.n_chosen = 2
    return True
