"""Declarations of tables: columns with types.

The types in Parquet, pandas and DuckDB all come from one declaration. No type is
inferred from the data, so that an empty column has the same type as a full one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from whatif_assets.domain.base.errors import BadInput


@dataclass(frozen=True)
class Kind:
    """A type of values, with its names in Arrow and in DuckDB."""

    arrow: pa.DataType
    duckdb: str


TEXT = Kind(pa.string(), "VARCHAR")
JSON = Kind(pa.string(), "JSON")
NUMBER = Kind(pa.float64(), "DOUBLE")
WHOLE = Kind(pa.int64(), "BIGINT")
SMALL = Kind(pa.int32(), "INTEGER")
FLAG = Kind(pa.bool_(), "BOOLEAN")
STAMP = Kind(pa.timestamp("us", tz="UTC"), "TIMESTAMPTZ")
DAY = Kind(pa.timestamp("us"), "TIMESTAMP")
DATE = Kind(pa.date32(), "DATE")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name, kind
        Name of the column, and the type of its values.
    about
        Description of the values, in a phrase.
    optional
        Whether a writer may leave the column out; it is then written as nulls.
    """

    name: str
    kind: Kind
    about: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Table:
    """The declaration of a table.

    Attributes
    ----------
    name
        Name of the table in the lake or in the database.
    about
        Description of one row.
    parts
        Columns in order. A part may also be a function that returns several columns,
        such as one column per metric; it is called when the columns are first read.
    axis
        Dimension by which the lake partitions the table; None for a table that is
        stored in one file.
    others
        Type of further columns whose names depend on the data (features, sessions);
        None if the table cannot have further columns.
    beside
        Names of tables whose partitions are written together with this table and are
        covered by its manifest.
    """

    name: str
    about: str
    parts: tuple[Column | Callable[[], Iterable[Column]], ...]
    axis: str | None = None
    others: Kind | None = None
    beside: tuple[str, ...] = ()

    @functools.cached_property
    def columns(self) -> tuple[Column, ...]:
        """All declared columns, in order."""
        found: list[Column] = []
        for part in self.parts:
            found.extend([part] if isinstance(part, Column) else part())
        return tuple(found)

    @functools.cached_property
    def kinds(self) -> dict[str, Kind]:
        """Types of the declared columns by name, in order."""
        return {column.name: column.kind for column in self.columns}

    def schema(self, others: Iterable[str] = ()) -> pa.Schema:
        """Return the Arrow schema: the declared columns, then the further ones."""
        further = dict.fromkeys(others, self.others or NUMBER)
        kinds = {**self.kinds, **further}
        return pa.schema([(name, kind.arrow) for name, kind in kinds.items()])

    def empty(self) -> pd.DataFrame:
        """Return a frame without rows that has the declared columns and types."""
        frame: pd.DataFrame = self.schema().empty_table().to_pandas()
        return frame

    def stacked(self, frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
        """Stack frames of the table; frames without rows do not affect the types."""
        full = [frame for frame in frames if len(frame)]
        return pd.concat(full, ignore_index=True) if full else self.empty()

    def arrow(self, frame: pd.DataFrame) -> pa.Table:
        """Convert a frame to an Arrow table with the declared columns, for writing.

        Parameters
        ----------
        frame
            Columns in any order. NaN, NaT and None become null; categories become
            their texts.

        Raises
        ------
        BadInput
            A column is missing or not declared, or has values that cannot be
            converted to its declared type.
        """
        names = [str(name) for name in frame.columns]
        declared = self.kinds
        further = [name for name in names if name not in declared]
        missing = [c.name for c in self.columns if c.name not in names]
        missing = [name for name in missing if name not in self._optional]
        if missing or (further and self.others is None):
            raise BadInput(self._wrong_columns(missing, further))
        kinds = {**declared, **dict.fromkeys(further, self.others or NUMBER)}
        columns = dict(zip(names, (values for _, values in frame.items())))
        nulls = pd.Series([None] * len(frame), dtype=object)
        return pa.table(
            {
                name: self._cast(name, columns.get(name, nulls), kind)
                for name, kind in kinds.items()
            }
        )

    @functools.cached_property
    def _optional(self) -> frozenset[str]:
        return frozenset(c.name for c in self.columns if c.optional)

    def _wrong_columns(self, missing: Sequence[str], further: Sequence[str]) -> str:
        parts = [f"lacks {', '.join(missing)}"] * bool(missing)
        parts += [f"has {', '.join(further)}"] * bool(further and not self.others)
        return (
            f"Table {self.name}: the data to be written {' and '.join(parts)}; the "
            f"declared columns of the table are {', '.join(self.kinds)}."
        )

    def _cast(self, name: str, values: pd.Series, kind: Kind) -> pa.Array:
        """Convert the values of a column; no copy if they have the type already."""
        if kind is NUMBER and values.dtype == np.float64:
            numbers = values.to_numpy()
            if not np.isnan(numbers).any():
                return pa.array(numbers)
        try:
            found = pa.array(values, from_pandas=True)
            if pa.types.is_dictionary(found.type):
                found = found.cast(found.type.value_type)
            if found.type == kind.arrow:
                return found
            if kind.arrow == pa.string() and not _is_text(found.type):
                raise pa.ArrowInvalid(f"found {found.type} instead of texts")
            return found.cast(kind.arrow)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise BadInput(
                f"Table {self.name}, column {name}: found values of type "
                f"{values.dtype} that cannot be written as {kind.arrow} ({error})."
            ) from None

    def conformed(
        self, found: pa.Table, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Convert the content of a file to the declared columns.

        The file may come from an earlier version. A column that the file lacks is
        filled with nulls, a column that is no longer declared is left out, and
        values of another type are cast.

        Parameters
        ----------
        found
            Content of the file.
        columns
            Names of the columns to return; None for all.

        Raises
        ------
        BadInput
            The file lacks a requested column that is not declared, such as a feature.
        pyarrow.ArrowInvalid
            Values cannot be cast to the declared type.
        """
        names, declared = found.schema.names, self.kinds
        further = [name for name in names if name not in declared and self.others]
        wanted = [*declared, *further] if columns is None else list(columns)
        lacking = [name for name in wanted if name not in (*declared, *names)]
        if lacking:
            raise BadInput(f"Table {self.name}: lacks the column {', '.join(lacking)}.")
        converted = {}
        for name in wanted:
            kind = declared.get(name, self.others or NUMBER).arrow
            if name not in names:
                converted[name] = pa.nulls(found.num_rows, kind)
            else:
                values = found.column(name)
                converted[name] = values if values.type == kind else values.cast(kind)
        return pa.table(converted)


def _is_text(kind: pa.DataType) -> bool:
    return kind in (pa.null(), pa.string(), pa.large_string())
