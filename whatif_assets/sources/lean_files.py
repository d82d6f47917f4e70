"""Readers of LEAN's files: zips of bars, quotes and ticks, map and factor files."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.adjustments import Action
from whatif_assets.domain.bars.schema import PRICES, outside_era
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.sources.cells import Cells, Faults, no_rows, read_lines, where

BARS = ("time", *PRICES, "volume")
TICKS = ("time", "price", "volume", "exchange", "condition", "suspicious")
SIDES = ("bid", "ask")
PARTS = ("open", "high", "low", "close", "size")
QUOTES = ("time", *(f"{side}_{part}" for side in SIDES for part in PARTS))
TEXT = ("exchange", "condition", "suspicious")
STAMP = "%Y%m%d %H:%M"
FACTORS = ("symbol", "date", "price_factor", "split_factor", "line")
ROUNDED = 1e-5  # relative rounding error of a small factor with seven decimals
MOST_OLD_SHARES = 20


def read_zip(
    file: Path,
    names: Sequence[str],
    zone: str | None,
    scale: float,
    day: date | None = None,
) -> pd.DataFrame:
    """Read a zip that contains one text file.

    Parameters
    ----------
    file
        The zip.
    names
        Names of the columns: `BARS`, `TICKS` or `QUOTES`.
    zone
        Time zone of the times; None for daily bars, whose dates become 00:00 UTC.
    scale
        Divisor of prices.
    day
        Date in the file name. Times are then milliseconds since local midnight.
        None if each row has its date.

    Returns
    -------
    DataFrame
        ``ts`` (UTC), the other columns, ``file`` and ``line``. A missing side of a
        quote is NaN.

    Raises
    ------
    BadInput
        Lines are malformed, or there are none; the message names the file and the
        first malformed lines.
    """
    faults = Faults(file)
    cells = Cells.of(list(read_lines(file)), len(names), faults)
    texts = cells.columns[0]
    naive = _dated(cells, texts) if day is None else _timed(cells, texts, day)
    local = naive.dt.tz_localize("UTC") if zone is None else None
    ts = cells.localised(naive, texts, str(zone)) if local is None else local
    ts = ts.dt.tz_convert("UTC").dt.as_unit("us")
    for n in where(outside_era(ts, zone is None)):
        cells.fault(
            n, f"time '{texts[n]}' is in {ts.iloc[n]:%Y}, when no bar can exist"
        )
    columns = {
        name: list(column)
        if name in TEXT
        else cells.floats(name, column, names is not QUOTES)
        for name, column in zip(names[1:], cells.columns[1:], strict=True)
    }
    if not cells.numbers and not faults.lines:
        raise no_rows(file)
    faults.refuse()
    frame = pd.DataFrame({"ts": ts, **columns})
    scaled = [n for n in names if n not in ("time", "volume", *TEXT)]
    scaled = [name for name in scaled if not name.endswith("_size")]
    frame[scaled] = frame[scaled] / scale
    return frame.assign(file=str(file), line=cells.numbers)


def _dated(cells: Cells, texts: Sequence[str]) -> pd.Series[pd.Timestamp]:
    """Read the timestamps of rows with a date, without a time zone."""
    stamps = pd.to_datetime(
        pd.Series(texts, dtype=object), format=STAMP, errors="coerce"
    )
    for n in where(stamps.isna()):
        cells.fault(n, f"time '{texts[n]}' is not a date such as 20131007 00:00")
    return stamps


def _timed(cells: Cells, texts: Sequence[str], day: date) -> pd.Series[pd.Timestamp]:
    """Read timestamps that are milliseconds of a day, without a time zone."""
    millis = cells.floats("time", texts, required=True)
    inside = (millis >= 0) & (millis < 86_400_000)
    for n in where(~inside):
        cells.fault(
            n, f"time '{texts[n]}' is not a millisecond of a day, 0 to 86399999"
        )
    micros = np.where(inside, np.round(millis * 1000), 0).astype("timedelta64[us]")
    return pd.Series(np.datetime64(day.isoformat(), "us") + micros).where(inside)


def day_of(file: Path) -> date:
    """Return the date in a file name such as 20131007_trade.zip."""
    try:
        return datetime.strptime(file.name[:8], "%Y%m%d").date()
    except ValueError:
        raise BadInput(
            f"{file}: the name must begin with a date such as 20131007."
        ) from None


@dataclass(frozen=True)
class TickerMap:
    """Tickers of a symbol over time, from its map file.

    Attributes
    ----------
    symbol
        Name of the symbol.
    rows
        Last date of each period and the ticker in it, in order; the date of the first
        row is the listing date. Empty without a map file: the ticker is then the
        symbol's name.
    """

    symbol: str
    rows: tuple[tuple[date, str], ...] = ()

    @classmethod
    def read(cls, symbol: str, file: Path) -> TickerMap:
        """Read a map file; a symbol without a map file keeps its name."""
        if not file.is_file():
            return cls(symbol)
        found = []
        faults = Faults(file)
        for number, cells in read_lines(file):
            if len(cells) >= 2 and re.fullmatch(r"[^\s/\\.]\S*", cells[1]):
                found.append((_date(faults, number, cells[0]), cells[1].lower()))
            else:
                faults.add(number, "must have a date and a ticker")
        faults.refuse()
        days = [day for day, _ in found]
        if not found or days != sorted(days):
            raise BadInput(f"{file}: rows are needed, with dates in ascending order.")
        return cls(symbol, tuple(found))

    def tickers(self) -> set[str]:
        """Return all tickers of the symbol, in lower case."""
        return {ticker for _, ticker in self.rows} or {self.symbol.lower()}

    def ticker_periods(self) -> list[tuple[str, date, date]]:
        """List each ticker with the first and last date on which the symbol had it."""
        if not self.rows:
            return [(self.symbol.lower(), date.min, date.max)]
        starts = [self.rows[0][0], *(_after(day) for day, _ in self.rows)]
        return [
            (ticker, start, last)
            for (last, ticker), start in zip(self.rows, starts, strict=False)
            if start <= last
        ]


def _after(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)


def _date(faults: Faults, number: int, text: str) -> date:
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        faults.add(number, f"'{text}' is not a date such as 20131007")
        return date.max


def read_factors(symbol: str, file: Path) -> pd.DataFrame:
    """Read the factor file of a symbol.

    LEAN accumulates the factors backwards from the last row.

    Returns
    -------
    DataFrame
        Columns `FACTORS`, rows as in the file. The factors of a row apply to the days
        after the previous row, up to and including the row's own date. Empty if there
        is no such file.

    Raises
    ------
    BadInput
        Lines do not have a date and two positive factors; the message names the file
        and the first such lines.
    """
    if not file.is_file():
        return pd.DataFrame({name: [] for name in FACTORS})
    faults = Faults(file)
    lines = [(n, cells[:3]) for n, cells in read_lines(file)]
    cells = Cells.of(lines, 3, faults)
    days = [_date(faults, n, c) for n, c in zip(cells.numbers, cells.columns[0])]
    values = {
        name: cells.floats(name, column, required=True)
        for name, column in zip(FACTORS[2:4], cells.columns[1:], strict=True)
    }
    for name, column in values.items():
        for n in where(~((column > 0) & np.isfinite(column))):
            cells.fault(n, f"{name} is {column[n]} and must be a positive number")
    faults.refuse()
    columns = {"symbol": symbol, "date": pd.to_datetime(days), **values}
    return pd.DataFrame({**columns, "line": cells.numbers})


def factor_actions(symbol: str, file: Path) -> list[Action]:
    """Derive splits and dividends of a symbol from the changes of its factors.

    The action is on the day after the last day to which the earlier factors apply.
    """
    rows = read_factors(symbol, file).sort_values("date", kind="stable")
    found = []
    for earlier, later in itertools.pairwise(rows.to_dict("records")):
        split = _shares(later["split_factor"] / earlier["split_factor"])
        factor = earlier["price_factor"] / later["price_factor"]
        if split != 1 or factor != 1:
            day = _after(earlier["date"].date())
            origin = f"{file}, line {earlier['line']}"
            found.append(
                Action(
                    symbol,
                    day,
                    split if split != 1 else None,
                    dividend_factor=factor if factor != 1 else None,
                    origin=origin,
                )
            )
    return found


def _shares(ratio: float) -> float:
    """Return new shares per old: the exact ratio behind a rounded one.

    Factors have seven decimals: the ratio of a 7:1 split may be
    0.25 / 0.0357143 = 6.9999944.
    """
    if ratio < 1:
        return 1 / _shares(1 / ratio)
    meant = float(Fraction(ratio).limit_denominator(MOST_OLD_SHARES))
    return meant if abs(meant / ratio - 1) < ROUNDED else ratio
