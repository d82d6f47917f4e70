"""The reference of portfolios: one variant over several data feeds, by Backtrader."""

from __future__ import annotations

import functools
from collections.abc import Hashable
from typing import Any

import numpy as np

from whatif_assets.domain.accounts._backtrader import (
    Cerebro,
    RecordingBroker,
    bt,
    date_numbers,
)
from whatif_assets.domain.accounts.accounts import deepest_fall
from whatif_assets.domain.accounts.costs import Costs, units_of_volume
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.panel import Panel
from whatif_assets.domain.accounts.panel_run import PanelRun
from whatif_assets.domain.accounts.rebalancing import rebalance_times
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.reference import (
    OnlyStarts,
    add_feed,
    failures_named,
    no_garbage_collection,
    set_costs,
    start_only,
)
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
    panel: Panel, kind: StrategyType, variant: Variant, *, bar_by_bar: bool = False
) -> PanelRun:
    """Run one variant on Backtrader, with all symbols in one account.

    Parameters
    ----------
    panel
        The bars; each symbol is a data feed of its name.
    kind, variant
        The strategy, and its settings, costs and cash. A built-in rule trades each
        symbol by the symbol's own signals; a strategy of the user sees all feeds.
    bar_by_bar
        Whether each feed ends with the bar that it has reached.

    Raises
    ------
    BadInput
        The strategy fails; the message names the variant and the bar.
    """
    cerebro = prepared(panel, kind, variant, Cerebro, bar_by_bar)
    with failures_named(cerebro, panel, kind, variant), no_garbage_collection():
        cerebro.run()
        if cerebro.broker.p.coc or cerebro.broker.p.coo:
            raise BadInput(
                f"Strategy '{kind.name}', variant {variant.id}: it turns on "
                "cheat-on-close or cheat-on-open, which an account of several symbols "
                "does not allow. Remove the call of set_coc or set_coo."
            )
    return _record(cerebro.broker, panel, variant)


def panel_bar_by_bar(panel: Panel, kind: StrategyType, variant: Variant) -> PanelRun:
    """Run one variant on feeds that end with the bars that they have reached.

    See `backtest_panel`.
    """
    return backtest_panel(panel, kind, variant, bar_by_bar=True)


def set_up(panel: Panel, kind: StrategyType, variant: Variant) -> None:
    """Construct and start a strategy, and process no bar.

    Raises
    ------
    BadInput
        The strategy cannot be constructed or started with these settings.
    """
    start_only(prepared(panel, kind, variant, OnlyStarts), panel, kind, variant)


def prepared(
    panel: Panel,
    kind: StrategyType,
    variant: Variant,
    engine: type[Cerebro],
    bar_by_bar: bool = False,
) -> Any:
    """Set up Backtrader with a feed for each symbol; call ``run()`` on the result.

    Parameters and errors are those of `whatif_assets.engines.reference.prepare`.
    """
    settings: Any = kind.settings(variant.settings)
    # Indicators over feeds of different lengths need to be computed bar by bar.
    whole = not bar_by_bar
    cerebro = engine(stdstats=False, preload=whole, runonce=kind.built_in and whole)
    cerebro.broker = PanelBroker()
    for sleeve in panel.sleeves:
        add_feed(cerebro, sleeve, kind.lines_of(sleeve, settings))
        set_costs(cerebro.broker, variant.costs, sleeve, shared=True)
    if variant.costs.participation:
        cerebro.broker.set_filler(functools.partial(_filled, variant.costs))
    cerebro.broker.shift = variant.shift
    cerebro.broker.setcash(variant.cash + variant.shift)
    _add_strategies(cerebro, panel, kind, settings, variant.credit)
    return cerebro


def _filled(costs: Costs, order: Any, price: float, ago: int) -> float:
    """Units of an order that its bar fills, a filler of Backtrader."""
    most = units_of_volume(order.data.volume[ago], costs.participation)
    return float(min(most, abs(order.executed.remsize)))


def _add_strategies(
    cerebro: bt.Cerebro,
    panel: Panel,
    kind: StrategyType,
    settings: Any,
    credit: float,
) -> None:
    if kind.panel_rule:
        schedule = settings.rebalance, settings.every, settings.at
        times = date_numbers(panel.ts[rebalance_times(panel, *schedule)])
        cerebro.addstrategy(
            kind.strategy,
            settings=settings,
            times=frozenset(times),
            groups={sleeve.symbol: sleeve.group for sleeve in panel.sleeves},
            credit=credit,
        )
    elif kind.rule:
        for number in range(len(panel.sleeves)):
            rule = one_feed(kind.strategy)  # type: ignore[arg-type]
            cerebro.addstrategy(rule, settings=settings, feed=number)
    else:
        cerebro.addstrategy(kind.strategy, **dict(settings))


@functools.cache
def one_feed(rule: Hashable) -> Any:
    """Return a trading rule that trades one of several feeds, as if it were alone."""
    base: Any = rule

    class OneFeed(base):  # type: ignore[misc]
        """The rule on its own feed: it acts where that feed has a bar."""

        params: Any = (("feed", 0),)

        def __init__(self) -> None:
            """Hide the other feeds."""
            own = self.datas[self.p.feed]  # type: ignore[has-type]
            self.datas = [own]
            self.data = own
            super().__init__()

        def next(self) -> None:
            """Work a bar of the own feed."""
            if self.data.datetime[0] == self.datetime[0]:
                super().next()

    return OneFeed


def _record(broker: PanelBroker, panel: Panel, variant: Variant) -> PanelRun:
    fills = np.array(broker.fills, dtype=np.float64).reshape(-1, 6)
    bars, sizes, prices, charged, closing, multipliers = fills.T
    filled = np.array(broker.filled, dtype=np.int64).reshape(-1, 2)
    values = np.array(broker.values) - variant.shift
    # A strategy may stop its run early; what it then holds is worth what it was.
    last = np.minimum(panel.session_ends()[1], len(values) - 1)
    return PanelRun(
        equity=values[last],
        valued=last,
        times=filled[:, 0],
        symbols=filled[:, 1],
        bars=bars.astype(np.int64),
        sizes=sizes,
        prices=prices,
        charged=charged,
        closing=closing,
        slippage=np.array(broker.slippages, dtype=np.float64),
        multipliers=multipliers,
        refused=np.array(broker.refused, dtype=np.float64).reshape(-1, 4),
        max_drawdown=float(deepest_fall(np.append(variant.cash, values))),
    )
