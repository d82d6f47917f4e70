"""Source `freqtrade`: candles downloaded by freqtrade, in JSON files."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.schema import PRICES, no_bars, outside_era
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.settings import Settings
from whatif_assets.sources.files import errors_of_symbol, file_versions, find_files
from whatif_assets.sources.time_ranges import rows_between

TIMEFRAMES = {
    "1m": "1min",
    "5m": "5min",
    "15m": "15min",
    "30m": "30min",
    "1h": "1h",
    "1d": "1day",
}
# ETH_BTC-1m.json, BTC_USDT_USDT-1h-futures.json
NAME = re.compile(
    r"^(?P<base>[^_]+)_(?P<quote>[^_-]+)(_(?P<settled>[^_-]+))?"
    r"-(?P<timeframe>\d+[mhdwM])(-(?P<kind>[a-z_]+))?\.json(\.gz)?$"
)
COLUMNS = (*PRICES, "volume")


class FreqtradeOptions(Settings):
    """Options of the source `freqtrade`."""

    path: str = Field(
        min_length=1,
        description="One file, a folder or a glob of files such as ETH_BTC-1m.json "
        "(the symbol ETH/BTC), or .json.gz.",
    )


@dataclass(frozen=True)
class _Candles:
    """A file of candles, with the symbol and the bar size of its name."""

    file: Path
    symbol: str
    bar_size: BarSize


class Freqtrade:
    """Candles of currency pairs: start (ms since 1970, UTC), prices and volume.

    The volume is in units of the pair's first currency. Files of funding rates and
    mark prices, which are stored next to those of futures, are ignored.
    """

    Options: ClassVar[type[BaseModel]] = FreqtradeOptions
    of_trades: ClassVar[bool] = False

    def __init__(self, options: FreqtradeOptions, base: Path) -> None:
        """Keep the options; no file is opened yet."""
        self._path, self._base = options.path, base
        self._parsed: dict[Path, pd.DataFrame] = {}

    @property
    def where(self) -> str:
        """Name of the source in messages."""
        return f"The source 'freqtrade' ({self._path})"

    def symbols(self) -> list[str]:
        """List the pairs of all files, sorted."""
        return sorted({candles.symbol for candles in self._candles})

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """List path, size and mtime of all files: each has the bars of all times."""
        return self._ages

    @cached_property
    def _ages(self) -> list[str]:
        return file_versions((candles.file for candles in self._candles), self._base)

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Read the bars whose ts is in [start, end)."""
        chosen = [candles for candles in self._candles if candles.bar_size == bar_size]
        if not chosen:
            available = sorted({str(candles.bar_size) for candles in self._candles})
            raise BadInput(
                f"{self.where} has {' and '.join(available)} bars, and base_bar is "
                f"{bar_size}. Set base_bar to a size that the source has."
            )
        parts = []
        for candles in chosen:
            if candles.symbol in symbols:
                with errors_of_symbol(candles.symbol):
                    parts.append(rows_between(self._parse(candles), start, end))
        return pd.concat(parts, ignore_index=True) if parts else no_bars()

    @cached_property
    def _candles(self) -> list[_Candles]:
        files = find_files(self._path, self._base, (".json", ".gz"))
        found = [_candles_of(file) for file in files]
        kept = [candles for candles in found if candles is not None]
        if not kept:
            raise BadInput(
                f"{self.where}: no file has a name such as ETH_BTC-1m.json; found "
                f"{files[0].name}."
            )
        return kept

    def _parse(self, candles: _Candles) -> pd.DataFrame:
        """Return all bars of a file, read once."""
        file = candles.file
        if file not in self._parsed:
            rows = _numbers(file, _read_json(file))
            ts = _stamps(file, rows[:, 0])
            columns = dict(zip(COLUMNS, rows[:, 1:].T, strict=True))
            self._parsed[file] = pd.DataFrame(
                {
                    "symbol": candles.symbol,
                    "ts": ts,
                    **columns,
                    "file": str(file),
                    "row": np.arange(1, len(rows) + 1),
                }
            )
        return self._parsed[file]


def _candles_of(file: Path) -> _Candles | None:
    """Parse a file name; None if the file does not have candles of traded prices."""
    match = NAME.match(file.name)
    if match is None or match["kind"] not in (None, "futures"):
        return None
    if match["timeframe"] not in TIMEFRAMES:
        return None
    settled = f":{match['settled']}" if match["settled"] else ""
    symbol = f"{match['base']}/{match['quote']}{settled}"
    return _Candles(file, symbol, BarSize.parse(TIMEFRAMES[match["timeframe"]]))


def _read_json(file: Path) -> list[Any]:
    """Read a JSON list from a file, which may be in gzip."""
    try:
        content = file.read_bytes()
        text = gzip.decompress(content) if file.suffix == ".gz" else content
        found = json.loads(text.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise BadInput(
            f"{file}, line {error.lineno}, column {error.colno}: this is not valid "
            f"JSON: {error.msg}. Get the file again."
        ) from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read as JSON in UTF-8: {error}.") from None
    except (RecursionError, ValueError) as error:
        raise BadInput(f"{file} cannot be read as JSON: {error}.") from None
    if not isinstance(found, list) or not found:
        raise BadInput(f"{file} must be a list of candles; found no candles.")
    return found


def _numbers(file: Path, found: list[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return candles as an array of 6 columns; BadInput names the first wrong row."""
    for n, candle in enumerate(found, 1):
        whole = isinstance(candle, list) and len(candle) == 1 + len(COLUMNS)
        if not whole or not all(type(value) in (int, float) for value in candle):
            raise BadInput(
                f"{file}, row {n}: a candle is [start in ms, open, high, low, close, "
                f"volume], all numbers; found {str(candle)[:80]}."
            )
    try:
        return np.array(found, dtype=np.float64)
    except OverflowError:
        raise BadInput(f"{file} has a number that is too large.") from None


def _stamps(
    file: Path, millis: np.ndarray[Any, np.dtype[np.float64]]
) -> pd.Series[pd.Timestamp]:
    """Return the starts of candles in UTC; BadInput names the first wrong row."""
    known = np.abs(millis) < 9e12  # until the year 2255
    whole = np.where(known, millis, 0).astype("int64").astype("datetime64[ms]")
    ts = pd.Series(whole.astype("datetime64[us]")).dt.tz_localize("UTC")
    odd = np.asarray(outside_era(ts, daily=False)) | ~known
    if odd.any():
        n = int(np.argmax(odd))
        raise BadInput(
            f"{file}, row {n + 1}: start {millis[n]:.0f} is not a valid time in "
            "milliseconds since 1970."
        )
    return ts
