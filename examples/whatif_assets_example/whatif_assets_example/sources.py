"""A source of bars: prices that move in waves, without any file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.settings import Settings

LENGTHS = {"LONG": 97.0, "SHORT": 41.0}  # of the waves of each symbol, in minutes


class WavesOptions(Settings):
    """Options of the source `waves`."""

    height: float = Field(
        default=2.0, gt=0, lt=50, description="Height of the waves, around 100."
    )


class Waves:
    """Minutes of New York's sessions whose closes lie on a sine wave."""

    Options: ClassVar[type[BaseModel]] = WavesOptions
    of_trades: ClassVar[bool] = False

    def __init__(self, options: WavesOptions, base: Path) -> None:
        """Keep the options; the source has no files."""
        self._height = options.height

    @property
    def where(self) -> str:
        """Name of the source in messages."""
        return "The source 'waves'"

    def symbols(self) -> list[str]:
        """List the two symbols."""
        return sorted(LENGTHS)

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """Return an empty list: the bars depend on the options only."""
        return []

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Return the bars in [start, end)."""
        week = pd.Timedelta(days=7)
        reach = Sessions("XNYS", (start - week).date(), (end + week).date())
        schedule = reach.schedule(reach.dates(start.date(), end.date()))
        minutes = [
            pd.date_range(opened, closed, freq="min", inclusive="left")
            for opened, closed in zip(schedule["open"], schedule["close"])
        ]
        ts = pd.DatetimeIndex([], tz="UTC").append(minutes)
        ts = ts[(ts >= start) & (ts < end)]
        frames = [self._bars(name, ts) for name in symbols if name in LENGTHS]
        return pd.concat([self._bars("none", ts[:0]), *frames], ignore_index=True)

    def _bars(self, symbol: str, ts: pd.DatetimeIndex) -> pd.DataFrame:
        minute = ts.as_unit("s").asi8 / 60
        angle = 2 * np.pi / LENGTHS.get(symbol, 1.0)
        close = 100 + self._height * np.sin(angle * minute)
        before = 100 + self._height * np.sin(angle * (minute - 1))
        return pd.DataFrame(
            {
                "symbol": symbol,
                "ts": ts,
                "open": before,
                "high": np.maximum(before, close),
                "low": np.minimum(before, close),
                "close": close,
                "volume": 1000.0 + minute % 7,
            }
        )
