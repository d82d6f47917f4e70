"""What a table is made of: columns with declared types, the same everywhere.

From one declaration come the types in Parquet, in pandas and in DuckDB. Nothing is
inferred from the data, so that a column that happens to be empty is no other column.
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
    """A type of values, by its name in Arrow and in DuckDB."""

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
        Its name, and the type of its values.
    about
        What it holds, in a phrase.
    optional
        Whether it is written as nulls where a writer does not have it.
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
        What it is called in the lake or in the database.
    about
        What a row of it is.
    parts
        Its columns in order. A function gives several, once they are asked for:
        such as the metrics that there are.
    axis
        What the lake divides it by; None for a table in one file.
    others
        Type of further columns, whose names are data (features, sessions); None
        where there are no further columns.
    beside
        Tables whose partitions are written with it, which its manifest speaks for.
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
        """Types in Arrow, with those of further columns."""
        further = dict.fromkeys(others, self.others or NUMBER)
        kinds = {**self.kinds, **further}
        return pa.schema([(name, kind.arrow) for name, kind in kinds.items()])

    def empty(self) -> pd.DataFrame:
        """No row, and each declared column in its type."""
        frame: pd.DataFrame = self.schema().empty_table().to_pandas()
        return frame

    def stacked(self, frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
        """Stack frames of the table; those without a row have no say in the types."""
        full = [frame for frame in frames if len(frame)]
        return pd.concat(full, ignore_index=True) if full else self.empty()

    def arrow(self, frame: pd.DataFrame) -> pa.Table:
        """Bring a frame to the declared columns, for writing.

        Parameters
        ----------
        frame
            Its columns in any order. NaN, NaT and None become null, categories the
            texts that they stand for.

        Raises
        ------
        BadInput
            A column is missing or not declared, or holds what its type can't.
        """
        names = [str(name) for name in frame.columns]
        declared = self.kinds
        further = [name for name in names if name not in declared]
        missing = [c.name for c in self.columns if c.name not in names]
        missing = [name for name in missing if name not in self._optional]
        if missing or (further and self.others is None):
            raise BadInput(self._wrong_columns(missing, further))
        kinds = {**declared, **dict.fromkeys(further, self.others or NUMBER)}
        held = dict(zip(names, (own for _, own in frame.items())))
        nothing = pd.Series([None] * len(frame), dtype=object)
        return pa.table(
            {
                name: self._cast(name, held.get(name, nothing), kind)
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
            f"Table {self.name}: what was to be written {' and '.join(parts)}; its "
            f"declared columns are {', '.join(self.kinds)}."
        )

    def _cast(self, name: str, values: pd.Series, kind: Kind) -> pa.Array:
        """Bring the values of a column to a type; no copy where they have it."""
        if kind is NUMBER and values.dtype == np.float64:
            own = values.to_numpy()
            if not np.isnan(own).any():
                return pa.array(own)
        try:
            found = pa.array(values, from_pandas=True)
            if pa.types.is_dictionary(found.type):
                found = found.cast(found.type.value_type)
            if found.type == kind.arrow:
                return found
            if kind.arrow == pa.string() and not _is_text(found.type):
                raise pa.ArrowInvalid(f"found {found.type}, and not texts")
            return found.cast(kind.arrow)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise BadInput(
                f"Table {self.name}, column {name}: found values of {values.dtype} "
                f"that can't be written as {kind.arrow} ({error})."
            ) from None

    def conformed(
        self, found: pa.Table, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Bring what a file holds to the declared columns.

        A file of an earlier version may lack a column, which is null then, have one
        that is no longer declared, which is left out, or have another type.

        Parameters
        ----------
        found
            As read from the file.
        columns
            Those that are wanted; all where left out.

        Raises
        ------
        BadInput
            A column that the data names, such as a feature, is not there.
        pyarrow.ArrowInvalid
            Values can't be brought to the declared type.
        """
        names, declared = found.schema.names, self.kinds
        further = [name for name in names if name not in declared and self.others]
        wanted = [*declared, *further] if columns is None else list(columns)
        lacking = [name for name in wanted if name not in (*declared, *names)]
        if lacking:
            raise BadInput(f"Table {self.name}: lacks the column {', '.join(lacking)}.")
        read = {}
        for name in wanted:
            kind = declared.get(name, self.others or NUMBER).arrow
            if name not in names:
                read[name] = pa.nulls(found.num_rows, kind)
            else:
                own = found.column(name)
                read[name] = own if own.type == kind else own.cast(kind)
        return pa.table(read)


def _is_text(kind: pa.DataType) -> bool:
    return kind in (pa.null(), pa.string(), pa.large_string())
