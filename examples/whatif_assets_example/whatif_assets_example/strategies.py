"""A trading rule of Backtrader: breakouts from the range of the last bars."""

from __future__ import annotations

import backtrader as bt


class Breakout(bt.Strategy):
    """Buy above the highest high of the bars before, sell below the lowest low."""

    params = (("timeperiod", 20), ("percent", 95))

    def __init__(self) -> None:
        self.highest = bt.ind.Highest(self.data.high(-1), period=self.p.timeperiod)
        self.lowest = bt.ind.Lowest(self.data.low(-1), period=self.p.timeperiod)

    def next(self) -> None:
        """Follow a breakout, and reverse at the opposite one."""
        if self.data.close[0] > self.highest[0]:
            self._hold(1)
        elif self.data.close[0] < self.lowest[0]:
            self._hold(-1)

    def _hold(self, side: int) -> None:
        """Be long (1) or short (-1) with a part of the money; keep what is held so."""
        if self.position.size * side <= 0:
            self.order_target_percent(target=side * self.p.percent / 100)
