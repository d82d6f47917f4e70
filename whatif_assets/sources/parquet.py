"""Source `parquet`: tidy bars in Parquet files."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types
from pydantic import BaseModel, Field

from whatif_assets.domain.bars.bar_size import BarSize
from whatif_assets.domain.bars.schema import (
    BAR_COLUMNS,
    REQUIRED_COLUMNS,
    no_bars,
    outside_era,
)
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.base.settings import Settings
from whatif_assets.sources.files import (
    file_versions,
    find_files,
    may_have_bars,
    try_read,
)


class ParquetOptions(Settings):
    """Options of the source `parquet`."""

    path: str = Field(min_length=1, description="One file, a folder or a glob.")


class Parquet:
    """Tidy bars in one or more Parquet files.

    Each file has the columns ``symbol`` (string), ``ts`` (timestamp with time zone,
    the start of the bar) and ``open high low close volume`` (numbers), and may have
    ``vwap`` and ``trade_count``; other columns are ignored. Only the row groups that
    may contain the requested symbols and times are read.
    """

    Options: ClassVar[type[BaseModel]] = ParquetOptions
    of_trades: ClassVar[bool] = False

    def __init__(self, options: ParquetOptions, base: Path) -> None:
        """Keep the options; no file is opened yet."""
        self._path, self._base = options.path, base

    @property
    def where(self) -> str:
        """Name of the source in messages."""
        return f"The source 'parquet' ({self._path})"

    def symbols(self) -> list[str]:
        """List the symbols of all readable files, sorted."""
        found: set[str] = set()
        for file in self._readable():
            column = _table(file, ["symbol"])["symbol"]
            found.update(pc.unique(column.cast(pa.string())).to_pylist())
        return sorted(found - {None})

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """List path, size and mtime of the files that may have bars in [start, end)."""
        return [
            age
            for age, span in self._spans
            if span is None or (span[0] < end and span[1] >= start)
        ]

    def read(
        self,
        symbols: list[str],
        start: pd.Timestamp,
        end: pd.Timestamp,
        bar_size: BarSize,
    ) -> pd.DataFrame:
        """Read the bars whose ts is in [start, end)."""
        tables = []
        for file, schema in self._readable((start, end)).items():
            try:
                _check_era(file, bar_size.daily)
                tables.append(_read(file, schema, symbols, start, end))
            except BadInput:
                if may_have_bars(file, start, end):
                    raise
        if not tables:
            return no_bars()
        frame: pd.DataFrame = pa.concat_tables(tables).to_pandas()
        return frame

    @cached_property
    def _files(self) -> list[Path]:
        return find_files(self._path, self._base, (".parquet", ".pq"))

    @cached_property
    def _spans(self) -> list[tuple[str, tuple[pd.Timestamp, pd.Timestamp] | None]]:
        """Path, size and mtime of each file, with its first and last ts if readable."""
        return list(
            zip(
                file_versions(self._files, self._base),
                map(_known_span, self._files),
                strict=True,
            )
        )

    @cached_property
    def _schemas(self) -> dict[Path, pa.Schema | BadInput]:
        """Checked schema of each file, or the error of the file."""
        return {file: try_read(_schema, file) for file in self._files}

    def faults(self) -> dict[Path, BadInput]:
        """Return the error of each file that cannot be read."""
        schemas = self._schemas.items()
        return {f: error for f, error in schemas if isinstance(error, BadInput)}

    def _readable(
        self, span: tuple[pd.Timestamp, pd.Timestamp] | None = None
    ) -> dict[Path, pa.Schema]:
        """Return the schemas of the readable files.

        Raises
        ------
        BadInput
            An unreadable file may have bars in the span, or no file is readable.
        """
        readable: dict[Path, pa.Schema] = {}
        broken: dict[Path, BadInput] = {}
        for file, schema in self._schemas.items():
            if isinstance(schema, BadInput):
                broken[file] = schema
            else:
                readable[file] = schema
        for file, error in broken.items():
            if not readable or (span is not None and may_have_bars(file, *span)):
                raise error
        return readable


def _is_text(kind: pa.DataType) -> bool:
    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind))


def _is_instant(kind: pa.DataType) -> bool:
    return bool(types.is_timestamp(kind)) and kind.tz is not None


def _is_number(kind: pa.DataType) -> bool:
    tests = (types.is_integer, types.is_floating, types.is_decimal)
    return any(test(kind) for test in tests)


def _is_number_or_null(kind: pa.DataType) -> bool:
    return _is_number(kind) or bool(types.is_null(kind))


_Rule = tuple[Callable[[pa.DataType], bool], str, pa.DataType]
_NUMBER: _Rule = (_is_number, "a number", pa.float64())
_OPTIONAL: _Rule = (_is_number_or_null, "a number", pa.float64())
# For each column: accepted types, their name in messages, and the type of the result.
RULES: dict[str, _Rule] = {
    **dict.fromkeys(BAR_COLUMNS, _NUMBER),
    "symbol": (_is_text, "a string", pa.string()),
    "ts": (_is_instant, "a timestamp with time zone", pa.timestamp("us", "UTC")),
    "vwap": _OPTIONAL,
    "trade_count": _OPTIONAL,
}


def _schema(file: Path) -> pa.Schema:
    """Return the schema of a file of bars; BadInput names a wrong column."""
    try:
        schema: pa.Schema = pq.read_schema(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{file} cannot be read as Parquet: {error}.") from None
    lacking = [name for name in REQUIRED_COLUMNS if name not in schema.names]
    if lacking:
        raise BadInput(
            f"{file}: column {', '.join(lacking)} is missing; found "
            f"{', '.join(schema.names)}."
        )
    for name, (accepts, needed, _) in RULES.items():
        if name in schema.names and not accepts(schema.field(name).type):
            raise BadInput(
                f"{file}: column {name} is {schema.field(name).type} and must be "
                f"{needed}."
            )
    return schema


@functools.lru_cache(maxsize=4096)
def _span(file: Path, age: int) -> pd.Series[pd.Timestamp]:
    """Return first and last ts of a file in UTC; NaT if the file has no rows.

    The mtime ``age`` is a part of the key of the cache.
    """
    column = _table(file, ["ts"])["ts"]
    if column.null_count:
        raise BadInput(f"{file}: ts is missing in {column.null_count} row(s).")
    ends = pc.min_max(column.cast(pa.timestamp("us", "UTC"), safe=False)).as_py()
    return pd.Series([ends["min"], ends["max"]]).astype("datetime64[us, UTC]")


def _known_span(file: Path) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Return first and last ts of a file; None if unreadable, which `read` reports."""
    try:
        first, last = _span(file, file.stat().st_mtime_ns)
    except (BadInput, ValueError, OverflowError):
        return None
    return first, last


