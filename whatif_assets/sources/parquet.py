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
from whatif_assets.sources.files import ages, attempted, find_files, may_have


class ParquetOptions(Settings):
    """Options of the source `parquet`."""

    path: str = Field(min_length=1, description="One file, a folder or a glob.")


class Parquet:
    """Tidy bars in one or more Parquet files.

    Each has the columns ``symbol`` (string), ``ts`` (timestamp with time zone,
    the start of the bar) and ``open high low close volume`` (numbers), and may
    have ``vwap`` and ``trade_count``; others are ignored. A read takes only the
    row groups that can hold the asked symbols and times.
    """

    Options: ClassVar[type[BaseModel]] = ParquetOptions
    of_trades: ClassVar[bool] = False

    def __init__(self, options: ParquetOptions, base: Path) -> None:
        """Keep the options; no file is touched yet."""
        self._path, self._base = options.path, base

    @property
    def where(self) -> str:
        """What messages call the source."""
        return f"The source 'parquet' ({self._path})"

    def symbols(self) -> list[str]:
        """Every symbol of every file, sorted."""
        found: set[str] = set()
        for file in self._readable():
            column = _table(file, ["symbol"])["symbol"]
            found.update(pc.unique(column.cast(pa.string())).to_pylist())
        return sorted(found - {None})

    def state(self, start: pd.Timestamp, end: pd.Timestamp) -> list[str]:
        """Path, size and time of change of each file with bars in [start, end)."""
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
        """Read the bars whose ts lies in [start, end)."""
        tables = []
        for file, schema in self._readable((start, end)).items():
            try:
                _check_era(file, bar_size.daily)
                tables.append(_read(file, schema, symbols, start, end))
            except BadInput:
                if may_have(file, start, end):
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
        """Age of each file, and its first and last ts if they can be told."""
        return list(zip(ages(self._files), map(_known_span, self._files), strict=True))

    @cached_property
    def _schemas(self) -> dict[Path, pa.Schema | BadInput]:
        """Schema of each file, checked, or what is wrong with it."""
        return {file: attempted(_schema, file) for file in self._files}

    def faults(self) -> dict[Path, BadInput]:
        """What is wrong with each file that cannot be read."""
        schemas = self._schemas.items()
        return {f: error for f, error in schemas if isinstance(error, BadInput)}

    def _readable(
        self, span: tuple[pd.Timestamp, pd.Timestamp] | None = None
    ) -> dict[Path, pa.Schema]:
        """Schemas of the files that can be read.

        Raises
        ------
        BadInput
            One that cannot be read may have bars of the span, or none can.
        """
        readable: dict[Path, pa.Schema] = {}
        broken: dict[Path, BadInput] = {}
        for file, schema in self._schemas.items():
            if isinstance(schema, BadInput):
                broken[file] = schema
            else:
                readable[file] = schema
        for file, error in broken.items():
            if not readable or (span is not None and may_have(file, *span)):
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
# Of each column: which types are accepted, how messages say so, what it becomes.
RULES: dict[str, _Rule] = {
    **dict.fromkeys(BAR_COLUMNS, _NUMBER),
    "symbol": (_is_text, "a string", pa.string()),
    "ts": (_is_instant, "a timestamp with time zone", pa.timestamp("us", "UTC")),
    "vwap": _OPTIONAL,
    "trade_count": _OPTIONAL,
}


def _schema(file: Path) -> pa.Schema:
    """Return the schema of a file of bars, or raise BadInput naming the column."""
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
    """First and last ts of a file of that age, UTC; NaT where it has no row."""
    column = _table(file, ["ts"])["ts"]
    if column.null_count:
        raise BadInput(f"{file}: ts is missing in {column.null_count} row(s).")
    ends = pc.min_max(column.cast(pa.timestamp("us", "UTC"), safe=False)).as_py()
    return pd.Series([ends["min"], ends["max"]]).astype("datetime64[us, UTC]")


def _known_span(file: Path) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """First and last ts of a file; None where it is no such file: reading says so."""
    try:
        first, last = _span(file, file.stat().st_mtime_ns)
    except (BadInput, ValueError, OverflowError):
        return None
    return first, last


def _check_era(file: Path, daily: bool) -> None:
    """Refuse a file with a ts that is missing, or at which no bar can be."""
    ends = _span(file, file.stat().st_mtime_ns)
    odd = ends[outside_era(ends, daily)]
    if len(odd):
        raise BadInput(
            f"{file}: column ts is {odd.iloc[0]} in some row, when no bar can be; is "
            "its unit another?"
        )


def _table(file: Path, columns: list[str], filters: Any = None) -> pa.Table:
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
    """Bars of a file in [start, end), in the types of `RULES`."""
    kind = schema.field("ts").type
    # In the unit of ts, the first that is not before the instant.
    instants = [pa.scalar(at.ceil(kind.unit), kind) for at in (start, end)]
    ts, symbol = pc.field("ts"), pc.field("symbol").cast(pa.string())
    asked = symbol.isin(pa.array(symbols, pa.string()))
    wanted = (ts >= instants[0]) & (ts < instants[1]) & asked
    present = [name for name in BAR_COLUMNS if name in schema.names]
    table = _table(file, present, wanted)
    columns = {
        name: table[name].cast(kind, safe=False)
        if name in present
        else pa.nulls(len(table), kind)
        for name, (_, _, kind) in RULES.items()
    }
    return pa.table(columns)
