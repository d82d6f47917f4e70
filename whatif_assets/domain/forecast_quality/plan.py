"""What is measured of the forecasts of a configuration, and how."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.forecast_quality.correlations import FEWEST_PAIRS
from whatif_assets.domain.forecast_quality.inference import overlap
from whatif_assets.domain.models.labels import Label

FORECAST = "forecast"  # the signal that is no feature
SYMBOLS, BARS = "symbols", "bars"
SESSIONS_OF_MONTH = 21


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
        Number of bins of forecasts; 0 if a period has too few.
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
        """What is ranked: all `SYMBOLS` at one time, or the `BARS` of each symbol.

        Bars of a symbol are ranked where there are fewer than five symbols, or where
        the bars of symbols differ in time.
        """
        few = len(self.symbols) < FEWEST_PAIRS
        return BARS if few or self.size.by_activity else SYMBOLS

    @property
    def monthly(self) -> bool:
        """Whether a period is a calendar month, as one session has one bar to rank."""
        return self.size.daily and self.compares == BARS

    @property
    def crosses(self) -> bool:
        """Whether a return may end in a later session."""
        return self.size.daily or self.label.across_sessions

    def with_bins(self, bins: int) -> Plan:
        """Return the plan with another number of bins."""
        return replace(self, bins=bins)

    def lag(self, horizon: int) -> int:
        """Count the later periods that share bars with the returns of a period."""
        sessions = SESSIONS_OF_MONTH if self.monthly else 1
        return overlap(horizon, self.bars_of_session * sessions, self.crosses)


def first_of(sessions: pd.Series, monthly: bool) -> pd.Series:
    """Return the date of the period of each session: its own, or that of its month."""
    days = pd.to_datetime(sessions).to_numpy(dtype="datetime64[D]")
    kept = days.astype("datetime64[M]") if monthly else days
    return pd.Series(kept.astype("datetime64[us]"), index=sessions.index)


def numbered(dates: pd.Series, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the periods of rows by date; -1 for rows that do not count."""
    known = np.unique(dates.to_numpy()[counted])
    number = np.searchsorted(known, dates.to_numpy())
    return np.where(counted, number, -1).astype(np.int64), known
