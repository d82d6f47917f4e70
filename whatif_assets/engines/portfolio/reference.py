"""The reference of portfolios: one variant over several data feeds, by Backtrader."""

from __future__ import annotations

from typing import Any

import numpy as np

from whatif_assets.domain.accounts._backtrader import (
    Cerebro,
    RecordingBroker,
    bt,
    date_numbers,
)
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.domain.accounts.rebalancing import rebalance_times
from whatif_assets.engines.portfolio.record import PanelRun
from whatif_assets.engines.reference import add_feed, no_garbage_collection, set_costs
from whatif_assets.engines.strategies import StrategyType

_REFUSED = (bt.Order.Margin, bt.Order.Rejected)


class PanelBroker(RecordingBroker):
    """Backtrader's broker with several feeds, which also notes the symbol of a fill.

    An order waits for a bar of its own symbol that begins after it was sent: without
    that, limits and stops fill on the old bar of a symbol that does not trade.

    Attributes
    ----------
    filled
        Place on the timeline and number of the symbol of each of the fills.
    refused
        Place on the timeline, number of the symbol, size, and 1 where the cash was
        lacking at the fill, 0 where it was at the submission.
    """

    def _forget(self) -> None:
        super()._forget()
        self.filled: list[tuple[int, int]] = []
        self.refused: list[tuple[int, int, float, float]] = []
        self._numbers: dict[Any, int] = {}
        self._accepted: set[int] = set()

    def number_of(self, data: Any) -> int:
        """Number of a feed, in the order in which they were added."""
        if not self._numbers:
            self._numbers = {one: n for n, one in enumerate(self.cerebro.datas)}
        return self._numbers[data]

    def _try_exec(self, order: Any) -> None:
        """Try to fill an order where its symbol has a bar now."""
        now = max(data.datetime[0] for data in self.cerebro.datas if len(data))
        if order.data.datetime[0] == now:
            super()._try_exec(order)

    def notify(self, order: Any) -> None:
        """Note the symbol of a fill, or of a refusal."""
        before = len(self.fills)
        super().notify(order)
        time, number = len(self.values), self.number_of(order.data)
        if len(self.fills) > before:
            self.filled.append((time, number))
        if order.status in _REFUSED:
            at_fill = order.ref in self._accepted
            self.refused.append((time, number, order.size, float(at_fill)))

    def submit_accept(self, order: Any) -> Any:
        """Note that an order has passed the check of cash at its submission."""
        self._accepted.add(order.ref)
        return super().submit_accept(order)


def backtest_panel(
    panel: Panel, kind: StrategyType, variant: Variant, n_sessions: int
) -> PanelRun:
    """Run one variant of a portfolio strategy on Backtrader.

    Parameters
    ----------
    panel
        The bars.
    kind, variant
        The strategy, and its settings, costs and cash.
    n_sessions
        How many sessions the backtest has.
    """
    settings: Any = kind.settings(variant.settings)
    cerebro = Cerebro(stdstats=False, preload=True, runonce=True)
    cerebro.broker = PanelBroker()
    for sleeve in panel.sleeves:
        add_feed(cerebro, sleeve, kind.lines_of(sleeve, settings))
        set_costs(cerebro.broker, variant.costs, sleeve.multiplier, sleeve.symbol)
    cerebro.broker.setcash(variant.cash)
    schedule = settings.rebalance, settings.every, settings.at
    times = date_numbers(panel.ts[rebalance_times(panel, *schedule)])
    cerebro.addstrategy(kind.strategy, settings=settings, times=frozenset(times))
    with no_garbage_collection():
        cerebro.run()
    return _record(cerebro.broker, panel, n_sessions, variant.cash)


def _record(
    broker: PanelBroker, panel: Panel, n_sessions: int, cash: float
) -> PanelRun:
    fills = np.array(broker.fills, dtype=np.float64).reshape(-1, 6)
    bars, sizes, prices, charged, closing, multipliers = fills.T
    filled = np.array(broker.filled, dtype=np.int64).reshape(-1, 2)
    values = np.array(broker.values)
    sessions, last = panel.session_ends()
    latest = np.full(n_sessions, -1, dtype=np.int64)
    latest[sessions] = last
    latest = np.maximum.accumulate(latest)
    return PanelRun(
        equity=np.concatenate([[cash], values])[latest + 1],
        times=filled[:, 0],
        symbols=filled[:, 1],
        bars=bars.astype(np.int64),
        sizes=sizes,
        prices=prices,
        charged=charged,
        closing=closing,
        multipliers=multipliers,
        refused=np.array(broker.refused, dtype=np.float64).reshape(-1, 4),
    )
