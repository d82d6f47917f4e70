"""Text files in which nothing is unusual, at the speed of Arrow.

A file is read so where Arrow cannot but agree with
`whatif_assets.sources.csv_rows`, which reads line by line. Any other file, and
each one that has a fault, is left to that: it can say what is wrong, and where.
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
OLDEST = pd.Timestamp("1700-01-01", tz="UTC")  # nanoseconds reach little further


class _Unusual(Exception):
    """What Arrow may read in another way."""


def read_plain(
    file: Path, layout: Layout, options: CsvOptions, symbol: str | None, daily: bool
) -> dict[str, Any] | None:
    """Read all rows of a file, if nothing in it is unusual.

    Parameters and result are those of `whatif_assets.sources.csv_rows.parse`,
    except that None is returned where it has to be asked.
    """
    try:
        table = _table(file, layout, options)
        columns = _columns(table, layout, options, daily)
    except (_Unusual, ValueError, pa.ArrowException, OSError, EOFError, zlib.error):
        return None
    whole = {"symbol": symbol, "file": str(file)} if symbol else {"file": str(file)}
    for name, text in whole.items():
        codes = np.zeros(len(columns["line"]), dtype=np.int8)
        columns[name] = category(codes, [text])
    return columns


def _table(file: Path, layout: Layout, options: CsvOptions) -> pa.Table:
    """Read the columns that are needed, each named by its position."""
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
            ignore_empty_lines=False,  # they have numbers: Arrow refuses them
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
    """Type that the cells of the stamps are read as."""
    if options.format in EPOCHS:
        return pa.float64()
    if options.format is not None or layout.stamps[1:]:
        return pa.string()
    (stamp,) = layout.stamps
    cells = content.partition(b"\n")[0].decode("ascii").split(options.delimiter)
    zoned = any(OFFSET.search(cell.strip()) for cell in cells[stamp : stamp + 1])
    return pa.timestamp("us", "UTC" if zoned else None)


def _refuse_unusual(content: bytes, options: CsvOptions) -> None:
    """Refuse what has a meaning of its own to one of the readers."""
    if options.encoding is not None or options.thousands is not None:
        raise _Unusual
    quoted = b'"' in content or b"\0" in content or not content.isascii()
    returns = b"\r" in content and content.count(b"\r") != content.count(b"\r\n")
    # A cell beyond the limit of the module csv covers one of these windows.
    half = csv.field_size_limit() // 2
    windows = range(0, len(content) - half, half)
    long = any(content.find(b"\n", n, n + half) < 0 for n in windows)
    if quoted or returns or long or options.delimiter == " " or not content:
        raise _Unusual


def _columns(
    table: pa.Table, layout: Layout, options: CsvOptions, daily: bool
) -> dict[str, Any]:
    """Columns of the rows that are kept, in their types."""
    line = np.arange(table.num_rows) + 1 + layout.above
    for position, value in layout.kept.items():
        whether = _names(table, position) == value
        table, line = table.filter(pa.array(whether)), line[whether]
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
    """Texts of a column without the spaces around them."""
    coded = table[str(position)].combine_chunks().dictionary_encode()
    names = [name.strip() for name in coded.dictionary.to_pylist()]
    unique = list(dict.fromkeys(names))  # which two may be, but for spaces
    codes = np.array([unique.index(name) for name in names], dtype=np.int64)
    return category(codes[coded.indices.to_numpy()], unique)


def _numbers(table: pa.Table, position: int, required: bool) -> npt.NDArray[np.float64]:
    """Numbers of a column; NaN where nothing is written, if that is allowed."""
    column = table[str(position)]
    values = column.to_numpy()
    missing = column.null_count
    if (missing and required) or np.isfinite(values).sum() != len(values) - missing:
        raise _Unusual
    return values  # type: ignore[no-any-return]


def _instants(
    table: pa.Table, stamps: tuple[int, ...], options: CsvOptions, daily: bool
) -> pd.DatetimeIndex:
    """Stamps of the bars, UTC, as `whatif_assets.sources.csv_rows` has them."""
    counted = options.format in EPOCHS
    parsed = (
        _epochs(table, stamps, options) if counted else _written(table, stamps, options)
    )
    if daily:
        if parsed.tz is not None:
            parsed = parsed.tz_convert(options.timezone).tz_localize(None)
        parsed = parsed.normalize().tz_localize("UTC")
    elif parsed.tz is None:
        parsed = _by_the_clock(parsed.as_unit("us"), options.timezone)
    instants = parsed.tz_convert("UTC").as_unit("us")
    if instants.hasnans or instants.min() < OLDEST:
        raise _Unusual
    dates = daily and not counted
    # Without dates an era has no gap, and the first and the last tell of all.
    told = instants if dates else pd.DatetimeIndex([instants.min(), instants.max()])
    if outside_era(told, dates).any():
        raise _Unusual
    return instants


def _by_the_clock(local: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    """Instants of naive times in a zone, NaT where there is none, or two.

    Many stamps in a row share an hour, and with it an offset, if that is the same at
    the hour's start and end.
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
    """Add what to each local hour, if that is the same at its start and end.

    Files of one market mostly have bars in the same hours.
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
    """Stamps that count units of time."""
    (position,) = stamps  # a ValueError where several are joined
    numbers = _numbers(table, position, required=True)
    return pd.DatetimeIndex(instants_of_epochs(numbers, EPOCHS[options.format]))


def _written(
    table: pa.Table, stamps: tuple[int, ...], options: CsvOptions
) -> pd.DatetimeIndex:
    """Stamps that are written out, with a time zone if they state one."""
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
        except pa.ArrowInvalid:  # or each one states its offset
            texts = texts.cast(pa.timestamp("us", "UTC"))
    parsed = pd.DatetimeIndex(texts.to_numpy())
    return parsed if texts.type.tz is None else parsed.tz_localize("UTC")
