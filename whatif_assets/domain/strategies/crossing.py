"""Base class of the rules that trade crossings of a fast and a slow line."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.strategies.rule import (
    NEUTRAL,
    SettingsT,
    TradingRule,
)


class CrossingRule(TradingRule[SettingsT]):
    """Long where ``fast`` crosses above ``slow``, short where it crosses below.

    The lines cross where their order is opposite to their order when they last
    differed, so a touch is not a crossing; the same holds for Backtrader's
    ``CrossOver``. Before the first crossing there is no position. A NaN counts as a
    touch.
    """

    def __init__(self) -> None:
        """Start without a bar on which the lines differed."""
        super().__init__()
        self.side = NEUTRAL

    def signal(self) -> int:
        """Compare the order of the lines with the last bar on which they differed."""
        fast, slow = self.data.fast[0], self.data.slow[0]
        side = int(fast > slow) - int(fast < slow)
        if side == NEUTRAL:
            return NEUTRAL
        crossed = side if side == -self.side else NEUTRAL
        self.side = side
        return crossed

    @classmethod
    def series(cls, lines: Mapping[str, FloatArray], settings: SettingsT) -> FloatArray:
        """Find all crossings: +1 where upward, -1 where downward, 0 elsewhere."""
        fast, slow = lines["fast"], lines["slow"]
        side = (fast > slow).astype(np.float64) - (fast < slow)
        differ = np.flatnonzero(side)
        crossed = differ[1:][side[differ[1:]] != side[differ[:-1]]]
        crossings = np.zeros(len(side))
        crossings[crossed] = side[crossed]
        return crossings
