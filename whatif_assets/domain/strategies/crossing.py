"""Trade where a fast line crosses a slow one: shared by the crossing rules."""

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

    The lines have crossed when they lie the other way round than when they last
    differed, so a touch is no crossing; Backtrader's own ``CrossOver`` says the
    same. Before the first crossing there is no position. A NaN counts as a touch.
    """

    def __init__(self) -> None:
        """Begin with no bar on which the lines differed."""
        super().__init__()
        self.side = NEUTRAL

    def signal(self) -> int:
        """Compare the side of this bar with the last side there was."""
        fast, slow = self.data.fast[0], self.data.slow[0]
        side = int(fast > slow) - int(fast < slow)
        if side == NEUTRAL:
            return NEUTRAL
        crossed = side if side == -self.side else NEUTRAL
        self.side = side
        return crossed

    @classmethod
    def series(cls, lines: Mapping[str, FloatArray], settings: SettingsT) -> FloatArray:
        """Find all crossings: +1 where it is above, -1 below, 0 elsewhere."""
        fast, slow = lines["fast"], lines["slow"]
        side = (fast > slow).astype(np.float64) - (fast < slow)
        differ = np.flatnonzero(side)
        crossed = differ[1:][side[differ[1:]] != side[differ[:-1]]]
        crossings = np.zeros(len(side))
        crossings[crossed] = side[crossed]
        return crossings
