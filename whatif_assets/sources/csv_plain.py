"""Fast reader of plain text files, with Arrow.

Arrow reads a file only if the result is certain to equal that of
`whatif_assets.sources.csv_rows`, which reads line by line. The line reader reads all
other files and all files with errors, because it can report the line of an error.
"""

from __future__ import annotations

import csv
import functools
import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from whatif_assets.domain.bars.schema import category, outside_era
from whatif_assets.sources.csv_format import EPOCHS, CsvOptions
from whatif_assets.sources.csv_rows import (
    OFFSET,
    REQUIRED,
    SCALED,
    Layout,
    instants_of_epochs,
)

HOUR = 3_600_000_000  # microseconds
OLDEST = pd.Timestamp("1700-01-01", tz="UTC")  # 64-bit nanoseconds begin in 1677


class _Unusual(Exception):
    """A file that Arrow may read differently than the line reader."""


def read_plain(
    file: Path, layout: Layout, options: CsvOptions, symbol: str | None, daily: bool
) -> dict[str, Any] | None:
    """Read all rows of a file, if the file is plain.

    Parameters and result are those of `whatif_assets.sources.csv_rows.parse`. None
    means that the file must be read with that function instead.
    """
    try:
        table = _table(file, layout, options)
        columns = _columns(table, layout, options, daily)
    except (_Unusual, ValueError, pa.ArrowException, OSError, EOFError, zlib.error):
        return None
    constants = {"file": str(file)}
    if symbol:
        constants = {"symbol": symbol, **constants}
    for name, text in constants.items():
        codes = np.zeros(len(columns["line"]), dtype=np.int8)
        columns[name] = category(codes, [text])
    return columns


def _table(file: Path, layout: Layout, options: CsvOptions) -> pa.Table:
    """Read the needed columns; the name of each is its position."""
    content = file.read_bytes()
    if file.suffix == ".gz":
        content = gzip.decompress(content)
    for _ in range(layout.above):
        content = content.partition(b"\n")[2]
    _refuse_unusual(content, options)
    types = {n: pa.float64() for name, n in layout.columns.items() if name != "symbol"}
    stamp = _stamp_type(content, layout, options)
    texts = [
        *layout.kept,
        *(n for n in (layout.columns.get("symbol"),) if n is not None),
    ]
    others = {
        **dict.fromkeys(texts, pa.string()),
        **dict.fromkeys(layout.stamps, stamp),
    }
    if types.keys() & others.keys():
        raise _Unusual
    types |= others
    table: pa.Table = pyarrow.csv.read_csv(
        pa.BufferReader(content),
        pyarrow.csv.ReadOptions(
            use_threads=False,
            column_names=[str(n) for n in range(layout.width)],
        ),
        pyarrow.csv.ParseOptions(
            delimiter=options.delimiter,
            quote_char=False,
            ignore_empty_lines=False,  # Arrow then refuses them: lines are counted
        ),
        pyarrow.csv.ConvertOptions(
            include_columns=[str(n) for n in types],
            column_types={str(n): kind for n, kind in types.items()},
            null_values=[""],
            decimal_point=options.decimal,
        ),
    )
    return table


def _stamp_type(content: bytes, layout: Layout, options: CsvOptions) -> pa.DataType:
    """Choose the Arrow type in which the timestamps are read."""
    if options.format in EPOCHS:
        return pa.float64()
    if options.format is not None or layout.stamps[1:]:
        return pa.string()
    (stamp,) = layout.stamps
    cells = content.partition(b"\n")[0].decode("ascii").split(options.delimiter)
    zoned = any(OFFSET.search(cell.strip()) for cell in cells[stamp : stamp + 1])
    return pa.timestamp("us", "UTC" if zoned else None)


def _refuse_unusual(content: bytes, options: CsvOptions) -> None:
    """Raise if the two readers may read the content differently."""
    if options.encoding is not None or options.thousands is not None:
        raise _Unusual
    quoted = b'"' in content or b"\0" in content or not content.isascii()
    returns = b"\r" in content and content.count(b"\r") != content.count(b"\r\n")
    # A cell longer than the limit of the module csv would cover one of these windows.
    half = csv.field_size_limit() // 2
    windows = range(0, len(content) - half, half)
    long = any(content.find(b"\n", n, n + half) < 0 for n in windows)
    if quoted or returns or long or options.delimiter == " " or not content:
        raise _Unusual


def _columns(
    table: pa.Table, layout: Layout, options: CsvOptions, daily: bool
) -> dict[str, Any]:
    """Return the columns of the kept rows in their final types."""
    line = np.arange(table.num_rows) + 1 + layout.above
    for position, value in layout.kept.items():
        kept = _names(table, position) == value
        table, line = table.filter(pa.array(kept)), line[kept]
    if not len(line):
        raise _Unusual
    columns: dict[str, Any] = {}
    if "symbol" in layout.columns:
        columns["symbol"] = _names(table, layout.columns["symbol"])
    columns["ts"] = _instants(table, layout.stamps, options, daily)
    for name, position in layout.columns.items():
        if name != "symbol":
            numbers = _numbers(table, position, name in REQUIRED)
            scaled = name in SCALED and options.price_scale != 1
            columns[name] = numbers / options.price_scale if scaled else numbers
    return {**columns, "line": line}


