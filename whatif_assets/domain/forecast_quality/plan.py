"""What is measured of the forecasts of a configuration, and how."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.arrays import IntArray, Mask, Times
from whatif_assets.domain.forecast_quality.correlations import FEWEST_PAIRS
from whatif_assets.domain.forecast_quality.inference import overlap
from whatif_assets.domain.models.labels import Label

FORECAST = "forecast"  # the signal that is no feature
SYMBOLS, BARS = "symbols", "bars"


@dataclass(frozen=True)
class Plan:
    """What is measured, and how.

    Attributes
    ----------
    label
        The label of the configuration.
    size
        Size of the bars.
    timezone
        Time zone of the exchange, whose clock counts the hours.
    symbols
        The symbols that are forecast.
    signals
        Signals to measure: `FORECAST`, and features by the name of their column.
    horizons
        Horizons in bars, ascending; that of the label is one of them.
    bins
        Number of bins of forecasts; 0 if there are too few.
    bars_of_session
        Number of bars of a symbol in a session.
    """

    label: Label
    size: BarSize
    timezone: str
    symbols: tuple[str, ...]
    signals: tuple[str, ...]
    horizons: tuple[int, ...]
    bins: int
    bars_of_session: float

    @property
    def compares(self) -> str:
        """What is compared: all `SYMBOLS` at one time, or all `BARS` of each symbol.

        Bars of a symbol are compared where there are fewer than five symbols, or where
        the bars of symbols differ in time. They are compared over all sessions: within
        one session, a forecast that follows the price is high where the price is, and
        would seem to foretell that the price comes back to the session's mean.
        """
        few = len(self.symbols) < FEWEST_PAIRS
        return BARS if few or self.size.by_activity else SYMBOLS

    @property
    def crosses(self) -> bool:
        """Whether a return may end in a later session."""
        return self.size.daily or self.label.across_sessions

    def lag(self, horizon: int) -> int:
        """Count the later sessions that share bars with the returns of a session."""
        return overlap(horizon, self.bars_of_session, self.crosses)


def numbered(sessions: pd.Series, counted: Mask) -> tuple[IntArray, Times]:
    """Number the sessions of rows by date; -1 for rows that do not count."""
    days = pd.to_datetime(sessions).to_numpy(dtype="datetime64[us]")
    known = np.unique(days[counted])
    number = np.searchsorted(known, days)
    return np.where(counted, number, -1).astype(np.int64), known
