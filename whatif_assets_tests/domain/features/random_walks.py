"""Random walks of several symbols over several sessions, by a seed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd


def weekdays(count: int) -> list[date]:
    """Return weekdays from 2018-01-02 on."""
    return list(pd.bdate_range("2018-01-02", periods=count).date)


def random_walks(
    sessions: Sequence[date],
    symbols: int = 2,
    bars: int = 390,
    keep: float = 1.0,
    seed: int = 1,
) -> pd.DataFrame:
    """Make tidy bars with ``session``; a random share of them is kept."""
    rng = np.random.default_rng(seed)
    size = len(sessions) * bars
    opens = pd.to_datetime(list(sessions)).tz_localize("UTC") + pd.Timedelta("14:30:00")
    ts = opens.repeat(bars) + pd.to_timedelta(
        np.tile(np.arange(bars), len(sessions)), "min"
    )
    frames = []
    for number in range(symbols):
        close = 50 * (number + 1) * np.exp(np.cumsum(rng.normal(0, 5e-4, size)))
        frames.append(
            pd.DataFrame(
                {
                    "symbol": f"S{number:02}",
                    "ts": ts.as_unit("us"),
                    "open": close * np.exp(rng.normal(0, 1e-4, size)),
                    "high": close * 1.001,
                    "low": close * 0.999,
                    "close": close,
                    "volume": rng.integers(0, 1000, size).astype(float),
                    "vwap": close * np.exp(rng.normal(0, 1e-4, size)),
                    "trade_count": pd.array([pd.NA, *range(size - 1)], dtype="Int64"),
                    "vwap_is_typical": False,
                    "session": pd.to_datetime(list(sessions)).repeat(bars),
                }
            )[rng.random(size) < keep]
        )
    return pd.concat(frames, ignore_index=True)
