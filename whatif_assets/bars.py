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
    """Resample bars to a larger size, separately for each symbol and session.

    Parameters
    ----------
    bars
        Tidy time bars, such as the rows of the view ``price_bars``: ``symbol``,
        ``ts`` (start of the bar, UTC), ``open high low close volume``, and ``vwap``
        and ``trade_count`` if known; sorted by (symbol, ts).
    size
        Size of the new bars: ``5min``, ``1h`` and so on, or ``1day``. It must be a
        whole multiple of the size of the given bars.
    calendar
        Name of the exchange calendar in exchange_calendars. The new bars are counted
        from the open of each session.

    Returns
    -------
    pandas.DataFrame
        One row per new bar; :func:`whatif_assets.domain.bars.resample.resample`
        describes the columns.

    Raises
    ------
    BadInput
        The size or the calendar is unknown, a bar lies outside of every session, or
        the bars are not sorted.
    """
    days = bars["ts"].agg(["min", "max"]) if len(bars) else [pd.Timestamp(0)] * 2
    first, last = (pd.Timestamp(day).date() for day in days)
    # The date at the exchange can differ from the UTC date.
    week = pd.Timedelta(days=7)
    sessions = Sessions(calendar, first - week, last + week)
    return _resample(bars, BarSize.parse(size), sessions)
