"""Bars for notebooks: ``from whatif_assets import bars``.

>>> hourly = bars.resample(minutes, "1h", calendar="XNYS")
"""

from __future__ import annotations

import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.resample import resample as _resample
from whatif_assets.domain.bars.sessions import Sessions

__all__ = ["resample"]


def resample(bars: pd.DataFrame, size: str, calendar: str = "XNYS") -> pd.DataFrame:
    """Make bars of a larger size, for each symbol and session on its own.

    Parameters
    ----------
    bars
        Tidy bars by the clock, such as the view ``price_bars``: ``symbol``, ``ts``
        (start, UTC), ``open high low close volume`` and where known ``vwap`` and
        ``trade_count``; sorted by (symbol, ts).
    size
        ``5min``, ``1h`` and so on, or ``1day``; a whole multiple of the bars' own.
    calendar
        The exchange's, by its name in exchange_calendars: bars are counted from the
        open of each session.

    Returns
    -------
    pandas.DataFrame
        As :func:`whatif_assets.domain.bars.resample.resample` says.

    Raises
    ------
    BadInput
        An unknown size or calendar, a bar in no session, or bars out of order.
    """
    days = bars["ts"].agg(["min", "max"]) if len(bars) else [pd.Timestamp(0)] * 2
    first, last = (pd.Timestamp(day).date() for day in days)
    # The exchange's day may be another than that of the instant, UTC.
    week = pd.Timedelta(days=7)
    sessions = Sessions(calendar, first - week, last + week)
    return _resample(bars, BarSize.parse(size), sessions)