def _names(table: pa.Table, position: int) -> pd.Categorical[Any]:
    """Return the texts of a column without leading and trailing spaces."""
    coded = table[str(position)].combine_chunks().dictionary_encode()
    names = [name.strip() for name in coded.dictionary.to_pylist()]
    unique = list(dict.fromkeys(names))  # two may differ only in spaces
    codes = np.array([unique.index(name) for name in names], dtype=np.int64)
    return category(codes[coded.indices.to_numpy()], unique)


def _numbers(table: pa.Table, position: int, required: bool) -> npt.NDArray[np.float64]:
    """Return the numbers of a column; an empty cell is NaN if not required."""
    column = table[str(position)]
    values = column.to_numpy()
    missing = column.null_count
    if (missing and required) or np.isfinite(values).sum() != len(values) - missing:
        raise _Unusual
    return values  # type: ignore[no-any-return]


def _instants(
    table: pa.Table, stamps: tuple[int, ...], options: CsvOptions, daily: bool
) -> pd.DatetimeIndex:
    """Return the timestamps in UTC, equal to those of the line reader."""
    counted = options.format in EPOCHS
    parsed = (
        _epochs(table, stamps, options) if counted else _written(table, stamps, options)
    )
    if daily:
        if parsed.tz is not None:
            parsed = parsed.tz_convert(options.timezone).tz_localize(None)
        parsed = parsed.normalize().tz_localize("UTC")
    elif parsed.tz is None:
        parsed = _localised(parsed.as_unit("us"), options.timezone)
    instants = parsed.tz_convert("UTC").as_unit("us")
    if instants.hasnans or instants.min() < OLDEST:
        raise _Unusual
    dates = daily and not counted
    # Except for dates, valid times have no gap: the first and last decide for all.
    checked = instants if dates else pd.DatetimeIndex([instants.min(), instants.max()])
    if outside_era(checked, dates).any():
        raise _Unusual
    return instants


def _localised(local: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    """Attach a time zone to naive times; NaT if the time occurs never or twice.

    Timestamps within one hour share their UTC offset, if the offset is the same at
    the start and end of the hour. So the offset is looked up once per hour.
    """
    hours = local.asi8 // HOUR
    first = np.flatnonzero(np.diff(hours, prepend=hours[0] - 1))
    offsets = _offsets(hours[first].tobytes(), zone)
    if offsets is None:
        return local.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    of_each = np.repeat(offsets, np.diff(first, append=len(hours)))
    return _times(local.asi8 + of_each).tz_localize("UTC")


@functools.lru_cache(maxsize=8)
def _offsets(hours: bytes, zone: str) -> npt.NDArray[np.int64] | None:
    """Return the microseconds from each local hour to UTC; None if clocks change.

    The result is cached: files of one market mostly have bars in the same hours.
    """
    starts = np.frombuffer(hours, dtype=np.int64) * HOUR
    offsets = []
    for end in (0, HOUR - 1):
        clock = _times(starts + end)
        found = clock.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        if found.hasnans:
            return None
        offsets.append(found.asi8 - clock.asi8)
    return offsets[0] if (offsets[0] == offsets[1]).all() else None


def _times(micros: npt.NDArray[np.int64]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(micros.view("datetime64[us]"))


def _epochs(
    table: pa.Table, stamps: tuple[int, ...], options: CsvOptions
) -> pd.DatetimeIndex:
    """Read timestamps that count units of time from 1970."""
    (position,) = stamps  # ValueError if several columns are joined
    numbers = _numbers(table, position, required=True)
    return pd.DatetimeIndex(instants_of_epochs(numbers, EPOCHS[options.format]))


def _written(
    table: pa.Table, stamps: tuple[int, ...], options: CsvOptions
) -> pd.DatetimeIndex:
    """Read timestamps that are text, with a time zone if the text has one."""
    texts = table[str(stamps[0])]
    if stamps[1:]:
        texts = pc.binary_join_element_wise(*(table[str(n)] for n in stamps), " ")
    if options.format is not None:
        zoned = "%z" in options.format.lower()
        parsed = pd.to_datetime(texts.to_pandas(), format=options.format, utc=zoned)
        return pd.DatetimeIndex(parsed)
    if stamps[1:]:
        try:
            texts = texts.cast(pa.timestamp("us"))
        except pa.ArrowInvalid:  # the text may have UTC offsets
            texts = texts.cast(pa.timestamp("us", "UTC"))
    parsed = pd.DatetimeIndex(texts.to_numpy())
    return parsed if texts.type.tz is None else parsed.tz_localize("UTC")
