"""Clean bars without any finding, in which tests plant faults."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.sessions import Sessions

NEW_YORK = Sessions("XNYS", date(2018, 1, 2), date(2018, 12, 31))
# Around Thanksgiving: 11-23 was a half day, 210 minutes long.
DAYS = (date(2018, 11, 21), date(2018, 11, 23), date(2018, 11, 26))
BASE_BAR = BarSize.parse("5min")


def clean_bars(*days: date, symbols: tuple[str, ...] = ("AAA", "BBB")) -> pd.DataFrame:
    """All bars of the calendar: a random walk with steps far below any threshold."""
    length = BASE_BAR.length
    stamps = [NEW_YORK.starts(day, length) for day in days or DAYS]
    ts = stamps[0].append(stamps[1:])
    parts = []
    for number, symbol in enumerate(symbols):
        rng = np.random.default_rng(number)
        walk = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, len(ts) + 1)))
        opens, closes = walk[:-1], walk[1:]
        prices = {
            "open": opens,
            "high": np.maximum(opens, closes) * 1.0005,
            "low": np.minimum(opens, closes) * 0.9995,
            "close": closes,
            "volume": 100.0,
            "vwap": (opens + closes) / 2,
            "trade_count": 10,
        }
        parts.append(pd.DataFrame({"symbol": symbol, "ts": ts, **prices}))
    return pd.concat(parts, ignore_index=True)
