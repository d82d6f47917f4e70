"""Line-by-line reader of bars in a text file, which reports malformed lines."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.schema import PRICES, category, outside_era
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.sources.cells import Cells, Faults, Line, no_rows, read_lines, where
from whatif_assets.sources.csv_format import EPOCHS, CsvOptions

ROWS_AT_A_TIME = 50_000
MICROSECONDS_KNOWN = 9e15  # from the year 1684 to 2255
REQUIRED = (*PRICES, "volume")
OF_A_TRADE = ("close", "volume")  # its price and its size
OPTIONAL = ("symbol", "vwap", "trade_count")
SCALED = (*PRICES, "vwap")
OFFSET = re.compile(r"\d[T ]\d\d.*(Z|[+-]\d\d(:?\d\d)?)$")


@dataclass(frozen=True)
class Layout:
    """Positions of the columns of a file, counted from 0.

    Attributes
    ----------
    columns, stamps
        Positions of the columns by name, and of the timestamp columns.
    kept
        By position, the value that a row must have to be read.
    width
        Number of columns.
    above
        Number of lines above the first row.
    ticker
        Symbol in the header, if the header has one.
    """

    columns: dict[str, int]
    stamps: tuple[int, ...]
    kept: dict[int, str]
    width: int
    above: int = 0
    ticker: str | None = None


def read_layout(file: Path, options: CsvOptions) -> Layout:
    """Find the columns of a file by its header, or by the option ``names``.

    Raises
    ------
    BadInput
        A column is missing or repeated; the message names the file and the column.
    """
    header = _header(file, options)
    found = header.names
    renamed = {str(ours): theirs for ours, theirs in options.columns.items()}
    names_in_file = {name: renamed.get(name, name) for name in (*REQUIRED, *OPTIONAL)}
    present = {name.lower() for name in found}
    needed = OF_A_TRADE if options.ticks else REQUIRED
    columns = {
        name: _position(file, theirs, found)
        for name, theirs in names_in_file.items()
        if name in needed or name in renamed or str(theirs) in present
    }
    names = options.stamps_in(found)
    stamps = tuple(_position(file, name, found) for name in names)
    kept = {_position(file, name, found): value for name, value in options.keep.items()}
    return Layout(columns, stamps, kept, len(found), header.above, header.ticker)


@dataclass(frozen=True)
class _Header:
    """Column names, number of lines above the first row, and the symbol if given."""

    names: list[str]
    above: int
    ticker: str | None = None


def _header(file: Path, options: CsvOptions) -> _Header:
    """Read the header of a file, or take the names of the options."""
    if options.names is not None and not options.header:
        return _Header(list(options.names), options.skip)
    lines = read_lines(file, options.delimiter, options.encoding, options.skip)
    none: Line = (options.skip + 1, [])
    number, first = next(lines, none)
    found = [name.strip() for name in first]
    if options.names is not None:
        return _Header(list(options.names), number)
    if found[:1] == ["Price"]:
        _, second = next(lines, none)
        if second[:1] == ["Ticker"]:
            return _yfinance_header(file, found, second, next(lines, none))
    refuse_repeated(file, found)
    return _Header(found, number)


def _yfinance_header(
    file: Path, prices: list[str], tickers: list[str], third: Line
) -> _Header:
    """Read the header of three lines that yfinance writes since 0.2.51.

    The lines are ``Price,Close,High``, then ``Ticker,AAPL,AAPL``, then ``Date,,``.
    """
    named = sorted({name.strip() for name in tickers[1:]})
    if len(named) != 1:
        raise BadInput(
            f"{file}, line 2: the header names {len(named)} symbols side by side "
            f"({', '.join(named[:5])}). Save each symbol in its own file, such as by "
            "yfinance.download('AAPL').to_csv('AAPL.csv')."
        )
    number, cells = third
    return _Header([*(cells[:1] or ["Date"]), *prices[1:]], number, named[0])


def parse(
    file: Path, layout: Layout, options: CsvOptions, symbol: str | None, daily: bool
) -> dict[str, Any]:
    """Read all rows of a file.

    Parameters
    ----------
    file
        A text file.
    layout
        Columns of the file, see `read_layout`.
    options
        Format of the file.
    symbol
        Symbol of all rows; None if a column has the symbols.
    daily
        Whether the bars are daily, with dates as timestamps.

    Returns
    -------
    dict
        Columns: ``symbol`` (a category, in order of appearance), ``ts`` (the timestamp
        of the file in UTC; for daily bars the date at 00:00), ``line`` and ``file`` (a
        category), and the numbers as float64. An empty optional number is NaN.

    Raises
    ------
    BadInput
        Lines are malformed, or the file has no rows; the message names the file and
        the first malformed lines.
    """
    lines = read_lines(file, options.delimiter, options.encoding, layout.above)
    faults = Faults(file)
    frames = []
    while part := list(itertools.islice(lines, ROWS_AT_A_TIME)):
        frames.append(_Rows(part, layout, options, faults).frame(symbol, daily))
    if not frames:
        raise no_rows(file)
    faults.refuse()
    rows = pd.concat(frames, ignore_index=True)
    names = pd.Categorical(rows["symbol"], categories=rows["symbol"].unique())
    files = category(np.zeros(len(rows), dtype=np.int8), [str(file)])
    own = {"symbol": names, "file": files, "ts": pd.DatetimeIndex(rows["ts"])}
    return {str(name): column.to_numpy() for name, column in rows.items()} | own


class _Rows:
    """Some lines of a file as columns; malformed lines are added to the faults."""

    def __init__(
        self, lines: list[Line], layout: Layout, options: CsvOptions, faults: Faults
    ) -> None:
        for position, value in layout.kept.items():
            lines = [line for line in lines if _has(line, position, value)]
        self._cells = Cells.of(lines, layout.width, faults)
        self._layout, self._options = layout, options

    def frame(self, symbol: str | None, daily: bool) -> pd.DataFrame:
        """Return the columns in their types; NaN and NaT where a line is malformed."""
        stamps = [self._cells.columns[n] for n in self._layout.stamps]
        texts = [" ".join(parts) for parts in zip(*stamps, strict=True)]
        instants = self._dates(texts) if daily else self._instants(texts)
        counted = self._options.format in EPOCHS
        for n in where(outside_era(instants, daily and not counted)):
            self._fault(
                n,
                f"timestamp '{texts[n]}' is read as {instants.iloc[n]:%Y-%m-%d}, when "
                "no bar can exist; is the unit or format right?",
            )
        columns = {
            name: self._floats(name, self._cells.columns[position])
            for name, position in self._layout.columns.items()
            if name != "symbol"
        }
        for name in SCALED:
            if name in columns:
                columns[name] = columns[name] / self._options.price_scale
        names: str | list[str] | None = symbol
        if symbol is None:
            position = self._layout.columns["symbol"]
            names = [name.strip() for name in self._cells.columns[position]]
        index = pd.RangeIndex(len(texts))
        frame = pd.DataFrame({"symbol": names, "ts": instants, **columns}, index=index)
        return frame.astype({"symbol": object}).assign(line=self._cells.numbers)

    def _floats(self, name: str, texts: Sequence[str]) -> FloatArray:
        """Read numbers; an empty text is NaN if the column is optional."""
        if self._options.thousands is not None:
            texts = [without_thousands(text, self._options) for text in texts]
        if self._options.decimal == ",":
            texts = [text.replace(",", ".") for text in texts]
        return self._cells.floats(name, texts, name not in OPTIONAL)

    def _fault(self, n: int, what: str) -> None:
        self._cells.fault(n, what)

    def _dates(self, texts: list[str]) -> pd.Series[pd.Timestamp]:
        """Read dates of daily bars, at 00:00 UTC.

        A timestamp with a UTC offset gets its date in the time zone of the options.
        """
        stamps = self._parsed(texts)
        if stamps.dt.tz is not None:
            stamps = stamps.dt.tz_convert(self._options.timezone).dt.tz_localize(None)
        return stamps.dt.normalize().dt.tz_localize("UTC").dt.as_unit("us")

    def _instants(self, texts: list[str]) -> pd.Series[pd.Timestamp]:
        """Read the timestamps of intraday bars in UTC."""
        stamps = self._parsed(texts)
        if stamps.dt.tz is None:
            stamps = self._cells.localised(stamps, texts, self._options.timezone)
        return stamps.dt.tz_convert("UTC").dt.as_unit("us")

    def _parsed(self, texts: list[str]) -> pd.Series[pd.Timestamp]:
        """Parse the timestamps, with a time zone if the text has one."""
        written = self._options.format
        parsed: pd.Series[pd.Timestamp]
        if written in EPOCHS:
            parsed = instants_of_epochs(
                self._floats("timestamp", texts), EPOCHS[written]
            )
        else:
            zoned = self._zoned(texts) if written is None else "%z" in written.lower()
            parsed = pd.to_datetime(
                pd.Series(texts, dtype=object),
                format=written or "ISO8601",
                utc=zoned,
                errors="coerce",
            )
        for n in where(parsed.isna()):
            self._fault(n, f"timestamp '{texts[n]}' is not {written or 'ISO 8601'}")
        return parsed

    def _zoned(self, texts: list[str]) -> bool:
        """Whether timestamps have a UTC offset; lines without one are faults then."""
        zoned = np.array([OFFSET.search(text) is not None for text in texts], bool)
        for n in where(~zoned) if zoned.any() else []:
            self._fault(n, f"timestamp '{texts[n]}' has no UTC offset, but others do")
        return bool(zoned.any())


def instants_of_epochs(numbers: FloatArray, unit: int) -> pd.Series[pd.Timestamp]:
    """Convert counts from 1970-01-01 UTC to timestamps in UTC.

    Parameters
    ----------
    numbers
        Counts of units; NaN and counts outside the years 1684 to 2255 become NaT.
    unit
        Nanoseconds per unit. The result is rounded to microseconds.
    """
    # A double is exact for microseconds of today, and within 256 for nanoseconds.
    micros = np.round(numbers * (unit / 1000))
    known = np.abs(micros) < MICROSECONDS_KNOWN
    whole = np.where(known, micros, 0).astype("int64").view("datetime64[us]")
    stamps = pd.Series(whole).dt.tz_localize("UTC")
    return stamps.where(pd.Series(known))


def _has(line: Line, position: int, value: str) -> bool:
    """Whether a line has the value at a position; true if the line is too short."""
    cells = line[1]
    return len(cells) <= position or cells[position].strip() == value


def without_thousands(text: str, options: CsvOptions) -> str:
    """Remove thousands separators from a number, if all are in valid places."""
    mark, decimal = options.thousands or "", re.escape(options.decimal)
    marks = "[ \u00a0\u2009\u202f]" if mark == " " else re.escape(mark)
    whole = rf"\s*[-+]?\d{{1,3}}(?:{marks}\d{{3}})+(?:{decimal}\d*)?\s*"
    return re.sub(marks, "", text.strip()) if re.fullmatch(whole, text) else text


def _position(file: Path, name: str | int, found: list[str]) -> int:
    """Find the position of a column: exact name first, then ignoring case."""
    if isinstance(name, int):
        if name > len(found):
            raise BadInput(
                f"{file}: there is no column {name}; the file has {len(found)}: "
                f"{', '.join(found)}."
            )
        return name - 1
    if name in found:
        return found.index(name)
    lower = [other.lower() for other in found]
    if name.lower() in lower:
        return lower.index(name.lower())
    raise BadInput(
        f"{file}: column '{name}' is missing; found {', '.join(found) or 'none'}."
        f"{did_you_mean(name, found)} Write the column's name in this file in the "
        "option columns or timestamp."
    )


def refuse_repeated(file: Path, found: list[str]) -> None:
    """Raise BadInput if a header has the same column name twice."""
    twice = [name for n, name in enumerate(found) if name and name in found[:n]]
    if twice:
        raise BadInput(
            f"{file}, line 1: the column '{twice[0]}' appears twice. Give each column "
            "a unique name."
        )
