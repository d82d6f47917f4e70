"""Variants of a portfolio strategy, compiled.

This is ``RebalancingRule``, its subclasses and Backtrader's broker with several data
feeds once more, for speed; ``docs/strategy_semantics.md`` has them in words. Every
product and sum is in Backtrader's own order, so that cash and a number of units that
is rounded down are the same to the last bit.

Nothing happens between rebalances but the fills of waiting orders and interest on
borrowed shares, so that all other times are skipped. The bars between two changes are
valued together, for the ends of sessions and for the drawdown.

In the signatures ``p`` is the variant's row of parameters, ``w`` the account with its
positions and waiting orders; ``layout`` names their columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from whatif_assets.engines.portfolio.broker import work_until
from whatif_assets.engines.portfolio.compiled import compiled
from whatif_assets.engines.portfolio.layout import Log, Prices, Ranking, Work
from whatif_assets.engines.portfolio.ordering import rebalance
from whatif_assets.engines.portfolio.pairs import weigh_pair
from whatif_assets.engines.portfolio.valuing import mark_before, value_of
from whatif_assets.engines.portfolio.weighing import weigh


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
    work_until(now, prices, p, w, equity, counts, log)
    if rebalances:
        w.account[0].value = value_of(now, prices, w) - p.credit
        row = ranking.row[now]
        if p.pairs == 0:
            weigh(row, ranking, p, w)
        elif not weigh_pair(row, ranking, p, w):
            return
        rebalance(now, row, prices, ranking, p, w)


@compiled
def finish(prices: Prices, p: Any, w: Work, equity: Any, counts: Any) -> None:
    """Value the account at the last sessions, and count the bars that are held."""
    mark_before(len(prices.close), prices, p, w, equity)
    counts.exposed = counts.held
    for n in range(w.account[0].n_held):
        s = w.held[n]
        counts.exposed += prices.n_bars[s] - w.book[s].first_bar


@compiled
def begin(p: Any, w: Work, counts: Any) -> None:
    """Begin with cash alone."""
    a = w.account[0]
    a.cash = a.value = p.cash + p.shift
    a.n_held, a.n_waiting, a.sent, a.marked, a.accrued = 0, 0, -1, 0, 0
    a.n_chosen, a.n_long, a.valued = 0, 0, 0
    a.side = a.hedge = a.fallen = 0.0
    a.peak = p.cash
    w.is_held[:] = 0
    for s in range(len(w.book)):
        one = w.book[s]
        one.held = one.entry = one.interest = one.profit = 0.0
        one.weight = one.target = 0.0
        one.first_bar, one.chosen = 0, -1
    counts.traded = counts.trades = counts.wins = counts.first = counts.total = 0.0
    counts.squares = counts.rejected = counts.fills = counts.held = 0.0
    counts.least, counts.greatest = np.inf, -np.inf
