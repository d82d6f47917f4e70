"""Source `lean`: bars, quotes and ticks in QuantConnect LEAN's folders of zips."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import pandas as pd
from pydantic import BaseModel, Field, field_validator

from whatif_assets.domain.bars.adjustments import Action
from whatif_assets.domain.bars.bar_size import ONE_DAY, ONE_MINUTE, BarSize
from whatif_assets.domain.bars.schema import no_bars
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.settings import Settings
from whatif_assets.sources.csv_format import check_time_zone
from whatif_assets.sources.files import errors_of_symbol, file_versions, find_folder
from whatif_assets.sources.lean_files import (
    BARS,
    QUOTES,
    TICKS,
    TickerMap,
    day_of,
    factor_actions,
    read_zip,
)
from whatif_assets.sources.time_ranges import rows_between

SCALE = {"equity": 10_000.0, "crypto": 1.0}
ZONE = {"equity": "America/New_York", "crypto": "UTC"}
SIZES = {"minute": ONE_MINUTE, "hour": BarSize("time", 60), "daily": ONE_DAY}
BY_DAY = ("minute", "tick")  # one zip per day; the others have one per ticker


class LeanOptions(Settings):
    """Options of the source `lean`."""

    path: str = Field(
        min_length=1,
        description="Folder of one market, such as Data/equity/usa, with the folders "
        "minute, hour, daily or tick, and map_files and factor_files.",
    )
    resolution: Literal["minute", "hour", "daily", "tick"] = Field(
        default="minute",
        description="Resolution of the files to read; bars of any base_bar are built "
        "from ticks.",
    )
    security: Literal["equity", "crypto"] = Field(
        default="equity",
        description="equity: prices times 10,000, New York time. crypto: decimal "
        "prices, UTC.",
    )
    price_scale: float | None = Field(
        default=None,
        gt=0,
        description="Divisor of prices. Default: set by security.",
    )
    timezone: str | None = Field(
        default=None,
        description="Time zone of the files. Default: set by security.",
    )

    _check_time_zone = field_validator("timezone")(check_time_zone)


class Lean:
    """Raw bars of LEAN's data folder: unadjusted prices, symbols with current names.

    The map file of a symbol lists its tickers over time. The bars of a day come from
    the zip of the ticker that the symbol had on that day; bars of another company
    under the same ticker are excluded. `actions` lists splits and dividends.
    """

    Options: ClassVar[type[BaseModel]] = LeanOptions

    def __init__(self, options: LeanOptions, base: Path) -> None:
        """Keep the options; no file is opened yet."""
        self._options, self._base = options, base
        self._scale = options.price_scale or SCALE[options.security]
        self._daily = options.resolution == "daily"  # with dates, at 00:00 UTC
        file_zone = options.timezone or ZONE[options.security]
        self._zone = "UTC" if self._daily else file_zone
        self._whole: dict[Path, pd.DataFrame] = {}

    @property
    def where(self) -> str:
        """Name of the source in messages."""
        return f"The source 'lean' ({self._options.path}, {self._options.resolution})"

    @property
    def of_trades(self) -> bool:
        """Whether the rows are trades."""
        return self._options.resolution == "tick"

    def symbols(self) -> list[str]:
        """List the symbols with a zip of bars, in upper case, sorted."""
        maps = {name: self._map(name) for name in self._mapped}
        taken = {ticker for found in maps.values() for ticker in found.tickers()}
        with_data = {n for n, found in maps.items() if found.tickers() & self._tickers}
        return sorted(with_data | {t.upper() for t in self._tickers - taken})

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """List path, size and mtime of the map files and zips.

        Of zips per day, only those of the local days in [start, end). Factor files do
        not change bars; corporate actions are hashed separately.
        """
        days = pd.date_range(*self._local_days(start, end)).date
        zips = (age for day in (None, *days) for age in self._ages.get(day, ()))
        return [*zips, *self._ages_of_maps]

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Read the bars or trades whose ts is in [start, end)."""
        resolution = self._options.resolution
        needed = SIZES.get(resolution, bar_size)
        if bar_size != needed:
            raise BadInput(
                f"{self.where} has {needed} bars, and base_bar is {bar_size}. Set "
                f"base_bar: {needed}, or choose another resolution."
            )
        names = TICKS if resolution == "tick" else BARS
        rows = self._read(symbols, start, end, "trade", names)
        if rows.empty:
            return no_bars()
        if resolution != "tick":
            return rows
        prices = dict.fromkeys(("open", "high", "low", "close"), rows["price"])
        return rows.assign(**prices)

    def quotes(
        self, symbols: list[str], start: pd.Timestamp, end: pd.Timestamp
    ) -> pd.DataFrame:
        """Read best bid and ask of each minute whose start is in [start, end).

        Returns
        -------
        DataFrame
            ``symbol``, ``ts`` (start of the minute, UTC), ``bid_open`` to
            ``bid_close`` and ``bid_size``, and the same columns for ``ask``; NaN where
            a side had no quote. Sorted by (symbol, ts).
        """
        rows = self._read(symbols, start, end, "quote", QUOTES)
        if rows.empty:
            return pd.DataFrame(columns=["symbol", "ts", *QUOTES[1:]])
        return rows.sort_values(["symbol", "ts"], ignore_index=True)[
            ["symbol", "ts", *QUOTES[1:]]
        ]

    def actions(self, symbols: list[str]) -> list[Action]:
        """List the splits and dividends in the factor files of the symbols."""
        folder = self._root / "factor_files"
        found = (factor_actions(n, folder / f"{n.lower()}.csv") for n in symbols)
        return list(itertools.chain.from_iterable(found))

    @cached_property
    def _root(self) -> Path:
        return find_folder(self._options.path, self._base)

    @cached_property
    def _folder(self) -> Path:
        """Folder of the resolution: a subfolder of the path, or the path itself."""
        inner = self._root / self._options.resolution
        return inner if inner.is_dir() else self._root

    @cached_property
    def _ages(self) -> dict[date | None, list[str]]:
        """Path, size and mtime of the zips by day; None for zips without a day."""
        by_day = self._options.resolution in BY_DAY
        found: dict[date | None, list[str]] = {}
        for file in sorted(self._folder.glob("*/*.zip" if by_day else "*.zip")):
            found.setdefault(day_of(file) if by_day else None, []).extend(
                file_versions([file], self._base)
            )
        return found

    @cached_property
    def _ages_of_maps(self) -> list[str]:
        return file_versions(
            sorted((self._root / "map_files").glob("*.csv")), self._base
        )

    @cached_property
    def _tickers(self) -> set[str]:
        """Tickers with a zip, in lower case."""
        if self._options.resolution in BY_DAY:
            found = {file.parent.name for file in self._folder.glob("*/*_trade.zip")}
        else:
            found = {file.stem for file in self._folder.glob("*.zip")}
        if not found:
            raise BadInput(
                f"{self.where}: there is no zip of trades in {self._folder}."
            )
        return found

    @cached_property
    def _mapped(self) -> list[str]:
        """Symbols with a map file."""
        files = (self._root / "map_files").glob("*.csv")
        return sorted(file.stem.upper() for file in files)

    def _map(self, symbol: str) -> TickerMap:
        file = self._root / "map_files" / f"{symbol.lower()}.csv"
        return TickerMap.read(symbol, file)

    def _read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        kind: str,
        names: tuple[str, ...],
    ) -> pd.DataFrame:
        """Read rows in [start, end) from the zip of each ticker that a symbol had."""
        first, last = self._local_days(start, end)
        parts = []
        for symbol in symbols:
            for ticker, since, until in self._map(symbol).ticker_periods():
                days = max(since, first), min(until, last)
                for file, day in self._files(ticker, kind, *days):
                    with errors_of_symbol(symbol, of_a_day=day is not None):
                        rows = rows_between(self._zip(file, names, day), start, end)
                    if day is None:
                        first_day, last_day = map(pd.Timestamp, days)
                        rows = rows[self._days(rows).between(first_day, last_day)]
                    parts.append(rows.assign(symbol=symbol))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def _local_days(self, start: pd.Timestamp, end: pd.Timestamp) -> tuple[date, date]:
        """Return the first and last local date in [start, end)."""
        until = end - pd.Timedelta(1, "us")
        return start.tz_convert(self._zone).date(), until.tz_convert(self._zone).date()

    def _files(
        self, ticker: str, kind: str, first: date, last: date
    ) -> Iterator[tuple[Path, date | None]]:
        """Yield the files of a ticker for a range of local dates, with their dates."""
        if self._options.resolution not in BY_DAY:
            file = self._folder / f"{ticker}.zip"
            if file.is_file() and first <= last:
                yield file, None
            return
        for file in sorted((self._folder / ticker).glob(f"*_{kind}.zip")):
            day = day_of(file)
            if first <= day <= last:
                yield file, day

    def _days(self, rows: pd.DataFrame) -> pd.Series[pd.Timestamp]:
        """Return the local date of each row."""
        local: pd.Series[pd.Timestamp] = rows["ts"].dt.tz_convert(self._zone)
        return local.dt.tz_localize(None).dt.normalize()

    def _zip(
        self, file: Path, names: tuple[str, ...], day: date | None
    ) -> pd.DataFrame:
        """Read the rows of a zip; a zip without a date in its name is cached."""
        zone = None if self._daily else self._zone
        if day is not None:
            return read_zip(file, names, zone, self._scale, day)
        if file not in self._whole:
            self._whole[file] = read_zip(file, names, zone, self._scale)
        return self._whole[file]
