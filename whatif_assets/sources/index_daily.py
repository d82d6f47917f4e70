"""Source `index_daily`: two stock indices that the `arch` package carries."""

from __future__ import annotations

import functools
import importlib
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import pandas as pd
from pydantic import BaseModel

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.settings import Settings
from whatif_assets.sources.time_ranges import within

MODULES = {"NASDAQ": "arch.data.nasdaq", "SP500": "arch.data.sp500"}
COLUMNS = ("open", "high", "low", "close", "volume")


class IndexDailyOptions(Settings):
    """There is nothing to choose."""


class IndexDaily:
    """Daily bars of the S&P 500 and the NASDAQ Composite, 1999 to 2018.

    Real data, installed with `arch`. They have no vwap, and the NASDAQ has two
    sessions of zero volume.
    """

    Options: ClassVar[type[BaseModel]] = IndexDailyOptions
    of_trades: ClassVar[bool] = False

    def __init__(self, options: IndexDailyOptions, base: Path) -> None:
        """Nothing to keep: the bars lie within a package."""

    @property
    def where(self) -> str:
        """What messages call the source."""
        return "The source 'index_daily'"

    def symbols(self) -> list[str]:
        """NASDAQ and SP500."""
        return sorted(MODULES)

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """Version of the package that the bars come with."""
        return [f"arch {_version()}"]

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Read the bars of the days whose 00:00 UTC lies in [start, end)."""
        if not bar_size.daily:
            raise BadInput(
                f"{self.where} has daily bars, and base_bar is {bar_size}. Set "
                "base_bar: 1day."
            )
        parts = [_bars(name) for name in self.symbols() if name in symbols]
        bars = pd.concat(parts or [_bars("SP500").iloc[:0]], ignore_index=True)
        return within(bars, start, end)


@functools.cache
def _version() -> str:
    return version("arch")


def _bars(symbol: str) -> pd.DataFrame:
    # Imported here because arch takes two seconds, which other sources need not.
    frame = importlib.import_module(MODULES[symbol]).load()
    columns = {name: frame[name.title()].to_numpy("float64") for name in COLUMNS}
    ts = pd.DatetimeIndex(frame.index).as_unit("us").tz_localize("UTC")
    return pd.DataFrame({"symbol": symbol, "ts": ts, **columns})