def _check_era(file: Path, daily: bool) -> None:
    """Raise if ts is missing in a row, or is a time when no bar can exist."""
    ends = _span(file, file.stat().st_mtime_ns)
    odd = ends[outside_era(ends, daily)]
    if len(odd):
        raise BadInput(
            f"{file}: column ts is {odd.iloc[0]} in some row, when no bar can exist; "
            "is the unit of ts right?"
        )


def _table(file: Path, columns: list[str], filters: Any = None) -> pa.Table:
    """Read columns of the rows that pass a filter."""
    try:
        return pq.read_table(file, columns=columns, filters=filters, partitioning=None)
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{file} cannot be read as Parquet: {error}.") from None


def _read(
    file: Path,
    schema: pa.Schema,
    symbols: list[str],
    start: pd.Timestamp,
    end: pd.Timestamp,
) -> pa.Table:
    """Read the bars of a file in [start, end), in the types of `RULES`."""
    kind = schema.field("ts").type
    # Rounded up to the unit of ts, so that the comparison is exact.
    instants = [pa.scalar(at.ceil(kind.unit), kind) for at in (start, end)]
    ts, symbol = pc.field("ts"), pc.field("symbol").cast(pa.string())
    chosen = symbol.isin(pa.array(symbols, pa.string()))
    wanted = (ts >= instants[0]) & (ts < instants[1]) & chosen
    present = [name for name in BAR_COLUMNS if name in schema.names]
    table = _table(file, present, wanted)
    columns = {
        name: table[name].cast(kind, safe=False)
        if name in present
        else pa.nulls(len(table), kind)
        for name, (_, _, kind) in RULES.items()
    }
    return pa.table(columns)
