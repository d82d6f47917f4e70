"""Source `index_daily`: two stock indices in the `arch` package."""

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
from whatif_assets.sources.time_ranges import rows_between

MODULES = {"NASDAQ": "arch.data.nasdaq", "SP500": "arch.data.sp500"}
COLUMNS = ("open", "high", "low", "close", "volume")


class IndexDailyOptions(Settings):
    """The source has no options."""


class IndexDaily:
    """Daily bars of the S&P 500 and the NASDAQ Composite, 1999 to 2018.

    Real data, installed with `arch`. There is no vwap, and NASDAQ has zero volume in
    two sessions.
    """

    Options: ClassVar[type[BaseModel]] = IndexDailyOptions
    of_trades: ClassVar[bool] = False

    def __init__(self, options: IndexDailyOptions, base: Path) -> None:
        """Keep nothing: the bars are in a package."""

    @property
    def where(self) -> str:
        """Name of the source in messages."""
        return "The source 'index_daily'"

    def symbols(self) -> list[str]:
        """List the symbols NASDAQ and SP500."""
        return sorted(MODULES)

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """List the version of the package that contains the bars."""
        return [f"arch {_version()}"]

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Read the bars of the days whose 00:00 UTC is in [start, end)."""
        if not bar_size.daily:
            raise BadInput(
                f"{self.where} has daily bars, and base_bar is {bar_size}. Set "
                "base_bar: 1day."
            )
        parts = [_bars(name) for name in self.symbols() if name in symbols]
        bars = pd.concat(parts or [_bars("SP500").iloc[:0]], ignore_index=True)
        return rows_between(bars, start, end)


@functools.cache
def _version() -> str:
    return version("arch")


def _bars(symbol: str) -> pd.DataFrame:
    """Load all bars of an index."""
    # Imported here because importing arch takes two seconds.
    frame = importlib.import_module(MODULES[symbol]).load()
    columns = {name: frame[name.title()].to_numpy("float64") for name in COLUMNS}
    ts = pd.DatetimeIndex(frame.index).as_unit("us").tz_localize("UTC")
    return pd.DataFrame({"symbol": symbol, "ts": ts, **columns})
